"""Layer normalisation, and the options of the cells that use it."""

from typing import Any

import keras
from keras import ops

from kerasrnn import _compat
from kerasrnn.layers.gated_cell import KerasCell

Tensor = Any


def layer_norm(x: Tensor, epsilon: float, gamma: Tensor, beta: Tensor | None = None) -> Tensor:
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta` over the last axis, with the biased variance.

    In half precision mean and variance, which it cannot hold, are computed in float32.
    """
    dtype = keras.backend.standardize_dtype(x.dtype)
    wide = ops.cast(x, "float32") if dtype in ("float16", "bfloat16") else x
    centred = wide - _mean(wide)
    scale = ops.rsqrt(_mean(ops.square(centred)) + epsilon)
    normal = ops.cast(centred * scale, dtype) * gamma
    return normal if beta is None else normal + beta


def _mean(x: Tensor) -> Tensor:
    """The mean over the last axis, which is kept."""
    if keras.config.backend() == "tensorflow" and not _compat.has_gpu():  # a program for a CPU sums row by row, slowly
        width = x.shape[-1]
        return ops.matmul(x, ops.full((width, 1), 1.0 / width, dtype=x.dtype))
    return ops.mean(x, axis=-1, keepdims=True)


class LayerNormed(KerasCell):
    """Options and weights of a cell with layer normalisation; mixed in before `GatedCell`.

    Args:
        norm_epsilon: added to the variance, above 0.
        gamma_initializer: how the gains begin.
    """

    units: int
    use_bias: bool
    add_weight: Any

    def __init__(self, *args: Any, norm_epsilon: float = 1e-3, gamma_initializer: Any = "ones", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not norm_epsilon > 0.0:
            raise ValueError(f"`norm_epsilon` must be above 0; received {norm_epsilon!r}. The default is 1e-3.")
        self.norm_epsilon = norm_epsilon
        self.gamma_initializer = keras.initializers.get(gamma_initializer)

    def bias_after_norms(self) -> tuple[str, ...]:
        """The bias among the `local_weights`."""
        return ("bias",) if self.use_bias else ()

    def project_bias(self) -> Tensor | None:
        return None  # it comes after the normalisations

    def add_gain(self, name: str, width: int) -> Any:
        return self.add_weight(name=name, shape=(width,), initializer=self.gamma_initializer)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "norm_epsilon": self.norm_epsilon,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
        }


class ShiftedLayerNormed(LayerNormed):
    """A `LayerNormed` cell one of whose normalisations has a shift too, that no bias makes up for.

    Args:
        beta_initializer: how the shift begins.
    """

    def __init__(self, *args: Any, beta_initializer: Any = "zeros", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.beta_initializer = keras.initializers.get(beta_initializer)

    def add_shift(self, name: str, width: int) -> Any:
        return self.add_weight(name=name, shape=(width,), initializer=self.beta_initializer)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_initializer": keras.initializers.serialize(self.beta_initializer)}
