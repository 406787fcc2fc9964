"""The loop of any recurrent layer over time, step by step in the open: every gate, and a place to push each state."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from kerasrnn.layers import AttentionDecoder, RecurrentLayer, traced_step

Tensor = Any
Nudge = Callable[[int, list[Tensor]], list[Tensor]]


class Replayed(NamedTuple):
    """`last` (b, u), `outputs` (b, t, u) in the order of the work, `states`, and `traces` by name in input order."""

    last: Tensor
    outputs: Tensor
    states: list[Any]
    traces: dict[str, Tensor]


def replay(
    layer: Any,
    sequences: Tensor,
    initial_state: Any,
    mask: Tensor | None,
    *,
    memory: Any = None,
    nudge: Nudge | None = None,
    on_step: Callable[[Tensor | None], None] | None = None,
) -> Replayed:
    """Run a layer's cell over time, as the layer's own loop does without dropout.

    Args:
        layer: a `keras.layers.RNN`.
        sequences: (b, t, d).
        initial_state: as `inner_loop` gets it.
        mask: (b, t) bool, or None. Masked steps hold states, have gates of 0, and are not read.
        memory: what an `AttentionDecoder` attends to, prepared.
        nudge: `(step, states) -> states`, applied after every update and before the output is read.
        on_step: called before each step with `keep (b,) | None`.

    Raises:
        ValueError: no steps, or states that are not (b, u).
    """
    if not sequences.shape[1]:
        raise ValueError(f"inputs: expected at least one step for layer {layer.name!r}, received {sequences.shape}")
    states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
    count = len(states)
    if any(len(state.shape) != 2 for state in keras.tree.flatten(states)):
        raise ValueError(f"layer: {layer.name!r} has states with more axes than units; only (b, u) can be shown")
    if mask is not None:
        sequences = ops.where(mask[..., None], sequences, ops.zeros_like(sequences))
    if isinstance(layer, AttentionDecoder):  # it carries more than its cells' states
        states = layer.first_states(memory, states)
    steps = sequences.shape[1]
    outputs: list[Tensor] = []
    traces: list[dict[str, Tensor]] = [{}] * steps
    output = None
    for step in reversed(range(steps)) if layer.go_backwards else range(steps):
        keep = None if mask is None else mask[:, step]
        if on_step is not None:
            on_step(keep)
        push = None if nudge is None else lambda after, step=step: nudge(step, after)
        new_output, new_states, trace = advance(layer, sequences[:, step], states, memory, push)
        if keep is not None:
            previous = ops.zeros_like(new_output) if output is None else output
            new_output, new_states, trace = kept(keep, new_output, new_states, trace, previous, states)
        output, states, traces[step] = new_output, new_states, trace
        outputs.append(output)
    stacked = {name: ops.stack([trace[name] for trace in traces], axis=1) for name in traces[0]}
    return Replayed(*results(layer, ops.stack(outputs, axis=1), mask), states[:count], stacked)


def advance(
    layer: Any, x_t: Tensor, states: list[Any], memory: Any, push: Callable[[list[Tensor]], list[Tensor]] | None
) -> tuple[Tensor, list[Any], dict[str, Tensor]]:
    """One step of a layer: its output, new states and trace."""
    if isinstance(layer, AttentionDecoder):
        return layer.traced_step(x_t, states, memory, push)
    return _step(layer.cell, x_t, states, push)


def _step(
    cell: Any, x_t: Tensor, states: Any, push: Callable[[list[Tensor]], list[Tensor]] | None
) -> tuple[Tensor, list[Any], dict[str, Tensor]]:
    """One step; in a stack every cell's states are pushed before the next cell reads its output."""
    if isinstance(cell, keras.layers.StackedRNNCells):
        after: list[Any] = []
        traces: dict[str, Tensor] = {}
        for number, (inner, before) in enumerate(zip(cell.cells, states, strict=True)):
            x_t, new, trace = _step(inner, x_t, before, push)
            after.append(new if isinstance(before, (list, tuple)) else new[0])
            traces |= {f"{number}/{name}": value for name, value in trace.items()}
        return x_t, after, traces
    output, new, trace = traced_step(cell, x_t, states)
    if push is None:
        return output, new, trace
    pushed = push(new)
    same = [state for old, state in zip(new, pushed, strict=True) if old is output]
    return (same[0] if same else output), pushed, _pushed_trace(trace, new, pushed)


def _pushed_trace(trace: dict[str, Tensor], after: list[Tensor], pushed: list[Tensor]) -> dict[str, Tensor]:
    swap = dict(zip(map(id, after), pushed, strict=True))
    return {name: swap.get(id(value), value) for name, value in trace.items()}


def kept(
    keep: Tensor, output: Tensor, states: Any, trace: dict[str, Tensor], last_output: Tensor, last_states: Any
) -> tuple[Tensor, Any, dict[str, Tensor]]:
    """A step where the rows `keep` (b,) count, and the others hold what they had."""
    masked = _masked_trace(trace, states, last_states, keep)
    held = keras.tree.map_structure(lambda new, old: _choose(keep, new, old), states, last_states)
    return _choose(keep, output, last_output), held, masked


def _choose(keep: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return ops.where(keep[:, None], new, ops.cast(old, new.dtype))


def _masked_trace(trace: dict[str, Tensor], after: Any, before: Any, keep: Tensor) -> dict[str, Tensor]:
    """States hold their old value on masked steps; whatever else is traced is 0 there."""
    held = dict(zip(map(id, keras.tree.flatten(after)), keras.tree.flatten(before), strict=True))
    return {name: _choose(keep, value, held.get(id(value), ops.zeros_like(value))) for name, value in trace.items()}


def results(layer: Any, stacked: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The last of the outputs (b, t, u) and all of them, as this layer defines them under a mask."""
    last = stacked[:, -1]
    if mask is not None and layer.zero_output_for_mask:
        valid = ops.flip(mask, axis=1) if layer.go_backwards else mask
        stacked = ops.where(valid[..., None], stacked, ops.zeros_like(stacked))
        if not isinstance(layer, RecurrentLayer):  # there the last output is the last valid one
            last = stacked[:, -1]
    return last, stacked if layer.return_sequences else last[:, None]
