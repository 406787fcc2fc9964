"""The mask contract: padding never changes a number, wherever it stands and whatever it holds.

Each way in which this differs from Keras on purpose has a test of its own here, named after the deviation.
"""

import functools
from typing import Any

import keras
import numpy as np
import pytest
from backend import JAX, MODES, compiled, differentiated, gradients, to_tensor
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from layer_cases import (
    KERAS_KINDS,
    KINDS,
    LOOPED,
    MASKS,
    B,
    D,
    T,
    U,
    assert_close,
    call,
    flat,
    initial,
    inputs,
    make,
    random_weights,
)
from numpy_cells import Array

from kerasrnn import layers

# JAX compiles every call: there the wrapper, which is two layers, is tried on two kinds
DIRECTED = [
    (kind, direction)
    for direction in ("forwards", "backwards", "both")
    for kind in (("lstm", "min_gru") if JAX and direction == "both" else LOOPED)
]

GARBAGE = [0.0, 1e3, np.nan, np.inf]


@functools.cache
def built(kind: str, go_backwards: bool = False, bidirectional: bool = False) -> Any:
    """One float64 layer a kind that returns all there is; its weights are random and stay as they are."""
    layer = make(
        layers,
        kind,
        return_sequences=True,
        return_state=True,
        return_gates=True,
        go_backwards=go_backwards,
        dtype="float64",
    )
    if bidirectional:
        layer = layers.Bidirectional(layer, dtype="float64")
    layer.build((None, None, D))
    random_weights(layer, np.random.default_rng(KINDS.index(kind)))
    return layer


@st.composite
def padded_batches(draw: st.DrawFn) -> tuple[list[int], Array, float, int]:
    """Lengths, the places (b, t) where steps stand among padding, what the padding holds, and a seed."""
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    places = np.zeros((len(lengths), T), dtype=bool)
    for row, length in enumerate(lengths):
        places[row, draw(st.permutations(range(T)))[:length]] = True
    return lengths, places, draw(st.sampled_from(GARBAGE)), draw(st.integers(0, 2**16))


def run_with_gradients(
    layer: Any, x: Array, states: list[Array], mask: Array | None, heads: Array
) -> tuple[list[Array], dict[str, Array], list[Array], list[Array], list[Array]]:
    """Outputs and states, gates, and the gradients of a loss over all of them: inputs, states, weights.

    `heads` (b, t, width) weigh the output sequence and are 0 where nothing is to be read.
    """

    def run(x: Any, *states: Any) -> Any:
        *outputs, gates = layer(x, initial_state=list(states), mask=None if mask is None else to_tensor(mask))
        loss = ops.sum(ops.where(heads != 0.0, outputs[0], 0.0) * heads)
        loss += sum((i + 1.0) * ops.sum(s**2) for i, s in enumerate(outputs[1:]))
        read = np.ones(x.shape[:2]) if mask is None else mask.astype(np.float64)
        loss += sum(ops.sum(gates[name] ** 3 * read[..., None]) for name in sorted(gates))
        return loss, (outputs, gates)

    at = [x, *states, *layer.trainable_variables]
    (outputs, gates), _, *both = gradients(run, layer.trainable_variables, [x, *states])
    found = [np.zeros(a.shape) if g is None else g for a, g in zip(at, [*both[0], *both[1]], strict=True)]
    count = 1 + len(states)
    return outputs, gates, found[:1], found[1:count], found[count:]


