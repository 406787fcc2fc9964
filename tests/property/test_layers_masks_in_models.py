"""The mask contract in models: implicit masks survive whatever stands between the layers that make and read them.

Each way in which this differs from Keras on purpose has a test of its own, named after the deviation.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from backend import JAX
from layer_cases import LOOPED, B, D, U, assert_close, initial, make
from numpy_cells import Array

from kerasrnn import layers


def padded_pair(rng: np.random.Generator, garbage: float = 9.0) -> tuple[Array, Array]:
    """A batch of three steps, and the same with two steps of padding that `keras.layers.Masking(9.0)` finds."""
    short = rng.standard_normal((B, 3, D)).astype("float32")
    return short, np.concatenate([short, np.full((B, 2, D), garbage, "float32")], axis=1)


@pytest.mark.usefixtures("fresh_keras")
@pytest.mark.parametrize("kind", [*LOOPED, "bidirectional"])
def test_the_implicit_mask_survives_a_given_initial_state(kind: str, rng: np.random.Generator) -> None:
    """Deviation: Keras drops the implicit mask when `initial_state` is a tensor argument, as in every decoder."""
    sequence = keras.Input((None, D))
    if kind == "bidirectional":
        layer: Any = layers.Bidirectional(layers.LSTM(U, return_sequences=True))
        given = [keras.Input((U,)) for _ in range(4)]
    else:
        layer = make(layers, kind, return_sequences=True)
        given = [keras.Input((U,)) for _ in initial(kind, rng)]
    hidden = layer(keras.layers.Masking(9.0)(sequence), initial_state=given)
    model = keras.Model([sequence, *given], [hidden, layers.GRU(2)(hidden)])
    states = [rng.standard_normal((B, U)).astype("float32") for _ in given]
    short, long = padded_pair(rng)
    expected, actual = model([short, *states]), model([long, *states])
    assert_close(actual[0][:, :3], expected[0], 1e-6)
    assert_close(actual[1], expected[1], 1e-6)
    if kind == "bidirectional":
        np.testing.assert_array_equal(actual[0][:, 3:], 0.0)
    reloaded = keras.Model.from_config(model.get_config())
    reloaded.set_weights(model.get_weights())
    assert_close(reloaded([long, *states])[1], expected[1], 1e-6)


@pytest.mark.usefixtures("fresh_keras")
@pytest.mark.parametrize("gates", [True] if JAX else [False, True], ids=["gates"] if JAX else ["plain", "gates"])
@pytest.mark.parametrize("kind", LOOPED)
def test_a_backward_layer_passes_its_mask_on_reversed(kind: str, gates: bool, rng: np.random.Generator) -> None:
    """Deviation: with `go_backwards` and `return_sequences` Keras reverses the outputs but not their mask."""
    sequence = keras.Input((None, D))
    first = make(layers, kind, return_sequences=True, go_backwards=True, return_gates=gates)
    hidden = first(keras.layers.Masking(9.0)(sequence))
    hidden = hidden[0] if gates else hidden
    model = keras.Model(sequence, make(layers, kind)(hidden))
    short, long = padded_pair(rng)
    assert_close(model(long), model(short), 1e-6)
    assert_close(model.predict(long, verbose=0), model(short), 1e-6)


@pytest.fixture
def later_keras(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keras after 3.15: its recurrent layers and wrappers no longer say that they support masks."""
    for base in (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.TimeDistributed):

        def forgetful(self: Any, *args: Any, construct: Any = base.__init__, **kwargs: Any) -> None:
            construct(self, *args, **kwargs)
            self.supports_masking = False

        monkeypatch.setattr(base, "__init__", forgetful)
    yield


@pytest.mark.usefixtures("fresh_keras", "later_keras")
@pytest.mark.parametrize("kind", [*LOOPED, "bidirectional"])
def test_masks_are_passed_on_without_keras_help(kind: str) -> None:
    tokens = keras.Input((None,), dtype="int32")
    hidden: Any = keras.layers.Embedding(7, D, mask_zero=True)(tokens)
    for _ in range(2):
        layer: Any = make(layers, "lstm" if kind == "bidirectional" else kind, return_sequences=True)
        hidden = (layers.Bidirectional(layer) if kind == "bidirectional" else layer)(hidden)
    model = keras.Model(tokens, [keras.layers.Attention()([hidden, hidden]), layers.GRU(2)(hidden)])
    short, long = np.array([[3, 1, 4]]), np.array([[3, 1, 4, 0, 0]])
    expected, actual = model(short), model(long)
    assert_close(actual[0][:, :3], expected[0], 1e-6)
    assert_close(actual[1], expected[1], 1e-6)


@pytest.mark.usefixtures("fresh_keras")
@pytest.mark.parametrize("state", [False, True], ids=["output", "output and states"])
@pytest.mark.parametrize("gates", [False, True], ids=["plain", "gates"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["layer", "Bidirectional"])
def test_every_form_of_output_passes_the_mask_on(
    wrapped: bool, gates: bool, state: bool, rng: np.random.Generator
) -> None:
    sequence = keras.Input((None, D))
    layer: Any = layers.LSTM(U, return_sequences=True, return_state=state, return_gates=gates)
    hidden = (layers.Bidirectional(layer) if wrapped else layer)(keras.layers.Masking(9.0)(sequence))
    hidden = hidden[0] if gates or state else hidden
    model = keras.Model(sequence, layers.GRU(2)(hidden))
    short, long = padded_pair(rng)
    assert_close(model(long), model(short), 1e-6)


@pytest.mark.parametrize("wrapped", [False, True], ids=["LSTM", "Bidirectional"])
def test_no_time_steps_in_a_model(wrapped: bool) -> None:
    layer: Any = layers.LSTM(U, return_sequences=True, dropout=0.1, recurrent_dropout=0.1)
    layer = layers.Bidirectional(layer) if wrapped else layer
    model = keras.Sequential([keras.Input((None, D)), layer, layers.GRU(2, stateful=False)])
    np.testing.assert_array_equal(model(np.zeros((B, 0, D), "float32"), training=True), np.zeros((B, 2)))
    np.testing.assert_array_equal(model.predict(np.zeros((B, 0, D), "float32"), verbose=0), np.zeros((B, 2)))
