"""From an encoder's last states to a decoder's first."""

from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import valid_states

Tensor = Any

BRIDGES = ("copy", "dense", "zero")


class Bridge(keras.layers.Layer):
    """The states that a decoder starts from, made of those that an encoder ended with.

    `copy` takes them as they are; `dense` gives each of the decoder's states a dense layer with tanh over all of the
    encoder's side by side (the initial state of Bahdanau et al., A.2.2); `zero` starts from zeros whatever is given.

    Args:
        sizes: the widths of the decoder's states.
        kind: `copy`, `dense` or `zero`.

    Call arguments:
        states: a list of `(b, ·)` tensors.

    Returns:
        A list of `(b, u)` tensors, one for each of `sizes`.

    Raises:
        ValueError: another kind; with `copy` other states than `sizes` says.
    """

    def __init__(self, sizes: list[int], kind: str = "copy", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if kind not in BRIDGES:
            raise ValueError(f"`bridge` must be one of {', '.join(BRIDGES)}; received {kind!r}.")
        self.sizes, self.kind = list(sizes), kind
        self.layers: list[Any] = []

    def build(self, states_shape: Any) -> None:
        if self.kind == "dense":
            width = sum(shape[-1] for shape in states_shape)
            self.layers = [
                keras.layers.Dense(size, activation="tanh", name=f"state_{index}", dtype=self.dtype_policy)
                for index, size in enumerate(self.sizes)
            ]
            for layer in self.layers:
                layer.build((None, width))

    def call(self, states: list[Tensor]) -> list[Tensor]:
        if self.kind == "dense":
            together = ops.concatenate(states, axis=-1) if len(states) > 1 else states[0]
            return [layer(together) for layer in self.layers]
        if self.kind == "zero":
            batch = ops.shape(states[0])[0]
            return [ops.zeros((batch, size), dtype=self.compute_dtype) for size in self.sizes]
        return valid_states(states, self.sizes, states[0], self.compute_dtype, "AttentionDecoder with bridge='copy'")
