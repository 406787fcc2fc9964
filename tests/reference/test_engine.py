"""Every way through the engine against the plainest one, the step-by-step loop and its automatic gradients."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from engine_cases import TOLERANCE, case, reference
from layer_cases import KINDS, MASKS, B, D, T, U, assert_close, initial, inputs, make, random_weights

from kerasrnn import _compat, engine, layers
from kerasrnn.engine import recurrence, tensorflow_adjoint, tensorflow_linear


def random_masks(kind: str, rng: np.random.Generator, count: int) -> dict[str, Any]:
    """Dropout masks, one for all gates or one for each, and zoneout masks."""

    def draw(*shape: int) -> tf.Tensor:
        return tf.constant((rng.random(shape) < 0.7) / 0.7)

    def several(width: int) -> Any:
        return [draw(B, width) for _ in range(count)] if count > 1 else draw(B, width)

    recurrent = {} if kind in ("ind_rnn", "min_gru", "min_lstm") else {"recurrent_masks": several(U)}
    zoned = [tf.constant((rng.random((B, T, U)) < 0.3).astype(float)) for _ in initial(kind, rng)]
    return {"input_masks": several(D), "zoned": zoned} | recurrent


def outcome(layer: Any, x: Any, states: Any, mask: Any, run: Any, **options: Any) -> Any:
    """Last states, traces of all gates and states, and the gradients of a loss in which all of them differ."""
    cell = layer.cell
    names = (*cell.gate_names, *cell.state_names)

    signature = [tf.TensorSpec((None, None, D), tf.float64), *[tf.TensorSpec((None, U), tf.float64)] * len(states)]

    @tf.function(autograph=False, input_signature=signature)
    def graph(x: Any, *states: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, *states])
            found = run(cell, x, list(states), mask, kept=names, **options)
            terms = [tf.reduce_sum(tf.sin((i + 1.0) * found.traces[name])) for i, name in enumerate(names)]
            terms += [tf.reduce_sum(tf.cos((i + 2.0) * state)) for i, state in enumerate(found.states)]
            loss = tf.add_n(terms)
        weights = [weight.value for weight in cell.trainable_variables]
        gradients = tape.gradient(loss, [x, *states, *weights], unconnected_gradients="zero")
        return list(found.states), dict(found.traces), [tf.convert_to_tensor(g) for g in gradients]

    return tf.nest.map_structure(np.asarray, graph(tf.constant(x), *[tf.constant(s) for s in states]))


@pytest.mark.parametrize(
    ("mask", "recompute"),
    [("none", False), ("holes", False), ("holes", True)],
    ids=["adjoint", "adjoint under a mask", "recompute"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_of_the_plain_loop(kind: str, mask: str, recompute: bool, rng: np.random.Generator) -> None:
    layer, x, states, keep = case(kind, mask, rng)
    layer.cell.zoneout_rates = [0.3] * len(states)
    options = random_masks(kind, rng, 1) | {"go_backwards": mask != "none"}
    expected = outcome(layer, x, states, keep, reference, **options)
    assert_close(outcome(layer, x, states, keep, engine.recur, recompute=recompute, **options), expected, TOLERANCE)


@pytest.mark.parametrize("mask", ["none", "right"])
@pytest.mark.parametrize("kind", ["lstm", "gru", "gru_v3"])
def test_a_dropout_mask_for_each_gate(kind: str, mask: str, rng: np.random.Generator) -> None:
    layer, x, states, keep = case(kind, mask, rng)
    options = random_masks(kind, rng, len(layer.cell.gate_names)) | {"zoned": None}
    expected = outcome(layer, x, states, keep, reference, **options)
    assert_close(outcome(layer, x, states, keep, engine.recur, **options), expected, TOLERANCE)


@pytest.mark.parametrize(
    ("kind", "mask", "shards"),
    [
        *(("lstm", *each) for each in [("none", 1), ("none", 5), ("left", 2), ("holes", 3), ("empty row", 2)]),
        *(("lstm", "holes", 5), ("min_gru", "none", 2), ("min_gru", "holes", 5)),
    ],
)
def test_any_number_of_shards(
    kind: str, mask: str, shards: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More shards than rows leave some without any."""
    layer, x, states, keep = case(kind, mask, rng)
    expected = outcome(layer, x, states, keep, reference)
    monkeypatch.setattr(tensorflow_adjoint, "cores", lambda: shards)
    monkeypatch.setattr(tensorflow_adjoint, "PHASES", ((0, 4),))
    assert_close(outcome(layer, x, states, keep, engine.recur), expected, TOLERANCE)
    if mask == "holes":  # in one phase too
        monkeypatch.setattr(tensorflow_adjoint, "PHASES", ())
        layer, x, states, keep = case(kind, mask, rng)
        expected = outcome(layer, x, states, keep, reference)
        assert_close(outcome(layer, x, states, keep, engine.recur), expected, TOLERANCE)


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("mask", ["holes", "left"])
def test_nan_under_the_mask_is_not_read(mask: str, go_backwards: bool, rng: np.random.Generator) -> None:
    """By the packed loops and by the plain one: neither in results nor in gradients."""
    layer, x, states, _ = case("lstm", mask, rng)
    x, valid = x[::-1], MASKS[mask][::-1]  # under "left" not even the first step of the first row is valid
    keep = tf.constant(valid)
    expected = outcome(layer, x, states, keep, engine.recur, go_backwards=go_backwards)
    dirty = np.where(valid[..., None], x, np.nan)
    for run in (engine.recur, reference):
        assert_close(outcome(layer, dirty, states, keep, run, go_backwards=go_backwards), expected, TOLERANCE)


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("kind", ["min_gru", "min_lstm"])
def test_all_steps_at_once_on_a_gpu(
    kind: str, mask: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parallel scan, whose loop over passes needs no GPU itself; no other loop may run."""
    layer, x, states, keep = case(kind, mask, rng)
    layer.cell.zoneout_rates = [0.3]
    options = random_masks(kind, rng, 1) | {"go_backwards": mask != "none"}
    expected = outcome(layer, x, states, keep, reference, **options)
    monkeypatch.setattr(_compat, "has_gpu", lambda: True)
    monkeypatch.setattr(recurrence, "scan", None)
    assert_close(outcome(layer, x, states, keep, engine.recur, **options), expected, TOLERANCE)


@pytest.mark.parametrize("kind", ["lstm", "gru_v3", "min_gru"])
def test_recompute_on_a_gpu(kind: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of plain steps, where no program is compiled."""
    layer, x, states, keep = case(kind, "holes", rng)
    layer.cell.zoneout_rates = [0.3] * len(states)
    options = random_masks(kind, rng, 1)
    expected = outcome(layer, x, states, keep, reference, **options)
    monkeypatch.setattr(_compat, "has_gpu", lambda: True)
    ran = []
    by_steps = recurrence._by_steps
    monkeypatch.setattr(
        recurrence, "_by_steps", lambda cell, x, *rest: (ran.append(x.shape[1]), by_steps(cell, x, *rest))[1]
    )
    assert_close(outcome(layer, x, states, keep, engine.recur, recompute=True, **options), expected, TOLERANCE)
    assert len(ran) == 2, "a chunk is traced once forwards and once again"


@pytest.mark.parametrize("steps", [0, 1, 2, 9])
@pytest.mark.parametrize("jit", [False, True], ids=["graph", "XLA"])
def test_any_number_of_steps_at_once(steps: int, jit: bool, rng: np.random.Generator) -> None:
    """Steps whose number a graph does not know, by definition one after the other."""
    a, b, before = rng.random((B, steps, U)), rng.standard_normal((B, steps, U)), rng.standard_normal((B, U))
    expected, h = [], before
    for t in range(steps):
        h = a[:, t] * h + b[:, t]
        expected.append(h)
    many, one = tf.TensorSpec((None, None, U), tf.float64), tf.TensorSpec((None, U), tf.float64)
    run = tf.function(tensorflow_linear.states_of, jit_compile=jit, input_signature=[many, many, one])
    found = run(a, b, before)
    assert_close(np.asarray(found), np.reshape(expected, (steps, B, U)).transpose(1, 0, 2), 1e-12)


def test_the_parallel_scan_has_a_second_gradient(rng: np.random.Generator) -> None:
    a, b, h = (tf.constant(rng.random(shape)) for shape in ((2, 4, 1), (2, 4, 1), (2, 1)))

    def first(a: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(a)
            loss = tf.reduce_sum(tensorflow_linear.states_of(a, b, h) ** 3)
        return tape.gradient(loss, a)

    (analytic,), (numeric,) = tf.test.compute_gradient(first, [a])
    np.testing.assert_allclose(analytic, numeric, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("lstm", {}), ("gru_v3", {"dropout": 0.2}), ("simple_rnn", {"recompute": True}), ("lstm", {"zoneout": 0.1})],
)
def test_fit(kind: str, options: dict[str, Any], rng: np.random.Generator) -> None:
    """A partial last batch, a masked embedding, two layers and a wrapper: as users train them."""
    given = rng.integers(0, 7, (11, 6))
    model = keras.Sequential(
        [
            keras.layers.Embedding(7, 5, mask_zero=True),
            layers.Bidirectional(make(layers, kind, return_sequences=True, **options)),
            make(layers, kind, **options),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "mse")
    history = model.fit(given, given.sum(1) / 20, batch_size=8, epochs=5, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]
    assert np.isfinite(model.predict(given, verbose=0)).all()


def gradients_in(dtype: str, kind: str, x: Any, loss: Any, **options: Any) -> list[Any]:
    """Of the weights of a layer, always the same ones, of a loss of its outputs."""
    layer = make(layers, kind, dtype=dtype, **options)
    layer.build(x.shape)
    random_weights(layer, np.random.default_rng(0), 0.3)

    @tf.function
    def run(x: Any) -> Any:
        with tf.GradientTape() as tape:
            total = loss(tf.cast(layer(x), "float64"))
        return tape.gradient(total, layer.trainable_variables)

    return [np.asarray(tf.cast(g, "float64")) for g in run(tf.constant(x, layer.compute_dtype))]


@pytest.mark.parametrize("kind", ["lstm", "gru", "min_gru", "layer_norm_lstm"])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(kind: str, policy: str, rng: np.random.Generator) -> None:
    """Gradients through 300 steps are finite, and near those of float32."""
    x = inputs(rng, time=300).astype("float32")
    found = [gradients_in(dtype, kind, x, lambda y: tf.reduce_mean(y**2)) for dtype in (policy, "float32")]
    for half, single in zip(*found, strict=True):
        assert np.isfinite(half).all()
        assert np.abs(half - single).max() <= 0.1 * np.abs(single).max() + 1e-3


@pytest.mark.parametrize("kind", ["layer_norm_simple_rnn", "layer_norm_lstm", "layer_norm_gru", "ind_rnn"])
def test_sums_over_many_steps_in_half_precision(kind: str, rng: np.random.Generator) -> None:
    """Gradients that the loop adds up step by step: in bfloat16 such a sum stops growing after some hundred steps."""
    steps = 2000
    x, options = inputs(rng, time=steps), {"return_sequences": True}
    half, exact = (
        gradients_in(dtype, kind, x, lambda y: tf.reduce_sum(y) / steps, **options)
        for dtype in ("mixed_bfloat16", "float64")
    )
    for one, other in zip(half, exact, strict=True):
        assert np.abs(one - other).max() <= 0.03 * np.abs(other).max()


@pytest.mark.parametrize("sequences", [False, True])
def test_recompute_of_no_steps(sequences: bool) -> None:
    layer = layers.LSTM(U, recompute=True, return_sequences=sequences)
    layer.build((None, None, D))

    @tf.function(input_signature=[tf.TensorSpec((None, None, D), tf.float32)])
    def run(x: Any) -> Any:
        with tf.GradientTape() as tape:
            y = layer(x, training=True)
            loss = tf.reduce_sum(y)
        return y, tape.gradient(loss, layer.trainable_variables)

    y, found = run(tf.zeros((B, 0, D)))
    assert_close(y, np.zeros((B, 0, U) if sequences else (B, U)), 0.0)
    assert_close(list(found), [np.zeros(weight.shape) for weight in layer.trainable_variables], 0.0)


def test_what_a_gpu_machine_exports_has_no_parallel_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compat, "has_gpu", lambda: True)
    model = keras.Sequential([keras.Input((None, D)), layers.MinGRU(U)])

    def operations(graph: Any) -> set[str]:
        graph = graph.as_graph_def()
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        return {node.op for node in nodes}

    traced = tf.function(model).get_concrete_function(tf.TensorSpec((None, None, D)))
    assert "Roll" in operations(traced.graph)
    model.export(tmp_path / "model", verbose=False)
    exported = tf.saved_model.load(tmp_path / "model").signatures["serving_default"]
    assert "Roll" not in operations(exported.graph)


def test_recompute_says_that_it_does_not_compile(rng: np.random.Generator) -> None:
    layer = layers.LSTM(U, recompute=True)
    layer.build((B, T, D))

    @tf.function(jit_compile=True)
    def run(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True))
        return tape.gradient(loss, layer.trainable_variables)

    with pytest.raises(ValueError, match="`recompute=True` does not run under `jit_compile=True`"):
        run(tf.constant(inputs(rng), tf.float32))


