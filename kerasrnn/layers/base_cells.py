"""What Keras' cells are to ours, for the cells that Keras does not have: options, weights and configuration.

Mixed in after `GatedCell`, in the place of `keras.layers.LSTMCell`. Every option but `units` is given by name.
"""

from typing import Any, ClassVar

import keras
from keras import ops

from kerasrnn._compat import DropoutRNNCell
from kerasrnn.layers.memory_bias import memory_bias

Tensor = Any

_KINDS = {"initializer": keras.initializers, "regularizer": keras.regularizers, "constraint": keras.constraints}


class InputCell(keras.layers.Layer, DropoutRNNCell):
    """A cell that multiplies its input by a `kernel (d, n*u)`, one block of columns for each of its n gates.

    Args:
        units: width of the state, a positive int.
        activation: of the candidate or the state.
        use_bias: whether there is a `bias (n*u,)`.
        kernel_initializer, bias_initializer: how they begin.
        kernel_regularizer, bias_regularizer: or None.
        kernel_constraint, bias_constraint: or None.
        dropout: rate of the input's units dropped, one mask for a whole sequence, 0 to 1.
        seed: of the dropout and zoneout masks and of `chrono`; an int, or None.
    """

    gate_names: ClassVar[tuple[str, ...]]
    state_names: ClassVar[tuple[str, ...]]
    recurrent_dropout = 0.0

    def __init__(
        self,
        units: int,
        *,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.set_options("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.set_options("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.dropout = dropout
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed=seed)
        self.output_size = units
        self.state_size = [units] * len(self.state_names) if len(self.state_names) > 1 else units

    def set_options(self, weight: str, initializer: Any, regularizer: Any, constraint: Any) -> None:
        """Keep the three options of a weight as `WEIGHT_initializer` and so on."""
        for kind, option in zip(_KINDS, (initializer, regularizer, constraint), strict=True):
            setattr(self, f"{weight}_{kind}", _KINDS[kind].get(option))

    def get_options(self, weight: str) -> dict[str, Any]:
        """The three options of a weight, serialised."""
        return {f"{weight}_{kind}": _KINDS[kind].serialize(getattr(self, f"{weight}_{kind}")) for kind in _KINDS}

    def add(self, name: str, shape: tuple[int, ...], options: str, **others: Any) -> Any:
        """A weight of this name, with the options kept under `options` and others in their place."""
        return self.add_weight(
            name=name, shape=shape, **{kind: getattr(self, f"{options}_{kind}") for kind in _KINDS} | others
        )

    def bias_start(self) -> Any:
        """The initializer of the bias."""
        return self.bias_initializer

    def build(self, input_shape: Any) -> None:
        width = self.units * (len(self.gate_names) or 1)
        self.kernel = self.add("kernel", (input_shape[-1], width), "kernel")
        self.build_recurrent(width)
        self.bias = self.add("bias", (width,), "bias", initializer=self.bias_start()) if self.use_bias else None

    def build_recurrent(self, width: int) -> None:
        """Make the recurrent weights, which stand between the kernel and the bias."""

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        return [ops.zeros((batch_size, self.units), dtype=self.compute_dtype) for _ in self.state_names]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **self.get_options("kernel"),
            **self.get_options("bias"),
            "dropout": self.dropout,
            "seed": self.seed,
        }


class RecurrentCell(InputCell):
    """An `InputCell` that also multiplies its state, by a `recurrent_kernel (u, n*u)`.

    Args:
        recurrent_initializer: how the recurrent kernel begins.
        recurrent_regularizer: or None.
        recurrent_constraint: or None.
        recurrent_dropout: rate of the state's units dropped before they are multiplied, one mask for a whole sequence.
    """

    def __init__(
        self,
        units: int,
        *,
        recurrent_initializer: Any = "orthogonal",
        recurrent_regularizer: Any = None,
        recurrent_constraint: Any = None,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        self.set_options("recurrent", recurrent_initializer, recurrent_regularizer, recurrent_constraint)
        self.recurrent_dropout = recurrent_dropout

    def build_recurrent(self, width: int) -> None:
        self.recurrent_kernel = self.add("recurrent_kernel", (self.units, width), "recurrent")

    def get_config(self) -> dict[str, Any]:
        own = {**self.get_options("recurrent"), "recurrent_dropout": self.recurrent_dropout}
        return super().get_config() | own


class SquashingCell(RecurrentCell):
    """A `RecurrentCell` whose gates have an activation of their own.

    Args:
        recurrent_activation: of the gates.
    """

    def __init__(self, units: int, *, recurrent_activation: Any = "sigmoid", **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.recurrent_activation = keras.activations.get(recurrent_activation)

    def get_config(self) -> dict[str, Any]:
        own = {"recurrent_activation": keras.activations.serialize(self.recurrent_activation)}
        return super().get_config() | own


class ForgettingCell(SquashingCell):
    """A `SquashingCell` with a gate called `forget`: a variant of the LSTM.

    Args:
        unit_forget_bias: begin the forget gate's bias at 1, as `keras.layers.LSTM` does, whatever the bias initializer.
    """

    def __init__(self, units: int, *, unit_forget_bias: bool = True, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.unit_forget_bias = unit_forget_bias

    def bias_start(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer
        return memory_bias(self.bias_initializer, self.gate_names, {"forget": 1}, 1.0, None, self.seed)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"unit_forget_bias": self.unit_forget_bias}
