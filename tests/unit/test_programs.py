"""Programs are compiled for shapes: never for what a mask happens to be."""

import time

import numpy as np
import pytest

from kerasrnn import engine, layers
from kerasrnn.engine import packed_steps, tensorflow_adjoint

tf = pytest.importorskip("tensorflow")


@pytest.mark.parametrize("phases", [((0, 5),), ()], ids=["phases", "one phase"])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_another_mask_compiles_nothing(
    phases: object, go_backwards: bool, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """A step of training takes seconds where it is compiled, and milliseconds where it is not."""
    monkeypatch.setattr(tensorflow_adjoint, "PHASES", phases)
    layer = layers.LSTM(4, go_backwards=go_backwards)
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
