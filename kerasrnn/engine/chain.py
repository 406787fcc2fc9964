"""The recursions of a linear chain: sums over all paths and their gradients. The best paths: `chain_best`.

Everything is a function of `emissions (b, t, n)`, with the scores of beginning and ending in those of the first and of
the last step, `transitions (n, n)` from row to column, and `mask (b, t)`; n tags. What is carried from step to step is
scaled anew at each, which keeps ten thousand steps as exact as ten. A score of -inf forbids.

There are two ways, chosen by the transitions. In log space, exact whatever they are. As products of probabilities with
exp(transitions), several times faster, for transitions that span a limited range R: whatever the emissions, the best
tag before has a weight of 1/n at least, so the sum over the tags before is at least exp(-R)/n, and what falls below the
smallest float is no part of it that counts.
"""

import functools
from typing import Any, NamedTuple

import keras
from keras import ops

from kerasrnn.engine.compiled import compiled
from kerasrnn.engine.scan import scan

Tensor = Any

LOWEST = -float("inf")
LARGEST_RANGE = {"float32": 30.0, "float64": 300.0}  # e^-30 of e^-30 of a probability is above the smallest number


class Forward(NamedTuple):
    """`value (b,)`, and `into (b, t, n)`, the score of all that comes before a step, up to a constant for each step."""

    value: Tensor
    into: Tensor


class Backward(NamedTuple):
    """Probabilities of tags `(b, t, n)`; of pairs of neighbours, weighted and summed over steps and rows, `(n, n)`."""

    tags: Tensor
    pairs: Tensor


@compiled
def sum_forward(emissions: Tensor, transitions: Tensor, mask: Tensor) -> Forward:
    """The logarithm of the sum over all paths of exp(score)."""
    arguments = emissions, transitions, mask
    return Forward(
        *ops.cond(_narrow(transitions), lambda: _product_forward(*arguments), lambda: _log_forward(*arguments))
    )


@functools.partial(compiled, of_gradients=True)
def sum_backward(into: Tensor, emissions: Tensor, transitions: Tensor, mask: Tensor, weights: Tensor) -> Backward:
    """The gradients of `sum_forward`, which are probabilities; `weights (b,)` for the pairs."""
    arguments = into, emissions, transitions, mask, weights
    return Backward(
        *ops.cond(_narrow(transitions), lambda: _product_backward(*arguments), lambda: _log_backward(*arguments))
    )


def _narrow(transitions: Tensor) -> Tensor:
    limit = LARGEST_RANGE[keras.backend.standardize_dtype(transitions.dtype)]
    return ops.max(transitions) - ops.min(transitions) <= limit


