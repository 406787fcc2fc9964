"""What the metrics have in common."""

from typing import Any

import keras
from keras import ops

from kerasrnn import _compat
from kerasrnn.losses.tokens import at_least_float32

Tensor = Any


class Ratio(keras.metrics.Metric):
    """A sum over the epoch divided by another; 0 where nothing has counted yet."""

    _direction = "up"  # where Keras' callbacks with `mode="auto"` look

    def __init__(self, ignore_id: int | None, name: str | None, dtype: Any) -> None:
        super().__init__(name=name, dtype=dtype)
        self.ignore_id = ignore_id
        self._sums = at_least_float32(self.dtype)
        self.total = self.add_variable((), "zeros", dtype=self._sums, name="total")
        self.count = self.add_variable((), "zeros", dtype=self._sums, name="count")

    def _add(self, values: Tensor, weights: Tensor) -> None:
        """Count `values`, each with its weight."""
        self._add_sums(ops.sum(ops.cast(values, self._sums) * weights), ops.sum(weights))

    def _add_sums(self, total: Tensor, count: Tensor) -> None:
        self.total.assign(self.total + total)
        self.count.assign(self.count + count)

    def _ratio(self) -> Tensor:
        return ops.divide_no_nan(ops.convert_to_tensor(self.total), ops.convert_to_tensor(self.count))

    def result(self) -> Tensor:
        """The ratio so far, a scalar."""
        return ops.cast(self._ratio(), self.dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"ignore_id": self.ignore_id}


def predicted_ids(y_pred: Any) -> tuple[Tensor, Tensor | None]:
    """Of integer ids `(b, t)`, or of scores `(b, t, v)`: the ids, and the implicit mask."""
    mask = _compat.get_keras_mask(y_pred)
    predicted = ops.convert_to_tensor(y_pred)
    if keras.backend.is_int_dtype(predicted.dtype):
        return predicted, mask
    return ops.argmax(predicted, axis=-1), mask


def sequence_weights(weights: Tensor) -> Tensor:
    """The weight of each sequence `(b,)`: the mean of those of its tokens `(b, t)` that are not 0, or 0."""
    counts = ops.sum(ops.cast(ops.not_equal(weights, 0), weights.dtype), axis=-1)
    return ops.divide_no_nan(ops.sum(weights, axis=-1), counts)
