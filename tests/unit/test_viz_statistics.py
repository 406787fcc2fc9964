"""Saturation, memory and health, each against loops that spell out the definition."""

import math
from typing import Any

import numpy as np
import pytest

from kerasrnn.viz import statistics

B, T, U = 3, 7, 5
MASK = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 1, 0, 0], [0] * 7], bool)


@pytest.fixture
def gate(rng: np.random.Generator) -> np.ndarray:
    return rng.beta(0.4, 0.4, (B, T, U))


def positions(mask: np.ndarray) -> list[tuple[int, int]]:
    return [(row, step) for row in range(B) for step in range(T) if mask[row, step]]


@pytest.mark.parametrize("mask", [MASK, None])
def test_saturation(gate: np.ndarray, mask: np.ndarray | None) -> None:
    places = positions(np.ones((B, T), bool) if mask is None else mask)
    left, right = statistics.saturation(gate, mask)
    for unit in range(U):
        below = above = 0
        for row, step in places:
            below += gate[row, step, unit] < 0.1
            above += gate[row, step, unit] > 0.9
        assert left[unit] == below / len(places)
        assert right[unit] == above / len(places)
    assert (left + right <= 1).all()
    assert left.max() > 0.2
    assert right.max() > 0.2


def test_over_units(rng: np.random.Generator) -> None:
    values, mask = rng.standard_normal((T, 11)), MASK[1]
    mean, low, high = statistics.over_units(values, mask)
    for step in range(T):
        if not mask[step]:
            assert np.isnan([mean[step], low[step], high[step]]).all()
            continue
        ordered = sorted(values[step])
        assert mean[step] == pytest.approx(sum(ordered) / 11)
        assert low[step] == pytest.approx(ordered[1])  # 10 % of the way from the first of 11 to the last
        assert high[step] == pytest.approx(ordered[9])


@pytest.mark.parametrize("mask", [MASK, None])
def test_half_lives(gate: np.ndarray, mask: np.ndarray | None) -> None:
    places = positions(np.ones((B, T), bool) if mask is None else mask)
    found = statistics.half_lives(gate, mask)
    for unit in range(U):
        total = sum(math.log(gate[row, step, unit]) for row, step in places)
        assert found[unit] == pytest.approx(math.log(2) / (-total / len(places)))
        rate = math.exp(total / len(places))
        assert rate ** found[unit] == pytest.approx(0.5)


def test_half_lives_at_the_ends() -> None:
    keep = np.array([[[0.5, 1.0, 0.0, 0.25]], [[0.5, 1.0, 0.9, 0.25]]])
    np.testing.assert_allclose(statistics.half_lives(keep), [1.0, np.inf, 0.0, 0.5])
    assert np.isnan(statistics.half_lives(np.array([[0.5, np.nan]]))[1])
    with pytest.raises(ValueError, match=r"keep: expected shares from 0 to 1, received values from -0.5 to 0.5"):
        statistics.half_lives(np.array([[-0.5, 0.5]]))


@pytest.mark.parametrize("unit", [None, 2])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("mask", [MASK[0], MASK[1]])
def test_retention(gate: np.ndarray, unit: int | None, backwards: bool, mask: np.ndarray) -> None:
    keep = gate[0]
    keep[3, 1] = 0.0  # forgets all: nothing from before is left
    found = statistics.retention(keep, mask, unit=unit, backwards=backwards)
    units = range(U) if unit is None else [unit]
    for now in range(T):
        for then in range(T):
            between = range(then + 1, now + 1) if not backwards else range(now, then)
            if (then > now) if not backwards else (then < now):
                assert np.isnan(found[now, then])
                continue
            shares = [math.prod(float(keep[step, u]) for step in between if mask[step]) for u in units]
            assert found[now, then] == pytest.approx(sum(shares) / len(shares)), (now, then)


def test_retention_errors(gate: np.ndarray) -> None:
    with pytest.raises(ValueError, match="unit: expected a number from 0 to 4, received 5"):
        statistics.retention(gate[0], unit=5)
    with pytest.raises(ValueError, match=r"keep: expected a non-empty array \(t, u\)"):
        statistics.retention(gate)


def test_health(rng: np.random.Generator) -> None:
    values = rng.random((B, T, 6))
    values[..., 0] = 0.4 + 1e-4 * rng.standard_normal((B, T))  # dead
    values[..., 1] = 0.05 * rng.random((B, T))  # stuck at 0
    values[..., 2] = 0.95 + 0.05 * rng.random((B, T))  # stuck at 1
    values[..., 3] = 0.02  # dead and stuck
    values[2] = rng.random((T, 6)) * 100  # masked, all of it
    values[0, 0, 4] = np.nan
    found = statistics.health(values, MASK)
    kept = [values[row, step] for row, step in positions(MASK)]
    for unit in range(6):
        mean = sum(row[unit] for row in kept) / len(kept)
        variance = sum((row[unit] - mean) ** 2 for row in kept) / len(kept)
        assert found.variance[unit] == pytest.approx(variance, nan_ok=True)
    assert found.dead.tolist() == [True, False, False, True, False, False]
    assert found.left.tolist() == [False, True, False, True, False, False]
    assert found.right.tolist() == [False, False, True, False, False, False]
    assert found.counts() == {"units": 6, "dead": 2, "stuck at 0": 2, "stuck at 1": 1, "not numbers": 1}
    state = statistics.health(values, MASK, gate=False)
    np.testing.assert_array_equal(state.dead, found.dead)
    assert not state.left.any()
    assert not state.right.any()


def test_thresholds_are_strict() -> None:
    gate = np.array([[0.1, 0.9, 0.0999, 0.9001]] * 20)
    left, right = statistics.saturation(gate)
    assert left.tolist() == [0, 0, 1, 0]
    assert right.tolist() == [0, 0, 0, 1]
    nearly = np.full((20, 1), 0.05)
    nearly[0] = 0.5  # 19 of 20, exactly 95 %
    assert not statistics.health(nearly).left.any()


def test_which_gate_keeps(rng: np.random.Generator) -> None:
    z, f = rng.random((T, U)), rng.random((T, U))
    memory = {"forward/": {"gate": "update", "keeps": False}, "backward/": {"gate": "forget", "keeps": True}}
    found = statistics.keeping({"forward/update": z, "backward/forget": f}, memory)
    np.testing.assert_array_equal(found["forward"], 1 - z)
    np.testing.assert_array_equal(found["backward"], f)


@pytest.mark.parametrize("function", [statistics.saturation, statistics.half_lives, statistics.health])
def test_nothing_that_counts(function: Any) -> None:
    with pytest.raises(ValueError, match="every step is masked"):
        function(np.ones((2, 3, 4)), np.zeros((2, 3), bool))
    with pytest.raises(ValueError, match=r"mask: expected shape \(2, 3\), received \(3, 2\)"):
        function(np.ones((2, 3, 4)), np.zeros((3, 2), bool))
    for bad in (np.ones(3), np.ones((0, 2, 3))):
        with pytest.raises(ValueError, match="expected a non-empty array"):
            function(bad)
    with pytest.raises(ValueError, match="at least two steps that count"):
        statistics.health(np.ones((1, 1, 4)))
