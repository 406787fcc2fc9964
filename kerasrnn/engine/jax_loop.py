"""The loop on JAX: `lax.scan`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kerasrnn import _compat

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
    by_time = jnp.swapaxes(inputs, 0, 1)
    keeps = None if mask is None else jnp.swapaxes(mask, 0, 1)[..., None]

    def body(carry: list[Tensor], now: tuple[Tensor, Tensor | None]) -> tuple[list[Tensor], list[Tensor]]:
        return step(now[0], now[1], carry)

    with _compat.loop_scope():
        final, traces = jax.lax.scan(body, states, (by_time, keeps), reverse=go_backwards)
    if go_backwards:  # lax.scan gives traces in the order of the input
        traces = [jnp.flip(trace, axis=0) for trace in traces]
    return final, [jnp.swapaxes(trace, 0, 1) for trace in traces]
