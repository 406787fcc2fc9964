"""The encoder-decoder builder: every cell, saved and loaded, blind to padding, able to learn."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import zoo_cases

from kerasrnn.layers import AttentionDecoder
from kerasrnn.zoo.builders import seq2seq

CELLS = {"lstm": ["hidden", "cell"], "gru": ["hidden"], "simple_rnn": ["hidden"]}
SIZES = {"source_size": 11, "target_size": 7, "embedding": 6, "encoder_units": 5}
SIZES |= {"decoder_units": 4, "attention_units": 3, "readout_units": 8}
KIND = pytest.mark.parametrize("cell", CELLS)


def build(cell: str, seed: int = 0, **options: Any) -> keras.Model:
    rng = np.random.default_rng(seed)
    model = seq2seq(**SIZES | {"cell": cell} | options)
    for variable in model.weights:
        variable.assign(0.7 * rng.standard_normal(variable.shape))
    return model


def batch(rng: np.random.Generator, rows: int = 3, s: int = 6, t: int = 4) -> tuple[list[np.ndarray], np.ndarray]:
    """Ids with a row that ends before the others, in source and in target."""
    source, target = rng.integers(1, 11, (rows, s)), rng.integers(1, 7, (rows, t))
    source[0, -2:] = target[0, -1:] = 0
    before = np.hstack([np.ones((rows, 1), int), target[:, :-1]]) * (target != 0)
    return [source.astype("int32"), before.astype("int32")], target.astype("int32")


def pad(array: np.ndarray, steps: int) -> np.ndarray:
    return np.pad(array, [(0, 0), (0, steps)])


@KIND
def test_the_model_is_what_the_documentation_says(cell: str, rng: np.random.Generator) -> None:
    model = build(cell)
    assert type(model) is keras.Model or type(model).__name__ == "Functional"
    names = [layer.name for layer in model.layers]
    bridges = [f"bridge_{state}" for state in CELLS[cell]]
    expected = ["source_embedding", "encoder", "target_embedding", "decoder", "readout", "probabilities", *bridges]
    assert set(expected) <= set(names)
    assert [name for name in names if name.startswith("bridge_")] == bridges
    assert isinstance(model.get_layer("decoder"), AttentionDecoder)
    assert model.get_layer("source_embedding").output_dim == 2 * model.get_layer("target_embedding").output_dim
    (source, before), _ = batch(rng)
    probabilities = np.asarray(model([source, before]))
    assert probabilities.shape == (3, 4, 7)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)


@KIND
def test_saved_is_loaded(cell: str, rng: np.random.Generator, tmp_path: Path) -> None:
    model = build(cell, dropout=0.3)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    inputs, _ = batch(rng)
    np.testing.assert_array_equal(again(inputs), model(inputs))
    assert again.to_json() == model.to_json()
    assert [variable.shape for variable in again.weights] == [variable.shape for variable in model.weights]


@KIND
def test_padding_changes_no_probability_and_no_step_of_training(cell: str, rng: np.random.Generator) -> None:
    """More padding in source and target: equal outputs, equal loss, equal weights after a step."""
    inputs, target = batch(rng)
    wider = [pad(inputs[0], 3), pad(inputs[1], 2)]
    results = []
    for given, wanted in ((inputs, target), (wider, pad(target, 2))):
        model = build(cell)
        before = np.asarray(model(given))[:, :4]
        model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", run_eagerly=True)
        loss = model.train_on_batch(given, wanted)
        results.append((before[target != 0], loss, [np.asarray(variable.value) for variable in model.weights]))
    (plain, loss, weights), (padded, padded_loss, padded_weights) = results
    np.testing.assert_allclose(padded, plain, atol=1e-6)
    np.testing.assert_allclose(padded_loss, loss, rtol=1e-5)
    for one, other in zip(weights, padded_weights, strict=True):
        np.testing.assert_allclose(other, one, atol=2e-6)


@KIND
def test_a_step_of_training_moves_every_weight_and_lowers_the_loss(cell: str, rng: np.random.Generator) -> None:
    inputs, target = batch(rng, rows=8)
    inputs[0][1], inputs[1][1, 1:], target[1] = np.arange(1, 7), [2, 3, 4], [2, 3, 4, 5]
    model = build(cell)
    before = [np.array(variable.value) for variable in model.trainable_weights]
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", jit_compile=False)
    first = model.train_on_batch(inputs, target)
    for variable, old in zip(model.trainable_weights, before, strict=True):
        assert (np.asarray(variable.value) != old).any(), variable.path
    for _ in range(5):
        last = model.train_on_batch(inputs, target)
    assert last < first


@KIND
def test_a_source_step_reaches_every_output(cell: str, rng: np.random.Generator) -> None:
    """The encoder reads both ways and the decoder attends: nothing of the source is lost."""
    model = build(cell)
    inputs, _ = batch(rng)
    plain = np.asarray(model(inputs))[1]
    for step in range(6):
        changed = inputs[0].copy()
        changed[1, step] = changed[1, step] % 10 + 1
        other = np.asarray(model([changed, inputs[1]]))
        assert (np.abs(other[1] - plain).max(axis=-1) > 1e-6).all(), step
        np.testing.assert_array_equal(other[2], np.asarray(model(inputs))[2])


@KIND
def test_the_decoder_starts_from_the_last_states_of_both_directions(cell: str, rng: np.random.Generator) -> None:
    """The forward one's after the last step that is no padding, the backward one's after the first."""
    model = build(cell)
    (source, _), _ = batch(rng)
    encoder, embedded = model.get_layer("encoder"), model.get_layer("source_embedding")(source)
    traces = [layer.trace(embedded, mask=source != 0) for layer in (encoder.forward_layer, encoder.backward_layer)]
    for state in CELLS[cell]:
        both = keras.Model(model.inputs[0], model.get_layer(f"last_{state}").output)(source)
        expected = np.hstack([np.asarray(traces[0][state])[:, -1], np.asarray(traces[1][state])[:, 0]])
        np.testing.assert_allclose(both, expected, atol=1e-6)


@KIND
def test_an_output_knows_no_later_token(cell: str, rng: np.random.Generator) -> None:
    model = build(cell)
    inputs, _ = batch(rng)
    changed = inputs[1].copy()
    changed[2, 2] = changed[2, 2] % 6 + 1
    plain, other = np.asarray(model(inputs))[2], np.asarray(model([inputs[0], changed]))[2]
    np.testing.assert_allclose(other[:2], plain[:2], atol=1e-6)
    assert (np.abs(other[2:] - plain[2:]).max(axis=-1) > 1e-6).all()


def test_an_unknown_cell_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`cell` must be one of lstm, gru, simple_rnn, .*; received 'peephole'"):
        build("peephole")


def test_a_small_model_learns_twenty_dates(fresh_keras: None) -> None:
    """From random weights to every date right: gradients reach what they must."""
    from kerasrnn.zoo.dates.recipe import batch
    from kerasrnn.zoo.dates.sampling import Example
    from kerasrnn.zoo.tasks.seq2seq import Seq2SeqTask

    keras.utils.set_random_seed(2)
    task = Seq2SeqTask.build(
        zoo_cases.card(embedding=24, encoder_units=32, decoder_units=32, attention_units=16, readout_units=24)
    )
    examples = [Example(text, iso, "", "", "") for text, iso in zoo_cases.PAIRS.items()]
    inputs, target = batch(task, examples, np.random.default_rng(2))
    assert sum(map(int.__eq__, map(len, task.predict([each.text for each in examples])), [10] * 20)) < 20
    task.model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", jit_compile=False)
    for _ in range(150):
        loss = task.model.train_on_batch(inputs, target)
    assert loss < 0.05
    assert task.predict(list(zoo_cases.PAIRS)) == list(zoo_cases.PAIRS.values())
