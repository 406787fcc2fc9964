"""Programs are compiled for shapes: never for what a mask happens to be, nor for each layer anew."""

import functools
import gc
import time
import weakref
from typing import Any

import keras
import numpy as np
import pytest

from kerasrnn import engine, layers
from kerasrnn.engine import packed_steps, programs, tensorflow_adjoint

tf = pytest.importorskip("tensorflow")


@pytest.mark.parametrize("phases", [((0, 5),), ()], ids=["phases", "one phase"])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_another_mask_compiles_nothing(
    phases: object, go_backwards: bool, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """A step of training takes seconds where it is compiled, and milliseconds where it is not."""
    monkeypatch.setattr(tensorflow_adjoint, "PHASES", phases)
    layer = layers.LSTM(5 + go_backwards, go_backwards=go_backwards)  # of widths that no other test has compiled
    layer.build((None, None, 3))
    x = rng.standard_normal((8, 20, 3), np.float32)

    @tf.function(autograph=False)
    def step(x: object, mask: object) -> object:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, mask=mask))
        return tape.gradient(loss, layer.trainable_variables)[0]

    taken = []
    for number in range(8):
        # between 17 and 20 steps: as many rows as any of these needs are in one program
        mask = tf.sequence_mask(17 + rng.permutation(8) % (1 + number % 4), 20)
        began = time.perf_counter()
        step(x, mask).numpy()
        taken.append(time.perf_counter() - began)
    assert max(taken[1:]) < taken[0] / 5, taken


def test_batches_of_like_lengths_have_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """One phase in the place of several: the same outputs and gradients, and as many phases as were asked for."""
    monkeypatch.setattr(tensorflow_adjoint, "PHASES", ((0, 5),))
    asked = []
    masked = tensorflow_adjoint.packing.masked

    def noted(sequences: object, mask: object, count: int, phases: int, *rest: object) -> object:
        asked.append(phases)
        return masked(sequences, mask, count, phases, *rest)

    monkeypatch.setattr(tensorflow_adjoint.packing, "masked", noted)
    layer = layers.GRU(4, return_sequences=True)
    layer.build((None, None, 3))
    x, mask = tf.constant(rng.standard_normal((5, 9, 3), np.float32)), tf.sequence_mask([9, 0, 4, 6, 2], 9)

    def step() -> object:
        with tf.GradientTape() as tape:
            y = layer(x, mask=mask)
            loss = tf.reduce_sum(y * tf.sin(y + 1))
        return [y, *tape.gradient(loss, layer.trainable_variables)]

    usual = tf.function(step, autograph=False)()
    with engine.alike():
        alike = tf.function(step, autograph=False)()
    assert asked[0] == 5 and asked[-1] == 1
    for one, other in zip(usual, alike, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-6)


@pytest.mark.parametrize("rows", [0, 2])
def test_a_number_waits_and_stays_what_it_is(rows: int) -> None:
    """Also for results that are NaN, and for none."""
    for value in (1.0, np.nan, np.inf):
        results = [tf.fill([rows, 3], value), tf.fill([rows, 3], -value)]
        number = tf.function(packed_steps.once_known, jit_compile=True)(tf.constant(7), results)
        assert int(number) == 7


@pytest.mark.parametrize(("units", "phases"), [(64, 1), (128, 3), (192, 5)])
def test_the_larger_the_kernel_the_more_phases(units: int, phases: int) -> None:
    cell = layers.LSTMCell(units)
    cell.build((None, 3))
    assert tensorflow_adjoint._phases(cell) == phases


def train(layer: Any, x: Any) -> list[np.ndarray]:
    """The output and the gradients of one step in a graph of its own."""

    @tf.function(autograph=False)
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            y = layer(x, training=True)
            loss = tf.reduce_sum(y * tf.sin(y + 1))
        return [y, *tape.gradient(loss, layer.trainable_variables)]

    return [np.asarray(each) for each in step(x)]


def check(layer: Any, x: Any) -> None:
    """The compiled loop gives the numbers of the plain one."""
    found = train(layer, x)
    with engine.portable():
        expected = train(layer, x)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", ["LSTM", "MinGRU", "LayerNormGRU"])
def test_layers_that_are_alike_are_compiled_once(kind: str, rng: np.random.Generator) -> None:
    """Whatever they read and however their weights begin; each uses its own weights."""
    first = getattr(layers, kind)(7)
    check(first, tf.constant(rng.standard_normal((4, 6, 3))))
    before = set(programs._of_settings)
    options = {"seed": 1, "kernel_initializer": "he_normal", "kernel_regularizer": "l2", "dropout": 0.0}
    other = getattr(layers, kind)(7, name="other", **options)
    check(other, tf.constant(rng.standard_normal((4, 6, 9))))
    assert before == set(programs._of_settings)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("LSTM", {"activation": "relu"}),
        ("LSTM", {"recurrent_activation": "hard_sigmoid"}),
        ("LSTM", {"activation": lambda x: x / 2}),
        ("LSTM", {"activation": lambda x: x / 3}),
        ("LSTM", {"use_bias": False}),
        ("GRU", {"reset_after": False}),
        ("LayerNormLSTM", {"norm_epsilon": 0.5}),
        ("MinGRU", {"activation": "tanh"}),
        ("ESN", {"leaky": 0.5, "connectivity": 1.0}),
        ("ESN", {"leaky": 0.25, "connectivity": 1.0}),
    ],
)
def test_layers_that_differ_are_not_taken_for_each_other(
    kind: str, options: dict[str, Any], rng: np.random.Generator
) -> None:
    x = tf.constant(rng.standard_normal((4, 6, 3)))
    for given in ({"connectivity": 1.0} if kind == "ESN" else {}, options):
        check(getattr(layers, kind)(8, **given), x)


