"""Additive attention as Bahdanau, Cho and Bengio wrote it."""

from typing import Any

import keras
from keras import ops

from kerasrnn import engine
from kerasrnn.layers.base_attention import BaseAttention, Memory, masked_softmax, valid_shapes
from kerasrnn.layers.gated_cell import Product, add_bias
from kerasrnn.layers.registry import register

Tensor = Any


@register
class BahdanauAttention(BaseAttention):
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

    local_weights = ("score_vector",)

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

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        valid_shapes(query_shape, memory_shape)
        matrix = {"initializer": self.kernel_initializer}
        self.query_kernel = self.add_weight(name="query_kernel", shape=(query_shape[-1], self.units), **matrix)
        self.memory_kernel = self.add_weight(name="memory_kernel", shape=(memory_shape[-1], self.units), **matrix)
        # (u, 1), for initialisers that scale with the fan-in
        self.score_vector = self.add_weight(name="score_vector", shape=(self.units, 1), **matrix)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer=self.bias_initializer)

    def query_products(self) -> list[tuple[Tensor, Tensor | None]]:
        return [(self.query_kernel, None)]

    def keys(self, memory: Tensor) -> Tensor:
        return add_bias(ops.matmul(memory, self.memory_kernel), self.bias)

    def attend(self, query: Tensor, memory: Memory, states: list[Tensor], mm: Product) -> tuple[Tensor, list[Tensor]]:
        return masked_softmax(engine.additive_scores(mm(0, query), memory.keys, self.score_vector), memory.mask), states

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
