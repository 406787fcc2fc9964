"""Accuracy of tokens."""

from typing import Any

from keras import ops

from kerasrnn.layers.registry import register
from kerasrnn.losses.tokens import aligned_ids, token_weights
from kerasrnn.metrics.ratio import Ratio, predicted_ids


@register
class TokenAccuracy(Ratio):
    r"""The share of tokens that are predicted right, of all that count in the epoch.

    $$
    \frac{\sum w_{bt}\,[\hat y_{bt} = y_{bt}]}{\sum w_{bt}}
    $$

    Masks: a token has weight 0 where its target is `ignore_id`, where the implicit Keras mask of `y_pred` is False, and
    where `sample_weight` is 0. A target that is no class is predicted wrong. 0 where no token has counted.

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
    >>> from kerasrnn.metrics import TokenAccuracy
    >>> print(float(TokenAccuracy(ignore_id=0)(np.array([[3, 1, 0]]), np.array([[3, 2, 2]]))))
    0.5
    """

    def __init__(self, ignore_id: int | None = None, name: str | None = "token_accuracy", dtype: Any = None) -> None:
        super().__init__(ignore_id, name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        predicted, mask = predicted_ids(y_pred)
        ids = aligned_ids(y_true, predicted.shape)
        weights, _ = token_weights(ids, mask, sample_weight, self.ignore_id, self._sums)
        self._add(ops.equal(ids, predicted), weights)
