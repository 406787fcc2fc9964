"""Figures and arrays to files: the format by the suffix, the same bytes every time, all of a file or none of it."""

import contextlib
import io
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise OSError, saying why, if a file cannot be written at `path`: to be asked before long work.

    Raises:
        FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError: each names the path and the remedy.
    """
    target = Path(path)
    folder = target.resolve().parent
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {target}: it is a folder; give a file name in it")
    if not folder.exists():
        raise FileNotFoundError(f"cannot write {target}: there is no folder {folder}; create it first")
    if not folder.is_dir():
        raise NotADirectoryError(f"cannot write {target}: {folder} is a file, not a folder")
    probe = _beside(target)
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise _explained(error, target) from error
    probe.unlink()


def write_bytes_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` whole, or leave what was there as it was.

    The bytes go to a new file in the same folder, are flushed to the disk, and take the name in one step.

    Raises:
        OSError: the folder is missing or read-only, or the disk is full; names the path.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {target}: it is a folder; give a file name in it")
    final = target.resolve()  # through a link, so that the link stays one
    partial = _beside(final)
    try:
        handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if final.exists():
            partial.chmod(final.stat().st_mode & 0o777)
        partial.replace(final)
    except OSError as error:
        raise _explained(error, target) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


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


def _beside(target: Path) -> Path:
    return target.resolve().parent / f".kerasrnn-{secrets.token_hex(8)}.part"


def _explained(error: OSError, target: Path) -> OSError:
    return type(error)(f"cannot write {target}: {error.strerror or error}")
