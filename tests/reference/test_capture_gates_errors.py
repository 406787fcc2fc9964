"""What the capture of gates refuses, and in which words."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as kl

from kerasrnn.viz import capture_gates

pytestmark = pytest.mark.usefixtures("float64")
B, T, D, U = 2, 5, 3, 4


def _dense() -> Any:
    return keras.Sequential([keras.Input((T, D)), kl.Dense(2, name="d")], name="flat")


def _rnn() -> Any:
    return keras.Sequential([keras.Input((T, D), name="x"), kl.GRU(U, name="gru"), kl.Dense(1)])


def _pair() -> Any:
    a, b = keras.Input((None,), dtype="int32", name="ids"), keras.Input((D,), name="extra")
    return keras.Model([a, b], kl.concatenate([kl.LSTM(U, name="rnn")(kl.Embedding(5, 2)(a)), b]))


IDS, EXTRA, X = np.ones((B, T), int), np.ones((B, D)), np.ones((B, T, D))
ERRORS: dict[str, tuple[Callable[[], Any], Any, dict[str, Any], type[Exception], str]] = {
    "no model": (lambda: "model.keras", X, {}, TypeError, "model: expected a Keras model, received str"),
    "no recurrent layer": (_dense, X, {}, ValueError, "a recurrent layer, received 'flat' whose layers are d"),
    "unknown layer": (_rnn, X, {"layer": "gruu"}, ValueError, "one of gru; received 'gruu'"),
    "layer no name": (_rnn, X, {"layer": 1}, TypeError, "layer: expected the name of a layer, received 1"),
    "rank": (_rnn, X[0], {}, ValueError, r"expected x of shape \(any, 5, 3\), received \(5, 3\)"),
    "size": (_rnn, X[..., :2], {}, ValueError, r"expected x of shape \(any, 5, 3\), received \(2, 5, 2\)"),
    "empty": (_rnn, X[:0], {}, ValueError, r"at least one row and one step, received shape \(0, 5, 3\)"),
    "ragged": (_rnn, [[[1.0]], [[1.0], [2.0]]], {}, ValueError, "expected rows of one length"),
    "objects": (_rnn, np.array([None]), {}, TypeError, "expected an array of numbers"),
    "one of two": (_pair, IDS, {}, ValueError, r"expected 2 \(ids \(any, any\), extra \(any, 3\)\), received 1"),
    "names": (
        _pair,
        {"ids": IDS, "more": EXTRA},
        {},
        ValueError,
        r"\['ids', 'extra'\], received \['ids', 'more'\]",
    ),
    "fractions": (_pair, [IDS + 0.5, EXTRA], {}, ValueError, r"whole numbers \(int32\) for ids, received float64"),
    "words": (_rnn, np.full((B, T, D), "a"), {}, ValueError, "expected numbers .* for x, received strings"),
    "tokens": (_rnn, X, {"tokens": "abc"}, ValueError, "expected lists of strings"),
    "too many tokens": (
        _rnn,
        X,
        {"tokens": [list("abcdef")] * 2},
        ValueError,
        "at most 5 tokens, one a step",
    ),
    "rows of tokens": (_rnn, X, {"tokens": [list("abc")]}, ValueError, "one list for each of 2 rows"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_say_what_was_expected(case: str) -> None:
    make, inputs, options, kind, message = ERRORS[case]
    with pytest.raises(kind, match=message):
        capture_gates(make(), inputs, **options)
