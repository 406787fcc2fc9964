"""The simple recurrent network."""

from typing import Any, ClassVar

import keras

from kerasrnn.layers.gated_cell import GatedCell, Product
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


@register
class SimpleRNNCell(GatedCell, keras.layers.SimpleRNNCell):
    r"""One step of a simple (Elman) recurrent network: $h_t = \tanh(x_t W + h_{t-1} U + b)$.

    It has no gate; its one state is `hidden` (h). Arguments, weights and configuration are those of
    `keras.layers.SimpleRNNCell`.

    Reference: J. Elman, Finding structure in time, Cognitive Science 14(2), 1990.
    """

    gate_names: ClassVar[tuple[str, ...]] = ()
    state_names: ClassVar[tuple[str, ...]] = ("hidden",)
    reads: ClassVar[tuple[str, ...]] = ("activation",)

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        return [self.activation(mm(0, states[0], projected))], {}


@register
class SimpleRNN(RecurrentLayer, keras.layers.SimpleRNN):
    """The simple recurrent network over a sequence: `keras.layers.SimpleRNN` that hands out its state.

    Equation: `SimpleRNNCell`. Masks, `return_gates` (here only `hidden`), `trace` and `step`: `RecurrentLayer`.

    Args:
        units: width of the state, a positive int.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.SimpleRNN`, with its defaults.

    Call arguments and returns: see `RecurrentLayer`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import SimpleRNN
    >>> y, gates = SimpleRNN(8, return_gates=True)(np.ones((2, 5, 3), "float32"))
    >>> tuple(gates["hidden"].shape)
    (2, 5, 8)

    Reference: see `SimpleRNNCell`.
    """

    cell_class = SimpleRNNCell
    cell_name = "simple_rnn_cell"
    keras_layer = keras.layers.SimpleRNN
