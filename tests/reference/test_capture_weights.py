"""Weights by gate, and the gradients by them, against central differences of the float64 oracle."""

from typing import Any

import keras
import numpy as np
import numpy_cells
import pytest
from capture_cases import own_choice, randomised, softmax
from keras import layers as kl
from numpy_cells import Array, central_differences

import kerasrnn.layers as ours
from kerasrnn.viz import capture_weight_gradients, capture_weights

pytestmark = pytest.mark.usefixtures("float64")
B, T, D, U, V = 2, 4, 3, 3, 4
GATES = {"LSTM": ("input", "forget", "candidate", "output"), "GRU": ("update", "reset", "candidate")}


def model_of(layer: Any, rng: np.random.Generator) -> Any:
    return randomised(keras.Sequential([keras.Input((T, D)), layer, kl.Dense(V, activation="softmax")]), rng)


@pytest.mark.parametrize("module", [kl, ours], ids=["keras", "ours"])
@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_gradients_by_gate(rng: np.random.Generator, module: Any, name: str) -> None:
    layer = getattr(module, name)(U, name="r")
    model = model_of(layer, rng)
    x = rng.standard_normal((B, T, D))
    weights, (kernel, bias) = layer.get_weights(), model.layers[-1].get_weights()
    kind = {"SimpleRNN": "simple_rnn"}.get(name, name.lower())

    def loss() -> float:
        step = getattr(numpy_cells, kind)(*weights)
        last = numpy_cells.scan(kind, step, x, None, U).last
        return own_choice(softmax(last @ kernel + bias)) / B

    found = capture_weight_gradients(model, x)
    assert found.facts["loss"] == "−log p of the model's own choice, a mean over 2 rows"
    keys = []
    for weight, array in zip(("kernel", "recurrent_kernel", "bias"), weights, strict=True):
        slope = central_differences(loss, array, 1e-6)
        gates = GATES.get(name, ("",))
        for gate, pull, part in zip(
            gates, np.split(slope, len(gates), axis=-1), np.split(array, len(gates), axis=-1), strict=True
        ):
            keys.append(f"r/{weight}/{gate}".rstrip("/"))
            expected = [np.linalg.norm(pull), np.linalg.norm(pull) / np.linalg.norm(part)]
            np.testing.assert_allclose(found.arrays[keys[-1]], expected, atol=1e-8, err_msg=keys[-1])
            assert expected[0] > 1e-4
    assert list(found.arrays) == keys


def test_targets_layers_and_what_is_not_trained(rng: np.random.Generator) -> None:
    low, high = kl.GRU(U, return_sequences=True, name="low"), kl.LSTM(U, name="high")
    model = randomised(keras.Sequential([keras.Input((T, D)), low, high, kl.Dense(V, activation="softmax")]), rng)
    model.compile(loss="sparse_categorical_crossentropy")
    x, y = rng.standard_normal((B, T, D)), np.array([1, 2])
    both = capture_weight_gradients(model, x, target=y)
    assert both.layer == "low, high"
    only = capture_weight_gradients(model, x, target=y, layer="high")
    assert set(only.arrays) == {key for key in both.arrays if key.startswith("high/")}
    for key, pair in only.arrays.items():
        np.testing.assert_allclose(pair, both.arrays[key])
    parts = [capture_weight_gradients(model, x[row : row + 1], target=y[row : row + 1]) for row in range(B)]
    assert both.arrays["low/bias/update"][0] <= sum(part.arrays["low/bias/update"][0] for part in parts) / B + 1e-12
    low.trainable = False
    assert capture_weight_gradients(model, x, target=y).arrays.keys() == only.arrays.keys()
    with pytest.raises(ValueError, match="low has no weights that are trained"):
        capture_weight_gradients(model, x, target=y, layer="low")


