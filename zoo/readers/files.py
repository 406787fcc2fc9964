"""Files of text, gzip or not: lines with their numbers, and which file of a folder is which part."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

GZIP = b"\x1f\x8b"


def read_bytes(path: Path) -> bytes:
    """All of a file, unpacked if it is gzip.

    Raises:
        ValueError: the file cannot be read, or its gzip data is damaged.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == GZIP else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged gzip data ({error}): fetch it again.") from error
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}.") from error


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file as they stream from the disk, without their ends, with their numbers from 1.

    Raises:
        ValueError: the file cannot be read, its gzip data is damaged, or a line is not UTF-8.
    """
    number = 0
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == GZIP
            with gzip.open(raw) if packed else raw as file:
                for number, line in enumerate(file, start=1):
                    text = line.decode("utf-8")
                    if number == 1:
                        text = text.removeprefix("\ufeff")
                    yield number, text.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}:{number} is not UTF-8 text (byte {error.start}): convert the file first.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged gzip data after line {number} ({error}): fetch it again.") from error
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}.") from error


def suffix(path: Path) -> str:
    """The suffix that tells the format, before `.gz`, in lower case: `.tsv` of `train.tsv.gz`."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def part(folder: Path, part: str, patterns: Sequence[str]) -> Path:
    """The file of a folder that holds a part of the data: the first pattern that one file fits.

    Args:
        folder: where to look, itself only.
        part: `train`, `valid` or `test`; `valid` is also called `dev`.
        patterns: file names with `{part}` and wildcards, the best first; `.gz` may follow.

    Raises:
        ValueError: no file fits, or several fit one pattern.
    """
    found = _fitting(folder, part, patterns)
    if len(found) > 1:
        raise ValueError(f"{folder} holds several files for '{part}' ({found[0].name}, {found[1].name}): name one.")
    if found:
        return found[0]
    shown = ", ".join(pattern.replace("{part}", part) for pattern in patterns)
    raise ValueError(f"{folder} holds no file for '{part}': expected {shown}, or the same with .gz.")


def holds(folder: Path, part: str, patterns: Sequence[str]) -> bool:
    """Whether any file of a folder fits; see `part`."""
    return bool(_fitting(folder, part, patterns))


def _fitting(folder: Path, part: str, patterns: Sequence[str]) -> list[Path]:
    """The files that fit the first pattern which any file fits."""
    names = {"valid": ("valid", "dev", "val")}.get(part, (part,))
    for pattern in patterns:
        for name in names:
            filled = pattern.replace("{part}", name)
            if found := sorted({*folder.glob(filled), *folder.glob(f"{filled}.gz")}):
                return found
    return []
