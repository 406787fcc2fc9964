"""Gated recurrent unit."""

from typing import Any, ClassVar

import keras
from keras import ops

from kerasrnn.layers.gated_cell import GatedCell, Product, activated
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


@register
class GRUCell(GatedCell, keras.layers.GRUCell):
    r"""One step of a gated recurrent unit.

    $$
    \begin{aligned}
    z_t &= \sigma(x_t W_z + h_{t-1} U_z + b_z) & r_t &= \sigma(x_t W_r + h_{t-1} U_r + b_r) \\
    \tilde h_t &= \tanh(x_t W_h + b_h + r_t \odot (h_{t-1} U_h + b'_h)) &
    h_t &= z_t \odot h_{t-1} + (1 - z_t) \odot \tilde h_t
    \end{aligned}
    $$

    With `reset_after=False`, as in the paper, the candidate is $\tanh(x_t W_h + (r_t \odot h_{t-1}) U_h + b_h)$.

    Gates, in the order of the kernels' columns: `update` (z), `reset` (r), `candidate` (h̃). State: `hidden` (h).
    In Keras' convention, kept here, the update gate *keeps*: z = 1 holds the old state. Cho et al. 2014 write it so;
    many textbooks, and Chung et al. 2014, swap z and 1 − z. Arguments, weights and configuration are those of
    `keras.layers.GRUCell`.

    Reference: K. Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014, section 2.3.
    """

    gate_names: ClassVar[tuple[str, ...]] = ("update", "reset", "candidate")
    state_names: ClassVar[tuple[str, ...]] = ("hidden",)
    reads: ClassVar[tuple[str, ...]] = ("activation", "recurrent_activation", "reset_after")
    memory_gates: ClassVar[dict[str, int]] = {"update": 1}
    fused: ClassVar[bool] = True

    def project_bias(self) -> Tensor | None:
        return self.bias[0] if self.use_bias and self.reset_after else self.bias

    def recurrent_products(self) -> list[tuple[Tensor, Tensor | None]]:
        if self.reset_after:
            return [(self.recurrent_kernel, self.bias[1] if self.use_bias else None)]
        split = 2 * self.units
        return [(self.recurrent_kernel[:, :split], None), (self.recurrent_kernel[:, split:], None)]

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        h = states[0]
        split = [2 * self.units]
        x_gates, x_h = ops.split(projected, split, axis=-1)  # (b, 2u), (b, u)
        if self.reset_after:
            u_gates, u_h = ops.split(mm(0, h), split, axis=-1)
            z, r = activated(x_gates + u_gates, [self.recurrent_activation] * 2)
            candidate = self.activation(x_h + r * u_h)
        else:
            z, r = activated(mm(0, h, x_gates), [self.recurrent_activation] * 2)
            candidate = self.activation(mm(1, r * h, x_h))
        h = z * h + (1 - z) * candidate
        return [h], {"update": z, "reset": r, "candidate": candidate}


@register
class GRU(RecurrentLayer, keras.layers.GRU):
    """Gated recurrent unit over a sequence: `keras.layers.GRU` that hands out its gates.

    Equations and gate order: `GRUCell`; the update gate z keeps the old state. Masks, `return_gates`, `trace` and
    `step`: `RecurrentLayer`.

    Args:
        units: width of the state, a positive int.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.GRU`, with its defaults.

    Call arguments and returns: see `RecurrentLayer`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import GRU
    >>> y, gates = GRU(8, return_gates=True)(np.ones((2, 5, 3), "float32"))
    >>> tuple(y.shape), tuple(gates["update"].shape)
    ((2, 8), (2, 5, 8))

    Reference: see `GRUCell`.
    """

    cell_class = GRUCell
    cell_name = "gru_cell"
    keras_layer = keras.layers.GRU
