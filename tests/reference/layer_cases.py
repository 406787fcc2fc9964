"""What the layer tests share: the kinds of layer, their weights, masks, and how a built layer maps to the oracle."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy_cells
import numpy_variants
from backend import JAX, to_tensor
from numpy_cells import Array

B, T, D, U = 3, 5, 4, 3

KERAS_KINDS = ("simple_rnn", "lstm", "gru", "gru_v3")
"""What Keras has too. `gru_v3` is the GRU that resets before the recurrent product (`reset_after=False`)."""

VARIANTS = {
    "peephole_lstm": "PeepholeLSTM",
    "coupled_lstm": "CoupledLSTM",
    "layer_norm_simple_rnn": "LayerNormSimpleRNN",
    "layer_norm_lstm": "LayerNormLSTM",
    "layer_norm_gru": "LayerNormGRU",
    "ind_rnn": "IndRNN",
    "min_gru": "MinGRU",
    "min_lstm": "MinLSTM",
    "esn": "ESN",
}
"""What Keras does not have, by the names of the classes."""

KINDS = (*KERAS_KINDS, *VARIANTS)

LOOPED = ("lstm", "gru_v3", "layer_norm_simple_rnn", "min_gru") if JAX else KINDS
"""For what the loop does, whatever the cell. JAX compiles every call, so there only kinds that differ to the loop: with
two states, two products, normalised sums, and linear in the state."""

NAMES = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU", "gru_v3": "GRU", **VARIANTS}

DEFAULTS: dict[str, dict[str, Any]] = {"gru_v3": {"reset_after": False}, "esn": {"connectivity": 1.0, "leaky": 0.7}}
"""Options with which a kind is made here: a reservoir of few units needs all its connections."""

WITHOUT: dict[str, set[str]] = {
    "simple_rnn": {"recurrent_activation", "use_cudnn", "implementation"},
    **{kind: {"use_cudnn", "implementation"} for kind in VARIANTS},
    "layer_norm_simple_rnn": {"use_cudnn", "implementation", "recurrent_activation"},
    "ind_rnn": {"use_cudnn", "implementation", "recurrent_activation", "recurrent_dropout"},
    **{
        kind: {
            "use_cudnn",
            "implementation",
            "recurrent_activation",
            "recurrent_dropout",
            "recurrent_initializer",
            "recurrent_regularizer",
            "recurrent_constraint",
        }
        for kind in ("min_gru", "min_lstm")
    },
    "esn": {
        "use_cudnn",
        "implementation",
        "recurrent_activation",
        *(f"{weight}_{kind}" for weight in ("kernel", "recurrent", "bias") for kind in ("regularizer", "constraint")),
    },
}
"""The options of an LSTM that a kind does not have."""

MASKS = {
    "none": None,
    "right": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], dtype=bool),
    "left": np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 1]], dtype=bool),
    "holes": np.array([[1, 0, 1, 1, 0], [0, 1, 0, 0, 1], [1, 1, 0, 1, 1]], dtype=bool),
    "empty row": np.array([[1, 1, 0, 1, 1], [0, 0, 0, 0, 0], [0, 1, 1, 0, 0]], dtype=bool),
}


DEFAULTS_OF_ORACLE: dict[str, dict[str, Any]] = {"gru_v3": {"reset_after": False}, "esn": {"leaky": 0.7}}


def family(kind: str) -> str:
    """The kind as the oracle calls it."""
    return kind.removesuffix("_v3")


def state_names(kind: str) -> tuple[str, ...]:
    return numpy_cells.STATES[family(kind)]


def gate_names(kind: str) -> tuple[str, ...]:
    return numpy_cells.GATES[family(kind)]


def make(module: Any, kind: str, units: int = U, **options: Any) -> Any:
    """A layer of `kind` from `keras.layers` or `kerasrnn.layers`."""
    return getattr(module, NAMES[kind])(units, **DEFAULTS.get(kind, {}) | options)


def make_cell(module: Any, kind: str, units: int = U, **options: Any) -> Any:
    return getattr(module, f"{NAMES[kind]}Cell")(units, **DEFAULTS.get(kind, {}) | options)


def options_that_fit(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """Those of the options of an LSTM that `kind` has."""
    return {name: value for name, value in options.items() if name not in WITHOUT.get(kind, set())}


def trainable(layer: Any, weights: Sequence[Array]) -> list[Array]:
    """Those of the weights, in the order of `layer.weights`, that are trained."""
    variables = [w for w in layer.weights if w.name != "rnn_state"]
    return [weight for weight, variable in zip(weights, variables, strict=True) if variable.trainable]


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
    given: list[Array | None] = [np.asarray(w, dtype=np.float64) for w in weights]
    if not use_bias:
        given.insert(1 if kind in ("min_gru", "min_lstm") else 2, None)
    module = numpy_variants if kind in VARIANTS else numpy_cells
    return getattr(module, family(kind))(*given, **DEFAULTS_OF_ORACLE.get(kind, {}) | options)


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
    units = weights[0].shape[-1] // (len(gate_names(kind)) or 1)
    return numpy_cells.scan(family(kind), step, x, states, units, mask, go_backwards, zero_output_for_mask)


def tensors(arrays: Sequence[Array] | None, dtype: str) -> list[Any] | None:
    return None if arrays is None else [to_tensor(a, dtype=dtype) for a in arrays]


def call(layer: Any, x: Array, states: Sequence[Array] | None = None, mask: Array | None = None, **options: Any) -> Any:
    """Call a layer on arrays of its own dtype."""
    dtype = layer.compute_dtype
    if mask is not None:
        options["mask"] = to_tensor(mask)
    if states is not None:
        options["initial_state"] = tensors(states, dtype)
    return layer(to_tensor(x, dtype=dtype), **options)


def by_contract(
    found: Any, mask: Array | None, go_backwards: bool = False, zero: bool = False, sequences: bool = True
) -> Any:
    """`(output, *states)` of a Keras layer, with the outputs that Keras has on TensorFlow.

    On JAX its loop shows the initial state where no valid step has been, not 0; written out, it never shows zeros.
    """
    if not JAX or mask is None:
        return found
    output, keep = np.asarray(found[0]), mask[:, ::-1] if go_backwards else mask
    shown = keep if zero and sequences else np.cumsum(keep, axis=1) > 0
    return type(found)([np.where(shown[..., None] if sequences else shown[:, -1:], output, 0.0), *found[1:]])


def way(value: str | bool) -> str:
    """The id of a parameter: `go_backwards` by the direction."""
    return value if isinstance(value, str) else "backwards" if value else "forwards"


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
