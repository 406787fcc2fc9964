"""What is measured on alignments and on distributions: plain functions of arrays."""

import numpy as np


def row_entropy(
    alignment: np.ndarray, source_mask: np.ndarray | None = None, mask: np.ndarray | None = None
) -> np.ndarray:
    r"""How widely each row of an alignment looks: 0 for one place, 1 for all places alike.

    $H_i = -\sum_j \alpha_{ij} \ln \alpha_{ij} / \ln n$, over the n source steps that count; 0 where only one does.

    Args:
        alignment: (..., t, s), rows that sum to 1.
        source_mask: (s,) bool, or (..., s) with the leading axes of the alignment; False where the source is padding.
        mask: (t,) bool, False where the row is padding.

    Returns:
        (..., t), NaN for rows that are padding, and where no source step counts.
    """
    weights = np.asarray(alignment, dtype=float)
    valid = np.ones(weights.shape[-1], bool) if source_mask is None else np.asarray(source_mask, bool)
    weights = np.where(valid[..., None, :], weights, 0.0)
    terms = np.where(weights > 0, weights * np.log(np.where(weights > 0, weights, 1.0)), 0.0)
    terms = np.where(np.isnan(weights), np.nan, terms)
    count = np.broadcast_to(valid.sum(axis=-1)[..., None], weights.shape[:-1])
    most = np.log(np.maximum(count, 2))
    entropy = np.where(count > 1, -terms.sum(axis=-1) / most, np.where(count == 1, 0.0, np.nan))
    entropy = np.clip(entropy, 0.0, None)  # no -0.0
    return entropy if mask is None else np.where(np.asarray(mask, bool), entropy, np.nan)


def smallest_sets(alignment: np.ndarray, mass: float = 0.75) -> np.ndarray:
    """For each row the smallest set of source steps whose weights add up to `mass`; of equal weights, the first.

    Args:
        alignment: (..., s).
        mass: above 0, at most 1.

    Returns:
        bool of the same shape; all of a row's positive weights where they add up to less.

    Raises:
        ValueError: another `mass`.
    """
    if not 0 < mass <= 1:
        raise ValueError(f"mass: expected a share above 0 and at most 1, received {mass}")
    weights = np.nan_to_num(np.asarray(alignment, dtype=float))
    order = np.argsort(-weights, axis=-1, kind="stable")
    ordered = np.take_along_axis(weights, order, axis=-1)
    before = np.cumsum(ordered, axis=-1) - ordered
    chosen = np.zeros(weights.shape, bool)
    # rounding must not ask for one more step
    np.put_along_axis(chosen, order, (before < mass - 1e-6) & (ordered > 0), axis=-1)
    return chosen


def kendall_tau(x: np.ndarray, y: np.ndarray) -> float:
    r"""Kendall's rank correlation τ-b: (concordant − discordant pairs) / √((pairs untied in x)(pairs untied in y)).

    NaN where all values of either are equal, or one is not finite. (M. Kendall, The treatment of ties in ranking
    problems, Biometrika 33, 1945.)

    Args:
        x, y: (n,) each.

    Raises:
        ValueError: two lengths, or another rank than one.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x, y: expected two arrays of one length, received shapes {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan")
    agreement = untied_x = untied_y = 0
    for place in range(len(x) - 1):  # a row of the matrix of pairs at a time
        in_x, in_y = np.sign(x[place + 1 :] - x[place]), np.sign(y[place + 1 :] - y[place])
        agreement += int((in_x * in_y).sum())
        untied_x += int(np.abs(in_x).sum())
        untied_y += int(np.abs(in_y).sum())
    if not untied_x or not untied_y:
        return float("nan")
    return float(agreement / np.sqrt(untied_x * untied_y))


def total_variation(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Half the sum of the differences of two distributions (..., v): 0 for the same, 1 for disjoint ones."""
    return 0.5 * np.abs(np.asarray(p, dtype=float) - np.asarray(q, dtype=float)).sum(axis=-1)
