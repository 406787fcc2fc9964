"""A label for a whole text, or for a whole series of numbers."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasrnn.zoo.buckets import in_order
from kerasrnn.zoo.evaluation import Scores, ratio
from kerasrnn.zoo.readers.idx import read_images
from kerasrnn.zoo.readers.tables import rows
from kerasrnn.zoo.tasks.base import Answer, Observation, Shown, Task, require_list
from kerasrnn.zoo.text import script_of
from kerasrnn.zoo.words import WordTable, cut

POSITIONS, ALONE = 16_384, 64
BINS = 15  # of confidence, for the calibration error


class Example(NamedTuple):
    """Words, or values `(t, d)`, and their label."""

    content: Any
    label: str


class Classified(NamedTuple):
    """One result: the label, its probability, and those of all labels."""

    label: str
    confidence: float
    probabilities: dict[str, float]


class ClassifierTask(Task):
    """Classifies texts; or, with `features` among the model's arguments, series of numbers."""

    builder = "classifier"
    roles = ("text", "label")

    def __init__(self, model: keras.Model, card: dict[str, Any]) -> None:
        super().__init__(model, card)
        vocabulary, arguments = card["vocabulary"], card["arguments"]
        self.labels: list[str] = arguments["labels"]
        self.reads_words = bool(arguments.get("word_size"))
        self.table = WordTable.from_card(vocabulary) if self.reads_words else None
        self.rare = vocabulary.get("rare", 0)
        self.unknown_rate = float(vocabulary.get("unknown_rate", 0.0))
        self.temperature = float(vocabulary.get("temperature", 1.0))
        if self.table is not None and arguments["word_size"] != self.table.size:
            raise ValueError("the model's arguments and the vocabulary disagree on the number of words")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"vocabulary: 'temperature' must be a positive number; found {self.temperature}")

    @classmethod
    def loss(cls, card: dict[str, Any]) -> Any:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def read(self, path: Path, **columns: Any) -> list[Example]:
        columns = self.columns(columns)
        if not self.reads_words:
            return read_pixels(path)
        return read_labelled(path, self.card["vocabulary"].get("names"), **columns)

    def length(self, example: Example) -> int:
        return len(example.content)

    def batch(
        self, examples: Sequence[Example], rng: np.random.Generator | None = None, length: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        inputs = self.inputs([example.content for example in examples], length)
        if rng is not None and self.unknown_rate:
            inputs[(inputs > 1) & (rng.random(inputs.shape) < self.unknown_rate)] = 1
        return inputs, self.targets(examples)

    def inputs(self, contents: Sequence[Any], length: int | None = None) -> np.ndarray:
        """What the model reads: ids `(b, t)`, or values `(b, t, d)`."""
        if self.table is not None:
            return self.table.encode(contents, length)
        return np.stack([np.asarray(content, np.float32) for content in contents])

    def logits(self, contents: Sequence[Any]) -> np.ndarray:
        """`(n, labels)`, before the temperature."""
        found = np.zeros((len(contents), len(self.labels)), np.float32)
        many = len(contents) > ALONE
        most = POSITIONS if many else None
        sizes = [len(each) for each in contents]
        for chosen, padded in in_order(sizes, batch_size=128 if many else len(contents), most=most):
            if self.table is not None:
                length = padded if many else max(sizes[i] for i in chosen)
                found[chosen] = self.run(self.model, self.inputs([contents[i] for i in chosen], length), many)
                continue
            steps = np.array([sizes[i] for i in chosen])
            for each in np.unique(steps):  # numbers have no padding
                alike = chosen[steps == each]
                found[alike] = self.run(self.model, self.inputs([contents[i] for i in alike]), many)
        return found

    def predict(self, texts: Sequence[Any]) -> list[Classified]:
        """The label of each text, or of each array `(t, d)`."""
        require_list(texts)
        contents = [cut(text) for text in texts] if self.reads_words else list(texts)
        features = self.card["arguments"].get("features", 0)
        for text, content in zip(texts, contents, strict=True):
            if features and (np.ndim(content) != 2 or np.shape(content)[1] != features or not len(content)):
                raise ValueError(f"{self.name} reads numbers (t, {features}); received {np.shape(content)}.")
            if not len(content):
                raise self.empty(text)
        shares = softmax(self.logits(contents) / self.temperature)
        return [
            Classified(
                self.labels[int(row.argmax())], float(row.max()), dict(zip(self.labels, map(float, row), strict=True))
            )
            for row in shares
        ]

    def observe(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> Observation:
        contents: list[Any] = (
            [cut(text) for text in texts] if self.reads_words else [self._values(text) for text in texts]
        )
        found = self.predict(texts if self.reads_words else contents)
        labels = [each.label for each in found] if targets is None else targets
        inputs, ids = self.batch([Example(*pair) for pair in zip(contents, labels, strict=True)])
        tokens = contents if self.reads_words else [[str(step) for step in range(len(each))] for each in contents]
        read = [" ".join(words) for words in contents] if self.reads_words else list(texts)
        shown = [
            Shown(text, each.label, each.confidence, steps)
            for text, each, steps in zip(read, found, tokens, strict=True)
        ]
        return Observation(inputs, ids, tokens, [[label] for label in labels], shown)

    def _values(self, text: str) -> np.ndarray:
        """What a word on the command line stands for: the example of the card, or an .npy file."""
        if text == self.card["example"] and "values" in self.card["vocabulary"]:
            return np.asarray(self.card["vocabulary"]["values"], np.float32)[:, None]
        return read_values(Path(text))

    def answers(self, texts: Sequence[str], **options: Any) -> list[Answer]:
        self.only(options)
        contents = list(texts) if self.reads_words else [self._values(text) for text in texts]
        return [
            Answer(
                f"{found.label}  {found.confidence:.1%}",
                {
                    "text": text,
                    "label": found.label,
                    "confidence": found.confidence,
                    "probabilities": found.probabilities,
                },
            )
            for text, found in zip(texts, self.predict(contents), strict=True)
        ]

    def evaluate(self, examples: Sequence[Example]) -> Scores:
        contents, targets = [each.content for each in examples], self.targets(examples)
        shares = softmax(self.logits(contents) / self.temperature)
        lengths = np.array([len(content) for content in contents])
        rows_, labels = statistics(shares, targets), [each.label for each in examples]
        guessed = shares.argmax(axis=1)
        table = {
            label: {
                "recall": float(np.mean(guessed[targets == i] == i)) if (targets == i).any() else None,
                "precision": float(np.mean(targets[guessed == i] == i)) if (guessed == i).any() else None,
                "examples": int((targets == i).sum()),
            }
            for i, label in enumerate(self.labels)
        }
        groups = {"label": labels}
        if self.reads_words:
            groups["script"] = [script_of(" ".join(content)) for content in contents]
        return Scores(rows_, combine, lengths, "accuracy", groups=groups, details={"labels": table})

    def check(self, examples: Sequence[Example]) -> None:
        super().check(examples)
        self.targets(examples)

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """The ids of the labels; ValueError for one that the model does not know."""
        unknown = sorted({each.label for each in examples} - set(self.labels))
        if unknown:
            raise ValueError(f"the label {unknown[0]!r} is none of {self.name}'s: {', '.join(self.labels)}.")
        return np.array([self.labels.index(each.label) for each in examples], np.int32)

    def calibrate(self, examples: Sequence[Example]) -> float:
        """Find the temperature that makes the probabilities of these examples fit best, and keep it in the card.

        Reference: C. Guo et al., On calibration of modern neural networks, ICML 2017, section 4.2.
        """
        logits, targets = self.logits([each.content for each in examples]), self.targets(examples)
        grid = np.exp(np.linspace(np.log(0.25), np.log(8), 401))
        losses = [
            -np.log(np.maximum(softmax(logits / each), 1e-12))[np.arange(len(targets)), targets].mean() for each in grid
        ]
        self.temperature = round(float(grid[int(np.argmin(losses))]), 4)
        self.card["vocabulary"]["temperature"] = self.temperature
        return self.temperature


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis, in float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def statistics(shares: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Of each example: right, log loss, 1; then for each bin of confidence: confidence and right."""
    right = (shares.argmax(axis=1) == targets).astype(float)
    loss = -np.log(np.maximum(shares[np.arange(len(targets)), targets], 1e-12))
    confidence = shares.max(axis=1)
    bins = np.eye(BINS)[np.minimum((confidence * BINS).astype(int), BINS - 1)]
    return np.concatenate(
        [np.stack([right, loss, np.ones(len(right))], axis=1), bins * confidence[:, None], bins * right[:, None]],
        axis=1,
    )


def combine(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy, log loss, and the expected calibration error (Naeini, Cooper, Hauskrecht, AAAI 2015)."""
    gaps = np.abs(sums[..., 3 : 3 + BINS] - sums[..., 3 + BINS :]).sum(axis=-1)
    named = {"accuracy": sums[..., 0], "log loss": sums[..., 1], "calibration error": gaps}
    return {name: ratio(value, sums[..., 2]) for name, value in named.items()}


def read_labelled(
    path: Path, names: dict[str, str] | None = None, text: str | int = "text", label: str | int = "label"
) -> list[Example]:
    """Texts and labels of a `.tsv`, `.csv` or `.jsonl` file; `names` renames labels, as 1 to positive."""
    names = names or {}
    found = []
    for number, (words, given) in rows(path, [text, label]):
        if not isinstance(words, str) or not words.strip():
            raise ValueError(f"{path}:{number}: expected a text, found {words!r:.60}.")
        if not isinstance(given, (str, int, float)) or not str(given).strip():
            raise ValueError(f"{path}:{number}: expected a label, found {given!r:.60}.")
        found.append(Example(cut(words), names.get(str(given), str(given))))
    if not found:
        raise ValueError(f"{path} holds no example.")
    return found


def read_pixels(path: Path) -> list[Example]:
    """Images pixel by pixel, `(784, 1)` from 0 to 1, and their labels."""
    images, labels = read_images(path)
    values = (images.reshape(len(images), -1, 1) / 255.0).astype(np.float32)
    return [Example(value, str(label)) for value, label in zip(values, labels, strict=True)]


def read_values(path: Path) -> np.ndarray:
    """One sequence of numbers `(t, d)` from an `.npy` file; one of rank 1, or an image of bytes, becomes `(t, 1)`."""
    try:
        values = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"cannot read {path} as an .npy file of numbers: {error}.") from error
    if values.dtype == np.uint8:
        values = values.reshape(-1, 1) / 255.0
    if values.dtype.kind not in "biuf" or values.ndim not in (1, 2) or not values.size:
        raise ValueError(f"{path}: expected numbers (t, d), found {values.dtype} {values.shape}.")
    return np.asarray(values[:, None] if values.ndim == 1 else values, np.float32)