def _log_forward(emissions: Tensor, transitions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    n = emissions.shape[-1]

    def step(now: Tensor, states: list[Tensor]) -> Any:
        before, begun = states
        into = ops.where(begun > 0, log_sum_exp(before[:, :, None] + transitions, axis=1), ops.zeros_like(now))
        after, shift = shifted(into + now)
        return [after, ops.ones_like(begun)], {"into": into, "shift": shift}

    states = [zeros(emissions, n) + LOWEST, zeros(emissions, 1)]
    (after, begun), traces = scan(step, emissions, states, mask, widths={"into": n, "shift": 1})
    total = ops.sum(traces["shift"], axis=(1, 2)) + log_sum_exp(after, axis=1)
    return ops.where(begun[:, 0] > 0, total, ops.zeros_like(total)), traces["into"]


def _log_backward(
    into: Tensor, emissions: Tensor, transitions: Tensor, mask: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    n = emissions.shape[-1]

    def step(now: Tensor, states: list[Tensor]) -> Any:
        ahead, begun, pairs = states
        emission, into = ops.split(now, 2, axis=-1)
        following = transitions + ahead[:, None, :]  # (b, n, n)
        top = finite(ops.max(following, axis=2, keepdims=True))
        following = ops.exp(following - top)
        total = ops.sum(following, axis=2)
        ahead = emission + ops.where(begun > 0, log(total) + top[..., 0], ops.zeros_like(total))
        tags = probabilities(into + ahead)
        share = tags / ops.where(total > 0, total, ops.ones_like(total))
        pairs = pairs + ops.reshape(share[..., None] * following, (-1, n * n))
        return [shifted(ahead)[0], ops.ones_like(begun), pairs], {"tags": tags}

    states = [zeros(emissions, n) + LOWEST, zeros(emissions, 1), zeros(emissions, n * n)]
    inputs = ops.concatenate([emissions, into], axis=-1)
    (_, _, pairs), traces = scan(step, inputs, states, mask, widths={"tags": n}, go_backwards=True)
    return ops.flip(traces["tags"], axis=1), ops.reshape(ops.matmul(weights[None], pairs), (n, n))


def _product_forward(emissions: Tensor, transitions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    n, top, factors = emissions.shape[-1], ops.max(transitions), _factors(transitions)
    likely, shift = _likely(emissions)

    def step(now: Tensor, states: list[Tensor]) -> Any:
        before, begun = states
        into = ops.where(begun > 0, ops.matmul(before, factors), ops.ones_like(now))
        after, scale = _normalised(into * now)
        return [after, ops.ones_like(begun)], {"into": into, "scale": scale}

    states = [zeros(emissions, n), zeros(emissions, 1)]
    _, traces = scan(step, likely, states, mask, widths={"into": n, "scale": 1})
    total = ops.where(mask, shift[..., 0] + log(traces["scale"][..., 0]), zeros(emissions, 1))
    between = ops.maximum(ops.sum(ops.cast(mask, emissions.dtype), axis=1) - 1, 0)
    return ops.sum(total, axis=1) + between * top, log(traces["into"])


def _product_backward(
    into: Tensor, emissions: Tensor, transitions: Tensor, mask: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    n, factors = emissions.shape[-1], _factors(transitions)
    likely, _ = _likely(emissions)
    turned = ops.transpose(factors)

    def step(now: Tensor, states: list[Tensor]) -> Any:
        ahead, begun = states
        left = ops.where(begun > 0, ops.matmul(ahead, turned), ops.ones_like(now))
        return [_normalised(left * now)[0], ops.ones_like(begun)], {"left": left, "ahead": ahead}

    states = [zeros(emissions, n), zeros(emissions, 1)]
    traces = scan(step, likely, states, mask, widths={"left": n, "ahead": n}, go_backwards=True).traces
    left, ahead = (ops.flip(traces[name], axis=1) for name in ("left", "ahead"))
    tags = probabilities(into + emissions + log(left))
    tags = ops.where(mask[..., None], tags, ops.zeros_like(tags))
    share = weights[:, None, None] * tags / ops.where(left > 0, left, ops.ones_like(left))
    share, ahead = ops.reshape(share, (-1, n)), ops.reshape(ahead, (-1, n))
    return tags, factors * ops.matmul(ops.transpose(share), ahead)


def _factors(transitions: Tensor) -> Tensor:
    return ops.exp(transitions - ops.max(transitions))


def _likely(emissions: Tensor) -> tuple[Tensor, Tensor]:
    shift = finite(ops.max(emissions, axis=-1, keepdims=True))
    return ops.exp(emissions - shift), shift


def _normalised(x: Tensor) -> tuple[Tensor, Tensor]:
    total = ops.sum(x, axis=1, keepdims=True)
    return x / ops.where(total > 0, total, ops.ones_like(total)), total


def log(x: Tensor) -> Tensor:
    """-inf at 0, with gradients that are finite there."""
    positive = ops.logical_not(x <= 0)  # or NaN
    safe = ops.log(ops.where(positive, x, ops.ones_like(x)))
    return ops.where(positive, safe, ops.full_like(x, LOWEST))


def log_sum_exp(x: Tensor, axis: int) -> Tensor:
    """-inf, not NaN, of nothing but -inf."""
    top = finite(ops.max(x, axis=axis, keepdims=True))
    return log(ops.sum(ops.exp(x - top), axis=axis)) + ops.squeeze(top, axis)


def probabilities(scores: Tensor) -> Tensor:
    """Softmax over the last axis; zeros, not NaN, of nothing but -inf."""
    weights = ops.exp(scores - finite(ops.max(scores, axis=-1, keepdims=True)))
    total = ops.sum(weights, axis=-1, keepdims=True)
    return weights / ops.where(total > 0, total, ops.ones_like(total))


def shifted(x: Tensor) -> tuple[Tensor, Tensor]:
    """`x (b, ·)` with its largest entry at 0, and what was subtracted `(b, 1)`."""
    shift = ops.max(x, axis=1, keepdims=True)
    return x - finite(shift), shift


def zeros(emissions: Tensor, width: int) -> Tensor:
    return ops.zeros((ops.shape(emissions)[0], width), dtype=emissions.dtype)


def finite(x: Tensor) -> Tensor:
    return ops.where(ops.isfinite(x), x, ops.zeros_like(x))
