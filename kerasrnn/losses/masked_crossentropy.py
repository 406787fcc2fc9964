"""Cross-entropy of sequences."""

from typing import Any

import keras
from keras import ops

from kerasrnn import _compat
from kerasrnn.layers.registry import register
from kerasrnn.losses.tokens import weighted_crossentropy

Tensor = Any

REDUCTIONS = ("mean", "mean_with_sample_weight", "sequence_mean", "sum", "none", None)


@register
class MaskedCrossentropy(keras.losses.Loss):
    r"""Cross-entropy of integer targets, averaged over the tokens that count.

    $$
    \ell_{bt} = -\sum_k q_{btk} \log p_{btk}, \qquad q_{btk} = (1 - \varepsilon)\,[k = y_{bt}] + \varepsilon / v, \qquad
    L = \frac{\sum_{bt} w_{bt}\, \ell_{bt}}{\#\{bt : w_{bt} \ne 0\}}
    $$

    with targets y, probabilities p, label smoothing ε over all v classes and weights w. (With padding given as weights
    of 0, `keras.losses` divide by all b·t positions; and weights `(b,)` fail there, or weigh time steps if b = t.)

    Masks: a token has weight 0 where its target is `ignore_id`, where the implicit Keras mask of `y_pred` is False, and
    where `sample_weight` is 0. It then changes neither the loss nor a gradient, whatever stands there, NaN included. A
    batch without any token that counts has loss 0.

    A target that counts and is no class, below 0 or from v on, makes the loss NaN, on every device and backend, and the
    gradients of its logits too. Half-precision logits are computed with in float32.

    Args:
        from_logits: whether `y_pred` holds logits (log-probabilities are logits too) or else probabilities, which count
            at least `keras.config.epsilon()`.
        label_smoothing: ε, from 0 to below 1.
        ignore_id: a target id that does not count, such as that of padding; it need not be a class.
        reduction: what to divide Σ w ℓ by: `"mean"`, the number of tokens that count; `"mean_with_sample_weight"`, Σ w;
            `"sequence_mean"`, the number of sequences that have such a token; `"sum"`, nothing. `"none"` or None gives
            w ℓ of each token.
        name, dtype: as in `keras.losses.Loss`.

    Call arguments:
        y_true: `(b, t)` integer ids.
        y_pred: `(b, t, v)` logits or probabilities.
        sample_weight: `(b, t)`, or `(b,)` for whole sequences, or None.

    Returns:
        A scalar; `(b, t)` without reduction.

    Raises:
        ValueError: `label_smoothing` or `reduction` not among the above; shapes that do not fit.
        TypeError: `y_true` not of integers.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.losses import MaskedCrossentropy
    >>> targets = np.array([[3, 1, 0], [2, 0, 0]])  # 0 is padding
    >>> loss = MaskedCrossentropy(ignore_id=0)
    >>> print(f"{float(loss(targets, np.zeros((2, 3, 4)))):.4f}")  # log 4, from three tokens
    1.3863

    Reference: C. Szegedy et al., Rethinking the Inception architecture for computer vision, CVPR 2016, section 7 (label
    smoothing).
    """

    def __init__(
        self,
        from_logits: bool = True,
        label_smoothing: float = 0.0,
        ignore_id: int | None = None,
        reduction: str | None = "mean",
        name: str | None = "masked_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction="none", dtype=dtype)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"`label_smoothing` must be from 0 to below 1; received {label_smoothing}.")
        if reduction not in REDUCTIONS:
            raise ValueError(f"`reduction` must be one of {REDUCTIONS}; received {reduction!r}.")
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.ignore_id = ignore_id
        self.reduction = reduction

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        with keras.name_scope(self.name):
            losses, weights = self.weighted(y_true, y_pred, sample_weight)
            return ops.cast(self._reduce(losses, weights), self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """The loss of each token, `(b, t)`."""
        return self.weighted(y_true, y_pred)[0]

    def weighted(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tuple[Tensor, Tensor]:
        """w ℓ of each token and the weights w, `(b, t)` each."""
        return weighted_crossentropy(
            y_true,
            y_pred,
            sample_weight,
            ignore_id=self.ignore_id,
            from_logits=self.from_logits,
            label_smoothing=self.label_smoothing,
            dtype=self.dtype,
        )

    def _reduce(self, losses: Tensor, weights: Tensor) -> Tensor:
        if self.reduction in ("none", None):
            return losses
        if self.reduction == "sum":
            return ops.sum(losses)
        counts = ops.not_equal(weights, 0)
        if self.reduction == "mean_with_sample_weight":
            counts = weights
        elif self.reduction == "sequence_mean":
            counts = ops.any(counts, axis=list(range(1, len(counts.shape))))
        mean = ops.divide_no_nan(ops.sum(losses), ops.sum(ops.cast(counts, losses.dtype)))
        return _compat.scale_loss_for_distribution(mean)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "ignore_id": self.ignore_id,
            "dtype": self.dtype,
        }
