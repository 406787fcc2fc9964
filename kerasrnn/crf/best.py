"""The most probable tag sequences."""

from typing import Any, NamedTuple

from keras import ops

from kerasrnn.crf.chain import Lattice, lattice
from kerasrnn.crf.likelihood import score_of
from kerasrnn.engine import chain_best

Tensor = Any

NONE = -1  # where there is no tag


class Viterbi(NamedTuple):
    """The best tag sequence of each row.

    Attributes:
        tags: `(b, t)` int32; -1 at masked steps, and throughout a row that has no best sequence.
        scores: `(b,)`, of `sequence_score`; 0 for a row that is masked throughout, -inf where every sequence is
            forbidden, NaN where a score that counts is NaN.
    """

    tags: Tensor
    scores: Tensor


class NBest(NamedTuple):
    """The k best tag sequences of each row, best first.

    Attributes:
        tags: `(b, k, t)` int32; -1 at masked steps, and throughout a sequence that does not exist.
        scores: `(b, k)`, of `sequence_score`; -inf where there are fewer sequences, NaN as for `Viterbi`.
    """

    tags: Tensor
    scores: Tensor


def viterbi(
    emissions: Tensor, transitions: Tensor, start: Tensor = None, end: Tensor = None, mask: Tensor = None
) -> Viterbi:
    """The tag sequence with the best score, the first in the order of tags where several have it.

    Masks: as in `sequence_score`; masked steps get no tag, -1.

    Args: those of `Chain`.

    Returns:
        `Viterbi(tags, scores)`. The gradient of a score is that of `sequence_score`.

    Raises:
        ValueError: shapes that do not fit together.

    Example:

    >>> import numpy as np
    >>> from kerasrnn import crf
    >>> emissions = np.array([[[2.0, 1.0], [0.0, 1.0], [0.0, 3.0]]], "float32")
    >>> best = crf.viterbi(emissions, np.array([[0.0, -5.0], [0.0, 0.0]]))
    >>> best.tags.numpy().tolist() if hasattr(best.tags, "numpy") else best.tags.tolist()
    [[1, 1, 1]]

    Reference: A. Viterbi, Error bounds for convolutional codes and an asymptotically optimum decoding algorithm, IEEE
    Transactions on Information Theory 13, 1967.
    """
    length = ops.shape(emissions)[1]
    given = lattice(emissions, transitions, start, end, mask)
    tags = chain_best.best_path(*map(ops.stop_gradient, given[:2]), given.mask)
    scores = score_of(tags, given)
    scores = ops.where(_has_nan(given), ops.full_like(scores, float("nan")), scores)
    exists = ops.logical_and(given.mask, ops.logical_not(_undefined(scores))[:, None])
    return Viterbi(ops.where(exists, tags, ops.full_like(tags, NONE))[:, :length], scores)


def n_best(
    count: int, emissions: Tensor, transitions: Tensor, start: Tensor = None, end: Tensor = None, mask: Tensor = None
) -> NBest:
    """The `count` tag sequences with the best scores, exactly (list Viterbi).

    Masks: as in `sequence_score`; masked steps get no tag, -1. A row that is masked throughout has one sequence, the
    empty one, of score 0.

    Args:
        count: k, how many sequences, at least 1. Time and memory grow like n² k.
        emissions, transitions, start, end, mask: those of `Chain`.

    Returns:
        `NBest(tags, scores)`. No gradient passes through it.

    Raises:
        ValueError: `count` below 1; shapes that do not fit together.

    Reference: N. Seshadri, C.-E. Sundberg, List Viterbi decoding algorithms with applications, IEEE Transactions on
    Communications 42, 1994.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"`count` must be an int of at least 1, how many sequences to find; received {count!r}.")
    length = ops.shape(emissions)[1]
    given = lattice(emissions, transitions, start, end, mask)
    tags, scores = chain_best.best_paths(*map(ops.stop_gradient, given[:2]), given.mask, count=count)
    scores = ops.where(_has_nan(given)[:, None], ops.full_like(scores, float("nan")), scores)
    exists = ops.logical_and(given.mask[:, None], ops.logical_not(_undefined(scores))[..., None])
    return NBest(ops.where(exists, tags, ops.full_like(tags, NONE))[..., :length], scores)


def _undefined(scores: Tensor) -> Tensor:
    return ops.logical_or(ops.isneginf(scores), ops.isnan(scores))


def _has_nan(given: Lattice) -> Tensor:
    """`(b,)`: whether a score that may count in a row is NaN."""
    joined = ops.sum(ops.cast(given.mask, "int32"), axis=1) > 1
    between = ops.logical_and(joined, ops.any(ops.isnan(given.transitions)))
    return ops.logical_or(between, ops.any(ops.isnan(given.emissions), axis=(1, 2)))
