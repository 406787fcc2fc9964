"""The loop of a layer as a compiled function, its own and its replay: Python takes a millisecond a step."""

import json
import weakref
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasrnn.layers import AttentionDecoder
from kerasrnn.layers.trace import gated
from kerasrnn.viz.capture.replay import Replayed, advance, kept, replay, results

Tensor = Any
_WORTH_IT = 24  # steps; to trace a function costs as much as about so many of them
_MOST = 4  # functions of a layer that are kept
_FUNCTIONS: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()


def own_loop(part: Any, loop: Callable[..., Any], **given: Any) -> Any:
    """What a layer's own `inner_loop` gives, compiled where that is safe and pays."""
    owned = getattr(loop, "__func__", None) is type(part).inner_loop
    if not owned or not compiles(part, given["sequences"].shape[1]):
        return loop(**given)
    training = given.pop("training", False)

    def body(layer: Any, **tensors: Any) -> Any:
        return type(layer).inner_loop(layer, **tensors, training=training)  # the instance's own is being watched

    return run_kept(part, f"own {training}", body, given)


def fast_replay(layer: Any, sequences: Tensor, initial_state: Any, mask: Tensor | None, **extra: Any) -> Replayed:
    """`replay` without pushes: in one compiled loop where that is safe and pays, else step by step."""
    if extra or not compiles(layer, sequences.shape[1]):
        return replay(layer, sequences, initial_state, mask, **extra)
    states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
    return run_kept(layer, "replay", _loop, {"sequences": sequences, "states": states, "mask": mask})


def compiles(layer: Any, steps: int) -> bool:
    """Whether all equations of a layer are known here, so that a trace of it is all of it, and its loop is long."""
    if keras.config.backend() != "tensorflow" or steps < _WORTH_IT or isinstance(layer, AttentionDecoder):
        return False
    known = type(layer).__module__.split(".")[0] in ("keras", "kerasrnn")
    return known and all(gated(cell) is not None for cell in _cells(layer.cell))


def run_kept(layer: Any, name: str, body: Callable[..., Any], given: dict[str, Any]) -> Any:
    """Call `body(layer, **given)` as a TensorFlow function, which is kept for the next call of that kind.

    Kept by all that a trace of it can depend on: the layer's configuration, its variables, shapes and types.
    """
    import tensorflow as tf

    tensors = keras.tree.flatten(given)
    shapes = tuple(None if x is None else (tuple(x.shape), keras.backend.standardize_dtype(x.dtype)) for x in tensors)
    key = (name, json.dumps(layer.get_config(), sort_keys=True, default=repr), tuple(map(id, layer.variables)), shapes)
    functions = _FUNCTIONS.setdefault(layer, {})
    if key not in functions:
        while len(functions) >= _MOST:
            functions.pop(next(iter(functions)))
        held = weakref.ref(layer)
        functions[key] = (_traced(lambda **kwargs: body(held(), **kwargs), given), layer.variables)
    function, _ = functions[key]
    return function(*[tf.convert_to_tensor(tensor) for tensor in tensors if tensor is not None])


def _traced(body: Callable[..., Any], given: dict[str, Any]) -> Any:
    """A function of the tensors in `given`, in their order; functions inside of the model stay as they are."""
    import tensorflow as tf

    flat = keras.tree.flatten(given)
    places = [place for place, value in enumerate(flat) if value is not None]

    def run(*tensors: Tensor) -> Any:
        filled = list(flat)
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
        return body(**keras.tree.pack_sequence_as(given, filled))

    specs = [tf.TensorSpec(flat[place].shape, flat[place].dtype) for place in places]
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(False)
    try:
        return tf.function(run, autograph=False).get_concrete_function(*specs)
    finally:
        tf.config.run_functions_eagerly(before)


def _loop(layer: Any, sequences: Tensor, states: list[Any], mask: Tensor | None) -> Replayed:
    import tensorflow as tf

    if mask is not None:
        sequences = ops.where(mask[..., None], sequences, ops.zeros_like(sequences))
    by_step = tf.transpose(sequences, (1, 0, 2))  # (t, b, d)
    keeps = None if mask is None else tf.transpose(mask)  # (t, b)
    steps = sequences.shape[1]
    output, _, trace = advance(layer, by_step[0], states, None, None)  # for names and shapes; pruned from the graph
    names = list(trace)
    outputs = tf.TensorArray(output.dtype, steps, element_shape=output.shape)
    traces = [tf.TensorArray(trace[name].dtype, steps, element_shape=trace[name].shape) for name in names]

    def body(done: Tensor, states: Any, output: Tensor, outputs: Any, traces: list[Any]) -> tuple[Any, ...]:
        step = steps - 1 - done if layer.go_backwards else done
        new_output, new_states, trace = advance(layer, by_step[step], states, None, None)
        if keeps is not None:
            new_output, new_states, trace = kept(keeps[step], new_output, new_states, trace, output, states)
        new_states = keras.tree.map_structure(lambda new, old: tf.cast(new, old.dtype), new_states, states)
        written = [array.write(step, trace[name]) for array, name in zip(traces, names, strict=True)]
        return done + 1, new_states, new_output, outputs.write(done, new_output), written

    start = (tf.constant(0), states, tf.zeros_like(output), outputs, traces)
    _, states, _, outputs, traces = tf.while_loop(lambda done, *_: done < steps, body, start, maximum_iterations=steps)
    stacked = {name: _batch_first(array.stack()) for name, array in zip(names, traces, strict=True)}
    return Replayed(*results(layer, _batch_first(outputs.stack()), mask), states, stacked)


def _batch_first(array: Tensor) -> Tensor:
    return ops.transpose(array, (1, 0, *range(2, len(array.shape))))


def _cells(cell: Any) -> list[Any]:
    if not isinstance(cell, keras.layers.StackedRNNCells):
        return [cell]
    return [inner for part in cell.cells for inner in _cells(part)]
