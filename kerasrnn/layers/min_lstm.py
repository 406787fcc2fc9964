"""The minimal long short-term memory, whose gates see only the input."""

from typing import Any, ClassVar

from keras import ops

from kerasrnn.layers.base_cells import InputCell
from kerasrnn.layers.gated_cell import GatedCell, Product
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


@register
class MinLSTMCell(GatedCell, InputCell):
    r"""One step of minLSTM, with gates that sum to 1.

    $$
    \begin{aligned}
    \hat\imath_t &= \sigma(x_t W_i + b_i) & \hat f_t &= \sigma(x_t W_f + b_f) & \tilde h_t &= x_t W_h + b_h \\
    i_t &= \frac{\hat\imath_t}{\hat f_t + \hat\imath_t} & f_t &= \frac{\hat f_t}{\hat f_t + \hat\imath_t} &
    h_t &= f_t \odot h_{t-1} + i_t \odot \tilde h_t
    \end{aligned}
    $$

    Computed from $1/\hat\imath = 1 + e^{-\cdot}$ and $1/\hat f$, both over the largest exponential, which stays finite
    where both gates vanish. The gates that come out are the normalised ones, i and f.

    Neither gate nor candidate sees the state, so the step is linear in it, $h_t = a_t \odot h_{t-1} + b_t$ with
    coefficients that `linear` gives, and there is no recurrent product.

    Gates, in the order of the kernel's columns: `input` (i), `forget` (f), `candidate` (h̃). State: `hidden` (h); there
    is no cell apart from it. Weights: `kernel (d, 3u)`, `bias (3u,)`.

    Args: those of `MinLSTM` that concern a single step.

    Reference: L. Feng et al., Were RNNs all we needed?, arXiv:2410.01201, 2024, section 3.2.
    """

    gate_names: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate")
    state_names: ClassVar[tuple[str, ...]] = ("hidden",)
    reads: ClassVar[tuple[str, ...]] = ("activation",)
    memory_gates: ClassVar[dict[str, int]] = {"forget": 1, "input": -1}

    def __init__(self, units: int, *, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(units, activation=activation, **kwargs)

    def recurrent_products(self) -> list[tuple[Tensor, Tensor | None]]:
        return []

    def linear(self, projected: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """The coefficients of `h = a ⊙ h₋ + b` and the gates, each `(..., u)`, for a step or all of a sequence."""
        i, f, candidate = ops.split(projected, 3, axis=-1)
        largest = ops.stop_gradient(ops.maximum(ops.maximum(-i, -f), 0.0))  # it cancels
        one = ops.exp(-largest)
        i, f = one + ops.exp(-f - largest), one + ops.exp(-i - largest)  # 1 / σ(f) and 1 / σ(i)
        both = 1 / (i + f)
        i, f, candidate = i * both, f * both, self.activation(candidate)
        return f, i * candidate, {"input": i, "forget": f, "candidate": candidate}

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        a, b, gates = self.linear(projected)
        return [a * states[0] + b], gates


@register
class MinLSTM(RecurrentLayer):
    """The minimal long short-term memory over a sequence.

    Equations and gate order: `MinLSTMCell`. Masks, `return_gates`, `trace` and `step`: `RecurrentLayer`.

    Args:
        units: width of the state, a positive int.
        activation: of the candidate; None, the paper's, by default.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.SimpleRNN` that does not begin with `recurrent_`, with its
            defaults, by name; `zoneout`, `forget_bias` and `chrono` of `GatedCell`.

    Call arguments and returns: see `RecurrentLayer`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import MinLSTM
    >>> y, gates = MinLSTM(8, return_gates=True)(np.ones((2, 5, 3), "float32"))
    >>> bool(np.allclose(gates["input"] + gates["forget"], 1.0))
    True

    Reference: see `MinLSTMCell`.
    """

    cell_class = MinLSTMCell
    cell_name = "min_lstm_cell"
