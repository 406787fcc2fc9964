"""Training on long sequences in little memory, on JAX: see `recompute`."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kerasrnn import _compat
from kerasrnn.engine.options import Options
from kerasrnn.engine.scan import Scanned

Tensor = Any


def recur(
    scan: Callable[..., Scanned],
    cell: Any,
    sequences: Tensor,
    states: list[Tensor],
    mask: Tensor | None,
    options: Options,
) -> Scanned:
    """As `engine.recur`, by `scan` in chunks of √t steps that are run again for the gradients."""
    batch, length = sequences.shape[:2]
    size = math.isqrt(max(length - 1, 0)) + 1
    chunks = -(-length // size)

    def chunked(x: Tensor) -> Tensor:  # (chunks, b, size, ...), in processing order
        x = jnp.flip(x, axis=1) if options.go_backwards else x
        x = jnp.pad(x, [(0, 0), (0, chunks * size - length)] + [(0, 0)] * (x.ndim - 2))
        return jnp.swapaxes(x.reshape(batch, chunks, size, *x.shape[2:]), 0, 1)

    valid = jnp.ones((batch, length), bool) if mask is None else mask
    noise = None if options.zoned is None else [None if z is None else chunked(z) for z in options.zoned]

    @jax.checkpoint
    def run(now: list[Tensor], given: Any) -> tuple[list[Tensor], dict[str, Tensor]]:
        x, keep, drawn = given
        ended = scan(cell, x, list(now), keep, options._replace(zoned=drawn, go_backwards=False))
        return list(ended.states), dict(ended.traces)

    with _compat.loop_scope():
        final, traces = jax.lax.scan(run, list(states), (chunked(sequences), chunked(valid), noise))
    joined = {
        name: jnp.swapaxes(trace, 0, 1).reshape(batch, chunks * size, trace.shape[-1])[:, :length]
        for name, trace in traces.items()
    }
    return Scanned(list(final), joined)
