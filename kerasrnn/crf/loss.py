"""The loss that a model with a CRF is compiled with."""

from typing import Any

import keras
from keras import ops

from kerasrnn.crf.chain import require_shape, unpack
from kerasrnn.crf.likelihood import log_likelihood
from kerasrnn.layers.registry import register

Tensor = Any


@register
class CRFLoss(keras.losses.Loss):
    """The negative log-likelihood of tag sequences, for the output of `kerasrnn.layers.CRF`.

    Masks: those that `layers.CRF` was called with; masked steps do not count, and a row that is masked throughout has
    the loss 0.

    Args:
        reduction: as in every Keras loss; by default the mean over the sequences of a batch.
        name: a name for the loss.
        dtype: what is computed in; by default Keras' floatx.

    Call arguments:
        y_true: `(b, t)` or `(b, t, 1)` tags from 0 to n - 1; on masked steps anything.
        y_pred: `(b, n + 2 + t, n + 1)`, what `layers.CRF` returns.
        sample_weight: `(b,)` or `(b, 1)`, one weight a sequence, or None.

    Returns:
        A scalar, or `(b,)` with `reduction=None`. In a graph, as in `fit`, a tag outside of the set makes it NaN.

    Raises:
        ValueError: shapes that do not fit together; weights of single steps, which have no meaning here: mask the steps
            instead; eagerly also a tag outside of the set.

    Example:

    >>> import keras, numpy as np
    >>> from kerasrnn import crf, layers
    >>> model = keras.Sequential([keras.layers.Dense(3), layers.CRF(3)])
    >>> model.compile("adam", loss=crf.CRFLoss(), metrics=[crf.CRFAccuracy()])
    >>> history = model.fit(np.ones((2, 5, 4), "float32"), np.zeros((2, 5)), verbose=0).history
    >>> sorted(history)
    ['crf_accuracy', 'loss']
    """

    def __init__(self, reduction: Any = "sum_over_batch_size", name: str = "crf_loss", dtype: Any = None) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self._given_dtype = dtype

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight)
            if len(sample_weight.shape) == 2 and sample_weight.shape[1] == 1:
                sample_weight = ops.squeeze(sample_weight, 1)
            require_shape("sample_weight", sample_weight, (y_pred.shape[0],), "a loss of one value a sequence")
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return -log_likelihood(ids(y_true), *unpack(y_pred))

    def get_config(self) -> dict[str, Any]:
        dtype = self._given_dtype
        return super().get_config() | {"dtype": dtype if dtype is None else self.dtype}


def ids(y_true: Tensor) -> Tensor:
    """Labels `(b, t)` or `(b, t, 1)` as int32; -1 for what is no whole number."""
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == 3 and y_true.shape[2] == 1:
        y_true = ops.squeeze(y_true, 2)
    whole = ops.cast(y_true, "int32")
    return ops.where(ops.cast(whole, y_true.dtype) == y_true, whole, ops.full_like(whole, -1))
