"""Cells whose step is linear in the state, h = a ⊙ h₋ + b: all steps at once by a parallel scan.

Such a cell states `linear(projected) -> (a, b, gates)`. The coefficients of every step are known before the first is
taken, and (a, b) pairs compose: the scan takes of the order of log t steps one after the other instead of t. For JAX,
and for a GPU; for TensorFlow on a CPU see `tensorflow_blocks`.
"""

from typing import Any

import keras
from keras import ops

from kerasrnn.engine.options import Options
from kerasrnn.engine.scan import Scanned

Tensor = Any


def is_linear(cell: Any) -> bool:
    """Whether the cell's step is what its `linear` says: not if a subclass changed the equations and not that."""
    kind = type(cell)
    owner: Any = next((each for each in kind.__mro__ if "linear" in vars(each)), None)
    return owner is not None and kind.update is owner.update and kind.advance is owner.advance


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
    a, b, gates = cell.linear(projected)
    rate = cell.zoneout_rates[0]
    if rate:
        keep = rate if noise is None else noise
        a, b = keep + (1 - keep) * a, (1 - keep) * b
    if mask is not None:
        valid = mask[..., None]
        a, b = ops.where(valid, a, ops.ones_like(a)), ops.where(valid, b, ops.zeros_like(b))
        gates = {name: ops.where(valid, gate, ops.zeros_like(gate)) for name, gate in gates.items()}
    traces = gates | {"hidden": _states(a, b, states[0])}
    last = ops.concatenate([states[0][:, None], traces["hidden"][:, -1:]], axis=1)[:, -1]  # of no steps the initial one
    return Scanned([last], {name: traces[name] for name in options.kept})


def _states(a: Tensor, b: Tensor, before: Tensor) -> Tensor:
    """`h_t = a_t ⊙ h_{t-1} + b_t` for `a, b (b, t, u)` and `h_0 (b, u)`: all h, `(b, t, u)`."""
    if keras.config.backend() == "tensorflow":  # Keras' own scan is not for steps of unknown number
        from kerasrnn.engine import tensorflow_linear

        return tensorflow_linear.states_of(a, b, before)

    def compose(first: Any, second: Any) -> Any:
        return first[0] * second[0], second[0] * first[1] + second[1]

    decay, states = ops.associative_scan(compose, (a, b), axis=1)
    return decay * before[:, None] + states
