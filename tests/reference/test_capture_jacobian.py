"""`capture_jacobian` and `capture_saliency` against central differences of the float64 oracle."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy_cells
import pytest
from capture_cases import oracle, randomised, run
from keras import layers as kl
from numpy_cells import Array, central_differences

import kerasrnn.layers as ours
from kerasrnn.viz import capture_gradients, capture_jacobian, capture_saliency

pytestmark = pytest.mark.usefixtures("float64")
B, T, D, U, V = 2, 5, 3, 3, 4
MASKED = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0]], bool)
WHOLE = np.ones((B, T), bool)


def tagger(layer: Any, head: Any, rng: np.random.Generator) -> Any:
    inputs = keras.Input((T, D))
    return randomised(keras.Model(inputs, head(layer(kl.Masking()(inputs)))), rng)


def scores(layer: Any, dense: Any, x: Array, keep: Array) -> Array:
    """(b, t, v): what comes before the softmax."""
    kernel, bias = dense.get_weights()
    return run(layer, x, keep).sequence @ kernel + bias


def numeric(logits: Callable[[], Array], x: Array, choice: Array) -> Array:
    """(b, i, t): norms of central differences of the logit of `choice` (b, i) at every step."""
    squares = np.zeros((*choice.shape, T))
    for place in np.ndindex(x.shape):
        value, ends = x[place], []
        for sign in (1, -1):
            x[place] = value + sign * 1e-6
            ends.append(np.take_along_axis(logits(), choice[..., None], axis=-1)[..., 0])
        x[place] = value
        squares[..., place[1]] += ((ends[0] - ends[1]) / 2e-6) ** 2
    return np.sqrt(squares)


@pytest.mark.parametrize("module", [kl, ours], ids=["keras", "ours"])
@pytest.mark.parametrize("last", ["of the layer", "a layer"])
def test_the_jacobian_of_the_logits(rng: np.random.Generator, module: Any, last: str) -> None:
    layer = module.LSTM(U, return_sequences=True, name="r")
    dense = kl.Dense(V, activation="softmax" if last == "of the layer" else None)
    head = dense if last == "of the layer" else lambda h: kl.Activation("softmax")(dense(h))
    model = tagger(layer, head, rng)
    x = np.where(MASKED[..., None], rng.standard_normal((B, T, D)), 0)
    choice = scores(layer, dense, x, MASKED).argmax(axis=-1)
    expected = numeric(lambda: scores(layer, dense, x, MASKED), x, choice) * MASKED[:, None] * MASKED[:, :, None]
    capture = capture_jacobian(model, x)
    assert list(capture.arrays) == ["r/jacobian"]
    np.testing.assert_allclose(capture.arrays["r/jacobian"], expected, atol=2e-8)
    assert expected.max() > 0.1
    assert capture.facts == {"of": "logit of the model's own choice", "causal": True}
    assert not np.triu(capture.arrays["r/jacobian"], 1).any(), "a later step cannot matter"
    np.testing.assert_array_equal(capture.mask, MASKED)
    np.testing.assert_array_equal(capture.source_mask, MASKED)

    other = (choice + 1) % V
    expected = numeric(lambda: scores(layer, dense, x, MASKED), x, other) * MASKED[:, None] * MASKED[:, :, None]
    chosen = capture_jacobian(model, x, target=other)
    np.testing.assert_allclose(chosen.arrays["r/jacobian"], expected, atol=2e-8)
    assert chosen.facts["of"] == "logit of the target"


def test_in_portions_and_row_by_row(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many copies run at once, and without any where the model takes one size of batch only."""
    from kerasrnn.viz.capture import entry

    layer = kl.GRU(U, return_sequences=True, name="r")
    model = tagger(layer, kl.Dense(V, activation="softmax"), rng)
    x = np.where(MASKED[..., None], rng.standard_normal((B, T, D)), 0)
    whole = capture_jacobian(model, x).arrays["r/jacobian"]
    monkeypatch.setattr(entry, "_POSITIONS", 3 * T)
    np.testing.assert_allclose(capture_jacobian(model, x).arrays["r/jacobian"], whole, atol=1e-12)
    for row in range(B):
        alone = capture_jacobian(model, x[row : row + 1]).arrays["r/jacobian"][0]
        np.testing.assert_allclose(alone, whole[row], atol=1e-12)
    inputs = keras.Input(batch_shape=(B, T, D))
    fixed = keras.Model(inputs, model(inputs))
    np.testing.assert_allclose(capture_jacobian(fixed, x).arrays["r/jacobian"], whole, atol=1e-12)


