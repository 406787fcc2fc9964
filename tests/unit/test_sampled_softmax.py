"""The sampled softmax: against NumPy on the tokens that were drawn, and where its expected gradient vanishes."""

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


def drawing() -> np.ndarray:
    ids = np.arange(SIZE)
    return (np.log(ids + 2) - np.log(ids + 1)) / np.log(SIZE + 1)


def test_losses_of_the_tokens_that_were_drawn() -> None:
    layer, output = parts(12)
    rng = np.random.default_rng(1)
    hidden, targets = rng.normal(size=(2, 3, WIDTH)).astype("float32"), rng.integers(0, SIZE, (2, 3))
    draws = np.asarray(keras.random.uniform((12,), seed=keras.random.SeedGenerator(0)), np.float64)
    chosen = np.minimum(np.exp(draws * np.log(SIZE + 1)).astype(int) - 1, SIZE - 1)
    assert chosen.min() == 0 and len(set(chosen)) > 4
    logits = np.asarray(output(hidden), np.float64) - np.log(drawing())
    expected = np.zeros((2, 3))
    for i, j in np.ndindex(2, 3):
        others = [np.exp(logits[i, j, k]) for k in chosen]
        true = np.exp(logits[i, j, targets[i, j]])
        expected[i, j] = -np.log(true / (true + sum(others)))
    assert np.asarray(layer([hidden, targets])) == pytest.approx(expected, rel=1e-4)
    assert not np.allclose(layer([hidden, targets]), expected), "drawn anew"


def test_tokens_are_drawn_like_their_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evenly spread draws: how often each token is among them is its probability, and so is what is divided out."""
    count = 20_000
    even = (np.arange(count) + 0.5) / count
    layer, _ = parts(SIZE - 1)
    monkeypatch.setattr(keras.random, "uniform", lambda *_, **__: tf.constant(even, "float32"))
    taken: list[np.ndarray] = []
    take = keras.ops.take
    monkeypatch.setattr(
        keras.ops, "take", lambda x, ids, axis: taken.append(np.asarray(ids)) or take(x, ids, axis=axis)
    )
    layer([np.zeros((1, 1, WIDTH), "float32"), np.zeros((1, 1), int)])
    ids = next(each for each in taken if each.shape == (count,))
    assert np.bincount(ids, minlength=SIZE) / count == pytest.approx(drawing(), abs=1e-3)


def test_the_expected_gradient_vanishes_at_the_true_logits_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """By enumeration: every pair of draws, as often as it comes."""
    layer, output = parts(2)
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet(np.full(SIZE, 0.3))
    targets, hidden = tf.range(SIZE)[None], tf.ones((1, SIZE, WIDTH))
    right = np.log(probabilities) - np.asarray(output.embedding.embeddings).sum(axis=1)
    edges = np.log(np.arange(SIZE) + 1.5) / np.log(SIZE + 1)  # draws from the middle of each token's share

    def mean(bias: np.ndarray) -> np.ndarray:
        output.bias.assign(bias)
        found = np.zeros(SIZE)
        for pair in np.ndindex(SIZE, SIZE):
            draws = tf.constant(edges[list(pair)], "float32")
            monkeypatch.setattr(keras.random, "uniform", lambda *_, draws=draws, **__: draws)
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer([hidden, targets]) * probabilities.astype("float32"))
            found += drawing()[list(pair)].prod() * np.asarray(
                tf.convert_to_tensor(tape.gradient(loss, output.bias.value))
            )
        return found

    assert probabilities.max() > 0.4, "where leaving out draws of the true token would show"
    assert np.abs(mean(right)).max() < 1e-5
    assert np.abs(mean(np.zeros(SIZE))).max() > 0.1


def test_a_sample_as_large_as_the_vocabulary_is_the_vocabulary() -> None:
    layer, output = parts(SIZE)
    rng = np.random.default_rng(1)
    hidden, targets = rng.normal(size=(2, 3, WIDTH)).astype("float32"), rng.integers(0, SIZE, (2, 3))
    logits = np.asarray(output(hidden), np.float64)
    expected = np.log(np.exp(logits).sum(axis=-1)) - np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    assert np.asarray(layer([hidden, targets])) == pytest.approx(expected, rel=1e-4)


def test_no_samples() -> None:
    with pytest.raises(ValueError, match="`samples` must be at least 1; received 0"):
        parts(0)
