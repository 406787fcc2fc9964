"""Entropy, Kendall's τ and the rest, against their definitions and against SciPy."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats  # comes with seqeval

from kerasrnn.viz.measures import kendall_tau, row_entropy, smallest_sets, total_variation


def test_entropy_of_known_rows() -> None:
    alignment = np.array([[1.0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]])
    np.testing.assert_allclose(row_entropy(alignment), [0, 1, 0.5], atol=1e-12)
    mask = np.array([1, 1, 0, 0], bool)
    np.testing.assert_allclose(row_entropy(alignment[[0, 2]], mask), [0, 1], atol=1e-12)
    assert np.isnan(row_entropy(alignment, mask=np.array([1, 0, 1], bool))).tolist() == [False, True, False]


def test_entropy_is_the_sum_over_the_steps_that_count(rng: np.random.Generator) -> None:
    alignment = rng.dirichlet(np.ones(6), (3, 2, 4))  # (b, n, t, s)
    mask = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]], bool)
    alignment = alignment * mask[:, None, None]
    found = row_entropy(alignment, mask[:, None])
    for row, head, step in itertools.product(range(3), range(2), range(4)):
        weights, count = alignment[row, head, step], int(mask[row].sum())
        expected = -sum(w * math.log(w) for w in weights if w) / math.log(count) if count > 1 else 0.0
        assert found[row, head, step] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(row_entropy(alignment, np.zeros(6, bool))).all()
    assert np.isnan(row_entropy(np.array([[np.nan, 0.5]]))).all()


def by_definition(alignment: np.ndarray, mass: float) -> int:
    """The size of the smallest set of weights that reaches `mass`."""
    places = range(len(alignment))
    sizes = [
        size
        for size in range(1, len(alignment) + 1)
        if any(alignment[list(some)].sum() >= mass - 1e-9 for some in itertools.combinations(places, size))
    ]
    return min(sizes)


def test_the_smallest_set(rng: np.random.Generator) -> None:
    alignment = rng.dirichlet(np.full(7, 0.5), 30)
    for mass in (0.3, 0.75, 0.95):
        chosen = smallest_sets(alignment, mass)
        assert (np.where(chosen, alignment, 0).sum(axis=1) >= mass - 1e-6).all()
        assert chosen.sum(axis=1).tolist() == [by_definition(row, mass) for row in alignment]
    assert smallest_sets(np.array([0.25, 0.5, 0.25])).tolist() == [True, True, False]
    assert smallest_sets(np.array([0.0, 0.0, 0.0])).tolist() == [False] * 3
    with pytest.raises(ValueError, match="mass: expected a share above 0 and at most 1, received 0"):
        smallest_sets(alignment, 0)


def test_kendall_is_scipys(rng: np.random.Generator) -> None:
    for length in (2, 3, 7, 40):
        for _ in range(20):
            x, y = rng.integers(0, 5, length), rng.standard_normal(length).round(1)
            expected = stats.kendalltau(x, y).statistic
            np.testing.assert_allclose(kendall_tau(x, y), expected, atol=1e-12)


def test_kendall_counts_pairs() -> None:
    """τ-b by hand: of six pairs four agree, one does not, one is tied in x."""
    assert kendall_tau(np.array([1, 1, 2, 3]), np.array([1, 2, 4, 3])) == pytest.approx((4 - 1) / math.sqrt(5 * 6))
    assert kendall_tau(np.arange(9), -np.arange(9.0)) == -1
    assert math.isnan(kendall_tau(np.ones(4), np.arange(4)))
    assert math.isnan(kendall_tau(np.arange(1), np.arange(1)))
    assert math.isnan(kendall_tau(np.array([1, np.inf]), np.arange(2)))
    with pytest.raises(ValueError, match="expected two arrays of one length"):
        kendall_tau(np.ones(3), np.ones(4))


def test_total_variation() -> None:
    p, q = np.array([[0.5, 0.5, 0.0], [1, 0, 0]]), np.array([[0.0, 0.5, 0.5], [1, 0, 0]])
    np.testing.assert_allclose(total_variation(p, q), [0.5, 0.0])
