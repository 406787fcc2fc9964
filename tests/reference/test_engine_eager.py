"""The loops that are compiled for eager use after a while: the same numbers, with the weights of the moment."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from layer_cases import KINDS, D, T, assert_close, inputs, make, random_weights

from kerasrnn import engine, layers
from kerasrnn.engine import recurrence

TOLERANCE = 1e-11


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_for_eager_use_after_a_while(kind: str, rng: np.random.Generator, monkeypatch: Any) -> None:
    layer = make(layers, kind, dtype="float64", return_sequences=True)
    layer.build((None, None, D))
    random_weights(layer, rng)
    x = tf.constant(inputs(rng))

    def run() -> Any:
        with tf.GradientTape() as tape:
            y = layer(x)
            loss = tf.reduce_sum(y**3)
        return y, tape.gradient(loss, layer.trainable_variables)

    monkeypatch.setattr(recurrence, "EAGER_STEPS", 2 * T)
    first, again, compiled = run(), run(), run()
    assert layer.cell._programs, "the third call had nothing compiled"
    for other in (again, compiled):
        assert_close(tf.nest.map_structure(np.asarray, other), tf.nest.map_structure(np.asarray, first), TOLERANCE)


@pytest.mark.parametrize("recompute", [False, True])
def test_weights_that_are_assigned_are_read(
    recompute: bool, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, x = layers.LSTM(4, dtype="float64", recompute=recompute), tf.constant(inputs(rng))
    layer.build(x.shape)

    def run() -> Any:
        with tf.GradientTape() as tape:
            y = layer(x, training=True)
            loss = tf.reduce_sum(y**3)
        return tf.nest.map_structure(np.asarray, [y, *tape.gradient(loss, layer.trainable_variables)])

    monkeypatch.setattr(recurrence, "EAGER_STEPS", 0)
    for _ in range(3):
        random_weights(layer, rng)
        with engine.portable():
            expected = run()
        assert_close(run(), expected, TOLERANCE)
    assert layer.cell._programs, "nothing was compiled"


def test_a_stateless_call_keeps_no_weights(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrence, "EAGER_STEPS", 0)
    layer = layers.LSTM(4, dtype="float64")
    x = tf.constant(inputs(rng))
    layer.build((None, T, D))
    own, others = layer.get_weights(), layer.non_trainable_variables
    for factor in (1.0, 3.0, 1.0):
        values = [factor * weight for weight in own]
        layer.set_weights(values)
        with engine.portable():
            expected = np.asarray(layer(x))
        layer.set_weights(own)
        found, _ = layer.stateless_call([tf.constant(value) for value in values], others, x)
        assert_close(np.asarray(found), expected, TOLERANCE)
    layer.set_weights(values)
    assert_close(np.asarray(layer(x)), expected, TOLERANCE)
