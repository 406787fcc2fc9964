"""What the layer tests share: the kinds of layer, their weights, masks, and how a built layer maps to the oracle."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy_cells
import tensorflow as tf
from numpy_cells import Array

B, T, D, U = 3, 5, 4, 3

KINDS = ("simple_rnn", "lstm", "gru", "gru_v3")
"""`gru_v3` is the GRU that resets before the recurrent product (`reset_after=False`)."""

MASKS = {
    "none": None,
    "right": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], dtype=bool),
    "left": np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 1]], dtype=bool),
    "holes": np.array([[1, 0, 1, 1, 0], [0, 1, 0, 0, 1], [1, 1, 0, 1, 1]], dtype=bool),
    "empty row": np.array([[1, 1, 0, 1, 1], [0, 0, 0, 0, 0], [0, 1, 1, 0, 0]], dtype=bool),
}


def family(kind: str) -> str:
    """The kind as the oracle calls it."""
    return kind.removesuffix("_v3")


def state_names(kind: str) -> tuple[str, ...]:
    return numpy_cells.STATES[family(kind)]


def gate_names(kind: str) -> tuple[str, ...]:
    return numpy_cells.GATES[family(kind)]


def make(module: Any, kind: str, units: int = U, **options: Any) -> Any:
    """A layer of `kind` from `keras.layers` or `kerasrnn.layers`."""
    name = {"simple_rnn": "SimpleRNN", "lstm": "LSTM"}.get(kind, "GRU")
    if kind == "gru_v3":
        options["reset_after"] = False
    return getattr(module, name)(units, **options)


def make_cell(module: Any, kind: str, units: int = U, **options: Any) -> Any:
    name = {"simple_rnn": "SimpleRNNCell", "lstm": "LSTMCell"}.get(kind, "GRUCell")
    if kind == "gru_v3":
        options["reset_after"] = False
    return getattr(module, name)(units, **options)


def random_weights(layer: Any, rng: np.random.Generator, scale: float = 0.7) -> list[Array]:
    """Give the layer random weights, no two of them equal: a swapped gate or a transposed kernel shows."""
    weights = [scale * rng.standard_normal(w.shape) for w in layer.weights if w.name != "rnn_state"]
    for variable, value in zip([w for w in layer.weights if w.name != "rnn_state"], weights, strict=True):
        variable.assign(value)
    return weights


def inputs(rng: np.random.Generator, batch: int = B, time: int = T, features: int = D) -> Array:
    return rng.standard_normal((batch, time, features))


def initial(kind: str, rng: np.random.Generator, batch: int = B, units: int = U) -> list[Array]:
    return [rng.standard_normal((batch, units)) for _ in state_names(kind)]


def oracle_step(kind: str, weights: Sequence[Array], use_bias: bool = True, **options: Any) -> numpy_cells.Step:
    """The oracle's step for weights in the order of a layer's `get_weights()`."""
    kernel, recurrent, *rest = (np.asarray(w, dtype=np.float64) for w in weights)
    bias = rest[0] if use_bias else None
    if kind == "gru_v3":
        return numpy_cells.gru(kernel, recurrent, bias, reset_after=False, **options)
    return getattr(numpy_cells, kind)(kernel, recurrent, bias, **options)


def oracle(
    kind: str,
    weights: Sequence[Array],
    x: Array,
    states: Sequence[Array] | None = None,
    mask: Array | None = None,
    *,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    **options: Any,
) -> numpy_cells.Run:
    step = oracle_step(kind, weights, **options)
    units = weights[1].shape[0]
    return numpy_cells.scan(family(kind), step, x, states, units, mask, go_backwards, zero_output_for_mask)


def tensors(arrays: Sequence[Array] | None, dtype: str) -> list[Any] | None:
    return None if arrays is None else [tf.constant(a, dtype=dtype) for a in arrays]


def call(layer: Any, x: Array, states: Sequence[Array] | None = None, mask: Array | None = None, **options: Any) -> Any:
    """Call a layer on arrays of its own dtype."""
    dtype = layer.compute_dtype
    if mask is not None:
        options["mask"] = tf.constant(mask)
    if states is not None:
        options["initial_state"] = tensors(states, dtype)
    return layer(tf.convert_to_tensor(x, dtype=dtype), **options)


def flat(values: Any) -> list[Array]:
    """The arrays of a layer's output, in order; a dict's in the order of its sorted keys."""
    return [np.asarray(v) for v in keras.tree.flatten(values)]


def assert_close(actual: Any, expected: Any, tolerance: float) -> None:
    """Same structure, same shapes, same numbers (absolute and relative), key by key."""
    if isinstance(expected, dict):
        assert isinstance(actual, dict), f"expected a dict with {sorted(expected)}, got {type(actual).__name__}"
        assert set(actual) == set(expected)
        for key in expected:
            assert_close(actual[key], expected[key], tolerance)
    elif isinstance(expected, list | tuple):
        assert isinstance(actual, list | tuple), f"expected {len(expected)} values, got {type(actual).__name__}"
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            assert_close(a, e, tolerance)
    else:
        actual, expected = np.asarray(actual), np.asarray(expected)
        assert actual.shape == expected.shape
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
