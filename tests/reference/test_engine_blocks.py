"""Linear cells in blocks of steps, which training takes side by side, against the plain loop and its gradients."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from layer_cases import B, D, U, assert_close, make, random_weights

from kerasrnn import engine, layers
from kerasrnn.engine import tensorflow_adjoint, tensorflow_blocks

TOLERANCE = 1e-11
LENGTH = 23  # in eight blocks the last one is one step short

EVERY = np.ones((B, LENGTH), bool)
MASKS = {
    "none": None,
    "right": np.arange(LENGTH) < np.array([[LENGTH], [9], [1]]),
    "left": np.arange(LENGTH) >= np.array([[0], [11], [LENGTH - 1]]),
    "holes": np.random.default_rng(5).random((B, LENGTH)) < 0.6,
    "empty row": EVERY & np.array([[True], [False], [True]]),
}


@pytest.fixture(autouse=True)
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Blocks of two steps or more; the list fills with what they were asked to run."""
    ran: list[Any] = []
    run = tensorflow_blocks.recur
    monkeypatch.setattr(tensorflow_blocks, "LEAST_STEPS", 2)
    monkeypatch.setattr(tensorflow_blocks, "recur", lambda *given: (ran.append(given), run(*given))[1])
    return ran


def outcome(layer: Any, given: Any, mask: Any, plain: bool, jit: bool = False, **options: Any) -> Any:
    """Last states, all states, and gradients to which every state and the last one contribute."""
    states_wanted = options.pop("states_wanted", True)
    shapes = [(None, None, D), (None, U)] if options.pop("unknown", True) else [each.shape for each in given]
    signature = [tf.TensorSpec(shape, each.dtype) for shape, each in zip(shapes, given, strict=True)]

    def run(x: Any, before: Any) -> Any:
        return engine.recur(layer.cell, x, [before], mask, kept=("hidden",) if states_wanted else (), **options)

    @tf.function(autograph=False, input_signature=signature, jit_compile=jit)
    def graph(x: Any, before: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, before])
            if plain:
                with engine.portable():
                    found = run(x, before)
            else:
                found = run(x, before)
            loss = tf.reduce_sum(tf.cos(2.0 * found.states[0]))
            loss += sum(tf.reduce_sum(tf.sin(trace)) for trace in found.traces.values())
        sources = [x, before, *(weight.value for weight in layer.cell.trainable_variables)]
        gradients = tape.gradient(loss, sources, unconnected_gradients="zero")
        return found.states, found.traces, [tf.convert_to_tensor(each) for each in gradients]

    return tf.nest.map_structure(np.asarray, graph(*map(tf.constant, given)))


def case(kind: str, rng: np.random.Generator, length: int = LENGTH, **options: Any) -> tuple[Any, Any]:
    layer = make(layers, kind, dtype="float64", **options)
    layer.build((None, None, D))
    random_weights(layer, rng)
    return layer, [rng.standard_normal((B, length, D)), rng.standard_normal((B, U))]


