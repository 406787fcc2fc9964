"""Additive scores, whose gradient is written out: what automatic differentiation makes of them is twice as slow."""

from typing import Any

import keras
from keras import ops

Tensor = Any


def additive_scores(query: Tensor, keys: Tensor, vector: Tensor) -> Tensor:
    """`vᵀ tanh(q + k_j)`.

    Args:
        query: `(b, u)`, or `(b, t, u)` for several queries.
        keys: `(b, s, u)`.
        vector: `(u, 1)`.

    Returns:
        `(b, s)`, or `(b, t, s)`.
    """
    several = len(query.shape) == 3
    if keras.config.backend() == "tensorflow" and not several:
        from kerasrnn.engine import scores_tensorflow

        return scores_tensorflow.additive_scores(query, keys, vector)
    return ops.matmul(ops.tanh(query[..., None, :] + (keys[:, None] if several else keys)), vector)[..., 0]
