"""What every recurrent cell of this package is: its equations, stated once."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from kerasrnn.layers.arguments import is_number, valid_rate, valid_units
from kerasrnn.layers.memory_bias import memory_bias, valid_memory_bias

Tensor = Any
Product = Callable[..., Tensor]  # mm(k, a, plus=None): plus + a·U_k + its bias
Masks = Any  # None, one tensor (b, ·) for all columns of a kernel, or a list with one for each block of u columns


_EQUATIONS = ("update", "advance", "linear", "view")

KerasCell: Any = ABC  # a mixin stands before a Keras cell, and calls what that has


class GatedCell(KerasCell):
    """A Keras cell whose maths is one function of the projected input, the state and recurrent products.

    Mixed into a Keras cell class, before it. A subclass states

    - `gate_names`: the gates in the order of the kernel's columns;
    - `state_names`: the states in order; the first one, `hidden`, is the output;
    - `project_bias()`: the bias of the input projection, or None where `update` adds it itself;
    - `recurrent_products()`: the matrices (and biases) that `mm` may be called with;
    - `local_weights`: names of the attributes, other than those, that `update` reads (peepholes, gains), none of
      which is None;
    - `memory_gates`: the gates that decide what is remembered, with 1 for one that keeps the old state and -1 for one
      that writes;
    - `reads`, in the very class: the settings that `update` reads beside `units` and `use_bias`. Cells of the class in
      which they are equal share what is compiled; of a class that does not say so, each cell has its own;
    - `update(projected, states, mm)`: the equations. `mm(k, a, plus)` is `plus + a·U_k` (and its bias); everything else
      in it is local to a row of the batch, and is differentiated by the engine: a cell states no gradient.

    A cell whose step is linear in its one state may also state `linear(projected) -> (a, b, gates)`, with which
    `update` is h = a ⊙ h₋ + b: the engine then need not take the steps in order. A subclass with an `update` or
    `advance` of its own and without a `linear` is stepped.

    `update` uses nothing of `self` beyond its `local_weights` and plain settings, so that the engine may pass it a
    view with other tensors, and `traced_step` may apply it to Keras' cells.

    Args:
        zoneout: probability with which a unit of the state keeps its old value for a step in training; outside of
            training the expected value is taken. One rate for every state, or a list with one for each of
            `state_names`. 0 by default. (D. Krueger et al., Zoneout, ICLR 2017.)
        forget_bias: where the bias of the gates that keep begins; in a cell without one, minus where the bias of those
            that write does. None, the default, leaves it to the other arguments; a number overrules Keras'
            `unit_forget_bias`. (R. Jozefowicz et al., An empirical exploration of recurrent network architectures,
            ICML 2015.)
        chrono: the longest dependency T in steps, at least 3: biases of gates that keep begin at log U(1, T - 1), a
            draw for each unit, those of gates that write at minus the same draw, so that the units' memories last
            from 1 to T steps. Instead of `forget_bias`. (C. Tallec, Y. Ollivier, Can recurrent neural networks warp
            time?, ICLR 2018.)
    """

    gate_names: ClassVar[tuple[str, ...]]
    state_names: ClassVar[tuple[str, ...]]
    local_weights: tuple[str, ...] = ()
    reads: ClassVar[tuple[str, ...]]
    compiles: ClassVar[bool] = True  # whether `advance` may run in a compiled loop
    memory_gates: ClassVar[dict[str, int]] = {}
    fused: ClassVar[bool] = False  # said in the very class whose equations are those of Keras' fused GPU kernels

    # What the Keras cell that this is mixed into has.
    units: int
    kernel: Any
    recurrent_kernel: Any
    bias: Any
    use_bias: bool
    bias_initializer: Any
    dropout: float
    recurrent_dropout: float
    seed: Any
    seed_generator: Any
    get_dropout_mask: Callable[[Tensor], Any]
    get_recurrent_dropout_mask: Callable[[Tensor], Any]
    _dropout_mask: Any
    _recurrent_dropout_mask: Any

    def __init__(
        self,
        units: int,
        *args: Any,
        zoneout: float | Sequence[float] = 0.0,
        forget_bias: float | None = None,
        chrono: int | None = None,
        **kwargs: Any,
    ) -> None:
        for name in ("dropout", "recurrent_dropout"):
            valid_rate(name, kwargs.get(name, 0.0))  # Keras' cells would clamp it
        super().__init__(valid_units(units), *args, **kwargs)
        rates: list[Any] = list(zoneout) if isinstance(zoneout, (list, tuple)) else [zoneout] * len(self.state_names)
        if len(rates) != len(self.state_names) or not all(is_number(rate) and 0.0 <= rate < 1.0 for rate in rates):
            raise ValueError(
                f"`zoneout` must be a rate, at least 0 and below 1, or {len(self.state_names)} of them for the states "
                f"{', '.join(self.state_names)}; received {zoneout!r}."
            )
        self.zoneout = zoneout
        self.zoneout_rates = [float(rate) for rate in rates]
        valid_memory_bias(forget_bias, chrono, self.memory_gates, self.use_bias, type(self).__name__)
        self.forget_bias = forget_bias
        self.chrono = chrono

    def build(self, input_shape: Any) -> None:
        if self.forget_bias is None and self.chrono is None:
            super().build(input_shape)
            return
        given = {name: getattr(self, name) for name in ("bias_initializer", "unit_forget_bias") if hasattr(self, name)}
        self.bias_initializer = memory_bias(
            self.bias_initializer, self.gate_names, self.memory_gates, self.forget_bias, self.chrono, self.seed
        )
        if "unit_forget_bias" in given:
            self.unit_forget_bias = False
        try:
            super().build(input_shape)
        finally:  # they are the configuration too
            for name, value in given.items():
                setattr(self, name, value)

    def project(self, inputs: Tensor, masks: Masks = None) -> Tensor:
        """Input projection `x·W` without its bias, the last axis first to last: `(..., d) -> (..., g*u)`."""
        return product(inputs, self.kernel, masks)

    def project_bias(self) -> Tensor | None:
        """The bias of the input projection, `(g*u,)`, or None."""
        return self.bias

    def recurrent_products(self) -> list[tuple[Tensor, Tensor | None]]:
        """The pairs `(U_k (u, n*u), bias (n*u,) or None)`; the n gate blocks of all k follow `gate_names`."""
        return [(self.recurrent_kernel, None)]

    @abstractmethod
    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        """One step: `(projected input (b, g*u), states, mm) -> (new states, named gates (b, u))`."""

    def width(self, name: str) -> Any:
        """How wide a gate or state is over time: an int, or a scalar tensor."""
        return self.units

    def local_tensors(self) -> list[Tensor]:
        """The tensors that `local_weights` names."""
        return [getattr(self, name) for name in self.local_weights]

    def view(self, weights: Sequence[Tensor] | None = None, rows: Any = ()) -> Any:
        """The cell with other tensors for its local weights, for one step of a loop.

        `rows` is what a cell may read of each row of the batch beside its states: nothing, for those of this kind.
        """
        if weights is None:
            return self
        view = object.__new__(type(self))  # Keras' bookkeeping of attributes is passed by
        view.__dict__.update(self.__dict__)
        view.__dict__.update(zip(self.local_weights, weights, strict=True))
        return view

    def advance(
        self, projected: Tensor, states: list[Tensor], mm: Product, zoned: list[Tensor | None] | None = None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """`update`, then zoneout: by the masks `zoned` (1 where a state keeps its old value), or in expectation."""
        after, gates = self.update(projected, states, mm)
        for index, rate in enumerate(self.zoneout_rates):
            if rate:
                keep: Any = rate if zoned is None else zoned[index]
                after[index] = keep * states[index] + (1 - keep) * after[index]  # exact where `keep` is 0 or 1
        return after, gates

    def products(self, masks: Masks = None) -> Product:
        """The function `mm` that `update` takes, with recurrent dropout masks on what is multiplied."""
        return multiplier(self.recurrent_products(), self.masks_by_product(masks))

    def masks_by_product(self, masks: Masks) -> list[Masks]:
        """What of the recurrent dropout masks belongs to each of the recurrent products."""
        chosen, start = [], 0
        for kernel, _ in self.recurrent_products():
            stop = start + kernel.shape[1] // kernel.shape[0]
            chosen.append(masks[start:stop] if isinstance(masks, list) else masks)
            start = stop
        return chosen

    def input_masks(self, training: bool) -> Masks:
        """The input dropout masks of the current sequences, drawn beforehand with `get_dropout_mask`."""
        return self._dropout_mask if training and 0.0 < self.dropout < 1.0 else None

    def recurrent_masks(self, training: bool) -> Masks:
        """The recurrent dropout masks of the current sequences, drawn with `get_recurrent_dropout_mask`."""
        return self._recurrent_dropout_mask if training and 0.0 < self.recurrent_dropout < 1.0 else None

    def zoneout_masks(self, training: bool, shape: Any) -> list[Tensor | None] | None:
        """Random masks of `shape` `(..., u)`, one for each state or None at rate 0; None where nothing is random."""
        if not training or not any(self.zoneout_rates):
            return None
        dtype = self.compute_dtype
        return [
            ops.cast(keras.random.uniform(shape, seed=self.seed_generator) < rate, dtype) if rate else None
            for rate in self.zoneout_rates
        ]

    def call(self, inputs: Tensor, states: Any, training: bool = False) -> tuple[Tensor, Any]:
        """One step, as Keras calls a cell: `(x_t (b, d), states) -> (output (b, u), new states)`."""
        nested = isinstance(states, (list, tuple))
        before = list(states) if nested else [states]
        self.get_dropout_mask(inputs)
        self.get_recurrent_dropout_mask(before[0])
        projected = add_bias(self.project(inputs, self.input_masks(training)), self.project_bias())
        mm = self.products(self.recurrent_masks(training))
        after, _ = self.advance(projected, before, mm, self.zoneout_masks(training, ops.shape(before[0])))
        return after[0], after if nested else after[0]

    def shared_settings(self) -> Hashable | None:
        """What decides, beside tensors, what an `update` does: where it is equal, so is what is compiled.

        None where that is not known: for a class that does not say what it `reads`, equations replaced in one cell,
        and functions of others, which may read what changes.
        """
        kind, policy = type(self), self.dtype_policy.name
        names = vars(kind).get("reads")
        if names is None or any(name in vars(self) for name in _EQUATIONS):
            return None
        values = (self.units, self.use_bias, *self.zoneout_rates, *(getattr(self, name) for name in names))
        equations = (getattr(kind, name, None) for name in _EQUATIONS)
        return (kind, policy, *values, *equations) if all(map(_stays, values)) else None

    def bare(self) -> Any:
        """A cell with the settings alone, without weights: it can `advance` once `view` has given it its local ones."""
        cell = object.__new__(type(self))
        names = (*type(self).reads, "units", "use_bias", "zoneout_rates", "local_weights", "_dtype_policy")
        cell.__dict__.update({name: value for name, value in vars(self).items() if name in names} | {"bias": None})
        return cell

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self.own_config()

    def own_config(self) -> dict[str, Any]:
        """The configuration that Keras' cell does not have."""
        return {"zoneout": self.zoneout, "forget_bias": self.forget_bias, "chrono": self.chrono}


