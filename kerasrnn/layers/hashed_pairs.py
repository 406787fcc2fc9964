"""Pairs of neighbours as ids."""

from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import positive
from kerasrnn.layers.registry import register

Tensor = Any

STRIDE = 11_971  # between the pairs of one id and those of the next: a prime


@register
class HashedPairs(keras.layers.Layer):
    r"""Each id with the one before it as one id, for an embedding of pairs of words: `(b, t)` to `(b, t)`.

    $$
    p_t = \begin{cases} 0 & x_t = 0 \\ 1 + (11971\, x_{t-1} + x_t) \bmod (n - 1) & \text{else} \end{cases}
    \qquad x_{-1} = 0
    $$

    Several pairs may get the same id: the more of them there are for n, the more often. Padding, 0, stays 0.

    Args:
        buckets: n, the number of ids that come out, padding included; at least 2.

    Call arguments:
        inputs: `(b, t)` integers from 0 to 179,000.

    Returns:
        `(b, t)` int32, below n.

    Raises:
        ValueError: fewer than two buckets.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import HashedPairs
    >>> np.asarray(HashedPairs(1000)(np.array([[5, 7, 5, 7, 0]]))).tolist()
    [[6, 922, 886, 922, 0]]

    Reference: K. Weinberger et al., Feature hashing for large scale multitask learning, ICML 2009; A. Joulin et al.,
    Bag of tricks for efficient text classification, EACL 2017 (of n-grams).
    """

    def __init__(self, buckets: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.buckets = positive("buckets", buckets)
        if buckets < 2:
            raise ValueError(f"`buckets` must be at least 2; received {buckets}.")
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        ids = ops.cast(inputs, "int32")
        before = ops.pad(ids, [[0, 0], [1, 0]])[:, :-1]
        pairs = 1 + ops.mod(STRIDE * before + ids, self.buckets - 1)
        return ops.where(ids == 0, 0, pairs)

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        return keras.KerasTensor(inputs.shape, "int32")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"buckets": self.buckets}
