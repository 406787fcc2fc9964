"""Keras' own wrappers take our layers and cells, and our Bidirectional takes what Keras' does."""

from typing import Any

import keras
import numpy as np
import pytest
from backend import JAX
from layer_cases import (
    KERAS_KINDS,
    MASKS,
    VARIANTS,
    B,
    D,
    T,
    U,
    assert_close,
    call,
    initial,
    inputs,
    make,
    make_cell,
    options_that_fit,
    random_weights,
)

from kerasrnn import layers

TOLERANCE = 1e-5


def alike(theirs: Any, ours: Any, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    theirs.build(shape)
    ours.build(shape)
    random_weights(theirs, rng)
    ours.set_weights(theirs.get_weights())


@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_keras_rnn_runs_our_cell(kind: str, rng: np.random.Generator) -> None:
    options = {"return_sequences": True, "return_state": True, "go_backwards": True}
    theirs = keras.layers.RNN(make_cell(keras.layers, kind), **options)
    ours = keras.layers.RNN(make_cell(layers, kind), **options)
    x, states = inputs(rng), initial(kind, rng)
    alike(theirs, ours, x.shape, rng)
    assert_close(call(ours, x, states, MASKS["holes"]), call(theirs, x, states, MASKS["holes"]), TOLERANCE)


def test_stacked_cells(rng: np.random.Generator) -> None:
    def stack(module: Any) -> Any:
        cells = [make_cell(module, kind, units=units) for kind, units in zip(KERAS_KINDS, (3, 4, 2, 5), strict=True)]
        return keras.layers.RNN(keras.layers.StackedRNNCells(cells), return_sequences=True, return_state=True)

    theirs, ours, x = stack(keras.layers), stack(layers), inputs(rng)
    alike(theirs, ours, x.shape, rng)
    expected, actual = call(theirs, x, mask=MASKS["holes"]), call(ours, x, mask=MASKS["holes"])
    keras.tree.map_structure(lambda a, e: assert_close(a, e, TOLERANCE), actual, expected)


def test_variants_in_keras_rnn_and_stacked(rng: np.random.Generator) -> None:
    """Keras' loop over a cell gives our layer's numbers, and a stack of cells those of layers one after the other."""
    x = inputs(rng)
    cells = [make_cell(layers, kind, dtype="float64") for kind in VARIANTS]
    stack = keras.layers.RNN(
        keras.layers.StackedRNNCells(cells, dtype="float64"), return_sequences=True, dtype="float64"
    )
    stack.build(x.shape)
    random_weights(stack, rng)
    expected: Any = x
    for kind, cell in zip(VARIANTS, cells, strict=True):
        layer = make(layers, kind, return_sequences=True, dtype="float64")
        alone = keras.layers.RNN(cell, return_sequences=True, dtype="float64")
        layer.build(np.shape(expected))
        layer.set_weights(cell.get_weights())
        alone.build(np.shape(expected))
        assert_close(call(alone, expected, mask=MASKS["left"]), call(layer, expected, mask=MASKS["left"]), 1e-12)
        expected = np.asarray(call(layer, expected))
    assert_close(call(stack, x), expected, 1e-12)


@pytest.mark.parametrize("kind", VARIANTS)
def test_variants_drop_the_same_in_keras_loop(kind: str, rng: np.random.Generator) -> None:
    """One mask for a sequence, of the input and of the state, whoever runs the loop; none outside of training."""
    options = options_that_fit(kind, {"dropout": 0.4, "recurrent_dropout": 0.4}) | {"seed": 3, "dtype": "float64"}
    layer = make(layers, kind, return_sequences=True, **options)
    theirs = keras.layers.RNN(make_cell(layers, kind, **options), return_sequences=True, dtype="float64")
    plain = make(layers, kind, return_sequences=True, dtype="float64")
    x, states = inputs(rng), initial(kind, rng)
    for one in (layer, theirs, plain):
        one.build(x.shape)
    weights = random_weights(layer, rng)
    theirs.set_weights(weights)
    plain.set_weights(weights)
    dropped = call(layer, x, states, training=True)
    assert_close(dropped, call(theirs, x, states, training=True), 1e-12)
    assert np.abs(np.asarray(dropped) - np.asarray(call(plain, x, states))).max() > 1e-3
    assert_close(call(layer, x, states), call(plain, x, states), 0.0)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_stacked_cells_drop_as_keras_does(dropout: float, rng: np.random.Generator) -> None:
    def stack(module: Any) -> Any:
        options = {"dropout": dropout, "recurrent_dropout": dropout, "seed": 5}
        return keras.layers.RNN([module.LSTMCell(U, **options), module.GRUCell(U, **options)])

    theirs, ours, x = stack(keras.layers), stack(layers), inputs(rng)
    alike(theirs, ours, x.shape, rng)
    assert_close(call(ours, x, training=True), call(theirs, x, training=True), TOLERANCE)


@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
@pytest.mark.parametrize("merge", ["concat", "sum", "ave", "mul", None])
@pytest.mark.parametrize("kind", ["lstm"] if JAX else ["simple_rnn", "lstm", "gru"])
def test_bidirectional_in_keras_and_ours(
    kind: str, merge: str | None, sequences: bool, rng: np.random.Generator
) -> None:
    """Keras' wrapper around Keras' layer, around ours, and our wrapper around ours, with states and a mask."""
    x, states = inputs(rng), initial(kind, rng) + initial(kind, rng)
    for state in (True,) if JAX else (False, True):
        options = {"return_sequences": sequences, "return_state": state}
        theirs = keras.layers.Bidirectional(make(keras.layers, kind, **options), merge_mode=merge)
        for wrapper in (keras.layers, layers):
            ours = wrapper.Bidirectional(make(layers, kind, **options), merge_mode=merge)
            assert isinstance(ours, keras.layers.Bidirectional)
            alike(theirs, ours, x.shape, rng)
            for mask in ("holes",) if JAX else ("none", "left", "holes"):  # JAX compiles every call
                for start in (states,) if JAX else (None, states):
                    expected, actual = call(theirs, x, start, MASKS[mask]), call(ours, x, start, MASKS[mask])
                    assert_close(
                        list(actual) if isinstance(actual, tuple) else actual,
                        list(expected) if isinstance(expected, tuple) else expected,
                        TOLERANCE,
                    )


def test_our_bidirectional_takes_two_different_layers(rng: np.random.Generator) -> None:
    """A backward layer of its own width, and Keras' own layers inside."""

    def pair(wrapper: Any, module: Any) -> Any:
        return wrapper.Bidirectional(
            module.LSTM(2, return_sequences=True),
            backward_layer=module.GRU(4, return_sequences=True, go_backwards=True),
        )

    x = inputs(rng)
    theirs, ours, mixed = pair(keras.layers, keras.layers), pair(layers, layers), pair(layers, keras.layers)
    alike(theirs, ours, x.shape, rng)
    alike(theirs, mixed, x.shape, rng)
    expected = call(theirs, x, mask=MASKS["holes"])
    ours.set_weights(theirs.get_weights())
    assert expected.shape == (B, T, 6)
    assert_close(call(ours, x, mask=MASKS["holes"]), expected, TOLERANCE)
    assert_close(call(mixed, x, mask=MASKS["holes"]), expected, TOLERANCE)


def test_stateful_bidirectional(rng: np.random.Generator) -> None:
    theirs = keras.layers.Bidirectional(keras.layers.GRU(U, stateful=True, return_sequences=True))
    ours = layers.Bidirectional(layers.GRU(U, stateful=True, return_sequences=True))
    x = inputs(rng)
    alike(theirs, ours, x.shape, rng)
    for _ in range(2):
        assert_close(call(ours, x), call(theirs, x), TOLERANCE)
    theirs.reset_state()
    ours.reset_state()
    assert_close(call(ours, x), call(theirs, x), TOLERANCE)


@pytest.mark.usefixtures("fresh_keras")
def test_stateful_bidirectional_with_states_and_a_mask_in_a_model(rng: np.random.Generator) -> None:
    """Keras fails here: its `compute_mask` multiplies a generator."""
    layer = layers.Bidirectional(layers.LSTM(U, stateful=True, return_state=True, return_sequences=True))
    sequence = keras.Input(batch_shape=(B, T, D))
    hidden, *states = layer(keras.layers.Masking(9.0)(sequence))
    model = keras.Model(sequence, [layers.GRU(2)(hidden), *states])
    assert len(model(inputs(rng).astype("float32"))) == 5


@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_time_distributed(kind: str, rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, T, D)).astype("float32")
    theirs, ours = (keras.layers.TimeDistributed(make(module, kind)) for module in (keras.layers, layers))
    theirs(x)
    ours(x)
    ours.set_weights(theirs.get_weights())
    assert_close(ours(x), theirs(x), TOLERANCE)


def test_bidirectional_trace_is_its_gates(rng: np.random.Generator) -> None:
    """In the order of the input's time on both sides, from a layer that itself returns no gates."""
    x, states = inputs(rng).astype("float32"), initial("lstm", rng) + initial("lstm", rng)
    full = layers.Bidirectional(layers.LSTM(U, return_gates=True))
    plain = layers.Bidirectional(layers.LSTM(U))
    alike(full, plain, x.shape, rng)
    plain.set_weights(full.get_weights())
    for mask in (None, MASKS["left"]):
        for start in (None, states):
            assert_close(plain.trace(x, initial_state=start, mask=mask), call(full, x, start, mask)[-1], 1e-6)