def _stays(value: Any) -> bool:
    """Whether a setting is a number, a name, or a function of Keras, which are what they are for good."""
    of_keras = inspect.isfunction(value) and value.__module__.startswith("keras.")
    return of_keras or isinstance(value, (bool, int, float, str))


def multiplier(pairs: Sequence[tuple[Tensor, Tensor | None]], masks: Sequence[Masks] | None = None) -> Product:
    """The function `mm` over the pairs that `recurrent_products` gives, with the dropout masks of each."""
    chosen = [None] * len(pairs) if masks is None else masks

    def mm(k: int, a: Tensor, plus: Tensor | None = None) -> Tensor:
        kernel, bias = pairs[k]
        result = add_bias(product(a, kernel, chosen[k]), bias)
        return result if plus is None else plus + result

    return mm


def product(a: Tensor, kernel: Tensor, masks: Masks = None) -> Tensor:
    """`a·kernel`; with dropout masks, one for all columns or a list with one for each block of columns.

    Masks are `(b, ·)` for `a` of the shape `(b, ·)`, and hold for the whole sequence if it is `(b, t, ·)`.
    """
    if masks is None:
        return ops.matmul(a, kernel)
    spread = (lambda m: m[:, None, :]) if len(a.shape) == 3 else (lambda m: m)
    if not isinstance(masks, list):
        return ops.matmul(a * spread(masks), kernel)
    blocks = ops.split(kernel, len(masks), axis=-1)
    return ops.concatenate([ops.matmul(a * spread(m), w) for m, w in zip(masks, blocks, strict=True)], axis=-1)


