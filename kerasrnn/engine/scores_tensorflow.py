"""See `scores`. Sums over the source are products with the scores' gradients, which XLA runs on vectors."""

from typing import Any

import tensorflow as tf

Tensor = Any


def additive_scores(query: Tensor, keys: Tensor, vector: Tensor) -> Tensor:
    """As `scores.additive_scores`, for one query a row."""
    return _scores(query, keys, tf.convert_to_tensor(vector))


@tf.custom_gradient
def _scores(query: Tensor, keys: Tensor, vector: Tensor) -> Any:
    t = tf.tanh(query[:, None] + keys)  # (b, s, u)

    def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        v, across = vector[:, 0], upstream[:, None]
        slope = 1 - t * t
        into_query = tf.matmul(across, slope)[:, 0] * v
        into_keys = upstream[..., None] * slope * v
        into_vector = tf.reduce_sum(tf.matmul(across, t), axis=[0, 1])
        return into_query, into_keys, into_vector[:, None]

    return tf.matmul(t, vector)[..., 0], gradient
