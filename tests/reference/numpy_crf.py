"""A linear-chain CRF by the definition: every tag sequence written down; and for long chains the textbook's sum."""

import itertools
from typing import NamedTuple

import numpy as np
from numpy_cells import Array


class Enumerated(NamedTuple):
    """All sequences over the steps that count, of one row: `paths (p, m)` and their scores, the best first."""

    paths: Array
    scores: Array


def score(tags: Array, emissions: Array, transitions: Array, start: Array, end: Array) -> float:
    """Of one sequence without masked steps."""
    if not len(tags):
        return 0.0
    total = start[tags[0]] + end[tags[-1]]
    total += sum(emissions[step, tag] for step, tag in enumerate(tags))
    return float(total + sum(transitions[a, b] for a, b in itertools.pairwise(tags)))


def enumerate_paths(emissions: Array, transitions: Array, start: Array, end: Array, keep: Array) -> Enumerated:
    kept = emissions[keep]
    paths = np.array(list(itertools.product(range(emissions.shape[1]), repeat=len(kept))), int)
    scores = np.array([score(path, kept, transitions, start, end) for path in paths])
    order = np.argsort(-scores, kind="stable")
    return Enumerated(paths[order], scores[order])


def log_partition(found: Enumerated) -> float:
    top = found.scores[0]
    return float(top + np.log(np.exp(found.scores - top).sum())) if np.isfinite(top) else float(top)


def marginals(found: Enumerated, keep: Array, n: int) -> Array:
    """`(t, n)`."""
    result = np.zeros((len(keep), n))
    weights = np.exp(found.scores - log_partition(found))
    for column, step in enumerate(np.flatnonzero(keep)):
        for tag in range(n):
            result[step, tag] = weights[found.paths[:, column] == tag].sum()
    return result


def spread(path: Array, keep: Array) -> Array:
    """The tags of a path at their steps, -1 at the others."""
    tags = np.full(len(keep), -1)
    tags[keep] = path
    return tags


def long_log_partition(emissions: Array, transitions: Array, start: Array, end: Array) -> float:
    """For one long row without masked steps."""
    alpha = start + emissions[0]
    for now in emissions[1:]:
        joined = alpha[:, None] + transitions
        top = joined.max(axis=0)
        alpha = top + np.log(np.exp(joined - top).sum(axis=0)) + now
    alpha = alpha + end
    return float(alpha.max() + np.log(np.exp(alpha - alpha.max()).sum()))
