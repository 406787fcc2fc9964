"""A recurrent decoder with attention in the loop."""

from typing import Any

import keras
from keras import ops

from kerasrnn import _compat, engine
from kerasrnn.layers.arguments import require_built, valid_mask, valid_states
from kerasrnn.layers.base_attention import Memory, weighted_sum
from kerasrnn.layers.registry import register
from kerasrnn.layers.trace import traced_step

Tensor = Any


@register
class AttentionDecoder(keras.layers.RNN):
    r"""A recurrent cell that attends to a memory before each step, and the history of its alignments.

    Bahdanau's order: the state of the step before asks, the context joins the input, the cell recurs,

    $$
    \alpha_t, c_t = \mathrm{attend}(s_{t-1}, h), \qquad s_t = \mathrm{cell}([x_t; c_t], s_{t-1}), \qquad
    y_t = [s_t; c_t]
    $$

    The output holds the context beside the state, for both speak in the paper's read-out.

    Masks: on masked steps of `sequences` states hold, outputs repeat and alignments are 0; masked memory gets weight 0.

    Args:
        cell: one recurrent cell, of this package or of Keras, with `u` units.
        attention: the attention layer, such as `BahdanauAttention`.
        return_sequences: return all outputs rather than the last.
        return_state: return the cell's last states too.
        return_alignment: return the alignment history too.

    Call arguments:
        sequences: `(b, t, d)` float, the embedded targets of the steps before.
        memory: `(b, s, m)` float, the encoder's outputs.
        initial_state: a list of the cell's states, `(b, u)` each; zeros by default.
        mask: `(b, t)` bool, True = keep, or None.
        memory_mask: `(b, s)` bool, or None; taken from `memory` where it carries a mask.
        training: whether the cell's dropout is active.

    Returns:
        `(b, t, u + m)`, or `(b, u + m)` with `return_sequences=False`; then the states with `return_state=True`; then
        the alignment `(b, t, s)` with `return_alignment=True`.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import AttentionDecoder, BahdanauAttention, LSTMCell
    >>> decoder = AttentionDecoder(LSTMCell(8), BahdanauAttention(16), return_alignment=True)
    >>> y, alignment = decoder(np.ones((2, 4, 3), "float32"), np.ones((2, 6, 10), "float32"))
    >>> tuple(y.shape), tuple(alignment.shape)
    ((2, 4, 18), (2, 4, 6))

    Reference: D. Bahdanau, K. Cho, Y. Bengio, Neural machine translation by jointly learning to align and translate,
    ICLR 2015, section 3.1.
    """

    def __init__(
        self,
        cell: Any,
        attention: Any,
        return_sequences: bool = True,
        return_state: bool = False,
        return_alignment: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, (list, tuple, keras.layers.StackedRNNCells)):
            raise ValueError(f"`cell` must be one recurrent cell; received {cell!r}.")
        super().__init__(cell, return_sequences=return_sequences, return_state=return_state, **kwargs)
        for option in ("go_backwards", "stateful", "unroll", "zero_output_for_mask"):
            if getattr(self, option):
                raise ValueError(f"`{option}` has no meaning for a decoder; received {option}=True.")
        self.attention = attention
        self.return_alignment = return_alignment
        self.supports_masking = True

    def build(self, sequences_shape: Any, memory_shape: Any, initial_state_shape: Any = None) -> None:
        batch, width = sequences_shape[0], memory_shape[-1]
        if not self.attention.built:
            self.attention.build((batch, self._units), memory_shape)
            self.attention.built = True
        if not self.cell.built:
            self.cell.build((batch, sequences_shape[-1] + width))
            self.cell.built = True

    def call(
        self,
        sequences: Tensor,
        memory: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool = False,
        sequences_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> Any:
        mask = valid_mask(sequences_mask if mask is None else mask, sequences)
        prepared = self.attention.prepare(memory, valid_mask(memory_mask, memory, "memory_mask"))
        states = self._states(sequences, initial_state)
        last, outputs, states = self.inner_loop(sequences, states, mask, training=training, memory=prepared)
        alignment = states.pop() if self.return_alignment else None
        result = ops.cast(outputs if self.return_sequences else last, self.compute_dtype)
        extra = ([*states] if self.return_state else []) + ([alignment] if self.return_alignment else [])
        return (result, *extra) if extra else result

    def inner_loop(
        self,
        sequences: Tensor,
        initial_state: list[Tensor],
        mask: Tensor | None,
        training: bool = False,
        *,
        memory: Memory,
    ) -> tuple[Tensor, Tensor, list[Any]]:
        """Keras' seam for the loop over time; the alignment history is one more state if it is returned."""
        wanted = ["output", "alignment"] if self.return_alignment else ["output"]
        if mask is not None:
            sequences = ops.where(mask[..., None], sequences, ops.zeros_like(sequences))
        context = ops.zeros((ops.shape(sequences)[0], memory.values.shape[-1]), dtype=self.compute_dtype)
        x_t = ops.zeros((ops.shape(sequences)[0], sequences.shape[-1]), dtype=self.compute_dtype)
        self._maybe_config_dropout_masks(self.cell, ops.concatenate([x_t, context], axis=-1), initial_state)

        def step(x_t: Tensor, carried: list[Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
            states = carried[:-1]
            alignment, attended = self._attend(x_t, states, memory)
            output, states = self.cell(attended, states, training=training)
            output = ops.concatenate([output, attended[..., x_t.shape[-1] :]], axis=-1)
            return [*states, output], {"output": output, "alignment": alignment}

        start = ops.concatenate([ops.zeros_like(initial_state[0]), context], axis=-1)  # what masked first steps output
        sizes = {"output": self._units + memory.values.shape[-1], "alignment": _size(memory.values, 1)}
        final, traces = engine.scan(
            step,
            sequences,
            [*initial_state, start],
            mask,
            widths={name: sizes[name] for name in wanted},
            held={"output": len(initial_state)},
        )
        self._maybe_reset_dropout_masks(self.cell)
        states = [*final[:-1], traces["alignment"]] if self.return_alignment else list(final[:-1])
        return final[-1], traces["output"], states

    def step(self, x_t: Tensor, states: list[Tensor], memory: Memory) -> tuple[Tensor, list[Tensor], Tensor]:
        """One step of decoding, without dropout.

        Args:
            x_t: `(b, d)`, the embedded token of the step before.
            states: the cell's states, `(b, u)` each.
            memory: `decoder.attention.prepare(memory, memory_mask)`.

        Returns:
            `(output (b, u + m), states, alignment (b, s))`.
        """
        output, after, traces = self.traced_step(x_t, states, memory)
        return output, after, traces["alignment"]

    def traced_step(
        self, x_t: Tensor, states: list[Tensor], memory: Memory
    ) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        """`step`, with the cell's gates and states by name beside `alignment`."""
        require_built(self, "step")
        with _compat.autocast(self.compute_dtype):
            alignment, attended = self._attend(x_t, states, memory)
            output, after, gates = traced_step(self.cell, attended, states)
        output = ops.concatenate([output, attended[..., x_t.shape[-1] :]], axis=-1)
        return output, after, gates | {"alignment": alignment}

    def trace(
        self,
        sequences: Tensor,
        memory: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The cell's gates and states, `(b, t, u)` each, and `alignment (b, t, s)`, without dropout."""
        require_built(self, "trace")
        memory = ops.convert_to_tensor(memory, dtype=self.compute_dtype)
        prepared = self.attention.prepare(memory, valid_mask(memory_mask, memory, "memory_mask"))
        sequences = ops.convert_to_tensor(sequences, dtype=self.compute_dtype)
        states, mask = self._states(sequences, initial_state), valid_mask(mask, sequences)
        if mask is not None:
            sequences = ops.where(mask[..., None], sequences, ops.zeros_like(sequences))
        x_t = ops.zeros((ops.shape(sequences)[0], sequences.shape[-1]), dtype=self.compute_dtype)
        probe = self.traced_step(x_t, states, prepared)  # which traces, how wide
        held = {name: i for i, state in enumerate(probe[1]) for name, trace in probe[2].items() if trace is state}

        def step(x_t: Tensor, before: list[Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
            _, after, traces = self.traced_step(x_t, before, prepared)
            return after, traces

        widths = {name: _size(trace, -1) for name, trace in probe[2].items()}
        return engine.scan(step, sequences, states, mask, widths=widths, held=held).traces

    def _attend(self, x_t: Tensor, states: list[Tensor], memory: Memory) -> tuple[Tensor, Tensor]:
        alignment, _ = self.attention.align(states[0], memory)  # (b, s)
        context = weighted_sum(alignment, memory.values)  # (b, m)
        return alignment, ops.concatenate([x_t, context], axis=-1)

    def _states(self, sequences: Tensor, initial_state: Any) -> list[Tensor]:
        if initial_state is None:
            initial_state = self.get_initial_state(ops.shape(sequences)[0])
        return valid_states(initial_state, self.state_size, sequences, self.compute_dtype, type(self).__name__)

    @property
    def _units(self) -> int:
        return self.state_size[0]

    def compute_output_shape(self, sequences_shape: Any, memory_shape: Any, initial_state_shape: Any = None) -> Any:
        batch, length, width = sequences_shape[0], sequences_shape[1], self._units + memory_shape[-1]
        output = (batch, length, width) if self.return_sequences else (batch, width)
        extra: list[Any] = [(batch, size) for size in self.state_size] if self.return_state else []
        extra += [(batch, length, memory_shape[1])] if self.return_alignment else []
        return (output, *extra) if extra else output

    def compute_mask(self, _: Any, mask: Any) -> Any:
        mask = keras.tree.flatten(mask)[0] if self.return_sequences else None
        extra = len(self.state_size) * self.return_state + self.return_alignment
        return [mask] + [None] * extra if extra else mask

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for option in ("go_backwards", "stateful", "unroll", "zero_output_for_mask"):
            del config[option]
        config["attention"] = keras.saving.serialize_keras_object(self.attention)
        return config | {"return_alignment": self.return_alignment}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "AttentionDecoder":
        config = dict(config)
        for part in ("cell", "attention"):
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects=custom_objects)
        return cls(**config)


def _size(tensor: Tensor, axis: int) -> Any:
    """A static int where it is known, else a scalar tensor."""
    return tensor.shape[axis] if tensor.shape[axis] is not None else ops.shape(tensor)[axis]
