"""A training run on disk: every variable of a model and its optimizer, how far it has come, and the best weights."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasrnn._files import write_bytes_atomically
from kerasrnn.zoo.training.team import Team

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


def save(
    folder: Path, variables: list[np.ndarray], carried: list[np.ndarray], state: State, options: dict[str, Any]
) -> None:
    """Write the run's state, values as of `Team.values`; an older checkpoint survives until the new one is complete."""
    arrays: dict[str, Any] = {f"variable_{i}": value for i, value in enumerate(variables)}
    arrays |= {f"state_{i}": value for i, value in enumerate(carried)}
    arrays |= {f"best_{i}": value for i, value in enumerate(state.best or [])}
    about = {"rounds": state.rounds, "steps": state.steps, "score": state.score}
    buffer = io.BytesIO()
    np.savez(buffer, about=json.dumps(about), options=json.dumps(options, sort_keys=True), **arrays)
    write_bytes_atomically(folder / NAME, buffer.getvalue())


def restore(folder: Path, team: Team, options: dict[str, Any]) -> State:
    """Give the run's values to those who go on and return how far it has come; a new state without a checkpoint.

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
        variables, carried, best = (
            [arrays[name] for name in arrays.files if name.startswith(kind)]  # in the order of the file
            for kind in ("variable_", "state_", "best_")
        )
        team.assign(variables, carried)
        return State(**json.loads(str(arrays["about"])), best=best or None)
