"""The optimizer of the recipes: AdamW to the bit, with the norms that NumPy finds."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn import layers
from kerasrnn.zoo.training.optimizer import WatchedAdamW, gates_of

pytestmark = pytest.mark.tensorflow
CLIP = 1.5


def build() -> keras.Model:
    keras.utils.set_random_seed(2)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(7, 3, mask_zero=True, name="table")(ids)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True, name="lstm"), name="both")(x)
    x = layers.GRU(5, name="gru")(x)
    return keras.Model(ids, keras.layers.Dense(2, name="last")(x))


def data() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(3)
    return [(rng.integers(1, 7, (6, 5)), 30.0 ** (i % 2) * rng.standard_normal((6, 2))) for i in range(5)]


def trained(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> list[np.ndarray]:
    model.compile(optimizer, "mse", jit_compile=False)
    for x, y in data():
        model.train_on_batch(x, y)
    if optimizer.use_ema:
        optimizer.finalize_variable_values(model.trainable_variables)
    return [np.array(variable.value) for variable in model.weights]


def test_its_updates_are_those_of_keras_to_the_bit() -> None:
    options = {"learning_rate": 0.02, "weight_decay": 0.01, "use_ema": True, "ema_momentum": 0.9}
    one, other = build(), build()
    watched = trained(WatchedAdamW(one, CLIP, **options), one)
    plain = trained(keras.optimizers.AdamW(global_clipnorm=CLIP, **options), other)
    for mine, theirs in zip(watched, plain, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_norms_are_those_of_numpy() -> None:
    """Means over the steps since the last reading, before clipping; a word counts each time that it occurs."""
    import tensorflow as tf

    model = build()
    optimizer = WatchedAdamW(model, CLIP, learning_rate=0.0)  # so that every gradient can be found again
    trained(optimizer, model)
    found = optimizer.read()

    totals, gates = [], {}
    for x, y in data():
        with tf.GradientTape() as tape:
            loss = ops.mean(ops.square(model(x, training=True) - y))
        grads = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        arrays = [np.asarray(getattr(grad, "values", grad), float) for grad in grads]
        totals.append(np.sqrt(sum((array**2).sum() for array in arrays)))
        for variable, array in zip(model.trainable_variables, arrays, strict=True):
            names = {"lstm": ["input", "forget", "candidate", "output"], "gru": ["update", "reset", "candidate"]}
            kind = "lstm" if "lstm_cell" in variable.path else "gru" if "gru_cell" in variable.path else None
            if kind and variable.path.endswith("kernel"):
                units = {"lstm": 4, "gru": 5}[kind]
                for i, gate in enumerate(names[kind]):
                    norm = np.linalg.norm(array[:, i * units : (i + 1) * units])
                    gates.setdefault(f"gradient_norm/{variable.path}/{gate}", []).append(norm)
    assert found.pop("gradient_norm") == pytest.approx(np.mean(totals), rel=1e-4)
    clipped = np.mean(np.array(totals) > CLIP)
    assert found.pop("clip_fraction") == pytest.approx(clipped)
    assert 0 < clipped < 1
    assert len(gates) == 2 * 2 * 4 + 2 * 3
    assert found == pytest.approx({name: np.mean(norms) for name, norms in gates.items()}, rel=1e-4)
    assert set(optimizer.read().values()) == {0.0}, "read once"


def test_only_kernels_of_gates_are_watched() -> None:
    found = gates_of(build())
    assert {len(gates) for gates in found.values()} == {3, 4}
    assert all(path.endswith("kernel") and "cell" in path for path in found)
    simple = keras.Sequential([keras.Input((None, 2)), layers.SimpleRNN(3), keras.layers.Dense(1)])
    assert all(len(gates) == 1 for gates in gates_of(simple).values())
