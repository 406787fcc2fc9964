"""Long short-term memory."""

from typing import Any, ClassVar

import keras

from kerasrnn.layers.gated_cell import GatedCell, Product, activated
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


@register
class LSTMCell(GatedCell, keras.layers.LSTMCell):
    r"""One step of a long short-term memory.

    $$
    \begin{aligned}
    i_t &= \sigma(x_t W_i + h_{t-1} U_i + b_i) & f_t &= \sigma(x_t W_f + h_{t-1} U_f + b_f) \\
    \tilde c_t &= \tanh(x_t W_c + h_{t-1} U_c + b_c) & o_t &= \sigma(x_t W_o + h_{t-1} U_o + b_o) \\
    c_t &= f_t \odot c_{t-1} + i_t \odot \tilde c_t & h_t &= o_t \odot \tanh(c_t)
    \end{aligned}
    $$

    Gates, in the order of the kernels' columns: `input` (i), `forget` (f), `candidate` (c̃), `output` (o).
    States: `hidden` (h), `cell` (c). Arguments, weights and configuration are those of `keras.layers.LSTMCell`.

    Reference: S. Hochreiter, J. Schmidhuber, Long short-term memory, Neural Computation 9(8), 1997; the forget
    gate from F. Gers, J. Schmidhuber, F. Cummins, Learning to forget, Neural Computation 12(10), 2000.
    """

    gate_names: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    state_names: ClassVar[tuple[str, ...]] = ("hidden", "cell")
    reads: ClassVar[tuple[str, ...]] = ("activation", "recurrent_activation")
    memory_gates: ClassVar[dict[str, int]] = {"forget": 1, "input": -1}
    fused: ClassVar[bool] = True

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        h, c = states
        squash, act = self.recurrent_activation, self.activation
        i, f, g, o = activated(mm(0, h, projected), [squash, squash, act, squash])  # (b, u) each
        c = f * c + i * g
        h = o * act(c)
        return [h, c], {"input": i, "forget": f, "candidate": g, "output": o}


@register
class LSTM(RecurrentLayer, keras.layers.LSTM):
    """Long short-term memory over a sequence: `keras.layers.LSTM` that hands out its gates.

    Equations and gate order: `LSTMCell`. Masks, `return_gates`, `trace` and `step`: `RecurrentLayer`.

    Args:
        units: width of the state, a positive int.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.LSTM`, with its defaults.

    Call arguments and returns: see `RecurrentLayer`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import LSTM
    >>> layer = LSTM(8, return_sequences=True, return_gates=True)
    >>> y, gates = layer(np.ones((2, 5, 3), "float32"))
    >>> sorted(gates)
    ['candidate', 'cell', 'forget', 'hidden', 'input', 'output']
    >>> tuple(gates["forget"].shape)
    (2, 5, 8)

    Reference: see `LSTMCell`.
    """

    cell_class = LSTMCell
    cell_name = "lstm_cell"
    keras_layer = keras.layers.LSTM
