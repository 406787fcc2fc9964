"""Steps made of Keras models and layers: what they decode is what the model gives for the whole sequence."""

from typing import Any

import keras
import numpy as np
import pytest
from backend import MODES, compiled, to_arrays, to_tensor
from keras import ops

from kerasrnn import layers
from kerasrnn.decoding import beam_search, greedy, sample, step_from_layers, step_from_model

V, END = 7, 1


def stack(first: Any, second: Any) -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(V, 5, embeddings_initializer=keras.initializers.RandomNormal(0, 1.5, seed=1)),
            first,
            keras.layers.BatchNormalization(),
            keras.layers.SpatialDropout1D(0.5),
            keras.layers.TimeDistributed(keras.layers.Dense(6, activation="tanh")),
            second,
            keras.layers.LayerNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(V, kernel_initializer=keras.initializers.RandomNormal(0, 1.5, seed=2)),
        ]
    )


STACKS = {
    "ours": lambda: stack(
        layers.LSTM(6, return_sequences=True, dropout=0.5), layers.PeepholeLSTM(5, return_sequences=True)
    ),
    "gates": lambda: stack(layers.GRU(6, return_sequences=True), layers.IndRNN(5, return_sequences=True)),
    "keras": lambda: stack(
        keras.layers.GRU(6, return_sequences=True, recurrent_dropout=0.2),
        keras.layers.RNN([keras.layers.LSTMCell(4), keras.layers.SimpleRNNCell(5)], return_sequences=True),
    ),
}


