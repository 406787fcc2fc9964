"""The masked cross-entropy against NumPy, Keras, PyTorch and central differences."""

from typing import Any

import keras
import numpy as np
import pytest
import torch
from backend import JAX, MODES, compiled, differentiated, to_tensor
from keras import ops
from layer_cases import MASKS
from numpy_cells import central_differences
from numpy_tokens import crossentropy, log_softmax, reduced, weights_of

from kerasrnn.losses import MaskedCrossentropy

B, T, V, PAD = 3, 5, 7, 2
REDUCTIONS = ("mean", "mean_with_sample_weight", "sequence_mean", "sum")

HALVES = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], dtype=bool)


def batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    ids = rng.integers(0, V, (B, T)).astype("int32")
    ids[0, 0], ids[1, 1] = PAD, PAD
    return ids, 2 * rng.standard_normal((B, T, V))


def masked(logits: Any, mask: np.ndarray | None) -> Any:
    """The same values with an implicit Keras mask, as a layer's output has."""
    logits = ops.copy(to_tensor(logits))
    if mask is not None:
        keras.src.backend.set_keras_mask(logits, to_tensor(mask))
    return logits


def weightings(rng: np.random.Generator) -> dict[str, Any]:
    tokens = rng.uniform(0.2, 3, (B, T))
    tokens[0, 2] = tokens[2, 4] = 0
    return {"none": None, "tokens": tokens, "sequences": np.array([0.5, 0.0, 2.5])}


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_it_is_the_definition(reduction: str, smoothing: float, rng: np.random.Generator) -> None:
    """With every kind of mask and of weights, alone and together, and the probabilities as well as the logits."""
    ids, logits = batch(rng)
    losses = crossentropy(ids, log_softmax(logits), smoothing)
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    for ignore_id in (None, PAD):
        options = {"reduction": reduction, "label_smoothing": smoothing, "ignore_id": ignore_id, "dtype": "float64"}
        loss, of_probabilities = (MaskedCrossentropy(from_logits=kind, **options) for kind in (True, False))
        for mask in MASKS.values():
            for weights in weightings(rng).values():
                expected = reduced(losses, weights_of(ids, mask, weights, ignore_id), reduction)
                np.testing.assert_allclose(loss(ids, masked(logits, mask), weights), expected, rtol=1e-12)
                found = of_probabilities(ids, masked(probabilities, mask), weights)
                np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_without_reduction_each_token_has_its_loss(rng: np.random.Generator) -> None:
    ids, logits = batch(rng)
    loss = MaskedCrossentropy(reduction=None, ignore_id=PAD, dtype="float64")
    weights = weightings(rng)["tokens"]
    expected = crossentropy(ids, log_softmax(logits))
    np.testing.assert_allclose(
        loss(ids, masked(logits, HALVES), weights), expected * weights_of(ids, HALVES, weights, PAD), rtol=1e-12
    )
    np.testing.assert_allclose(loss.call(ids, logits), expected * (ids != PAD), rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_are_central_differences(mode: str, rng: np.random.Generator) -> None:
    """Of logits and of probabilities, with NaN wherever a token does not count: the gradient there is 0."""
    ids, logits = batch(rng)
    ids[ids == PAD] = 0
    ids[1, 4] = PAD
    weights = weightings(rng)["tokens"]
    expected_weights = weights_of(ids, MASKS["holes"], weights, PAD)
    kept = expected_weights != 0
    assert kept.sum() == 6, "a case that shows nothing"
    for from_logits in (True, False):
        loss = MaskedCrossentropy(from_logits, label_smoothing=0.2, ignore_id=PAD, dtype="float64")
        values = logits if from_logits else rng.uniform(0.1, 0.9, logits.shape)

        def of(values: Any, loss: Any = loss) -> Any:
            return loss(ids, masked(values, MASKS["holes"]), weights), ()

        def plain(values: np.ndarray = values, from_logits: bool = from_logits) -> float:
            log_p = log_softmax(values) if from_logits else np.log(values)
            return reduced(crossentropy(ids, log_p, 0.2), expected_weights, "mean")

        expected = central_differences(plain, values)
        with_nan = np.where(kept[..., None], values, np.nan)
        found = differentiated(of, [], 1, mode, [((None, None, V), "float64")])(with_nan)
        np.testing.assert_allclose(found.loss, plain(), rtol=1e-12)
        np.testing.assert_allclose(found.sources[0], expected, atol=1e-8)
        assert not found.sources[0][~kept].any()


def test_it_is_that_of_torch(rng: np.random.Generator) -> None:
    ids, logits = batch(rng)
    ids[2, 2] = -100
    theirs = torch.tensor(logits, requires_grad=True)
    flat = theirs.reshape(-1, V), torch.tensor(ids).long().reshape(-1)
    for smoothing in (0.0, 0.1):
        for reduction in ("mean", "sum"):
            options: dict[str, Any] = {"reduction": reduction, "label_smoothing": smoothing}
            expected = torch.nn.functional.cross_entropy(*flat, **options)
            (gradient,) = torch.autograd.grad(expected, theirs, retain_graph=True)
            loss = MaskedCrossentropy(ignore_id=-100, dtype="float64", **options)
            found = differentiated(lambda x, loss=loss: (loss(ids, x), ()), [], 1)(logits)
            np.testing.assert_allclose(found.loss, expected.detach(), rtol=1e-12)
            np.testing.assert_allclose(found.sources[0], gradient, atol=1e-14)


def test_it_is_that_of_keras_where_keras_is_right(rng: np.random.Generator) -> None:
    ids, logits = batch(rng)
    options: dict[str, Any] = {"from_logits": True, "dtype": "float64"}
    weights = rng.uniform(0.2, 3, (B, T))
    theirs = keras.losses.SparseCategoricalCrossentropy(**options)
    ours = MaskedCrossentropy(**options)
    np.testing.assert_allclose(ours(ids, logits), theirs(ids, logits), rtol=1e-12)
    np.testing.assert_allclose(ours(ids, logits, weights), theirs(ids, logits, weights), rtol=1e-12)
    found = ours(ids, masked(logits, HALVES), weights)
    np.testing.assert_allclose(found, theirs(ids, masked(logits, HALVES), weights), rtol=1e-12)
    ignoring = keras.losses.SparseCategoricalCrossentropy(ignore_class=PAD, **options)
    np.testing.assert_allclose(
        MaskedCrossentropy(ignore_id=PAD, **options)(ids, logits), ignoring(ids, logits), rtol=1e-12
    )
    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=0.1, **options)
    np.testing.assert_allclose(
        MaskedCrossentropy(label_smoothing=0.1, **options)(ids, logits),
        smoothed(np.eye(V)[ids], logits),
        rtol=1e-12,
    )


