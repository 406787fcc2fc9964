"""Trained models for use elsewhere: a SavedModel that takes and returns strings, or a `.keras` file."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasrnn.zoo.tasks.seq2seq import Seq2SeqTask

FORMATS = ("saved_model", "keras")


def export(task: "Seq2SeqTask", path: Path, format: str) -> Path:
    """Write `task` to `path`, complete or not at all; see `Seq2SeqTask.export`."""
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


def _save_graph(task: "Seq2SeqTask", folder: Path) -> None:
    import tensorflow as tf

    from kerasrnn.zoo.tasks.seq2seq import END, START

    class Graph(tf.Module):
        """Strings to strings. Holds variables and a table, no Keras object, so loading needs TensorFlow alone."""

        def __init__(self) -> None:
            super().__init__(name="text_to_text")
            self.encoder = task.table.graph_encoder()
            self.weights = [variable.value for variable in task.model.variables]

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
        def __call__(self, text: Any) -> dict[str, Any]:
            decoded = task.decoder.decode(self.encoder(text))
            symbols = tf.constant(["" if token in (START, END) else token for token in task.target_tokens])
            tokens = tf.gather(symbols, decoded.tokens)  # (b, t)
            return {
                "text": tf.strings.reduce_join(tokens, axis=1),
                "confidence": tf.exp(tf.reduce_sum(decoded.log_probs, axis=1)),
                "tokens": tokens,
                "source_tokens": self.encoder.tokens(text),
                "alignment": decoded.extras["alignment"],
            }

    graph = Graph()
    tf.saved_model.save(graph, str(folder), signatures={"serving_default": graph.__call__})