LAYERS: dict[str, Any] = {
    "LSTM": lambda: ours.LSTM(U, name="r"),
    "Bidirectional": lambda: kl.Bidirectional(kl.GRU(U), name="r"),
    "stack": lambda: kl.RNN([kl.LSTMCell(U), ours.GRUCell(2)], name="r"),
    "peepholes": lambda: ours.PeepholeLSTM(U, name="r"),
    "IndRNN": lambda: ours.IndRNN(U, name="r"),
    "MinGRU": lambda: ours.MinGRU(U, name="r"),
    "LayerNormGRU": lambda: ours.LayerNormGRU(U, name="r"),
    "SimpleRNN": lambda: kl.SimpleRNN(U, name="r"),
}
KEYS = {
    "LSTM": ["kernel/input", "recurrent_kernel/candidate", "bias/output"],
    "Bidirectional": ["forward/kernel/update", "backward/recurrent_kernel/reset", "backward/bias/candidate"],
    "stack": ["0/kernel/forget", "1/recurrent_kernel/update"],
    "peepholes": ["kernel/candidate", "forget_peephole"],
    "IndRNN": ["kernel", "recurrent_kernel"],
    "MinGRU": ["kernel/update"],
    "LayerNormGRU": ["recurrent_kernel/reset"],
    "SimpleRNN": ["kernel", "recurrent_kernel", "bias"],
}


@pytest.mark.parametrize("name", LAYERS)
def test_weights_by_gate(rng: np.random.Generator, name: str) -> None:
    layer = LAYERS[name]()
    found = capture_weights(model_of(layer, rng))
    assert {f"r/{key}" for key in KEYS[name]} <= set(found.arrays)
    count = sum(array.size for array in found.arrays.values())
    assert count == layer.count_params(), "each weight once"
    everything = np.sort(np.concatenate([np.ravel(weight) for weight in layer.get_weights()]))
    np.testing.assert_array_equal(np.sort(np.concatenate([a.ravel() for a in found.arrays.values()])), everything)
    for key, values in found.facts["singular values"].items():
        array = found.arrays[f"r/{key}"]
        np.testing.assert_allclose(np.square(values).sum(), np.square(array).sum(), err_msg=key)
    for key, radius in found.facts["spectral radius"].items():
        array: Array = found.arrays[f"r/{key}"]
        if array.ndim == 1:
            assert radius == np.abs(array).max()
            continue
        grown, start = np.linalg.matrix_power(array / radius, 400), np.linalg.matrix_power(array / radius, 200)
        assert np.linalg.norm(grown) == pytest.approx(np.linalg.norm(start), rel=10), "neither grows nor fades"
    if name == "LSTM":
        kernel = layer.get_weights()[0]
        np.testing.assert_array_equal(found.arrays["r/kernel/forget"], kernel[:, U : 2 * U])


def test_a_decoder_and_refusals(rng: np.random.Generator) -> None:
    inputs = keras.Input((T, D))
    memory = kl.GRU(U, return_sequences=True, name="encoder")(inputs)
    decoder = ours.AttentionDecoder(ours.LSTMCell(2), ours.BahdanauAttention(4), name="decoder")
    model = keras.Model(inputs, decoder(inputs, memory))
    assert capture_weights(model).note == "layer encoder, the first (others: decoder)"
    found = capture_weights(model, layer="decoder")
    assert found.arrays["decoder/recurrent_kernel/forget"].shape == (2, 2)
    with pytest.raises(ValueError, match=r"one of .*decoder"):
        capture_weights(model, layer="dekoder")
    with pytest.raises(TypeError, match="model: expected a Keras model"):
        capture_weights("model")
    with pytest.raises(ValueError, match="'early' has no weights yet"):
        capture_weights(kl.LSTM(U, name="early"))
    layer = kl.LSTM(U, name="r")
    broken = model_of(layer, rng)
    layer.set_weights([np.full_like(weight, np.nan) for weight in layer.get_weights()])
    found = capture_weights(broken)
    assert "not finite: r/kernel/input" in found.note
    assert found.facts["spectral radius"]["recurrent_kernel/input"] is None


def test_too_many_steps_are_refused_before_they_are_run() -> None:
    model = keras.Sequential([keras.Input((None, D)), kl.LSTM(U), kl.Dense(V, activation="softmax")])
    with pytest.raises(ValueError, match=r"inputs: expected at most 20,000 steps, received 20,001"):
        capture_weight_gradients(model, np.zeros((1, 20_001, D)))
