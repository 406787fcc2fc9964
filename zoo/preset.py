"""A preset on disk: a folder with `card.json` and the arrays it names. Read without Keras, never executed.

Everything is checked before a model is touched: the card's fields, the checksums of vocabulary and weights, and the
name, shape, type and finiteness of each array.
"""

import difflib
import hashlib
import io
import json
import math
import struct
import tokenize
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasrnn._files import write_bytes_atomically

SHIPPED = Path(__file__).parent / "presets"
CARD, WEIGHTS = "card.json", "weights.npz"
FIELDS: dict[str, Any] = {  # a type; a dict of fields, "*" for each of them; a list of one kind
    "name": str,
    "title": str,
    "task": str,
    "builder": str,
    "arguments": dict,
    "vocabulary": dict,
    "vocabulary_sha256": str,
    "weights": {"sha256": str, "bytes": int, "parameters": int, "shapes": {"*": [int]}},
    "example": str,
}
OPTIONAL: dict[str, Any] = {
    "training": {"command": str},
    "score": {"metric": str, "value": float, "on": str},
    "metrics": {
        "*": {"metric": str, "rows": [{"of": str, "value": float, "interval": [float], "examples": int}]},
    },
}
_DAMAGE = (  # all that zipfile and NumPy raise on bytes that are no arrays
    *(zipfile.BadZipFile, ValueError, EOFError, KeyError, RuntimeError, OSError, SyntaxError),
    *(struct.error, tokenize.TokenError),
)
_NPY_VERSIONS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class PresetError(ValueError):
    """A preset that is unknown, incomplete or damaged."""


@dataclass(frozen=True)
class Preset:
    """A preset's folder and its validated card."""

    folder: Path
    card: dict[str, Any]

    @property
    def name(self) -> str:
        return self.card["name"]

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array as float32, by the path of its variable.

        Raises:
            PresetError: a missing or damaged file, or an array that is not what the card says.
        """
        path = self.folder / WEIGHTS
        try:
            data = path.read_bytes()
        except OSError as error:
            raise PresetError(f"cannot read {path}: {error.strerror}. Copy the whole preset folder again.") from error
        expected = self.card["weights"]
        digest = hashlib.sha256(data).hexdigest()
        if digest != expected["sha256"]:
            raise PresetError(
                f"{path} is damaged: its SHA-256 is {digest[:12]}… and the card says {expected['sha256'][:12]}…. "
                "Reinstall kerasrnn, or copy the whole preset folder again."
            )
        return _read_arrays(path, data, expected["shapes"])


def names() -> list[str]:
    """The presets that ship with this package."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CARD}"))


