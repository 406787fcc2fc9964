"""The decoders that are timed against each other: one network, driven by each of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasrnn import layers
from kerasrnn.decoding import beam_search, greedy, step_from_layers

Run = Callable[[], Any]


class Size(NamedTuple):
    sentences: int
    steps: int
    units: int
    vocabulary: int


class Decoders:
    """A decoder of two LSTMs whose sequences never end, from random states, so that all take every step."""

    def __init__(self, size: Size, width: int) -> None:
        keras.utils.set_random_seed(0)
        self.size, self.width = size, width
        units, vocabulary = size.units, size.vocabulary
        self.model = keras.Sequential(
            [
                keras.Input((None,), dtype="int32"),
                keras.layers.Embedding(vocabulary, units),
                layers.LSTM(units, return_sequences=True),
                layers.LSTM(units, return_sequences=True),
                keras.layers.Dense(vocabulary, kernel_initializer=keras.initializers.RandomNormal(0, 1)),
            ]
        )
        self.step, states = step_from_layers(self.model)
        rng = np.random.default_rng(0)
        self.start = tf.ones((size.sentences,), "int32")
        shapes = keras.tree.map_structure(lambda state: state.shape, states(size.sentences))
        self.states = [[tf.constant(rng.standard_normal(shape), "float32") for shape in one] for one in shapes]

    def runs(self) -> dict[str, Run]:
        size = self.size

        def ours(start: Any, states: Any) -> Any:
            return greedy(self.step, start, states, end=None, max_length=size.steps).tokens

        def beam(start: Any, states: Any) -> Any:
            return beam_search(
                self.step, start, states, end=None, max_length=size.steps, width=self.width, length_penalty=0.6
            ).tokens

        def alone(start: Any, states: Any) -> Any:
            """The step as often, with nothing chosen: its least time, whoever drives it."""

            def again(t: Any, token: Any, states: Any) -> Any:
                logits, states, _ = self.step(token, states)
                return t + 1, ops.cast(ops.abs(logits[:, 0]) > 1, "int32"), states

            return tf.while_loop(lambda t, *_: t < size.steps, again, (0, start, states))[1]

        found = {"greedy": self._compiled(ours), "greedy XLA": self._compiled(ours, True)}
        found |= {"beam": self._compiled(beam), "beam XLA": self._compiled(beam, True)}
        found |= {"step alone": self._compiled(alone), "step alone XLA": self._compiled(alone, True)}
        try:
            from keras_hub import samplers
        except ModuleNotFoundError:
            return found

        def hub(sampler: Any) -> Any:
            def run(start: Any, states: Any) -> Any:
                prompt = ops.pad(start[:, None], ((0, 0), (0, size.steps)))
                return sampler(self._next, prompt, cache=states, index=1)

            return run

        found["KerasHub greedy"] = self._compiled(hub(samplers.GreedySampler()))
        found["KerasHub greedy XLA"] = self._compiled(hub(samplers.GreedySampler()), True)
        found["KerasHub beam"] = self._compiled(hub(samplers.BeamSampler(num_beams=self.width)))
        return found

    def _next(self, prompt: Any, cache: Any, index: Any) -> tuple[Any, None, Any]:
        logits, cache, _ = self.step(prompt[:, index - 1], cache)
        return logits, None, cache

    def _compiled(self, function: Callable[..., Any], jit: bool = False) -> Run:
        run = tf.function(function, jit_compile=jit, autograph=False)
        return lambda: run(self.start, self.states).numpy()

    def tutorial(self) -> Callable[[int], np.ndarray]:
        """The Python loop of keras.io's lstm_seq2seq: `predict` for every token of every sentence."""
        embedding, first, second, readout = self.model.layers
        units = self.size.units
        token = keras.Input((1,), dtype="int32")
        given = [keras.Input((units,)) for _ in range(4)]
        cells = [keras.layers.LSTM(units, return_sequences=True, return_state=True) for _ in range(2)]
        x, *after_first = cells[0](embedding(token), initial_state=given[:2])
        x, *after_second = cells[1](x, initial_state=given[2:])
        decoder = keras.Model([token, *given], [readout(x), *after_first, *after_second])
        for cell, layer in zip(cells, (first, second), strict=True):
            cell.set_weights(layer.get_weights())
        initial = [state.numpy() for state in keras.tree.flatten(self.states)]

        def sentence(row: int) -> np.ndarray:
            states, said = [state[row : row + 1] for state in initial], [1]
            for _ in range(self.size.steps):
                logits, *states = decoder.predict([np.array([[said[-1]]]), *states], verbose=0)
                said.append(int(np.argmax(logits[0, -1])))
            return np.array(said[1:])

        return sentence
