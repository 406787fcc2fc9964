"""The NumPy oracle itself, held against Keras and PyTorch: an oracle nobody checked proves nothing."""

from typing import Any

import keras
import numpy as np
import pytest
from backend import JAX
from layer_cases import (
    KERAS_KINDS,
    MASKS,
    U,
    assert_close,
    by_contract,
    call,
    initial,
    inputs,
    make,
    oracle,
    random_weights,
)
from numpy_cells import bahdanau, bidirectional, central_differences


@pytest.mark.parametrize("mask", ["holes"] if JAX else MASKS)
@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_scan_is_keras(kind: str, mask: str, rng: np.random.Generator) -> None:
    x, states = inputs(rng), initial(kind, rng)
    for backwards, zeros, start in [
        (False, False, None),
        (True, False, states),
        (False, True, states),
        (True, True, None),
    ]:
        options: dict[str, Any] = {"go_backwards": backwards, "zero_output_for_mask": zeros}
        layer = make(keras.layers, kind, return_sequences=True, return_state=True, dtype="float64", **options)
        layer.build(x.shape)
        weights = random_weights(layer, rng)
        run = oracle(kind, weights, x, start, MASKS[mask], **options)
        actual = by_contract(call(layer, x, start, MASKS[mask]), MASKS[mask], backwards, zeros)
        assert_close(actual, [run.sequence, *run.states], 1e-12)
        layer.return_sequences, layer.zero_output_for_mask = False, False
        actual = by_contract(call(layer, x, start, MASKS[mask]), MASKS[mask], backwards, sequences=False)
        assert_close(actual[0], run.last, 1e-12)


@pytest.mark.parametrize("kind", KERAS_KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {"use_bias": False},
        {"activation": "relu"},
        {"activation": None},
        {"activation": "softsign", "recurrent_activation": "hard_sigmoid"},
        {"activation": "elu", "recurrent_activation": "tanh"},
    ],
    ids=str,
)
def test_other_equations_are_keras(kind: str, options: dict[str, Any], rng: np.random.Generator) -> None:
    if kind == "simple_rnn":
        options = {name: value for name, value in options.items() if name != "recurrent_activation"}
    x = inputs(rng)
    layer = make(keras.layers, kind, return_state=True, dtype="float64", **options)
    layer.build(x.shape)
    run = oracle(kind, random_weights(layer, rng), x, **options)
    assert_close(call(layer, x), [run.last, *run.states], 1e-12)


@pytest.mark.parametrize("merge", ["concat", "sum", "mul", "ave"])
@pytest.mark.parametrize("sequences", [True, False])
def test_bidirectional_is_keras(merge: str, sequences: bool, rng: np.random.Generator) -> None:
    x, mask = inputs(rng), MASKS["holes"]
    layer = keras.layers.Bidirectional(
        keras.layers.GRU(U, return_sequences=sequences, dtype="float64"), merge_mode=merge, dtype="float64"
    )
    layer.build(x.shape)
    weights = random_weights(layer, rng)
    runs = [
        oracle("gru", part, x, None, mask, go_backwards=backwards, zero_output_for_mask=sequences)
        for part, backwards in [(weights[:3], False), (weights[3:], True)]
    ]
    assert_close(call(layer, x, mask=mask), bidirectional(runs[0], runs[1], merge, sequences), 1e-12)


def test_gates_explain_the_states(rng: np.random.Generator) -> None:
    """The named gates, put into the papers' last equations, give the recorded states, in either direction."""
    x, mask = inputs(rng), MASKS["holes"]
    for backwards in (False, True):
        cell0, hidden0 = initial("lstm", rng)
        shapes = [(4, 4 * U), (U, 4 * U), (4 * U,)]
        weights = [rng.standard_normal(s) for s in shapes]
        g = oracle("lstm", weights, x, [hidden0, cell0], mask, go_backwards=backwards).gates
        order = range(x.shape[1])[::-1] if backwards else range(x.shape[1])
        cell, hidden = cell0.copy(), hidden0.copy()
        for t in order:
            keep = mask[:, t, None]
            cell = np.where(keep, g["forget"][:, t] * cell + g["input"][:, t] * g["candidate"][:, t], cell)
            hidden = np.where(keep, g["output"][:, t] * np.tanh(cell), hidden)
            np.testing.assert_allclose(g["cell"][:, t], cell, atol=1e-14)
            np.testing.assert_allclose(g["hidden"][:, t], hidden, atol=1e-14)
            np.testing.assert_array_equal(g["input"][~mask[:, t], t], 0.0)


def test_bahdanau_reduces_to_keras_additive_attention(rng: np.random.Generator) -> None:
    """With both matrices the identity and no bias, the paper's energy is that of `keras.layers.AdditiveAttention`."""
    width, source = 4, 6
    memory, query, score = rng.standard_normal((source, width)), rng.standard_normal(width), rng.standard_normal(width)
    keep = np.array([1, 1, 0, 1, 0, 1], dtype=bool)
    layer = keras.layers.AdditiveAttention(dtype="float64")
    layer.build([(1, 1, width), (1, source, width), (1, source, width)])
    layer.scale.assign(score)
    expected = layer([query[None, None], memory[None]], mask=[None, keep[None]], return_attention_scores=True)
    context, alignment = bahdanau(query, memory, np.eye(width), np.eye(width), score, keep=keep)
    assert_close([context[None, None], alignment[None, None]], [np.asarray(e) for e in expected], 1e-12)


def test_central_differences_of_a_known_function() -> None:
    at = np.array([[0.3, -1.2], [2.0, 0.5]])
    gradient = central_differences(lambda: float(np.sum(np.sin(at) * at)), at)
    np.testing.assert_allclose(gradient, np.cos(at) * at + np.sin(at), atol=1e-9)
