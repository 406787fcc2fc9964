"""The character table as operations of a TensorFlow graph."""

from typing import TYPE_CHECKING

import tensorflow as tf

from kerasrnn.zoo.text import CLEANING, UNKNOWN

if TYPE_CHECKING:
    from kerasrnn.zoo.text import CharacterTable


class GraphEncoder(tf.Module):
    """Strings to ids inside a graph: same ids and tokens as `CharacterTable`, bytes that are no UTF-8 unknown.

    Args:
        table: the table to follow. Its mapping is copied into the graph, so an exported model does not depend on
            the Unicode version of the machine that runs it.
    """

    def __init__(self, table: "CharacterTable") -> None:
        super().__init__(name="text")
        points, ids = zip(*table.code_points(), strict=True)
        initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(points, tf.int64), tf.constant(ids, tf.int64))
        self._ids = tf.lookup.StaticHashTable(initializer, UNKNOWN)

    def clean(self, strings: tf.Tensor) -> tf.Tensor:
        """Strings (b,) to cleaned, valid UTF-8 strings (b,)."""
        strings = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")
        for pattern, replacement in CLEANING:
            strings = tf.strings.regex_replace(strings, pattern, replacement)
        return strings

    def __call__(self, strings: tf.Tensor) -> tf.Tensor:
        """Strings (b,) to int32 ids (b, s), padded with 0."""
        ids = self._lookup(tf.strings.unicode_decode(self.clean(strings), "UTF-8"))
        return tf.cast(tf.ragged.boolean_mask(ids, ids >= 0).to_tensor(), tf.int32)  # (b, s)

    def tokens(self, strings: tf.Tensor) -> tf.Tensor:
        """Strings (b,) to the characters as they were written (b, s), padded with ""."""
        points = tf.strings.unicode_decode(self.clean(strings), "UTF-8")
        kept = tf.cast(self._lookup(points) >= 0, tf.int64)
        lengths = tf.reduce_sum(kept, axis=1)  # (b,)
        position = tf.cumsum(kept.flat_values) - 1  # token that each character belongs to, through the batch
        first = tf.gather(tf.cumsum(lengths, exclusive=True), points.value_rowids())
        belongs = position >= first  # a mark before the first letter of its text belongs to no token
        characters = tf.strings.unicode_encode(points.flat_values[:, tf.newaxis], "UTF-8")
        tokens = tf.strings.unsorted_segment_join(
            tf.boolean_mask(characters, belongs), tf.boolean_mask(position, belongs), tf.reduce_sum(lengths)
        )
        return tf.RaggedTensor.from_row_lengths(tokens, lengths).to_tensor()  # (b, s)

    def join(self, tokens: tf.Tensor) -> tf.Tensor:
        """Characters (b, t), "" where there is none, to texts (b,)."""
        return tf.strings.reduce_join(tokens, axis=1)

    def _lookup(self, points: tf.RaggedTensor) -> tf.RaggedTensor:
        return points.with_flat_values(self._ids.lookup(tf.cast(points.flat_values, tf.int64)))
