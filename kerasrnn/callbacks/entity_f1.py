"""F1 of entities."""

from collections.abc import Sequence
from typing import Any

from kerasrnn.callbacks.validation_scores import Predict, ValidationScores, optional


class EntityF1(ValidationScores):
    """Precision, recall and F1 of whole entities in a validation set, by seqeval, after each epoch.

    An entity is right if its type, its first and its last token are. Writes `val_entity_f1`, `val_entity_precision` and
    `val_entity_recall` to the logs, from 0 to 1, over all entities together (micro-average; 0 where there are none).
    `EarlyStopping(monitor="val_entity_f1", mode="max")` must come after it in the list of callbacks.

    Args:
        predict: `(model, inputs) -> lists of tags`, one list for each sentence, without padding.
        inputs: whatever `predict` takes.
        references: the right tags of each sentence, such as `[["B-PER", "I-PER", "O"], ...]`.
        scheme: None reads tags as conlleval does, where an entity may also begin with I; "IOB1", "IOB2" (BIO), "IOE1",
            "IOE2", "IOBES" (BIOES) or "BILOU" count an entity only where it is spelled right in that scheme.
        every: score after this many epochs each.

    Attributes:
        best, best_epoch, best_predictions: of the F1, in this call of `fit`.

    Raises:
        ImportError: seqeval is not installed.
        ValueError: an unknown scheme; a sentence with more or fewer predicted tags than it has; as in
            `ValidationScores`.

    Example:

    >>> import keras
    >>> from kerasrnn.callbacks import EntityF1
    >>> scores = EntityF1(
    ...     predict=lambda model, inputs: [["B-PER", "I-PER", "O", "B-LOC"]],
    ...     inputs=["Ada Lovelace, London"],
    ...     references=[["B-PER", "I-PER", "O", "B-ORG"]],
    ... )
    >>> scores.evaluate(keras.Sequential())
    {'entity_f1': 0.5, 'entity_precision': 0.5, 'entity_recall': 0.5}

    Reference: E. F. Tjong Kim Sang, F. De Meulder, Introduction to the CoNLL-2003 shared task, CoNLL 2003.
    """

    def __init__(
        self,
        predict: Predict,
        inputs: Any,
        references: Sequence[Sequence[str]],
        scheme: str | None = None,
        every: int = 1,
    ) -> None:
        super().__init__(predict, inputs, [list(tags) for tags in references], every)
        schemes = optional("seqeval.scheme", self)
        known = {"IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"}
        if scheme is not None and scheme not in known:
            raise ValueError(f"`scheme` must be None or one of {sorted(known)}; received {scheme!r}.")
        self.scheme = scheme
        self._options = {} if scheme is None else {"mode": "strict", "scheme": getattr(schemes, scheme)}
        self._seqeval = optional("seqeval.metrics", self)

    def score(self, predictions: Sequence[Any]) -> dict[str, float]:
        """F1, precision and recall of predicted tags."""
        found = [list(tags) for tags in predictions]
        for at, (have, want) in enumerate(zip(found, self.references, strict=True)):
            if len(have) != len(want):
                raise ValueError(f"Sentence {at} has {len(want)} tags; `predict` gave {len(have)}.")
        functions = {
            "entity_f1": self._seqeval.f1_score,
            "entity_precision": self._seqeval.precision_score,
            "entity_recall": self._seqeval.recall_score,
        }
        return {
            name: float(function(self.references, found, zero_division=0, **self._options))
            for name, function in functions.items()
        }
