"""Edit distance."""

from typing import Any

from keras import ops

from kerasrnn.layers.registry import register
from kerasrnn.losses.tokens import aligned_ids, token_ids, token_weights
from kerasrnn.metrics.levenshtein import levenshtein
from kerasrnn.metrics.ratio import Ratio, predicted_ids, sequence_weights

Tensor = Any


@register
class EditDistance(Ratio):
    r"""The Levenshtein distance from predicted sequences to their targets: token, word or character error rate.

    $$
    \frac{\sum_b w_b\, \mathrm{lev}(\hat y_b, y_b)}{\sum_b w_b\, |y_b|} \quad\text{or, not normalised,}\quad
    \frac{\sum_b w_b\, \mathrm{lev}(\hat y_b, y_b)}{\sum_b w_b}
    $$

    with lev the least number of tokens to insert, delete and replace. A sequence is its tokens before the first
    `end_id`, without those that are `ignore_id`; target and prediction may differ in length.

    Masks: scores `(b, t, v)` belong to the target's tokens one by one, which count as in `TokenAccuracy`; what is
    predicted elsewhere does not. Of ids `(b, n)` the implicit Keras mask leaves out tokens, and weights `(b, t)` of 0
    leave out the target's. A sequence whose target has nothing that counts, not even `end_id`, is left out. The weight
    w_b is the mean of its token weights that are not 0. The value is 0 where nothing has counted.

    Computed along anti-diagonals, t + n steps for the whole batch, in a loop that compiles.

    Args:
        end_id: the id that ends a sequence, or None.
        ignore_id: an id that is no token, in targets and predictions, such as that of padding; or None.
        normalize: divide by the number of target tokens, not by that of sequences.
        name, dtype: as in `keras.metrics.Metric`.

    Call arguments:
        y_true: `(b, t)` integer ids.
        y_pred: `(b, t, v)` scores, of which the highest is the prediction, or `(b, n)` integer ids.
        sample_weight: `(b, t)`, or `(b,)`, or None. `compile` passes it to its `weighted_metrics` alone.

    Returns:
        A scalar, not negative; above 1 where predictions are much too long.

    Raises:
        ValueError: shapes that do not fit.
        TypeError: `y_true` not of integers.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.metrics import EditDistance
    >>> distance = EditDistance(end_id=1, ignore_id=0)
    >>> print(float(distance(np.array([[5, 6, 7, 8, 1, 0]]), np.array([[5, 7, 8, 1, 4]]))))  # 6 is missing
    0.25

    Reference: V. I. Levenshtein, Binary codes capable of correcting deletions, insertions, and reversals, Soviet
    Physics Doklady 10, 1966.
    """

    _direction = "down"

    def __init__(
        self,
        end_id: int | None = None,
        ignore_id: int | None = None,
        normalize: bool = True,
        name: str | None = "edit_distance",
        dtype: Any = None,
    ) -> None:
        super().__init__(ignore_id, name, dtype)
        self.end_id = end_id
        self.normalize = normalize

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        predicted, mask = predicted_ids(y_pred)
        aligned = len(y_pred.shape) == 3
        ids = aligned_ids(y_true, predicted.shape) if aligned else token_ids(y_true)
        if len(ids.shape) != 2 or len(predicted.shape) != 2:
            raise ValueError(
                "`y_true` must be (batch, time) and `y_pred` (batch, time) or (batch, time, classes); received shapes "
                f"{tuple(ids.shape)} and {tuple(y_pred.shape)}."
            )
        weights, _ = token_weights(ids, mask if aligned else None, sample_weight, self.ignore_id, self._sums)
        kept = ops.not_equal(weights, 0)
        if aligned:
            kept_prediction = kept
        else:
            kept_prediction = ops.ones_like(predicted, dtype="bool") if mask is None else ops.cast(mask, "bool")
        if self.ignore_id is not None:
            kept_prediction = ops.logical_and(kept_prediction, ops.not_equal(predicted, self.ignore_id))
        target, length = self._sequences(ids, kept)
        distances = levenshtein(target, length, *self._sequences(predicted, kept_prediction))
        row_weights = sequence_weights(weights)
        lengths = length if self.normalize else ops.ones_like(length)
        self._add_sums(
            ops.sum(ops.cast(distances, self._sums) * row_weights), ops.sum(ops.cast(lengths, self._sums) * row_weights)
        )

    def _sequences(self, ids: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """The tokens that are `kept` and before the end, moved together, and how many they are."""
        if self.end_id is not None:
            ends = ops.cast(ops.logical_and(kept, ops.equal(ids, self.end_id)), "int32")
            kept = ops.logical_and(kept, ops.equal(ops.cumsum(ends, axis=1), 0))
        kept = ops.cast(kept, "int32")
        order = ops.argsort(ops.arange(ops.shape(ids)[1], dtype="int32") - ops.shape(ids)[1] * kept, axis=1)
        return ops.take_along_axis(ids, order, axis=1), ops.sum(kept, axis=1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"end_id": self.end_id, "normalize": self.normalize}
