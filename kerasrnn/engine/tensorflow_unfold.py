"""`unfold` on TensorFlow: `tf.while_loop` with tensor arrays, in a graph and under XLA."""

from typing import Any

import tensorflow as tf

from kerasrnn.engine.unfold import Step, Unfolded

Tensor = Any


def loop(step: Step, carried: Any, traces: Any, going: Tensor, limit: int) -> Unfolded:
    """The steps after the first, which gave `carried`, `traces` and `going`."""
    shapes = [tensor.shape for tensor in tf.nest.flatten(carried)]
    first = [tf.convert_to_tensor(trace) for trace in tf.nest.flatten(traces)]
    arrays = [tf.TensorArray(trace.dtype, limit, element_shape=trace.shape).write(0, trace) for trace in first]

    def body(t: Tensor, carried: Any, _: Tensor, arrays: list[tf.TensorArray]) -> tuple[Tensor, Any, Tensor, Any]:
        carried, traces, going = step(t, carried)
        carried = tf.nest.map_structure(tf.convert_to_tensor, carried)
        for tensor, shape in zip(tf.nest.flatten(carried), shapes, strict=True):
            tensor.set_shape(shape)
        written = zip(arrays, tf.nest.flatten(traces), strict=True)
        return t + 1, carried, going, [array.write(t, trace) for array, trace in written]

    count, carried, _, arrays = tf.while_loop(
        lambda t, carried, going, arrays: going,
        body,
        (tf.constant(1), carried, going, arrays),
        maximum_iterations=limit - 1,
    )
    stacked = [_stack(array, trace, limit) for array, trace in zip(arrays, first, strict=True)]
    return Unfolded(count, carried, tf.nest.pack_sequence_as(traces, stacked))


def _stack(array: tf.TensorArray, like: Tensor, limit: int) -> Tensor:
    """`(limit, ...)`. Unlike `array.stack()` this puts zeros where nothing was written and no static shape is known."""
    stacked = tf.raw_ops.TensorListStack(
        input_handle=array.flow, element_shape=tf.shape(like), element_dtype=array.dtype, num_elements=-1
    )
    return tf.ensure_shape(stacked, (limit, *like.shape))
