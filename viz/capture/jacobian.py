"""What each output reads: the sensitivity of its logit to every step of the input."""

import functools
from typing import Any

import keras
import numpy as np

from kerasrnn.viz.arrays import Capture, rows_of_tokens
from kerasrnn.viz.capture.entry import Entry
from kerasrnn.viz.capture.loss import primary_output
from kerasrnn.viz.capture.observe import largest_difference, observing, to_numpy, tolerance
from kerasrnn.viz.capture.score import Score

Tensor = Any
_MOST = 4_000_000  # entries of one matrix; more is no picture


def capture_jacobian(
    model: Any,
    inputs: Any,
    *,
    layer: str | None = None,
    target: Any = None,
    tokens: list[list[str]] | list[str] | None = None,
    source_tokens: list[list[str]] | list[str] | None = None,
) -> Capture:
    """Run `model` on `inputs` and return how much each output step depends on each step of what a layer reads.

    J[i, t] = ‖∂ logit_i / ∂e_t‖₂: logit_i belongs to the class that the model chose at output step i (or to `target`),
    e_t (d) is what the layer reads at step t, usually the token's embedding. In a causal model J is zero above the
    diagonal. (A. Madsen, Visualizing memorization in RNNs, Distill 2019.)

    A row of the batch is copied once for each output step, so that one backward pass gives many rows of J.

    Args:
        model: a Keras model, on TensorFlow.
        inputs: what the model takes: an array, or a list or dict of arrays.
        layer: the recurrent layer whose input is e; by default the first to run along whole rows of
            the batch, without one the first embedding.
        target: the classes to take instead of the model's own choice, whole numbers (b, t) or (b,).
        tokens: the strings along the output, one list a row of the batch.
        source_tokens: the strings along e.

    Returns:
        A `Capture` with `LAYER/jacobian` (b, i, t), zero where either step is masked. `facts` says what the logit is,
        and whether J is causal: True, False, or None where the two axes are not of one length.

    Raises:
        TypeError: no Keras model, or inputs that are not numbers.
        ValueError: nothing to differentiate by, or `target` or inputs that do not fit the model.
        RuntimeError: another backend than TensorFlow, or a model whose rows depend on each other.
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(f"gradients need Keras' TensorFlow backend; this is {keras.config.backend()}")
    import tensorflow as tf

    with observing(model, inputs) as observed:
        score = Score(model, observed.reference, target)
        length = score.steps or 1
        entry = Entry(observed, layer, score, check=functools.partial(_check_size, length))
        batch, reads = entry.mask.shape
        mask = _output_mask(score.output, entry.mask, (batch, length))
        matrix = np.zeros((batch, length, reads))
        places = np.argwhere(mask)  # (row, step)
        if entry.alone:
            with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
                watched = _Watched(tape)
                outputs = entry.run(watched)
                logits = [_logit(score, outputs, np.arange(batch), step) for step in range(length)]
            for step, logit in enumerate(logits):
                matrix[:, step] = watched.norms(logit)
        else:
            for start in range(0, len(places), entry.portion):
                rows, steps = places[start : start + entry.portion].T
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    watched = _Watched(tape)
                    outputs = entry.run(watched, rows)
                    logit = _logit(score, outputs, rows, steps)
                _check_rows(observed.reference, outputs, rows)
                matrix[rows, steps] = watched.norms(logit)
    matrix = np.where(mask[:, :, None] & entry.mask[:, None], matrix, 0)
    causal = not np.triu(matrix, 1).any() if length == reads else None
    return Capture(
        {f"{entry.label}/jacobian": matrix},
        entry.label,
        rows_of_tokens(tokens, batch, length, "tokens"),
        rows_of_tokens(source_tokens, batch, reads, "source_tokens"),
        mask,
        entry.mask,
        entry.note,
        {"of": score.text, "causal": causal},
    )


def _check_size(length: int, shape: tuple[int, ...]) -> None:
    batch, reads = shape[:2]
    if batch * length * reads > _MOST:
        raise ValueError(
            f"inputs: expected at most {_MOST:,} pairs of an output step and an input step, received {batch} "
            f"row{'s'[: batch != 1]} of {length} by {reads}; give fewer or shorter rows"
        )


class _Watched:
    """Passes the vectors on, watched by a tape, and tells the norms of a number's gradients by them."""

    def __init__(self, tape: Any) -> None:
        self._tape = tape
        self._vectors: Tensor = None

    def __call__(self, vectors: Tensor) -> Tensor:
        self._vectors = keras.ops.copy(vectors)
        self._tape.watch(self._vectors)
        return self._vectors

    def norms(self, value: Tensor) -> np.ndarray:
        """(n, t): the 2-norm over d."""
        gradient = self._tape.gradient(value, self._vectors, unconnected_gradients="zero")
        return np.sqrt((to_numpy(gradient).astype(float) ** 2).sum(axis=-1))


def _logit(score: Score, outputs: Any, rows: np.ndarray, steps: Any) -> Tensor:
    """The sum of the scores of the rows of a run, each at its own step."""
    at = None if score.steps is None else np.broadcast_to(steps, rows.shape)
    return keras.ops.sum(score.of(outputs, rows, at))


def _output_mask(outputs: Any, reads: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(b, i) bool: which output steps count: as the output says, else as the layer's own mask if that fits."""
    own = getattr(primary_output(outputs), "_keras_mask", None)
    if own is not None and tuple(own.shape) == shape:
        return to_numpy(own).astype(bool)
    return reads if reads.shape == shape else np.ones(shape, bool)


def _check_rows(reference: Any, outputs: Any, rows: np.ndarray) -> None:
    output = primary_output(outputs)
    expected = to_numpy(primary_output(reference))[rows]
    difference = largest_difference(expected, output)
    if difference > tolerance(output.dtype):
        raise RuntimeError(
            f"model: a row copied into another batch gives another output (by {difference:.2g} of its size): its rows "
            "depend on each other, so none has a sensitivity of its own"
        )
