"""The tasks as TensorFlow graphs: raw input in, results out. They hold variables and tables, no Keras object."""

import math
from typing import Any

import tensorflow as tf

from kerasrnn.zoo.tasks.forecaster import DAY
from kerasrnn.zoo.text import SPACES_PATTERN


class Graph(tf.Module):
    """A task as a module to be saved; `__call__` is its signature, `others` are more of them by their names.

    Args:
        task: what to export.
        name: of the module.
    """

    def __init__(self, task: Any, name: str) -> None:
        super().__init__(name=name)
        self.weights = [variable.value for variable in task.model.variables]
        self.others: dict[str, Any] = {}


def text_to_text(task: Any) -> Graph:
    """Strings to strings and alignments, decoding inside."""
    from kerasrnn.zoo.tasks.seq2seq import END, START

    class TextToText(Graph):
        def __init__(self) -> None:
            super().__init__(task, "text_to_text")
            self.encoder = task.table.graph_encoder()

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
        def __call__(self, text: Any) -> dict[str, Any]:
            decoded = task.decoder.decode(self.encoder(text))
            symbols = tf.constant(["" if token in (START, END) else token for token in task.target_tokens])
            tokens = tf.gather(symbols, decoded.tokens)  # (b, t)
            return {
                "text": self.encoder.join(tokens),
                "confidence": tf.exp(tf.reduce_sum(decoded.log_probs, axis=1)),
                "tokens": tokens,
                "source_tokens": self.encoder.tokens(text),
                **decoded.extras,  # the alignment, if the model attends
            }

    return TextToText()


def tagger(task: Any) -> Graph:
    """Strings to words and tags, "" after the last."""

    class Tagger(Graph):
        def __init__(self) -> None:
            super().__init__(task, "tagger")
            self.words = task.table.graph()

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
        def __call__(self, text: Any) -> dict[str, Any]:
            words = self.words.cut(text)
            ids = self.words.ids(words)
            inputs = [ids, self.words.spell(words, task.letters)] if task.letters else ids
            found = tf.maximum(task.tagging(inputs, training=False), 0)
            tags = tf.gather(tf.constant(task.tags), found)
            return {"words": words.to_tensor(""), "tags": tf.where(ids > 0, tags, "")}

    return Tagger()


def classifier(task: Any) -> Graph:
    """Strings, or numbers `(b, t, features)`, to labels and probabilities."""
    if task.table is None:
        spec = tf.TensorSpec((None, None, task.card["arguments"]["features"]), tf.float32, name="values")
    else:
        spec = tf.TensorSpec((None,), tf.string, name="text")

    class Classifier(Graph):
        def __init__(self) -> None:
            super().__init__(task, "classifier")
            self.words = None if task.table is None else task.table.graph()

        @tf.function(input_signature=[spec])
        def __call__(self, content: Any) -> dict[str, Any]:
            inputs = content if self.words is None else self.words.ids(self.words.cut(content))
            shares = tf.nn.softmax(task.model(inputs, training=False) / task.temperature)
            labels = tf.gather(tf.constant(task.labels), tf.argmax(shares, axis=-1))
            return {"label": labels, "probabilities": shares}

    return Classifier()


def language_model(task: Any) -> Graph:
    """Strings to the log-probability of each character, and of each that may come next."""

    class LanguageModel(Graph):
        def __init__(self) -> None:
            super().__init__(task, "language_model")
            keys, ids = zip(*task.ids.items(), strict=True)
            initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys), tf.constant(ids, tf.int32))
            self.table = tf.lookup.StaticHashTable(initializer, 1)

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
        def __call__(self, text: Any) -> dict[str, Any]:
            if task.level == "character":
                tokens = tf.strings.unicode_split(text, "UTF-8", errors="replace")
            else:
                lines = tf.strings.regex_replace(text, "\n", " <eos> ")
                tokens = tf.strings.split(tf.strings.regex_replace(lines, SPACES_PATTERN, " "))
            ids = tokens.with_flat_values(self.table.lookup(tokens.flat_values))
            start = tf.fill([tf.shape(text)[0], 1], task.ids[task.start])
            read = tf.concat([start, ids.to_tensor()], axis=1)
            found = tf.nn.log_softmax(task.model(read, training=False))  # (b, t + 1, v)
            lengths = tf.cast(ids.row_lengths(), tf.int32)
            kept = tf.sequence_mask(lengths, tf.shape(read)[1] - 1)
            of_text = tf.gather(found[:, :-1], ids.to_tensor(), batch_dims=2)
            return {
                "tokens": tokens.to_tensor(""),
                "log_probs": tf.where(kept, of_text, 0.0),
                "next_log_probs": tf.gather(found, lengths, batch_dims=1),
                "vocabulary": tf.constant(task.tokens),
            }

    return LanguageModel()


def tunes(task: Any) -> Graph:
    """As `language_model`, and with a signature `write` that writes whole tunes from their beginnings and seeds."""
    from kerasrnn.zoo.tasks.tunes import BEGINNING, END

    graph = language_model(task)

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.string, name="text"),
            tf.TensorSpec((None,), tf.int32, name="seed"),
        ]
    )
    def write(text: Any, seed: Any) -> dict[str, Any]:
        tokens = tf.strings.unicode_split(text, "UTF-8", errors="replace")
        known = tokens.with_flat_values(graph.table.lookup(tokens.flat_values))
        longest = tf.reduce_max(known.row_lengths())
        tf.debugging.assert_less_equal(longest, tf.constant(BEGINNING, tf.int64), "the beginning of a tune is too long")
        decoded = task.decode(known.to_tensor(-1, shape=(None, BEGINNING)), seed)
        symbols = tf.constant(["", *task.tokens[1:]])
        written = tf.gather(symbols, tf.where(decoded.tokens == task.ids[END], 0, decoded.tokens))
        ended = tf.reduce_any(decoded.tokens == task.ids[END], axis=1)
        return {"text": tf.strings.reduce_join(written, axis=1), "ended": ended}

    graph.write = write
    graph.others = {"write": write}
    return graph


def forecaster(task: Any) -> Graph:
    """Past values `(b, past)` and the time of the last of them, in seconds since 1970, to the values ahead."""

    class Forecaster(Graph):
        @tf.function(
            input_signature=[
                tf.TensorSpec((None, task.past), tf.float32, name="values"),
                tf.TensorSpec((None,), tf.int64, name="time"),
            ]
        )
        def __call__(self, values: Any, time: Any) -> dict[str, Any]:
            step = int(task.step.astype("timedelta64[s]").astype(int))
            at = time[:, None] + step * tf.range(1 - task.past, task.horizon + 1, dtype=tf.int64)
            angle = 2 * math.pi * tf.cast(tf.math.floormod(at, DAY), tf.float64) / DAY
            calendar = tf.cast(tf.stack([tf.sin(angle), tf.cos(angle)], axis=-1), tf.float32)
            scaled = (values - task.mean) / task.deviation
            past = tf.concat([scaled[..., None], calendar[:, : task.past]], axis=-1)
            found = task.model([past, calendar[:, task.past :]], training=False)
            return {"time": at[:, task.past :], "values": found * task.deviation + task.mean}

    return Forecaster(task, "forecaster")


GRAPHS = {
    "seq2seq": text_to_text,
    "translator": text_to_text,
    "tagger": tagger,
    "classifier": classifier,
    "language_model": language_model,
    "tunes": tunes,
    "forecaster": forecaster,
}
