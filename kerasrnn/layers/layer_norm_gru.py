"""Gated recurrent unit with layer normalisation."""

from typing import Any, ClassVar

from keras import ops

from kerasrnn.layers.base_cells import SquashingCell
from kerasrnn.layers.gated_cell import GatedCell, Product, activated
from kerasrnn.layers.layer_norm import ShiftedLayerNormed, layer_norm
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


@register
class LayerNormGRUCell(ShiftedLayerNormed, GatedCell, SquashingCell):
    r"""One step of a gated recurrent unit with layer normalisation.

    $$
    \begin{aligned}
    (z_t, r_t) &= \sigma(\mathrm{LN}(x_t W_{zr}; \gamma_x) + \mathrm{LN}(h_{t-1} U_{zr}; \gamma_h) + b_{zr}) \\
    \tilde h_t &= \tanh(\mathrm{LN}(x_t W_h; \gamma'_x) + b_h
        + r_t \odot \mathrm{LN}(h_{t-1} U_h; \gamma'_h, \beta_h)) \\
    h_t &= z_t \odot h_{t-1} + (1 - z_t) \odot \tilde h_t
    \end{aligned}
    $$

    $\mathrm{LN}(a; \gamma, \beta) = \gamma \odot (a - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$ with the mean μ and
    the biased variance σ² of a. As in the paper, both gates are normalised together, over 2u entries, and the candidate
    apart, over u. The shifts of the paper that would only add to b are left out; β_h, inside the reset, is not one.

    Gates, in the order of the kernels' columns: `update` (z), `reset` (r), `candidate` (h̃). State: `hidden` (h).
    The update gate *keeps* here, as in `GRUCell`: z = 1 holds the old state. The paper writes 1 − z for it. Weights:
    `kernel (d, 3u)`, `recurrent_kernel (u, 3u)`, `bias (3u,)`, then `kernel_gamma` and `recurrent_gamma`, `(3u,)`, and
    `recurrent_beta`, `(u,)`.

    Args: those of `LayerNormGRU` that concern a single step.

    Reference: J. Ba, J. Kiros, G. Hinton, Layer normalization, arXiv:1607.06450, 2016, the appendix' equations of
    the GRU.
    """

    gate_names: ClassVar[tuple[str, ...]] = ("update", "reset", "candidate")
    state_names: ClassVar[tuple[str, ...]] = ("hidden",)
    reads: ClassVar[tuple[str, ...]] = ("activation", "recurrent_activation", "norm_epsilon")
    memory_gates: ClassVar[dict[str, int]] = {"update": 1}

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.local_weights = ("kernel_gamma", "recurrent_gamma", "recurrent_beta", *self.bias_after_norms())

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.kernel_gamma = self.add_gain("kernel_gamma", 3 * self.units)
        self.recurrent_gamma = self.add_gain("recurrent_gamma", 3 * self.units)
        self.recurrent_beta = self.add_shift("recurrent_beta", self.units)

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        h = states[0]
        x_gates, x_h = self._normalised(projected, self.kernel_gamma)  # (b, 2u), (b, u)
        if self.bias is not None:
            b_gates, b_h = ops.split(self.bias, [2 * self.units])
            x_gates, x_h = x_gates + b_gates, x_h + b_h
        u_gates, u_h = self._normalised(mm(0, h), self.recurrent_gamma)
        z, r = activated(x_gates + u_gates, [self.recurrent_activation] * 2)
        candidate = self.activation(x_h + r * (u_h + self.recurrent_beta))
        h = z * h + (1 - z) * candidate
        return [h], {"update": z, "reset": r, "candidate": candidate}

    def _normalised(self, a: Tensor, gamma: Tensor) -> list[Tensor]:
        """The gates' `(..., 2u)` and the candidate's `(..., u)` of a product `(..., 3u)`, each normalised."""
        split = [2 * self.units]
        parts = zip(ops.split(a, split, axis=-1), ops.split(gamma, split, axis=-1), strict=True)
        return [layer_norm(part, self.norm_epsilon, gain) for part, gain in parts]


@register
class LayerNormGRU(RecurrentLayer):
    """Gated recurrent unit with layer normalisation over a sequence.

    Equations and gate order: `LayerNormGRUCell`; the update gate z keeps the old state. Masks, `return_gates`, `trace`
    and `step`: `RecurrentLayer`.

    Args:
        units: width of the state, a positive int.
        norm_epsilon: added to the variances, above 0.
        gamma_initializer: how the gains γ begin.
        beta_initializer: how the shift β_h begins.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.GRU` but `reset_after`, `use_cudnn` and `implementation`, with
            its defaults, by name; `zoneout`, `forget_bias` and `chrono` of `GatedCell`.

    Call arguments and returns: see `RecurrentLayer`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import LayerNormGRU
    >>> layer = LayerNormGRU(8)
    >>> tuple(layer(np.ones((2, 5, 3), "float32")).shape), [w.name for w in layer.weights[3:]]
    ((2, 8), ['kernel_gamma', 'recurrent_gamma', 'recurrent_beta'])

    Reference: see `LayerNormGRUCell`.
    """

    cell_class = LayerNormGRUCell
    cell_name = "layer_norm_gru_cell"
