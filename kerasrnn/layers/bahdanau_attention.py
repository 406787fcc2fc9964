"""Additive attention as Bahdanau, Cho and Bengio wrote it."""

from typing import Any, NamedTuple

import keras
from keras import ops

from kerasrnn import _compat
from kerasrnn.layers.registry import register

Tensor = Any


class Memory(NamedTuple):
    """What attention reads, prepared once for many queries: values `(b, s, m)`, keys `(b, s, u)`, mask `(b, s)`."""

    values: Tensor
    keys: Tensor
    mask: Tensor | None


@register
class BahdanauAttention(keras.layers.Layer):
    r"""Additive attention with both matrices and the vector of the paper.

    $$
    e_{tj} = v^\top \tanh(W_s s_t + W_h h_j), \qquad
    \alpha_{tj} = \frac{\exp e_{tj}}{\sum_k \exp e_{tk}}, \qquad c_t = \sum_j \alpha_{tj} h_j
    $$

    with queries s, memory h, alignment α and context c. (`keras.layers.AdditiveAttention` has neither matrix.)
    Its parameters: W_s `(d, u)`, W_h `(m, u)`, v `(u,)`, and a bias `(u,)` inside the tanh with `use_bias=True`,
    which the paper does not have.

    Masks: masked memory gets weight 0 and is not read; a row whose memory is masked throughout gets weights and
    context 0. Masked queries get weights and context 0. Every other row of the alignment sums to 1.

    Args:
        units: width of the comparison, a positive int.
        use_bias: whether to add a bias inside the tanh.
        kernel_initializer, bias_initializer: for W_s, W_h and v, and for the bias.

    Call arguments:
        query: `(b, t, d)`, or `(b, d)` for one query.
        memory: `(b, s, m)`.
        query_mask: `(b, t)` bool, True = keep, or None.
        memory_mask: `(b, s)` bool, or None.
        return_attention_scores: return the alignment too.

    Returns:
        The context `(b, t, m)`, or `(b, m)`; with `return_attention_scores=True` also the alignment `(b, t, s)`, or
        `(b, s)`.

    Raises:
        ValueError: `units` not positive; a query or a memory of the wrong rank.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import BahdanauAttention
    >>> context, alignment = BahdanauAttention(16)(
    ...     np.ones((2, 4, 8), "float32"), np.ones((2, 6, 10), "float32"), return_attention_scores=True
    ... )
    >>> tuple(context.shape), tuple(alignment.shape)
    ((2, 4, 10), (2, 4, 6))

    Reference: D. Bahdanau, K. Cho, Y. Bengio, Neural machine translation by jointly learning to align and translate,
    ICLR 2015, section 3.1 and appendix A.1.2.
    """

    def __init__(
        self,
        units: int,
        use_bias: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(units, int) or units <= 0:
            raise ValueError(f"`units` must be a positive integer; received {units!r}.")
        self.units = units
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        if len(query_shape) not in (2, 3) or len(memory_shape) != 3:
            raise ValueError(
                "`query` must be (batch, time, features) or (batch, features) and `memory` (batch, source time, "
                f"features); received shapes {tuple(query_shape)} and {tuple(memory_shape)}."
            )
        matrix = {"initializer": self.kernel_initializer}
        self.query_kernel = self.add_weight(name="query_kernel", shape=(query_shape[-1], self.units), **matrix)
        self.memory_kernel = self.add_weight(name="memory_kernel", shape=(memory_shape[-1], self.units), **matrix)
        # (u, 1), for initialisers that scale with the fan-in
        self.score_vector = self.add_weight(name="score_vector", shape=(self.units, 1), **matrix)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer=self.bias_initializer)

    def prepare(self, memory: Tensor, memory_mask: Tensor | None = None) -> Memory:
        """Project the memory once, for any number of `align` calls."""
        if memory_mask is not None:
            memory_mask = ops.cast(memory_mask, "bool")
            memory = ops.where(memory_mask[..., None], memory, ops.zeros_like(memory))
        with _compat.autocast(self.compute_dtype):  # also when called from outside `__call__`
            keys = ops.matmul(memory, self.memory_kernel)
            return Memory(memory, keys if self.bias is None else keys + self.bias, memory_mask)

    def align(self, query: Tensor, memory: Memory) -> Tensor:
        """The alignment of queries `(b, d)` or `(b, t, d)` to a prepared memory: `(b, s)` or `(b, t, s)`."""
        keys, mask = memory.keys, memory.mask
        if len(query.shape) == 3:
            keys, mask = keys[:, None], None if mask is None else mask[:, None]
        with _compat.autocast(self.compute_dtype):
            projected = ops.matmul(query, self.query_kernel)  # (b, u) or (b, t, u)
            scores = ops.matmul(ops.tanh(projected[..., None, :] + keys), self.score_vector)[..., 0]
        return masked_softmax(scores, mask)

    def call(
        self,
        query: Tensor,
        memory: Tensor,
        query_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        prepared = self.prepare(memory, memory_mask)
        alignment = self.align(query, prepared)
        if query_mask is not None and len(query.shape) == 3:
            alignment = ops.where(ops.cast(query_mask, "bool")[..., None], alignment, ops.zeros_like(alignment))
        context = weighted_sum(alignment, prepared.values)
        return (context, alignment) if return_attention_scores else context

    def compute_output_spec(
        self,
        query: Any,
        memory: Any,
        query_mask: Any = None,
        memory_mask: Any = None,
        return_attention_scores: bool = False,
    ) -> Any:
        context = keras.KerasTensor((*query.shape[:-1], memory.shape[-1]), dtype=self.compute_dtype)
        if not return_attention_scores:
            return context
        return context, keras.KerasTensor((*query.shape[:-1], memory.shape[1]), dtype=self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any) -> Any:
        return keras.tree.flatten(mask)[0]  # the query's

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax over the last axis, of the places that `mask` keeps; zeros where it keeps none."""
    if mask is None:
        return ops.softmax(scores, axis=-1)
    masked_low = ops.where(mask, scores, ops.min(scores, axis=-1, keepdims=True))  # never above a score that counts
    shifted = scores - ops.stop_gradient(ops.max(masked_low, axis=-1, keepdims=True))
    shifted = ops.where(mask, shifted, ops.zeros_like(shifted))
    weights = ops.where(mask, ops.exp(shifted), ops.zeros_like(scores))
    total = ops.sum(weights, axis=-1, keepdims=True)
    return weights / ops.where(total > 0, total, ops.ones_like(total))


def weighted_sum(alignment: Tensor, values: Tensor) -> Tensor:
    """The context: `(b, s)` or `(b, t, s)` weights of `(b, s, m)` values."""
    if len(alignment.shape) == 3:
        return ops.matmul(alignment, values)
    return ops.matmul(alignment[:, None], values)[:, 0]
