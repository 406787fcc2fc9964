"""A recurrent decoder with attention in the loop."""

from typing import Any

import keras
from keras import ops

from kerasrnn import _compat
from kerasrnn.layers.arguments import require_built, valid_mask, valid_rate, valid_states
from kerasrnn.layers.attending_cell import AttendingCell, Push
from kerasrnn.layers.base_attention import BaseAttention, Memory
from kerasrnn.layers.bridge import BRIDGES, Bridge
from kerasrnn.layers.decoder_parts import attentions_of, deserialized, each_memory, listed, states_of
from kerasrnn.layers.registry import register
from kerasrnn.layers.teacher_forcing import Decoding, Sampling, beside, decode

Tensor = Any

ORDERS = ("bahdanau", "luong")


@register
class AttentionDecoder(keras.layers.RNN):
    r"""Recurrent cells that attend to a memory at each step, and the history of their alignments.

    Bahdanau's order: the state of the step before asks, the context joins the input, the cell recurs,

    $$
    \alpha_t, c_t = \mathrm{attend}(s_{t-1}, h), \qquad s_t = \mathrm{cell}([x_t; c_t], s_{t-1}), \qquad
    y_t = [s_t; c_t]
    $$

    Luong's order: the cell recurs first, and what it attends to is fed into the next step,

    $$
    s_t = \mathrm{cell}([x_t; \tilde{s}_{t-1}], s_{t-1}), \qquad \alpha_t, c_t = \mathrm{attend}(s_t, h), \qquad
    y_t = \tilde{s}_t = \tanh(W_c [s_t; c_t])
    $$

    Without `vector_units` there is no W_c: the context itself is fed, and $y_t = [s_t; c_t]$.

    In a stack of cells the last one asks. Several attentions are several heads, each with its own alignment; their
    contexts stand side by side.

    A whole sequence runs in one compiled loop, whatever the attention; in Luong's order without input feeding, an
    attention that remembers nothing of earlier steps runs for all steps at once after the loop.

    Masks: on masked steps of `sequences` states hold, outputs repeat (zeros before the first valid step) and alignments
    are 0; masked memory gets weight 0.

    Args:
        cell: a recurrent cell of this package or of Keras with `u` units, or a list of them, the last one on top.
        attention: an attention layer, such as `BahdanauAttention`, or a list of them.
        order: `bahdanau` or `luong`.
        input_feeding: in Luong's order, whether a step reads what the step before attended to.
        vector_units: width of the attentional vector, or None for none.
        vector_activation: its activation.
        embedding: a layer from token ids to vectors, or None; with one, `sequences` are ids `(b, t)`.
        readout: a layer from outputs to logits `(b, t, v)`, or None; with one, these are the output.
        scheduled_sampling: None, or the probability with which in training a step reads a word drawn from the readout
            of the step before instead of the target; needs `embedding` and `readout`. It is the variable
            `sampling_probability`, which a callback may change: `decoder.sampling_probability.assign(0.2)`.
        bridge: how the first states are made of `initial_state`: `copy`, `dense` or `zero`; see `Bridge`.
        return_sequences: return all outputs rather than the last.
        return_state: return the cells' last states too.
        return_alignment: return the alignment history too.
        return_gates: return the cells' gates and states over time too.

    Call arguments:
        sequences: `(b, t, d)` float, the embedded targets of the steps before; or `(b, t)` ids.
        memory: `(b, s, m)` float, the encoder's outputs; or a list of them, one for each attention.
        initial_state: a list of states, `(b, u)` each, from the first cell to the last; zeros by default.
        mask: `(b, t)` bool, True = keep, or None.
        memory_mask: `(b, s)` bool, or None; taken from `memory` where it carries a mask. A list for several memories.
        training: whether the cells' dropout and scheduled sampling are active.

    Returns:
        `(b, t, n)`, or `(b, n)` with `return_sequences=False`: n is `vector_units` or the top cell's u and the
        contexts' widths, or v with a readout; then the states with `return_state=True`; then with
        `return_alignment=True` the alignment `(b, t, s)`, a list of them for several attentions; then with
        `return_gates=True` a dict of `(b, t, u)`, names as in `traced_step`.

    Raises:
        ValueError: an option that is none of those, states or memories that do not fit.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import AttentionDecoder, BahdanauAttention, LSTMCell
    >>> decoder = AttentionDecoder(LSTMCell(8), BahdanauAttention(16), return_alignment=True)
    >>> y, alignment = decoder(np.ones((2, 4, 3), "float32"), np.ones((2, 6, 10), "float32"))
    >>> tuple(y.shape), tuple(alignment.shape)
    ((2, 4, 18), (2, 4, 6))

    Reference: D. Bahdanau, K. Cho, Y. Bengio, Neural machine translation by jointly learning to align and translate,
    ICLR 2015, section 3.1; M.-T. Luong, H. Pham, C. Manning, Effective approaches to attention-based neural machine
    translation, EMNLP 2015, sections 3 and 3.3.
    """

    def __init__(
        self,
        cell: Any,
        attention: Any,
        return_sequences: bool = True,
        return_state: bool = False,
        return_alignment: bool = False,
        *,
        order: str = "bahdanau",
        input_feeding: bool = True,
        vector_units: int | None = None,
        vector_activation: Any = "tanh",
        embedding: Any = None,
        readout: Any = None,
        scheduled_sampling: float | None = None,
        bridge: str = "copy",
        return_gates: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(cell, return_sequences=return_sequences, return_state=return_state, **kwargs)
        for option in ("go_backwards", "stateful", "unroll", "zero_output_for_mask"):
            if getattr(self, option):
                raise ValueError(f"`{option}` has no meaning for a decoder; received {option}=True.")
        for name, value, known in (("order", order, ORDERS), ("bridge", bridge, BRIDGES)):
            if value not in known:
                raise ValueError(f"`{name}` must be one of {', '.join(known)}; received {value!r}.")
        if vector_units is not None and (not isinstance(vector_units, int) or vector_units <= 0):
            raise ValueError(f"`vector_units` must be a positive int, or None; received {vector_units!r}.")
        if scheduled_sampling is not None:
            valid_rate("scheduled_sampling", scheduled_sampling)
            if embedding is None or readout is None:
                raise ValueError("`scheduled_sampling` needs `embedding` and `readout`, to say a word and to read it.")
        self.attentions = attentions_of(attention)
        self.attention = attention if isinstance(attention, BaseAttention) else None
        self.order, self.input_feeding = order, input_feeding
        self.vector_units, self.vector_activation = vector_units, keras.activations.get(vector_activation)
        self.embedding, self.readout = embedding, readout
        self.scheduled_sampling, self.bridge = scheduled_sampling, bridge
        self.return_alignment, self.return_gates = return_alignment, return_gates
        self.supports_masking = True
        self.input_spec = None
        self._bridge = Bridge(self._sizes, bridge, name="bridge", dtype=self.dtype_policy)

    def build(self, sequences_shape: Any, memory_shape: Any, initial_state_shape: Any = None) -> None:
        batch, shapes = sequences_shape[0], each_memory(self.attentions, memory_shape)
        if self.embedding is not None:
            if not self.embedding.built:
                self.embedding.build(tuple(sequences_shape))
            sequences_shape = self.embedding.compute_output_shape(tuple(sequences_shape))
        context = sum(shape[-1] for shape in shapes)
        top = self._cells[-1].output_size
        asks = self._sizes[-states_of(self._cells[-1])] if self._looks_first else top
        for attention, shape in zip(self.attentions, shapes, strict=True):
            if not attention.built:
                attention.build((batch, asks), tuple(shape))
                attention.built = True
        fed, width = self.vector_units or context, sequences_shape[-1]
        feeds = self._looks_first or self.input_feeding
        below = width + (context if self._looks_first else fed if feeds else 0)
        for cell in self._cells:
            if not cell.built:
                cell.build((batch, below))
                cell.built = True
            below = cell.output_size
        self.vector_kernel = None
        if self.vector_units is not None:
            shape = (top + context, self.vector_units)
            self.vector_kernel = self.add_weight(name="vector_kernel", shape=shape, initializer="glorot_uniform")
        if self.readout is not None and not self.readout.built:
            self.readout.build((batch, sequences_shape[1], self._output_width(shapes)))
        if initial_state_shape is not None and not self._bridge.built:
            self._bridge.build(listed(initial_state_shape))
            self._bridge.built = True
        self.sampling_probability = None
        if self.scheduled_sampling is not None:
            self.sampling_probability = self.add_weight(
                name="sampling_probability",
                shape=(),
                initializer=keras.initializers.Constant(self.scheduled_sampling),
                trainable=False,
                dtype="float32",
            )
            self._seed = keras.random.SeedGenerator()
        self._fed = fed
        self._loop = AttendingCell(
            self._cells,
            self.attentions,
            inputs=width,
            looks_first=self._looks_first,
            feeds=feeds,
            vector_kernel=self.vector_kernel,
            activation=self.vector_activation,
        )

    def call(
        self,
        sequences: Tensor,
        memory: Any,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool = False,
        sequences_mask: Tensor | None = None,
        memory_mask: Any = None,
    ) -> Any:
        mask = sequences_mask if mask is None else mask
        if self.embedding is not None:
            mask = self.embedding.compute_mask(sequences) if mask is None else mask
            sequences = self.embedding(sequences)
        mask = valid_mask(mask, sequences)
        prepared = self.prepare(memory, memory_mask)
        states = self._states(sequences, initial_state)
        last, outputs, found = self.inner_loop(sequences, states, mask, training=training, memory=prepared)
        gates = found.pop() if self.return_gates else None
        alignment = found.pop() if self.return_alignment else None
        result = ops.cast(outputs if self.return_sequences else last, self.compute_dtype)
        if self.readout is not None:
            result = self.readout(result)
        extra = (found if self.return_state else []) + ([alignment] if self.return_alignment else [])
        extra += [gates] if self.return_gates else []
        return (result, *extra) if extra else result

    def prepare(self, memory: Any, memory_mask: Any = None) -> list[Memory]:
        """What `step` and `first_states` read: each attention's memory, with its keys.

        Args:
            memory: `(b, s, m)`, or a list of them, one for each attention.
            memory_mask: `(b, s)` bool, or None; a list for several memories.
        """
        memories = [
            ops.convert_to_tensor(one, dtype=self.compute_dtype) for one in each_memory(self.attentions, memory)
        ]
        masks = memory_mask if isinstance(memory, (list, tuple)) and memory_mask is not None else [memory_mask]
        masks = list(masks) * len(memories) if len(masks) == 1 else list(masks)
        parts = zip(self.attentions, memories, masks, strict=True)
        return [attention.prepare(values, valid_mask(keep, values, "memory_mask")) for attention, values, keep in parts]

    def first_states(self, memory: list[Memory], initial_state: Any = None) -> list[Tensor]:
        """All that the first `step` needs: the cells' states, what attentions remember, and what is fed.

        Args:
            memory: from `prepare`.
            initial_state: as in a call.
        """
        require_built(self, "first_states")
        with _compat.autocast(self.compute_dtype):
            return self._loop.begin(self._states(memory[0].values, initial_state), memory, self._fed)

    def inner_loop(
        self,
        sequences: Tensor,
        initial_state: list[Tensor],
        mask: Tensor | None,
        training: bool = False,
        *,
        memory: list[Memory],
    ) -> tuple[Tensor, Tensor, list[Any]]:
        """Keras' seam for the loop over time; alignments and gates are one more state each if they are returned."""
        ran = self._run(sequences, initial_state, mask, memory, training)
        found: list[Any] = [*ran.states]
        if self.return_alignment:
            alignments = [ran.traces[name] for name in self._loop.alignment_names]
            found.append(alignments[0] if len(alignments) == 1 else alignments)
        if self.return_gates:
            found.append({name: ran.traces[name] for name in self._loop.traced})
        return ran.last, ran.outputs, found

    def trace(
        self,
        sequences: Tensor,
        memory: Any,
        initial_state: Any = None,
        mask: Tensor | None = None,
        memory_mask: Any = None,
    ) -> dict[str, Tensor]:
        """The cells' gates and states, `(b, t, u)` each, and `alignment (b, t, s)`, without dropout."""
        require_built(self, "trace")
        with _compat.autocast(self.compute_dtype):
            if self.embedding is not None:
                sequences = self.embedding(sequences)
            sequences = ops.convert_to_tensor(sequences, dtype=self.compute_dtype)
            states, mask = self._states(sequences, initial_state), valid_mask(mask, sequences)
            wanted = (*self._loop.traced, *self._loop.alignment_names)
            memory = self.prepare(memory, memory_mask)
            return decode(self._loop, sequences, states, mask, memory, self._fed, wanted).traces

    def step(self, x_t: Tensor, states: list[Tensor], memory: list[Memory]) -> tuple[Tensor, list[Tensor], Any]:
        """One step of decoding, without dropout.

        Args:
            x_t: `(b, d)`, the embedded token of the step before; or ids `(b,)` with an embedding.
            states: from the step before, or `first_states`.
            memory: from `prepare`.

        Returns:
            `(output (b, n), states, alignment (b, s))`, with a list of alignments for several attentions.
        """
        output, after, traces = self.traced_step(x_t, states, memory)
        alignments = [traces[name] for name in self._loop.alignment_names]
        return output, after, alignments[0] if len(alignments) == 1 else alignments

    def traced_step(
        self, x_t: Tensor, states: list[Tensor], memory: list[Memory], push: Push | None = None
    ) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        """`step`, with the cells' gates and states by name beside `alignment`.

        `push` is applied to the states of each cell when it has moved, before anything reads them.
        """
        require_built(self, "step")
        with _compat.autocast(self.compute_dtype):
            x_t = x_t if self.embedding is None or len(x_t.shape) == 2 else self.embedding(x_t)
            loop = self._loop.view(rows=memory)
            projected, bias = loop.project(ops.cast(x_t, self.compute_dtype)), loop.project_bias()
            projected = projected if bias is None else projected + bias
            after, gates = loop.advance(projected, list(states), loop.products(), push=push)
            named = dict(zip(loop.state_names, after, strict=True))
            output = beside([named[name] for name in loop.output_names])
            output = output if self.readout is None else self.readout(output)
        return output, after, {name: (gates | named)[name] for name in (*self._loop.traced, *loop.alignment_names)}

    def _run(
        self, sequences: Tensor, states: list[Tensor], mask: Tensor | None, memory: list[Memory], training: bool
    ) -> Decoding:
        """The loop over time, with the traces that are returned."""
        wanted = tuple(self._loop.traced) if self.return_gates else ()
        wanted += self._loop.alignment_names if self.return_alignment else ()
        sampling = None
        if training and self.scheduled_sampling is not None:
            sampling = Sampling(self.embedding, self.readout, self.sampling_probability, self._seed)
        return decode(self._loop, sequences, states, mask, memory, self._fed, wanted, training, sampling)

    def _states(self, like: Tensor, initial_state: Any) -> list[Tensor]:
        if initial_state is None:
            return [ops.zeros((ops.shape(like)[0], size), dtype=self.compute_dtype) for size in self._sizes]
        given = [ops.convert_to_tensor(state, dtype=self.compute_dtype) for state in listed(initial_state)]
        if self.bridge == "copy":
            return valid_states(given, self._sizes, like, self.compute_dtype, type(self).__name__)
        return self._bridge(given)

    @property
    def _looks_first(self) -> bool:
        return self.order == "bahdanau"

    @property
    def _cells(self) -> list[Any]:
        return list(self.cell.cells) if isinstance(self.cell, keras.layers.StackedRNNCells) else [self.cell]

    @property
    def _sizes(self) -> list[int]:
        """The widths of all states of all cells."""
        return [size for cell in self._cells for size in listed(cell.state_size)]

    def _output_width(self, memory_shapes: list[Any]) -> int:
        return self.vector_units or self._cells[-1].output_size + sum(shape[-1] for shape in memory_shapes)

    def compute_output_shape(self, sequences_shape: Any, memory_shape: Any, initial_state_shape: Any = None) -> Any:
        batch, length = sequences_shape[:2]
        shapes = each_memory(self.attentions, memory_shape)
        output: Any = (batch, length, self._output_width(shapes))
        output = output if self.return_sequences else (batch, output[-1])
        if self.readout is not None:
            output = tuple(self.readout.compute_output_shape(output))
        extra: list[Any] = [(batch, size) for size in self._sizes] if self.return_state else []
        if self.return_alignment:
            alignments = [(batch, length, shape[1]) for shape in shapes]
            extra.append(alignments[0] if len(alignments) == 1 else alignments)
        if self.return_gates:
            extra.append({name: (batch, length, size) for name, size in self._loop.traced.items()})
        return (output, *extra) if extra else output

    def compute_mask(self, inputs: Any, mask: Any) -> Any:
        mask = keras.tree.flatten(mask)[0]
        if self.embedding is not None and mask is None:
            mask = self.embedding.compute_mask(listed(inputs)[0])
        mask = mask if self.return_sequences else None
        extra = len(self._sizes) * self.return_state + len(self.attentions) * self.return_alignment
        extra += len(self._loop.traced) * self.return_gates
        return [mask] + [None] * extra if extra else mask

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for option in ("go_backwards", "stateful", "unroll", "zero_output_for_mask"):
            del config[option]
        serialize = keras.saving.serialize_keras_object
        several = self.attention is None
        return config | {
            "attention": [serialize(one) for one in self.attentions] if several else serialize(self.attention),
            "order": self.order,
            "input_feeding": self.input_feeding,
            "vector_units": self.vector_units,
            "vector_activation": keras.activations.serialize(self.vector_activation),
            "embedding": serialize(self.embedding),
            "readout": serialize(self.readout),
            "scheduled_sampling": self.scheduled_sampling,
            "bridge": self.bridge,
            "return_alignment": self.return_alignment,
            "return_gates": self.return_gates,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "AttentionDecoder":
        return cls(**deserialized(config, ("cell", "attention", "embedding", "readout"), custom_objects))
