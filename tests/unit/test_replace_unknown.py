"""Unknown words copied from the source, in NumPy and in TensorFlow."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kerasrnn.decoding import replace_unknown

WORDS = np.array([["⁇", "b", "⁇"], ["⁇", "⁇", ""]])
SOURCE = np.array([["Zürich", "x", "y"], ["東京", "w", ""]])
ALIGNMENT = np.array([[[0.1, 0.2, 0.7], [0.9, 0.1, 0], [0.5, 0.5, 0]], [[0.6, 0.4, 0], [0, 0, 0], [1, 0, 0]]])
EXPECTED = [["y", "b", "Zürich"], ["東京", "⁇", ""]]


def as_tensors(words: Any, alignment: Any, source: Any) -> list[list[str]]:
    found = replace_unknown(tf.constant(words), tf.constant(alignment), tf.constant(source), unknown="⁇")
    return np.vectorize(bytes.decode, otypes=[str])(found.numpy()).tolist()


def as_arrays(words: Any, alignment: Any, source: Any) -> list[list[str]]:
    return replace_unknown(words, alignment, source, unknown="⁇").tolist()


WAYS = pytest.mark.parametrize("run", [as_arrays, as_tensors])


@WAYS
def test_the_most_attended_word_is_copied(run: Any) -> None:
    assert run(WORDS, ALIGNMENT, SOURCE) == EXPECTED


@WAYS
def test_for_each_of_the_n_best(run: Any) -> None:
    words, alignment = np.stack([WORDS, WORDS[:, ::-1]], 1), np.stack([ALIGNMENT, ALIGNMENT[:, ::-1]], 1)
    assert run(words, alignment, SOURCE) == np.stack([EXPECTED, np.array(EXPECTED)[:, ::-1]], 1).tolist()


@WAYS
def test_what_nothing_attends_to_stays(run: Any) -> None:
    assert run(WORDS, np.full_like(ALIGNMENT, np.nan), SOURCE) == WORDS.tolist()
    assert run(WORDS, ALIGNMENT[..., :0], SOURCE[:, :0]) == WORDS.tolist()


def test_in_a_graph_of_any_sizes() -> None:
    signature = [
        tf.TensorSpec((None, None), tf.string),
        tf.TensorSpec((None,) * 3),
        tf.TensorSpec((None, None), tf.string),
    ]
    run = tf.function(lambda *given: replace_unknown(*given, unknown="⁇"), input_signature=signature)
    found = run(tf.constant(WORDS), tf.constant(ALIGNMENT, tf.float32), tf.constant(SOURCE))
    assert np.vectorize(bytes.decode, otypes=[str])(found.numpy()).tolist() == EXPECTED


@pytest.mark.parametrize(
    "given",
    [
        (WORDS, ALIGNMENT[:, :2], SOURCE),
        (WORDS, ALIGNMENT[..., :2], SOURCE),
        (WORDS, ALIGNMENT, SOURCE[:1]),
        (WORDS, ALIGNMENT[0], SOURCE),
        (WORDS[0], ALIGNMENT[0], SOURCE[0]),
    ],
)
def test_shapes_that_do_not_fit_are_refused(given: Any) -> None:
    with pytest.raises(
        ValueError, match=r"`words`, `alignment` and `source_words` must be \(batch, n\), \(batch, n, s"
    ):
        replace_unknown(*given, unknown="⁇")
