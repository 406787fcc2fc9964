"""A decoder with attention in float64 NumPy, one row and one step at a time, in both orders and for stacks of cells."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy_cells import Array, Step

Attend = Callable[[Array, Array, Array], tuple[Array, Array]]


class Run(NamedTuple):
    """`outputs (b, t, n)`, the cells' last states, one alignment `(b, t, s)` for each attention."""

    outputs: Array
    states: list[Array]
    alignments: list[Array]


def decode(
    steps: Sequence[Step],
    counts: Sequence[int],
    attends: Sequence[Attend],
    x: Array,
    states: Sequence[Array],
    memories: Sequence[Array],
    *,
    order: str,
    feeding: bool = True,
    vector: Array | None = None,
    keeps: Sequence[Array] | None = None,
    mask: Array | None = None,
) -> Run:
    """Run it.

    Args:
        steps: of each cell, from the bottom.
        counts: how many states each has.
        attends: of each attention, `(query, memory, keep) -> (context, alignment)`.
        vector: the matrix of the attentional vector, or None.
        keeps: which of each memory is valid.
        mask: which steps are.
    """
    batch, time = x.shape[:2]
    valid = np.ones((batch, time), bool) if mask is None else mask
    keeps = [np.ones(memory.shape[:2], bool) for memory in memories] if keeps is None else keeps
    widths = sum(memory.shape[-1] for memory in memories)
    width = states[-counts[-1]].shape[-1] + widths if vector is None else vector.shape[-1]
    outputs = np.zeros((batch, time, width))
    alignments = [np.zeros((batch, time, memory.shape[1])) for memory in memories]
    final = [np.array(state) for state in states]
    for b in range(batch):
        now = [state[b] for state in final]
        fed = np.zeros(widths if vector is None else vector.shape[-1])
        said = np.zeros(width)
        for t in range(time):
            if valid[b, t]:

                def look(query: Array, b: int = b, t: int = t) -> Array:
                    found = []
                    for attend, memory, keep, alignment in zip(attends, memories, keeps, alignments, strict=True):
                        context, alignment[b, t] = attend(query, memory[b], keep[b])
                        found.append(context)
                    return np.concatenate(found)

                if order == "bahdanau":
                    fed = look(now[-counts[-1]])
                below = np.concatenate([x[b, t], fed]) if order == "bahdanau" or feeding else x[b, t]
                after: list[Array] = []
                for step, count in zip(steps, counts, strict=True):
                    own = tuple(now[len(after) : len(after) + count])
                    moved, _ = step(below, own)
                    after += list(moved)
                    below = moved[0]
                now = after
                if order == "luong":
                    fed = look(below)
                said = np.concatenate([below, fed])
                if vector is not None:
                    said = fed = np.tanh(said @ vector)
            outputs[b, t] = said
        for state, value in zip(final, now, strict=True):
            state[b] = value
    return Run(outputs, final, alignments)
