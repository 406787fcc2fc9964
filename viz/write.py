"""Figures and arrays to files: the format by the suffix, the same bytes every time, all of a file or none of it."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasrnn._files import check_writable, write_bytes_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "check_writable", "figure_format", "write_bytes_atomically", "write_figure"]

FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
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

    Args:
        figure: a `matplotlib.figure.Figure`.
        path: where to; a file there is replaced only once the new one is complete.
        dpi: pixels an inch, of a PNG and of the images inside an SVG or PDF.

    Raises:
        ValueError: another suffix than the three.
        OSError: the file cannot be written.
    """
    import warnings

    import matplotlib

    from kerasrnn.viz.figures.style import RC

    kind = figure_format(path)
    buffer = io.BytesIO()
    with matplotlib.rc_context({**RC, "svg.hashsalt": "kerasrnn", "pdf.fonttype": 42}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the caller's own texts
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_METADATA[kind])
    write_bytes_atomically(path, buffer.getvalue())
