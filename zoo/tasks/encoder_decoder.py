"""A `builders.seq2seq` model taken apart for decoding: the memory once, then one step at a time."""

from typing import Any

import keras
from keras import ops

from kerasrnn.decoding import Beams, Decoded, beam_search, greedy

Tensor = Any

HEAD = ("readout", "logits", "probabilities")  # of these a model has some, one after the other


class EncoderDecoder:
    """Decoding with the weights of a `builders.seq2seq` model, eagerly or in a graph.

    Args:
        model: the `keras.Model`.
        start, end: ids of the target's start and end tokens.
        max_length: the most tokens to produce.
        never: other ids that it must not produce.
    """

    def __init__(
        self, model: keras.Model, *, start: int, end: int, max_length: int, never: tuple[int, ...] = ()
    ) -> None:
        self.start, self.end, self.max_length, self.never = start, end, max_length, never
        names = {layer.name for layer in model.layers}
        self.attends = "memory_dropout" in names
        bridges = [each.output for each in model.layers if each.name.startswith("bridge_")]
        memory = [model.get_layer("memory_dropout").output] if self.attends else []
        self._encoder = keras.Model(model.inputs[0], [*memory, *bridges])
        self._embedding, self._decoder = model.get_layer("target_embedding"), model.get_layer("decoder")
        self._head = [model.get_layer(name) for name in HEAD if name in names]

    def decode(self, source: Tensor) -> Decoded:
        """`(b, s)` ids to `Decoded`, whose `extras["alignment"]` is `(b, n, s)` if the model attends."""
        return greedy(self._step, **self._begin(source))

    def beam(self, source: Tensor, width: int) -> Beams:
        """`(b, s)` ids to the `width` best hypotheses and the history of the search."""
        return beam_search(self._step, **self._begin(source), width=width, n_best=width)

    def _begin(self, source: Tensor) -> dict[str, Any]:
        """What all ways of decoding have in common."""
        states: Any = self._encoder(source, training=False)
        begun: dict[str, Any] = {
            "start": ops.full((ops.shape(source)[0],), self.start, dtype="int32"),
            "end": self.end,
            "max_length": self.max_length,
            "banned": (0, self.start, *self.never),  # padding, and the start token
        }
        if not self.attends:
            return begun | {"states": list(states)}
        memory, *states = states
        prepared = self._decoder.prepare(memory, ops.not_equal(source, 0))
        return begun | {"states": self._decoder.first_states(prepared, states), "memory": prepared}

    def _step(
        self, token: Tensor, states: list[Tensor], memory: Any = None
    ) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        extras = {}
        if self.attends:
            output, states, extras["alignment"] = self._decoder.step(self._embedding(token), states, memory)
        else:
            output, states = self._decoder.step(self._embedding(token), states)
        for layer in self._head:
            output = layer(output)
        return ops.log(output), states, extras
