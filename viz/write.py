"""Figures and arrays to files: the format by the suffix, the same bytes every time, all of a file or none of it."""

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasrnn._files import check_writable, write_bytes_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "check_writable", "figure_format", "write_bytes_atomically", "write_figure"]

FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
_OUTLINED = re.compile(
    r"(?P<before>\n *)<!-- (?P<text>[^\n]*) -->\n *"
    r'(?P<outlines><g(?: style="[^"]*")? transform="(?P<place>[^"]*?)scale\((?P<scale>[\d.e-]+) [^"]*">)'
)
_MOST_PIXELS = 2e8  # 800 MB while it is drawn
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": "kerasrnn"},
    "pdf": {"CreationDate": None, "Creator": "kerasrnn"},
}


def figure_format(path: str | os.PathLike[str]) -> str:
    """Return `png`, `svg` or `pdf` from the suffix of `path`; ValueError for another suffix."""
    suffix = Path(path).suffix
    if suffix.lower() not in FORMATS:
        raise ValueError(f"path: expected a file name ending in .png, .svg or .pdf, received {os.fspath(path)!r}")
    return FORMATS[suffix.lower()]


def write_figure(figure: "Figure", path: str | os.PathLike[str], *, dpi: float = 160) -> None:
    """Write `figure` to `path` as PNG, SVG or PDF, by suffix; the same figure gives the same bytes.

    Text in an SVG or PDF can be searched.

    Args:
        figure: a `matplotlib.figure.Figure`.
        path: where to; a file there is replaced only once the new one is complete.
        dpi: pixels an inch, of a PNG and of the images inside an SVG or PDF.

    Raises:
        ValueError: another suffix than the three, or a PNG of more than 200 million pixels.
        OSError: the file cannot be written.
    """
    import warnings

    import matplotlib

    from kerasrnn.viz.figures.style import RC

    kind = figure_format(path)
    wide, high = (float(side) * dpi for side in figure.get_size_inches())
    if kind == "png" and wide * high > _MOST_PIXELS:
        raise ValueError(
            f"dpi: {wide:.0f}x{high:.0f} pixels are more than the {_MOST_PIXELS / 1e6:.0f} million that a PNG may have "
            f"here; choose less than {dpi:g} pixels an inch, a smaller size, or a vector format"
        )
    buffer = io.BytesIO()
    with matplotlib.rc_context({**RC, "svg.hashsalt": "kerasrnn", "pdf.fonttype": 42}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the caller's own texts
        options: dict[str, Any] = (
            {"pil_kwargs": {"compress_level": 4}} if kind == "png" else {}
        )  # Pillow's 6 takes twice as long for 1 %
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_METADATA[kind], **options)
    data = buffer.getvalue()
    write_bytes_atomically(path, _searchable(data) if kind == "svg" else data)


def _searchable(svg: bytes) -> bytes:
    """Put the text itself, unseen, under every text that Matplotlib has drawn as outlines.

    Outlines look alike wherever the file is opened, fonts or not; but nobody can search, copy or hear them.
    """
    return _OUTLINED.sub(_with_text, svg.decode("utf-8")).encode("utf-8")


def _with_text(found: re.Match[str]) -> str:
    text = found["text"].replace("- -", "--")  # as comments cannot hold it
    size = f"{100 * float(found['scale']):.6g}"  # outlines are drawn at 100 units
    style = f'transform="{found["place"].strip()}" font-size="{size}" font-family="sans-serif" fill-opacity="0"'
    return f'{found["before"]}<text {style} xml:space="preserve">{text}</text>{found["before"]}{found["outlines"]}'
