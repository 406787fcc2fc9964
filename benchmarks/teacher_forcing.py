"""A training step of a Bahdanau seq2seq: ours, and the same with `keras.layers.RNN` around a cell that attends."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasrnn import layers

Run = Callable[[], Any]


class Shape(NamedTuple):
    batch: int
    source: int
    target: int
    units: int
    words: int


class AttentionCell(keras.layers.Layer):
    """What a user of Keras writes: attend with the state of the step before, then recur on [input; context]."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.cell = keras.layers.LSTMCell(units)
        self.units, self.state_size, self.output_size = units, self.cell.state_size, 2 * units
        self.memory: Any = None

    def build(self, input_shape: Any) -> None:
        self.cell.build((input_shape[0], input_shape[-1] + self.units))
        self.query_kernel = self.add_weight(shape=(self.units, self.units), name="query_kernel")
        self.score_vector = self.add_weight(shape=(self.units, 1), name="score_vector")

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        values, keys = self.memory
        query = ops.matmul(states[0], self.query_kernel)[:, None]
        alignment = ops.softmax(ops.matmul(ops.tanh(query + keys), self.score_vector)[..., 0])
        context = ops.matmul(alignment[:, None], values)[:, 0]
        output, states = self.cell(ops.concatenate([inputs, context], axis=-1), states)
        return ops.concatenate([output, context], axis=-1), states


class KerasDecoder(keras.layers.Layer):
    """`keras.layers.RNN` around it."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.cell = AttentionCell(units)
        self.loop = keras.layers.RNN(self.cell, return_sequences=True)
        self.memory_kernel = keras.layers.Dense(units, use_bias=False)

    def build(self, sequences_shape: Any, memory_shape: Any) -> None:
        self.memory_kernel.build(memory_shape)
        self.loop.build(sequences_shape)

    def call(self, sequences: Any, memory: Any) -> Any:
        self.cell.memory = memory, self.memory_kernel(memory)
        return self.loop(sequences)


def network(module: Any, decoder: Any, shape: Shape) -> keras.Model:
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(shape.words, shape.units)(source)
    memory = module.LSTM(shape.units, return_sequences=True)(embedded)
    decoded = decoder(keras.layers.Embedding(shape.words, shape.units)(target), memory)
    return keras.Model([source, target], keras.layers.Dense(shape.words)(decoded))


def flops(shape: Shape) -> float:
    """The floating-point operations of all products of a step of training: three times those of running forward."""
    units, encoded, decoded = shape.units, shape.batch * shape.source, shape.batch * shape.target
    encoder = (units + units) * 4 * units  # input and state to the gates
    decoder = (units + units + units) * 4 * units  # with the context
    keys, query, readout = units * units, units * units, 2 * units * shape.words
    return 3.0 * 2.0 * (encoded * (encoder + keys) + decoded * (decoder + query + readout))


def runs(shape: Shape) -> dict[str, Run]:
    """Steps of training, as `fit` runs them."""
    rng = np.random.default_rng(0)
    tokens = [rng.integers(0, shape.words, (shape.batch, steps)) for steps in (shape.source, shape.target)]
    labels = rng.integers(0, shape.words, (shape.batch, shape.target))
    ours = layers.AttentionDecoder(layers.LSTMCell(shape.units), layers.BahdanauAttention(shape.units))
    networks = {
        "ours": (network(layers, ours, shape), False),
        "keras": (network(keras.layers, KerasDecoder(shape.units), shape), False),
        "keras XLA": (network(keras.layers, KerasDecoder(shape.units), shape), True),
    }
    found: dict[str, Run] = {}
    for name, (model, jit) in networks.items():
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, jit_compile=jit)
        data = [tf.constant(each) for each in tokens], tf.constant(labels)
        found[name] = lambda model=model, data=data: model.train_on_batch(*data)
    return found
