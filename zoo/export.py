"""Trained models for use elsewhere: a SavedModel that takes raw input, or a `.keras` file."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasrnn.zoo.tasks.base import Task

FORMATS = ("saved_model", "keras")


def export(task: "Task", path: Path, format: str) -> Path:
    """Write `task` to `path`, complete or not at all; see `Task.export`."""
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {', '.join(FORMATS)}; received {format!r}.")
    if format == "keras" and path.suffix != ".keras":
        raise ValueError(f"the path of a Keras model must end in .keras; received '{path}'.")
    if path.exists():
        raise FileExistsError(f"'{path}' exists: choose another path or remove it first.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name[:32]}.")
    except OSError as error:
        raise OSError(f"cannot write '{path}': '{path.parent}' is no folder to write in ({error.strerror}).") from error
    with beside as temporary:
        written = Path(temporary) / path.name
        if format == "keras":
            task.model.save(written)
        else:
            _save_graph(task, written)
        written.replace(path)
    return path


def _save_graph(task: "Task", folder: Path) -> None:
    import tensorflow as tf

    from kerasrnn.zoo.graphs import GRAPHS

    graph = GRAPHS[task.card["task"]](task)
    tf.saved_model.save(graph, str(folder), signatures={"serving_default": graph.__call__, **graph.others})
