"""Training on long sequences in little memory: chunks of some 2√t steps, of which only states between them are kept.

The backward pass runs a chunk again to get what its adjoint needs, so memory beyond inputs and outputs grows like √t
and time by one more forward pass and what the chunks cost. (T. Chen et al., Training deep nets with sublinear memory
cost, arXiv:1604.06174, 2016.)
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kerasrnn import _compat
from kerasrnn.engine.options import Options
from kerasrnn.engine.scan import Scanned
from kerasrnn.engine.sizes import roomy

Tensor = Any


@tf.autograph.experimental.do_not_convert
def recur(
    run_steps: Callable[..., Scanned],
    cell: Any,
    sequences: Tensor,
    states: list[Tensor],
    mask: Tensor | None,
    options: Options,
) -> Scanned:
    """As `engine.recur`, in a graph of TensorFlow.

    Each chunk is run by `run_steps(cell, x, states, mask, options, differentiable)`.

    Raises:
        ValueError: within an XLA program, where no chunk may differ in size from the others.
    """
    if _compat.in_xla():
        raise ValueError(
            "`recompute=True` does not run under `jit_compile=True`: pass `jit_compile=False` to `compile` or to "
            "`tf.function` (the layer compiles its own loops), or make the layer with `recompute=False`."
        )
    variables = list(cell.trainable_variables)
    weights = [tf.convert_to_tensor(variable) for variable in variables]
    noise = [z for z in options.zoned or [] if z is not None]
    length = tf.shape(sequences)[1]
    size = tf.maximum(1, tf.cast(tf.math.ceil(2.0 * tf.sqrt(tf.cast(length, tf.float64))), tf.int32))
    size = roomy(size)  # as many rows as a chunk's programs have room for: none are filled up
    chunks = tf.maximum(1, (length + size - 1) // size)
    count, wanted = len(states), options.kept

    def at(chunk: Tensor) -> tuple[Tensor, Tensor]:
        """The steps of a chunk, numbered in the order of the input."""
        first = chunk * size
        last = tf.minimum(first + size, length)
        return (length - last, length - first) if options.go_backwards else (first, last)

    def run_chunk(
        chunk: Tensor, x: Tensor, weights: list[Tensor], states: list[Tensor], differentiable: bool
    ) -> Scanned:
        first, last = at(chunk)
        rest = iter(noise)
        drawn = [None if z is None else next(rest)[:, first:last] for z in options.zoned] if options.zoned else None
        # The cell reads these tensors in place of its variables, so that gradients reach them.
        with keras.StatelessScope(state_mapping=list(zip(variables, weights, strict=True))):
            keep = None if mask is None else mask[:, first:last]
            return run_steps(cell, x, states, keep, options._replace(zoned=drawn), differentiable)

    def by_time(x: Tensor) -> Tensor:
        return tf.transpose(x, [1, 0, 2])

    @tf.custom_gradient
    def run(sequences: Tensor, *flat: Tensor) -> Any:
        weights, states = list(flat[: len(variables)]), list(flat[len(variables) :])
        dtype, shapes = states[0].dtype, [state.shape for state in states]

        def array(length: Tensor) -> tf.TensorArray:
            return tf.TensorArray(dtype, length, infer_shape=False, clear_after_read=False)

        def forward(chunk: Tensor, now: list[Tensor], between: Any, traces: Any) -> Any:
            between = [held.write(chunk, state) for held, state in zip(between, now, strict=True)]
            first, last = at(chunk)
            ended = run_chunk(chunk, sequences[:, first:last], weights, now, False)
            traces = [held.write(chunk, by_time(ended.traces[name])) for held, name in zip(traces, wanted, strict=True)]
            return chunk + 1, ended.states, between, traces

        arrays = [array(chunks) for _ in states], [array(chunks) for _ in wanted]
        _, final, between, traces = tf.while_loop(
            lambda chunk, *_: chunk < chunks, forward, (tf.constant(0), states, *arrays), parallel_iterations=1
        )
        found = [
            by_time(_joined(t, cell.width(n), tf.shape(sequences)[0])) for n, t in zip(wanted, traces, strict=True)
        ]

        def gradient(*upstream: Tensor) -> list[Tensor]:
            into_states, into_traces = list(upstream[:count]), list(upstream[count:])

            def backward(chunk: Tensor, into_states: Any, into_weights: Any, into_x: Any) -> Any:
                first, last = at(chunk)
                begin, end = chunk * size, tf.minimum((chunk + 1) * size, length)  # traces are in processing order
                x = sequences[:, first:last]
                before = [held.read(chunk) for held in between]
                for state, shape in zip(before, shapes, strict=True):
                    state.set_shape(shape)
                own = [tf.identity(weight) for weight in weights]
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch([x, *own, *before])
                    ended = run_chunk(chunk, x, own, before, True)
                    targets = [*ended.states, *(ended.traces[name] for name in wanted)]
                given = [*into_states, *(into[:, begin:end] for into in into_traces)]
                found = tape.gradient(targets, [x, *own, *before], given, tf.UnconnectedGradients.ZERO)
                found = [tf.convert_to_tensor(one) for one in found]
                into_weights = [a + b for a, b in zip(into_weights, found[1 : 1 + len(own)], strict=True)]
                into_states = found[1 + len(own) :]
                for state, shape in zip(into_states, shapes, strict=True):
                    state.set_shape(shape)
                return chunk - 1, into_states, into_weights, into_x.write(chunk, by_time(found[0]))

            start = (chunks - 1, into_states, [tf.zeros_like(weight) for weight in weights], array(chunks))
            _, into_states, into_weights, into_x = tf.while_loop(
                lambda chunk, *_: chunk >= 0, backward, start, parallel_iterations=1
            )
            if options.go_backwards:
                into_x = _reversed(into_x, chunks, array(chunks))
            x = by_time(_joined(into_x, sequences.shape[2], tf.shape(sequences)[0]))
            return [x, *into_weights, *into_states]

        return [*final, *found], gradient

    results = run(tf.convert_to_tensor(sequences), *weights, *states)
    traces = dict(zip(wanted, results[count:], strict=True))
    for trace in traces.values():
        trace.set_shape((sequences.shape[0], sequences.shape[1], trace.shape[2]))
    return Scanned(list(results[:count]), traces)


def _joined(array: tf.TensorArray, width: int, batch: Tensor) -> Tensor:
    """The chunks `(·, b, width)` one after the other."""
    joined = tf.reshape(array.concat(), [-1, batch, width])
    joined.set_shape([None, None, width])
    return joined


def _reversed(array: tf.TensorArray, chunks: Tensor, into: tf.TensorArray) -> tf.TensorArray:
    """The same chunks, the last one first."""
    _, into = tf.while_loop(
        lambda k, _: k < chunks,
        lambda k, into: (k + 1, into.write(k, array.read(chunks - 1 - k))),
        (tf.constant(0), into),
    )
    return into
