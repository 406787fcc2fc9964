"""BLEU and chrF."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from kerasrnn.callbacks.validation_scores import Predict, ValidationScores, optional


class TranslationScores(ValidationScores):
    """BLEU and chrF of the model's translations of a validation set, by sacrebleu, after each epoch.

    Writes `val_bleu` and `val_chrf` to the logs, corpus scores from 0 to 100. `EarlyStopping(monitor="val_bleu",
    mode="max")` must come after it in the list of callbacks.

    Args:
        predict: `(model, inputs) -> strings`, one for each reference, detokenised.
        inputs: whatever `predict` takes.
        references: a string, or a list of strings that are all right, for each prediction.
        metrics: name to a sacrebleu metric, such as `{"bleu": sacrebleu.metrics.BLEU(tokenize="zh")}`; the first
            decides on the best epoch, the higher the better. None is `{"bleu": BLEU(), "chrf": CHRF()}`.
        every: score after this many epochs each.

    Attributes:
        signatures: name to sacrebleu's signature, which says how a score was computed; empty before there is one.
        best, best_epoch, best_predictions: of the first metric, in this call of `fit`.

    Raises:
        ImportError: sacrebleu is not installed.
        TypeError: a reference or a prediction is no string.
        ValueError: as in `ValidationScores`.

    Example:

    >>> import keras
    >>> from kerasrnn.callbacks import TranslationScores
    >>> scores = TranslationScores(
    ...     predict=lambda model, inputs: ["the cat sat on a mat"],
    ...     inputs=["le chat"],
    ...     references=["the cat sat on the mat"],
    ... )
    >>> {name: round(value, 1) for name, value in scores.evaluate(keras.Sequential()).items()}
    {'bleu': 53.7, 'chrf': 66.0}

    Reference: M. Post, A call for clarity in reporting BLEU scores, WMT 2018. M. Popović, chrF: character n-gram
    F-score for automatic MT evaluation, WMT 2015.
    """

    def __init__(
        self,
        predict: Predict,
        inputs: Any,
        references: Sequence[str | Sequence[str]],
        metrics: Mapping[str, Any] | None = None,
        every: int = 1,
    ) -> None:
        super().__init__(predict, inputs, references, every)
        sacrebleu = optional("sacrebleu.metrics", self)
        self.metrics = {"bleu": sacrebleu.BLEU(), "chrf": sacrebleu.CHRF()} if metrics is None else dict(metrics)
        self.signatures: dict[str, str] = {}
        if not self.metrics:
            raise ValueError("`metrics` must hold at least one; received none.")
        each = [one if isinstance(one, list | tuple) and one else [one] for one in references]
        _require_strings("references", [one for several in each for one in several])
        self._streams = [list(stream) for stream in zip_longest(*each)]  # sacrebleu takes first references, second ...

    def score(self, predictions: Sequence[Any]) -> dict[str, float]:
        """The corpus scores of predicted strings."""
        _require_strings("predictions", predictions)
        scores = {
            name: float(metric.corpus_score(predictions, self._streams).score) for name, metric in self.metrics.items()
        }
        self.signatures = {name: str(metric.get_signature()) for name, metric in self.metrics.items()}
        return scores


def _require_strings(what: str, values: Sequence[Any]) -> None:
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"The {what} must be strings; received {value!r}.")
