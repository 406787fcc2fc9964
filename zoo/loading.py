"""From a preset to a task."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasrnn.zoo import preset

if TYPE_CHECKING:
    from kerasrnn.zoo.tasks.seq2seq import Seq2SeqTask


SMALL = 1024  # what an argument may be that is no side of an array, such as the steps of a forecast or of a memory


def load(name: str) -> "Seq2SeqTask":
    """The shipped model of that name: a task object with `model`, `predict`, `save` and `export`.

    Raises:
        PresetError: no such preset (the nearest is suggested), or damaged files.
    """
    return from_preset(name)


def from_preset(name_or_folder: str | Path) -> "Seq2SeqTask":
    """As `load`, also for a folder that `task.save` wrote."""
    found = preset.find(name_or_folder)
    arrays = found.arrays()  # checked before a model is built

    kind = task_class(found.card)
    largest = max((size for array in arrays.values() for size in array.shape), default=0)
    for argument, value in found.card["arguments"].items():
        if isinstance(value, int) and value > max(largest, SMALL):  # before a model of that size claims memory
            raise preset.PresetError(
                f"preset {found.name}: the argument {argument} is {value}, and no array has a side over {largest}."
            )
    try:
        task = kind.build(found.card)
    except (KeyError, TypeError, ValueError) as error:
        raise preset.PresetError(f"preset {found.name}: its card does not describe a model: {error}") from error
    variables = {variable.path: variable for variable in task.model.weights}
    shapes = {path: tuple(variable.shape) for path, variable in variables.items()}
    given = {path: array.shape for path, array in arrays.items()}
    if shapes != given:
        wrong = sorted(path for path in shapes | given if shapes.get(path) != given.get(path))
        raise preset.PresetError(f"preset {found.name}: weights and model disagree on {', '.join(wrong[:3])}.")
    for path, variable in variables.items():
        variable.assign(arrays[path])
    return task


def task_class(card: dict[str, Any]) -> Any:
    """The class of the task that a card names.

    Raises:
        PresetError: there is none.
    """
    tasks = {  # our own table: a card names code, it never brings any
        ("seq2seq", "seq2seq"): ("seq2seq", "Seq2SeqTask"),
        ("classifier", "classifier"): ("classifier", "ClassifierTask"),
        ("forecaster", "forecaster"): ("forecaster", "ForecasterTask"),
        ("language_model", "language_model"): ("language_model", "LanguageModelTask"),
        ("tagger", "tagger"): ("tagger", "TaggerTask"),
        ("tunes", "language_model"): ("tunes", "TunesTask"),
        ("translator", "seq2seq"): ("translator", "TranslatorTask"),
    }
    found = tasks.get((card["task"], card["builder"]))
    if found is None:
        raise preset.PresetError(
            f"preset {card['name']}: no task {card['task']!r} with the builder {card['builder']!r}."
        )
    module, name = found
    return getattr(importlib.import_module(f"kerasrnn.zoo.tasks.{module}"), name)


def card(name_or_folder: str | Path) -> dict[str, Any]:
    """What a preset was trained on and what it scores, without loading it."""
    return preset.find(name_or_folder).card
