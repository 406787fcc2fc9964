"""What a recurrence may be asked beside its sequences, states and mask."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

Tensor = Any


class Options(NamedTuple):
    """The arguments of `engine.recur` that every way of running a cell takes.

    Attributes:
        input_masks: dropout masks of the input, `(b, d)`, one or a list of one for each gate; or None.
        recurrent_masks: dropout masks of the recurrent products, `(b, u)`, likewise.
        zoned: for each state None or the zoneout masks `(b, t, u)`; or None.
        rows: what else `update` reads of each row of the batch, the same at every step: a nest of `(b, ...)` tensors.
        kept: names of the gates and states that are wanted over time.
        go_backwards: run from the last step to the first.
    """

    input_masks: Any = None
    recurrent_masks: Any = None
    zoned: list[Tensor | None] | None = None
    rows: Any = ()
    kept: tuple[str, ...] = ()
    go_backwards: bool = False


_alike: ContextVar[bool] = ContextVar("alike", default=False)


@contextmanager
def alike() -> Iterator[None]:
    """Within this, graphs are made for batches whose sequences are of like lengths, as buckets give them.

    Little of such a batch is padding: its loops run over all of it, and one program that is soon compiled serves each
    shape, where a batch of any lengths is run in phases that drop what has ended.
    """
    token = _alike.set(True)
    try:
        yield
    finally:
        _alike.reset(token)


def are_alike() -> bool:
    """Whether this is within `alike`."""
    return _alike.get()
