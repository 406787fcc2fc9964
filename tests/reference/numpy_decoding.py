"""Decoding in plain Python and float64: every sequence enumerated, a beam in lists, distributions cut one by one."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray


class Machine:
    """A random recurrent network with attention: `row` for one token in NumPy, a call for a batch in Keras."""

    def __init__(self, rng: np.random.Generator, v: int = 5, u: int = 6, s: int = 4, sharpness: float = 1.5) -> None:
        self.v, self.u, self.s = v, u, s
        self.embedding, self.recurrent = rng.standard_normal((v, u)), rng.standard_normal((u, u))
        self.readout, self.look = sharpness * rng.standard_normal((u, v)), 2 * rng.standard_normal((u, u))
        self.bias = rng.standard_normal(v)
        self.mix = rng.standard_normal((u, u))

    def row(self, token: int, state: Array, memory: Array) -> tuple[Array, Array, Array]:
        """`(log-probabilities (v,), state (u,), alignment (s,))` of one token, with its memory `(s, u)`."""
        state = np.tanh(state @ self.recurrent + self.embedding[token])
        alignment = np.exp(memory @ (state @ self.look))
        alignment = alignment / alignment.sum()
        logits = (state + alignment @ memory @ self.mix) @ self.readout + self.bias
        return logits - logits.max() - np.log(np.exp(logits - logits.max()).sum()), state, alignment

    def __call__(self, token: Any, states: dict[str, Any], memory: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        from keras import ops

        def weight(name: str) -> Any:
            return ops.convert_to_tensor(getattr(self, name), dtype=memory.dtype)

        state = ops.matmul(states["h"], weight("recurrent")) + ops.take(weight("embedding"), token, axis=0)
        state = ops.tanh(state)
        scores = ops.matmul(memory, ops.matmul(state, weight("look"))[..., None])[..., 0]
        alignment = ops.softmax(scores, axis=-1)
        context = ops.matmul(alignment[:, None], memory)[:, 0]
        logits = ops.matmul(state + ops.matmul(context, weight("mix")), weight("readout")) + weight("bias")
        return (
            logits + 3.0,
            {"h": state},
            {"alignment": alignment, "fed": token},
        )  # no log-probabilities: not normalised


class Ranking(NamedTuple):
    """How hypotheses are ranked: s = log P / lp + beta · cp."""

    alpha: float = 0.0
    beta: float = 0.0
    counts: Array | None = None  # (s,), which places of the source

    def score(self, log_prob: float, length: int, coverage: Array) -> float:
        counted = coverage if self.counts is None else coverage[self.counts]
        penalty = self.beta * np.log(np.minimum(counted, 1)).sum() if self.beta else 0.0
        return log_prob / ((5 + length) / 6) ** self.alpha + penalty


class Hypothesis(NamedTuple):
    score: float
    log_prob: float
    tokens: list[int]
    gains: list[float]
    alignments: list[Array]
    state: Any
    ended: bool
    parent: int


Extend = Callable[[Hypothesis], Iterator[tuple[int, float, Array, Array]]]


def extending(
    machine: Machine,
    start: int,
    memory: Array,
    *,
    end: int | None,
    min_length: int = 0,
    banned: tuple[int, ...] = (),
    prefix: tuple[int, ...] = (),
) -> Extend:
    """All that may follow a hypothesis: `(token, log-probability, state, alignment)`."""

    def extend(before: Hypothesis) -> Iterator[tuple[int, float, Array, Array]]:
        at = len(before.tokens)
        log_probs, state, alignment = machine.row(before.tokens[-1] if at else start, before.state, memory)
        for token in range(machine.v):
            if at < len(prefix) and prefix[at] >= 0:
                if token != prefix[at]:
                    continue
            elif token in banned or (token == end and at + 1 < min_length):
                continue
            yield token, log_probs[token], state, alignment

    return extend


def grown(extend: Extend, before: Hypothesis, end: int | None, ranking: Ranking, parent: int) -> Iterator[Hypothesis]:
    for token, gain, state, alignment in extend(before):
        alignments = [*before.alignments, alignment]
        tokens, log_prob = [*before.tokens, token], before.log_prob + gain
        score = ranking.score(log_prob, len(tokens), np.sum(alignments, axis=0))
        yield Hypothesis(score, log_prob, tokens, [*before.gains, gain], alignments, state, token == end, parent)


def enumerated(extend: Extend, state: Array, longest: int, end: int | None, ranking: Ranking) -> list[Hypothesis]:
    """Every sequence that ends or has the greatest length, best first."""
    found, open_ = [], [Hypothesis(0.0, 0.0, [], [], [], state, False, 0)]
    while open_:
        for each in grown(extend, open_.pop(), end, ranking, 0):
            (found if each.ended or len(each.tokens) == longest else open_).append(each)
    return sorted(found, key=lambda each: -each.score)


def searched(
    extend: Extend, state: Array, longest: int, end: int | None, ranking: Ranking, width: int
) -> list[list[Hypothesis]]:
    """The beam after every step, without stopping early."""
    beams, beam = [], [Hypothesis(0.0, 0.0, [], [], [], state, False, 0)]
    for _ in range(longest):
        following: list[Hypothesis] = []
        for place, each in enumerate(beam):
            following += [each._replace(parent=place)] if each.ended else grown(extend, each, end, ranking, place)
        beam = sorted(following, key=lambda each: -each.score)[:width]
        beams.append(beam)
        if all(each.ended for each in beam):
            break
    return beams


def distribution(log_probs: Array, temperature: float, top_k: int | None, top_p: float) -> Array:
    """What sampling draws from."""
    weights = np.exp(log_probs / temperature - (log_probs / temperature).max())
    order = np.argsort(-weights, kind="stable")[:top_k]
    kept = np.zeros_like(weights)
    total = weights[order].sum()
    so_far = 0.0
    for token in order:
        kept[token] = weights[token]
        so_far += weights[token] / total
        if so_far >= top_p:
            break
    return kept / kept.sum()
