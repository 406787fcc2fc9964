"""What the engine has for JAX alone: recomputation, the parallel scan, loops within Keras' stateless training."""

from typing import Any

import keras
import numpy as np
import pytest
from backend import KEPT, gradients, to_tensor
from keras import ops
from layer_cases import LOOPED, MASKS, B, D, T, assert_close, call, initial, inputs, make, options_that_fit

from kerasrnn import layers

pytestmark = [pytest.mark.jax, pytest.mark.usefixtures("fresh_keras")]

TOLERANCE = 1e-11
ALL: dict[str, Any] = {"return_sequences": True, "return_state": True, "return_gates": True, "dtype": "float64"}


def outcome(layer: Any, x: Any, states: Any, mask: Any, mode: str = "eager") -> Any:
    """Everything that a layer returns in training, and every gradient of a loss in which all of it differs."""

    def run(x: Any, *states: Any) -> Any:
        found = layer(x, initial_state=list(states), mask=None if mask is None else to_tensor(mask), training=True)
        terms = keras.tree.flatten(found)
        return sum(ops.sum(ops.sin((i + 1.0) * term)) for i, term in enumerate(terms)), found

    found = gradients(run, layer.trainable_variables, [x, *states], mode)
    return [list(found.results), found.loss, found.sources, found.variables]


def pair(kind: str, rng: np.random.Generator, first: Any, second: Any, steps: int = T, **options: Any) -> Any:
    """Two layers of the same weights and seeds, one with the options `first` and one with `second`."""
    both = [make(layers, kind, **ALL, **options, **own) for own in (first, second)]
    for layer in both:
        layer.build((B, steps, D))
    both[0].set_weights([0.7 * rng.standard_normal(w.shape) for w in both[0].get_weights()])
    both[1].set_weights(both[0].get_weights())
    return both


@pytest.mark.parametrize(
    ("kind", "mask", "mode"), [("lstm", "none", "eager"), *((kind, "holes", "jit") for kind in LOOPED)]
)
def test_recompute_changes_no_number(kind: str, mask: str, mode: str, rng: np.random.Generator) -> None:
    """Five steps are two chunks, the second filled up; dropout and zoneout are drawn once, not again."""
    options = options_that_fit(kind, {"dropout": 0.3, "recurrent_dropout": 0.3}) | {"zoneout": 0.2, "seed": 1}
    backwards = {"go_backwards": mask != "none"}
    layer, plain = pair(kind, rng, {"recompute": True}, {"recompute": False}, **options, **backwards)
    arguments = inputs(rng), initial(kind, rng), MASKS[mask], mode
    assert_close(outcome(layer, *arguments), outcome(plain, *arguments), TOLERANCE)


def test_recompute_of_no_rows() -> None:
    layer = layers.LSTM(3, recompute=True, return_sequences=True)
    assert tuple(layer(np.zeros((0, T, D), "float32"), training=True).shape) == (0, T, 3)


@pytest.mark.parametrize(("steps", "go_backwards"), [(1, False), (9, True)])
@pytest.mark.parametrize("kind", ["min_gru", "min_lstm"])
def test_the_parallel_scan_is_the_loop(kind: str, steps: int, go_backwards: bool, rng: np.random.Generator) -> None:
    options = {"go_backwards": go_backwards, "zoneout": 0.2, "seed": 1}
    layer, plain = pair(kind, rng, {}, {"unroll": True}, steps, **options)
    arguments = inputs(rng, time=steps), initial(kind, rng), rng.random((B, steps)) < 0.7, "jit"
    assert_close(outcome(layer, *arguments), outcome(plain, *arguments), TOLERANCE)


@pytest.mark.parametrize(
    ("kind", "recompute"), [("lstm", False), ("gru", False), ("gru_v3", True), ("min_lstm", False)]
)
def test_fit_takes_the_gradients_of_every_weight(kind: str, recompute: bool, rng: np.random.Generator) -> None:
    """One step of `fit` on a masked embedding moves the weights by the gradients found outside of it."""
    tokens, target = np.array([[3, 1, 4, 0, 0], [2, 6, 5, 3, 5], [1, 0, 0, 0, 0]]), rng.standard_normal((B, 1))
    layer = make(layers, kind, recompute=recompute, dtype="float64")
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(7, D, mask_zero=True, dtype="float64"),
            layers.Bidirectional(layer, dtype="float64"),
            keras.layers.Dense(1, dtype="float64"),
        ]
    )
    model.set_weights([0.7 * rng.standard_normal(w.shape) for w in model.get_weights()])

    def run() -> Any:
        return ops.mean((model(to_tensor(tokens), training=True) - to_tensor(target)) ** 2), ()

    found = gradients(run, model.trainable_variables, [])
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(0.1), "mse")
    assert model.jit_compile
    history = model.fit(tokens, target, epochs=1, verbose=0).history["loss"]
    np.testing.assert_allclose(history, [found.loss], rtol=1e-6)
    assert min(np.abs(gradient).max() for gradient in found.variables) > 1e-3
    expected = [weight - 0.1 * gradient for weight, gradient in zip(before, found.variables, strict=True)]
    assert_close(model.get_weights(), expected, 1e-6)
    more = model.fit(tokens, target, epochs=15, verbose=0).history["loss"]
    assert more[-1] < 0.5 * history[0]


@pytest.mark.parametrize("kind", LOOPED)
def test_float64_where_keras_rounds(kind: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other tests have Keras keep float64 (`backend.KEPT`). As it is, the numbers are those of float32."""
    exact, rounded = pair(kind, rng, {}, {})
    x, states = inputs(rng), initial(kind, rng)
    expected = call(exact, x, states, MASKS["holes"])
    monkeypatch.setitem(KEPT, "float64", "float32")
    actual = call(rounded, x, states, MASKS["holes"])
    assert {str(value.dtype) for value in keras.tree.flatten(actual)} == {"float64"}
    assert_close(list(actual), list(expected), 1e-5)