def test_chunks_with_carried_states(rng: np.random.Generator) -> None:
    """A long stream in pieces gives the numbers of the whole."""
    x = inputs(rng, batch=1, time=600)
    layer = layers.LSTM(U, return_sequences=True, stateful=True, dtype="float64")
    layer.build((1, None, D))
    random_weights(layer, rng)
    run = tf.function(layer, input_signature=[tf.TensorSpec((1, None, D), tf.float64)])
    whole = run(tf.constant(x)).numpy()
    layer.reset_states()
    parts = [run(tf.constant(part)).numpy() for part in np.split(x, [1, 5, 50, 51, 300], axis=1)]
    assert_close(np.concatenate(parts, axis=1), whole, TOLERANCE)


def test_an_update_must_call_every_product_once(rng: np.random.Generator) -> None:
    class Twice(layers.LSTMCell):
        def update(self, projected: Any, states: Any, mm: Any) -> Any:
            mm(0, states[0])
            return super().update(projected, states, mm)

    cell = Twice(U)
    cell.build((None, D))
    graph = tf.function(lambda x, h, c: engine.recur(cell, x, [h, c], None).states, autograph=False)
    with pytest.raises(ValueError, match="must call `mm` once for each product"):
        graph(tf.zeros((B, T, D)), tf.zeros((B, U)), tf.zeros((B, U)))
