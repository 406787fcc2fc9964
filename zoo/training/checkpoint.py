"""A training run on disk: every variable of a model and its optimizer, and how far it has come."""

import io
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasrnn._files import write_bytes_atomically

NAME = "checkpoint.npz"


def save(folder: Path, model: keras.Model, step: int, options: dict[str, Any]) -> None:
    """Write the run's state; an older checkpoint survives until the new one is complete."""
    arrays: dict[str, Any] = {
        f"variable_{i}": np.asarray(keras.ops.convert_to_numpy(v)) for i, v in enumerate(_variables(model))
    }
    buffer = io.BytesIO()
    np.savez(buffer, step=step, options=json.dumps(options, sort_keys=True), **arrays)
    write_bytes_atomically(folder / NAME, buffer.getvalue())


def restore(folder: Path, model: keras.Model, options: dict[str, Any]) -> int:
    """Load the run's state into the model and return the steps done; 0 where there is no checkpoint.

    Raises:
        ValueError: if the run was begun with other options.
    """
    path = folder / NAME
    if not path.exists():
        return 0
    with np.load(path, allow_pickle=False) as arrays:
        begun = json.loads(str(arrays["options"]))
        if begun != options:
            changed = sorted(name for name in begun | options if begun.get(name) != options.get(name))
            raise ValueError(
                f"{folder} holds a run with other options ({', '.join(changed)}): resume with the same options, or "
                "train into another folder."
            )
        for i, variable in enumerate(_variables(model)):
            variable.assign(arrays[f"variable_{i}"])
        return int(arrays["step"])


def _variables(model: keras.Model) -> list[Any]:
    """Weights, the states of random generators, and the optimizer's variables."""
    return [*model.variables, *model.optimizer.variables]