@pytest.mark.parametrize("mode", MODES)
def test_the_second_derivative_is_that_of_the_softmax(mode: str, rng: np.random.Generator) -> None:
    """The gradient is written by hand, and differentiates like one that is not."""
    ids, logits = batch(rng)
    direction = rng.standard_normal(logits.shape)
    loss = MaskedCrossentropy(label_smoothing=0.2, reduction="sum", dtype="float64")
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = p * (direction - (p * direction).sum(-1, keepdims=True))  # the Hessian times the direction
    if JAX:
        import jax

        slope = jax.grad(lambda x: loss(ids, x))
        second = jax.grad(lambda x: (slope(x) * direction).sum())
        found = (jax.jit(second) if mode == "jit" else second)(to_tensor(logits))
    else:
        import tensorflow as tf

        def run(x: Any) -> Any:
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    value = loss(ids, x)
                slope = tf.reduce_sum(inner.gradient(value, x) * direction)
            return outer.gradient(slope, x)

        found = compiled(run, mode)(to_tensor(logits))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_padding_changes_nothing(reduction: str, rng: np.random.Generator) -> None:
    """Longer, with more rows, and with holes filled in: by the mask, by the id and by weights."""
    ids, logits = batch(rng)
    expected = MaskedCrossentropy(reduction=reduction, dtype="float64")(ids, logits)
    longer = np.full((B + 2, T + 3), PAD)
    filled = np.full((B + 2, T + 3, V), np.nan)
    keep = np.zeros(longer.shape, bool)
    for row in range(B):
        keep[row, np.sort(rng.choice(T + 3, T, replace=False))] = True
    longer[keep], filled[keep] = ids.ravel(), logits.reshape(-1, V)
    loss = MaskedCrossentropy(reduction=reduction, dtype="float64")
    ignoring = MaskedCrossentropy(reduction=reduction, ignore_id=-1, dtype="float64")
    np.testing.assert_allclose(loss(longer, masked(filled, keep)), expected, rtol=1e-12)
    np.testing.assert_allclose(loss(longer, filled, keep), expected, rtol=1e-12)
    np.testing.assert_allclose(ignoring(np.where(keep, longer, -1), filled), expected, rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_that_counts_costs_nothing(mode: str, rng: np.random.Generator) -> None:
    """Not even a batch of no rows or no steps, and its gradient is 0."""
    for smoothing, reduction in zip((0.0, 0.1, 0.0, 0.1), REDUCTIONS, strict=True):
        loss = MaskedCrossentropy(ignore_id=PAD, label_smoothing=smoothing, reduction=reduction)
        found = differentiated(
            lambda x, loss=loss: (loss(ops.full(ops.shape(x)[:2], PAD, dtype="int32"), x), ()),
            [],
            1,
            mode,
            [((None, None, V), "float32")],
        )
        for shape in ((2, 3, V), (0, 3, V), (2, 0, V))[: 3 if mode == "graph" else 1]:
            result = found(np.full(shape, np.nan, "float32"))
            assert result.loss == 0
            np.testing.assert_array_equal(result.sources[0], np.zeros(shape))


@pytest.mark.parametrize("mode", MODES)
def test_a_target_that_is_no_class_gives_nan(mode: str, rng: np.random.Generator) -> None:
    """Everywhere alike (Keras: an error, NaN or silently 0), gradient included; unless the target does not count."""
    ids, logits = batch(rng)
    ids[0, 0], ids[1, 1] = 0, 1
    find = differentiated(
        lambda x, ids: (MaskedCrossentropy(ignore_id=-100, label_smoothing=0.1)(ids, x), ()),
        [],
        1,
        mode,
        [((None, None, V), "float32"), ((None, None), "int64")],
    )
    logits = logits.astype("float32")
    for bad in (-1, V, 2**31 + 1, 2**32 + 1)[: 2 if JAX else 4]:
        wrong = ids.astype("int64")
        wrong[1, 2] = bad
        found = find(logits, wrong)
        assert np.isnan(found.loss), bad
        assert np.isnan(found.sources[0][1, 2]).all(), bad
        assert np.isfinite(np.delete(found.sources[0].reshape(-1, V), T + 2, axis=0)).all()
    wrong[1, 2] = -100
    assert np.isfinite(find(logits, wrong).loss)


def test_narrow_integers_do_not_wrap(rng: np.random.Generator) -> None:
    """−254 is 2 in eight bits, and 300 classes are 44."""
    ids, logits = rng.integers(0, 128, (B, T)), rng.standard_normal((B, T, 300))
    ids[0, 0] = PAD
    expected = MaskedCrossentropy()(ids, logits)
    loss = MaskedCrossentropy(ignore_id=PAD - 256)
    for dtype in ("uint8", "int8", "int64"):
        np.testing.assert_allclose(loss(ids.astype(dtype), logits), expected, rtol=1e-6)


def test_large_and_infinite_logits(rng: np.random.Generator) -> None:
    """No overflow; a class ruled out by −inf costs nothing to the others."""
    ids, logits = batch(rng)
    ids[ids == 4] = 3
    loss = MaskedCrossentropy()
    for shift in (3e4, -3e4):
        np.testing.assert_allclose(loss(ids, (logits + shift).astype("float32")), loss(ids, logits), atol=3e-3)
    far = np.zeros((1, 1, V), "float32")
    far[..., 1] = 2e4
    assert float(loss(np.array([[1]]), far)) == 0
    assert float(loss(np.array([[0]]), far)) == 2e4
    ruled_out = logits.copy()
    ruled_out[..., 4] = -np.inf
    found = differentiated(lambda x: (loss(ids, x), ()), [], 1)(ruled_out.astype("float32"))
    without = crossentropy(np.where(ids > 4, ids - 1, ids), log_softmax(np.delete(logits, 4, axis=-1)))
    np.testing.assert_allclose(found.loss, without.mean(), rtol=1e-5)
    assert not found.sources[0][..., 4].any()
    assert np.isfinite(found.sources[0]).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype: str, rng: np.random.Generator) -> None:
    """65504 is float16's largest number."""
    ids, logits = rng.integers(0, V, (300, 300)), rng.standard_normal((300, 300, V))
    half = ops.cast(to_tensor(logits), dtype)
    exact = ops.cast(half, "float32")
    for reduction in ("mean", "sum"):
        np.testing.assert_array_equal(
            MaskedCrossentropy(reduction=reduction)(ids, half), MaskedCrossentropy(reduction=reduction)(ids, exact)
        )
    low = MaskedCrossentropy(dtype=dtype)(ids, half)
    assert keras.backend.standardize_dtype(low.dtype) == dtype
    assert float(low) == float(ops.cast(MaskedCrossentropy()(ids, exact), dtype))


def test_a_sequence_may_be_one_token_and_a_token_a_pixel(rng: np.random.Generator) -> None:
    """Any number of axes before the classes, or one of length 1 behind the targets."""
    ids, logits = batch(rng)
    expected = MaskedCrossentropy(dtype="float64")(ids, logits)
    for shape in [(B * T,), (B, 1, T), (B, T, 1)]:
        classes = (*shape, V) if shape[-1] != 1 else (B, T, V)
        found = MaskedCrossentropy(dtype="float64")(ids.reshape(shape), logits.reshape(classes))
        np.testing.assert_allclose(found, expected, rtol=1e-12)
