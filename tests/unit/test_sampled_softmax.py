"""The estimate of the softmax: against NumPy on the tokens that were drawn, and its mean by enumeration of draws."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrnn.layers import TiedDense
from kerasrnn.zoo.training.sampled_softmax import SampledCrossentropy

SIZE, WIDTH = 13, 5


def parts(samples: int, seed: int = 0) -> tuple[SampledCrossentropy, TiedDense]:
    table = keras.layers.Embedding(SIZE, WIDTH)
    output = TiedDense(table)
    rng = np.random.default_rng(7)
    output(table(np.zeros((1, 1), int)))
    table.embeddings.assign(rng.normal(size=(SIZE, WIDTH)))
    output.bias.assign(rng.normal(size=SIZE))
    return SampledCrossentropy(output, samples, seed=seed), output


def drawing(always: int) -> np.ndarray:
    """How probable each token is to be drawn."""
    ids = np.arange(SIZE)
    share = (np.log(ids + 2) - np.log(ids + 1)) / (np.log(SIZE + 1) - np.log(always + 1))
    return np.where(ids < always, 0, share)


def given() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(2, 4, WIDTH)).astype("float32"), np.array([[0, 5, 9, 3], [12, 1, 6, 2]])


def whole(output: TiedDense, hidden: np.ndarray, targets: np.ndarray) -> np.ndarray:
    logits = np.asarray(output(hidden), np.float64)
    return np.log(np.exp(logits).sum(axis=-1)) - np.take_along_axis(logits, targets[..., None], -1)[..., 0]


def test_losses_of_the_tokens_that_were_drawn() -> None:
    layer, output = parts(11)
    hidden, targets = given()
    draws = np.asarray(keras.random.uniform((6,), seed=keras.random.SeedGenerator(0)), np.float64)
    chosen = np.exp(np.log(6) + draws * np.log((SIZE + 1) / 6)).astype(int) - 1
    assert len(set(chosen)) > 3 and set(chosen) & set(targets.ravel())
    logits, expected = np.asarray(output(hidden), np.float64), np.zeros((2, 4))
    for i, j in np.ndindex(2, 4):
        true = targets[i, j]
        total = np.exp(logits[i, j, :5]).sum() + (np.exp(logits[i, j, true]) if true >= 5 else 0)
        total += sum(np.exp(logits[i, j, k]) / (6 * drawing(5)[k]) for k in chosen if k != true)
        expected[i, j] = np.log(total) - logits[i, j, true]
    assert np.asarray(layer([hidden, targets])) == pytest.approx(expected, rel=1e-4)
    assert not np.allclose(layer([hidden, targets]), expected), "drawn anew"


def test_the_normaliser_has_no_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    """By enumeration: every pair of draws, as often as it comes."""
    layer, output = parts(4)
    hidden, targets = given()
    edges = np.log(np.arange(SIZE) + 1.5)  # in the middle of each token's share
    edges = (edges - np.log(3)) / (np.log(SIZE + 1) - np.log(3))
    mean, losses = np.zeros((2, 4)), np.zeros((2, 4))
    for pair in np.ndindex(SIZE - 2, SIZE - 2):
        ids = np.array(pair) + 2
        monkeypatch.setattr(keras.random, "uniform", lambda *_, ids=ids, **__: tf.constant(edges[ids], "float32"))
        found = np.asarray(layer([hidden, targets]), np.float64)
        mean += drawing(2)[ids].prod() * np.exp(found)
        losses += drawing(2)[ids].prod() * found
    expected = whole(output, hidden, targets)
    assert mean == pytest.approx(np.exp(expected), rel=1e-5)
    assert (losses < expected).all()


def test_tokens_are_drawn_like_their_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evenly spread draws: how often each token is among them is its probability."""
    count = 20_000
    layer, _ = parts(SIZE - 1)
    even = tf.constant((np.arange(count) + 0.5) / count, "float32")
    monkeypatch.setattr(keras.random, "uniform", lambda *_, **__: even)
    taken: list[np.ndarray] = []
    take = keras.ops.take
    monkeypatch.setattr(
        keras.ops, "take", lambda x, ids, axis: taken.append(np.asarray(ids)) or take(x, ids, axis=axis)
    )
    layer([np.zeros((1, 1, WIDTH), "float32"), np.zeros((1, 1), int)])
    ids = next(each for each in taken if each.shape == (count,))
    assert np.bincount(ids, minlength=SIZE) / count == pytest.approx(drawing(6), abs=1e-3)


def test_a_sample_as_large_as_the_vocabulary_is_the_vocabulary() -> None:
    layer, output = parts(SIZE)
    hidden, targets = given()
    assert np.asarray(layer([hidden, targets])) == pytest.approx(whole(output, hidden, targets), rel=1e-4)


def test_too_few_samples() -> None:
    with pytest.raises(ValueError, match="`samples` must be at least 2; received 1"):
        parts(1)
