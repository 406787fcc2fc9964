"""What every recurrent cell of this package is: its equations, stated once."""

from collections.abc import Callable
from typing import Any, ClassVar

from keras import ops

Tensor = Any
Product = Callable[[int, Tensor], Tensor]


class GatedCell:
    """A Keras cell whose maths is one function of the projected input, the state and recurrent products.

    Mixed into a Keras cell class. A subclass states

    - `gate_names`: the gates in the order of the kernel's columns;
    - `state_names`: the states in order; the first one, `hidden`, is the output;
    - `project_bias()`: what is added to the projected input;
    - `recurrent_products()`: the matrices (and biases) that `mm` may be called with;
    - `update(projected, states, mm)`: the equations. `mm(k, a)` is `a·U_k` (plus its bias); everything else in it
      is local to a row of the batch.

    `update` uses nothing of `self` beyond Keras' own attributes of such a cell, so `traced_step` applies it to
    Keras' cells too.
    """

    gate_names: ClassVar[tuple[str, ...]]
    state_names: ClassVar[tuple[str, ...]]

    # What the Keras cell that this is mixed into has.
    kernel: Any
    recurrent_kernel: Any
    bias: Any
    dropout: float
    recurrent_dropout: float
    get_dropout_mask: Callable[[Tensor], Any]
    get_recurrent_dropout_mask: Callable[[Tensor], Any]
    _dropout_mask: Any
    _recurrent_dropout_mask: Any

    def project_bias(self) -> Tensor | None:
        """The bias of the input projection, `(g*u,)`, or None."""
        return self.bias

    def recurrent_products(self) -> list[tuple[Tensor, Tensor | None]]:
        """The pairs `(U_k (u, n*u), bias (n*u,) or None)`; the n gate blocks of all k follow `gate_names`."""
        return [(self.recurrent_kernel, None)]

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        """One step: `(projected input (b, g*u), states, mm) -> (new states, named gates (b, u))`."""
        raise NotImplementedError(f"{type(self).__name__} must state its equations in `update`.")

    def project(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Input projection `x·W + b`, with input dropout: `(b, d) -> (b, g*u)` or `(b, t, d) -> (b, t, g*u)`."""
        bias = self.project_bias()
        active = training and 0.0 < self.dropout < 1.0
        masks = self._dropout_mask if active else None
        projected = _product(inputs, self.kernel, masks)
        return projected if bias is None else projected + bias

    def products(self, training: bool = False) -> Product:
        """The function `mm` that `update` takes: `mm(k, a) = a·U_k + bias_k`, with recurrent dropout on `a`."""
        pairs = self.recurrent_products()
        active = training and 0.0 < self.recurrent_dropout < 1.0
        masks = self._recurrent_dropout_mask if active else None
        units = pairs[0][0].shape[0]
        starts = [0]
        for kernel, _ in pairs:
            starts.append(starts[-1] + kernel.shape[1] // units)

        def mm(k: int, a: Tensor) -> Tensor:
            kernel, bias = pairs[k]
            chosen = masks[starts[k] : starts[k + 1]] if isinstance(masks, list) else masks
            product = _product(a, kernel, chosen)
            return product if bias is None else product + bias

        return mm

    def call(self, inputs: Tensor, states: Any, training: bool = False) -> tuple[Tensor, Any]:
        """One step, as Keras calls a cell: `(x_t (b, d), states) -> (output (b, u), new states)`."""
        nested = isinstance(states, (list, tuple))
        before = list(states) if nested else [states]
        self.get_dropout_mask(inputs)
        self.get_recurrent_dropout_mask(before[0])
        after, _ = self.update(self.project(inputs, training), before, self.products(training))
        return after[0], after if nested else after[0]


def _product(a: Tensor, kernel: Tensor, masks: Any) -> Tensor:
    """`a·kernel`; with dropout masks, one for all columns or a list with one for each block of columns."""
    if masks is None:
        return ops.matmul(a, kernel)
    spread = (lambda m: m[:, None, :]) if len(a.shape) == 3 else (lambda m: m)  # one mask for the whole sequence
    if not isinstance(masks, list):
        return ops.matmul(a * spread(masks), kernel)
    blocks = ops.split(kernel, len(masks), axis=-1)
    return ops.concatenate([ops.matmul(a * spread(m), w) for m, w in zip(masks, blocks, strict=True)], axis=-1)
