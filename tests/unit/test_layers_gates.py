"""`return_gates` and `trace` wherever Keras may take a layer: graphs, XLA, files, copies, training, export."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from backend import JAX, MODES, compiled, gradients, to_tensor
from keras import ops
from layer_cases import (
    KINDS,
    LOOPED,
    MASKS,
    B,
    D,
    T,
    U,
    assert_close,
    call,
    flat,
    gate_names,
    initial,
    inputs,
    make,
    options_that_fit,
    state_names,
)

from kerasrnn import layers

pytestmark = pytest.mark.usefixtures("fresh_keras")


def gated_model(kind: str, wrapped: bool = False, **options: Any) -> keras.Model:
    """Masking, then our layer with everything returned, on sequences of any length."""
    sequence = keras.Input((None, D), name="sequence")
    layer: Any = make(layers, kind, return_sequences=True, return_state=True, return_gates=True, name="rnn", **options)
    layer = layers.Bidirectional(layer, name="rnn") if wrapped else layer
    return keras.Model(sequence, list(layer(keras.layers.Masking(9.0)(sequence))))


def batch(rng: np.random.Generator) -> np.ndarray:
    return np.where(MASKS["holes"][..., None], inputs(rng), 9.0).astype("float32")


def keys(kind: str, wrapped: bool) -> set[str]:
    names = {*gate_names(kind), *state_names(kind)}
    return {f"{side}/{name}" for side in ("forward", "backward") for name in names} if wrapped else names


@pytest.mark.parametrize(
    ("kind", "wrapped"),
    [*((kind, False) for kind in LOOPED), ("lstm", True), ("gru", True)],
    ids=[*LOOPED, "lstm in Bidirectional", "gru in Bidirectional"],
)
def test_everywhere_the_same(kind: str, wrapped: bool, tmp_path: Path, rng: np.random.Generator) -> None:
    """Functional, predict, compiled, clone, config, and a `.keras` file give the eager layer's numbers."""
    model, x = gated_model(kind, wrapped), batch(rng)
    layer = model.get_layer("rnn")
    assert set(model.output[-1]) == keys(kind, wrapped)
    for value in model.output[-1].values():
        assert tuple(value.shape) == (None, None, U)
    expected = call(layer, x, mask=MASKS["holes"])
    assert set(expected[-1]) == keys(kind, wrapped)
    assert_close(layer.trace(to_tensor(x), mask=to_tensor(MASKS["holes"])), expected[-1], 1e-6)

    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    again = keras.Model.from_config(json.loads(json.dumps(model.get_config())))
    again.set_weights(model.get_weights())
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    found = {
        "functional": model(x),
        "predict": model.predict(x, verbose=0),
        "clone": clone(x),
        "config": again(x),
        "file": loaded(x),
    } | {mode: compiled(model, mode, [((None, None, D), "float32")])(x) for mode in MODES[1:]}
    for actual in found.values():
        assert_close(list(actual), list(expected), 1e-5)


@pytest.mark.parametrize("kind", LOOPED)
def test_trace_of_any_built_layer(kind: str, rng: np.random.Generator) -> None:
    """`trace` gives what `return_gates` gives, whatever the layer returns; it and `step` leave the layer as it was."""
    x, states = inputs(rng).astype("float32"), initial(kind, rng)
    for backwards in (False, True):
        options = {"go_backwards": backwards, "dropout": 0.5, "recurrent_dropout": 0.5, "seed": 1}
        options = options_that_fit(kind, options)
        full, plain = make(layers, kind, return_gates=True, **options), make(layers, kind, **options)
        for layer in (full, plain):
            layer.build((B, T, D))
        plain.set_weights(full.get_weights())
        before = [np.asarray(v) for v in plain.variables]
        for mask in (MASKS["holes"],) if JAX else (None, MASKS["holes"]):
            for start in (states,) if JAX else (None, states):
                expected = call(full, x, start, mask)[-1]
                assert_close(plain.trace(x, initial_state=start, mask=mask), expected, 1e-6)
        output, _ = plain.step(x[:, 0], states)
        expected = full.trace(x[:, :1], initial_state=states)
        assert_close(output, expected["hidden"][:, 0], 1e-6)
        assert_close([np.asarray(v) for v in plain.variables], before, 0.0)
        assert_close(call(plain, x), call(full, x)[0], 1e-6)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_trace_of_a_stateful_layer_does_not_move_its_state(kind: str, rng: np.random.Generator) -> None:
    layer = make(layers, kind, stateful=True)
    layer.build((B, T, D))
    x = inputs(rng).astype("float32")
    layer(x)
    kept = [np.asarray(s) for s in layer.states]
    gates = layer.trace(x)
    assert_close([np.asarray(s) for s in layer.states], kept, 0.0)
    assert_close(gates, layer.trace(x, initial_state=kept), 1e-7)
    assert (
        np.abs(
            np.asarray(gates["hidden"]) - np.asarray(layer.trace(x, initial_state=[k * 0 for k in kept])["hidden"])
        ).max()
        > 1e-3
    )


@pytest.mark.parametrize("wrapped", [False, True], ids=["layer", "Bidirectional"])
def test_return_gates_changes_nothing_else(wrapped: bool, rng: np.random.Generator) -> None:
    """The same output, loss and gradients as without gates, an activity regulariser included."""
    x, found = inputs(rng).astype("float32"), []
    for gates in (False, True):
        keras.utils.set_random_seed(1)
        layer: Any = layers.LSTM(U, return_gates=gates, activity_regularizer=keras.regularizers.L2(0.3))
        layer = layers.Bidirectional(layer) if wrapped else layer
        layer.build(x.shape)

        def run(x: Any, layer: Any = layer, gates: bool = gates) -> Any:
            output = layer(x)
            output = output[0] if gates else output
            assert layer.losses
            return ops.sum(output**2) + sum(layer.losses), output

        found.append(list(gradients(run, layer.trainable_variables, [x])))
    assert_close(found[1], found[0], 1e-6)


