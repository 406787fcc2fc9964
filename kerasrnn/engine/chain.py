"""The recursions of a linear chain, in log space: sums over all paths, their gradients, and the best paths.

Everything is a function of `emissions (b, t, n)`, `transitions (n, n)` from row to column, `start (n,)`, `end (n,)`
and `mask (b, t)`, with n tags. What is carried from step to step is shifted so that its largest entry is 0, which
keeps ten thousand steps as exact as ten; a score of -inf forbids.
"""

from typing import Any, NamedTuple

from keras import ops

from kerasrnn.engine.compiled import compiled
from kerasrnn.engine.scan import scan

Tensor = Any

LOWEST = -float("inf")


class Forward(NamedTuple):
    """The forward pass: `value (b,)`, and what its gradient needs.

    `into (b, t, n)`: the score of all that comes before a step, without its emission; `before (b, t, n)`: the state at
    the step before. Both up to a constant for each row and step.
    """

    value: Tensor
    into: Tensor
    before: Tensor


class Backward(NamedTuple):
    """Probabilities: of tags `(b, t, n)`, of pairs of neighbours, summed over time, `(b, n, n)`, of the first tag and
    of the last one `(b, n)`."""

    tags: Tensor
    pairs: Tensor
    first: Tensor
    last: Tensor


@compiled
def sum_forward(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, mask: Tensor) -> Forward:
    """The logarithm of the sum over all paths of exp(score)."""
    n = emissions.shape[-1]

    def step(now: Tensor, states: list[Tensor]) -> Any:
        before, begun = states
        arrived = log_sum_exp(before[:, :, None] + transitions, axis=1)
        into = ops.where(begun > 0, arrived, start)
        after, shift = _shifted(into + now)
        return [after, ops.ones_like(begun)], {"into": into, "before": before, "shift": shift}

    none = _zeros(emissions, 1)
    states = [_zeros(emissions, n) + LOWEST, none]
    (after, begun), traces = scan(step, emissions, states, mask, widths={"into": n, "before": n, "shift": 1})
    total = ops.sum(traces["shift"], axis=(1, 2)) + log_sum_exp(after + end, axis=1)
    return Forward(ops.where(begun[:, 0] > 0, total, none[:, 0]), traces["into"], traces["before"])


@compiled
def sum_backward(
    into: Tensor, before: Tensor, emissions: Tensor, transitions: Tensor, end: Tensor, mask: Tensor
) -> Backward:
    """The gradients of `sum_forward`, which are probabilities."""
    n = emissions.shape[-1]

    def step(now: Tensor, states: list[Tensor]) -> Any:
        ahead, begun, pairs, _, last = states
        emission, into, before = ops.split(now, 3, axis=-1)
        left = ops.where(begun > 0, log_sum_exp(transitions + ahead[:, None, :], axis=2), end)
        ahead = emission + left
        whole = _finite(log_sum_exp(into + ahead, axis=1)[:, None])
        tags = ops.exp(into + ahead - whole)
        here = ops.exp(before[:, :, None] + transitions + (ahead - whole)[:, None, :])
        pairs = pairs + ops.reshape(here, (-1, n * n))
        last = ops.where(begun > 0, last, tags)
        return [_shifted(ahead)[0], ops.ones_like(begun), pairs, tags, last], {"tags": tags}

    states = [_zeros(emissions, width) for width in (n, 1, n * n, n, n)]
    inputs = ops.concatenate([emissions, into, before], axis=-1)
    found = scan(step, inputs, states, mask, widths={"tags": n}, go_backwards=True)
    _, _, pairs, first, last = found.states
    return Backward(ops.flip(found.traces["tags"], axis=1), ops.reshape(pairs, (-1, n, n)), first, last)


