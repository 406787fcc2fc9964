"""Greedy decoding."""

from collections.abc import Sequence
from typing import Any

from kerasrnn.decoding.paths import Decoded, Step, follow
from kerasrnn.decoding.rules import Rules
from kerasrnn.decoding.scores import top

Tensor = Any


def greedy(
    step: Step,
    start: Tensor,
    states: Any,
    *,
    end: int | Sequence[int] | None,
    max_length: int,
    min_length: int = 0,
    prefix: Tensor | None = None,
    banned: Sequence[int] = (),
    memory: Any = None,
) -> Decoded:
    """Take the most probable token at every step until each sequence of the batch has ended.

    Of equally probable tokens the lowest is taken. Logits that are no distribution (a NaN or +inf among them, or
    nothing above −inf that may be chosen) end their sequence with token 0 of log-probability NaN and touch no other.

    Args:
        step: `(token (b,) int32, states) -> (logits (b, v), states, extras)`, where extras is a flat dict of `(b, ...)`
            tensors, such as the alignment. Log-probabilities are logits, too. With `memory`, `step` takes it as a third
            argument.
        start: `(b,)` integers, the first token to feed.
        states: any nest of `(b, ...)` tensors.
        end: the id that ends a sequence, or several; None for sequences that only `max_length` ends. Token 0 is padding
            and comes after it; a step that gives 0 the best score produces it like any other.
        max_length: the most tokens to produce; a sequence that has not ended by then is cut there.
        min_length: the fewest tokens, the end token counted: before it, `end` is not chosen.
        prefix: `(b, p)` integers, tokens that must come first, −1 where the choice is free (to the right of a prefix
            shorter than others); or None. It overrules `banned` and `min_length`.
        banned: ids that are never chosen. Log-probabilities remain those of the model, which knows nothing of bans.
        memory: what each step reads and none changes: a nest of `(b, ...)` tensors, or None.

    Returns:
        `Decoded`, with n = `max_length`.

    Raises:
        ValueError: lengths, ids, or shapes out of range. Token ids are looked at where their values are known: not
            those of a tensor in a graph, nor whether the step function knows a start token.

    Example: the next letter of the alphabet, from a table.

    >>> import numpy as np
    >>> from keras import ops
    >>> from kerasrnn.decoding import greedy
    >>> table = np.roll(np.eye(5, dtype="float32"), 1, axis=1) * 9          # after i comes i + 1
    >>> step = lambda token, states: (ops.take(table, token, axis=0), states, {})
    >>> found = greedy(step, [1, 3], (), end=4, max_length=4)
    >>> np.asarray(found.tokens).tolist(), np.asarray(found.lengths).tolist()
    ([[2, 3, 4, 0], [4, 0, 0, 0]], [3, 1])
    """
    rules = Rules(start, end=end, max_length=max_length, min_length=min_length, prefix=prefix, banned=banned)
    return follow(step, states, memory, rules, lambda logits, t: top(logits, 1)[1][:, 0])
