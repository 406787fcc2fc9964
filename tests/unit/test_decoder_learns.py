"""What attention is for: a sequence of 40 symbols written backwards, which no state of 64 numbers remembers."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn import layers
from kerasrnn.decoding import greedy

pytestmark = pytest.mark.usefixtures("fresh_keras")

SYMBOLS, LENGTH, UNITS, STEPS, BATCH = 10, 40, 64, 1000, 32
UNSEEN = 2048  # one that loses its place is wrong from there to its end: of a few sequences, it alone is over 1 %


def examples(rng: np.random.Generator, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    source = rng.integers(0, SYMBOLS, (count, LENGTH))
    target = source[:, ::-1]
    lagging = np.concatenate([np.full((count, 1), SYMBOLS), target[:, :-1]], axis=1)
    return [source, lagging], target


def accuracy(attends: bool) -> float:
    """Of greedy decoding, per symbol, after the same number of steps with and without attention."""
    keras.utils.set_random_seed(0)
    source, lagging = keras.Input((LENGTH,), dtype="int32"), keras.Input((LENGTH,), dtype="int32")
    encoder = layers.Bidirectional(layers.GRU(UNITS // 2, return_sequences=True, return_state=True))
    memory, *states = encoder(keras.layers.Embedding(SYMBOLS, 32)(source))
    embedding, readout = keras.layers.Embedding(SYMBOLS + 1, 32), keras.layers.Dense(SYMBOLS)
    if attends:
        attention = layers.BahdanauAttention(UNITS)
        options = {"order": "luong", "vector_units": UNITS, "bridge": "dense"}
        decoder: Any = layers.AttentionDecoder(
            layers.GRUCell(UNITS), attention, embedding=embedding, readout=readout, **options
        )
        logits = decoder(lagging, memory, initial_state=states)
    else:
        decoder = layers.GRU(UNITS, return_sequences=True)
        start = keras.layers.Concatenate()(states)
        logits = readout(decoder(embedding(lagging), initial_state=start))
    model = keras.Model([source, lagging], logits)
    rate = keras.optimizers.schedules.CosineDecay(1e-2, STEPS)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), loss)
    model.fit(*examples(np.random.default_rng(0), STEPS * BATCH), batch_size=BATCH, verbose=0)

    (unseen, _), expected = examples(np.random.default_rng(1), UNSEEN)
    memory, *states = keras.Model(source, [memory, *states])(unseen)
    if attends:
        prepared = decoder.prepare(memory)
        first = decoder.first_states(prepared, states)
    else:
        first = [ops.concatenate(states, axis=-1)]

    def step(token: Any, now: Any) -> Any:
        if attends:
            scores, after, _ = decoder.step(token, now, prepared)
        else:
            output, after = decoder.step(embedding(token), now)
            scores = readout(output)
        return ops.log_softmax(scores), after, {}

    found = greedy(step, np.full(UNSEEN, SYMBOLS), first, end=None, max_length=LENGTH)
    return float(np.mean(np.asarray(found.tokens) == expected))


def test_attention_reverses_what_a_state_cannot_hold() -> None:
    found = accuracy(True), accuracy(False)
    print(found)
    assert found[0] > 0.99
    assert found[1] < 0.6
