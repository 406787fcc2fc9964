"""Keras' fused GPU kernels (cuDNN) under any mask.

They take masks of right padding only, and no row without a step. A masked step holds the states, so the valid steps of
a row, moved to its beginning in their order, give the same numbers: any mask becomes right padding.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

Tensor = Any


def recur_packed(
    run: Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Any]],
    sequences: Tensor,
    initial_state: list[Tensor],
    mask: Tensor,
    go_backwards: bool,
    all_outputs: bool,
) -> tuple[Tensor | None, list[Tensor]]:
    """Run a fused layer.

    Args:
        run: Keras' inner loop, of sequences `(b, t, d)` and a mask of right padding, to `(last, outputs, states)`.
        sequences: `(b, t, d)`.
        initial_state: the states `(b, u)` from which `run` starts.
        mask: `(b, t)` bool, True = keep, with any pattern.
        go_backwards: whether `run` does.
        all_outputs: whether `run` returns the outputs of all steps.

    Returns:
        The hidden state `(b, t, u)` after every step in processing order, None without `all_outputs`; the last states.
    """
    length = ops.shape(mask)[1]
    valid = ops.cast(mask, "int32")
    done = ops.cumsum(valid, axis=1)
    count = done[:, -1]
    order = ops.argsort(ops.arange(length) + length * (1 - valid), axis=1)
    packed = ops.take_along_axis(sequences, order[..., None], axis=1)
    # A row without a valid step takes one of zeros, of which nothing is used.
    some = (count > 0)[:, None]
    _, outputs, states = run(packed, ops.arange(length) < ops.maximum(count, 1)[:, None])
    states = [ops.where(some, new, old) for new, old in zip(states, initial_state, strict=True)]
    if not all_outputs:
        return None, states
    if go_backwards:
        outputs = ops.flip(outputs, axis=1)
    # The packed step after which each step of the input has its state: none before the first in processing order.
    at = done - valid if go_backwards else done - 1
    inside = (at >= 0) & (at < count[:, None])
    found = ops.take_along_axis(outputs, ops.clip(at, 0, length - 1)[..., None], axis=1)
    hidden = ops.where(inside[..., None], found, initial_state[0][:, None])
    return ops.flip(hidden, axis=1) if go_backwards else hidden, states
