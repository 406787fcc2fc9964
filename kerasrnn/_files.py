"""Files that are written whole or stay as they were, and texts of users: for all of the package."""

import contextlib
import os
import secrets
from pathlib import Path


def read_text(path: Path, wanted: str) -> str:
    """The text of a file of the user's.

    Raises:
        ValueError: a file that cannot be read, with the advice to give what is `wanted`, or that is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.start}): convert it first.") from error
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}. Give {wanted}.") from error


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


def _beside(target: Path) -> Path:
    return target.resolve().parent / f".kerasrnn-{secrets.token_hex(8)}.part"


def _explained(error: OSError, target: Path) -> OSError:
    return type(error)(f"cannot write {target}: {error.strerror or error}")
