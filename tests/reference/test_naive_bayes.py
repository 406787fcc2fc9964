"""Ratios of pairs of words against a plain loop with dictionaries."""

import math
from itertools import pairwise

import numpy as np
import pytest

from kerasrnn.layers import HashedPairs
from kerasrnn.zoo.naive_bayes import pair_ratios


@pytest.mark.parametrize("count", [2, 3])
def test_ratios_are_those_of_a_plain_loop(count: int, rng: np.random.Generator) -> None:
    texts = [rng.integers(1, 9, rng.integers(1, 30)) for _ in range(150)]
    labels = rng.integers(0, count, len(texts))
    held: dict[tuple[int, int], list[int]] = {}
    for text, label in zip(texts, labels, strict=True):
        for pair in {*pairwise([0, *text.tolist()])}:
            held.setdefault(pair, [0] * count)[label] += 1
    kept = {pair: counts for pair, counts in held.items() if sum(counts) >= 20}
    assert 5 < len(kept) < len(held)

    buckets = 5000
    found = pair_ratios(texts, labels, HashedPairs(buckets), buckets)
    assert found.shape == (buckets, 1 if count == 2 else 3)
    seen = set()
    for pair, counts in kept.items():
        bucket = 1 + (11_971 * pair[0] + pair[1]) % (buckets - 1)
        seen.add(bucket)
        for column in range(found.shape[1]):
            label = 1 if count == 2 else column
            within = (counts[label] + 2) / sum(each[label] + 2 for each in kept.values())
            without = (sum(counts) - counts[label] + 2) / sum(sum(e) - e[label] + 2 for e in kept.values())
            assert found[bucket, column] == pytest.approx(math.log(within / without), abs=1e-5)
    assert len(seen) == len(kept), "this test has no two pairs in one bucket"
    assert set(np.flatnonzero(found.any(axis=1)).tolist()) <= seen


def test_of_two_in_one_bucket_the_more_frequent_one_counts() -> None:
    often, seldom = np.array([1, 2]), np.array([3, 4])
    texts = [often] * 60 + [seldom] * 30
    labels = np.array([1] * 45 + [0] * 15 + [0] * 30)
    apart = pair_ratios(texts, labels, HashedPairs(4096), 4096)
    wanted = apart[1 + (11_971 * 1 + 2) % 4095, 0]
    together = pair_ratios(texts, labels, lambda pairs: np.zeros_like(pairs), 1)
    assert together[0, 0] == wanted
    assert wanted > 0


def test_rare_pairs_say_nothing() -> None:
    texts = [np.array([1, 2])] * 19
    assert not pair_ratios(texts, np.array([0, 1] * 9 + [1]), HashedPairs(64), 64).any()
