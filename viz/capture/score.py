"""The number whose gradient shows what a model reads: the logit of what it chose, at one step of its output."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.viz.capture.loss import chain_of, has_steps, kind_of, last_operation, own_tags, primary_output
from kerasrnn.viz.capture.observe import largest_difference, to_numpy, tolerance

Tensor = Any


class Score:
    """The logit of one class at every step of a model's output.

    The logits are what comes before the model's last softmax or sigmoid, which is watched while the model runs; where
    that cannot be seen (a head inside `TimeDistributed`, or a subclassed model's), it is log p. Of a CRF it is the
    emission of the tag that was decoded. Any other output that is no probability is taken as it is.

    Args:
        model: the Keras model.
        reference: its outputs, which say what it chose.
        target: labels to take instead: whole numbers (b,), or (b, t) for an output with steps.

    Attributes:
        text: what it is, in words.
        output: (b, v) or (b, t, v), what the classes are chosen among.
        steps: how many steps the output has, or None.
        choice: (b,) or (b, t), the class.

    Raises:
        ValueError: a target that does not fit.
    """

    def __init__(self, model: Any, reference: Any, target: Any = None) -> None:
        output = primary_output(reference)
        if len(output.shape) > 3:
            raise ValueError(f"model: expected an output (b, v) or (b, t, v), received {tuple(output.shape)}")
        self._model = model
        chain = chain_of(model, output)
        self._kind = "emissions" if chain is not None else kind_of(model, output)
        self.output = output = output if chain is None else chain.emissions
        self._seen: list[Tensor] = []
        values = to_numpy(output)
        self._one = values.shape[-1] == 1
        self.steps = values.shape[1] if has_steps(output) else None
        self.choice = self._chosen(values, target) if chain is None or target is not None else to_numpy(own_tags(chain))
        self.text = "output of the largest size" if self._kind == "squares" and not self._one else "output"
        if self._kind != "squares":
            of = "emission of" if chain is not None else "logit of"
            self.text = f"{of} the model's own choice" if target is None else f"{of} the target"

    def replacements(self) -> list[tuple[Any, str, Any]]:
        """What to replace while the model runs, so that the logits are seen."""
        operation = last_operation(self._model)
        if self._kind not in ("softmax", "sigmoid") or operation is None:
            return []
        if isinstance(operation, keras.layers.Softmax):
            return [(operation, "call", self._noting(operation.call))]
        return [(operation, "activation", self._noting(operation.activation))]

    def begin(self) -> None:
        """Forget the logits of earlier runs."""
        self._seen.clear()

    def of(self, outputs: Any, rows: np.ndarray, steps: np.ndarray | None) -> Tensor:
        """(n): the score of every row of a run's outputs, whose row `i` is a copy of row `rows[i]` of the reference.

        Args:
            outputs: what the run gave, n rows.
            rows: (n) whole numbers.
            steps: (n) the output step of each; None where the output has none.
        """
        scores = self._scores(primary_output(outputs))
        places = np.arange(len(rows))
        classes = self.choice[rows] if steps is None else self.choice[rows, steps]
        sign = np.ones(len(rows))
        if self._one:
            if self._kind != "squares":
                sign = np.where(classes > 0, 1.0, -1.0)
            classes = np.zeros(len(rows), int)
        indices = [places, classes] if steps is None else [places, steps, classes]
        import tensorflow as tf

        chosen = tf.gather_nd(scores, np.stack(indices, axis=1))
        return chosen * ops.cast(sign, chosen.dtype)

    def _noting(self, own: Callable[..., Any]) -> Callable[..., Any]:
        def noting(logits: Tensor, *args: Any, **kwargs: Any) -> Any:
            self._seen.append(logits)
            return own(logits, *args, **kwargs)

        return noting

    def _scores(self, output: Tensor) -> Tensor:
        chain = chain_of(self._model, output)
        if chain is not None:
            return chain.emissions
        if self._kind not in ("softmax", "sigmoid"):
            return output
        squash = ops.softmax if self._kind == "softmax" else ops.sigmoid
        for logits in reversed(self._seen):
            if logits.shape == output.shape and largest_difference(squash(logits), output) <= tolerance(output.dtype):
                return logits
        self.text = self.text.replace("logit of", "log p of")
        smallest = np.finfo(np.float32).tiny
        if self._kind == "sigmoid" and self._one:
            self.text = self.text.replace("log p of", "logit of")
            return ops.log(ops.maximum(output, smallest)) - ops.log(ops.maximum(1 - output, smallest))
        return ops.log(ops.maximum(output, smallest))

    def _chosen(self, values: np.ndarray, target: Any) -> np.ndarray:
        if target is None:
            if self._one:
                threshold = 0.5 if self._kind == "sigmoid" else 0.0
                return (values[..., 0] > threshold).astype(int)
            return (np.abs(values) if self._kind == "squares" else values).argmax(axis=-1)
        if self._kind == "squares":
            raise ValueError(
                "target: the model's output is no probability, so there is no class to choose; leave it out"
            )
        labels = np.asarray(target)
        if labels.ndim == values.ndim and labels.shape[-1] == 1:
            labels = labels[..., 0]
        most = 2 if self._one else values.shape[-1]
        if labels.shape != values.shape[:-1] or (labels != np.floor(labels)).any():
            raise ValueError(
                f"target: expected whole numbers of shape {values.shape[:-1]}, the class at each place, received "
                f"{labels.dtype} of shape {np.shape(target)}"
            )
        if (labels < 0).any() or (labels >= most).any():
            raise ValueError(
                f"target: expected classes from 0 to {most - 1}, received {labels.min()} to {labels.max()}"
            )
        return labels.astype(int)
