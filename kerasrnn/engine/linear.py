"""Cells whose step is linear in the state, h = a ⊙ h₋ + b: all steps at once by a parallel scan.

Such a cell states `linear(projected) -> (a, b, gates)`. The coefficients of every step are known before the first is
taken, and (a, b) pairs compose: the scan takes of the order of √t steps one after the other instead of t.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from kerasrnn.engine.options import Options
from kerasrnn.engine.scan import Scanned

Tensor = Any


def recur(
    cell: Any,
    sequences: Tensor,
    states: list[Tensor],
    mask: Tensor | None,
    options: Options,
) -> Scanned:
    """As `engine.recur`, for a cell with `linear`. It has no recurrent product that dropout could thin."""
    bias = cell.project_bias()
    projected = cell.project(sequences, options.input_masks)
    projected = projected if bias is None else projected + bias
    noise = None if options.zoned is None else options.zoned[0]
    if options.go_backwards:
        projected, mask, noise = (None if x is None else ops.flip(x, axis=1) for x in (projected, mask, noise))
    if keras.config.backend() == "tensorflow":
        from kerasrnn.engine import linear_tensorflow

        return linear_tensorflow.run(cell, projected, states[0], mask, noise, options.kept)
    return solved(cell, associative, projected, states[0], mask, noise, options.kept)


def solved(
    cell: Any,
    solve: Callable[[Tensor, Tensor, Tensor], Tensor],
    projected: Tensor,
    before: Tensor,
    mask: Tensor | None,
    noise: Tensor | None,
    kept: Sequence[str],
) -> Scanned:
    """The states of all steps, in the order of `projected (b, t, g*u)`.

    Args:
        solve: `(a (b, t, u), b (b, t, u), h0 (b, u)) -> h (b, t, u)`.
        noise: the zoneout mask `(b, t, u)`, or None.
    """
    a, b, gates = cell.linear(projected)
    rate = cell.zoneout_rates[0]
    if rate:
        keep = rate if noise is None else noise
        a, b = keep + (1 - keep) * a, (1 - keep) * b
    if mask is not None:
        valid = mask[..., None]
        a, b = ops.where(valid, a, ops.ones_like(a)), ops.where(valid, b, ops.zeros_like(b))
        gates = {name: ops.where(valid, gate, ops.zeros_like(gate)) for name, gate in gates.items()}
    hidden = solve(a, b, before)
    traces = gates | {"hidden": hidden}
    return Scanned([hidden[:, -1]], {name: traces[name] for name in kept})


def associative(a: Tensor, b: Tensor, before: Tensor) -> Tensor:
    """`solve` by the backend's own associative scan."""

    def compose(first: Any, second: Any) -> Any:
        return first[0] * second[0], second[0] * first[1] + second[1]

    decay, states = ops.associative_scan(compose, (a, b), axis=1)
    return decay * before[:, None] + states
