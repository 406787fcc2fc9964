"""Long short-term memory with layer normalisation."""

from typing import Any, ClassVar

from kerasrnn.layers.base_cells import ForgettingCell
from kerasrnn.layers.gated_cell import GatedCell, Product, activated, add_bias
from kerasrnn.layers.layer_norm import ShiftedLayerNormed, layer_norm
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


@register
class LayerNormLSTMCell(ShiftedLayerNormed, GatedCell, ForgettingCell):
    r"""One step of a long short-term memory with layer normalisation.

    $$
    \begin{aligned}
    (i_t, f_t, \tilde c_t, o_t) &= (\sigma, \sigma, \tanh, \sigma)
        (\mathrm{LN}(x_t W; \gamma_x) + \mathrm{LN}(h_{t-1} U; \gamma_h) + b) \\
    c_t &= f_t \odot c_{t-1} + i_t \odot \tilde c_t \\
    h_t &= o_t \odot \tanh(\mathrm{LN}(c_t; \gamma_c, \beta_c))
    \end{aligned}
    $$

    $\mathrm{LN}(a; \gamma, \beta) = \gamma \odot (a - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$ with the mean μ and
    the biased variance σ² of a. As in the paper and in TensorFlow Addons, the two products are normalised over all
    their 4u entries together, not gate by gate. The shifts that the paper gives them would only add to b, and are left
    out. The cell that is carried on is c_t, as in the paper; TensorFlow Addons carries its normalised form on.

    Gates, in the order of the kernels' columns: `input` (i), `forget` (f), `candidate` (c̃), `output` (o).
    States: `hidden` (h), `cell` (c). Weights: those of `LSTMCell`, then `kernel_gamma` (γ_x) and `recurrent_gamma`
    (γ_h), `(4u,)`, `state_gamma` and `state_beta`, `(u,)`.

    Args: those of `LayerNormLSTM` that concern a single step.

    Reference: J. Ba, J. Kiros, G. Hinton, Layer normalization, arXiv:1607.06450, 2016, equations 20 to 22.
    """

    gate_names: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    state_names: ClassVar[tuple[str, ...]] = ("hidden", "cell")
    reads: ClassVar[tuple[str, ...]] = ("activation", "recurrent_activation", "norm_epsilon")
    memory_gates: ClassVar[dict[str, int]] = {"forget": 1, "input": -1}

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.local_weights = ("kernel_gamma", "recurrent_gamma", "state_gamma", "state_beta", *self.bias_after_norms())

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.kernel_gamma = self.add_gain("kernel_gamma", 4 * self.units)
        self.recurrent_gamma = self.add_gain("recurrent_gamma", 4 * self.units)
        self.state_gamma = self.add_gain("state_gamma", self.units)
        self.state_beta = self.add_shift("state_beta", self.units)

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        h, c = states
        squash, act = self.recurrent_activation, self.activation
        z = layer_norm(projected, self.norm_epsilon, self.kernel_gamma)
        z = add_bias(z + layer_norm(mm(0, h), self.norm_epsilon, self.recurrent_gamma), self.bias)
        i, f, g, o = activated(z, [squash, squash, act, squash])  # (b, u) each
        c = f * c + i * g
        h = o * act(layer_norm(c, self.norm_epsilon, self.state_gamma, self.state_beta))
        return [h, c], {"input": i, "forget": f, "candidate": g, "output": o}


@register
class LayerNormLSTM(RecurrentLayer):
    """Long short-term memory with layer normalisation over a sequence.

    Equations and gate order: `LayerNormLSTMCell`. Masks, `return_gates`, `trace` and `step`: `RecurrentLayer`.

    Args:
        units: width of the state, a positive int.
        norm_epsilon: added to the variances, above 0.
        gamma_initializer: how the gains γ begin.
        beta_initializer: how the shift of the normalised cell begins.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.LSTM` but `use_cudnn` and `implementation`, with its defaults,
            by name; `zoneout`, `forget_bias` and `chrono` of `GatedCell`.

    Call arguments and returns: see `RecurrentLayer`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import LayerNormLSTM
    >>> layer = LayerNormLSTM(8)
    >>> tuple(layer(np.ones((2, 5, 3), "float32")).shape), [w.name for w in layer.weights[3:]]
    ((2, 8), ['kernel_gamma', 'recurrent_gamma', 'state_gamma', 'state_beta'])

    Reference: see `LayerNormLSTMCell`.
    """

    cell_class = LayerNormLSTMCell
    cell_name = "layer_norm_lstm_cell"
