"""The numerics of decoding: normalisation, the best of many, one of them by chance."""

from typing import Any

import numpy as np
from keras import ops

Tensor = Any

BLOCK = 64  # of a vocabulary


def normaliser(logits: Tensor) -> Tensor:
    """`(b, v)` to `(b,)`: what to take off logits for log-probabilities. Not finite where they are no distribution.

    By the softmax of the best, at least 1 / v: it is one operation, where logsumexp is a pass for each of its parts.
    """
    # Keras asserts that the batch is not empty unless `initial` is given.
    shares = ops.max(ops.softmax(logits, axis=-1), axis=-1, initial=-np.inf)
    return ops.max(logits, axis=-1, initial=-np.inf) - ops.log(shares)


def pick(values: Tensor, at: Tensor) -> Tensor:
    """`values (b, n)` at `(b,)` or `(b, m)`, of each row."""
    width = values.shape[1]
    rows = ops.arange(ops.shape(values)[0], dtype="int32") * width
    rows = rows if len(at.shape) == 1 else rows[:, None]
    return ops.take(ops.reshape(values, (-1,)), rows + at, axis=0)


def top(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """As `ops.top_k` of `(b, v)`, the first of equals first, but looking closely only at blocks that can matter.

    The best `count` lie in the `count` blocks whose own best are greatest.
    """
    size = values.shape[1]
    blocks = -(-size // BLOCK)
    if blocks < 4 * count:
        best, found = ops.top_k(values, count)
        return best, ops.cast(found, "int32")
    if size % BLOCK:
        values = ops.pad(values, ((0, 0), (0, blocks * BLOCK - size)), constant_values=-np.inf)
    by_block = ops.reshape(values, (-1, blocks, BLOCK))
    _, chosen = ops.top_k(ops.max(by_block, axis=-1, initial=-np.inf), count)
    chosen = ops.sort(ops.cast(chosen, "int32"), axis=-1)  # (b, c), for the first of equals
    rows = ops.arange(ops.shape(values)[0], dtype="int32")[:, None] * blocks + chosen
    close = ops.take(ops.reshape(by_block, (-1, BLOCK)), rows, axis=0)  # (b, c, BLOCK)
    best, found = ops.top_k(ops.reshape(close, (-1, count * BLOCK)), count)
    found = ops.cast(found, "int32")
    return best, pick(chosen, found // BLOCK) * BLOCK + found % BLOCK


def draw(scores: Tensor, chance: Tensor) -> Tensor:
    """The index that `chance (b,)`, uniform in [0, 1), hits in softmax(scores `(b, c)`), by inversion.

    Sums go over blocks first: they are exact to more digits than one sum along a vocabulary, and quicker.
    """
    highest = ops.max(scores, axis=-1, keepdims=True, initial=-np.inf)
    highest = ops.where(ops.isfinite(highest), highest, ops.zeros_like(highest))
    weights = ops.exp(scores - highest)
    size = scores.shape[1]
    if size <= BLOCK:
        return _invert(weights, chance * ops.sum(weights, axis=-1))[0]
    if size % BLOCK:
        weights = ops.pad(weights, ((0, 0), (0, -size % BLOCK)))
    by_block = ops.reshape(weights, (-1, -(-size // BLOCK), BLOCK))
    sums = ops.sum(by_block, axis=-1)
    block, left = _invert(sums, chance * ops.sum(sums, axis=-1))
    rows = ops.arange(ops.shape(sums)[0], dtype="int32") * sums.shape[1] + block
    return block * BLOCK + _invert(ops.take(ops.reshape(by_block, (-1, BLOCK)), rows, axis=0), left)[0]


def _invert(weights: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """The first index of `(b, c)` where the running sum exceeds `level (b,)`, and what of the level is left for it."""
    running = ops.cumsum(weights, axis=-1)
    hit = ops.logical_and(running > level[:, None], weights > 0)  # a sum may round past a weight of 0
    first = ops.where(ops.any(hit, axis=-1), ops.argmax(ops.cast(hit, "int32"), axis=-1), ops.argmax(weights, axis=-1))
    first = ops.cast(first, "int32")
    return first, level - (pick(running, first) - pick(weights, first))