def add_bias(projected: Tensor, bias: Tensor | None) -> Tensor:
    """`projected + bias`, where there is one."""
    return projected if bias is None else projected + bias


def activated(projected: Tensor, functions: Sequence[Callable[[Tensor], Tensor]]) -> list[Tensor]:
    """The blocks of `projected (b, n*u)`, each under its function: `n` tensors `(b, u)`.

    Where all are tanh or sigmoid and the precision is at least single, this is one tanh over one contiguous block, for
    σ(z) = (1 + tanh(z/2))/2: the same to the last place of float32, and faster than one function a block.
    """
    n = len(functions)
    curves = {keras.activations.tanh: 1.0, keras.activations.sigmoid: 0.5}
    dtype = keras.backend.standardize_dtype(projected.dtype)
    if n == 1 or any(f not in curves for f in functions) or dtype not in ("float32", "float64"):
        return [f(block) for f, block in zip(functions, ops.split(projected, n, axis=-1), strict=True)]
    width = projected.shape[-1] // n
    slopes = [curves[f] for f in functions]
    scale = ops.convert_to_tensor(np.repeat(np.array(slopes, dtype), width))
    shift = ops.convert_to_tensor(np.repeat(1.0 - np.array(slopes, dtype), width))
    return ops.split(ops.tanh(projected * scale) * scale + shift, n, axis=-1)
