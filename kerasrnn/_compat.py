"""Every private import of Keras, one place, each with its reason."""

from contextlib import AbstractContextManager
from typing import Any

import keras
from keras.src.backend import cudnn_ok  # no public test of what Keras' fused kernels accept
from keras.src.backend.common.variables import AutocastScope  # `layer.trace` and `layer.step` run outside `__call__`
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell  # tells cells that keep dropout masks for a sequence

__all__ = ["DropoutRNNCell", "autocast", "fused_kernels_apply", "has_gpu"]


def autocast(dtype: str) -> AbstractContextManager[Any]:
    """Within this scope float variables read as `dtype`, as they do within `Layer.__call__`."""
    return AutocastScope(dtype)


def has_gpu() -> bool:
    """Whether Keras' backend runs on a GPU here."""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    if keras.config.backend() == "jax":
        import jax

        return jax.default_backend() == "gpu"
    return False


def fused_kernels_apply(layer: Any) -> bool:
    """Whether Keras' fused GPU kernels (cuDNN) compute exactly this LSTM or GRU layer."""
    cell = layer.cell
    options = {"reset_after": cell.reset_after} if hasattr(cell, "reset_after") else {}
    return not layer.recurrent_dropout and cudnn_ok(
        cell.activation, cell.recurrent_activation, layer.unroll, cell.use_bias, **options
    )
