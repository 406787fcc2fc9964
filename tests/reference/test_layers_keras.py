"""Our layers against `keras.layers`: the same constructor, the same weights, the same numbers in float32."""

import inspect
import itertools
from typing import Any

import keras
import numpy as np
import pytest
from backend import JAX, gradients, to_tensor
from keras import ops
from layer_cases import (
    KERAS_KINDS,
    MASKS,
    B,
    D,
    T,
    U,
    assert_close,
    by_contract,
    call,
    initial,
    inputs,
    make,
    make_cell,
    random_weights,
    way,
)

from kerasrnn import layers

TOLERANCE = 1e-5
PUBLIC = ("SimpleRNN", "LSTM", "GRU", "Bidirectional")


def theirs_and_ours(kind: str, shape: tuple[int, ...], rng: np.random.Generator, **options: Any) -> tuple[Any, Any]:
    """The same layer twice, weights copied from Keras' to ours. Keras' reference never takes the cuDNN path."""
    theirs, ours = make(keras.layers, kind, **options), make(layers, kind, **options)
    if kind != "simple_rnn":
        theirs.use_cudnn = False
    theirs.build(shape)
    ours.build(shape)
    random_weights(theirs, rng)
    ours.set_weights(theirs.get_weights())
    return theirs, ours


@pytest.mark.parametrize(
    ("mask", "go_backwards", "start"),
    [("none", True, "given"), ("right", False, "zeros"), ("left", True, "zeros"), ("empty row", False, "given")]
    if JAX  # which compiles every call
    else list(itertools.product(MASKS, [False, True], ["zeros", "given"])),
    ids=way,
)
@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_every_combination(kind: str, mask: str, go_backwards: bool, start: str, rng: np.random.Generator) -> None:
    x, states = inputs(rng), initial(kind, rng) if start == "given" else None
    zeros = (False,) if mask == "none" else (False, True)
    for sequences, zero in itertools.product((True, False), zeros):
        options = {"return_sequences": sequences, "go_backwards": go_backwards, "zero_output_for_mask": zero}
        theirs, ours = theirs_and_ours(kind, x.shape, rng, return_state=True, **options)
        if not sequences:  # documented to matter for sequences alone; `test_the_last_output_is_never_padding`
            theirs.zero_output_for_mask = False
        expected = call(theirs, x, states, MASKS[mask])
        expected = by_contract(expected, MASKS[mask], go_backwards, zero, sequences)
        actual = call(ours, x, states, MASKS[mask])
        assert type(actual) is type(expected)
        assert_close(actual, expected, TOLERANCE)
        stateless = make(layers, kind, **options)
        stateless.build(x.shape)
        stateless.set_weights(theirs.get_weights())
        assert_close(call(stateless, x, states, MASKS[mask]), expected[0], TOLERANCE)