@pytest.mark.parametrize(("kind", "direction"), DIRECTED)
@settings(max_examples=1 if JAX else 8)  # JAX compiles every call of every example
@given(batch=padded_batches())
def test_padded_equals_unpadded(kind: str, direction: str, batch: tuple[list[int], Array, float, int]) -> None:
    """Outputs, states, gates and every gradient of a padded batch are those of its rows alone, without padding."""
    lengths, places, garbage, seed = batch
    rng, rows = np.random.default_rng(seed), len(lengths)
    backwards, both = direction == "backwards", direction == "both"
    layer = built(kind, backwards, both)
    width = 2 * U if both else U
    states = initial(kind, rng, rows) + (initial(kind, rng, rows) if both else [])
    x, heads = np.full((rows, T, D), garbage), np.zeros((rows, T, width))
    x[places], heads[places] = rng.standard_normal((sum(lengths), D)), rng.standard_normal((sum(lengths), width))
    shown = heads[:, ::-1] if backwards else heads  # a backward layer's outputs stand in processing order
    outputs, gates, (dx,), dstates, dweights = run_with_gradients(layer, x, states, places, shown)

    total = [np.zeros_like(g) for g in dweights]
    for row in range(rows):
        keep = places[row]
        alone = x[row : row + 1, keep]
        head = heads[row : row + 1, keep]
        start = [s[row : row + 1] for s in states]
        own = run_with_gradients(layer, alone, start, None, head[:, ::-1] if backwards else head)
        order = keep[::-1] if backwards else keep
        assert_close(outputs[0][row][order], own[0][0][0], 1e-12)
        assert_close([s[row] for s in outputs[1:]], [s[0] for s in own[0][1:]], 1e-12)
        assert_close({k: v[row][keep] for k, v in gates.items()}, {k: v[0] for k, v in own[1].items()}, 1e-12)
        assert_close(dx[row][keep], own[2][0][0], 1e-11)
        assert_close([s[row] for s in dstates], [s[0] for s in own[3]], 1e-11)
        total = [a + b for a, b in zip(total, own[4], strict=True)]
    assert_close(dx[~places], np.zeros_like(dx[~places]), 0.0)
    assert_close(dweights, total, 1e-10)
    for name, value in gates.items():
        if name.split("/")[-1] not in ("cell", "hidden"):
            np.testing.assert_array_equal(value[~places], 0.0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", LOOPED)
def test_nan_under_a_mask_stays_there(kind: str, mode: str, rng: np.random.Generator) -> None:
    """Deviation: in Keras the outputs survive NaN under a mask, but every weight's gradient turns NaN."""
    layer = built(kind)
    mask, states = MASKS["empty row"], initial(kind, rng)
    clean = np.where(mask[..., None], inputs(rng), 0.0)
    dirty = np.where(mask[..., None], clean, np.nan)
    heads = rng.standard_normal((B, T, U))

    def run(x: Any) -> Any:
        *outputs, gates = layer(x, initial_state=states, mask=to_tensor(mask))
        return ops.sum(outputs[0] * heads) + sum(ops.sum(g**2) for g in gates.values()), (outputs, gates)

    both = differentiated(run, layer.trainable_variables, 1, mode)
    for actual, expected in zip(flat(both(dirty)), flat(both(clean)), strict=True):
        assert np.isfinite(actual).all()
        assert_close(actual, expected, 0.0)


@pytest.mark.parametrize("go_backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
@pytest.mark.parametrize("kind", LOOPED)
def test_an_all_masked_row_gives_zeros(
    kind: str, zero_output_for_mask: bool, go_backwards: bool, rng: np.random.Generator
) -> None:
    """Outputs zero, states the initial ones, gates zero, gradients finite."""
    layer = make(
        layers,
        kind,
        return_state=True,
        return_gates=True,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
    )
    x, states = inputs(rng).astype("float32"), initial(kind, rng)
    mask = np.ones((B, T), dtype=bool)
    mask[1] = False
    layer.build(x.shape)

    def run(x: Any) -> Any:
        last, *final, gates = call(layer, x, states, mask)
        return ops.sum(last**2) + sum(ops.sum(s**2) for s in final), (last, final, gates)

    (last, final, gates), _, of_inputs, of_weights = gradients(run, layer.trainable_variables, [x])
    np.testing.assert_array_equal(last[1], 0.0)
    assert np.abs(last[0]).max() > 0.0
    assert_close([s[1] for s in final], [s[1].astype("float32") for s in states], 0.0)
    names = {"hidden": 0, "cell": 1}
    for name, value in gates.items():
        expected = states[names[name]][1].astype("float32") if name in names else np.zeros(U, "float32")
        assert_close(value[1], np.broadcast_to(expected, (T, U)), 0.0)
    assert all(np.isfinite(g).all() for g in (*of_inputs, *of_weights))
    np.testing.assert_array_equal(of_inputs[0][1], 0.0)


@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_the_last_output_is_never_padding(kind: str, rng: np.random.Generator) -> None:
    """Deviation: with `zero_output_for_mask` and no sequences, right padding makes Keras' last output zero."""
    x = inputs(rng).astype("float32")
    keras_layer = make(keras.layers, kind, zero_output_for_mask=True)
    layer = make(layers, kind, zero_output_for_mask=True)
    expected = call(layer, x[:, :3])
    keras_layer(x)
    keras_layer.set_weights(layer.get_weights())
    mask = np.broadcast_to(np.arange(T) < 3, (B, T))
    assert_close(call(layer, x, mask=mask), expected, 1e-6)
    assert_close(call(keras_layer, x[:, :3]), expected, 1e-6)
    np.testing.assert_array_equal(call(keras_layer, x, mask=mask), 0.0)  # once Keras mends it, this deviation goes


class HalfOpen(layers.SimpleRNNCell):
    """A cell of somebody's own that does not begin with zeros."""

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        return [0.5 * ops.ones((batch_size, self.units))]


class HalfOpenRNN(layers.SimpleRNN):
    cell_class = HalfOpen


def test_outputs_begin_with_zeros_whatever_the_states_begin_with(rng: np.random.Generator) -> None:
    layer, x = HalfOpenRNN(U, return_sequences=True, return_state=True), inputs(rng)
    mask = np.broadcast_to(np.arange(T) >= 2, (B, T)).copy()
    mask[0] = False
    outputs, state = call(layer, x, mask=mask)
    assert_close(outputs[:, :2], np.zeros((B, 2, U)), 0.0)
    assert_close(outputs[0], np.zeros((T, U)), 0.0)
    assert_close(state[0], np.full(U, 0.5), 0.0)
    given, _ = call(layer, x, layer.get_initial_state(B), mask)
    assert_close(outputs, given, 1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", LOOPED)
def test_no_time_steps(kind: str, mode: str, rng: np.random.Generator) -> None:
    """Deviation: Keras fails at t = 0. Ours gives empty outputs, the initial state and a zero last output."""
    states = initial(kind, rng)
    outputs = {}
    for sequences in (True, False):
        layer = make(layers, kind, return_sequences=sequences, return_state=True, return_gates=True, dtype="float64")
        layer.build((None, None, D))
        for mask in (False, True):

            def run(x: Any, keep: Any, layer: Any = layer, mask: bool = mask) -> Any:
                return layer(x, initial_state=states, mask=keep if mask else None)

            signature = [((None, None, D), "float64"), ((None, None), "bool")]
            way = compiled(run, mode, signature)
            *outputs[sequences], gates = way(ops.zeros((B, 0, D), "float64"), ops.zeros((B, 0), "bool"))
            assert_close(list(outputs[sequences][1:]), states, 0.0)
            assert {v.shape for v in gates.values()} == {(B, 0, U)}
            expected = np.zeros((B, 0, U) if sequences else (B, U))
            assert_close(outputs[sequences][0], expected, 0.0)


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
@pytest.mark.parametrize("kind", ["lstm", "gru_v3"])
def test_a_mask_may_be_numbers(kind: str, dtype: str, rng: np.random.Generator) -> None:
    layer, x, states = built(kind), inputs(rng), initial(kind, rng)
    expected = call(layer, x, states, MASKS["holes"])
    assert_close(call(layer, x, states, MASKS["holes"].astype(dtype)), expected, 0.0)
