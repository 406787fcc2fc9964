"""Losses and metrics of sequences in plain Python and float64 NumPy, a token at a time, from their definitions."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def crossentropy(ids: Array, log_p: Array, smoothing: float = 0.0) -> Array:
    """−Σ q log p of every token, with q written out."""
    losses = np.zeros(ids.shape)
    for at in np.ndindex(ids.shape):
        q = np.full(log_p.shape[-1], smoothing / log_p.shape[-1])
        q[ids[at]] += 1 - smoothing
        losses[at] = -(q * log_p[at]).sum()
    return losses


def weights_of(ids: Array, mask: Any = None, sample_weight: Any = None, ignore_id: int | None = None) -> Array:
    weights = np.ones(ids.shape)
    for row, place in np.ndindex(ids.shape):
        if sample_weight is not None:
            weights[row, place] = sample_weight[row] if np.ndim(sample_weight) == 1 else sample_weight[row][place]
        if (mask is not None and not mask[row, place]) or ids[row, place] == ignore_id:
            weights[row, place] = 0
    return weights


def reduced(losses: Array, weights: Array, reduction: str) -> float:
    total, tokens, sequences = 0.0, 0, set()
    for row, place in np.argwhere(weights):
        total += losses[row, place] * weights[row, place]
        tokens += 1
        sequences.add(row)
    count = {"mean": tokens, "mean_with_sample_weight": weights.sum(), "sequence_mean": len(sequences), "sum": 1}
    return total / count[reduction] if tokens else 0.0


def levenshtein(one: Sequence[int], other: Sequence[int]) -> int:
    """By the textbook's table."""
    table = np.zeros((len(one) + 1, len(other) + 1), int)
    table[:, 0], table[0] = np.arange(len(one) + 1), np.arange(len(other) + 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1, j + 1] = min(table[i, j + 1] + 1, table[i + 1, j] + 1, table[i, j] + (a != b))
    return int(table[-1, -1])


def sequence(ids: Sequence[int], kept: Sequence[bool], end: int | None, ignore_id: int | None) -> list[int]:
    """The tokens before the end."""
    found = []
    for token, keep in zip(ids, kept, strict=True):
        if not keep or token == ignore_id:
            continue
        if token == end:
            break
        found.append(int(token))
    return found
