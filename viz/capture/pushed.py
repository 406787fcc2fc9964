"""The loop of a layer with something added to its states: where gradients through time begin."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from kerasrnn.layers.gated_cell import add_bias
from kerasrnn.layers.trace import gated
from kerasrnn.viz.capture.compiled import compiles, run_kept
from kerasrnn.viz.capture.replay import Replayed, kept, replay, results

Tensor = Any


def pushed_replay(
    layer: Any,
    sequences: Tensor,
    initial_state: Any,
    mask: Tensor | None,
    pushes: Sequence[Tensor],
    *,
    only_pushes: bool = False,
    **extra: Any,
) -> Replayed:
    """`replay` with something added to every component of the state, after each update and before the output is read.

    Args:
        layer, sequences, initial_state, mask: as for `replay`.
        pushes: (t, b, u) for each component of the state, cell by cell.
        only_pushes: nobody wants the traces, nor gradients by anything but `pushes`; then there may be none.
        extra: what else `replay` takes.
    """
    if not extra and compiles(layer, sequences.shape[1]):
        states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        body = functools.partial(_loop, only_pushes)
        given = {"sequences": sequences, "states": states, "mask": mask, "pushes": list(pushes)}
        return run_kept(layer, f"pushed {only_pushes}", body, given)
    by_step = zip(*(ops.unstack(push, axis=0) for push in pushes), strict=True)
    coming = [iter(each) for each in by_step]

    def nudge(step: int, states: list[Tensor]) -> list[Tensor]:
        return _added(states, coming[step])

    return replay(layer, sequences, initial_state, mask, nudge=nudge, **extra)


def _loop(
    only_pushes: bool, layer: Any, sequences: Tensor, states: list[Any], mask: Tensor | None, pushes: list[Tensor]
) -> Replayed:
    """In a graph, with the projection of the input as one product."""
    import tensorflow as tf

    stacked = isinstance(layer.cell, keras.layers.StackedRNNCells)
    cells = [gated(cell) for cell in (layer.cell.cells if stacked else [layer.cell])]
    if mask is not None:
        sequences = tf.where(mask[..., None], sequences, tf.zeros_like(sequences))
    if only_pushes:  # a gradient by the weights is twice the work
        cells = [_constant(cell) for cell in cells]
        sequences = tf.stop_gradient(sequences)
    steps = sequences.shape[1]
    xs = _by_step(tf.transpose(add_bias(cells[0].project(sequences), cells[0].project_bias()), [1, 0, 2]))
    keeps = None if mask is None else _by_step(tf.transpose(mask))
    added = [_by_step(push) for push in pushes]

    def one(done: Tensor, before: list[Any], output: Tensor | None) -> tuple[Tensor, list[Any], dict[str, Tensor]]:
        step = steps - 1 - done if layer.go_backwards else done
        coming = iter([each.read(step) for each in added])
        new_output, after, trace = _step(cells, stacked, xs.read(step), before, coming)
        if keeps is not None:
            old = tf.zeros_like(new_output) if output is None else output
            new_output, after, trace = kept(keeps.read(step), new_output, after, trace, old, before)
        return new_output, after, {} if only_pushes else trace

    def written(done: Tensor, output: Tensor, trace: dict[str, Tensor], outputs: Any, traces: list[Any]) -> Any:
        step = steps - 1 - done if layer.go_backwards else done
        arrays = zip(traces, names, strict=True)
        return outputs.write(done, output), [array.write(step, trace[name]) for array, name in arrays]

    def body(done: Tensor, output: Tensor, states: list[Any], outputs: Any, traces: list[Any]) -> Any:
        output, states, trace = one(done, states, output)
        return (done + 1, output, states, *written(done, output, trace, outputs, traces))

    output, states, trace = one(tf.constant(0), states, None)  # says what traces there are
    names = list(trace)
    rooms = [_room(output, steps), [_room(trace[name], steps) for name in names]]
    start = (tf.constant(1), output, states, *written(tf.constant(0), output, trace, *rooms))
    done = tf.while_loop(lambda done, *_: done < steps, body, start, maximum_iterations=steps - 1)
    _, _, states, outputs, traces = done
    found = {name: _batch_first(array) for name, array in zip(names, traces, strict=True)}
    return Replayed(*results(layer, _batch_first(outputs), mask), states, found)


def _step(
    cells: list[Any], stacked: bool, projected: Tensor, states: list[Any], pushes: Iterator[Tensor]
) -> tuple[Tensor, list[Any], dict[str, Tensor]]:
    """One step of all cells, the lowest one's input projected already."""
    after: list[Any] = []
    traces: dict[str, Tensor] = {}
    output = projected
    for number, cell in enumerate(cells):
        before = states[number] if stacked else states
        nested = isinstance(before, (list, tuple))
        if number:
            projected = add_bias(cell.project(output), cell.project_bias())
        new, gates = cell.advance(projected, list(before) if nested else [before], cell.products())
        new = _added(new, pushes)
        output = new[0]
        trace = gates | dict(zip(cell.state_names, new, strict=True))
        traces |= {f"{number}/{name}": value for name, value in trace.items()} if stacked else trace
        after += [new if nested else new[0]] if stacked else new
    return output, after, traces


def _added(states: list[Tensor], pushes: Iterator[Tensor]) -> list[Tensor]:
    return [state + ops.cast(next(pushes), state.dtype) for state in states]


def _constant(cell: Any) -> Any:
    """A cell whose weights are tensors that have no gradient."""
    view = object.__new__(type(cell))  # Keras' bookkeeping of attributes is passed by
    view.__dict__.update(cell.__dict__)
    for name, value in cell.__dict__.items():
        if isinstance(value, keras.Variable):
            view.__dict__[name] = ops.stop_gradient(ops.convert_to_tensor(value))
    return view


def _by_step(tensor: Tensor) -> Any:
    import tensorflow as tf

    return tf.TensorArray(tensor.dtype, tensor.shape[0], element_shape=tensor.shape[1:]).unstack(tensor)


def _room(like: Tensor, steps: int) -> Any:
    import tensorflow as tf

    return tf.TensorArray(like.dtype, steps, element_shape=like.shape)


def _batch_first(array: Any) -> Tensor:
    return ops.transpose(array.stack(), (1, 0, 2))
