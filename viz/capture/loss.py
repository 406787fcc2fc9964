"""The scalar whose gradient is shown: the model's own choice, its compiled loss, or the size of its output."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn import _compat, crf
from kerasrnn.crf import Chain
from kerasrnn.layers import CRF
from kerasrnn.viz.capture.observe import to_numpy

Tensor = Any


@dataclass(frozen=True)
class Loss:
    """A loss summed over the rows of the batch, each row's own: `value`, in words, and its output steps if any."""

    value: Tensor
    text: str
    steps: list[int] | None


def primary_output(outputs: Any) -> Tensor:
    """The first output that is (b, ...) floats."""
    for output in keras.tree.flatten(outputs):
        if len(output.shape) >= 2 and "float" in keras.backend.standardize_dtype(output.dtype):
            return output
    raise ValueError("model: expected an output of floats (b, v) or (b, t, v), received none")


def has_steps(output: Tensor) -> bool:
    """Whether an output is (b, t, v), one row a step."""
    return len(output.shape) == 3


def chain_of(model: Any, output: Tensor) -> Chain | None:
    """What stands in the output of a model that ends in a CRF, the emissions `(b, t, n)` with their mask; else None."""
    if not isinstance(_behind_the_output(model)[1], CRF):
        return None
    chain = crf.unpack(output)
    chain.emissions._keras_mask = chain.mask  # as an output with steps has it
    return chain


def own_tags(chain: Chain) -> Tensor:
    """The tags `(b, t)` that a chain decodes to; 0 where a step is masked."""
    return ops.maximum(crf.viterbi(*chain).tags, 0)


def loss_of(model: Any, outputs: Any, at: Any, target: Any, mask: np.ndarray | None) -> Loss:
    """The loss of a run.

    Args:
        model: the Keras model that gave `outputs`.
        outputs: its outputs; the first one of floats counts.
        at: the output step, one for all rows or one a row, from 0 or, below 0, from the end; None for the last valid.
        target: what the compiled loss compares with, or None.
        mask: (b, t) bool, which output steps are valid, where the output itself does not say; or None.

    Raises:
        ValueError: a step out of range, or any behind a CRF; a target that does not fit, or one for a model without a
            loss.
    """
    output = primary_output(outputs)
    chain = chain_of(model, output)
    if chain is not None and at is not None:
        raise ValueError(f"at: the tags of a CRF are one answer, which has one loss; leave out {at}")
    if chain is not None and target is None:
        likelihood = crf.log_likelihood(own_tags(chain), *chain)
        return Loss(-ops.sum(likelihood), "−log p of the model's own tags", None)
    steps = _steps(output, at, mask)
    if target is not None:
        return _compiled(model, outputs, output, target, None if at is None else steps)
    chosen = output
    if steps is not None:
        chosen = ops.stack([output[row, step] for row, step in enumerate(steps)])  # (b, v)
    where = "" if steps is None else f" at output step {_named(steps)}"
    kind = kind_of(model, output)
    if kind == "squares":
        return Loss(ops.sum(ops.square(chosen)), f"sum of the squared output{where}", steps)
    logarithms = {
        "softmax": lambda: ops.log(ops.max(chosen, axis=-1)),
        "softmax logits": lambda: ops.max(ops.log_softmax(chosen, axis=-1), axis=-1),
        "sigmoid": lambda: ops.log(ops.maximum(chosen, 1 - chosen)),
        "sigmoid logits": lambda: ops.log_sigmoid(ops.abs(chosen)),
    }
    return Loss(-ops.sum(logarithms[kind]()), f"−log p of the model's own choice{where}", steps)


def _steps(output: Tensor, at: Any, mask: np.ndarray | None) -> list[int] | None:
    batch, length = output.shape[0], output.shape[1]
    if not has_steps(output):
        if at is not None and any(step not in (0, -1) for step in np.ravel(at)):
            raise ValueError(f"at: the model has one output a row {tuple(output.shape)}, so no step {at} to choose")
        return None
    if at is None:
        own = getattr(output, "_keras_mask", None)
        valid = mask if own is None else to_numpy(own).astype(bool)
        if valid is None or valid.shape != (batch, length):
            return [length - 1] * batch
        return [int(np.flatnonzero(row)[-1]) if row.any() else length - 1 for row in valid]
    wanted = np.broadcast_to(np.asarray(at), (batch,)) if np.ndim(at) == 0 else np.asarray(at)
    if wanted.shape != (batch,) or wanted.dtype.kind not in "iu":
        raise ValueError(f"at: expected an output step, or one for each of {batch} rows, received {at!r}")
    if (wanted < -length).any() or (wanted >= length).any():
        raise ValueError(f"at: expected an output step from 0 to {length - 1} (or from -1 back), received {at!r}")
    return [int(step) % length for step in wanted]


