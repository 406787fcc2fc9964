"""Long loops have their gradients through time in a graph: the same as step by step, and as central differences."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from capture_cases import randomised
from keras import layers as kl

import kerasrnn.layers as ours
from kerasrnn.engine import recurrence
from kerasrnn.viz import capture_gradients, probe_figures
from kerasrnn.viz.capture import compiled

pytestmark = pytest.mark.usefixtures("float64")
B, T, D, U = 2, 9, 3, 4
MASK = np.arange(T * B).reshape(B, T) % 4 > 0
LAYERS: dict[str, Any] = {
    "Keras LSTM": lambda: kl.LSTM(U, return_sequences=True, name="r"),
    "Keras GRU backwards": lambda: kl.GRU(U, go_backwards=True, reset_after=False, name="r"),
    "SimpleRNN": lambda: ours.SimpleRNN(U, return_sequences=True, zero_output_for_mask=True, name="r"),
    "peepholes": lambda: ours.PeepholeLSTM(U, name="r"),
    "MinGRU": lambda: ours.MinGRU(U, name="r"),
    "LayerNormLSTM": lambda: ours.LayerNormLSTM(U, return_sequences=True, name="r"),
    "stack": lambda: kl.RNN([kl.LSTMCell(U), ours.GRUCell(U), kl.SimpleRNNCell(2)], return_sequences=True, name="r"),
    "both ways": lambda: kl.Bidirectional(kl.GRU(U, return_sequences=True), name="r"),
    "gates": lambda: ours.GRU(U, return_gates=True, name="r"),
}


def model_of(layer: Any, rng: np.random.Generator) -> keras.Model:
    inputs, mask = keras.Input((T, D)), keras.Input((T,), dtype="bool")
    below = kl.GRU(D, return_sequences=True, name="below")(inputs, mask=mask)
    outputs = layer(below, mask=mask)
    if isinstance(outputs, (list, tuple)):
        outputs = outputs[0] + kl.GlobalAveragePooling1D()(outputs[1]["update"])
    return randomised(keras.Model([inputs, mask], kl.Dense(3, "softmax")(outputs)), rng)


@pytest.mark.parametrize("name", LAYERS)
def test_in_a_graph_as_step_by_step(rng: np.random.Generator, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = model_of(LAYERS[name](), rng), [rng.standard_normal((B, T, D)), MASK]
    slow = capture_gradients(model, x, layer="r"), probe_figures(model, x)
    monkeypatch.setattr(compiled, "_WORTH_IT", 2)
    traced: list[Any] = []
    own = compiled._traced
    monkeypatch.setattr(compiled, "_traced", lambda *args: traced.append(args) or own(*args))
    fast = capture_gradients(model, x, layer="r"), probe_figures(model, x)
    assert len(traced) >= 3, "no loop in a graph"
    for key, array in slow[0].arrays.items():
        assert array.max() > 1e-3
        np.testing.assert_allclose(fast[0].arrays[key], array, rtol=1e-9, atol=1e-12, err_msg=key)
    assert fast[0].facts["horizon"] == slow[0].facts["horizon"]
    assert fast[1].keys() == slow[1].keys()
    for key, value in slow[1].items():
        if isinstance(value, list):
            np.testing.assert_allclose(np.array(fast[1][key], float), np.array(value, float), rtol=1e-6, atol=1e-12)
        else:
            assert fast[1][key] == pytest.approx(value, rel=1e-6, abs=1e-12), key


def test_weights_that_change_are_read_anew(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_WORTH_IT", 2)
    model, x = model_of(kl.LSTM(U, name="r"), rng), [rng.standard_normal((B, T, D)), MASK]
    before = capture_gradients(model, x, layer="r").arrays["r/bptt"]
    randomised(model, rng)
    after = capture_gradients(model, x, layer="r").arrays["r/bptt"]
    monkeypatch.setattr(compiled, "_WORTH_IT", 99)
    assert not np.allclose(before, after)
    np.testing.assert_allclose(capture_gradients(model, x, layer="r").arrays["r/bptt"], after, rtol=1e-9)


@pytest.mark.tensorflow
def test_a_layer_that_has_run_often_runs_where_functions_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its compiled loop would call itself without end."""
    monkeypatch.setattr(recurrence, "EAGER_STEPS", 1)
    layer, x = ours.LSTM(U), np.random.default_rng(0).standard_normal((B, T, D))
    expected = [layer(x) for _ in range(3)][-1]
    tf.config.run_functions_eagerly(True)
    try:
        np.testing.assert_allclose(layer(x), expected, rtol=1e-12)
    finally:
        tf.config.run_functions_eagerly(False)
