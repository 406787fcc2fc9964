"""Checks of what a recurrent layer is called with, in words that say what to do."""

import numbers
from typing import Any, TypeGuard

from keras import ops

Tensor = Any


def valid_mask(mask: Any, sequences: Tensor, name: str = "mask") -> Tensor | None:
    """A mask as `(b, t)` bool for `sequences (b, t, ·)`, or None.

    Raises:
        ValueError: another rank, or sizes that are known and differ.
    """
    if isinstance(mask, (list, tuple)) and len(mask):
        mask = mask[0]
    if mask is None:
        return None
    mask = ops.cast(mask, "bool")
    if len(mask.shape) != 2 or not _agree(mask.shape, sequences.shape[:2]):
        raise ValueError(
            f"`{name}` must be `(batch, time)`, one bool a step; received shape {tuple(mask.shape)} for sequences of "
            f"shape {tuple(sequences.shape)}."
        )
    return mask


def valid_states(states: Any, sizes: list[int], sequences: Tensor, dtype: str, owner: str) -> list[Tensor]:
    """Initial states as a list of `(b, u)` tensors of one dtype.

    Raises:
        ValueError: another number of states than `sizes`, or a shape that is not `(batch, units)`.
    """
    given = list(states) if isinstance(states, (list, tuple)) else [states]
    shapes = [tuple(state.shape) for state in given]
    expected = [(sequences.shape[0], size) for size in sizes]
    fits = len(shapes) == len(expected) and all(
        len(shape) == 2 and _agree(shape, wanted) for shape, wanted in zip(shapes, expected, strict=True)
    )
    if not fits:
        raise ValueError(
            f"`initial_state` of {owner} must be {len(sizes)} tensor(s) of the shapes {expected}; received {shapes}."
        )
    return [ops.convert_to_tensor(state, dtype=dtype) for state in given]


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a real number, of Python or NumPy, and not a bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def positive(name: str, value: Any) -> int:
    """A size, as an int; ValueError for anything but a positive int."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value <= 0:
        raise ValueError(f"`{name}` must be a positive integer; received {value!r}.")
    return int(value)


def valid_units(units: Any) -> int:
    """A width, as an int.

    Raises:
        ValueError: anything but a positive int.
    """
    if isinstance(units, bool) or not isinstance(units, numbers.Integral) or units <= 0:
        raise ValueError(f"`units` must be a positive int, the width of the state; received {units!r}. Pass 1 or more.")
    return int(units)


def valid_rate(name: str, rate: Any) -> float:
    """A dropout rate as it is.

    Raises:
        ValueError: anything but a number from 0 to 1.
    """
    if not is_number(rate) or not 0.0 <= rate <= 1.0:
        raise ValueError(f"`{name}` is a rate and must be between 0 and 1; received {rate!r}. Pass 0 for none.")
    return rate


def require_built(layer: Any, what: str) -> None:
    """Raise ValueError if a layer has no weights yet."""
    if not layer.built:
        raise ValueError(f"`{what}` needs the weights of layer '{layer.name}': call or build the layer first.")


def _agree(shape: Any, other: Any) -> bool:
    return all(m == n for m, n in zip(shape, other, strict=True) if m is not None and n is not None)
