"""What a linear chain consists of, checked, and packed into one tensor."""

from typing import Any, NamedTuple

import keras
from keras import ops

from kerasrnn import _compat, engine

Tensor = Any


class Chain(NamedTuple):
    """A linear chain: the arguments of every function of `kerasrnn.crf`, in their order.

    Attributes:
        emissions: `(b, t, n)` float, the score of each tag at each step; -inf forbids a tag.
        transitions: `(n, n)`, the score of going from the tag of the row to that of the column; -inf forbids it.
        start: `(n,)`, the score of beginning with a tag, or None for zeros.
        end: `(n,)`, the score of ending with a tag, or None for zeros.
        mask: `(b, t)` bool, True = keep, any pattern, or None.
    """

    emissions: Tensor
    transitions: Tensor
    start: Tensor
    end: Tensor
    mask: Tensor


class Lattice(NamedTuple):
    """A chain whose `start` and `end` are part of the emissions of the first and of the last step that counts."""

    emissions: Tensor
    transitions: Tensor
    mask: Tensor


def checked(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, mask: Tensor) -> Chain:
    """A chain as tensors of one dtype, float32 at least, with nothing but zeros at masked steps.

    Raises:
        ValueError: shapes that do not fit together.
    """
    emissions, transitions = ops.convert_to_tensor(emissions), ops.convert_to_tensor(transitions)
    dtype = "float64" if keras.backend.standardize_dtype(emissions.dtype) == "float64" else "float32"
    if len(emissions.shape) != 3 or not emissions.shape[2]:
        raise ValueError(
            "`emissions` must be `(batch, time, tags)`, with one tag or more, whose number is known; received shape "
            f"{tuple(emissions.shape)}."
        )
    n = emissions.shape[2]
    start = ops.zeros((n,), dtype=dtype) if start is None else ops.convert_to_tensor(start)
    end = ops.zeros((n,), dtype=dtype) if end is None else ops.convert_to_tensor(end)
    mask = ops.ones(ops.shape(emissions)[:2], dtype="bool") if mask is None else ops.cast(mask, "bool")
    for name, given, wanted in (
        ("transitions", transitions, (n, n)),
        ("start", start, (n,)),
        ("end", end, (n,)),
        ("mask", mask, tuple(emissions.shape[:2])),
    ):
        require_shape(name, given, wanted, f"emissions of shape {tuple(emissions.shape)}")
    emissions, transitions, start, end = (ops.cast(x, dtype) for x in (emissions, transitions, start, end))
    return Chain(ops.where(mask[..., None], emissions, ops.zeros_like(emissions)), transitions, start, end, mask)


def lattice(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, mask: Tensor) -> Lattice:
    """A chain, checked, as the recursions take it: with one step at least, and as many as `engine.roomy_time` adds."""
    emissions, transitions, start, end, mask = checked(emissions, transitions, start, end, mask)
    emissions, mask = engine.roomy_time([emissions, mask])
    place, steps = ops.arange(ops.shape(mask)[1], dtype="int32"), ops.cast(mask, "int32")
    first = ops.argmax(steps, axis=1)
    last = ops.shape(mask)[1] - 1 - ops.argmax(ops.flip(steps, axis=1), axis=1)
    for score, at in ((start, first), (end, last)):
        here = ops.logical_and(mask, place == ops.cast(at, "int32")[:, None])
        emissions = ops.where(here[..., None], emissions + score, emissions)
    return Lattice(emissions, transitions, mask)


def checked_tags(tags: Tensor, emissions: Tensor) -> Tensor:
    """Tags `(b, t)` as int32.

    Raises:
        ValueError: another shape.
    """
    tags = ops.cast(tags, "int32")
    require_shape("tags", tags, tuple(emissions.shape[:2]), f"emissions of shape {tuple(emissions.shape)}")
    return tags


def require_shape(name: str, given: Tensor, wanted: tuple[int | None, ...], owner: str) -> None:
    """Raise ValueError unless `given` has the shape `wanted`, as far as the two are known."""
    shape = tuple(given.shape)
    if len(shape) != len(wanted) or any(m != n for m, n in zip(shape, wanted, strict=True) if None not in (m, n)):
        raise ValueError(f"`{name}` must have the shape {wanted} for {owner}; received shape {shape}.")


def refuse_outside(tags: Tensor, mask: Tensor, n: int) -> None:
    """Raise ValueError for a tag outside of 0 to n - 1 on a step that counts, where values are known."""
    known, valid = _compat.value_of(tags), _compat.value_of(mask)
    if known is None or valid is None:
        return
    outside = known[valid & ((known < 0) | (known >= n))]
    if len(outside):
        raise ValueError(
            f"`tags` must be from 0 to {n - 1} on every step that the mask keeps; received {outside[0]}. Mask the "
            "step, or give the chain more tags."
        )


def pack(
    emissions: Tensor, transitions: Tensor, start: Tensor = None, end: Tensor = None, mask: Tensor = None
) -> Tensor:
    """A chain in one tensor, so that one output of a model carries all that a loss needs.

    Args: those of `Chain`.

    Returns:
        `(b, n + 2 + t, n + 1)`: for each row of the batch `start`, `end`, the rows of `transitions`, then the
        emissions. The last column holds the mask, 1 for a step that counts.

    Raises:
        ValueError: shapes that do not fit together.
    """
    chain = checked(emissions, transitions, start, end, mask)
    parameters = ops.concatenate([chain.start[None], chain.end[None], chain.transitions])
    parameters = ops.pad(parameters, [[0, 0], [0, 1]])
    parameters = ops.broadcast_to(parameters, (ops.shape(chain.emissions)[0], *parameters.shape))
    kept = ops.cast(chain.mask, chain.emissions.dtype)[..., None]
    return ops.concatenate([parameters, ops.concatenate([chain.emissions, kept], axis=-1)], axis=1)


def unpack(potentials: Tensor) -> Chain:
    """What was packed: `unpack(pack(*chain))` is the chain, with the mask of every step.

    Args:
        potentials: `(b, n + 2 + t, n + 1)`, an output of `kerasrnn.layers.CRF` or of `pack`.

    Raises:
        ValueError: a tensor that cannot be one.
    """
    potentials = ops.convert_to_tensor(potentials)
    shape = tuple(potentials.shape)
    n = shape[2] - 1 if len(shape) == 3 and shape[2] is not None else 0
    if n < 1 or (shape[1] is not None and shape[1] < n + 2):
        raise ValueError(
            "Expected the output of `kerasrnn.layers.CRF`, `(batch, n + 2 + time, n + 1)` for n tags; received shape "
            f"{shape}."
        )
    parameters = ops.sum(potentials[:1, : n + 2, :n], axis=0)  # the same in every row; zeros if there is none
    steps = potentials[:, n + 2 :]
    return Chain(steps[..., :n], parameters[2:], parameters[0], parameters[1], steps[..., n] > 0.5)
