"""The table of pieces as operations of a TensorFlow graph."""

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kerasrnn.zoo.pieces import APOSTROPHES, BEGINS, COMPOSED
from kerasrnn.zoo.text import CLEANING, UNKNOWN
from kerasrnn.zoo.words_graph import lookup

if TYPE_CHECKING:
    from kerasrnn.zoo.pieces import PieceTable


class GraphPieces(tf.Module):
    """Strings to pieces and ids inside a graph, as `PieceTable` does it.

    Args:
        table: the table to follow; its entries are copied into the graph.
    """

    def __init__(self, table: "PieceTable") -> None:
        super().__init__(name="pieces")
        self._ids = lookup(table.pieces)
        self._longest = table.longest

    def __call__(self, strings: tf.Tensor) -> tf.Tensor:
        """Strings (b,) to int32 ids (b, s), padded with 0."""
        pieces = self._pieces(strings)
        return pieces.with_flat_values(self._ids.lookup(pieces.flat_values)).to_tensor()

    def tokens(self, strings: tf.Tensor) -> tf.Tensor:
        """Strings (b,) to pieces (b, s), padded with ""."""
        return self._pieces(strings).to_tensor("")

    def join(self, tokens: tf.Tensor) -> tf.Tensor:
        """Pieces (b, t), "" where there is none, to the texts (b,) that they spell."""
        return tf.strings.strip(tf.strings.regex_replace(tf.strings.reduce_join(tokens, axis=1), BEGINS, " "))

    def _pieces(self, strings: tf.Tensor) -> tf.RaggedTensor:
        """(b, None) strings: all words at once are cut, a piece of each a round, until none has characters left."""
        texts = tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")
        for pattern, replacement in (*CLEANING, (f"[{APOSTROPHES}]", "'"), *COMPOSED.items()):
            texts = tf.strings.regex_replace(texts, pattern, replacement)
        words = tf.strings.split(texts, " ")
        words = tf.ragged.boolean_mask(words, words != "")  # an empty text has none
        spelled = tf.strings.unicode_split(tf.strings.join([BEGINS, words.flat_values]), "UTF-8")  # (n, None)
        lengths = tf.cast(spelled.row_lengths(), tf.int32)
        k = self._longest
        letters = tf.pad(spelled.to_tensor(""), [[0, 0], [0, k]], constant_values="")
        sizes = tf.range(1, k + 1)

        def cut(round_: Any, at: Any, pieces: Any) -> Any:
            window = tf.gather(letters, at[:, None] + tf.range(k), batch_dims=1)  # (n, k)
            beginnings = tf.where(tf.range(k) < sizes[:, None], window[:, None], "")  # (n, k, k)
            candidates = tf.strings.reduce_join(beginnings, axis=-1)
            fits = (self._ids.lookup(candidates) != UNKNOWN) & (at[:, None] + sizes <= lengths[:, None])
            size = tf.maximum(tf.reduce_max(tf.where(fits, sizes, 0), axis=1), 1)  # (n,)
            piece = tf.gather(candidates, size - 1, batch_dims=1)  # "" after the word's end
            return round_ + 1, tf.minimum(at + size, lengths), pieces.write(round_, piece)

        pieces = tf.TensorArray(tf.string, 0, dynamic_size=True, element_shape=(None,))
        first = tf.zeros_like(lengths)
        _, _, pieces = tf.while_loop(lambda _, at, __: tf.reduce_any(at < lengths), cut, (0, first, pieces))
        cut_words = tf.reshape(tf.transpose(pieces.stack()), [tf.shape(lengths)[0], pieces.size()])  # (n, rounds)
        return words.with_flat_values(tf.ragged.boolean_mask(cut_words, cut_words != "")).merge_dims(1, 2)
