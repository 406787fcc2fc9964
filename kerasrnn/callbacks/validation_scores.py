"""Scores of what a model predicts for a validation set, while it trains."""

import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import keras

Predict = Callable[[keras.Model, Any], Sequence[Any]]


class ValidationScores(keras.callbacks.Callback, ABC):
    """Predicts a validation set at the ends of epochs, scores it, and writes the scores to the logs.

    A base class: `score` compares predictions with references. What a prediction is, a string or a list of tags, is
    between `predict` and `score`, so it serves any model and any way of decoding.

    Each score is in `logs` as `val_NAME`, where the progress bar, `History`, and every callback *behind this one in
    the list* find it: put `EarlyStopping` and `ModelCheckpoint` after it and give them a `mode`, which Keras cannot
    know. An epoch that is not scored has no such log, as with Keras' own `validation_freq`.

    Args:
        predict: `(model, inputs) -> predictions`, one for each reference.
        inputs: whatever `predict` takes.
        references: what the predictions ought to be, in their order.
        every: score after this many epochs each, from 1.

    Attributes:
        best: the highest value of the first score in this call of `fit`, None before there is one.
        best_epoch: the epoch that gave it, from 0.
        best_predictions: the predictions that gave it.

    Raises:
        ValueError: no references; `every` below 1; as many predictions as references do not come.

    Example:

    >>> import keras, numpy as np
    >>> from kerasrnn.callbacks import ValidationScores
    >>> class Exact(ValidationScores):
    ...     def score(self, predictions):
    ...         return {"exact": float(np.mean([a == b for a, b in zip(predictions, self.references)]))}
    >>> exact = Exact(lambda model, inputs: [str(x) for x in inputs], [1, 2], ["1", "3"])
    >>> exact.evaluate(keras.Sequential())
    {'exact': 0.5}
    """

    def __init__(self, predict: Predict, inputs: Any, references: Sequence[Any], every: int = 1) -> None:
        super().__init__()
        if len(references) == 0:
            raise ValueError("`references` must hold at least one; received none.")
        if every < 1:
            raise ValueError(f"`every` must be at least 1 epoch; received {every}.")
        self.predict = predict
        self.inputs = inputs
        self.references = references
        self.every = every
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.best_predictions: list[Any] | None = None

    @abstractmethod
    def score(self, predictions: Sequence[Any]) -> dict[str, float]:
        """The scores of predictions by name, the one that decides on the best first."""

    def evaluate(self, model: keras.Model) -> dict[str, float]:
        """The scores of a model, at any time."""
        return self.score(self._predictions(model))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the best of an earlier `fit`."""
        self.best = self.best_epoch = self.best_predictions = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score the model in training, if it is the epoch for it."""
        if (epoch + 1) % self.every:
            return
        predictions = self._predictions(self.model)
        scores = self.score(predictions)
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in scores.items()})
        first = next(iter(scores.values()))
        if first > (-math.inf if self.best is None else self.best):
            self.best, self.best_epoch, self.best_predictions = first, epoch, predictions

    def _predictions(self, model: keras.Model) -> list[Any]:
        predictions = list(self.predict(model, self.inputs))
        if len(predictions) != len(self.references):
            raise ValueError(
                f"`predict` must give one prediction for each of {len(self.references)} references; it gave "
                f"{len(predictions)}."
            )
        return predictions


def optional(module: str, user: Any) -> Any:
    """A module of the extra `eval`, for an instance that needs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ImportError(f'{type(user).__name__} needs {library}: pip install "kerasrnn[eval]"') from error
