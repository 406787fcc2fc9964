"""Greedy decoding."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops, tree

Tensor = Any
Step = Callable[[Tensor, Any], tuple[Tensor, Any, dict[str, Tensor]]]


class Decoded(NamedTuple):
    """Decoded sequences of a batch.

    Attributes:
        tokens: `(b, n)` int32: up to and with the end token, then 0.
        lengths: `(b,)` int32: the number of tokens, the end token counted.
        log_probs: `(b, n)`: the log-probability of each token, 0 after the end.
        extras: name to `(b, n, ...)`: what the step function gave beside the scores, 0 after the end.
    """

    tokens: Tensor
    lengths: Tensor
    log_probs: Tensor
    extras: dict[str, Tensor]


def greedy(step: Step, start: Tensor, states: Any, *, end: int, max_length: int) -> Decoded:
    """Take the most probable token at every step until each sequence of the batch has ended.

    Args:
        step: `(token (b,) int32, states) -> (log-probabilities (b, v), states, extras)`, where extras is a flat dict of
            `(b, ...)` tensors, such as the alignment. Scores that are not normalised must be: `ops.log_softmax`.
        start: `(b,)` int32, the first token to feed.
        states: any nest of tensors whose shapes stay the same from step to step.
        end: the id that ends a sequence. Token 0 is padding and comes after it; a step that gives 0 the best score
            produces it like any other.
        max_length: the most tokens to produce; a sequence that has not ended by then is cut there.

    Returns:
        `Decoded`, with n = `max_length`.

    Raises:
        ValueError: `max_length` below 1.
    """
    if max_length < 1:
        raise ValueError(f"`max_length` must be at least 1; received {max_length}.")
    start = ops.cast(start, "int32")
    scores, _, extras = step(start, states)  # for the shapes alone; a graph prunes it
    place = ops.arange(max_length)

    def blank(like: Tensor) -> Tensor:  # (b, ...) -> (b, n, ...)
        return ops.repeat(ops.zeros_like(like)[:, None], max_length, axis=1)

    def write(history: Tensor, now: Tensor, t: Tensor, ended: Tensor) -> Tensor:
        rank = len(history.shape)
        here = ops.reshape(place == t, (1, max_length, *[1] * (rank - 2)))
        open_ = ops.reshape(ops.logical_not(ended), (-1, 1, *[1] * (rank - 2)))
        return ops.where(ops.logical_and(here, open_), now[:, None], history)

    def body(t: Tensor, token: Tensor, states: Any, ended: Tensor, lengths: Tensor, *written: Any) -> Any:
        tokens, logs, kept = written
        scores, states, extras = step(token, states)
        token = ops.cast(ops.argmax(scores, axis=-1), "int32")
        log_prob = ops.max(scores, axis=-1)
        tokens = write(tokens, token, t, ended)
        logs = write(logs, log_prob, t, ended)
        kept = {name: write(kept[name], extras[name], t, ended) for name in kept}
        lengths = ops.where(ended, lengths, t + 1)
        return t + 1, token, states, ops.logical_or(ended, token == end), lengths, tokens, logs, kept

    def running(t: Tensor, token: Tensor, states: Any, ended: Tensor, *_: Any) -> Tensor:
        return ops.logical_and(t < max_length, ops.logical_not(ops.all(ended)))

    first = (
        ops.convert_to_tensor(0, dtype="int32"),
        start,
        states,
        ops.zeros_like(start, dtype="bool"),
        ops.zeros_like(start),
        blank(start),
        blank(scores[:, 0]),
        tree.map_structure(blank, extras),
    )
    *_, lengths, tokens, log_probs, kept = ops.while_loop(running, body, first, maximum_iterations=max_length)
    return Decoded(tokens, lengths, log_probs, kept)
