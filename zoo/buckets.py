"""Batches of examples of like lengths, so that little is padded and few shapes occur."""

from collections.abc import Sequence

import numpy as np

GRID = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)  # each is another program to compile; the layers skip padding


def padded(length: int, grid: Sequence[int] = GRID) -> int:
    """The length to which a sequence is padded: one of a few, above the last a multiple of it."""
    return next((each for each in grid if each >= length), -(-length // grid[-1]) * grid[-1])


def batches(
    lengths: Sequence[int],
    *,
    batch_size: int,
    most: int | None = None,
    rng: np.random.Generator,
    grid: Sequence[int] = GRID,
) -> list[tuple[np.ndarray, int]]:
    """Every example once, in random batches of one padded length each.

    A batch that would not be full is filled with other examples of its bucket (again the same, where there are too
    few), so that each length has one shape.

    Args:
        lengths: of the examples.
        batch_size: examples a batch.
        most: positions a batch, padding included: long examples come in smaller batches; None for no limit.
        rng: shuffles the examples and the batches.
        grid: the padded lengths.

    Returns:
        Indices of the examples `(b,)` and their padded length, for each batch.
    """
    found = []
    for length, members in buckets(lengths, grid).items():
        order = rng.permutation(np.array(members))
        found += [(chosen, length) for chosen in full(order, _size(length, batch_size, most))]
    return [found[i] for i in rng.permutation(len(found))]


def in_order(
    lengths: Sequence[int], *, batch_size: int, most: int | None = None, grid: Sequence[int] = GRID
) -> list[tuple[np.ndarray, int]]:
    """As `batches`, from the shortest to the longest, for evaluation: the shapes are those of training."""
    found = []
    for length, members in buckets(lengths, grid).items():
        found += [(chosen, length) for chosen in full(np.array(members), _size(length, batch_size, most))]
    return found


def buckets(lengths: Sequence[int], grid: Sequence[int] = GRID) -> dict[int, list[int]]:
    """The examples of each padded length, by length."""
    found: dict[int, list[int]] = {}
    for i, length in enumerate(lengths):
        found.setdefault(padded(max(length, 1), grid), []).append(i)
    return dict(sorted(found.items()))


def full(order: np.ndarray, size: int) -> list[np.ndarray]:
    """`order` in parts of `size`, the last one filled from the beginning, over and over if it must be."""
    order = np.concatenate([order, np.resize(order, -len(order) % size)])
    return [order[start : start + size] for start in range(0, len(order), size)]


def _size(length: int, batch_size: int, most: int | None) -> int:
    return batch_size if most is None else max(1, min(batch_size, most // length))
