"""Which tokens of a batch count, and what each costs: shared by losses and metrics."""

import math
from typing import Any

import keras
from keras import ops

from kerasrnn import _compat

Tensor = Any


def at_least_float32(dtype: str) -> str:
    """The type to compute and to sum up in where the result is to be of `dtype`."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def token_ids(y_true: Any) -> Tensor:
    """Integer ids as a tensor of at least 32 bits, with sign."""
    ids = ops.convert_to_tensor(y_true)
    dtype = keras.backend.standardize_dtype(ids.dtype)
    wide = keras.backend.result_type(dtype, "int32")
    if not keras.backend.is_int_dtype(wide):
        raise TypeError(
            f"`y_true` must hold integer ids; received {dtype}. Turn one-hot rows into ids by `ops.argmax(y_true, -1)`."
        )
    return ops.cast(ids, wide)


def aligned_ids(y_true: Any, shape: tuple[int | None, ...]) -> Tensor:
    """The ids `(b, t)` for predictions whose static shape without the classes is `shape`."""
    ids = token_ids(y_true)
    if len(ids.shape) == len(shape) + 1 and ids.shape[-1] == 1:
        ids = ids[..., 0]
    fits = len(ids.shape) == len(shape) and all(
        None in (have, want) or have == want for have, want in zip(ids.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"`y_true` must have one id for each prediction, shape {tuple(shape)}; received shape {tuple(ids.shape)}."
        )
    return ids


def token_weights(
    ids: Tensor, mask: Any, sample_weight: Any, ignore_id: int | None, dtype: str
) -> tuple[Tensor, Tensor | None]:
    """How much each token counts, in the shape of `ids`, and which do at all: None where nothing can leave any out.

    `sample_weight` is `(b, t)`, or `(b,)` for whole sequences; a token counts 0 where `mask` is False and where its id
    is `ignore_id`.
    """
    weights = ops.ones_like(ids, dtype=dtype)
    if sample_weight is not None:
        given = ops.convert_to_tensor(sample_weight, dtype=dtype)
        rank = len(ids.shape)
        if len(given.shape) == rank + 1 and given.shape[-1] == 1:
            given = given[..., 0]
        if len(given.shape) > rank:
            raise ValueError(
                f"`sample_weight` must have the shape of `y_true`, {tuple(ids.shape)}, or begin it; received shape "
                f"{tuple(given.shape)}."
            )
        weights = weights * ops.reshape(given, (*ops.shape(given), *[1] * (rank - len(given.shape))))
    zero = ops.zeros_like(weights)
    if mask is not None:
        weights = ops.where(ops.cast(mask, "bool"), weights, zero)
    if ignore_id is not None:
        weights = ops.where(ops.equal(ids, ignore_id), zero, weights)
    everything = sample_weight is None and mask is None and ignore_id is None
    return weights, None if everything else ops.not_equal(weights, 0)


def weighted_crossentropy(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    *,
    ignore_id: int | None,
    from_logits: bool,
    label_smoothing: float = 0.0,
    dtype: str,
) -> tuple[Tensor, Tensor]:
    """The cross-entropy of each token times its weight, and the weights, both `(b, t)`."""
    mask = _compat.get_keras_mask(y_pred)
    dtype = at_least_float32(dtype)
    y_pred = ops.convert_to_tensor(y_pred, dtype=dtype)
    ids = aligned_ids(y_true, y_pred.shape[:-1])
    weights, valid = token_weights(ids, mask, sample_weight, ignore_id, dtype)
    return weights * token_crossentropy(ids, y_pred, valid, label_smoothing, from_logits), weights


def token_crossentropy(
    ids: Tensor,
    predictions: Tensor,
    valid: Tensor | None = None,
    label_smoothing: float = 0.0,
    from_logits: bool = True,
) -> Tensor:
    """The cross-entropy of each token in nats, `(b, t)`: 0 where not `valid`, NaN where a valid id is no class.

    With logits x, target y and smoothing ε over v classes it is log Σ exp(x) − (1 − ε) x_y − ε mean(x), which needs no
    one-hot rows; its gradient is written out, because that of term by term passes over `(b, t, v)` many times.
    """
    classes = ops.shape(predictions)[-1]
    known = ops.logical_and(ids >= 0, ids < ops.cast(classes, ids.dtype))
    flat_ids = ops.reshape(ops.cast(ops.where(known, ids, ops.zeros_like(ids)), "int32"), (-1,))
    flat_valid = None if valid is None else ops.reshape(valid, (-1, 1))
    flat = ops.reshape(predictions, (-1, classes))  # (b·t, v)
    cost = _of_logits if from_logits else _of_probabilities
    losses = ops.reshape(cost(flat, flat_ids, flat_valid, label_smoothing), ops.shape(ids))
    losses = losses * ops.where(known, ops.ones_like(losses), ops.full_like(losses, math.nan))
    return losses if valid is None else ops.where(valid, losses, ops.zeros_like(losses))


def _at(rows: Tensor, ids: Tensor) -> Tensor:
    return ops.take_along_axis(rows, ids[:, None], axis=-1)  # (n, 1)


def _of_logits(logits: Tensor, ids: Tensor, valid: Tensor | None, smoothing: float) -> Tensor:
    @ops.custom_gradient
    def crossentropy(logits: Tensor) -> Any:
        losses = ops.logsumexp(logits, axis=-1) - (1 - smoothing) * _at(logits, ids)[:, 0]
        if smoothing:  # a logit of -inf, which rules a class out, is fine without
            losses = losses - smoothing * ops.mean(logits, axis=-1)

        def gradient(upstream: Tensor) -> Tensor:
            even = smoothing / ops.cast(ops.shape(logits)[-1], logits.dtype)
            # a sum of its own, for a second derivative does not see the one above; XLA makes them one
            softmax = ops.exp(logits - ops.logsumexp(logits, axis=-1)[:, None])
            upstream = upstream[:, None]
            here = (_at(softmax, ids) - even - (1 - smoothing)) * upstream
            found = (softmax - even) * upstream
            places = ops.stack([ops.arange(ops.shape(ids)[0], dtype="int32"), ids], axis=-1)
            found = ops.scatter_update(found, places, here[:, 0])
            return found if valid is None else ops.where(valid, found, ops.zeros_like(found))

        return losses, gradient

    return crossentropy(logits)


def _of_probabilities(probabilities: Tensor, ids: Tensor, valid: Tensor | None, smoothing: float) -> Tensor:
    if valid is not None:
        probabilities = ops.where(valid, probabilities, ops.ones_like(probabilities))
    least = keras.config.epsilon()
    losses = -(1 - smoothing) * ops.log(ops.maximum(_at(probabilities, ids)[:, 0], least))
    if smoothing:
        losses = losses - smoothing * ops.mean(ops.log(ops.maximum(probabilities, least)), axis=-1)
    return losses
