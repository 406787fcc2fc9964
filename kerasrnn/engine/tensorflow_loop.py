"""The loop on TensorFlow: `tf.while_loop` over tensor arrays, eagerly, in a graph and under XLA."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kerasrnn.engine import unrolled

Tensor = Any


def loop(
    step: Callable[..., tuple[list[Tensor], list[Tensor]]],
    inputs: Tensor,
    mask: Tensor | None,
    states: list[Tensor],
    widths: list[Any],
    go_backwards: bool,
) -> tuple[list[Tensor], list[Tensor]]:
    """Run `step(x_t (b, ·), keep (b, 1) | None, states)` over `inputs (b, t, ·)`; traces come as `(b, t, width)`."""
    if tf.executing_eagerly():
        return unrolled.loop(step, inputs, mask, states, widths, go_backwards)
    inputs = tf.convert_to_tensor(inputs)
    length = tf.shape(inputs)[1] if inputs.shape[1] is None else inputs.shape[1]
    batch, dtype = tf.shape(inputs)[0], states[0].dtype
    if inputs.shape[1] == 0:
        return states, [tf.zeros((batch, 0, width), dtype) for width in widths]

    by_time = tf.transpose(inputs, [1, 0, *range(2, len(inputs.shape))])
    keeps = None if mask is None else tf.transpose(mask)[..., None]  # (t, b, 1)
    shapes = [state.shape for state in states]
    reading = tf.TensorArray(inputs.dtype, length, element_shape=by_time.shape[1:]).unstack(by_time)
    keeping = None if keeps is None else tf.TensorArray(tf.bool, length, element_shape=keeps.shape[1:]).unstack(keeps)
    writing = [tf.TensorArray(dtype, length, element_shape=(inputs.shape[0], _static(width))) for width in widths]

    def body(count: Tensor, carried: list[Tensor], arrays: list[tf.TensorArray]) -> tuple[Tensor, Any, Any]:
        now = length - 1 - count if go_backwards else count
        keep = None if keeping is None else keeping.read(now)
        carried, traces = step(reading.read(now), keep, carried)
        for state, shape in zip(carried, shapes, strict=True):
            state.set_shape(shape)
        return count + 1, carried, [array.write(count, trace) for array, trace in zip(arrays, traces, strict=True)]

    _, final, written = tf.while_loop(
        lambda count, *_: count < length,
        body,
        (tf.constant(0), states, writing),
        maximum_iterations=length,  # XLA differentiates only bounded loops
    )
    return list(final), [_stack(array, batch, width) for array, width in zip(written, widths, strict=True)]


def _stack(array: tf.TensorArray, batch: Tensor, width: Any) -> Tensor:
    """`(b, t, width)`. Unlike `array.stack()` this also stacks zero steps of a batch whose size is not static."""
    stacked = tf.raw_ops.TensorListStack(
        input_handle=array.flow, element_shape=tf.stack([batch, width]), element_dtype=array.dtype, num_elements=-1
    )
    stacked = tf.ensure_shape(stacked, (None, array.element_shape[0], _static(width)))
    return tf.transpose(stacked, [1, 0, 2])


def _static(width: Any) -> int | None:
    return width if isinstance(width, int) else None