OPTIONS: list[dict[str, Any]] = [
    {"use_bias": False},
    {"activation": "relu"},
    {"activation": None},
    {"activation": "elu", "recurrent_activation": "hard_sigmoid"},
    {"dropout": 0.5, "recurrent_dropout": 0.3},
    {"implementation": 1},
    {"implementation": 1, "use_bias": False},
    {"unroll": True},
    {"unroll": True, "go_backwards": True},
    {"unroll": True, "zero_output_for_mask": True},
    {"unit_forget_bias": False},
    {"use_cudnn": False},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_other_options(kind: str, options: dict[str, Any], rng: np.random.Generator) -> None:
    known = inspect.signature(type(make(keras.layers, kind))).parameters
    options = {k: v for k, v in options.items() if k in known or k in ("implementation", "zero_output_for_mask")}
    if kind == "simple_rnn":
        options.pop("implementation", None)
    x, states = inputs(rng), initial(kind, rng)
    theirs, ours = theirs_and_ours(kind, x.shape, rng, return_sequences=True, return_state=True, **options)
    for mask in ("holes",) if JAX else ("none", "holes"):
        expected = call(theirs, x, states, MASKS[mask], training=False)
        backwards, zero = (options.get(name, False) for name in ("go_backwards", "zero_output_for_mask"))
        expected = by_contract(expected, MASKS[mask], backwards, zero)
        assert_close(call(ours, x, states, MASKS[mask], training=False), expected, TOLERANCE)


@pytest.mark.parametrize("mask", ["none", "left"])
@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_stateful(kind: str, mask: str, rng: np.random.Generator) -> None:
    """State is carried from batch to batch, also where masked, and `reset_state` clears it."""
    theirs, ours = theirs_and_ours(kind, (B, T, D), rng, stateful=True, return_sequences=True, return_state=True)
    first, second = inputs(rng), inputs(rng)
    for x in (first, second, second):
        expected = by_contract(call(theirs, x, mask=MASKS[mask]), MASKS[mask])
        assert_close(call(ours, x, mask=MASKS[mask]), expected, TOLERANCE)
    assert_close([np.asarray(s) for s in ours.states], [np.asarray(s) for s in theirs.states], TOLERANCE)
    theirs.reset_state()
    ours.reset_state()
    expected = by_contract(call(theirs, first, mask=MASKS[mask]), MASKS[mask])
    assert_close(call(ours, first, mask=MASKS[mask]), expected, TOLERANCE)


@pytest.mark.parametrize(
    "dropout", [{"dropout": 0.4}, {"recurrent_dropout": 0.4}, {"dropout": 0.3, "recurrent_dropout": 0.3}]
)
@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_dropout_draws_keras_masks(kind: str, dropout: dict[str, float], rng: np.random.Generator) -> None:
    """With the same seed, training gives Keras' numbers: the same masks, the same at every step of a sequence."""
    x = inputs(rng)
    theirs, ours = theirs_and_ours(kind, x.shape, rng, seed=7, return_sequences=True, **dropout)
    inactive = np.asarray(call(theirs, x))
    assert_close(call(ours, x), inactive, TOLERANCE)
    for _ in range(2):
        expected = call(theirs, x, training=True)
        assert_close(call(ours, x, training=True), expected, TOLERANCE)
        assert np.abs(np.asarray(expected) - inactive).max() > 1e-2


@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_gradients_are_keras(kind: str, rng: np.random.Generator) -> None:
    x, states = inputs(rng), initial(kind, rng)
    theirs, ours = theirs_and_ours(kind, x.shape, rng, return_sequences=True, return_state=True)
    heads = [rng.standard_normal((B, T, U))] + [rng.standard_normal((B, U)) for _ in states]
    mask = MASKS["holes"] | (JAX and np.arange(T) == 0)  # `by_contract` has no gradient
    found = []
    for layer in (theirs, ours):

        def run(x: Any, *states: Any, layer: Any = layer) -> Any:
            outputs = layer(x, initial_state=list(states), mask=to_tensor(mask))
            return sum(ops.sum(o * h.astype("float32")) for o, h in zip(outputs, heads, strict=True)), ()

        sources = [v.astype("float32") for v in (x, *states)]
        found.append(gradients(run, layer.trainable_variables, sources))
    assert_close(found[1].sources, found[0].sources, 5 * TOLERANCE)
    assert_close(found[1].variables, found[0].variables, 5 * TOLERANCE)


@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_an_activation_with_weights_learns(kind: str, rng: np.random.Generator) -> None:
    x, found = inputs(rng).astype("float32"), []
    pair = [
        make(module, kind, activation=keras.layers.PReLU(), return_sequences=True) for module in (keras.layers, layers)
    ]
    for layer in pair:
        layer.build(x.shape)
        layer.cell.activation.build((B, U))
    random_weights(pair[0], rng)
    pair[1].set_weights(pair[0].get_weights())
    for layer in pair:

        def run(x: Any, layer: Any = layer) -> Any:
            return ops.sum(layer(x) ** 2), ()

        found.append(gradients(run, layer.trainable_variables, [x], "graph"))
        assert layer.trainable_variables[-1].path.endswith("alpha")
    assert_close(found[1].sources, found[0].sources, 5 * TOLERANCE)
    assert_close(found[1].variables, found[0].variables, 5 * TOLERANCE)
    assert np.abs(np.asarray(found[1].variables[-1])).max() > 1e-3


@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"unit_forget_bias": False}], ids=str)
@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_weights_are_keras(kind: str, options: dict[str, Any], rng: np.random.Generator) -> None:
    """Names, order, shapes, initial values and trainability are Keras', so weights move both ways."""
    options = options if kind == "lstm" or "unit_forget_bias" not in options else {}
    pair = []
    for module in (keras.layers, layers):
        keras.utils.set_random_seed(3)
        pair.append(make(module, kind, name="same", **options))
        pair[-1].build((None, None, D))
    theirs, ours = pair
    assert isinstance(ours, keras.layers.RNN)
    assert isinstance(
        ours, {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM}.get(kind, keras.layers.GRU)
    )
    for attribute in ("name", "path", "shape", "dtype", "trainable"):
        assert [getattr(w, attribute) for w in ours.weights] == [getattr(w, attribute) for w in theirs.weights]
    assert_close(ours.get_weights(), theirs.get_weights(), 0.0)
    random_weights(ours, rng)
    theirs.set_weights(ours.get_weights())
    x = inputs(rng)
    if not (JAX and kind == "gru" and "use_bias" in options):  # Keras' GRU makes a bias of float64 there, and fails
        assert_close(call(theirs, x), call(ours, x), TOLERANCE)