@pytest.mark.usefixtures("float64")
def test_settings_that_are_changed_count(rng: np.random.Generator) -> None:
    x = tf.constant(rng.standard_normal((4, 6, 3)))
    layer = layers.ESN(8, connectivity=1.0)
    for leaky in (1.0, 0.3):
        layer.cell.leaky = leaky
        check(layer, x)


class Curve:
    slope = 1.0

    def __call__(self, z: Any) -> Any:
        return z / (2.0 + abs(self.slope))

    def named(self, z: Any) -> Any:
        return self(z)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("way", ["object", "method", "function", "layer"])
def test_what_an_activation_reads_may_change(way: str, rng: np.random.Generator) -> None:
    x = tf.constant(rng.standard_normal((4, 6, 3)))
    curve, leaky = Curve(), keras.layers.LeakyReLU()
    ways = {"object": curve, "method": curve.named, "function": lambda z: curve(z), "layer": leaky}
    for slope in (0.1, 0.9):
        curve.slope = leaky.negative_slope = slope
        check(layers.LSTM(8, activation=ways[way]), x)


@pytest.mark.usefixtures("float64")
def test_equations_that_are_replaced_count(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one cell, or for a while in the class."""
    x = tf.constant(rng.standard_normal((4, 6, 3)))
    usual = layers.LSTMCell.update

    def doubled(cell: Any, projected: Any, states: Any, mm: Any) -> Any:
        (h, c), gates = usual(cell, projected, states, mm)
        return [2 * h, c], gates

    check(layers.LSTM(8), x)
    layer = layers.LSTM(8)
    layer.cell.update = lambda *given: doubled(layer.cell, *given)
    check(layer, x)
    with monkeypatch.context() as patched:
        patched.setattr(layers.LSTMCell, "update", doubled)
        check(layers.LSTM(8), x)
    check(layers.LSTM(8), x)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ESN", {"connectivity": 1.0, "leaky": np.float32(0.5)}),
        ("LayerNormLSTM", {"norm_epsilon": np.float32(1e-3)}),
        ("GRU", {"reset_after": np.bool_(False)}),
    ],
)
def test_numbers_of_numpy(kind: str, options: dict[str, Any], rng: np.random.Generator) -> None:
    check(getattr(layers, kind)(8, **options), tf.constant(rng.standard_normal((4, 6, 3))))


@pytest.mark.usefixtures("float64")
def test_notes_on_a_cell_are_nobodys_business(rng: np.random.Generator) -> None:
    layer = layers.LSTM(8)
    layer.cell.notes, layer.cell.tags = [["a"], ["b"]], [{"a": 1}]
    check(layer, tf.constant(rng.standard_normal((4, 6, 3))))


def test_a_search_over_dropout_compiles_once(rng: np.random.Generator) -> None:
    x = tf.constant(rng.standard_normal((4, 6, 3), np.float32))
    before = []
    for rate in (0.1, 0.3):
        train(layers.LSTM(10, dropout=rate, recurrent_dropout=rate), x)
        before.append(set(programs._of_settings))
    assert before[0] == before[1]


@pytest.mark.usefixtures("float64")
def test_a_class_of_others_is_compiled_for_each_cell(rng: np.random.Generator) -> None:
    """What its equations read is not known."""

    class Scaled(layers.LSTMCell):
        def update(self, projected: Any, states: Any, mm: Any) -> Any:
            (h, c), gates = super().update(projected, states, mm)
            return [h * self.scale["all"], c], gates

    class ScaledLSTM(layers.LSTM):
        cell_class = Scaled

    x = tf.constant(rng.standard_normal((4, 6, 3)))
    for scale in (0.5, 2.0):
        layer = ScaledLSTM(8)
        layer.cell.scale = {"all": scale}
        assert layer.cell.shared_settings() is None
        check(layer, x)


@pytest.mark.parametrize("own", [False, True], ids=["tanh", "a function of its own"])
def test_programs_keep_no_layer(own: bool, rng: np.random.Generator) -> None:
    x = tf.constant(rng.standard_normal((4, 6, 3), np.float32))
    layer = layers.PeepholeLSTM(9)
    if own:
        layer.cell.activation = functools.partial(lambda cell, z: z / cell.units, layer.cell)
    layer.build(x.shape)
    run = tf.function(layer, autograph=False)
    run(x)
    gone = weakref.ref(layer.cell)
    del layer, run
    gc.collect()
    assert gone() is None
