"""A training run on disk: every variable of a model and its optimizer, how far it has come, and the best weights."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasrnn._files import write_bytes_atomically

NAME = "checkpoint.npz"


@dataclass
class State:
    """How far a run has come.

    Attributes:
        rounds, steps: done so far.
        score: of the best weights so far, more is better.
        best: those weights, or None.
    """

    rounds: int = 0
    steps: int = 0
    score: float = -np.inf
    best: list[np.ndarray] | None = None


def save(folder: Path, model: keras.Model, state: State, options: dict[str, Any]) -> None:
    """Write the run's state; an older checkpoint survives until the new one is complete."""
    arrays: dict[str, Any] = {
        f"variable_{i}": np.asarray(keras.ops.convert_to_numpy(v)) for i, v in enumerate(_variables(model))
    }
    arrays |= {f"state_{i}": np.asarray(keras.ops.convert_to_numpy(v)) for i, v in enumerate(_states(model))}
    arrays |= {f"best_{i}": value for i, value in enumerate(state.best or [])}
    about = {"rounds": state.rounds, "steps": state.steps, "score": state.score}
    buffer = io.BytesIO()
    np.savez(buffer, about=json.dumps(about), options=json.dumps(options, sort_keys=True), **arrays)
    write_bytes_atomically(folder / NAME, buffer.getvalue())


def restore(folder: Path, model: keras.Model, options: dict[str, Any]) -> State:
    """Load the run's state into the model and return how far it has come; a new state where there is no checkpoint.

    Raises:
        ValueError: if the run was begun with other options.
    """
    path = folder / NAME
    if not path.exists():
        return State()
    with np.load(path, allow_pickle=False) as arrays:
        begun = json.loads(str(arrays["options"]))
        if begun != options:
            changed = sorted(name for name in begun | options if begun.get(name) != options.get(name))
            raise ValueError(
                f"{folder} holds a run with other options ({', '.join(changed)}): resume with the same options, or "
                "train into another folder."
            )
        states = _states(model)
        if states and "state_0" not in arrays.files:
            raise ValueError(f"{path} was written before checkpoints held the states of stateful layers: train again.")
        for i, variable in enumerate(_variables(model)):
            variable.assign(arrays[f"variable_{i}"])
        for i, variable in enumerate(states):
            variable.assign(arrays[f"state_{i}"])
        best = [arrays[name] for name in arrays.files if name.startswith("best_")]  # in the order of the file
        return State(**json.loads(str(arrays["about"])), best=best or None)


def _variables(model: keras.Model) -> list[Any]:
    """Weights, the states of random generators, and the optimizer's variables."""
    return [*model.variables, *model.optimizer.variables]


def _states(model: keras.Model) -> list[Any]:
    """What stateful layers carry from batch to batch, which Keras does not count among a model's variables."""
    known = {id(variable) for variable in model.variables}
    states = [getattr(layer, "states", None) or [] for layer in model._flatten_layers()]
    return [each for of_layer in states for each in of_layer if hasattr(each, "assign") and id(each) not in known]
