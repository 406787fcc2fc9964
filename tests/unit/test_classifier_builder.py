"""The classifier builder: what it pools, blind to padding; gates that begin with a long memory; what it refuses."""

from typing import Any

import keras
import numpy as np
import pytest

from kerasrnn.zoo.builders import classifier

WORDS: dict[str, Any] = {"labels": ["no", "yes"], "word_size": 9, "units": 4, "embedding": 3}


@pytest.mark.parametrize("pooling", ["attention", "last", "mean"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_no_logit(pooling: str, bidirectional: bool, rng: np.random.Generator) -> None:
    model = classifier(**WORDS, pooling=pooling, bidirectional=bidirectional, depth=2, cell="gru")
    words = rng.integers(1, 9, (2, 5))
    alone, padded = (np.asarray(model(each)) for each in (words, np.pad(words, ((0, 0), (0, 4)))))
    assert alone.shape == (2, 2)
    np.testing.assert_allclose(padded, alone, atol=1e-6)


@pytest.mark.parametrize("labels", [["no", "yes"], ["no", "yes", "perhaps"]])
def test_pairs_are_read_beside_the_words(labels: list[str], rng: np.random.Generator) -> None:
    model = classifier(**WORDS | {"labels": labels}, pairs=99, pooling="attention")
    table = model.get_layer("pair_embedding").embeddings
    assert tuple(table.shape) == (99, 1 if len(labels) == 2 else 3)
    words = rng.integers(1, 9, (2, 5))
    found, padded = (np.asarray(model(each)) for each in (words, np.pad(words, ((0, 0), (0, 4)))))
    np.testing.assert_allclose(padded, found, atol=1e-6)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(words), found)
    other = np.asarray(table).copy()
    other[1 + (11_971 * words[0, 3] + words[0, 4]) % 98] += 1
    table.assign(other)
    changed = np.abs(np.asarray(model(words)) - found).max(axis=1)
    assert changed[0] > 1e-4, "a pair is read"


@pytest.mark.parametrize(("cell", "gate"), [("lstm", slice(4, 8)), ("gru", slice(0, 4))])
def test_gates_that_remember_from_the_beginning(cell: str, gate: slice) -> None:
    model = classifier(labels=["a", "b"], features=1, cell=cell, units=4, chrono=100)
    bias = np.asarray(model.get_layer("encoder").cell.bias).reshape(-1)[gate]
    assert (bias >= 0).all() and (bias <= np.log(99)).all() and len(set(bias.tolist())) == 4
    again = keras.Model.from_config(model.get_config())
    assert again.get_layer("encoder").cell.chrono == 100


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"features": 2}, "give either `word_size` or `features`"),
        ({"word_size": 0}, "give either `word_size` or `features`"),
        ({"word_size": 0, "features": 2, "pairs": 8}, "`pairs` are of words: give `word_size` too; received pairs=8"),
        ({"pooling": "sum"}, "`pooling` must be one of attention, last, mean; received 'sum'"),
        ({"labels": ["one"]}, "at least two labels"),
        ({"cell": "peephole"}, "`cell` must be one of lstm"),
        ({"depth": 0}, "`depth` must be at least 1"),
    ],
)
def test_what_it_refuses(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        classifier(**WORDS | options)
