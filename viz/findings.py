"""Named numbers that have no axis of time: weights by gate, their gradients."""

import io
import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerasrnn.viz.arrays import data_format
from kerasrnn.viz.write import write_bytes_atomically


@dataclass(eq=False)
class Findings:
    """Arrays of any shapes, by key.

    Args:
        arrays: by key, `LAYER/WEIGHT/GATE` as the function that found them says.
        layer: the layer's name, or several with commas.
        note: one line on what was chosen where the caller left it open.
        facts: figures that JSON can hold.
    """

    arrays: dict[str, np.ndarray]
    layer: str
    note: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.arrays:
            raise ValueError("arrays: expected at least one array, received none")

    def summary(self) -> dict[str, Any]:
        """The figures, as JSON can hold them."""
        about: dict[str, Any] = {"layer": self.layer}
        if self.note:
            about["note"] = self.note
        return about | self.facts

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to `path`, `.npz` or `.json` by suffix; a file there survives any failure."""
        about = {"layer": self.layer, "note": self.note, "facts": self.facts}
        if data_format(path) == ".json":
            arrays = {key: finite_or_none(array) for key, array in self.arrays.items()}
            text = json.dumps({"arrays": arrays, "about": about}, ensure_ascii=False, allow_nan=False)
            write_bytes_atomically(path, text.encode("utf-8", "backslashreplace"))
            return
        buffer = io.BytesIO()
        content: dict[str, Any] = {**self.arrays, "about": np.array(json.dumps(about, allow_nan=False))}
        np.savez_compressed(buffer, **content)
        write_bytes_atomically(path, buffer.getvalue())


def finite_or_none(array: Any) -> Any:
    """Nested lists, with None where JSON has no number."""
    array = np.asarray(array)
    listed = array.astype(object)
    listed[~np.isfinite(array)] = None
    return listed.tolist()
