"""One path for each sequence of a batch: what greedy decoding and sampling share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops, tree

from kerasrnn import engine
from kerasrnn.decoding.rules import Rules
from kerasrnn.decoding.scores import normaliser, pick

Tensor = Any
Step = Callable[..., tuple[Tensor, Any, dict[str, Tensor]]]
"""`(token (b,) int32, states)`, and a third argument where there is a memory, to `(logits (b, v), states, extras)`."""


class Decoded(NamedTuple):
    """Decoded sequences of a batch.

    Attributes:
        tokens: `(b, n)` int32: up to and with the end token, then 0.
        lengths: `(b,)` int32: the number of tokens, the end token counted.
        log_probs: `(b, n)`: the log-probability of each token under the model, 0 after the end.
        extras: name to `(b, n, ...)`: what the step function gave beside the logits, 0 after the end.
    """

    tokens: Tensor
    lengths: Tensor
    log_probs: Tensor
    extras: dict[str, Tensor]


class _Path(NamedTuple):
    token: Tensor  # what is fed next, 0 after the end
    states: Any
    ended: Tensor
    lengths: Tensor


def follow(step: Step, states: Any, memory: Any, rules: Rules, choose: Callable[[Tensor, Tensor], Tensor]) -> Decoded:
    """Decode with `choose(logits (b, v) of what may come, t) -> tokens (b,)` until every sequence has ended."""

    def advance(t: Tensor, path: _Path) -> tuple[_Path, dict[str, Any], Tensor]:
        logits, states, extras = run(step, path.token, path.states, memory)
        logits = rules.logits(logits)
        total = normaliser(logits)
        allowed = rules.allowed(logits, t)
        token = ops.cast(choose(allowed, t), "int32")
        score = pick(allowed, token)
        possible = score > -np.inf
        forced = rules.forced(t)
        if forced is not None:
            free = forced < 0
            token = ops.where(free, token, forced)
            score = ops.where(free, score, pick(logits, token))
            possible = ops.logical_or(possible, ops.logical_not(free))
        possible = ops.logical_and(possible, ops.isfinite(total))
        token = ops.where(possible, token, 0)
        ended = ops.logical_or(path.ended, ops.logical_or(ops.logical_not(possible), rules.ends(token)))
        after = _Path(ops.where(ended, 0, token), states, ended, ops.where(path.ended, path.lengths, t + 1))
        traces = {"tokens": token, "log_probs": ops.where(possible, score - total, np.nan), "extras": extras}
        return after, traces, ops.logical_not(ops.all(ended))

    first = _Path(rules.start, states, ops.zeros_like(rules.start, dtype="bool"), ops.zeros_like(rules.start))
    _, last, traces = engine.unfold(advance, first, rules.max_length)
    traces = tree.map_structure(lambda trace: until(_batch_first(trace), last.lengths), traces)
    return Decoded(traces["tokens"], last.lengths, traces["log_probs"], traces["extras"])


def run(step: Step, token: Tensor, states: Any, memory: Any) -> tuple[Tensor, Any, dict[str, Tensor]]:
    """One call of the step function."""
    return step(token, states) if memory is None else step(token, states, memory)


def until(sequences: Tensor, lengths: Tensor) -> Tensor:
    """`(b, n, ...)`, or `(b, k, n, ...)` with lengths `(b, k)`, with zeros from the lengths on."""
    rank = len(lengths.shape)
    keep = ops.arange(sequences.shape[rank], dtype="int32") < lengths[..., None]
    keep = ops.reshape(keep, (*ops.shape(keep), *[1] * (len(sequences.shape) - rank - 1)))
    return ops.where(keep, sequences, ops.zeros_like(sequences))


def _batch_first(trace: Tensor) -> Tensor:
    return ops.transpose(trace, (1, 0, *range(2, len(trace.shape))))
