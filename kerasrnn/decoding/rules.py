"""What every way of decoding obeys: how long a sequence may be, where it ends, what is forced and what is banned."""

from collections.abc import Sequence
from operator import index
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn import _compat

Tensor = Any


class Rules:
    """The checked arguments that `greedy`, `sample` and `beam_search` share; see there.

    Attributes:
        start: `(b,)` int32.
        max_length: the most tokens.
    """

    def __init__(
        self,
        start: Tensor,
        *,
        end: int | Sequence[int] | None,
        max_length: int,
        min_length: int,
        prefix: Tensor | None,
        banned: Sequence[int],
    ) -> None:
        self.max_length = whole("max_length", max_length, 1)
        self._min_length = whole("min_length", min_length, 0)
        if self._min_length > self.max_length:
            raise ValueError(f"`min_length` must be at most `max_length`, {max_length}; received {min_length}.")
        self._ends = _ids("end", () if end is None else end)
        self._banned = _ids("banned", banned)
        self.start = _tokens("start", start, 1, lowest=0)
        self._prefix = None
        if prefix is not None:
            self._prefix = self._valid_prefix(prefix)

    def _valid_prefix(self, prefix: Tensor) -> Tensor:
        values = _compat.known(prefix)
        self._highest = -1 if values is None or values.size == 0 else int(values.max())
        prefix = _tokens("prefix", prefix, 2, lowest=-1)
        rows, length = self.start.shape[0], prefix.shape[1]
        if length is None:
            raise ValueError(
                "`prefix` must have a static number of steps, for it may not exceed `max_length`; received shape "
                f"{tuple(prefix.shape)}."
            )
        if length > self.max_length:
            raise ValueError(
                f"`prefix` must not be longer than `max_length`, {self.max_length}; received {length} steps."
            )
        if None not in (rows, prefix.shape[0]) and rows != prefix.shape[0]:
            raise ValueError(f"`prefix` must have {rows} rows, as `start` has; received {prefix.shape[0]}.")
        return ops.transpose(prefix) if length else None  # (p, b)

    def logits(self, scores: Tensor) -> Tensor:
        """What a step gave, checked against the rules, in float32 at least."""
        if len(scores.shape) != 2 or scores.shape[1] is None:
            raise ValueError(
                "`step` must give logits of shape (batch, vocabulary), the vocabulary static; received shape "
                f"{tuple(scores.shape)}."
            )
        size = scores.shape[1]
        for name, ids in {"end": self._ends, "banned": self._banned}.items():
            if max(ids, default=0) >= size:
                raise ValueError(f"`{name}` must be below the vocabulary's size, {size}; received {max(ids)}.")
        if self._prefix is not None and self._highest >= size:
            raise ValueError(f"`prefix` must be below the vocabulary's size, {size}; received {self._highest}.")
        never = set(self._banned)
        if len(never) == size or (self._min_length > 1 and len(never.union(self._ends)) == size):
            raise ValueError(
                f"`banned` must leave something to choose of {size} tokens (and before `min_length` also of those that "
                f"are no `end`); received {sorted(never)}."
            )
        return scores if keras.backend.standardize_dtype(scores.dtype) == "float64" else ops.cast(scores, "float32")

    def allowed(self, logits: Tensor, t: Tensor) -> Tensor:
        """The logits `(b, v)` of what may come at step t, −inf for what may not."""
        tokens = np.arange(logits.shape[1])
        never = np.isin(tokens, self._banned)
        if self._min_length > 1:
            early = np.isin(tokens, self._ends)
            never = ops.logical_or(never, ops.logical_and(early, t + 1 < self._min_length))
        elif not self._banned:
            return logits
        return ops.where(never, -np.inf, logits)

    def forced(self, t: Tensor, copies: int = 1) -> Tensor | None:
        """The tokens that must come at step t, `(b · copies,)`, −1 where the choice is free; None if it always is."""
        if self._prefix is None:
            return None
        length = self._prefix.shape[0]
        row = ops.where(t < length, ops.take(self._prefix, ops.minimum(t, length - 1), axis=0), -1)
        return ops.repeat(row, copies) if copies > 1 else row

    def ends(self, tokens: Tensor) -> Tensor:
        """Which of the tokens end their sequences."""
        found = ops.zeros_like(tokens, dtype="bool")
        for end in self._ends:
            found = ops.logical_or(found, tokens == end)
        return found


def whole(name: str, value: Any, least: int) -> int:
    """The argument as an int, if it is one and not below `least`."""
    try:
        number = index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ValueError(f"`{name}` must be an integer of at least {least}; received {value!r}.")
    return number


def finite(name: str, value: float, least: float = -np.inf, *, above: bool = False) -> float:
    """The argument, if it is a finite number not below `least` (above it with `above`)."""
    if not np.isfinite(value) or value < least or (above and value == least):
        bound = "" if least == -np.inf else f" {'above' if above else 'of at least'} {least}"
        raise ValueError(f"`{name}` must be a finite number{bound}; received {value!r}.")
    return value


def _ids(name: str, given: int | Sequence[int]) -> list[int]:
    given = np.asarray(given).reshape(-1).tolist()
    for each in given:
        whole(name, each, 0)
    return given


def _tokens(name: str, given: Tensor, rank: int, lowest: int) -> Tensor:
    """Token ids as int32; their values are looked at where they are known."""
    values = _compat.known(given)
    given = ops.convert_to_tensor(given)
    if len(given.shape) != rank or "int" not in str(given.dtype):
        shape = "(batch,)" if rank == 1 else "(batch, steps)"
        raise ValueError(f"`{name}` must be {shape} integers; received shape {tuple(given.shape)} of {given.dtype}.")
    if values is not None and (values < lowest).any():
        raise ValueError(f"`{name}` must be ids of at least {lowest}; received {int(values.min())}.")
    return ops.cast(given, "int32")