@pytest.mark.parametrize("kind", [kind for kind in LOOPED if kind != "esn"])
def test_gates_can_be_trained_on(kind: str, rng: np.random.Generator) -> None:
    """One step of `fit` on a loss of output and a gate lowers it and moves every weight."""
    sequence = keras.Input((None, D))
    output, gates = make(layers, kind, return_gates=True)(sequence)
    model = keras.Model(sequence, {"output": output, "gate": gates[(*gate_names(kind), "hidden")[0]]})
    model.compile("sgd", {"output": "mse", "gate": "mse"})
    x = inputs(rng).astype("float32")
    target = {"output": np.ones((B, U), "float32"), "gate": np.zeros((B, T, U), "float32")}
    before = [w.copy() for w in model.get_weights()]
    first = model.train_on_batch(x, target)
    moved = [np.abs(a - b).max() for a, b in zip(model.get_weights(), before, strict=True)]
    assert min(moved) > 0.0
    assert np.ravel(model.test_on_batch(x, target))[0] < np.ravel(first)[0]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "float64"])
@pytest.mark.parametrize("kind", ["lstm", "min_gru"] if JAX else KINDS)
def test_dtype_policies(kind: str, policy: str, rng: np.random.Generator) -> None:
    """Everything that comes out has the policy's compute dtype, and the numbers are those of float64, rounded."""
    # JAX has no factorisation in float16, by which Keras draws an orthogonal kernel
    start = options_that_fit(kind, {"recurrent_initializer": "glorot_uniform"}) if JAX and policy == "float16" else {}
    layer = make(layers, kind, return_sequences=True, return_state=True, return_gates=True, dtype=policy, **start)
    exact = make(layers, kind, return_sequences=True, return_state=True, return_gates=True, dtype="float64")
    for one in (layer, exact):
        one.build((B, T, D))
    exact.set_weights([w.astype("float64") for w in layer.get_weights()])
    x, compute = inputs(rng), keras.dtype_policies.get(policy).compute_dtype
    actual = call(layer, x, mask=MASKS["holes"])
    traced = layer.trace(x, mask=MASKS["holes"])
    for value in keras.tree.flatten((actual, traced)):
        assert keras.backend.standardize_dtype(value.dtype) == compute
    rounded = [np.asarray(keras.ops.cast(v, "float64")) for v in keras.tree.flatten(actual)]
    tolerance = {"float64": 1e-12, "float16": 5e-3, "bfloat16": 4e-2}[compute]
    assert_close(rounded, flat(call(exact, x, mask=MASKS["holes"])), tolerance)
    assert_close(
        {k: keras.ops.cast(v, "float64") for k, v in traced.items()},
        {k: keras.ops.cast(v, "float64") for k, v in actual[-1].items()},
        tolerance,
    )


def test_mixed_precision_trains_in_a_model(rng: np.random.Generator) -> None:
    model = gated_model("gru", wrapped=True, dtype="mixed_float16")
    head = keras.layers.Dense(1, dtype="float32")(model.output[0])
    model = keras.Model(model.input, head)
    model.compile("adam", "mse")
    history = model.fit(batch(rng), np.zeros((B, T, 1)), epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]


@pytest.mark.tensorflow
@pytest.mark.parametrize("wrapped", [False, True], ids=["layer", "Bidirectional"])
def test_saved_model_with_flat_gates(wrapped: bool, tmp_path: Path, rng: np.random.Generator) -> None:
    """A SavedModel names the gates `gates/NAME`, takes any length, and gives the model's numbers."""
    import tensorflow as tf

    inner = gated_model("lstm", wrapped)
    output, *_, gates = inner.output
    model = keras.Model(inner.input, {"output": output, **{f"gates/{name}": value for name, value in gates.items()}})
    model.export(tmp_path / "saved", verbose=False)
    served = tf.saved_model.load(tmp_path / "saved").signatures["serving_default"]
    x = batch(rng)
    for time in (T, 2):
        expected = model(x[:, :time])
        actual = served(tf.constant(x[:, :time]))
        assert set(actual) == set(expected) == {"output", *(f"gates/{name}" for name in keys("lstm", wrapped))}
        assert_close(actual, expected, 1e-6)


@pytest.mark.parametrize("kind", ["lstm"] if JAX else KINDS)
def test_output_shapes_are_those_that_come(kind: str, rng: np.random.Generator) -> None:
    x = inputs(rng).astype("float32")
    for sequences in (False, True):
        for state in (False, True):
            for gates in (False, True):
                options = {"return_sequences": sequences, "return_state": state, "return_gates": gates}
                for layer in (make(layers, kind, **options), layers.Bidirectional(make(layers, kind, **options))):
                    promised = layer.compute_output_shape((B, T, D))
                    came = keras.tree.map_structure(lambda v: tuple(v.shape), layer(x))
                    assert keras.tree.map_shape_structure(tuple, promised) == came


def test_trace_needs_a_built_layer() -> None:
    with pytest.raises(ValueError, match="build"):
        layers.LSTM(U).trace(np.zeros((B, T, D), "float32"))
    with pytest.raises(ValueError, match="build"):
        layers.GRU(U).step(np.zeros((B, D), "float32"))