def log_probs_of(model: Any, start: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """What the model gives each token, fed with those before it, `(b, n)`."""
    fed = np.concatenate([start[:, None], tokens[:, :-1]], axis=1)
    logits = np.asarray(model(fed, training=False)).astype(float)
    shares = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return np.take_along_axis(shares, tokens[..., None], axis=2)[..., 0]


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", STACKS)
def test_layers_decode_as_their_model_says(name: str, rng: np.random.Generator) -> None:
    model = STACKS[name]()
    step, states = step_from_layers(model)
    start = rng.integers(0, V, 4).astype("int32")
    found = to_arrays(sample(step, start, states(4), end=None, max_length=9, seed=2))
    np.testing.assert_allclose(found.log_probs, log_probs_of(model, start, found.tokens), rtol=1e-4, atol=1e-5)
    beams = to_arrays(beam_search(step, start, states(4), end=END, max_length=6, width=3, n_best=3))
    for place in range(3):
        expected = log_probs_of(model, start, beams.tokens[:, place])
        inside = np.arange(6) < beams.lengths[:, place, None]
        np.testing.assert_allclose(beams.token_log_probs[:, place], expected * inside, rtol=1e-4, atol=1e-5)


@pytest.mark.tensorflow
def test_any_model_decodes_by_running_again(rng: np.random.Generator) -> None:
    """The same tokens as by its layers, for a window of all tokens; a shorter one forgets what fell out."""
    model = STACKS["gates"]()
    start = rng.integers(0, V, 4).astype("int32")
    step, states = step_from_layers(model)
    expected = to_arrays(sample(step, start, states(4), end=END, max_length=8, seed=2))
    step, states = step_from_model(model, window=8)
    again = to_arrays(sample(step, start, states(4), end=END, max_length=8, seed=2))
    np.testing.assert_array_equal(again.tokens, expected.tokens)
    np.testing.assert_allclose(again.log_probs, expected.log_probs, rtol=1e-4, atol=1e-5)

    step, states = step_from_model(model, window=3)
    short = to_arrays(greedy(step, start, states(4), end=None, max_length=6))
    fed = np.concatenate([start[:, None], short.tokens], axis=1)
    for at in range(2, 6):
        seen = log_probs_of(model, fed[:, at - 2], fed[:, at - 1 : at + 2])[:, -1]
        np.testing.assert_allclose(short.log_probs[:, at], seen, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", [MODES[0], MODES[1]])
def test_a_translator_with_attention(rng: np.random.Generator, mode: str) -> None:
    """States, memory and its mask follow their hypotheses: each path is what the decoder says about it as a whole."""
    b, s, u, k = 3, 5, 4, 4
    decoder = layers.AttentionDecoder(layers.LSTMCell(u), layers.BahdanauAttention(6), return_alignment=True)
    embedding = keras.layers.Embedding(V, 3, embeddings_initializer=keras.initializers.RandomNormal(0, 1.5, seed=1))
    readout = keras.layers.Dense(V, kernel_initializer=keras.initializers.RandomNormal(0, 2, seed=2))
    memory = (2 * rng.standard_normal((b, s, u))).astype("float32")
    mask = np.arange(s) < np.array([[5], [3], [1]])
    initial = rng.standard_normal((2, b, u)).astype("float32")
    start = np.array([2, 0, 5], "int32")
    readout(decoder(embedding(start[:, None]), memory, initial_state=list(initial), memory_mask=mask)[0])
    readout.bias.assign([0, 5, 0, 0, 0, 0, 0])  # some end before the others

    def step(token: Any, states: Any, memory: Any) -> Any:
        output, states, alignment = decoder.step(embedding(token), states, memory)
        return readout(output), states, {"alignment": alignment}

    def run(memory: Any, mask: Any, *states: Any) -> Any:
        prepared = decoder.prepare(memory, mask)
        options = {"end": END, "max_length": 6, "width": k, "n_best": k, "length_penalty": 1.0}
        options |= {"coverage_penalty": 0.2, "source_mask": mask}
        return beam_search(step, start, decoder.first_states(prepared, list(states)), memory=prepared, **options)

    found = to_arrays(compiled(run, mode)(*map(to_tensor, (memory, mask, *initial))))
    assert len(np.unique(found.lengths)) > 1, "a case that shows nothing"
    assert len(np.unique(found.history.parents)) > 2, "a case that shows nothing"
    for place in range(k):
        tokens = found.tokens[:, place]
        fed = np.concatenate([start[:, None], tokens[:, :-1]], axis=1)
        output, alignment = decoder(embedding(fed), memory, initial_state=list(initial), memory_mask=mask)
        logits = np.asarray(readout(output)).astype(float)
        shares = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        inside = np.arange(6) < found.lengths[:, place, None]
        expected = np.take_along_axis(shares, tokens[..., None], axis=2)[..., 0] * inside
        np.testing.assert_allclose(found.token_log_probs[:, place], expected, rtol=1e-4, atol=1e-5)
        attended = np.asarray(alignment) * inside[..., None]
        np.testing.assert_allclose(found.extras["alignment"][:, place], attended, rtol=1e-4, atol=1e-6)
        covered = np.log(np.where(mask, np.minimum(attended.sum(axis=1), 1), 1)).sum(axis=1)
        scores = expected.sum(axis=1) / ((5 + found.lengths[:, place]) / 6) + 0.2 * covered
        np.testing.assert_allclose(found.scores[:, place], scores, rtol=1e-4)


def test_half_precision_is_normalised_in_single(rng: np.random.Generator) -> None:
    logits = rng.standard_normal((2, 9)).astype("float16")

    def step(token: Any, states: Any) -> Any:
        return ops.convert_to_tensor(logits), states, {}

    found = to_arrays(greedy(step, [0, 0], (), end=None, max_length=2))
    assert found.log_probs.dtype == "float32"
    wide = logits.astype(float)
    expected = wide.max(axis=1) - np.log(np.exp(wide).sum(axis=1))
    np.testing.assert_allclose(found.log_probs, np.stack([expected] * 2, axis=1), rtol=1e-5)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (layers.LSTM(3), r"`step_from_layers` needs the weights of layer"),
        (
            keras.layers.Conv1D(3, 2),
            r"`layers` must be recurrent or treat each time step by itself; received 'conv1d.*'",
        ),
        (keras.layers.Bidirectional(keras.layers.GRU(2)), r"`layers` must be recurrent or treat each time step by it"),
    ],
)
def test_layers_that_do_not_step_are_refused(layer: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step_from_layers([layer])


def test_layers_that_run_backwards_are_refused() -> None:
    layer = keras.layers.GRU(2, go_backwards=True)
    layer.build((None, None, 3))
    with pytest.raises(ValueError, match=r"`layers` must run forwards and read nothing but their input; received 'gru"):
        step_from_layers([layer])


def test_models_that_do_not_step_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`window` must be an integer of at least 1; received 0"):
        step_from_model(keras.Sequential([]), window=0)
    step, states = step_from_model(lambda ids, training: ops.zeros((2, V)), window=3)
    with pytest.raises(
        ValueError, match=r"`model` must give logits of shape \(batch, 3, vocabulary\); received \(2, 7\)"
    ):
        greedy(step, [0, 0], states(2), end=None, max_length=2)