def steps_of(outputs: Any, at: Any, mask: np.ndarray | None) -> list[int] | None:
    """The output step of each row that `loss_of` takes; None for an output without steps."""
    return _steps(primary_output(outputs), at, mask)


def _compiled(model: Any, outputs: Any, output: Tensor, target: Any, steps: list[int] | None) -> Loss:
    if not getattr(model, "compiled", False) or model.loss is None:
        raise ValueError("target: the model is not compiled with a loss; call model.compile(loss=...) or omit `target`")
    batch = output.shape[0]
    target = keras.tree.map_structure(np.asarray, target)
    if any(part.ndim == 0 or part.shape[0] != batch for part in keras.tree.flatten(target)):
        shapes = [part.shape for part in keras.tree.flatten(target)]
        raise ValueError(f"target: expected {batch} rows, as the inputs have, received shapes {shapes}")
    if steps is not None and not isinstance(outputs, (list, tuple, dict)):
        if target.ndim < 2 or target.shape[1] != output.shape[1]:
            raise ValueError(f"target: expected {output.shape[1]} steps, received shape {target.shape}")
    elif steps is not None:
        raise ValueError("at: a model of several outputs has no single step to choose together with `target`")
    total = 0.0
    for row in range(batch):
        window = slice(None) if steps is None else slice(steps[row], steps[row] + 1)
        wanted = keras.tree.map_structure(lambda part, row=row, window=window: _cut(part, row, window), target)
        given = keras.tree.map_structure(lambda part, row=row, window=window: _cut(part, row, window), outputs)
        total = total + model.compute_loss(y=wanted, y_pred=given, training=False)
    extra = model.losses  # regularisers count once, not once a row
    total = total - (batch - 1) * sum(extra) if extra else total
    where = "" if steps is None else f" at output step {_named(steps)}"
    return Loss(total, f"compiled loss{where}", steps)


def _cut(part: Any, row: int, window: slice) -> Any:
    cut = part[row : row + 1]
    if window != slice(None):
        return cut[:, window]
    mask = getattr(part, "_keras_mask", None)
    if mask is not None:
        cut._keras_mask = mask[row : row + 1]  # compiled losses leave masked steps out
    return cut


def kind_of(model: Any, output: Tensor) -> str:
    """What the output's numbers are: probabilities, logits of a compiled loss, or neither."""
    loss = getattr(model, "loss", None)
    if getattr(loss, "from_logits", False) or getattr(getattr(loss, "fn", None), "from_logits", False):
        return "sigmoid logits" if "Binary" in type(loss).__name__ else "softmax logits"
    activation = _last_activation(model)
    if activation in ("softmax", "sigmoid"):
        return activation
    values = to_numpy(output)
    inside = bool((values >= 0).all() and (values <= 1).all())
    if activation is None and inside and values.shape[-1] > 1 and np.allclose(values.sum(axis=-1), 1, atol=1e-3):
        return "softmax"
    compiled = loss if isinstance(loss, str) else type(loss).__name__
    if inside and str(compiled).lower().replace("_", "") == "binarycrossentropy":
        return "sigmoid"
    return "squares"


def last_operation(model: Any) -> Any:
    """What computes the first output, one value at a time or not; None where the graph does not tell."""
    return _behind_the_output(model)[0]


def _behind_the_output(model: Any) -> tuple[Any, Any]:
    """The last operation, if it is called on whole outputs, and the same or the one that `TimeDistributed` calls."""
    operation = model
    while isinstance(operation, keras.Model):
        outputs = getattr(operation, "outputs", None)
        if not outputs:
            return None, operation
        floats = (each for each in outputs if len(each.shape) >= 2 and "float" in str(each.dtype))
        operation, _ = _compat.made_by(next(floats, outputs[0]))  # the one that `primary_output` takes
    inner = operation
    while isinstance(inner, keras.layers.TimeDistributed):
        inner = inner.layer
    return (operation if inner is operation and _activates(operation) else None), inner


def _activates(operation: Any) -> bool:
    return isinstance(operation, keras.layers.Softmax) or (
        isinstance(operation, keras.Layer) and getattr(operation, "activation", None) is not None
    )


def _last_activation(model: Any) -> str | None:
    """The name of the activation behind the first output; None where the graph does not tell."""
    operation = _behind_the_output(model)[1]
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    activation = getattr(operation, "activation", None)
    return None if activation is None else getattr(activation, "__name__", "other")


def _named(steps: list[int]) -> str:
    return str(steps[0]) if len(set(steps)) == 1 else ", ".join(map(str, steps))
