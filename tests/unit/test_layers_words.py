"""`SpelledWords`, `HashedPairs` and `TiedDense`: what they compute, masks, and models of them from a file."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from kerasrnn import layers

SPELLED = np.array([[[3, 1, 4], [1, 5, 0], [0, 0, 0]], [[2, 6, 5], [0, 0, 0], [0, 0, 0]]])


def test_a_word_is_the_last_states_of_both_directions() -> None:
    layer = layers.SpelledWords(7, embedding=4, units=3)
    found = ops.convert_to_numpy(layer(SPELLED))
    assert found.shape == (2, 3, 6)
    reader, table = layer.reader, ops.convert_to_numpy(layer.characters.embeddings)
    for at, letters in [((0, 0), [3, 1, 4]), ((0, 1), [1, 5]), ((1, 0), [2, 6, 5])]:
        alone = ops.convert_to_numpy(reader(table[letters][None]))[0]
        np.testing.assert_allclose(found[at], alone, atol=1e-6)
    assert not found[0, 2].any()
    assert not found[1, 1:].any()


def test_padding_changes_no_word() -> None:
    layer = layers.SpelledWords(7, embedding=4, units=3, cell="gru")
    found = ops.convert_to_numpy(layer(SPELLED))
    wider = ops.convert_to_numpy(layer(np.pad(SPELLED, ((0, 0), (0, 2), (0, 3)))))
    np.testing.assert_allclose(wider[:, :3], found, atol=1e-6)


def test_words_without_characters_are_masked() -> None:
    """Else the mask of the words is lost where both are joined, and padding is read as words."""
    words, spelled = keras.Input((None,), dtype="int32"), keras.Input((None, 3), dtype="int32")
    joined = keras.layers.Concatenate()(
        [keras.layers.Embedding(7, 4, mask_zero=True)(words), layers.SpelledWords(7, embedding=4, units=3)(spelled)]
    )
    read = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(joined)
    model = keras.Model([words, spelled], read)
    ids = np.array([[1, 2, 0], [4, 0, 0]])
    found = ops.convert_to_numpy(model([ids, SPELLED]))
    wider = ops.convert_to_numpy(model([np.pad(ids, ((0, 0), (0, 5))), np.pad(SPELLED, ((0, 0), (0, 5), (0, 0)))]))
    alone = ops.convert_to_numpy(model([ids[1:, :1], SPELLED[1:, :1]]))
    for row, length in ((0, 2), (1, 1)):
        np.testing.assert_allclose(wider[row, :length], found[row, :length], atol=1e-6)
    np.testing.assert_allclose(alone[0, 0], found[1, 0], atol=1e-6)


def test_an_unknown_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="`cell` must be one of lstm, gru, simple_rnn"):
        layers.SpelledWords(7, cell="lstn")


def test_pairs_are_those_of_a_plain_loop(rng: np.random.Generator) -> None:
    """With ids up to the greatest whose product is still an int32."""
    buckets = 2**18
    ids = rng.integers(1, 179_000, (3, 9))
    ids[1, 5:], ids[2, 0] = 0, 0
    found = ops.convert_to_numpy(layers.HashedPairs(buckets)(ids))
    for row in range(3):
        for t in range(9):
            before, now = (int(ids[row, t - 1]) if t else 0), int(ids[row, t])
            assert found[row, t] == (1 + (11_971 * before + now) % (buckets - 1) if now else 0)
    assert found.max() < buckets


def test_buckets_are_more_than_that_of_the_padding() -> None:
    with pytest.raises(ValueError, match="`buckets` must be at least 2; received 1"):
        layers.HashedPairs(1)


def test_the_output_is_the_table_transposed() -> None:
    table = keras.layers.Embedding(5, 3)
    layer = layers.TiedDense(table)
    states = ops.convert_to_tensor(np.random.default_rng(1).normal(size=(2, 4, 3)), dtype="float32")
    table.build()
    logits = ops.convert_to_numpy(layer(states))
    expected = ops.convert_to_numpy(states) @ ops.convert_to_numpy(table.embeddings).T
    np.testing.assert_allclose(logits, expected + ops.convert_to_numpy(layer.bias), atol=1e-6)


def test_models_come_back_from_a_file(tmp_path: Path) -> None:
    """The table stays shared: there is one, not two."""
    spelled = keras.Input((None, 3), dtype="int32")
    words = keras.Input((None,), dtype="int32")
    table = keras.layers.Embedding(5, 6, mask_zero=True)
    joined = keras.layers.Add()([table(words), layers.SpelledWords(7, embedding=4, units=3)(spelled)])
    model = keras.Model([words, spelled], layers.TiedDense(table)(layers.LSTM(6, return_sequences=True)(joined)))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    inputs = [np.array([[1, 2, 0], [4, 0, 0]]), SPELLED]
    np.testing.assert_allclose(ops.convert_to_numpy(again(inputs)), ops.convert_to_numpy(model(inputs)), atol=1e-6)
    assert len(again.trainable_variables) == len(model.trainable_variables)