def find(name_or_folder: str | Path) -> Preset:
    """A shipped preset by name, or one in a folder.

    Raises:
        PresetError: nothing of that name (the nearest is suggested), or an invalid card.
    """
    folder = Path(name_or_folder)
    if str(name_or_folder) in names():
        folder = SHIPPED / str(name_or_folder)
    elif not _has_card(folder):
        known = names()
        near = difflib.get_close_matches(str(name_or_folder), known, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known presets: {', '.join(known)}."
        raise PresetError(f"no preset {str(name_or_folder)[:200]!r}, and no folder with a {CARD} there. {hint}")
    return Preset(folder, _read_card(folder / CARD))


def write(folder: Path, card: dict[str, Any], arrays: dict[str, np.ndarray]) -> Preset:
    """Write a preset; checksums and shapes are filled in. The card comes last, so an unfinished preset has none.

    Raises:
        PresetError: an array that is not finite, which no reader would accept.
    """
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise PresetError(f"array {name} holds values that are not finite as {array.dtype}: nothing was written.")
    buffer = io.BytesIO()
    np.savez(buffer, **dict[str, Any](arrays))
    data = buffer.getvalue()
    card = card | {
        "vocabulary_sha256": _vocabulary_digest(card["vocabulary"]),
        "weights": {
            "file": WEIGHTS,
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "parameters": int(sum(array.size for array in arrays.values())),
            "shapes": {name: list(array.shape) for name, array in arrays.items()},
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes_atomically(folder / WEIGHTS, data)
    text = json.dumps(card, ensure_ascii=False, indent=1)
    write_bytes_atomically(folder / CARD, (text + "\n").encode())
    return Preset(folder, _read_card(folder / CARD))


def _has_card(folder: Path) -> bool:
    try:
        return (folder / CARD).is_file()
    except OSError:  # such as a name longer than any file's
        return False


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PresetError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(card, dict):
        raise PresetError(f"{path} must hold a JSON object; found {card!r:.60}.")
    expected = FIELDS | {field: kind for field, kind in OPTIONAL.items() if field in card}
    if fault := _fault(card, expected, ""):
        raise PresetError(f"{path}: {fault}.")
    if card["vocabulary_sha256"] != _vocabulary_digest(card["vocabulary"]):
        raise PresetError(f"{path}: the vocabulary was changed; its checksum does not match. Restore the card.")
    return card


def _fault(found: Any, expected: Any, where: str) -> str | None:
    """What is wrong with a part of a card, or None."""
    kind: Any = type(expected) if isinstance(expected, (dict, list)) else expected
    if type(found) is not kind and not (kind is float and type(found) is int):
        return f"the field {where!r} must be of type {kind.__name__}; found {found!r:.60}"
    if kind is int and found < 0:
        return f"the field {where!r} must not be negative; found {found!r:.60}"
    parts: list[tuple[str, Any, Any]] = []
    if isinstance(expected, list):
        parts = [(f"{where}[{i}]", part, expected[0]) for i, part in enumerate(found)]
    elif isinstance(expected, dict):
        fields = found if "*" in expected else expected
        parts = [
            (f"{where}.{each}".strip("."), found.get(each), expected.get("*", expected.get(each))) for each in fields
        ]
    return next((fault for at, part, each in parts if (fault := _fault(part, each, at))), None)


def _vocabulary_digest(vocabulary: dict[str, Any]) -> str:
    return hashlib.sha256(
        json.dumps(vocabulary, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")
    ).hexdigest()


def _read_arrays(path: Path, data: bytes, shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            expected = {f"{name}.npy" for name in shapes}
            if entries.keys() != expected:
                wrong = sorted(name.removesuffix(".npy") for name in entries.keys() ^ expected)
                raise PresetError(f"{path}: arrays and card disagree on {', '.join(wrong[:3])}.")
            return {
                name: _read_array(path, archive, entries[f"{name}.npy"], shape, len(data))
                for name, shape in shapes.items()
            }
    except PresetError:
        raise
    except _DAMAGE as error:
        raise PresetError(f"{path} is not a file of arrays: {error}") from error


def _read_array(
    path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, shape: list[int], available: int
) -> np.ndarray:
    name = entry.filename.removesuffix(".npy")
    with archive.open(entry) as file:  # the header first: a false one must not claim memory
        version = np.lib.format.read_magic(file)
        header = _NPY_VERSIONS.get(version)
        if header is None:
            raise PresetError(f"{path}: array {name} has the unknown format {version}.")
        found_shape, _, dtype = header(file)
        size = file.tell() + math.prod(shape) * dtype.itemsize
    if list(found_shape) != shape or dtype not in (np.float16, np.float32):
        raise PresetError(
            f"{path}: array {name} should be a float of shape {shape}; it is {dtype} {list(found_shape)}."
        )
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != size or size > available:
        raise PresetError(f"{path}: array {name} should take {size} bytes, not compressed; it takes {entry.file_size}.")
    with archive.open(entry) as file:
        array = np.lib.format.read_array(file, allow_pickle=False).astype(np.float32)
    if not np.isfinite(array).all():
        raise PresetError(f"{path}: array {name} holds values that are not finite.")
    return array
