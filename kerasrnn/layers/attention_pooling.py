"""A sequence summed up by attention."""

from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import positive
from kerasrnn.layers.base_attention import masked_softmax, weighted_sum
from kerasrnn.layers.gated_cell import add_bias
from kerasrnn.layers.registry import register

Tensor = Any


@register
class AttentionPooling(keras.layers.Layer):
    r"""A sequence to one vector, its steps weighted by how much each matters: for classifiers.

    $$
    e_j = v^\top \tanh(W h_j + b), \qquad \alpha_j = \frac{\exp e_j}{\sum_k \exp e_k}, \qquad c = \sum_j \alpha_j h_j
    $$

    There is no query: v is what every sequence is asked. With several heads n each has a vector v of its own, and the
    result one row for each of them (Lin et al., who leave out b). Its parameters: W `(d, u)`, b `(u,)`, v `(u, n)`.

    Masks: masked steps get weight 0 and are not read; a row that is masked throughout gets weights and result 0. Every
    other row of the weights sums to 1.

    Args:
        units: width of the comparison, a positive int.
        heads: n, how many vectors to ask with, a positive int.
        use_bias: whether there is the bias b.
        kernel_initializer, bias_initializer: for W and v, and for b.

    Call arguments:
        inputs: `(b, t, d)`.
        mask: `(b, t)` bool, True = keep, or None.
        return_attention_scores: return the weights too.

    Returns:
        `(b, d)`, or `(b, n, d)` with several heads; with `return_attention_scores=True` also the weights `(b, t)`, or
        `(b, n, t)`.

    Raises:
        ValueError: `units` or `heads` not positive; inputs of the wrong rank.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import AttentionPooling
    >>> pooled, weights = AttentionPooling(16)(np.ones((2, 5, 8), "float32"), return_attention_scores=True)
    >>> tuple(pooled.shape), tuple(weights.shape)
    ((2, 8), (2, 5))

    Reference: Z. Yang, D. Yang, C. Dyer, X. He, A. Smola, E. Hovy, Hierarchical attention networks for document
    classification, NAACL 2016, section 2.2. Z. Lin et al., A structured self-attentive sentence embedding, ICLR 2017.
    """

    def __init__(
        self,
        units: int,
        heads: int = 1,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive("units", units)
        self.heads = positive("heads", heads)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 3:
            raise ValueError(f"`inputs` must be (batch, time, features); received shape {tuple(input_shape)}.")
        matrix = {"initializer": self.kernel_initializer}
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units), **matrix)
        self.score_vector = self.add_weight(name="score_vector", shape=(self.units, self.heads), **matrix)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer=self.bias_initializer)

    def call(self, inputs: Tensor, mask: Tensor | None = None, return_attention_scores: bool = False) -> Any:
        if mask is not None:
            mask = ops.cast(mask, "bool")
            inputs = ops.where(mask[..., None], inputs, ops.zeros_like(inputs))
        hidden = ops.tanh(add_bias(ops.matmul(inputs, self.kernel), self.bias))
        energies = ops.matmul(hidden, self.score_vector)  # (b, t, n)
        energies = energies[..., 0] if self.heads == 1 else ops.swapaxes(energies, 1, 2)
        weights = masked_softmax(energies, mask)
        pooled = weighted_sum(weights, inputs)
        return (pooled, weights) if return_attention_scores else pooled

    def compute_output_spec(self, inputs: Any, mask: Any = None, return_attention_scores: bool = False) -> Any:
        batch, time, width = inputs.shape
        rows = (batch,) if self.heads == 1 else (batch, self.heads)
        pooled = keras.KerasTensor((*rows, width), dtype=self.compute_dtype)
        if not return_attention_scores:
            return pooled
        return pooled, keras.KerasTensor((*rows, time), dtype=self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None  # time is gone

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "heads": self.heads,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
