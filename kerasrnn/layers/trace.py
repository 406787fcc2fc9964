"""One step of any Keras cell, with its gates by name."""

from functools import partial
from typing import Any

import keras

from kerasrnn.layers.gated_cell import GatedCell, add_bias, multiplier
from kerasrnn.layers.gru import GRUCell
from kerasrnn.layers.lstm import LSTMCell
from kerasrnn.layers.simple_rnn import SimpleRNNCell

Tensor = Any

_EQUATIONS: dict[type, type] = {
    keras.layers.LSTMCell: LSTMCell,
    keras.layers.GRUCell: GRUCell,
    keras.layers.SimpleRNNCell: SimpleRNNCell,
}


def traced_step(cell: Any, inputs: Tensor, states: list[Any]) -> tuple[Tensor, list[Any], dict[str, Tensor]]:
    """One step of `cell` without dropout, and every gate and state by name.

    Args:
        cell: a cell of this package, Keras' `LSTMCell`, `GRUCell`, `SimpleRNNCell` or `StackedRNNCells`, or any other
            Keras cell.
        inputs: `(b, d)`.
        states: the cell's states, `(b, u)` each; for stacked cells a list of such lists.

    Returns:
        `(output (b, u), new states, gates)`. The keys of `gates` are the cell's `gate_names` and `state_names`; those
        of stacked cells begin with the cell's number, `0/forget`; a cell whose equations are not known here gives
        `state_0`, `state_1` and so on.
    """
    if isinstance(cell, keras.layers.StackedRNNCells):
        return _stacked(cell, inputs, states)
    nested = isinstance(states, (list, tuple))
    before = list(states) if nested else [states]
    equations = _equations(cell)
    if equations is None:
        output, after = cell(inputs, before if nested else states)
        after = list(after) if isinstance(after, (list, tuple)) else [after]
        return output, after, {f"state_{index}": state for index, state in enumerate(after)}
    projected = add_bias(equations.project(cell, inputs), equations.project_bias(cell))
    mm = multiplier(equations.recurrent_products(cell))
    own = isinstance(cell, GatedCell)
    after, gates = (cell.advance if own else partial(equations.update, cell))(projected, before, mm)
    return after[0], after, gates | dict(zip(equations.state_names, after, strict=True))


def _equations(cell: Any) -> Any:
    if isinstance(cell, GatedCell):
        return type(cell)
    return _EQUATIONS.get(type(cell))  # by exact type: a subclass may compute something else


def _stacked(cells: Any, inputs: Tensor, states: list[Any]) -> tuple[Tensor, list[Any], dict[str, Tensor]]:
    after: list[Any] = []
    traces: dict[str, Tensor] = {}
    for number, (cell, before) in enumerate(zip(cells.cells, states, strict=True)):
        inputs, new, gates = traced_step(cell, inputs, before)
        after.append(new if isinstance(before, (list, tuple)) else new[0])
        traces |= {f"{number}/{name}": gate for name, gate in gates.items()}
    return inputs, after, traces