def test_weight_files_move_both_ways(tmp_path: Any, rng: np.random.Generator) -> None:
    """A `.weights.h5` file written by a Keras model loads into ours, and back."""

    def model(module: Any) -> keras.Model:
        return keras.Sequential(
            [keras.Input((None, D)), module.LSTM(U, return_sequences=True), module.Bidirectional(module.GRU(U))]
        )  # fmt: skip

    x = inputs(rng).astype("float32")
    for source, target in [(keras.layers, layers), (layers, keras.layers)]:
        a, b = model(source), model(target)
        for layer in a.layers:
            random_weights(layer, rng)
        a.save_weights(tmp_path / "w.weights.h5")
        b.load_weights(tmp_path / "w.weights.h5")
        assert_close(b(x), a(x), TOLERANCE)


NOT_DEFAULT: dict[str, Any] = {
    "units": 7,
    "activation": "relu",
    "recurrent_activation": "hard_sigmoid",
    "use_bias": False,
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_uniform",
    "bias_initializer": "ones",
    "unit_forget_bias": False,
    "kernel_regularizer": "l1",
    "recurrent_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "l2",
    "kernel_constraint": "non_neg",
    "recurrent_constraint": "unit_norm",
    "bias_constraint": "max_norm",
    "dropout": 0.25,
    "recurrent_dropout": 0.5,
    "seed": 11,
    "reset_after": False,
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "use_cudnn": False,
}


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_constructor_takes_what_keras_takes(name: str) -> None:
    """Each of Keras' arguments is taken, by place as by name, and means the same; those hidden in its kwargs too."""
    theirs, ours = getattr(keras.layers, name), getattr(layers, name)
    named = list(inspect.signature(theirs).parameters.values())
    options = {p.name: NOT_DEFAULT[p.name] for p in named if p.kind is not inspect.Parameter.VAR_KEYWORD}
    hidden = {"name": "kept", "dtype": "float16", "trainable": False, "zero_output_for_mask": True}
    expected = theirs(**options, **hidden).get_config()
    if name == "SimpleRNN":
        assert expected.pop("activity_regularizer") is None  # Keras takes it and forgets it
    for layer in (ours(**options, **hidden), ours(*options.values(), **hidden), ours.from_config(expected)):
        config = layer.get_config()
        assert {key: config[key] for key in expected} == expected
        assert not layer.use_cudnn or layer.use_cudnn == getattr(theirs(1), "use_cudnn", False)


def test_bidirectional_takes_what_keras_takes() -> None:
    """By place as by name, the initial weights and the backward layer among them."""
    parts = [keras.layers.LSTM(U), "sum", None, keras.layers.LSTM(U, activation="relu", go_backwards=True)]
    theirs, ours = keras.layers.Bidirectional(*parts, name="kept"), layers.Bidirectional(*parts, name="kept")
    expected = theirs.get_config()
    config = ours.get_config()
    assert {key: config[key] for key in expected} == expected
    assert config["merge_mode"] == "sum"
    assert ours.backward_layer.activation is keras.activations.relu


@pytest.mark.parametrize("name", PUBLIC)
@pytest.mark.parametrize("method", ["call", "build", "compute_output_shape"])
def test_method_arguments_are_keras(name: str, method: str) -> None:
    """Keras finds masks, shapes and states by the names of these arguments."""
    theirs = list(inspect.signature(getattr(getattr(keras.layers, name), method)).parameters)
    ours = list(inspect.signature(getattr(getattr(layers, name), method)).parameters)
    assert ours[: len(theirs)] == theirs


@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_cells_are_keras(kind: str, rng: np.random.Generator) -> None:
    x, states = inputs(rng)[:, 0], initial(kind, rng)
    theirs, ours = make_cell(keras.layers, kind), make_cell(layers, kind)
    for cell in (theirs, ours):
        cell.build((B, D))
    random_weights(theirs, rng)
    ours.set_weights(theirs.get_weights())
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert (ours.state_size, ours.output_size) == (theirs.state_size, theirs.output_size)
    x32, states32 = x.astype("float32"), [s.astype("float32") for s in states]
    assert_close(ours(x32, states32), theirs(x32, states32), TOLERANCE)
    assert_close(ours.get_initial_state(batch_size=2), theirs.get_initial_state(batch_size=2), 0.0)
