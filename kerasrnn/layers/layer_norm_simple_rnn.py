"""The simple recurrent network with layer normalisation."""

from typing import Any, ClassVar

from kerasrnn.layers.base_cells import RecurrentCell
from kerasrnn.layers.gated_cell import GatedCell, Product, add_bias
from kerasrnn.layers.layer_norm import LayerNormed, layer_norm
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


@register
class LayerNormSimpleRNNCell(LayerNormed, GatedCell, RecurrentCell):
    r"""One step of a simple recurrent network with layer normalisation.

    $$ h_t = \tanh(\mathrm{LN}(x_t W + h_{t-1} U; \gamma) + b) $$

    $\mathrm{LN}(a; \gamma) = \gamma \odot (a - \mu) / \sqrt{\sigma^2 + \epsilon}$ with the mean μ and the biased
    variance σ² of a over its u entries; the bias b is the shift of the paper's equation 4.

    It has no gate; its one state is `hidden` (h). Weights: those of `SimpleRNNCell`, then `gamma` `(u,)`.

    Args: those of `LayerNormSimpleRNN` that concern a single step.

    Reference: J. Ba, J. Kiros, G. Hinton, Layer normalization, arXiv:1607.06450, 2016, section 3.1.
    """

    gate_names: ClassVar[tuple[str, ...]] = ()
    state_names: ClassVar[tuple[str, ...]] = ("hidden",)
    reads: ClassVar[tuple[str, ...]] = ("activation", "norm_epsilon")

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.local_weights = ("gamma", *self.bias_after_norms())

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.gamma = self.add_gain("gamma", self.units)

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        normal = layer_norm(mm(0, states[0], projected), self.norm_epsilon, self.gamma)
        return [self.activation(add_bias(normal, self.bias))], {}


@register
class LayerNormSimpleRNN(RecurrentLayer):
    """The simple recurrent network with layer normalisation over a sequence.

    Equation: `LayerNormSimpleRNNCell`. Masks, `return_gates` (here only `hidden`), `trace` and `step`:
    `RecurrentLayer`.

    Args:
        units: width of the state, a positive int.
        norm_epsilon: added to the variance, above 0.
        gamma_initializer: how the gain γ begins.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.SimpleRNN`, with its defaults, by name; `zoneout` of
            `GatedCell`.

    Call arguments and returns: see `RecurrentLayer`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import LayerNormSimpleRNN
    >>> layer = LayerNormSimpleRNN(8)
    >>> tuple(layer(np.ones((2, 5, 3), "float32")).shape), [w.name for w in layer.weights]
    ((2, 8), ['kernel', 'recurrent_kernel', 'bias', 'gamma'])

    Reference: see `LayerNormSimpleRNNCell`.
    """

    cell_class = LayerNormSimpleRNNCell
    cell_name = "layer_norm_simple_rnn_cell"
