"""What single cells that Keras does not have promise beyond their equations."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from backend import MODES, compiled, to_tensor
from layer_cases import B, D, T, U, assert_close, call, inputs

from kerasrnn import layers


def reservoir(units: int = 60, **options: Any) -> Any:
    layer = layers.ESN(units, **options)
    layer.build((None, None, D))
    return layer


def test_a_reservoir_has_the_radius_and_the_connections_asked_for() -> None:
    for radius, connectivity in [(0.5, 0.1), (0.9, 0.3), (1.2, 1.0)]:
        matrix = np.asarray(reservoir(spectral_radius=radius, connectivity=connectivity, seed=2).cell.recurrent_kernel)
        assert abs(np.abs(np.linalg.eigvals(matrix.astype("float64"))).max() - radius) < 1e-5
        error = np.sqrt(connectivity * (1.0 - connectivity) / matrix.size)
        assert abs((matrix != 0.0).mean() - connectivity) <= 4.0 * error


def test_a_reservoir_is_not_trained(rng: np.random.Generator) -> None:
    model = keras.Sequential([keras.Input((None, D)), layers.ESN(20, connectivity=0.5, seed=0), keras.layers.Dense(1)])
    before = model.layers[0].get_weights()
    model.compile("sgd", "mse")
    model.train_on_batch(inputs(rng), np.ones((B, 1)))
    assert len(model.trainable_weights) == 2
    assert_close(model.layers[0].get_weights(), before, 0.0)


def test_a_seed_decides_a_reservoir(tmp_path: Path, rng: np.random.Generator) -> None:
    """Both kernels; not an initializer that has a seed of its own. A file holds the weights, not the draw."""
    keras.utils.set_random_seed(1)
    first = reservoir(seed=5).get_weights()
    keras.utils.set_random_seed(2)
    assert_close(reservoir(seed=5).get_weights(), first, 0.0)
    other = reservoir(seed=6).get_weights()
    assert np.abs(other[0] - first[0]).max() > 0.01
    assert np.abs(other[1] - first[1]).max() > 0.01
    own = keras.initializers.RandomNormal(seed=9)
    kernels = [reservoir(seed=seed, kernel_initializer=own).get_weights()[0] for seed in (5, 6)]
    np.testing.assert_array_equal(*kernels)
    model = keras.Sequential([keras.Input((T, D)), layers.ESN(40)])
    model.save(tmp_path / "m.keras")
    x = inputs(rng).astype("float32")
    assert_close(keras.saving.load_model(tmp_path / "m.keras")(x), model(x), 1e-6)


def test_a_reservoir_is_made_in_every_way_of_building(rng: np.random.Generator) -> None:
    """Its eigenvalues come from NumPy, which must not meet a symbolic tensor."""
    x = to_tensor(inputs(rng), "float32")
    graph = layers.ESN(20, connectivity=0.5, seed=4)
    first = compiled(lambda x: graph(x), MODES[1])(x)
    assert_close(first, reservoir(20, connectivity=0.5, seed=4)(x), 1e-6)
    model = keras.Sequential([layers.ESN(20, connectivity=0.5, seed=4)])
    assert_close(model.predict(x, verbose=0), first, 1e-6)


def test_refusals_of_a_reservoir() -> None:
    for name, values in {
        "connectivity": (0.0, -0.1, 1.1, "all", None),
        "leaky": (0.0, -0.1, 1.1, "all", None),
        "spectral_radius": (0.0, -0.1, float("nan"), float("inf"), "large", None),
    }.items():
        for value in values:
            for build in (layers.ESN, layers.ESNCell):
                with pytest.raises(ValueError, match=f"`{name}` must be"):
                    build(U, **{name: value})
    for name in ("kernel_regularizer", "recurrent_constraint", "bias_regularizer"):
        with pytest.raises(ValueError, match=f"`{name}` must be None"):
            layers.ESN(U, **{name: "l2" if "regularizer" in name else "non_neg"})
    with pytest.raises(ValueError, match="`connectivity` must leave a reservoir with cycles"):
        reservoir(2, connectivity=1e-6, seed=0)


def test_the_clip_of_an_ind_rnn_holds_from_the_start_and_in_training(rng: np.random.Generator) -> None:
    layer = layers.IndRNN(50, recurrent_clip=0.5)
    model = keras.Sequential([keras.Input((None, D)), layer, keras.layers.Dense(1)])
    start = np.asarray(layer.cell.recurrent_kernel)
    assert start.min() >= 0.0
    assert (start == 0.5).sum() > 10
    model.compile(keras.optimizers.SGD(10.0), "mse")
    for _ in range(3):
        model.train_on_batch(inputs(rng), np.ones((B, 1)))
    now = np.asarray(layer.cell.recurrent_kernel)
    assert np.abs(now).max() <= 0.5
    assert np.abs(now - start).max() > 0.01
    free = layers.IndRNN(500)
    free.build((None, None, D))
    assert 0.95 < np.asarray(free.cell.recurrent_kernel).max() <= 1.0
    assert np.asarray(free.cell.recurrent_kernel).min() >= 0.0


def test_refusals_of_options_that_do_nothing() -> None:
    with pytest.raises(ValueError, match="`recurrent_dropout` must be 0"):
        layers.IndRNN(U, recurrent_dropout=0.5)
    for wrong in (0.0, -1.0, float("inf")):
        with pytest.raises(ValueError, match="`recurrent_clip` must be above 0"):
            layers.IndRNN(U, recurrent_clip=wrong)
    with pytest.raises(ValueError, match="Give one of them"):
        layers.IndRNN(U, recurrent_clip=1.0, recurrent_constraint="non_neg")
    for layer in (layers.MinGRU, layers.MinLSTM):
        with pytest.raises(ValueError, match="recurrent_dropout"):
            layer(U, recurrent_dropout=0.5)
    for layer in (layers.LayerNormSimpleRNN, layers.LayerNormLSTM, layers.LayerNormGRU):
        with pytest.raises(ValueError, match="`norm_epsilon` must be above 0"):
            layer(U, norm_epsilon=0.0)
    with pytest.raises(TypeError, match="by name"):
        layers.MinGRU(U, "tanh")


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_gates_of_a_min_lstm_are_finite_where_both_vanish(dtype: str) -> None:
    """Input and forget gates of σ(-200) and σ(-199): written as a quotient that is 0/0."""
    cell = layers.MinLSTMCell(1, dtype=dtype)
    a, b, gates = cell.linear(to_tensor([[-200.0, -199.0, 2.0]], dtype))
    expected = 1.0 / (1.0 + np.exp(-1.0))
    np.testing.assert_allclose(np.asarray(a, "float64"), expected, rtol=1e-2)
    np.testing.assert_allclose(np.asarray(b, "float64"), 2.0 * (1.0 - expected), rtol=1e-2)
    np.testing.assert_allclose(np.asarray(gates["input"] + gates["forget"], "float64"), 1.0, rtol=1e-2)


@pytest.mark.parametrize("name", ["MinGRU", "MinLSTM"])
def test_linear_gives_the_whole_sequence_at_once(name: str, rng: np.random.Generator) -> None:
    layer = getattr(layers, name)(U, return_sequences=True, dtype="float64", activation="tanh")
    x = to_tensor(inputs(rng))
    expected = call(layer, x)
    a, b, _ = layer.cell.linear(layer.cell.project(x) + layer.cell.project_bias())
    h, outputs = np.zeros((B, U)), []
    for t in range(T):
        h = np.asarray(a)[:, t] * h + np.asarray(b)[:, t]
        outputs.append(h)
    assert_close(np.stack(outputs, axis=1), expected, 1e-12)


def test_layer_normalisation_in_half_precision_does_not_overflow() -> None:
    """The squares of what float16 can hold exceed it."""
    from kerasrnn.layers.layer_norm import layer_norm

    x = to_tensor([[-3000.0, 1000.0, 500.0, 1500.0]], "float16")
    found = layer_norm(x, 1e-3, keras.ops.ones((4,), "float16"))
    wide = np.asarray(x, "float64")
    assert found.dtype == "float16"
    np.testing.assert_allclose(np.asarray(found, "float64"), (wide - wide.mean()) / wide.std(), rtol=2e-3)


def test_layer_normalisation_does_not_see_the_scale_of_the_input(rng: np.random.Generator) -> None:
    """Nor a kernel's scale: what it is for. Biases and gains alone set the range of the gates."""
    for name in ("LayerNormLSTM", "LayerNormGRU"):
        layer = getattr(layers, name)(U, norm_epsilon=1e-12, dtype="float64")
        x = inputs(rng)
        assert_close(call(layer, 50.0 * x), call(layer, x), 1e-6)