def test_what_the_head_hides_is_log_p(rng: np.random.Generator) -> None:
    layer, dense = kl.GRU(U, return_sequences=True, name="r"), kl.Dense(V, activation="softmax")
    inputs = keras.Input((T, D))
    model = randomised(keras.Model(inputs, kl.TimeDistributed(dense)(layer(inputs))), rng)
    x = rng.standard_normal((B, T, D))

    def log_p() -> Array:
        logits = scores(layer, dense, x, WHOLE)
        return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))

    capture = capture_jacobian(model, x)
    assert capture.facts["of"] == "log p of the model's own choice"
    expected = numeric(log_p, x, log_p().argmax(axis=-1))
    np.testing.assert_allclose(capture.arrays["r/jacobian"], expected, atol=2e-8)


def test_both_directions_are_not_causal(rng: np.random.Generator) -> None:
    model = tagger(kl.Bidirectional(kl.GRU(U, return_sequences=True), name="both"), kl.Dense(2), rng)
    capture = capture_jacobian(model, rng.standard_normal((B, T, D)))
    assert capture.facts == {"of": "output of the largest size", "causal": False}
    assert (capture.arrays["both/jacobian"] > 0).all()


def test_a_model_without_a_recurrent_layer(rng: np.random.Generator) -> None:
    """Then it is the embedding, which gradients reach only by what the attention mixes."""
    tokens = keras.Input((None,))
    embedded = kl.Embedding(9, D, mask_zero=True, name="embedding")(tokens)
    model = randomised(keras.Model(tokens, kl.Dense(V, activation="softmax")(kl.Attention()([embedded] * 2))), rng)
    capture = capture_jacobian(model, np.array([[1, 2, 3, 0], [4, 5, 6, 7]]))
    assert capture.arrays["embedding/jacobian"].shape == (2, 4, 4)
    assert capture.source_mask.tolist() == [[True, True, True, False], [True] * 4]
    assert not capture.arrays["embedding/jacobian"][0, :, 3].any()
    inputs = keras.Input((T, D))
    model = randomised(keras.Model(inputs, kl.Conv1D(2, 2, padding="causal")(inputs)), rng)
    band = capture_jacobian(model, rng.standard_normal((1, T, D))).arrays["input/jacobian"][0]
    np.testing.assert_array_equal(band > 0, np.tri(T, dtype=bool) & ~np.tri(T, k=-2, dtype=bool))


def integral(score: Callable[[Array], float], x: Array, intervals: int = 24) -> Array:
    """(t,): integrated gradients by Simpson's rule over central differences."""
    total = np.zeros(x.shape[:1])
    for number in range(intervals + 1):
        weight = (1 if number in (0, intervals) else 4 if number % 2 else 2) / (3 * intervals)
        at = number / intervals * x
        total += weight * (x * central_differences(lambda at=at: score(at), at, 1e-6)).sum(axis=-1)
    return total


@pytest.mark.parametrize("at", [None, 1])
def test_saliency(rng: np.random.Generator, at: int | None) -> None:
    layer, dense = kl.LSTM(U, return_sequences=True, name="r"), kl.Dense(V, activation="softmax")
    model = tagger(layer, dense, rng)
    x = np.where(MASKED[..., None], rng.standard_normal((B, T, D)), 0)
    steps = [4, 3] if at is None else [at, at]
    if at is not None:
        x, keep = rng.standard_normal((B, T, D)), WHOLE
    else:
        keep = MASKED
    choice = [int(scores(layer, dense, x, keep)[row, steps[row]].argmax()) for row in range(B)]

    def score(row: int) -> Callable[[Array], float]:
        return lambda e: float(scores(layer, dense, e[None], keep[row : row + 1])[0, steps[row], choice[row]])

    capture = capture_saliency(model, x, at=at)
    product = capture_saliency(model, x, at=at, method="input")
    for row in range(B):
        whole, nothing = score(row)(x[row]), score(row)(np.zeros((T, D)))
        np.testing.assert_allclose(capture.arrays["r/saliency"][row], integral(score(row), x[row]), atol=2e-5)
        slope = central_differences(lambda row=row: score(row)(x[row]), x[row], 1e-6)
        np.testing.assert_allclose(product.arrays["r/saliency"][row], (x[row] * slope).sum(axis=-1), atol=2e-8)
        for found in (capture, product):
            assert found.facts["score"][row] == pytest.approx(whole, abs=1e-5)
            assert found.facts["baseline"][row] == pytest.approx(nothing, abs=1e-5)
            total = found.arrays["r/saliency"][row].sum()
            assert found.facts["sum"][row] == pytest.approx(total, abs=1e-5)
            assert found.facts["gap"][row] == pytest.approx(total - (whole - nothing), abs=1e-5)
        assert abs(capture.facts["gap"][row]) < 1e-6, "integrated gradients are complete"
        assert abs(product.facts["gap"][row]) > 1e-3, "gradient times input is not"
    assert not capture.arrays["r/saliency"][~keep].any()
    coarse = capture_saliency(model, x, at=at, points=1)
    assert max(map(abs, coarse.facts["gap"])) > 1e-4


