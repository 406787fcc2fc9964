"""What every task has: a `keras.Model`, a card, and ways in and out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np

from kerasrnn.zoo import preset
from kerasrnn.zoo.buckets import GRID
from kerasrnn.zoo.evaluation import Scores


class Answer(NamedTuple):
    """A result as it is shown: a line of text (or several), and the same as JSON can hold it."""

    line: str
    about: dict[str, Any]


class Shown(NamedTuple):
    """What the title of a picture says of one text: what was read, the answer, and its probability (None: no such)."""

    read: str
    text: str
    confidence: float | None
    source_tokens: list[str]


class Observation(NamedTuple):
    """What a picture needs: inputs for `model` that make it repeat its own prediction, and their tokens.

    Attributes:
        inputs: what the model reads.
        targets: for the compiled loss.
        source_tokens, tokens: the texts of each step of what it reads and of what it writes, a list a row.
        predictions: a row each, with `read`, `text`, `confidence` and `source_tokens`.
        read: the texts of each step that the decoder reads, where they are not those that it writes.
    """

    inputs: Any
    targets: np.ndarray
    source_tokens: list[list[str]]
    tokens: list[list[str]]
    predictions: Sequence[Any]
    read: list[list[str]] | None = None

    def along(self, layer: str) -> list[list[str]]:
        """The tokens on a layer's time axis: for the decoder and a pooling what is written, else the source's."""
        return self.tokens if layer in ("decoder", "pooling") else self.source_tokens

    def read_by(self, layer: str) -> list[list[str]]:
        """What a layer reads at each step."""
        return self.read if layer == "decoder" and self.read is not None else self.along(layer)


class Task(ABC):
    """A model with what stands around it: raw input in, results out.

    Args:
        model: made by the builder that the card names, with `card["arguments"]`.
        card: the preset's card.

    Raises:
        ValueError: a vocabulary that does not fit the model.
    """

    builder: ClassVar[str]
    roles: ClassVar[tuple[str, ...]] = ()  # of the columns that its files have
    grid: ClassVar[tuple[int, ...]] = GRID  # the lengths to which its batches are padded in training
    model: keras.Model

    def __init__(self, model: keras.Model, card: dict[str, Any]) -> None:
        self.model, self.card = model, card

    @classmethod
    def build(cls, card: dict[str, Any]) -> Any:
        """A task with fresh weights, from a card's `arguments` and `vocabulary`."""
        from kerasrnn.zoo import builders

        model = getattr(builders, cls.builder)(**card["arguments"], name=card["name"])
        # SGD keeps no state of its own, so a saved file holds the weights alone; recompile to train
        model.compile("sgd", cls.loss(card), jit_compile=False)
        return cls(model, card)

    @classmethod
    @abstractmethod
    def loss(cls, card: dict[str, Any]) -> Any:
        """The loss that the model is trained with."""

    @property
    def name(self) -> str:
        return self.card["name"]

    @abstractmethod
    def read(self, path: Path, **columns: Any) -> list[Any]:
        """The examples of a file, in any of the formats that the task takes.

        Raises:
            ValueError: another format, or a line that is wrong, with its number.
        """

    def columns(self, given: dict[str, Any]) -> dict[str, Any]:
        """The columns that were chosen, each of a role that the task has; ValueError for another."""
        for role in given:
            if role not in self.roles:
                raise ValueError(f"{self.name} reads no column {role!r}; it reads {', '.join(self.roles) or 'none'}.")
        return given

    def check(self, examples: Sequence[Any]) -> None:
        """Raise ValueError, before any long work, if there are none or some that the model can never answer rightly."""
        if not examples:
            raise ValueError("there are no examples.")

    @abstractmethod
    def length(self, example: Any) -> int:
        """How long an example is, in the model's steps."""

    @abstractmethod
    def batch(self, examples: Sequence[Any], rng: np.random.Generator | None = None, length: int | None = None) -> Any:
        """Inputs and targets of the model; with `rng`, as in training."""

    @abstractmethod
    def evaluate(self, examples: Sequence[Any]) -> Scores:
        """What each example contributes to the task's metrics."""

    @abstractmethod
    def predict(self, texts: Sequence[Any]) -> list[Any]:
        """The model's answer to each text, or to each of what else it reads."""

    @abstractmethod
    def observe(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> Observation:
        """What to run `model` on to see it at work on these texts; `targets` as texts, by default its own answers."""

    @abstractmethod
    def answers(self, texts: Sequence[str], **options: Any) -> list[Answer]:
        """The answers to what stands on a command line: texts, or paths of files where the model reads no text.

        Raises:
            ValueError: an option that the task does not have.
        """

    @staticmethod
    def run(model: keras.Model, inputs: Any, many: bool) -> Any:
        """The outputs of a model as arrays: eagerly, or for many examples by a graph, which takes time to compile."""
        if many:
            return model.predict_on_batch(inputs)
        return keras.tree.map_structure(keras.ops.convert_to_numpy, model(inputs, training=False))

    def empty(self, text: str) -> ValueError:
        """The error for a text that holds nothing to read."""
        return ValueError(f"the text {text!r} is empty: give some text, such as {self.card['example']!r}.")

    def only(self, options: dict[str, Any], *known: str) -> dict[str, Any]:
        """The options that were given, all of them known; ValueError for another."""
        given = {name: value for name, value in options.items() if value is not None}
        for name in given:
            if name not in known:
                takes = ", ".join(f"--{each.replace('_', '-')}" for each in known) or "no options of this kind"
                raise ValueError(f"{self.name} has no --{name.replace('_', '-')}; it takes {takes}.")
        return given

    def save(self, folder: str | Path) -> None:
        """Write a preset folder, card and float16 weights; `zoo.from_preset(folder)` loads it."""
        with np.errstate(over="ignore"):  # `write` refuses what float16 cannot hold
            arrays = {v.path: keras.ops.convert_to_numpy(v).astype(np.float16) for v in self.model.weights}
        preset.write(Path(folder), self.card, arrays)

    def export(self, path: str | Path, format: str = "saved_model") -> Path:
        """Write the model for use elsewhere.

        Args:
            path: a folder that does not exist yet (`"saved_model"`), or a `.keras` file (`"keras"`).
            format: `"saved_model"`: raw input in, results out; needs TensorFlow alone. `"keras"`: the `keras.Model`;
                loads with `keras.saving.load_model` after `import kerasrnn`.

        Returns:
            The path that was written.

        Raises:
            ValueError: an unknown format, or a suffix that does not fit.
            FileExistsError: the target exists.
        """
        from kerasrnn.zoo import export

        return export.export(self, Path(path), format)


def require_list(texts: Any) -> None:
    """Raise TypeError for one string where a list of them is expected: its characters would be taken for texts."""
    if isinstance(texts, str):
        raise TypeError("`texts` must be a list of strings; received one string, pass [text].")
