"""Every way to ask TensorFlow for derivatives of a layer: by one tape or two, in a branch, and in whole matrices."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from engine_cases import TOLERANCE, case, reference
from layer_cases import U, assert_close

from kerasrnn import engine


@pytest.mark.parametrize("recompute", [False, True], ids=["adjoint", "recompute"])
@pytest.mark.parametrize("kind", ["lstm", "gru_v3", "min_gru"])
def test_in_a_branch(kind: str, recompute: bool, rng: np.random.Generator) -> None:
    """One side of a condition, with a tape around it."""
    layer, *given = case(kind, "holes", rng)
    results = []
    for run in (engine.recur, reference):

        @tf.function(autograph=False)
        def graph(side: Any, x: Any, states: Any, keep: Any, run: Any = run) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                last = tf.cond(
                    side,
                    lambda: run(layer.cell, x, states, keep, recompute=recompute).states[0],
                    lambda: x[:, 0, :U],
                )
            weights = [weight.value for weight in layer.cell.trainable_variables]
            return last, [tf.convert_to_tensor(each) for each in tape.gradient(last, [x, *weights])]

        tensors = tf.nest.map_structure(tf.constant, given)
        results.append(tf.nest.map_structure(np.asarray, graph(tf.constant(True), *tensors)))
    assert_close(*results, TOLERANCE)


@pytest.mark.parametrize("kind", ["lstm", "gru", "min_gru"])
@pytest.mark.parametrize("where", ["inside", "outside", "between"])
def test_gradients_of_gradients(kind: str, where: str, rng: np.random.Generator) -> None:
    """The tapes inside of a graph, outside of it, and one on either side: a penalty on gradients, as GANs have."""
    layer, x, *_ = case(kind, "none", rng)
    x, call = tf.constant(x), layer

    def first(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(call(x) ** 2)
        return tape.gradient(loss, x)

    def second(x: Any) -> Any:
        with tf.GradientTape() as tape:
            penalty = tf.reduce_sum(first(x) ** 2)
        return tape.gradient(penalty, layer.trainable_variables)

    expected = second(x)
    if where == "inside":
        second = tf.function(second)
    elif where == "outside":
        call = tf.function(layer)
    else:
        first = tf.function(first)
    assert_close([np.asarray(g) for g in second(x)], [np.asarray(g) for g in expected], TOLERANCE)


def test_a_persistent_tape(rng: np.random.Generator) -> None:
    layer, x, *_ = case("lstm", "none", rng)

    def run(x: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) ** 2)
        return [tape.gradient(loss, x), *tape.gradient(loss, layer.trainable_variables)]

    expected = [np.asarray(g) for g in run(tf.constant(x))]
    assert_close([np.asarray(g) for g in tf.function(run)(tf.constant(x))], expected, TOLERANCE)


def squares(layer: Any, x: Any) -> Any:
    return tf.reduce_sum(layer(x) ** 2)


def by_jacobian(layer: Any, x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = layer(x)
    return tape.jacobian(output, [x, *layer.trainable_variables])


def by_batch_jacobian(layer: Any, x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = layer(x)
    return [tape.batch_jacobian(output, x)]


@pytest.mark.parametrize("derivatives", [by_jacobian, by_batch_jacobian])
@pytest.mark.parametrize("kind", ["lstm", "min_gru"])
def test_other_derivatives(kind: str, derivatives: Any, rng: np.random.Generator) -> None:
    layer, x, *_ = case(kind, "none", rng)
    graph = tf.function(lambda x: derivatives(layer, x), autograph=False)
    found = [np.asarray(each) for each in graph(tf.constant(x))]
    with engine.portable():
        graph = tf.function(lambda x: derivatives(layer, x), autograph=False)
        expected = [np.asarray(each) for each in graph(tf.constant(x))]
    assert_close(found, expected, TOLERANCE)


@pytest.mark.parametrize("kind", ["lstm", "min_gru"])
def test_gradients_row_by_row(kind: str, rng: np.random.Generator) -> None:
    """Of each sequence's own loss, all at once; in Keras' loops a tape within `vectorized_map` is an error."""
    layer, x, *_ = case(kind, "none", rng)

    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = squares(layer, x)
        return tape.gradient(loss, x)

    found = tf.function(lambda x: tf.vectorized_map(lambda row: gradient(row[None])[0], x))(tf.constant(x))
    assert_close(np.asarray(found), np.asarray(gradient(tf.constant(x))), TOLERANCE)