def test_saliency_of_two_classes_has_the_sign_of_the_choice(rng: np.random.Generator) -> None:
    layer, dense = kl.GRU(U, name="r"), kl.Dense(1, activation="sigmoid")
    model = randomised(keras.Sequential([keras.Input((T, D)), layer, dense]), rng)
    x = rng.standard_normal((6, T, D))
    kind, step = oracle(layer)
    kernel, _ = dense.get_weights()
    bias = -np.median(numpy_cells.scan(kind, step, x, None, U).last @ kernel, axis=0)
    dense.set_weights([kernel, bias])
    logits = (numpy_cells.scan(kind, step, x, None, U).last @ kernel + bias)[:, 0]
    assert (logits > 0).any()
    assert (logits < 0).any()
    capture = capture_saliency(model, x)
    np.testing.assert_allclose(capture.facts["score"], np.abs(logits), atol=1e-5)
    sure = capture_saliency(model, x, target=np.ones(6, int))
    np.testing.assert_allclose(sure.facts["score"], logits, atol=1e-5)
    signs = np.sign(logits)[:, None]
    np.testing.assert_allclose(capture.arrays["r/saliency"], signs * sure.arrays["r/saliency"], atol=1e-9)


def test_errors(rng: np.random.Generator) -> None:
    model = tagger(kl.GRU(U, return_sequences=True, name="r"), kl.Dense(V, activation="softmax"), rng)
    x = rng.standard_normal((B, T, D))
    with pytest.raises(ValueError, match=r"target: expected whole numbers of shape \(2, 5\)"):
        capture_jacobian(model, x, target=np.zeros(2))
    with pytest.raises(ValueError, match="target: expected classes from 0 to 3, received 0 to 4"):
        capture_jacobian(model, x, target=np.arange(10).reshape(B, T) % 5)
    with pytest.raises(ValueError, match="method: expected 'integrated' or 'input', received 'lime'"):
        capture_saliency(model, x, method="lime")
    with pytest.raises(ValueError, match="points: expected a whole number above 0"):
        capture_saliency(model, x, points=0)
    with pytest.raises(ValueError, match="one of r"):
        capture_jacobian(model, x, layer="s")
    flat = keras.Sequential([keras.Input((4,)), kl.Dense(2, name="flat")])
    with pytest.raises(ValueError, match="expected one with a recurrent or embedding layer"):
        capture_jacobian(flat, rng.standard_normal((2, 4)))
    inputs = keras.Input((T, D))
    mixing = keras.Model(inputs, kl.GRU(U, return_sequences=True)(inputs) + keras.ops.roll(inputs, 1, axis=0))
    with pytest.raises(RuntimeError, match="its rows depend on each other"):
        capture_jacobian(mixing, x)


def test_sequences_that_are_too_long_are_refused_before_the_model_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watched, a model runs step by step: a hundred thousand of them take minutes."""
    layer = kl.GRU(1, return_sequences=True)
    model = keras.Sequential([keras.Input((None, 1)), layer, kl.Dense(2, activation="softmax")])
    x, calls, own = np.zeros((1, 20_001, 1), "float32"), [], layer.cell.call
    model(x[:, :2])
    monkeypatch.setattr(layer.cell, "call", lambda *args, **kwargs: calls.append(1) or own(*args, **kwargs))
    with pytest.raises(ValueError, match=r"^inputs: expected at most 4,000,000 pairs .* 1 row of 20001 by 20001"):
        capture_jacobian(model, x)
    with pytest.raises(ValueError, match=r"^inputs: expected at most 20,000 steps, received 20,001"):
        capture_saliency(model, x)
    with pytest.raises(ValueError, match=r"^inputs: expected at most 20,000 steps, received 20,001"):
        capture_gradients(model, x)
    assert len(calls) < 100
