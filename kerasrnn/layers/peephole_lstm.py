"""Long short-term memory whose gates see the cell."""

from typing import Any, ClassVar

import keras
from keras import ops

from kerasrnn.layers.base_cells import ForgettingCell
from kerasrnn.layers.gated_cell import GatedCell, Product, activated
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


@register
class PeepholeLSTMCell(GatedCell, ForgettingCell):
    r"""One step of a long short-term memory with peephole connections.

    $$
    \begin{aligned}
    i_t &= \sigma(x_t W_i + h_{t-1} U_i + p_i \odot c_{t-1} + b_i) &
    f_t &= \sigma(x_t W_f + h_{t-1} U_f + p_f \odot c_{t-1} + b_f) \\
    \tilde c_t &= \tanh(x_t W_c + h_{t-1} U_c + b_c) & c_t &= f_t \odot c_{t-1} + i_t \odot \tilde c_t \\
    o_t &= \sigma(x_t W_o + h_{t-1} U_o + p_o \odot c_t + b_o) & h_t &= o_t \odot \tanh(c_t)
    \end{aligned}
    $$

    The input and the forget gate see the cell of the step before, the output gate the new one.

    Gates, in the order of the kernels' columns: `input` (i), `forget` (f), `candidate` (c̃), `output` (o).
    States: `hidden` (h), `cell` (c). Weights: those of `LSTMCell`, then `input_peephole`, `forget_peephole`,
    `output_peephole`, `(u,)` each: every unit sees its own cell alone.

    Args: those of `PeepholeLSTM` that concern a single step.

    Reference: F. Gers, J. Schmidhuber, Recurrent nets that time and count, IJCNN 2000; F. Gers, N. Schraudolph,
    J. Schmidhuber, Learning precise timing with LSTM recurrent networks, JMLR 3, 2002.
    """

    gate_names: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    state_names: ClassVar[tuple[str, ...]] = ("hidden", "cell")
    reads: ClassVar[tuple[str, ...]] = ("activation", "recurrent_activation")
    memory_gates: ClassVar[dict[str, int]] = {"forget": 1, "input": -1}
    local_weights = ("input_peephole", "forget_peephole", "output_peephole")

    def __init__(self, units: int, *, peephole_initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.peephole_initializer = keras.initializers.get(peephole_initializer)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.input_peephole, self.forget_peephole, self.output_peephole = (
            self.add_weight(name=name, shape=(self.units,), initializer=self.peephole_initializer)
            for name in self.local_weights
        )

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        h, c = states
        squash, act = self.recurrent_activation, self.activation
        z_i, z_f, z_g, z_o = ops.split(mm(0, h, projected), 4, axis=-1)  # (b, u) each
        seen = [z_i + self.input_peephole * c, z_f + self.forget_peephole * c, z_g]
        i, f, g = activated(ops.concatenate(seen, axis=-1), [squash, squash, act])
        c = f * c + i * g
        o = squash(z_o + self.output_peephole * c)
        h = o * act(c)
        return [h, c], {"input": i, "forget": f, "candidate": g, "output": o}

    def get_config(self) -> dict[str, Any]:
        own = {"peephole_initializer": keras.initializers.serialize(self.peephole_initializer)}
        return super().get_config() | own


@register
class PeepholeLSTM(RecurrentLayer):
    """Long short-term memory with peephole connections over a sequence.

    Equations and gate order: `PeepholeLSTMCell`. Masks, `return_gates`, `trace` and `step`: `RecurrentLayer`.

    Args:
        units: width of the state, a positive int.
        peephole_initializer: how the three peephole vectors begin.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.LSTM` but `use_cudnn` and `implementation`, with its defaults,
            by name; `zoneout`, `forget_bias` and `chrono` of `GatedCell`.

    Call arguments and returns: see `RecurrentLayer`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import PeepholeLSTM
    >>> layer = PeepholeLSTM(8, return_gates=True)
    >>> y, gates = layer(np.ones((2, 5, 3), "float32"))
    >>> tuple(y.shape), tuple(gates["output"].shape)
    ((2, 8), (2, 5, 8))
    >>> [w.name for w in layer.weights[3:]]
    ['input_peephole', 'forget_peephole', 'output_peephole']

    Reference: see `PeepholeLSTMCell`.
    """

    cell_class = PeepholeLSTMCell
    cell_name = "peephole_lstm_cell"
