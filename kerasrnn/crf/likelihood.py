"""Probabilities of tag sequences."""

from typing import Any

from keras import ops

from kerasrnn.crf.chain import Lattice, checked_tags, lattice, refuse_outside
from kerasrnn.engine import chain as recursions

Tensor = Any


def log_partition(
    emissions: Tensor, transitions: Tensor, start: Tensor = None, end: Tensor = None, mask: Tensor = None
) -> Tensor:
    r"""The logarithm of the sum over all tag sequences of the exponential of their scores.

    $$\log Z = \log \sum_{y} \exp s(y)$$

    with s of `sequence_score`. Its gradients are probabilities: those of the emissions are `marginals`.

    Masks: as in `sequence_score`. Of a row that is masked throughout it is 0.

    Args: those of `Chain`.

    Returns:
        `(b,)`, float32 or float64 as the emissions are; -inf where every sequence is forbidden, NaN where a score that
        counts is NaN.

    Raises:
        ValueError: shapes that do not fit together.

    Example:

    >>> import numpy as np
    >>> from kerasrnn import crf
    >>> round(float(crf.log_partition(np.zeros((1, 3, 2), "float32"), np.zeros((2, 2)))[0]), 4)  # 8 sequences
    2.0794

    Reference: J. Lafferty, A. McCallum, F. Pereira, Conditional random fields: probabilistic models for segmenting and
    labeling sequence data, ICML 2001.
    """
    return _log_partition(lattice(emissions, transitions, start, end, mask))


def sequence_score(
    tags: Tensor, emissions: Tensor, transitions: Tensor, start: Tensor = None, end: Tensor = None, mask: Tensor = None
) -> Tensor:
    r"""The score of one tag sequence for each row.

    $$s(y) = a_{y_1} + \sum_{k=1}^{m} e_{k, y_k} + \sum_{k=2}^{m} A_{y_{k-1}, y_k} + z_{y_m}$$

    with emissions e, transitions A, start a, end z, and k counting the m steps that the mask keeps.

    Masks: a masked step is skipped. The transition goes from the last step before it to the next one after it, and
    its tag may be anything. A row that is masked throughout has the score 0.

    Args:
        tags: `(b, t)` integers from 0 to n - 1.
        emissions, transitions, start, end, mask: those of `Chain`.

    Returns:
        `(b,)`. Where values are not known beforehand (in a graph, under `jit`), a row with a tag outside of the set is
        NaN, and its gradients are.

    Raises:
        ValueError: shapes that do not fit together; eagerly also a tag outside of the set.
    """
    tags = checked_tags(tags, ops.convert_to_tensor(emissions))
    return score_of(tags, lattice(emissions, transitions, start, end, mask))


def log_likelihood(
    tags: Tensor, emissions: Tensor, transitions: Tensor, start: Tensor = None, end: Tensor = None, mask: Tensor = None
) -> Tensor:
    r"""The log-probability of one tag sequence for each row: $s(y) - \log Z$.

    Masks, Args and Raises: those of `sequence_score`.

    Returns:
        `(b,)`; 0 for a row that is masked throughout, -inf for a sequence that is forbidden, NaN as `sequence_score`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn import crf
    >>> tags = np.array([[0, 1, 1], [1, 0, 0]])
    >>> likely = crf.log_likelihood(tags, np.zeros((2, 3, 2), "float32"), np.zeros((2, 2)))
    >>> np.exp(likely).round(4).tolist()
    [0.125, 0.125]
    """
    tags = checked_tags(tags, ops.convert_to_tensor(emissions))
    scores = lattice(emissions, transitions, start, end, mask)
    score, whole = score_of(tags, scores), _log_partition(scores)
    # Where all sequences are forbidden, this one is: -inf, and not -inf less -inf.
    return score - ops.where(ops.isneginf(whole), ops.zeros_like(whole), whole)


def marginals(
    emissions: Tensor, transitions: Tensor, start: Tensor = None, end: Tensor = None, mask: Tensor = None
) -> Tensor:
    """The probability of each tag at each step, given the whole sequence.

    Masks: 0 at masked steps; as in `sequence_score` they are skipped.

    Args: those of `Chain`.

    Returns:
        `(b, t, n)`, which sums to 1 over the tags of each step that the mask keeps, or to 0 where all sequences are
        forbidden. No gradient passes through it.

    Raises:
        ValueError: shapes that do not fit together.
    """
    length = ops.shape(emissions)[1]
    emissions, transitions, mask = lattice(emissions, transitions, start, end, mask)
    emissions, transitions = ops.stop_gradient(emissions), ops.stop_gradient(transitions)
    into = recursions.sum_forward(emissions, transitions, mask).into
    found = recursions.sum_backward(into, emissions, transitions, mask, ops.ones_like(emissions[:, 0, 0]))
    return found.tags[:, :length]


def _log_partition(scores: Lattice) -> Tensor:
    mask = scores.mask

    @ops.custom_gradient
    def run(emissions: Tensor, transitions: Tensor) -> Any:
        value, into = recursions.sum_forward(emissions, transitions, mask)

        def gradient(upstream: Tensor) -> Any:
            found = recursions.sum_backward(into, emissions, transitions, mask, upstream)
            return upstream[:, None, None] * found.tags, found.pairs

        return value, gradient

    return run(scores.emissions, scores.transitions)


def score_of(tags: Tensor, scores: Lattice) -> Tensor:
    """`tags` may have fewer steps than the lattice, whose others are masked then."""
    emissions, transitions, mask = scores
    n, steps = emissions.shape[2], ops.shape(emissions)[1]
    refuse_outside(tags, mask[:, : ops.shape(tags)[1]], n)
    tags = ops.pad(tags, [[0, 0], [0, steps - ops.shape(tags)[1]]])
    outside = ops.any(ops.logical_and(mask, ops.logical_or(tags < 0, tags >= n)), axis=1)
    tags = ops.clip(tags, 0, n - 1)
    found = ops.take_along_axis(emissions, tags[..., None], axis=2)[..., 0]  # (b, t)
    score = ops.sum(ops.where(mask, found, ops.zeros_like(found)), axis=1)

    place = ops.arange(steps, dtype="int32")
    order = ops.argsort(ops.where(mask, place, place + steps), axis=1)  # the steps that count, then the others
    tags = ops.take_along_axis(tags, order, axis=1)
    count = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)  # (b, 1)
    joined = ops.take(ops.reshape(transitions, (-1,)), tags[:, :-1] * n + tags[:, 1:])
    score = score + ops.sum(ops.where(place[1:] < count, joined, ops.zeros_like(joined)), axis=1)
    return score * ops.where(outside, ops.full_like(score, float("nan")), ops.ones_like(score))
