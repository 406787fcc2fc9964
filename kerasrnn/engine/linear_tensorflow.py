"""The parallel scan on TensorFlow: chunks side by side, in one XLA program with the pointwise work around it."""

from typing import Any

import tensorflow as tf

from kerasrnn import _compat
from kerasrnn.engine import linear
from kerasrnn.engine.packing import roomy
from kerasrnn.engine.programs import cached, cores
from kerasrnn.engine.scan import Scanned

Tensor = Any

CHUNK = 32  # steps one after the other; as many chunks as it takes run side by side


def run(
    cell: Any, projected: Tensor, before: Tensor, mask: Tensor | None, noise: Tensor | None, kept: tuple[str, ...]
) -> Scanned:
    """`linear.solved`, compiled."""
    length, static = tf.shape(projected)[1], projected.shape[1]
    if static is None and not _compat.in_xla():  # programs are compiled for sizes: round up, and mask what is too much
        more = roomy(length) - length
        valid = tf.ones(tf.shape(projected)[:2], tf.bool) if mask is None else mask
        projected, mask = tf.pad(projected, [[0, 0], [0, more], [0, 0]]), tf.pad(valid, [[0, 0], [0, more]])
        noise = None if noise is None else tf.pad(noise, [[0, 0], [0, more], [0, 0]])

    def make() -> Any:
        def program(projected: Tensor, before: Tensor, mask: Tensor | None, noise: Tensor | None) -> Any:
            return linear.solved(cell, solve, projected, before, mask, noise, kept)

        return tf.function(program, jit_compile=True, autograph=False, reduce_retracing=True)

    program = cached(cell, ("linear", kept), make)
    found = [program(*part) for part in _shards([projected, before, mask, noise])]
    states = [tf.concat(parts, axis=0) for parts in zip(*(states for states, _ in found), strict=True)]
    traces = {name: tf.concat([traces[name] for _, traces in found], axis=0)[:, :length] for name in kept}
    for trace in traces.values():
        trace.set_shape((before.shape[0], static, cell.units))
    return Scanned(list(states), traces)


def _shards(tensors: list[Tensor | None]) -> list[list[Tensor | None]]:
    """The batch in one part a core: programs that run side by side."""
    first: Tensor = tensors[0]
    count = 1 if _compat.in_xla() or first.shape[0] == 1 else cores()
    if count == 1:
        return [tensors]
    batch = tf.shape(first)[0]
    each = (batch + count - 1) // count
    sizes = [tf.clip_by_value(batch - each * number, 0, each) for number in range(count)]
    parts = [[None] * count if x is None else _split(x, sizes) for x in tensors]
    return [list(part) for part in zip(*parts, strict=True)]


def _split(tensor: Tensor, sizes: list[Tensor]) -> list[Tensor]:
    parts = tf.split(tensor, sizes, axis=0, num=len(sizes))
    for part in parts:
        part.set_shape([None, *tensor.shape[1:]])
    return list(parts)


@tf.custom_gradient
def solve(a: Tensor, b: Tensor, before: Tensor) -> Any:
    """`h_t = a_t ⊙ h_{t-1} + b_t` for `a, b (b, t, u)` and `h_0 (b, u)`: all h, `(b, t, u)`."""
    hidden = _solved(a, b, before)

    def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        later = tf.concat([a[:, 1:], tf.zeros_like(a[:, :1])], axis=1)  # what the next step takes from this one
        into = _solved(tf.reverse(later, [1]), tf.reverse(upstream, [1]), tf.zeros_like(before))
        into = tf.reverse(into, [1])
        earlier = tf.concat([before[:, None], hidden[:, :-1]], axis=1)
        return into * earlier, into, a[:, 0] * into[:, 0]

    return hidden, gradient


def _solved(a: Tensor, b: Tensor, before: Tensor) -> Tensor:
    batch, length, units = tf.unstack(tf.shape(a))
    chunks = (length + CHUNK - 1) // CHUNK
    more = chunks * CHUNK - length
    across, row = chunks * batch * units, batch * units

    def by_step(x: Tensor, filler: float) -> Tensor:  # (CHUNK, chunks*b*u): a step of all chunks side by side
        x = tf.pad(x, [[0, 0], [0, more], [0, 0]], constant_values=tf.cast(filler, x.dtype))
        return tf.reshape(tf.transpose(tf.reshape(x, [batch, chunks, CHUNK, units]), [2, 1, 0, 3]), [CHUNK, across])

    a_s, b_s = by_step(a, 1.0), by_step(b, 0.0)

    def compose(j: Tensor, decay: Tensor, state: Tensor) -> Any:
        return j + 1, a_s[j] * decay, a_s[j] * state + b_s[j]

    zero = tf.zeros([across], a.dtype)
    _, decay, state = tf.while_loop(lambda j, *_: j < CHUNK, compose, (tf.constant(0), zero + 1, zero))

    decay, state = tf.reshape(decay, [chunks, row]), tf.reshape(state, [chunks, row])
    starts = tf.zeros([chunks, row], a.dtype)

    def carry(k: Tensor, now: Tensor, starts: Tensor) -> Any:
        starts = _compat.update_rows(starts, now[None], k)
        return k + 1, decay[k] * now + state[k], starts

    first = tf.reshape(before, [row])
    _, _, starts = tf.while_loop(lambda k, *_: k < chunks, carry, (tf.constant(0), first, starts))

    def step(j: Tensor, now: Tensor, found: Tensor) -> Any:
        now = a_s[j] * now + b_s[j]
        return j + 1, now, _compat.update_rows(found, now[None], j)

    begin = (tf.constant(0), tf.reshape(starts, [across]), tf.zeros([CHUNK, across], a.dtype))
    _, _, found = tf.while_loop(lambda j, *_: j < CHUNK, step, begin)
    found = tf.transpose(tf.reshape(found, [CHUNK, chunks, batch, units]), [2, 1, 0, 3])
    found = tf.reshape(found, [batch, chunks * CHUNK, units])[:, :length]
    found.set_shape(a.shape)
    return found
