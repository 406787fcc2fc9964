"""Additive attention as Bahdanau, Cho and Bengio wrote it."""

from typing import Any

from keras import ops

from kerasrnn.layers.additive_energy import AdditiveEnergy
from kerasrnn.layers.arguments import positive
from kerasrnn.layers.base_attention import Memory, masked_softmax
from kerasrnn.layers.gated_cell import Product
from kerasrnn.layers.registry import register

Tensor = Any


@register
class BahdanauAttention(AdditiveEnergy):
    r"""Additive attention with both matrices and the vector of the paper.

    $$
    e_{tj} = v^\top \tanh(W_s s_t + W_h h_j), \qquad
    \alpha_{tj} = \frac{\exp e_{tj}}{\sum_k \exp e_{tk}}, \qquad c_t = \sum_j \alpha_{tj} h_j
    $$

    with queries s, memory h, alignment α and context c. (`keras.layers.AdditiveAttention` has neither matrix.)
    Its parameters: W_s `(d, u)`, W_h `(m, u)`, v `(u, 1)`, and with the options below b `(u,)`, g `()` and w_c `(u,)`.

    With `coverage=True` what was attended to before takes part, so that a place is not read again and again (See et
    al.): $e_{tj} = v^\top \tanh(W_s s_t + W_h h_j + w_c c_{tj} + b)$ with $c_{tj} = \sum_{t' < t} \alpha_{t'j}$. Their
    loss for it is `coverage_loss`.

    Masks: masked memory gets weight 0 and is not read; a row whose memory is masked throughout gets weights and
    context 0. Masked queries get weights and context 0, and add nothing to the coverage. Every other row of the
    alignment sums to 1.

    Args:
        units: width of the comparison, a positive int.
        use_bias: whether to add a bias b inside the tanh, which the paper does not have.
        normalize: weight normalisation of v: g v / ‖v‖, where the number g begins at √(1/u) (Salimans and Kingma).
        coverage: whether the sum of the earlier alignments takes part. Then queries are answered one after the other.
        kernel_initializer, bias_initializer: for W_s, W_h, v and w_c, and for the bias.

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
    ICLR 2015, section 3.1 and appendix A.1.2. T. Salimans, D. Kingma, Weight normalization, NeurIPS 2016. A. See,
    P. Liu, C. Manning, Get to the point: summarization with pointer-generator networks, ACL 2017, section 2.3.
    """

    def __init__(
        self,
        units: int,
        use_bias: bool = False,
        normalize: bool = False,
        coverage: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        units = positive("units", units)
        super().__init__(units, use_bias, normalize, kernel_initializer, bias_initializer, **kwargs)
        self.coverage = coverage
        if coverage:
            self.local_weights = (*self.local_weights, "coverage_vector")

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        super().build(query_shape, memory_shape)
        if self.coverage:
            self.coverage_vector = self.add_kernel("coverage_vector", self.units)

    def initial_states(self, memory: Memory, training: bool = False) -> list[Tensor]:
        return [ops.zeros_like(memory.values[..., 0])] if self.coverage else []

    def attend(self, query: Tensor, memory: Memory, states: list[Tensor], mm: Product) -> tuple[Tensor, list[Tensor]]:
        keys = memory.keys
        if self.coverage:
            keys = keys + states[0][..., None] * self.coverage_vector
        alignment = masked_softmax(self.energies(query, keys, mm), memory.mask)
        return alignment, [state + alignment for state in states]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"coverage": self.coverage}


def coverage_loss(alignment: Tensor) -> Tensor:
    r"""How much of each query's attention goes where earlier queries have looked: the coverage loss of See et al.

    $\sum_j \min(\alpha_{tj}, c_{tj})$ with $c_{tj} = \sum_{t' < t} \alpha_{t'j}$: between 0 and 1, 0 for the first
    query and for masked ones. The paper adds its mean over the target's steps to the loss, with weight 1, late in
    training.

    Args:
        alignment: `(b, t, s)`.

    Returns:
        `(b, t)`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import coverage_loss
    >>> np.asarray(coverage_loss(np.array([[[1.0, 0.0], [0.75, 0.25], [0.5, 0.5]]]))).tolist()
    [[0.0, 0.75, 0.75]]

    Reference: A. See, P. Liu, C. Manning, ACL 2017, section 2.3.
    """
    before = ops.cumsum(alignment, axis=1) - alignment
    return ops.sum(ops.minimum(alignment, before), axis=-1)
