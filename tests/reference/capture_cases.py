"""What the capture tests share: models with random weights, their oracles, and a push on every state of the oracle."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import numpy_cells
from numpy_cells import Array, Gates, States, Step


def randomised(model: Any, rng: np.random.Generator, scale: float = 0.6) -> Any:
    """The model with random weights, no two of them equal."""
    for variable in model.weights:
        if "seed" not in variable.path:
            variable.assign(scale * rng.standard_normal(variable.shape))
    return model


def oracle(layer: Any, weights: Sequence[Array] | None = None) -> tuple[str, Step]:
    """Kind and step of the oracle for a recurrent layer or cell of Keras or of this package."""
    cell = getattr(layer, "cell", layer)
    kernel, recurrent, bias = weights if weights is not None else cell.get_weights()
    if isinstance(cell, keras.layers.LSTMCell):
        return "lstm", numpy_cells.lstm(kernel, recurrent, bias)
    if isinstance(cell, keras.layers.GRUCell):
        return "gru", numpy_cells.gru(kernel, recurrent, bias, reset_after=cell.reset_after)
    return "simple_rnn", numpy_cells.simple_rnn(kernel, recurrent, bias)


def run(layer: Any, x: Array, mask: Array | None = None, **options: Any) -> numpy_cells.Run:
    """The oracle's run of a layer."""
    kind, step = oracle(layer)
    return numpy_cells.scan(
        kind, step, x, None, layer.cell.units, mask, getattr(layer, "go_backwards", False), **options
    )


def pushed(step: Step, pushes: Sequence[Array], keep: Array, backwards: bool = False) -> Step:
    """`step` with `pushes[i][row, now]` added to state i after every update; rows and steps come as in `scan`."""
    order = [
        (row, now)
        for row in range(keep.shape[0])
        for now in (range(keep.shape[1])[::-1] if backwards else range(keep.shape[1]))
        if keep[row, now]
    ]
    places: Iterator[tuple[int, int]] = iter(order)

    def with_push(x: Array, states: States) -> tuple[States, Gates]:
        row, now = next(places)
        after, gates = step(x, states)
        return tuple(state + push[row, now] for state, push in zip(after, pushes, strict=True)), gates

    return with_push


def norms(gradients: Sequence[Array]) -> Array:
    """(b, t): the joint 2-norm over all components of the state."""
    return np.sqrt(sum((gradient**2).sum(axis=-1) for gradient in gradients))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def own_choice(p: Array, steps: Sequence[int] | None = None) -> float:
    """−Σ log p of the model's own choice, of `p` (b, v) or, at one step a row, (b, t, v)."""
    if steps is not None:
        p = np.stack([p[row, step] for row, step in enumerate(steps)])
    return float(-np.log(p.max(axis=-1)).sum())
