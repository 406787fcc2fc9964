"""What gates say about a layer: saturation, memory, health. Pure functions from arrays to arrays.

`b` batch, `t` steps, `u` units. Masked steps count nowhere; a NaN makes what it goes into NaN.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kerasrnn.viz.arrays import checked_mask

LEFT, RIGHT = 0.1, 0.9  # below and above, a gate is saturated (Karpathy, Johnson and Fei-Fei, 2015)
DEAD, STUCK = 1e-6, 0.95  # variance of a unit that does nothing; share of steps at one end


def saturation(gate: np.ndarray, mask: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The share of steps at which each unit of a gate is left saturated (< 0.1) and right saturated (> 0.9).

    Args:
        gate: (b, t, u) or (t, u), from 0 to 1.
        mask: (b, t) or (t,) bool, True where a step counts.

    Returns:
        Two arrays (u,), each from 0 to 1; their sum is at most 1.

    Raises:
        ValueError: no steps that count, or shapes that do not fit.
    """
    kept = _kept(gate, mask)
    known = ~np.isnan(kept).any(axis=0)
    return (
        np.where(known, (kept < LEFT).mean(axis=0), np.nan),
        np.where(known, (kept > RIGHT).mean(axis=0), np.nan),
    )


def over_units(values: np.ndarray, mask: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, 10 % and 90 % quantile over the units at every step (t,); NaN on masked steps.

    Args:
        values: (t, u).
        mask: (t,) bool.
    """
    values = np.asarray(values, float)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"values: expected a non-empty array (t, u), received shape {values.shape}")
    kept = checked_mask(mask, values.shape[:1])
    low, high = np.quantile(values, [0.1, 0.9], axis=1)
    mean, low, high = (np.where(kept, curve, np.nan) for curve in (values.mean(axis=1), low, high))
    return mean, low, high


def half_lives(keep: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """After how many steps each unit has kept half of its state, on average: ln 2 / −mean ln f (u,).

    Along the direct path only, c → f c: what the recurrent weights bring back does not count. A unit that never
    forgets has an infinite half-life, one that forgets all at some step has none (0).

    Args:
        keep: (b, t, u) or (t, u), the share of the old state that is kept: the forget gate of an LSTM, the update gate
            of a GRU in Keras' convention, 1 − z where z writes.
        mask: (b, t) or (t,) bool, True where a step counts.

    Raises:
        ValueError: no steps that count, values outside 0 and 1, or shapes that do not fit.
    """
    kept = _kept(keep, mask)
    _check_share(kept)
    with np.errstate(divide="ignore"):
        rate = -np.log(kept).mean(axis=0)
        return np.log(2) / np.maximum(rate, 0.0)


def retention(
    keep: np.ndarray, mask: np.ndarray | None = None, *, unit: int | None = None, backwards: bool = False
) -> np.ndarray:
    """What share of the state after step k is still there after step t, on the direct path: Π f_s for s = k + 1 … t.

    Args:
        keep: (t, u), as for `half_lives`.
        mask: (t,) bool; masked steps hold the state.
        unit: the unit; None for the mean over all units.
        backwards: whether the layer works from the last step to the first.

    Returns:
        (t, t): row t, column k; 1 on the diagonal, NaN where k comes after t.

    Raises:
        ValueError: values outside 0 and 1, no such unit, or shapes that do not fit.
    """
    keep = np.asarray(keep, float)
    if keep.ndim != 2 or not keep.size:
        raise ValueError(f"keep: expected a non-empty array (t, u), received shape {keep.shape}")
    steps, units = keep.shape
    kept = checked_mask(mask, (steps,))
    if unit is not None and not 0 <= unit < units:
        raise ValueError(f"unit: expected a number from 0 to {units - 1}, received {unit}")
    chosen = keep if unit is None else keep[:, [unit]]
    _check_share(chosen[kept])
    factors = np.where(kept[:, None], chosen, 1.0)
    if backwards:
        factors = factors[::-1]
    left = np.ones_like(factors)  # of what each step k wrote, after the step we are at
    shares = np.full((steps, steps), np.nan)
    for step, factor in enumerate(factors):
        left[:step] *= factor
        shares[step, : step + 1] = left[: step + 1].mean(axis=1)
    return shares[::-1, ::-1] if backwards else shares


class Health(NamedTuple):
    """The units (u,) of one gate or state.

    Attributes:
        variance: over all steps that count; NaN where that is a single one.
        dead: the variance is below 1e-6: whatever comes in, the unit does the same.
        left: stuck near 0, at more than 95 % of the steps; False of states.
        right: stuck near 1 likewise.
    """

    variance: np.ndarray
    dead: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def counts(self) -> dict[str, int]:
        """How many units there are, and how many of them are dead, stuck at 0, stuck at 1, or not numbers."""
        broken = np.isnan(self.variance) & ~(self.left | self.right)
        found = {"dead": self.dead, "stuck at 0": self.left, "stuck at 1": self.right, "not numbers": broken}
        return {"units": len(self.variance)} | {name: int(flags.sum()) for name, flags in found.items()}


def health(values: np.ndarray, mask: np.ndarray | None = None, *, gate: bool = True) -> Health:
    """Which units of a gate or state are dead or stuck.

    Args:
        values: (b, t, u) or (t, u).
        mask: (b, t) or (t,) bool, True where a step counts.
        gate: whether values run from 0 to 1, so that a unit can be stuck at either.

    Raises:
        ValueError: fewer than two steps that count, or shapes that do not fit.
    """
    kept = _kept(values, mask)
    if len(kept) < 2:
        raise ValueError("values: expected at least two steps that count, received one: nothing can vary in it")
    variance = kept.var(axis=0)
    nowhere = np.zeros(kept.shape[1], bool)
    left, right = saturation(kept) if gate else (nowhere, nowhere)
    return Health(variance, variance < DEAD, left > STUCK, right > STUCK)


def keeping(arrays: Mapping[str, np.ndarray], memory: Mapping[str, Mapping[str, object]]) -> dict[str, np.ndarray]:
    """The share of the old state that is kept, by the prefix of the layer's part: the convention is the cell's.

    Args:
        arrays: gates by name, as `Capture.one` gives them.
        memory: by prefix, `{"gate": name, "keeps": bool}`, as `capture_gates` finds it: `facts["memory"]`.
    """
    found = {}
    for prefix, about in memory.items():
        gate = np.asarray(arrays[f"{prefix}{about['gate']}"], float)
        found[prefix.rstrip("/")] = gate if about["keeps"] else 1.0 - gate
    return found


def _kept(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """The values (n, u) at the n steps that count, of all rows."""
    values = np.asarray(values, float)
    if values.ndim not in (2, 3) or not values.size:
        raise ValueError(f"values: expected a non-empty array (b, t, u) or (t, u), received shape {values.shape}")
    kept = values[checked_mask(mask, values.shape[:-1])]
    if not len(kept):
        raise ValueError("mask: expected at least one step that counts; every step is masked")
    return kept


def _check_share(values: np.ndarray) -> None:
    finite = values[np.isfinite(values)]
    if finite.size and (finite.min() < 0 or finite.max() > 1):
        raise ValueError(
            f"keep: expected shares from 0 to 1, received values from {finite.min():.3g} to {finite.max():.3g}; "
            "a recurrent activation other than a sigmoid has no half-life"
        )
