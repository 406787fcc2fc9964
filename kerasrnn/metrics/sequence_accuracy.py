"""Accuracy of whole sequences."""

from typing import Any

from keras import ops

from kerasrnn.layers.registry import register
from kerasrnn.losses.tokens import aligned_ids, token_weights
from kerasrnn.metrics.ratio import Ratio, predicted_ids, sequence_weights


@register
class SequenceAccuracy(Ratio):
    r"""The share of sequences of which every token that counts is predicted right (exact match).

    $$
    \frac{\sum_b w_b \prod_{t : w_{bt} \ne 0} [\hat y_{bt} = y_{bt}]}{\sum_b w_b}
    $$

    with the weight of a sequence w_b the mean of its token weights that are not 0: 1 with a mask, or its own with
    weights `(b,)`.

    Masks: tokens count as in `TokenAccuracy`; a sequence without a token that counts is left out. 0 where no sequence
    has counted.

    Args:
        ignore_id: a target id that does not count, such as that of padding.
        name, dtype: as in `keras.metrics.Metric`.

    Call arguments:
        y_true: `(b, t)` integer ids.
        y_pred: `(b, t, v)` scores, of which the highest is the prediction, or `(b, t)` integer ids.
        sample_weight: `(b, t)`, or `(b,)`, or None. `compile` passes it to its `weighted_metrics` alone.

    Returns:
        A scalar, from 0 to 1.

    Raises:
        ValueError: shapes that do not fit.
        TypeError: `y_true` not of integers.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.metrics import SequenceAccuracy
    >>> accuracy = SequenceAccuracy(ignore_id=0)
    >>> print(float(accuracy(np.array([[3, 1, 0], [2, 2, 1]]), np.array([[3, 1, 2], [2, 2, 3]]))))
    0.5
    """

    def __init__(self, ignore_id: int | None = None, name: str | None = "sequence_accuracy", dtype: Any = None) -> None:
        super().__init__(ignore_id, name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        predicted, mask = predicted_ids(y_pred)
        ids = aligned_ids(y_true, predicted.shape)
        weights, _ = token_weights(ids, mask, sample_weight, self.ignore_id, self._sums)
        right = ops.logical_or(ops.equal(ids, predicted), ops.equal(weights, 0))
        self._add(ops.all(right, axis=-1), sequence_weights(weights))
