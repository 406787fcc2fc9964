"""Attention that knows where it has just been, as Chorowski et al. wrote it."""

from typing import Any

from keras import ops

from kerasrnn.layers.additive_energy import AdditiveEnergy
from kerasrnn.layers.arguments import is_number, positive
from kerasrnn.layers.base_attention import Memory, masked_softmax, places
from kerasrnn.layers.gated_cell import Product
from kerasrnn.layers.registry import register

Tensor = Any


@register
class LocationAttention(AdditiveEnergy):
    r"""Additive attention to content and location: filters of the alignment before say where it was.

    $$
    f_t = F * \alpha_{t-1}, \qquad e_{tj} = w^\top \tanh(W s_t + V h_j + U f_{tj} + b), \qquad
    \alpha_{tj} = \frac{\exp(\beta e_{tj})}{\sum_k \exp(\beta e_{tk})}
    $$

    with k filters of r steps in F, centred, and zeros beyond the ends. Before the first query α is 0. With
    `smoothing=True` the logistic function stands in place of exp, so that more than one place can be read at once.
    Its parameters: W `(d, u)`, V `(m, u)`, w `(u, 1)`, b `(u,)`, F `(r, 1, k)`, U `(k, u)`.

    Masks: masked memory gets weight 0 and is not read, also not by the filters, to which the unmasked steps on either
    side of masked ones are neighbours; a row whose memory is masked throughout gets weights and context 0. Masked
    queries get weights and context 0, and the alignment before holds. Every other row of the alignment sums to 1.

    Args:
        units: width of the comparison, a positive int.
        filters: k, the number of filters; 10 in the paper.
        kernel_size: r, the length of the filters in steps of the memory, a positive odd int; 201 in the paper.
        use_bias: whether there is the bias b.
        normalize: weight normalisation of w, as in `BahdanauAttention`.
        smoothing: the logistic function in place of exp.
        sharpening: β, above 0; more than 1 narrows what is read, against long and noisy memories.
        kernel_initializer, bias_initializer: for W, V, w, F and U, and for b.

    Call arguments:
        query: `(b, t, d)`, or `(b, d)` for one query, the first.
        memory: `(b, s, m)`.
        query_mask: `(b, t)` bool, True = keep, or None.
        memory_mask: `(b, s)` bool, or None.
        return_attention_scores: return the alignment too.

    Returns:
        The context `(b, t, m)`, or `(b, m)`; with `return_attention_scores=True` also the alignment `(b, t, s)`, or
        `(b, s)`.

    Raises:
        ValueError: a size not positive, or `kernel_size` even; `sharpening` not above 0; a query or a memory of the
            wrong rank.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import LocationAttention
    >>> context, alignment = LocationAttention(16, filters=4, kernel_size=3)(
    ...     np.ones((2, 4, 8), "float32"), np.ones((2, 6, 10), "float32"), return_attention_scores=True
    ... )
    >>> tuple(context.shape), tuple(alignment.shape)
    ((2, 4, 10), (2, 4, 6))

    Reference: J. Chorowski, D. Bahdanau, D. Serdyuk, K. Cho, Y. Bengio, Attention-based models for speech recognition,
    NeurIPS 2015, sections 2.1 to 2.3.
    """

    def __init__(
        self,
        units: int,
        filters: int = 10,
        kernel_size: int = 31,
        use_bias: bool = True,
        normalize: bool = False,
        smoothing: bool = False,
        sharpening: float = 1.0,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        units = positive("units", units)
        super().__init__(units, use_bias, normalize, kernel_initializer, bias_initializer, **kwargs)
        self.filters = positive("filters", filters)
        self.kernel_size = positive("kernel_size", kernel_size)
        if self.kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd, so that a filter has a centre; received {kernel_size!r}.")
        if not is_number(sharpening) or not sharpening > 0:
            raise ValueError(f"`sharpening` must be a number above 0; received {sharpening!r}.")
        self.smoothing = smoothing
        self.sharpening = float(sharpening)
        self.local_weights = (*self.local_weights, "location_filters", "location_kernel")

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        super().build(query_shape, memory_shape)
        self.location_filters = self.add_kernel("location_filters", self.kernel_size, 1, self.filters)
        self.location_kernel = self.add_kernel("location_kernel", self.filters, self.units)

    def initial_states(self, memory: Memory, training: bool = False) -> list[Tensor]:
        """The alignment before, `(b, s)`."""
        return [ops.zeros_like(memory.values[..., 0])]

    def attend(self, query: Tensor, memory: Memory, states: list[Tensor], mm: Product) -> tuple[Tensor, list[Tensor]]:
        keys = memory.keys + ops.matmul(self._features(states[0], memory), self.location_kernel)
        energies = self.sharpening * self.energies(query, keys, mm)
        if self.smoothing:
            energies = ops.log_sigmoid(energies)
        alignment = masked_softmax(energies, memory.mask)
        return alignment, [alignment]

    def _features(self, alignment: Tensor, memory: Memory) -> Tensor:
        """`F * α`, `(b, s, k)`, among the unmasked steps alone."""
        if memory.mask is None:
            return self._convolved(alignment)
        index = ops.arange(ops.shape(alignment)[1])
        order = ops.argsort(ops.where(memory.mask, index, index + ops.shape(alignment)[1]))  # the unmasked ones first
        features = self._convolved(ops.take_along_axis(alignment, order, axis=1))
        place = ops.cast(ops.maximum(places(memory)[0], 0), "int32")
        return ops.take_along_axis(features, place[..., None], axis=1)

    def _convolved(self, alignment: Tensor) -> Tensor:
        return ops.conv(alignment[..., None], self.location_filters, padding="same")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "smoothing": self.smoothing,
            "sharpening": self.sharpening,
        }