@compiled
def best_path(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, mask: Tensor) -> Tensor:
    """The tags of the best path, `(b, t)` int32, the first of equals; 0 on masked steps."""
    n = emissions.shape[-1]

    def step(now: Tensor, states: list[Tensor]) -> Any:
        before, begun = states
        arrived = ops.max(before[:, :, None] + transitions, axis=1)
        after, _ = _shifted(ops.where(begun > 0, arrived, start) + now)
        return [after, ops.ones_like(begun)], {"before": before}

    states = [_zeros(emissions, n), _zeros(emissions, 1)]
    (after, _), traces = scan(step, emissions, states, mask, widths={"before": n})
    into = ops.transpose(transitions)

    def back(before: Tensor, states: list[Tensor]) -> Any:
        tag = states[0]
        previous = ops.argmax(before + ops.take(into, tag[:, 0], axis=0), axis=-1)
        return [ops.cast(previous, "int32")[:, None]], {"tag": tag}

    tag = ops.cast(ops.argmax(after + end, axis=-1), "int32")[:, None]
    tags = scan(back, traces["before"], [tag], mask, widths={"tag": 1}, go_backwards=True).traces["tag"]
    return ops.flip(tags[..., 0], axis=1)


@compiled
def best_paths(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, mask: Tensor, *, count: int
) -> tuple[Tensor, Tensor]:
    """The tags of the `count` best paths `(b, count, t)` int32, best first, and their scores `(b, count)`.

    -inf is the score where there are fewer paths.
    """
    n, k = emissions.shape[-1], count  # a state is (b, n, k): the k best scores of the paths that end in a tag

    def step(now: Tensor, states: list[Tensor]) -> Any:
        before, begun = states
        reached = ops.transpose(before[:, :, None] + ops.repeat(transitions, k, axis=0), (0, 2, 1))  # (b, n, n*k)
        arrived, source = ops.top_k(reached, k)
        alone = ops.concatenate([start[:, None], ops.full((n, k - 1), LOWEST, dtype=start.dtype)], axis=1)
        after = ops.where(begun[..., None] > 0, arrived, alone) + now[..., None]
        after, shift = _shifted(ops.reshape(after, (-1, n * k)))
        traces = {"source": ops.reshape(source, (-1, n * k)), "shift": shift}
        return [after, ops.ones_like(begun)], traces

    none = _zeros(emissions, 1)
    states = [_zeros(emissions, n * k), none]
    (after, begun), traces = scan(step, emissions, states, mask, widths={"source": n * k, "shift": 1})
    scores, place = ops.top_k(after + ops.repeat(end, k), k)
    scores = scores + ops.sum(traces["shift"], axis=1)
    empty = ops.concatenate([none, ops.repeat(none + LOWEST, k - 1, axis=1)], axis=1)
    scores = ops.where(begun > 0, scores, empty)

    def back(source: Tensor, states: list[Tensor]) -> Any:
        place = states[0]
        return [ops.cast(ops.take_along_axis(source, place, axis=1), "int32")], {"tag": place // k}

    places = [ops.cast(place, "int32")]
    tags = scan(back, traces["source"], places, mask, widths={"tag": k}, go_backwards=True).traces["tag"]
    return ops.transpose(ops.flip(tags, axis=1), (0, 2, 1)), scores


def log_sum_exp(x: Tensor, axis: int) -> Tensor:
    """-inf, not NaN, of nothing but -inf."""
    largest = _finite(ops.max(x, axis=axis, keepdims=True))
    return ops.log(ops.sum(ops.exp(x - largest), axis=axis)) + ops.squeeze(largest, axis)


def _shifted(x: Tensor) -> tuple[Tensor, Tensor]:
    """`x (b, ·)` with its largest entry at 0, and what was subtracted `(b, 1)`."""
    shift = ops.max(x, axis=1, keepdims=True)
    return x - _finite(shift), shift


def _zeros(emissions: Tensor, width: int) -> Tensor:
    return ops.zeros((ops.shape(emissions)[0], width), dtype=emissions.dtype)


def _finite(x: Tensor) -> Tensor:
    return ops.where(ops.isfinite(x), x, ops.zeros_like(x))
