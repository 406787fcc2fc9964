"""Who computes the steps of a training run: here one process; `replicas.Replicas` are several devices or machines."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    from kerasrnn.zoo.training.checkpoint import State

Batch = tuple[Any, ...]


class Team:
    """One process, on one device or on those over which Keras spreads a batch.

    Args:
        model: a compiled model; its optimizer must be built.

    Attributes:
        count: replicas of the model, each of which computes a part of every batch.
        chief: whether this process evaluates and writes what the run writes; there is one such process.
    """

    count = 1
    chief = True

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    def step(self, batch: Batch) -> float:
        """Train on a batch and return its loss."""
        return float(self.model.train_on_batch(*batch))

    def values(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Every variable, and what stateful layers carry on for the rows of a whole batch."""
        return arrays(variables_of(self.model)), arrays(carried_by(self.model))

    def assign(self, variables: list[np.ndarray], carried: list[np.ndarray]) -> None:
        """The values of a checkpoint."""
        put(variables_of(self.model), variables)
        put(carried_by(self.model), carried)

    def agree(self, state: "State", options: dict[str, Any]) -> "State":
        """How far the run has come, as its chief knows; from here on all replicas have the same weights."""
        return state

    def wait(self) -> None:
        """Until the others have come as far."""


def variables_of(model: keras.Model) -> list[Any]:
    """Weights, the states of random generators, and the optimizer's variables."""
    return [*model.variables, *model.optimizer.variables]


def carried_by(model: keras.Model) -> list[Any]:
    """What stateful layers carry from batch to batch, which Keras does not count among a model's variables."""
    known = {id(variable) for variable in model.variables}
    states = [getattr(layer, "states", None) or [] for layer in model._flatten_layers()]
    return [each for of_layer in states for each in of_layer if hasattr(each, "assign") and id(each) not in known]


def arrays(variables: list[Any]) -> list[np.ndarray]:
    """The values of variables."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def put(variables: list[Any], values: list[np.ndarray]) -> None:
    """Give variables their values."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
