"""One step of any Keras cell, with its gates by name."""

from typing import Any

import keras

from kerasrnn.layers.gated_cell import GatedCell, add_bias
from kerasrnn.layers.gru import GRUCell
from kerasrnn.layers.lstm import LSTMCell
from kerasrnn.layers.simple_rnn import SimpleRNNCell

Tensor = Any

_EQUATIONS: dict[type, Any] = {
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
    known = gated(cell)
    if known is None:
        output, after = cell(inputs, before if nested else states)
        after = list(after) if isinstance(after, (list, tuple)) else [after]
        return output, after, {f"state_{index}": state for index, state in enumerate(after)}
    projected = add_bias(known.project(inputs), known.project_bias())
    after, gates = known.advance(projected, before, known.products())
    return after[0], after, gates | dict(zip(known.state_names, after, strict=True))


def gated(cell: Any) -> Any:
    """A cell whose equations are known here: one of this package, or Keras' own under the same equations; else None."""
    if isinstance(cell, GatedCell):
        return cell
    equations = _EQUATIONS.get(type(cell))  # by exact type: a subclass may compute something else
    if equations is None:
        return None
    known: Any = object.__new__(equations)
    known.__dict__.update(cell.__dict__)  # the weights are the same variables
    known.__dict__["zoneout_rates"] = [0.0] * len(equations.state_names)
    return known


def _stacked(cells: Any, inputs: Tensor, states: list[Any]) -> tuple[Tensor, list[Any], dict[str, Tensor]]:
    after: list[Any] = []
    traces: dict[str, Tensor] = {}
    for number, (cell, before) in enumerate(zip(cells.cells, states, strict=True)):
        inputs, new, gates = traced_step(cell, inputs, before)
        after.append(new if isinstance(before, (list, tuple)) else new[0])
        traces |= {f"{number}/{name}": gate for name, gate in gates.items()}
    return inputs, after, traces
