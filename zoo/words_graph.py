"""The table of words as operations of a TensorFlow graph."""

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kerasrnn.zoo.text import CLEANING, FIRST_CHARACTER, UNKNOWN
from kerasrnn.zoo.words import CUTTING, DIGITS, LOWER

if TYPE_CHECKING:
    from kerasrnn.zoo.words import WordTable


class GraphWords(tf.Module):
    """Strings to words, ids and spellings inside a graph, as `cut` and `WordTable` do it.

    Args:
        table: the table to follow; its entries are copied into the graph.
    """

    def __init__(self, table: "WordTable") -> None:
        super().__init__(name="words")
        self._words = lookup(table.words)
        self._characters: Any = lookup(table.characters) if table.characters else None
        pairs = tf.lookup.KeyValueTensorInitializer(tf.constant(list(LOWER)), tf.constant(list(LOWER.values())))
        self._lower = tf.lookup.StaticHashTable(pairs, "")

    def cut(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Strings (b,) to words (b, None)."""
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        for pattern, replacement in (*CLEANING, *CUTTING):
            texts = tf.strings.regex_replace(texts, pattern, replacement)
        words = tf.strings.split(texts, " ")
        return tf.ragged.boolean_mask(words, words != "")  # an empty text has none

    def ids(self, words: tf.RaggedTensor) -> tf.Tensor:
        """Words (b, None) to int32 (b, t), padded with 0."""
        spelled = tf.strings.unicode_split(words.flat_values, "UTF-8")
        lower = self._lower.lookup(spelled.flat_values)
        lower = tf.where(lower == "", spelled.flat_values, lower)
        keys = tf.strings.reduce_join(spelled.with_flat_values(lower), axis=-1)
        keys = tf.strings.regex_replace(keys, *DIGITS)
        return words.with_flat_values(self._words.lookup(keys)).to_tensor()

    def spell(self, words: tf.RaggedTensor, letters: int) -> tf.Tensor:
        """Words (b, None) to int32 (b, t, letters), padded with 0."""
        spelled = tf.strings.unicode_split(words.flat_values, "UTF-8")  # (n, None)
        found = spelled.with_flat_values(self._characters.lookup(spelled.flat_values))
        flat = found.to_tensor(shape=(None, letters))  # longer words are cut
        return words.with_flat_values(flat).to_tensor()


def lookup(entries: tuple[str, ...] | str) -> tf.lookup.StaticHashTable:
    """Strings to the ids that follow those of padding and unknown, in their order."""
    ids = tf.range(FIRST_CHARACTER, len(entries) + FIRST_CHARACTER)
    keys = tf.constant(list(entries), tf.string)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, ids), UNKNOWN)
