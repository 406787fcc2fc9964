"""A recipe: all that makes a preset out of data, but the data."""

import inspect
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerasrnn.zoo.readers.files import part

COMMON = {
    "epochs": 10,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "seed": 1,
    "clip": 1.0,  # greatest global norm of the gradient
    "weight_decay": 0.0,
    "average": 0.99,  # momentum of the averaged weights; 0 for none
    "dropout": 0.3,
}


@dataclass(frozen=True)
class Recipe:
    """How one preset is made.

    Attributes:
        name: of the preset.
        options: what a run may change, with its usual values; beside those of `COMMON`.
        patterns: the names that its files have in a folder, with `{part}`.
        reads: path and columns to examples.
        card: training examples and options to the card of an untrained model.
        folders: names of the folders that it was trained on, for the command in the card.
        batches: task, examples, options and number of an epoch to its batches; None for batches of like lengths.
        training_model: task and options to a model that shares the task's weights and is trained in its place.
        start: task, training examples and options; called before a new model is trained, as to give it word vectors.
        loss: options to the loss, where it is not that of the task.
        join: training examples, validation examples and options to the validation examples that are scored.
        finish: task and validation examples, called at the end, such as to calibrate probabilities.
        best: the metric that chooses the weights to keep; None for the last ones.
        lower: whether less of it is better.
        made_by: the program that trained the preset as it is shipped, where that makes its data; None for this recipe.
        by: how the scores in the card are grouped, as in `kerasrnn evaluate --by`; None for not at all.
    """

    name: str
    patterns: Sequence[str]
    reads: Callable[..., list[Any]]
    card: Callable[[list[Any], dict[str, Any]], dict[str, Any]]
    folders: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    batches: Callable[..., Any] | None = None
    training_model: Callable[..., Any] | None = None
    start: Callable[[Any, list[Any], Mapping[str, Any]], None] | None = None
    loss: Callable[[Mapping[str, Any]], Any] | None = None
    join: Callable[..., list[Any]] | None = None
    finish: Callable[[Any, list[Any]], None] | None = None
    best: str | None = None
    lower: bool = False
    made_by: str | None = None
    by: str | None = "length"

    def with_options(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """All options, some of them changed; text becomes the type of the usual value.

        Raises:
            ValueError: an unknown option, or a value of another type.
        """
        options = {**COMMON, **self.options}
        for name, value in changes.items():
            if name not in options:
                raise ValueError(f"{self.name} has no option {name!r}; it has {', '.join(options)}.")
            kind = type(options[name])
            try:
                options[name] = kind(int(value)) if kind is bool else kind(value)
            except (TypeError, ValueError) as error:
                raise ValueError(f"option {name}: expected {kind.__name__}, received {value!r}.") from error
        for name, least in {"epochs": 1, "batch_size": 1, "seed": 0}.items():
            if options[name] < least:
                raise ValueError(f"option {name}: expected at least {least}, received {options[name]}.")
        for name in ("learning_rate", "clip"):
            if not 0 < options[name] < math.inf:
                raise ValueError(f"option {name}: expected a positive number, received {options[name]}.")
        for name in ("average", "dropout", "weight_decay"):
            if not 0 <= options[name] < 1:
                raise ValueError(f"option {name}: expected a number from 0 to below 1, received {options[name]}.")
        return options

    def file(self, folder: Path, which: str) -> Path:
        """The file of a folder that holds the part `train`, `valid` or `test`; ValueError if there is none."""
        return part(folder, which, self.patterns)

    def read(
        self, data: Sequence[Path], valid: Sequence[Path], columns: Mapping[str, Any]
    ) -> tuple[list[Any], list[Any]]:
        """Training and validation examples.

        Raises:
            ValueError: missing or wrong files.
        """
        roles = list(inspect.signature(self.reads).parameters)[1:]
        for role in columns:
            if role not in roles:
                raise ValueError(f"{self.name} reads no column {role!r}; it reads {', '.join(roles) or 'none'}.")
        train_files, valid_files = [], list(valid)
        for path in data:
            if not path.exists():
                raise ValueError(f"there is no {path}: give a folder with the data of {self.name}, or a file.")
            train_files.append(self.file(path, "train") if path.is_dir() else path)
            if path.is_dir() and not valid:
                valid_files.append(self.file(path, "valid"))
        if not valid_files:
            raise ValueError(
                "there are no validation examples: give them with --valid FILE, or a folder with both parts."
            )
        return (
            [example for path in train_files for example in self.reads(path, **columns)],
            [example for path in valid_files for example in self.reads(path, **columns)],
        )

    def command(self, data: Sequence[Path], folder: Path, changes: Mapping[str, Any], start_from: str | None) -> str:
        """The command that repeats a run, with the last parts of its paths."""
        words = ["kerasrnn", "train", self.name]
        for path in data:
            words += ["--data", path.name]
        words += ["--out", f"runs/{folder.name}"]
        if start_from is not None:
            words += ["--from", Path(start_from).name]
        usual = {**COMMON, **self.options}
        for name, value in changes.items():
            if value != usual[name]:
                words += ["--set", f"{name}={value}"]
        return shlex.join(words)

    def provenance(
        self,
        card: Mapping[str, Any],
        data: Sequence[Path],
        valid: Sequence[Path],
        changes: Mapping[str, Any],
        start_from: str | None,
        counts: tuple[int, int],
    ) -> dict[str, str]:
        """What a card says of where a model comes from: the recipe's own words only where they are true of the run."""
        names = ", ".join(path.name for path in data)
        if not valid and start_from is None and sorted(path.name for path in data) == sorted(self.folders):
            return {"notes": ""} if changes else {}
        before = None if start_from is None else Path(start_from).name
        held = ", ".join(path.name for path in valid) or "the validation part beside it"
        return {
            "title": f"{before}, trained further on {names}" if before else f"As {self.name}, trained on {names}",
            "data": f"{names}, {counts[0]:,} examples" + (f"; before that: {card['data']}" if before else ""),
            "licence": "that of the data" + (f", and that of {before}: {card['licence']}" if before else ""),
            "split": f"{held} for validation, {counts[1]:,} examples",
            "notes": "",
        }
