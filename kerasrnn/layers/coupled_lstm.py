"""Long short-term memory that forgets exactly what it overwrites."""

from typing import Any, ClassVar

from kerasrnn.layers.base_cells import ForgettingCell
from kerasrnn.layers.gated_cell import GatedCell, Product, activated
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


@register
class CoupledLSTMCell(GatedCell, ForgettingCell):
    r"""One step of a long short-term memory with coupled input and forget gates ("CIFG"): $i_t = 1 - f_t$.

    $$
    \begin{aligned}
    f_t &= \sigma(x_t W_f + h_{t-1} U_f + b_f) & o_t &= \sigma(x_t W_o + h_{t-1} U_o + b_o) \\
    \tilde c_t &= \tanh(x_t W_c + h_{t-1} U_c + b_c) & c_t &= f_t \odot c_{t-1} + (1 - f_t) \odot \tilde c_t \\
    h_t &= o_t \odot \tanh(c_t)
    \end{aligned}
    $$

    Gates, in the order of the kernels' columns: `forget` (f), `candidate` (c̃), `output` (o).
    States: `hidden` (h), `cell` (c). Weights as those of `LSTMCell`, three blocks of columns instead of four.

    Args: those of `CoupledLSTM` that concern a single step.

    Reference: K. Greff et al., LSTM: a search space odyssey, IEEE Trans. Neural Networks and Learning Systems 28(10),
    2017, section III ("CIFG"), without the peepholes of the paper's baseline.
    """

    gate_names: ClassVar[tuple[str, ...]] = ("forget", "candidate", "output")
    state_names: ClassVar[tuple[str, ...]] = ("hidden", "cell")
    reads: ClassVar[tuple[str, ...]] = ("activation", "recurrent_activation")
    memory_gates: ClassVar[dict[str, int]] = {"forget": 1}

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        h, c = states
        squash, act = self.recurrent_activation, self.activation
        f, g, o = activated(mm(0, h, projected), [squash, act, squash])  # (b, u) each
        c = f * c + (1 - f) * g
        h = o * act(c)
        return [h, c], {"forget": f, "candidate": g, "output": o}


@register
class CoupledLSTM(RecurrentLayer):
    """Long short-term memory with coupled input and forget gates over a sequence.

    A quarter fewer weights than `LSTM`. Equations and gate order: `CoupledLSTMCell`. Masks, `return_gates`, `trace` and
    `step`: `RecurrentLayer`.

    Args:
        units: width of the state, a positive int.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.LSTM` but `use_cudnn` and `implementation`, with its defaults,
            by name; `zoneout`, `forget_bias` and `chrono` of `GatedCell`.

    Call arguments and returns: see `RecurrentLayer`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import CoupledLSTM
    >>> layer = CoupledLSTM(8, return_gates=True)
    >>> y, gates = layer(np.ones((2, 5, 3), "float32"))
    >>> sorted(gates), tuple(layer.cell.kernel.shape)
    (['candidate', 'cell', 'forget', 'hidden', 'output'], (3, 24))

    Reference: see `CoupledLSTMCell`.
    """

    cell_class = CoupledLSTMCell
    cell_name = "coupled_lstm_cell"
