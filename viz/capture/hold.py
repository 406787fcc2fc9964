"""A cell's update with gates held at a value, whatever its equations."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

from kerasrnn.layers import AttentionDecoder
from kerasrnn.layers.gated_cell import GatedCell
from kerasrnn.layers.trace import gated

Tensor = Any


def cells_of(part: Any) -> list[Any]:
    """The cells of a recurrent layer, from the bottom: those whose methods its loop calls."""
    if isinstance(part, AttentionDecoder):
        return list(part._loop.cells)
    return list(part.cell.cells) if isinstance(part.cell, keras.layers.StackedRNNCells) else [part.cell]


def gates_of(cell: Any) -> tuple[str, ...]:
    """The gates that can be held: none of a cell whose equations are not known here."""
    known = gated(cell)
    return () if known is None else tuple(known.gate_names)


def units_of(cell: Any) -> int:
    """How many units a cell has: the width of its first state."""
    size = cell.state_size
    return int(size[0] if isinstance(size, (list, tuple)) else size)


def held(cell: Any, wanted: Mapping[str, float], active: Callable[[], bool]) -> Callable[..., Any]:
    """An `update` for the instance `cell` that holds the gates `wanted` at their values while `active()`."""
    known = gated(cell)
    equations = type(known).update
    calls: dict[str, int] = {}

    def update(projected: Tensor, states: list[Tensor], mm: Any) -> Any:
        if not active():
            return equations(known, projected, states, mm)
        if not calls:
            calls.update(_calls(known, projected, states, mm, wanted))
        chosen = {calls[name]: value for name, value in wanted.items()}
        after, gates = equations(_with_activations(known, chosen, []), projected, states, mm)
        return after, gates

    return update


def _calls(known: GatedCell, projected: Tensor, states: list[Tensor], mm: Any, wanted: Mapping[str, float]) -> Any:
    """Which call of an activation makes each gate, found by letting the cell move once and looking at its results."""
    results: list[Tensor] = []
    _, gates = type(known).update(_with_activations(known, {}, results), projected, states, mm)
    found = {}
    for name in wanted:
        made = [number for number, result in enumerate(results) if result is gates[name]]
        if not made:
            raise ValueError(
                f"clamp: the gate {name!r} of a {type(known).__name__} is not the result of an activation, so it "
                "cannot be held at a value"
            )
        found[name] = made[0]
    return found


def _with_activations(known: GatedCell, held: Mapping[int, float], results: list[Tensor]) -> Any:
    """A view of the cell whose activations note what they give, and give constants in the calls `held`."""
    view = object.__new__(type(known))
    view.__dict__.update(known.__dict__)
    count = iter(range(1_000_000))

    def noting(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def activation(x: Tensor) -> Tensor:
            result = function(x)
            number = next(count)
            result = ops.full_like(result, held[number]) if number in held else result
            results.append(result)
            return result

        return activation

    for name, value in known.__dict__.items():
        if name.endswith("activation") and callable(value):
            view.__dict__[name] = noting(value)
    return view
