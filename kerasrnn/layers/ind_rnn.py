"""The independently recurrent network."""

import math
from typing import Any, ClassVar

import keras
from keras import ops

from kerasrnn.layers.base_cells import RecurrentCell
from kerasrnn.layers.gated_cell import GatedCell, Product
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


@register
class IndRNNCell(GatedCell, RecurrentCell):
    r"""One step of an independently recurrent network: $h_t = \mathrm{relu}(x_t W + u \odot h_{t-1} + b)$.

    Every unit sees its own past alone, through one number; units mix in the layer above. After n steps the gradient of
    a unit has met its recurrent weight n times, so $|u| \le 2^{1/n}$ bounds how far it can grow: the paper's clip.

    It has no gate; its one state is `hidden` (h). Weights: `kernel (d, u)`, `recurrent_kernel (u,)`, `bias (u,)`.

    Args: those of `IndRNN` that concern a single step.

    Reference: S. Li, W. Li, C. Cook, C. Zhu, Y. Gao, Independently recurrent neural network (IndRNN): building a longer
    and deeper RNN, CVPR 2018.
    """

    gate_names: ClassVar[tuple[str, ...]] = ()
    state_names: ClassVar[tuple[str, ...]] = ("hidden",)
    reads: ClassVar[tuple[str, ...]] = ("activation",)
    local_weights = ("recurrent_kernel",)

    def __init__(
        self,
        units: int,
        *,
        activation: Any = "relu",
        recurrent_initializer: Any = None,
        recurrent_clip: float | None = None,
        **kwargs: Any,
    ) -> None:
        if recurrent_initializer is None:
            recurrent_initializer = keras.initializers.RandomUniform(0.0, 1.0)
        super().__init__(units, activation=activation, recurrent_initializer=recurrent_initializer, **kwargs)
        if self.recurrent_dropout:
            raise ValueError(
                f"`recurrent_dropout` must be 0 for {type(self).__name__}, which has no recurrent product; received "
                f"{self.recurrent_dropout}. Use `zoneout`."
            )
        if recurrent_clip is not None and not (0.0 < recurrent_clip < math.inf and self.recurrent_constraint is None):
            raise ValueError(
                "`recurrent_clip` must be above 0, and is itself a constraint of the recurrent kernel; received "
                f"{recurrent_clip!r} with recurrent_constraint={self.recurrent_constraint!r}. Give one of them."
            )
        self.recurrent_clip = recurrent_clip

    def build_recurrent(self, width: int) -> None:
        options = {}
        if self.recurrent_clip is not None:
            clip = _Clip(self.recurrent_clip)
            start = self.recurrent_initializer
            options = {
                "constraint": clip,
                "initializer": lambda shape, dtype=None: clip(start(shape, dtype=dtype)),
            }
        self.recurrent_kernel = self.add("recurrent_kernel", (width,), "recurrent", **options)

    def recurrent_products(self) -> list[tuple[Tensor, Tensor | None]]:
        return []

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        return [self.activation(projected + self.recurrent_kernel * states[0])], {}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"recurrent_clip": self.recurrent_clip}


class _Clip(keras.constraints.Constraint):
    """Values between minus and plus a limit."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def __call__(self, w: Tensor) -> Tensor:
        return ops.clip(w, -self.limit, self.limit)


@register
class IndRNN(RecurrentLayer):
    """The independently recurrent network over a sequence.

    Equation: `IndRNNCell`. Masks, `return_gates` (here only `hidden`), `trace` and `step`: `RecurrentLayer`.

    Args:
        units: width of the state, a positive int.
        activation: relu by default.
        recurrent_initializer: how the recurrent vector begins; uniform in [0, 1] by default. The paper starts the last
            of several layers close to 1, to read a whole sequence.
        recurrent_clip: largest absolute value of the recurrent vector, from the start and after every training step;
            the paper's choice for sequences of n steps is `2 ** (1 / n)`. None, the default, for no bound.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.SimpleRNN` but `recurrent_dropout`, with its defaults, by name;
            `zoneout` of `GatedCell`.

    Call arguments and returns: see `RecurrentLayer`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import IndRNN
    >>> layer = IndRNN(8, recurrent_clip=2 ** (1 / 5))
    >>> tuple(layer(np.ones((2, 5, 3), "float32")).shape), tuple(layer.cell.recurrent_kernel.shape)
    ((2, 8), (8,))

    Reference: see `IndRNNCell`.
    """

    cell_class = IndRNNCell
    cell_name = "ind_rnn_cell"
