"""`unfold` on JAX: `lax.while_loop`."""

from typing import Any

import jax
import jax.numpy as jnp

from kerasrnn import _compat
from kerasrnn.engine.unfold import Step, Unfolded

Tensor = Any


def loop(step: Step, carried: Any, traces: Any, going: Tensor, limit: int) -> Unfolded:
    """The steps after the first, which gave `carried`, `traces` and `going`."""

    def room(trace: Tensor) -> Tensor:
        return jnp.zeros((limit, *jnp.shape(trace)), jnp.asarray(trace).dtype).at[0].set(trace)

    def body(state: tuple[Tensor, Any, Tensor, Any]) -> tuple[Tensor, Any, Tensor, Any]:
        t, carried, _, written = state
        carried, traces, going = step(t, carried)
        return t + 1, carried, going, jax.tree.map(lambda array, trace: array.at[t].set(trace), written, traces)

    first = (jnp.int32(1), carried, going, jax.tree.map(room, traces))
    with _compat.loop_scope():
        count, carried, _, written = jax.lax.while_loop(
            lambda state: jnp.logical_and(state[0] < limit, state[2]), body, first
        )
    return Unfolded(count, carried, written)
