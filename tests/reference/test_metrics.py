"""The metrics against plain Python, over batches of different sizes, in every way a backend runs them."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from backend import JAX, MODES, compiled, to_tensor
from keras import ops
from layer_cases import MASKS
from numpy_tokens import crossentropy, levenshtein, log_softmax, sequence, weights_of

from kerasrnn.metrics import EditDistance, Perplexity, SequenceAccuracy, TokenAccuracy
from kerasrnn.metrics.levenshtein import levenshtein as levenshtein_of_batch

V, PAD, END = 6, 0, 1


def masked(values: Any, mask: np.ndarray | None) -> Any:
    values = ops.copy(to_tensor(values))
    if mask is not None:
        keras.src.backend.set_keras_mask(values, to_tensor(mask))
    return values


def batches(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """`(ids, scores, mask, weights)`: of different sizes, with and without masks, with weights of each kind."""
    found = []
    for rows, steps, mask, weights in [
        (3, 5, "right", None),
        (7, 4, None, "sequences"),
        (3, 5, "holes", "tokens"),
        (1, 9, None, None),
        (3, 5, "empty row", "sequences"),
    ]:
        ids = rng.integers(1, V, (rows, steps)).astype("int32")
        ids[0, -1:] = ids[-1, 1:2] = PAD
        scores = rng.standard_normal((rows, steps, V))
        scores[rng.random((rows, steps)) < 0.75] = 0  # most tokens are right, and some sequences
        right = scores.sum(-1) == 0
        scores[right] += 3 * np.eye(V)[ids[right]]
        given = {
            None: None,
            "sequences": np.round(rng.uniform(0.5, 2, rows), 3),
            "tokens": rng.choice([0.0, 0.5, 2.0], (rows, steps)),
        }[weights]
        found.append((ids, scores, None if mask is None else MASKS[mask], given))
    return found


def perplexity(data: list[tuple[Any, ...]]) -> float:
    nats = count = 0.0
    for ids, scores, mask, given in data:
        weights = weights_of(ids, mask, given, PAD)
        nats += (weights * crossentropy(ids, log_softmax(scores))).sum()
        count += weights.sum()
    return float(np.exp(nats / count))


def token_accuracy(data: list[tuple[Any, ...]]) -> float:
    right = count = 0.0
    for ids, scores, mask, given in data:
        for at in np.ndindex(ids.shape):
            weight = weights_of(ids, mask, given, PAD)[at]
            right += weight * (scores[at].argmax() == ids[at])
            count += weight
    return right / count


def sequence_accuracy(data: list[tuple[Any, ...]]) -> float:
    right = count = 0.0
    for ids, scores, mask, given in data:
        for row, weights in enumerate(weights_of(ids, mask, given, PAD)):
            places = np.flatnonzero(weights)
            if len(places):
                mean = weights[places].mean()
                right += mean * all(scores[row, place].argmax() == ids[row, place] for place in places)
                count += mean
    return right / count


def edit_distance(data: list[tuple[Any, ...]], normalize: bool) -> float:
    total = count = 0.0
    for ids, scores, mask, given in data:
        for row, weights in enumerate(weights_of(ids, mask, given, PAD)):
            kept = weights != 0
            if kept.any():
                mean = weights[kept].mean()
                target = sequence(ids[row], kept, END, PAD)
                total += mean * levenshtein(sequence(scores[row].argmax(-1), kept, END, PAD), target)
                count += mean * (len(target) if normalize else 1)
    return total / count


Case = tuple[Callable[[], Any], Callable[[Any], float]]

CASES: dict[str, Case] = {
    "perplexity": (lambda: Perplexity(ignore_id=PAD), perplexity),
    "token_accuracy": (lambda: TokenAccuracy(ignore_id=PAD), token_accuracy),
    "sequence_accuracy": (lambda: SequenceAccuracy(ignore_id=PAD), sequence_accuracy),
    "error_rate": (lambda: EditDistance(END, PAD), lambda data: edit_distance(data, True)),
    "edit_distance": (lambda: EditDistance(END, PAD, normalize=False), lambda data: edit_distance(data, False)),
}


@pytest.mark.parametrize("name", CASES)
def test_an_epoch_is_its_definition(name: str, rng: np.random.Generator) -> None:
    """Over batches of different sizes; begun again, it forgets."""
    make, define = CASES[name]
    metric, data = make(), batches(rng)
    expected = define(data)
    each = [define([batch]) for batch in data]
    assert abs(expected - np.mean(each)) > 1e-3, "a case in which the mean of batches would do"
    for _ in range(2):
        metric.reset_state()
        for ids, scores, mask, weights in data:
            metric.update_state(ids, masked(scores, mask), weights)
        np.testing.assert_allclose(metric.result(), expected, rtol=1e-5)
    metric.reset_state()
    assert float(metric.result()) == (name == "perplexity")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_every_way_gives_the_same(name: str, mode: str, rng: np.random.Generator) -> None:
    """One graph for all sizes. What does not count is NaN here, or another id."""
    make, define = CASES[name]
    metric, data = make(), batches(rng)

    def update(state: Any, ids: Any, scores: Any, mask: Any, weights: Any) -> Any:
        return metric.stateless_update_state(state, ids, masked(scores, mask), weights)

    signature = [
        *[((), "float32")] * 2,
        ((None, None), "int32"),
        ((None, None, V), "float32"),
        *[((None, None), kind) for kind in ("bool", "float32")],
    ]
    run = compiled(lambda total, count, *batch: tuple(update([total, count], *batch)), mode, None if JAX else signature)
    state = (to_tensor(0.0), to_tensor(0.0))
    for ids, scores, mask, given in data[: None if mode == "graph" else 3]:
        weights = weights_of(ids, None, given)
        kept = weights_of(ids, mask, given, PAD) != 0
        scores = np.where(kept[..., None], scores, np.nan if name == "perplexity" else rng.random((1, 1, V)))
        mask = np.ones(ids.shape, bool) if mask is None else mask
        state = run(*state, *map(to_tensor, (ids, scores.astype("float32"), mask, weights.astype("float32"))))
    expected = define(data[: None if mode == "graph" else 3])
    np.testing.assert_allclose(metric.stateless_result(list(state)), expected, rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_levenshtein_is_the_textbooks(mode: str, rng: np.random.Generator) -> None:
    """Of all lengths, 0 included, for alphabets of two and of many."""
    run = compiled(levenshtein_of_batch, mode, [((None, None), "int32"), ((None,), "int32")] * 2)
    shapes = [(40, 7, 7), (40, 9, 3), (9, 0, 4), (9, 4, 0), (9, 0, 0), (0, 3, 4), (9, 1, 1)]
    for rows, t, n in shapes if mode != "xla" else shapes[:4]:
        for letters in (2, 50):
            one, other = (rng.integers(0, letters, (rows, width)).astype("int32") for width in (t, n))
            lengths = [rng.integers(0, width + 1, rows).astype("int32") for width in (t, n)]
            expected = [
                levenshtein(a[:i], b[:j]) for a, i, b, j in zip(one, lengths[0], other, lengths[1], strict=True)
            ]
            found = run(*map(to_tensor, (one, lengths[0], other, lengths[1])))
            np.testing.assert_array_equal(found, expected)


@pytest.mark.tensorflow
def test_levenshtein_is_tensorflows(rng: np.random.Generator) -> None:
    import tensorflow as tf

    one, other = (rng.integers(1, 5, (60, width)).astype("int32") for width in (11, 8))
    lengths = [rng.integers(1, width + 1, 60).astype("int32") for width in (11, 8)]
    pairs = zip((one, other), lengths, strict=True)
    sparse = [tf.RaggedTensor.from_tensor(ids, lengths=each).to_sparse() for ids, each in pairs]
    expected = tf.edit_distance(*sparse, normalize=False)
    found = levenshtein_of_batch(*map(to_tensor, (one, lengths[0], other, lengths[1])))
    np.testing.assert_array_equal(found, expected)


def test_decoded_sequences_may_have_another_length(rng: np.random.Generator) -> None:
    """Ids `(b, n)` for targets `(b, t)`: each ends by itself; a mask is the prediction's, weights the target's."""
    total = length = 0
    metric = EditDistance(END, PAD)
    for t, n in ((6, 9), (8, 3), (5, 5)):
        target, predicted = rng.integers(0, V, (10, t)), rng.integers(0, V, (10, n))
        target[:2], target[2:4, 0] = PAD, END  # nothing at all; a sequence of no tokens
        mask, weights = rng.random((10, n)) < 0.8, (rng.random((10, t)) < 0.8).astype("float32")
        metric.update_state(target, masked(predicted, mask), weights)
        for row in range(10):
            want = sequence(target[row], weights[row] != 0, END, PAD)
            if (weights[row] * (target[row] != PAD)).any():
                total += levenshtein(sequence(predicted[row], mask[row], END, PAD), want)
                length += len(want)
    np.testing.assert_allclose(metric.result(), total / length, rtol=1e-6)
    plain = EditDistance()
    np.testing.assert_allclose(
        plain(np.array([[3, 1, 0, 0]]), np.array([[3, 1]])), 0.5
    )  # without an end or padding every id is a token


def test_predictions_may_be_ids(rng: np.random.Generator) -> None:
    ids, scores, mask, weights = batches(rng)[2]
    for kind in (TokenAccuracy, SequenceAccuracy):
        expected = kind(ignore_id=PAD)(ids, masked(scores, mask), weights)
        found = kind(ignore_id=PAD)(ids.astype("uint8"), masked(scores.argmax(-1), mask), weights)
        np.testing.assert_array_equal(found, expected)
    assert float(TokenAccuracy()(np.array([[44]], "uint8"), np.array([[300]]))) == 0  # 300 is 44 in eight bits


def test_perplexity_of_probabilities_and_of_what_is_no_class(rng: np.random.Generator) -> None:
    ids, scores, mask, weights = batches(rng)[0]
    p = np.exp(log_softmax(scores))
    expected = Perplexity(ignore_id=PAD)(ids, masked(scores, mask), weights)
    np.testing.assert_allclose(
        Perplexity(from_logits=False, ignore_id=PAD)(ids, masked(p, mask), weights), expected, rtol=1e-6
    )
    assert np.isnan(float(Perplexity()(np.array([[V]]), scores[:1, :1])))
    assert float(TokenAccuracy()(np.array([[V]]), scores[:1, :1])) == 0


@pytest.mark.parametrize(
    ("dtype", "right"), [("float16", [(300, 300)]), ("bfloat16", [(1, 1)] * 300)], ids=["float16", "bfloat16"]
)
def test_sums_of_half_precision_are_float32(dtype: str, right: list[tuple[int, int]]) -> None:
    """float16 ends at 65504; bfloat16 stands still at 256 when it is to add 1."""
    metric = TokenAccuracy(dtype=dtype)
    for shape in right:
        metric.update_state(np.ones(shape, "int32"), np.ones(shape, "int32"))
    wrong = np.ones((1, int(sum(map(np.prod, right))) // 3), "int32")
    metric.update_state(wrong, 0 * wrong)
    assert float(metric.result()) == 0.75
    assert keras.backend.standardize_dtype(metric.result().dtype) == dtype