@pytest.mark.parametrize(
    ("kind", "mask", "shards"),
    [
        *(("min_gru", mask, 1 + number % 2) for number, mask in enumerate(MASKS)),
        *(("min_gru", "none", 5), ("min_gru", "holes", 5), ("min_lstm", "none", 2), ("min_lstm", "holes", 1)),
    ],
)
def test_the_numbers_of_the_plain_loop(
    kind: str,
    mask: str,
    shards: int,
    many_blocks: list[Any],
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More shards than rows leave some without any."""
    monkeypatch.setattr(tensorflow_adjoint.tensorflow_blocks, "cores", lambda: shards)
    layer, given = case(kind, rng)
    options = {"go_backwards": shards == 2, "unknown": shards > 1}
    layer.cell.zoneout_rates = [0.3 if mask == "holes" else 0.0]
    keep = None if MASKS[mask] is None else tf.constant(MASKS[mask])
    expected = outcome(layer, given, keep, True, **options)
    assert not many_blocks
    assert_close(outcome(layer, given, keep, False, **options), expected, TOLERANCE)
    assert many_blocks


@pytest.mark.parametrize("mask", ["none", "left"])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_nan_under_the_mask_is_not_read(mask: str, go_backwards: bool, rng: np.random.Generator) -> None:
    """Nor does one in a row leave it, nor reach what comes before it."""
    layer, (x, before) = case("min_gru", rng)
    dirty = x.copy()
    if mask == "none":
        dirty[1, 7] = np.nan
        clean, found = (
            outcome(layer, [each, before], None, False, go_backwards=go_backwards)[1]["hidden"].copy()
            for each in (x, dirty)
        )
        reached = slice(LENGTH - 8, None) if go_backwards else slice(7, None)
        assert np.isnan(found[1, reached]).all()
        found[1, reached] = clean[1, reached]
        np.testing.assert_array_equal(found, clean)
        return
    keep = tf.constant(MASKS[mask])
    dirty[~MASKS[mask]] = np.nan
    clean, found = (
        outcome(layer, [each, before], keep, False, go_backwards=go_backwards) for each in (np.nan_to_num(dirty), dirty)
    )
    assert_close(found, clean, TOLERANCE)


@pytest.mark.parametrize("length", [0, 1, 2, 16, 17])
def test_any_number_of_steps(length: int, many_blocks: list[Any], rng: np.random.Generator) -> None:
    """None, one block, blocks that are full, and one step more; the number is not known beforehand."""
    layer, given = case("min_lstm", rng, length)
    assert_close(outcome(layer, given, None, False), outcome(layer, given, None, True), TOLERANCE)
    assert many_blocks


def test_no_rows(rng: np.random.Generator) -> None:
    layer, (x, before) = case("min_gru", rng)
    states, traces, gradients = outcome(layer, [x[:0], before[:0]], None, False)
    assert states[0].shape == (0, U) and traces["hidden"].shape == (0, LENGTH, U)
    assert all(not each.any() for each in gradients)


@pytest.mark.parametrize("way", ["jit", "last", "dropout", "recompute"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_ways_of_asking(way: str, use_bias: bool, many_blocks: list[Any], rng: np.random.Generator) -> None:
    """In a program of XLA as a whole, for the last states alone, with dropout of the input, and in chunks."""
    layer, given = case("min_gru", rng, use_bias=use_bias)
    ways: dict[str, dict[str, Any]] = {
        "jit": {"jit": True, "unknown": False},
        "last": {"states_wanted": False},
        "dropout": {"input_masks": tf.constant((rng.random((B, D)) < 0.7) / 0.7)},
        "recompute": {"recompute": True},
    }
    expected = outcome(layer, given, None, True, **ways[way])
    assert_close(outcome(layer, given, None, False, **ways[way]), expected, TOLERANCE)
    assert many_blocks


@pytest.mark.parametrize("mask", ["none", "holes"])
def test_an_infinite_slope_at_zero_stays_off_steps_that_are_none(mask: str, rng: np.random.Generator) -> None:
    """The steps that fill the last block up, and masked ones, have nothing but zeros in them."""
    layer, given = case("min_gru", rng, activation=lambda x: ops.sign(x) * ops.sqrt(ops.abs(x)), use_bias=False)
    keep = None if MASKS[mask] is None else tf.constant(MASKS[mask])
    assert all(np.isfinite(each).all() for each in outcome(layer, given, keep, False)[2])


@pytest.mark.parametrize("states_wanted", [False, True], ids=["last", "all"])
def test_gradients_that_come_as_slices(states_wanted: bool, many_blocks: list[Any], rng: np.random.Generator) -> None:
    layer, given = case("min_gru", rng)
    x, before = map(tf.constant, given)

    def run(plain: bool) -> Any:
        @tf.function(autograph=False)
        def graph() -> Any:
            with tf.GradientTape() as tape:
                tape.watch([x, before])
                with engine.portable() if plain else nullcontext():
                    found = engine.recur(layer.cell, x, [before], None, kept=("hidden",) if states_wanted else ())
                chosen = found.traces["hidden"] if states_wanted else found.states[0]
                loss = tf.reduce_sum(tf.sin(tf.gather(chosen, [0, 2, 2])))
            return [tf.convert_to_tensor(each) for each in tape.gradient(loss, [x, before])]

        return [np.asarray(each) for each in graph()]

    assert_close(run(False), run(True), TOLERANCE)
    assert many_blocks


def test_states_of_a_width_that_the_graph_does_not_know(rng: np.random.Generator) -> None:
    layer, (x, before) = case("min_gru", rng)
    expected = outcome(layer, [x, before], None, True)[0]

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, None), tf.float64)])
    def graph(before: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(before)
            (last,) = engine.recur(layer.cell, tf.constant(x), [before], None).states
        return last, tape.gradient(last, before)

    assert_close(np.asarray(graph(tf.constant(before))[0]), np.asarray(expected[0]), TOLERANCE)


class ClippedCell(layers.MinGRUCell):
    """With equations of its own, which are not linear."""

    def update(self, projected: Any, states: list[Any], mm: Any) -> Any:
        (hidden,), gates = super().update(projected, states, mm)
        return [ops.clip(hidden, -0.1, 0.1)], gates


class ClippedGRU(layers.MinGRU):
    cell_class = ClippedCell


def test_equations_of_a_subclass(many_blocks: list[Any], rng: np.random.Generator) -> None:
    """Those of its `update`, in training as in use."""
    layer, given = ClippedGRU(U, return_sequences=True, dtype="float64"), rng.standard_normal((B, LENGTH, D))
    layer.build((None, None, D))
    x = tf.constant(given)

    @tf.function(autograph=False)
    def trained() -> Any:
        with tf.GradientTape():
            return layer(x)

    found = np.asarray(trained())
    assert_close(found, np.asarray(tf.function(layer, autograph=False)(x)), TOLERANCE)
    assert np.abs(found).max() == 0.1 and not many_blocks


def test_long_memory_in_single_precision(rng: np.random.Generator) -> None:
    """Two thousand steps of which each forgets little: as near to double precision as the loop over steps is."""
    layer, (x, before) = case("min_gru", rng, 2000)
    single = make(layers, "min_gru", dtype="float32")
    single.build((None, None, D))
    layer.cell.bias.assign([-6.0] * U + [0.0] * U)
    single.set_weights(layer.get_weights())
    exact = outcome(layer, [x, before], None, True)
    given = [x.astype("float32"), before.astype("float32")]
    for plain in (True, False):
        assert_close(outcome(single, given, None, plain), exact, 2e-5)


def test_when_they_run(many_blocks: list[Any], rng: np.random.Generator) -> None:
    """In training, for cells that are linear; where gates are wanted, the loop over packed rows gives them."""
    x = tf.constant(rng.standard_normal((B, LENGTH, D)), "float32")

    def ran(layer: Any, **options: Any) -> bool:
        many_blocks.clear()

        @tf.function(autograph=False)
        def graph() -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.nest.flatten(layer(x, **options))[0]
            return tape.gradient(y, x)

        graph()
        return bool(many_blocks)

    assert ran(layers.MinGRU(U)) and ran(layers.MinLSTM(U, return_sequences=True, dropout=0.1), training=True)
    assert not ran(layers.MinGRU(U, return_gates=True)) and not ran(layers.LSTM(U))
    assert not ran(layers.MinGRU(U, zoneout=0.1), training=True)
    assert not ran(layers.MinGRU(U, dtype="mixed_bfloat16"))
    tf.function(layers.MinGRU(U), autograph=False)(x)
    assert not many_blocks
