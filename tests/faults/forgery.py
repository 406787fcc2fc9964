"""Presets spoiled on purpose: cards edited and weights replaced, with checksums that match."""

import hashlib
import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from kerasrnn.zoo import preset

MISSING = object()


def read_card(folder: Path) -> dict[str, Any]:
    return json.loads((folder / preset.CARD).read_text("utf-8"))


def write_card(folder: Path, card: Any) -> None:
    (folder / preset.CARD).write_text(json.dumps(card), "utf-8")


def change(folder: Path, path: str, value: Any) -> None:
    """Set a field of the card, `weights.sha256` style; the vocabulary's checksum is made to match."""
    card = read_card(folder)
    at: Any = card
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        at = at[part]
    if value is MISSING:
        del at[last]
    else:
        at[last] = value
    if parents == ["vocabulary"]:
        text = json.dumps(card["vocabulary"], ensure_ascii=False, sort_keys=True)
        card["vocabulary_sha256"] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    write_card(folder, card)


def forge(folder: Path, data: bytes, shapes: dict[str, list[int]] | None = None) -> None:
    """Put other weights in place, with a checksum that fits."""
    (folder / preset.WEIGHTS).write_bytes(data)
    card = read_card(folder)
    card["weights"] |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    card["weights"]["shapes"] = card["weights"]["shapes"] if shapes is None else shapes
    write_card(folder, card)


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / preset.WEIGHTS) as file:
        return dict(file)


def npz(arrays: dict[str, np.ndarray], **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, **options)
    return buffer.getvalue()


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def header(shape: tuple[int, ...], descr: str = "<f2") -> bytes:
    """The head of an .npy file that promises an array."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def entries_of(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / preset.WEIGHTS) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def promising(folder: Path, shape: tuple[int, ...], lie_in_the_directory: bool, in_the_card: bool) -> None:
    """Weights whose `readout/bias` promises more numbers than the file has bytes."""
    entries = entries_of(folder) | {"readout/bias.npy": header(shape) + bytes(18)}
    data = zipped(entries)
    if lie_in_the_directory:  # the sizes that the zip states
        size = len(entries["readout/bias.npy"])
        promised = len(header(shape)) + 2 * int(np.prod(shape))
        at = data.rindex(b"readout/bias.npy") - 46
        assert data[at : at + 4] == b"PK\x01\x02"
        assert struct.unpack("<II", data[at + 20 : at + 28]) == (size, size)
        data = data[: at + 20] + struct.pack("<II", promised, promised) + data[at + 28 :]
    shapes = read_card(folder)["weights"]["shapes"]
    forge(folder, data, shapes | {"readout/bias": list(shape)} if in_the_card else None)


def altered(arrays: dict[str, np.ndarray], name: str, array: np.ndarray | None) -> dict[str, np.ndarray]:
    return {key: value for key, value in (arrays | {name: array}).items() if value is not None}
