"""`scan`: masks, order and the choice of a loop; the loops themselves are one file a backend."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from kerasrnn.engine import unrolled

Tensor = Any
Step = Callable[[Tensor, list[Tensor]], tuple[list[Tensor], dict[str, Tensor]]]


class Scanned(NamedTuple):
    """What a scan returns: `states`, a list of `(b, u)`, and `traces`, name to `(b, t, u)`, in processing order."""

    states: list[Tensor]
    traces: dict[str, Tensor]


def scan(
    step: Step,
    inputs: Tensor,
    states: Sequence[Tensor],
    mask: Tensor | None = None,
    *,
    widths: dict[str, Any],
    held: dict[str, int] | None = None,
    go_backwards: bool = False,
    unroll: bool = False,
) -> Scanned:
    """Run `step` over time.

    Args:
        step: `(x_t (b, ·), states) -> (new states, traces)`; must return a trace for each name in `widths`.
        inputs: `(b, t, ·)`.
        states: the initial states, `(b, u)` each.
        mask: `(b, t)` bool, True = keep, or None. On masked steps states hold and traces are 0.
        widths: trace name to its last dimension, an int or a scalar tensor; only these traces are kept.
        held: trace name to the index of the state that it repeats; on masked steps such a trace holds as well.
        go_backwards: run from the last step to the first.
        unroll: write the steps out instead of looping; needs a static number of steps.

    Returns:
        `Scanned(states, traces)`; with no steps the initial states and traces of length 0.
    """
    held = held or {}

    def masked_step(x_t: Tensor, keep: Tensor | None, before: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        after, traces = step(x_t, list(before))
        wanted = [_as(traces[name], before[0]) for name in widths]
        after = [_as(new, old) for new, old in zip(after, before, strict=True)]
        if keep is not None:
            after = [ops.where(keep, new, old) for new, old in zip(after, before, strict=True)]
            wanted = [
                after[held[name]] if name in held else ops.where(keep, trace, ops.zeros_like(trace))
                for name, trace in zip(widths, wanted, strict=True)
            ]
        return after, wanted

    loop = _loop(unroll)
    final, traces = loop(masked_step, inputs, mask, list(states), list(widths.values()), go_backwards)
    return Scanned(final, dict(zip(widths, traces, strict=True)))


def _as(tensor: Tensor, like: Tensor) -> Tensor:
    return tensor if tensor.dtype == like.dtype else ops.cast(tensor, like.dtype)


def _loop(unroll: bool) -> Callable[..., tuple[list[Tensor], list[Tensor]]]:
    backend = keras.config.backend()
    if not unroll and backend == "tensorflow":
        from kerasrnn.engine import tensorflow_loop

        return tensorflow_loop.loop
    if not unroll and backend == "jax":
        from kerasrnn.engine import jax_loop

        return jax_loop.loop
    return unrolled.loop
