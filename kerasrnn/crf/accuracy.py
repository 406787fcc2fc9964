"""How many tags are right."""

from typing import Any

import keras
from keras import ops

from kerasrnn.crf.best import viterbi
from kerasrnn.crf.chain import checked_tags, unpack
from kerasrnn.crf.loss import ids
from kerasrnn.layers.registry import register

Tensor = Any


@register
class CRFAccuracy(keras.metrics.Metric):
    """The share of steps that the best tag sequence gives the right tag, for the output of `kerasrnn.layers.CRF`.

    Each update runs the Viterbi algorithm. Masked steps do not count.

    Args:
        name, dtype: as in every Keras metric.

    Call arguments:
        y_true: `(b, t)` or `(b, t, 1)` tags.
        y_pred: `(b, n + 2 + t, n + 1)`, what `layers.CRF` returns.
        sample_weight: `(b,)`, `(b, 1)` or `(b, t)`, or None.

    Returns:
        A scalar between 0 and 1; 0 before any step has counted.

    Raises:
        ValueError: shapes that do not fit together.

    Example:

    >>> import numpy as np
    >>> from kerasrnn import crf
    >>> accuracy = crf.CRFAccuracy()
    >>> potentials = crf.pack(np.array([[[0.0, 1.0], [2.0, 1.0]]], "float32"), np.zeros((2, 2)))
    >>> round(float(accuracy(np.array([[1, 1]]), potentials)), 2)
    0.5
    """

    def __init__(self, name: str = "crf_accuracy", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.right = self.add_variable((), keras.initializers.Zeros(), name="right")
        self.total = self.add_variable((), keras.initializers.Zeros(), name="total")

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        chain = unpack(y_pred)
        tags = checked_tags(ids(y_true), chain.emissions)
        weights = ops.cast(chain.mask, self.dtype)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, self.dtype)
            weights = weights * (sample_weight[:, None] if len(sample_weight.shape) == 1 else sample_weight)
        right = ops.cast(viterbi(*chain).tags == tags, self.dtype)
        self.right.assign_add(ops.sum(right * weights))
        self.total.assign_add(ops.sum(weights))

    def result(self) -> Tensor:
        return ops.divide_no_nan(self.right, self.total)
