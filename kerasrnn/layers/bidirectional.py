"""A recurrent layer run in both directions."""

import inspect
from typing import Any

import keras
from keras import ops

from kerasrnn.layers.keeps_states import KeepsStates
from kerasrnn.layers.registry import register

Tensor = Any


@register
class Bidirectional(KeepsStates, keras.layers.Bidirectional):
    """`keras.layers.Bidirectional` that hands out the gates of both directions.

    The gates of a layer made with `return_gates=True` come last in the outputs, as one flat dict with the keys
    `forward/NAME` and `backward/NAME`, both in the order of the input's time. Unlike Keras' wrapper this one keeps
    the implicit mask when `initial_state` is given as tensors, and accepts a mask together with `stateful` and
    `return_state`.

    Around a stateful layer `get_states`, `set_states` and `reset_states` take and give the forward, then the backward
    states.

    Args:
        layer: a recurrent layer, of this package for gates.
        merge_mode: `"concat"`, `"sum"`, `"ave"`, `"mul"`, or None for both outputs apart.
        weights: initial weights, or None.
        backward_layer: the layer for the other direction; by default a copy of `layer` that goes backwards.

    Call arguments:
        sequences: `(b, t, d)` float.
        initial_state: the forward states, then the backward states, `(b, u)` each; zeros by default.
        mask: `(b, t)` bool, True = keep, or None.
        training: whether dropout is active.

    Returns:
        The merged output, `(b, t, 2u)` or `(b, 2u)` for `"concat"`; then with `return_state=True` the forward and the
        backward states; then with `return_gates=True` the gates, name to `(b, t, u)`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import GRU, Bidirectional
    >>> y, gates = Bidirectional(GRU(8, return_gates=True))(np.ones((2, 5, 3), "float32"))
    >>> tuple(y.shape), tuple(gates["backward/update"].shape)
    ((2, 16), (2, 5, 8))

    Reference: M. Schuster, K. Paliwal, Bidirectional recurrent neural networks, IEEE Trans. Signal Processing 45(11),
    1997.
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(layer, merge_mode=merge_mode, weights=weights, backward_layer=backward_layer, **kwargs)
        self.supports_masking = True
        self.return_gates = getattr(self.forward_layer, "return_gates", False)
        if self.return_gates != getattr(self.backward_layer, "return_gates", False):
            raise ValueError("`layer` and `backward_layer` must have the same `return_gates`.")

    def call(
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool | None = None,
        sequences_mask: Tensor | None = None,  # Keras puts the mask here when `initial_state` is given as tensors
    ) -> Any:
        mask = sequences_mask if mask is None else mask
        states = [None, None]
        if initial_state is not None:
            half = len(initial_state) // 2
            states = [initial_state[:half], initial_state[half:]]
        outputs, all_states = [], []
        all_gates: dict[str, Tensor] = {}
        for name, layer, state in zip(("forward", "backward"), self._layers_by_direction, states, strict=True):
            output, new_states, gates = self._run(layer, sequences, state, mask, training)
            if name == "backward" and self.return_sequences:
                output = ops.flip(output, axis=1)
            outputs.append(ops.cast(output, self.compute_dtype))
            all_states += new_states
            all_gates |= {f"{name}/{key}": gate for key, gate in gates.items()}
        merged = self._merge(*outputs)
        extra = [*all_states, all_gates] if self.return_gates else all_states
        if not extra:
            return merged
        return (*merged, *extra) if self.merge_mode is None else (merged, *extra)

    def trace(self, sequences: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Every gate and state of both directions over time, as `return_gates=True` returns them."""
        if not hasattr(self.forward_layer, "trace"):
            raise ValueError(
                f"`trace` needs a recurrent layer of kerasrnn inside; '{self.name}' holds a "
                f"{type(self.forward_layer).__module__}.{type(self.forward_layer).__name__}."
            )
        half = len(initial_state) // 2 if initial_state is not None else 0
        states = (initial_state[:half], initial_state[half:]) if half else (None, None)
        return {
            f"{name}/{key}": gate
            for name, layer, state in zip(("forward", "backward"), self._layers_by_direction, states, strict=True)
            for key, gate in layer.trace(sequences, initial_state=state, mask=mask).items()
        }

    @property
    def _layers_by_direction(self) -> tuple[Any, Any]:
        return self.forward_layer, self.backward_layer

    def _run(
        self, layer: Any, sequences: Tensor, state: Any, mask: Any, training: Any
    ) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        accepted = inspect.signature(layer.call).parameters
        options = {k: v for k, v in {"mask": mask, "training": training}.items() if k in accepted}
        result = layer(sequences, initial_state=state, **options)
        if not (self.return_state or self.return_gates):
            return result, [], {}
        gates = result[-1] if self.return_gates else {}
        return result[0], list(result[1:-1] if self.return_gates else result[1:]), gates

    def _merge(self, y: Tensor, y_rev: Tensor) -> Any:
        if self.merge_mode is None:
            return y, y_rev
        if self.merge_mode == "concat":
            return ops.concatenate([y, y_rev], axis=-1)
        if self.merge_mode == "mul":
            return y * y_rev
        return y + y_rev if self.merge_mode == "sum" else (y + y_rev) / 2

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        shape = self.forward_layer.compute_output_shape(sequences_shape)
        shapes = list(shape) if self.return_state or self.return_gates else [shape]
        gates = shapes.pop() if self.return_gates else {}
        output, states = tuple(shapes[0]), shapes[1:]
        if self.merge_mode == "concat":
            output = (*output[:-1], 2 * output[-1])
        extra: list[Any] = states * 2
        if self.return_gates:
            extra.append({f"{d}/{name}": gate for d in ("forward", "backward") for name, gate in gates.items()})
        if self.merge_mode is None:
            return (output, output, *extra)
        return (output, *extra) if extra else output

    def compute_mask(self, _: Any, mask: Any) -> Any:
        mask = keras.tree.flatten(mask)[0]
        if mask is None or not self.return_sequences:
            return None
        masks = [mask] * (2 if self.merge_mode is None else 1)
        extra = 2 * len(self.forward_layer.state_size) * self.return_state
        if self.return_gates:
            cell = self.forward_layer.cell
            extra += 2 * len(cell.gate_names + cell.state_names)
        return masks + [None] * extra if extra or len(masks) > 1 else mask
