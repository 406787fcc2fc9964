"""A watched optimizer does what it did, to the last bit, and tells the norms and the clipping."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl

from kerasrnn.viz import GradientWatch, watch, watched
from kerasrnn.viz.gradient_watch import watch_of

Make = Callable[[], Any]
OPTIMIZERS: dict[str, Make] = {
    "plain": lambda: keras.optimizers.Adam(1e-2),
    "clipnorm": lambda: keras.optimizers.Adam(1e-2, clipnorm=0.05),
    "global_clipnorm": lambda: keras.optimizers.SGD(0.5, momentum=0.9, global_clipnorm=0.25),
    "clipvalue": lambda: keras.optimizers.RMSprop(1e-2, clipvalue=0.01),
    "never reached": lambda: keras.optimizers.Adam(1e-2, global_clipnorm=1e3),
    "accumulation": lambda: keras.optimizers.Adam(1e-2, gradient_accumulation_steps=4, global_clipnorm=0.1),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-2, clipnorm=0.05)),
    "averaged": lambda: keras.optimizers.AdamW(1e-2, weight_decay=0.1, use_ema=True),
}
WAYS = {"graph": {}, "compiled": {"jit_compile": True}, "eager": {"run_eagerly": True}}
X = np.random.default_rng(0).integers(1, 20, (32, 6))
Y = np.random.default_rng(1).integers(0, 3, 32)


def trained(optimizer: Any, **how: Any) -> Any:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    embedded = kl.Embedding(20, 4, mask_zero=True, name="embedding")(inputs)
    model = keras.Model(inputs, kl.Dense(3, "softmax")(kl.GRU(5, name="gru")(embedded)))
    model.compile(optimizer, "sparse_categorical_crossentropy", **({"jit_compile": False} | how))
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False)
    return model


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_are_the_same_to_the_last_bit(name: str) -> None:
    ways = WAYS if name in ("clipnorm", "loss scale") else {"graph": WAYS["graph"]}
    for how in ways.values():
        plain, optimizer = trained(OPTIMIZERS[name](), **how), watch(OPTIMIZERS[name]())
        model = trained(optimizer, **how)
        for one, other in zip(plain.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        for one, other in zip(plain.optimizer.variables, model.optimizer.variables, strict=True):
            np.testing.assert_array_equal(one, other)
        watching = watched(optimizer)
        assert watching.updates == (2 if name == "accumulation" else 8)
        expected = {"plain": 0.0, "averaged": 0.0, "never reached": 0.0, "clipvalue": 1.0, "clipnorm": 1.0}
        if name in expected:
            assert watching.clip_fraction == expected[name]


def test_norms_are_those_of_the_gradients() -> None:
    """By hand: of two variables, one of them looked up twice in one row, on a clip that some reach and some do not."""
    table, weight = keras.Variable(np.ones((4, 2)), name="table"), keras.Variable([1.0, 2.0], name="weight")
    optimizer = watch(keras.optimizers.SGD(0.0, global_clipnorm=10.0))
    watching = watched(optimizer)
    assert isinstance(watching, GradientWatch)
    assert watching.read() == {}
    assert watching.clip_fraction is None
    twice = tf.IndexedSlices(tf.constant([[3.0, 0.0], [0.0, 1.0], [0.0, 4.0]]), tf.constant([1, 2, 1]), (4, 2))
    optimizer.apply([twice, tf.constant([0.0, 12.0])], [table, weight])
    optimizer.apply([tf.zeros((4, 2)), tf.constant([3.0, 4.0])], [table, weight])
    figures = watching.read()
    global_norm = np.sqrt(3**2 + 1 + 4**2 + 12**2)
    assert figures["gradient_norm"] == pytest.approx((global_norm + 5) / 2)
    assert figures["gradient_norm/largest"] == pytest.approx(global_norm)
    assert figures["gradient_norm/table"] == 0
    assert figures["gradient_norm/weight"] == pytest.approx(5)
    assert figures["clip_fraction"] == 0.5
    assert watching.read() == {}, "nothing since"
    optimizer.apply([tf.zeros((4, 2)), tf.constant([np.nan, 4.0])], [table, weight])
    optimizer.apply([tf.zeros((4, 2)), tf.constant([1e-25, 0.0])], [table, weight])
    figures = watching.read()
    assert figures["nonfinite_gradients"] == 1
    assert figures["gradient_norm"] == pytest.approx(1e-25), "its square is none in float32"
    assert figures["gradient_norm/largest"] == pytest.approx(1e-25), "since the last reading"
    assert watching.clip_fraction == 0.25


def test_a_clip_is_counted_where_it_changes_the_gradient() -> None:
    norms = [0.5, 0.99, 1.01, 3.0]
    for options in ({"clipnorm": 1.0}, {"global_clipnorm": 1.0}, {"clipvalue": 1.0}):
        weight = keras.Variable([0.0, 0.0])
        optimizer = watch(keras.optimizers.SGD(1.0, **options))
        for norm in norms:
            optimizer.apply([tf.constant([0.0, norm])], [weight])
        assert watched(optimizer).clip_fraction == 0.5, options


def test_the_loss_scale_is_taken_away_first() -> None:
    plain, scaled = (watch(OPTIMIZERS[name]()) for name in ("clipnorm", "loss scale"))
    for optimizer in (plain, scaled):
        trained(optimizer)
    one, other = watched(plain).read(), watched(scaled).read()
    assert one["gradient_norm"] == pytest.approx(other["gradient_norm"], rel=1e-4)
    assert watched(scaled.inner_optimizer) is watched(scaled)


def test_a_saved_model_has_the_plain_optimizer(tmp_path: Path) -> None:
    model = trained(watch(OPTIMIZERS["clipnorm"]()))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is keras.optimizers.Adam
    assert watch_of(loaded.optimizer) is None
    for one, other in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    watch(loaded.optimizer)
    loaded.fit(X, Y, batch_size=8, verbose=0)
    assert watched(loaded.optimizer).updates == 4


def test_refusals() -> None:
    with pytest.raises(TypeError, match="optimizer: expected a Keras optimizer"):
        watch("adam")
    with pytest.raises(ValueError, match=r"call watch\(optimizer\) first"):
        watched(keras.optimizers.SGD())
    optimizer = watch(keras.optimizers.SGD())
    assert watch(optimizer) is optimizer
    first, second = keras.Variable([1.0], name="first"), keras.Variable([1.0], name="second")
    optimizer.build([first, second])
    optimizer.apply([tf.constant([1.0])], [first])
    with pytest.raises(RuntimeError, match="it had 1 and now gets 2"):
        optimizer.apply([tf.constant([1.0])] * 2, [first, second])
    with tf.distribute.OneDeviceStrategy("cpu:0").scope(), pytest.raises(RuntimeError, match="distribution strategy"):
        watch(keras.optimizers.SGD())
