"""A `builders.seq2seq` model taken apart for decoding: the memory once, then one step at a time."""

from typing import Any

import keras
from keras import ops

from kerasrnn.decoding import Beams, Decoded, beam_search, greedy

Tensor = Any


class EncoderDecoder:
    """Decoding with the weights of a `builders.seq2seq` model, eagerly or in a graph.

    Args:
        model: the `keras.Model`.
        start, end: ids of the target's start and end tokens.
        max_length: the most tokens to produce.
    """

    def __init__(self, model: keras.Model, *, start: int, end: int, max_length: int) -> None:
        self.start, self.end, self.max_length = start, end, max_length
        layer = model.get_layer
        bridges = [each.output for each in model.layers if each.name.startswith("bridge_")]
        self._encoder = keras.Model(model.inputs[0], [layer("memory_dropout").output, *bridges])
        self._embedding, self._decoder = layer("target_embedding"), layer("decoder")
        self._readout, self._probabilities = layer("readout"), layer("probabilities")

    def decode(self, source: Tensor) -> Decoded:
        """`(b, s)` ids to `Decoded`, whose `extras["alignment"]` is `(b, n, s)`."""
        return greedy(self._step, **self._begin(source))

    def beam(self, source: Tensor, width: int) -> Beams:
        """`(b, s)` ids to the `width` best hypotheses and the history of the search."""
        return beam_search(self._step, **self._begin(source), width=width, n_best=width)

    def _begin(self, source: Tensor) -> dict[str, Any]:
        """What all ways of decoding have in common."""
        memory, *states = self._encoder(source, training=False)
        prepared = self._decoder.prepare(memory, ops.not_equal(source, 0))
        return {
            "start": ops.full((ops.shape(source)[0],), self.start, dtype="int32"),
            "states": self._decoder.first_states(prepared, states),
            "end": self.end,
            "max_length": self.max_length,
            "banned": (0, self.start),  # padding, and the start token
            "memory": prepared,
        }

    def _step(self, token: Tensor, states: list[Tensor], memory: Any) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        output, states, alignment = self._decoder.step(self._embedding(token), states, memory)
        return ops.log(self._probabilities(self._readout(output))), states, {"alignment": alignment}
