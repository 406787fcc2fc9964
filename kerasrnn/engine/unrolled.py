"""Every step written out, with `keras.ops` alone: for `unroll=True`, eager TensorFlow and any other backend."""

from collections.abc import Callable
from typing import Any

from keras import ops

Tensor = Any


def loop(
    step: Callable[..., tuple[list[Tensor], list[Tensor]]],
    inputs: Tensor,
    mask: Tensor | None,
    states: list[Tensor],
    widths: list[int],
    go_backwards: bool,
) -> tuple[list[Tensor], list[Tensor]]:
    """Run `step(x_t (b, ·), keep (b, 1) | None, states)` over `inputs (b, t, ·)`; traces come as `(b, t, width)`."""
    length = inputs.shape[1]
    if length is None:
        raise ValueError(
            "An unrolled recurrent layer needs a static number of time steps; received sequences of shape "
            f"{tuple(inputs.shape)}. Give the time dimension in `keras.Input(shape=(t, d))`, or pass `unroll=False`."
        )
    if length == 0:
        batch = ops.shape(inputs)[0]
        return states, [ops.zeros((batch, 0, width), dtype=states[0].dtype) for width in widths]
    collected: list[list[Tensor]] = []
    xs = ops.unstack(inputs, length, axis=1)
    for t in reversed(range(length)) if go_backwards else range(length):
        keep = None if mask is None else mask[:, t : t + 1]
        states, traces = step(xs[t], keep, states)
        collected.append(traces)
    return states, [ops.stack(steps, axis=1) for steps in zip(*collected, strict=True)]
