"""The minimal gated recurrent unit, whose gates see only the input."""

from typing import Any, ClassVar

from keras import activations, ops

from kerasrnn.layers.base_cells import InputCell
from kerasrnn.layers.gated_cell import GatedCell, Product
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


@register
class MinGRUCell(GatedCell, InputCell):
    r"""One step of minGRU.

    $$
    \begin{aligned}
    z_t &= \sigma(x_t W_z + b_z) & \tilde h_t &= x_t W_h + b_h & h_t &= (1 - z_t) \odot h_{t-1} + z_t \odot \tilde h_t
    \end{aligned}
    $$

    **The update gate z writes here**, as in the paper: z = 1 replaces the old state, 1 − z keeps it. That is the
    opposite of `GRUCell`, whose z keeps.

    Neither gate nor candidate sees the state, so the step is linear in it, $h_t = a_t \odot h_{t-1} + b_t$ with
    coefficients that `linear` gives, and there is no recurrent product.

    Gates, in the order of the kernel's columns: `update` (z), `candidate` (h̃). State: `hidden` (h). Weights:
    `kernel (d, 2u)`, `bias (2u,)`.

    Args: those of `MinGRU` that concern a single step.

    Reference: L. Feng et al., Were RNNs all we needed?, arXiv:2410.01201, 2024, section 3.1.
    """

    gate_names: ClassVar[tuple[str, ...]] = ("update", "candidate")
    state_names: ClassVar[tuple[str, ...]] = ("hidden",)
    reads: ClassVar[tuple[str, ...]] = ("activation",)
    memory_gates: ClassVar[dict[str, int]] = {"update": -1}

    def __init__(self, units: int, *, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(units, activation=activation, **kwargs)

    def recurrent_products(self) -> list[tuple[Tensor, Tensor | None]]:
        return []

    def linear(self, projected: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """The coefficients of `h = a ⊙ h₋ + b` and the gates, each `(..., u)`, for a step or all of a sequence."""
        z, candidate = ops.split(projected, 2, axis=-1)
        z, candidate = activations.sigmoid(z), self.activation(candidate)
        return 1 - z, z * candidate, {"update": z, "candidate": candidate}

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        a, b, gates = self.linear(projected)
        return [a * states[0] + b], gates


@register
class MinGRU(RecurrentLayer):
    """The minimal gated recurrent unit over a sequence.

    Equations and gate order: `MinGRUCell`; the update gate z writes, other than `GRU`'s. Masks, `return_gates`, `trace`
    and `step`: `RecurrentLayer`.

    Args:
        units: width of the state, a positive int.
        activation: of the candidate; None, the paper's, by default.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.SimpleRNN` that does not begin with `recurrent_`, with its
            defaults, by name; `zoneout`, `forget_bias` (minus it is where the bias of z begins) and `chrono` of
            `GatedCell`.

    Call arguments and returns: see `RecurrentLayer`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import MinGRU
    >>> y, gates = MinGRU(8, return_gates=True)(np.ones((2, 5, 3), "float32"))
    >>> tuple(y.shape), sorted(gates)
    ((2, 8), ['candidate', 'hidden', 'update'])

    Reference: see `MinGRUCell`.
    """

    cell_class = MinGRUCell
    cell_name = "min_gru_cell"
