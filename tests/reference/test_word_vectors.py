"""Vectors of words against the definition, computed in float64 by another way, and what they are for."""

import numpy as np
import pytest

from kerasrnn.zoo.word_vectors import word_vectors


def by_definition(texts: list[np.ndarray], size: int, width: int, contexts: int, window: int) -> np.ndarray:
    counts = np.zeros((size, contexts))
    for text in texts:
        for i, word in enumerate(text):
            for j in range(max(0, i - window), min(len(text), i + window + 1)):
                if i != j and word >= 2 and 2 <= text[j] < 2 + contexts:
                    counts[word, text[j] - 2] += 1 / abs(i - j)
    smoothed = counts.sum(0) ** 0.75 / (counts.sum(0) ** 0.75).sum()
    found = np.zeros_like(counts)
    for w, c in zip(*counts.nonzero(), strict=True):
        found[w, c] = max(0.0, np.log(counts[w, c] / (counts[w].sum() * smoothed[c])))
    left, values, _ = np.linalg.svd(found)
    vectors = left[:, :width] * values[:width] ** 0.5
    return vectors / np.sqrt((vectors[2:] ** 2).mean())


def test_the_definition(rng: np.random.Generator) -> None:
    texts = [rng.integers(0, 30, length) for length in (40, 1, 25, 0, 60)]
    found = word_vectors(texts, 30, 6, contexts=20, window=3, seed=1)
    expected = by_definition(texts, 30, 6, 20, 3)
    assert found.shape == (30, 6)
    assert found.dtype == np.float32
    assert not found[:2].any()
    # the sign of a direction is free
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=2e-3)


def test_words_of_a_kind_are_near_each_other(rng: np.random.Generator) -> None:
    # a word of either kind stands only next to words of its own kind
    texts = [2 + 10 * int(rng.integers(2)) + rng.integers(0, 10, 12) for _ in range(200)]
    vectors = word_vectors(texts, 22, 2, seed=0)[2:]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = vectors @ vectors.T
    assert near[:10, :10].min() > 0.9 > 0.1 > near[:10, 10:].max()


def test_one_seed_gives_the_same_bits(rng: np.random.Generator) -> None:
    texts = [rng.integers(2, 50, 100)]
    np.testing.assert_array_equal(word_vectors(texts, 50, 8, seed=3), word_vectors(texts, 50, 8, seed=3))


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ValueError, match="from 1 to the 8 surroundings; received 9"):
        word_vectors([np.arange(2, 10)], 10, 9, seed=0)
    with pytest.raises(ValueError, match="no two words"):
        word_vectors([np.array([2]), np.array([3])], 10, 2, seed=0)
