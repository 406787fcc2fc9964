"""Words that a vocabulary does not have, copied from the source."""

from typing import Any

import keras
import numpy as np

Tensor = Any


def replace_unknown(words: Any, alignment: Any, source_words: Any, *, unknown: str) -> Any:
    """Put the source word that was attended most in the place of each unknown word.

    Args:
        words: `(b, n)` strings, or `(b, m, n)` for the n best of a beam: decoded tokens as words.
        alignment: `(b, n, s)`, or `(b, m, n, s)`: what was attended at each of them, of `extras`.
        source_words: `(b, s)` strings, in the source's own spelling.
        unknown: what stands for an unknown word in `words`.

    Returns:
        Strings like `words`: a NumPy array, or a tensor if `words` is a TensorFlow tensor, as in a SavedModel's
        signature. An unknown word stays where the alignment is 0 throughout (no source, or after the end) or NaN. Of
        equally attended words the first is taken.

    Raises:
        ValueError: shapes that do not belong together.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.decoding import replace_unknown
    >>> alignment = [[[0.9, 0.1], [0.2, 0.8]]]
    >>> replace_unknown([["in", "[UNK]"]], alignment, [["à", "Kyiv"]], unknown="[UNK]").tolist()
    [['in', 'Kyiv']]

    Reference: S. Jean, K. Cho, R. Memisevic, Y. Bengio, On using very large target vocabulary for neural machine
    translation, ACL 2015, section 3.3.
    """
    # One more place in the source, never attended, is what an empty source has.
    if _is_tensor(words):
        import tensorflow as tf

        alignment, source_words = tf.convert_to_tensor(alignment), tf.convert_to_tensor(source_words)
        _check(words, alignment, source_words)
        padded = tf.pad(alignment, [[0, 0]] * (len(alignment.shape) - 1) + [[0, 1]])
        source_words = tf.pad(source_words, [[0, 0], [0, 1]], constant_values="")
        attended = tf.gather(source_words, tf.argmax(padded, axis=-1), batch_dims=1)
        return tf.where((words == unknown) & (tf.reduce_sum(alignment, axis=-1) > 0), attended, words)
    words, alignment, source_words = np.asarray(words), np.asarray(alignment), np.asarray(source_words)
    _check(words, alignment, source_words)
    padded = np.pad(alignment, [(0, 0)] * (alignment.ndim - 1) + [(0, 1)])
    source_words = np.concatenate([source_words, np.full((len(source_words), 1), "", source_words.dtype)], axis=1)
    rows = np.arange(len(words)).reshape(-1, *[1] * (words.ndim - 1))
    attended = source_words[rows, padded.argmax(axis=-1)]
    return np.where((words == unknown) & (alignment.sum(axis=-1) > 0), attended, words)


def _is_tensor(words: Any) -> bool:
    if keras.config.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.is_tensor(words))


def _check(words: Any, alignment: Any, source_words: Any) -> None:
    shapes = [tuple(each.shape) for each in (words, alignment, source_words)]
    if len(shapes[0]) in (2, 3) and len(shapes[2]) == 2:
        pairs = [*zip(shapes[1], (*shapes[0], shapes[2][1]), strict=False), (shapes[0][0], shapes[2][0])]
        if len(shapes[1]) == len(shapes[0]) + 1 and all(None in pair or pair[0] == pair[1] for pair in pairs):
            return
    raise ValueError(
        "`words`, `alignment` and `source_words` must be (batch, n), (batch, n, source) and (batch, source); received "
        f"shapes {', '.join(map(str, shapes))}."
    )
