"""Perplexity."""

from typing import Any

from keras import ops

from kerasrnn.layers.registry import register
from kerasrnn.losses.tokens import weighted_crossentropy
from kerasrnn.metrics.ratio import Ratio

Tensor = Any


@register
class Perplexity(Ratio):
    r"""The exponential of the mean cross-entropy, in nats, of all tokens of the epoch.

    $$
    \mathrm{PPL} = \exp \frac{-\sum w_{bt} \log p_{bt}(y_{bt})}{\sum w_{bt}}
    $$

    with the sums over all batches: batches of different length count by their tokens. (The exponential of Keras' epoch
    loss is not that: it averages batches' means by their number of sequences.) 1 where no token has counted.

    Masks, and targets that are no class: as in `kerasrnn.losses.MaskedCrossentropy`.

    Args:
        from_logits: whether `y_pred` holds logits or else probabilities.
        ignore_id: a target id that does not count, such as that of padding.
        name, dtype: as in `keras.metrics.Metric`.

    Call arguments:
        y_true: `(b, t)` integer ids.
        y_pred: `(b, t, v)` logits or probabilities.
        sample_weight: `(b, t)`, or `(b,)`, or None. `compile` passes it to its `weighted_metrics` alone.

    Returns:
        A scalar.

    Raises:
        ValueError: shapes that do not fit.
        TypeError: `y_true` not of integers.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.metrics import Perplexity
    >>> perplexity = Perplexity(ignore_id=0)
    >>> print(f"{float(perplexity(np.array([[3, 1, 0]]), np.zeros((1, 3, 4)))):.2f}")  # a guess among four
    4.00
    """

    _direction = "down"

    def __init__(
        self,
        from_logits: bool = True,
        ignore_id: int | None = None,
        name: str | None = "perplexity",
        dtype: Any = None,
    ) -> None:
        super().__init__(ignore_id, name, dtype)
        self.from_logits = from_logits

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        losses, weights = weighted_crossentropy(
            y_true, y_pred, sample_weight, ignore_id=self.ignore_id, from_logits=self.from_logits, dtype=self.dtype
        )
        self._add_sums(ops.sum(losses), ops.sum(weights))

    def result(self) -> Tensor:
        """The perplexity so far, a scalar."""
        return ops.cast(ops.exp(self._ratio()), self.dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"from_logits": self.from_logits}
