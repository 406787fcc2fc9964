"""What a beam search returns, and how it is traced back."""

from typing import Any, NamedTuple

import numpy as np
from keras import ops, tree

from kerasrnn import engine
from kerasrnn.decoding.paths import until
from kerasrnn.decoding.scores import pick

Tensor = Any


class BeamHistory(NamedTuple):
    """Every hypothesis of the beam after every step, best first: what a picture of the search is drawn from.

    Attributes:
        tokens: `(b, n, k)` int32: the token that each hypothesis took at the step, 0 if it had ended before.
        parents: `(b, n, k)` int32: the hypothesis of the step before that it goes on from.
        log_probs: `(b, n, k)`: the sum of its tokens' log-probabilities, −inf where there is no hypothesis.
        finished: `(b, n, k)` bool: whether it has ended.
        steps: `(b,)` int32: how many steps were taken; behind them everything is 0.
    """

    tokens: Tensor
    parents: Tensor
    log_probs: Tensor
    finished: Tensor
    steps: Tensor


class Beams(NamedTuple):
    """The best hypotheses that a beam search found, best first.

    Attributes:
        tokens: `(b, m, n)` int32: up to and with the end token, then 0.
        lengths: `(b, m)` int32: the number of tokens, the end token counted; 0 where there is no hypothesis.
        scores: `(b, m)`: what hypotheses are ranked by; −inf where there is none.
        log_probs: `(b, m)`: the sum of their tokens' log-probabilities.
        token_log_probs: `(b, m, n)`: the log-probability of each token, 0 after the end.
        extras: name to `(b, m, n, ...)`: what the step function gave along the path, 0 after the end.
        history: the search itself, a `BeamHistory`.
    """

    tokens: Tensor
    lengths: Tensor
    scores: Tensor
    log_probs: Tensor
    token_log_probs: Tensor
    extras: dict[str, Tensor]
    history: BeamHistory


def traced_back(count: Tensor, last: Any, traces: dict[str, Any], n_best: int, n: int) -> Beams:
    """The n best, traced back from the last step, and the history."""
    beam = traces["beam"]  # (n, b, k) each
    batch, k = ops.shape(last.tokens)[0], last.tokens.shape[1]
    sound = ops.logical_not(last.broken)

    def back(step: Tensor, here: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        t = n - 1 - step
        parents = pick(ops.take(beam["parents"], t, axis=0), here)
        before = ops.where(t < count, parents, here)
        return before, {"here": here, "before": before}, ops.convert_to_tensor(True)

    def along(history: Tensor, path: Tensor) -> Tensor:
        """`(n, b · k, ...)` to `(b, m, n, ...)`, of the hypotheses `(n, b, m)` at each step."""
        rest = ops.shape(history)[2:]
        rows = ops.arange(n * batch, dtype="int32")[:, None] * k + ops.reshape(path, (n * batch, n_best))
        found = ops.take(ops.reshape(history, (n * batch * k, *rest)), rows, axis=0)
        found = ops.reshape(found, (n, batch, n_best, *rest))
        return until(ops.transpose(found, (1, 2, 0, *range(3, 3 + len(rest)))), lengths)

    def flat(history: Tensor) -> Tensor:
        return ops.reshape(history, (n, batch * k))

    places = ops.broadcast_to(ops.arange(n_best, dtype="int32"), (batch, n_best))
    path = tree.map_structure(lambda trace: ops.flip(trace, axis=0), engine.unfold(back, places, n).traces)
    log_probs = last.log_probs[:, :n_best]
    lengths = ops.where(ops.logical_and(sound[:, None], log_probs > -np.inf), last.lengths[:, :n_best], 0)
    steps = ops.where(sound, last.steps, 0)
    over_time = {name: until(ops.transpose(beam[name], (1, 0, 2)), steps) for name in beam}
    return Beams(
        along(flat(beam["tokens"]), path["here"]),
        lengths,
        ops.where(sound[:, None], last.scores[:, :n_best], np.nan),
        ops.where(sound[:, None], log_probs, np.nan),
        along(flat(traces["gains"]), path["here"]),
        {name: along(extra, path["before"]) for name, extra in traces["extras"].items()},
        BeamHistory(**over_time, steps=steps),
    )
