"""Beam search."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops, tree

from kerasrnn import engine
from kerasrnn.decoding.beams import Beams, traced_back
from kerasrnn.decoding.paths import Step, run
from kerasrnn.decoding.rules import Rules, finite, whole
from kerasrnn.decoding.scores import normaliser, pick, top

Tensor = Any


class _Search(NamedTuple):
    """What is carried from step to step: w hypotheses a sequence, best first; 1 before the first step, then k."""

    tokens: Tensor  # (b, w), what is fed next, 0 after the end
    states: Any  # (b · w, ...)
    log_probs: Tensor  # (b, w)
    scores: Tensor  # (b, w)
    lengths: Tensor  # (b, w)
    finished: Tensor  # (b, w)
    coverage: Any  # (b · w, s), the sum of the alignments; () if nothing asks for it
    done: Tensor  # (b,), sequences whose search is over
    broken: Tensor  # (b,), sequences of which a hypothesis got logits that are no distribution
    steps: Tensor  # (b,)


def beam_search(
    step: Step,
    start: Tensor,
    states: Any,
    *,
    end: int | Sequence[int] | None,
    max_length: int,
    width: int = 5,
    n_best: int = 1,
    length_penalty: float = 0.0,
    coverage_penalty: float = 0.0,
    source_mask: Tensor | None = None,
    early_stop: bool = True,
    min_length: int = 0,
    prefix: Tensor | None = None,
    banned: Sequence[int] = (),
    memory: Any = None,
) -> Beams:
    r"""Keep the `width` best hypotheses at every step, ended ones among them, until none can change the `n_best`.

    Hypotheses Y for a source X are ranked, at every step and at last, by

    $$
    s(Y, X) = \frac{\log P(Y \mid X)}{lp(Y)} + \beta \, cp(X, Y), \qquad
    lp(Y) = \left(\frac{5 + |Y|}{6}\right)^{\alpha}, \qquad
    cp(X, Y) = \sum_{j=1}^{|X|} \log \min\Bigl(\sum_{i=1}^{|Y|} a_{ij},\ 1\Bigr)
    $$

    with the length |Y|, its end token counted, and the attention a_ij that target token i pays to source place j.
    Finished hypotheses keep their score, and their place in the beam as long as they are among the best. Those that
    `max_length` cuts are ranked with them. Of equal scores that of the better parent comes first, then the lower token.

    A beam wider than there are hypotheses is filled with missing ones, of length 0 and score −inf. Where a hypothesis
    in the beam gets logits that are no distribution (a NaN or +inf among them, or nothing above −inf), no ranking is
    possible: all results of that sequence have length 0 and score NaN; other rows are not touched.

    Args:
        step: as for `greedy`. It sees `(b, ...)` rows at the first step and `(b · k, ...)` after it, the k hypotheses
            of a sequence side by side; so what belongs to a sequence goes into `states` or `memory`, not a closure.
        start, end, max_length, min_length, prefix, banned: as for `greedy`.
        states: any nest of `(b, ...)` tensors. They follow their hypotheses: k times as many rows, gathered each step.
        width: k, the number of hypotheses.
        n_best: m, how many of them to return, at most `width`.
        length_penalty: α; 0 for none, above 0 favours longer hypotheses.
        coverage_penalty: β, at least 0; above 0 the extras must hold `alignment (b, s)`. Attention below the smallest
            normal number of its type counts as that number.
        source_mask: `(b, s)` bool, True = a place of the source that counts for the coverage; None for all.
        early_stop: stop with a sequence when no unfinished hypothesis can enter its n best any more: the n best are
            exactly those without it. False goes on until all `width` hypotheses have finished.
        memory: as for `greedy`; each row is repeated k times once, and nothing of it is gathered.

    Returns:
        `Beams`, with n = `max_length`.

    Raises:
        ValueError: as `greedy`, and for `width`, `n_best` and penalties out of range, or no `alignment` to cover.

    Example: the likeliest word of two letters does not begin with the likeliest letter.

    >>> import numpy as np
    >>> from keras import ops
    >>> from kerasrnn.decoding import beam_search
    >>> table = np.log([[0.1, 0.5, 0.4], [0.4, 0.3, 0.3], [0.0001, 0.0001, 0.9998]])
    >>> step = lambda token, states: (ops.take(ops.convert_to_tensor(table), token, axis=0), states, {})
    >>> for width in (1, 2):
    ...     found = beam_search(step, [0], (), end=None, max_length=2, width=width)
    ...     print(np.asarray(found.tokens)[0, 0], np.exp(np.asarray(found.log_probs)).round(2)[0, 0])
    [1 0] 0.2
    [2 2] 0.4

    Reference: Y. Wu et al., Google's neural machine translation system, arXiv:1609.08144, 2016, section 7.
    """
    rules = Rules(start, end=end, max_length=max_length, min_length=min_length, prefix=prefix, banned=banned)
    k = whole("width", width, 1)
    if whole("n_best", n_best, 1) > k:
        raise ValueError(f"`n_best` must be at most `width`, {k}; received {n_best}.")
    finite("coverage_penalty", coverage_penalty, 0)
    finite("length_penalty", length_penalty)
    # (n + 2,); at l, the penalty of length l, and the greatest that a hypothesis of length l may still come to
    penalties = ((5 + np.arange(rules.max_length + 1)) / 6) ** length_penalty
    greatest = np.maximum.accumulate(penalties[::-1])[::-1]
    repeated = tree.map_structure(lambda x: None if x is None else ops.repeat(x, k, axis=0), memory)
    batch = ops.shape(rules.start)[0]
    order = ops.arange(k, dtype="int32")
    rows = ops.arange(batch, dtype="int32")[:, None]

    def advance(t: Tensor, search: _Search) -> tuple[_Search, dict[str, Any], Tensor]:
        first, w = search.coverage is None, search.tokens.shape[1]
        fed = ops.reshape(search.tokens, (-1,))
        logits, states, extras = run(step, fed, search.states, memory if w == 1 else repeated)
        logits = rules.logits(logits)
        total = normaliser(logits)
        log_probs, lengths, finished = search.log_probs, search.lengths, search.finished
        if first:
            log_probs = ops.zeros((batch, 1), dtype=logits.dtype)
        live = ops.logical_and(log_probs > -np.inf, ops.logical_not(finished))  # (b, w)
        live = ops.logical_and(live, ops.logical_not(search.done)[:, None])  # what is not live stays as it is
        sound = ops.isfinite(ops.reshape(total, (-1, w)))
        broken = ops.logical_or(search.broken, ops.any(ops.logical_and(live, ops.logical_not(sound)), axis=1))

        gains, tokens = _candidates(rules, logits, total, t, w, k)  # (b, w, c)
        gains = ops.where(live[..., None], gains, ops.where(order[: gains.shape[2]] == 0, 0.0, -np.inf))
        tokens = ops.where(live[..., None], tokens, 0)
        lengths = ops.where(live, t + 1, lengths)
        coverage, covered = search.coverage, ops.zeros_like(log_probs)
        if coverage_penalty:
            coverage = _add_alignment(extras, None if first else coverage, live)
            covered = coverage_penalty * _coverage(coverage, source_mask, w)
        else:
            coverage = ()

        sums = log_probs[..., None] + gains
        by_length = ops.take(ops.convert_to_tensor(penalties, dtype=logits.dtype), lengths, axis=0)
        ranked = sums / by_length[..., None] + covered[..., None]
        c = gains.shape[2]
        scores, index = ops.top_k(ops.reshape(ranked, (-1, w * c)), k)
        index = ops.cast(index, "int32")
        parents = index // c
        sums, gains, tokens = (pick(ops.reshape(each, (-1, w * c)), index) for each in (sums, gains, tokens))
        chosen = ops.reshape(rows * w + parents, (-1,))  # (b · k,)
        lengths, finished = pick(lengths, parents), pick(finished, parents)
        finished = ops.logical_or(finished, ops.logical_and(rules.ends(tokens), pick(live, parents)))
        finished = ops.logical_and(finished, sums > -np.inf)
        if coverage_penalty:
            coverage = ops.take(coverage, chosen, axis=0)

        live = ops.logical_and(sums > -np.inf, ops.logical_not(finished))
        over = ops.logical_not(ops.any(live, axis=1))
        if early_stop:
            bound = sums / ops.take(ops.convert_to_tensor(greatest, dtype=sums.dtype), t + 1, axis=0)
            bound = ops.max(ops.where(live, bound, -np.inf), axis=1, initial=-np.inf)  # no coverage exceeds 0
            ahead = ops.logical_and(ops.all(finished[:, :n_best], axis=1), scores[:, n_best - 1] > bound)
            over = ops.logical_or(over, ahead)
        done = ops.logical_or(search.done, ops.logical_or(over, broken))
        after = _Search(
            ops.where(ops.logical_or(finished, done[:, None]), 0, tokens),
            tree.map_structure(lambda state: ops.take(state, chosen, axis=0), states),
            sums,
            scores,
            lengths,
            finished,
            coverage,
            done,
            broken,
            ops.where(search.done, search.steps, t + 1),
        )
        if w < k:
            extras = tree.map_structure(lambda extra: ops.repeat(extra, k, axis=0), extras)
        beam = {"tokens": tokens, "parents": parents, "log_probs": sums, "finished": finished}
        return after, {"beam": beam, "gains": gains, "extras": extras}, ops.logical_not(ops.all(done))

    begin = ops.zeros_like(rules.start)
    never = ops.zeros_like(rules.start, dtype="bool")
    search = _Search(
        rules.start[:, None], states, None, None, begin[:, None], never[:, None], None, never, never, begin
    )
    count, last, traces = engine.unfold(advance, search, rules.max_length)
    return traced_back(count, last, traces, n_best, rules.max_length)


def _candidates(rules: Rules, logits: Tensor, total: Tensor, t: Tensor, w: int, k: int) -> tuple[Tensor, Tensor]:
    """The best ways on from each hypothesis: log-probabilities and tokens, `(b, w, c)`, together at least k."""
    c = min(k, logits.shape[1])
    best, tokens = top(rules.allowed(logits, t), c)  # (b · w, c)
    forced = rules.forced(t, w)
    if forced is not None:
        free = forced[:, None] < 0
        only = ops.where(ops.arange(c) == 0, pick(logits, ops.maximum(forced, 0))[:, None], -np.inf)
        best, tokens = ops.where(free, best, only), ops.where(free, tokens, forced[:, None])
    gains = ops.minimum(best - total[:, None], 0.0)  # no rounding makes a hypothesis better than its parent
    missing = max(0, -(-k // w) - c)
    if missing:
        gains = ops.pad(gains, ((0, 0), (0, missing)), constant_values=-np.inf)
        tokens = ops.pad(tokens, ((0, 0), (0, missing)))
    shape = (-1, w, c + missing)
    return ops.reshape(gains, shape), ops.reshape(tokens, shape)


def _add_alignment(extras: dict[str, Tensor], before: Tensor | None, live: Tensor) -> Tensor:
    """The sum of the alignments so far, `(b · w, s)`; those of finished hypotheses hold."""
    if "alignment" not in extras:
        raise ValueError(
            "`coverage_penalty` must have `alignment` among the extras of `step`; received the extras "
            f"{sorted(extras)}."
        )
    alignment = extras["alignment"]
    return alignment if before is None else before + ops.where(ops.reshape(live, (-1, 1)), alignment, 0.0)


def _coverage(sums: Tensor, mask: Tensor | None, w: int) -> Tensor:
    """cp of `(b · w, s)` sums of alignments: `(b, w)`."""
    least = np.finfo(str(keras.backend.standardize_dtype(sums.dtype))).tiny
    each = ops.log(ops.clip(sums, least, 1.0))
    if mask is not None:
        each = ops.where(ops.repeat(ops.cast(mask, "bool"), w, axis=0), each, 0.0)
    return ops.reshape(ops.sum(each, axis=-1), (-1, w))
