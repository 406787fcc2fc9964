"""Words from their characters."""

from typing import Any

import keras
from keras import ops

from kerasrnn.layers.bidirectional import Bidirectional
from kerasrnn.layers.by_name import classes_of
from kerasrnn.layers.registry import register

Tensor = Any


@register
class SpelledWords(keras.layers.Layer):
    """Words from their characters: the last states of a recurrent layer that reads each word in both directions.

    Masks: a character of id 0 is none. Words without any are zeros, and masked; so are their gradients zeros.

    Args:
        size: ids of characters, padding included.
        embedding: width of a character.
        units: width of the recurrent layer in each direction.
        cell: "lstm", "gru" and so on.
        dropout: rate on the characters' embeddings.

    Call arguments:
        characters: `(b, t, c)` ids.

    Returns:
        `(b, t, 2 · units)`.

    Raises:
        ValueError: an unknown cell.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import SpelledWords
    >>> spelled = np.array([[[3, 1, 20], [4, 15, 7]]])  # two words of three characters
    >>> tuple(SpelledWords(30, units=8)(spelled).shape)
    (1, 2, 16)

    Reference: G. Lample et al., Neural architectures for named entity recognition, NAACL 2016, section 4.1.
    """

    folds_steps = True  # its reader has a row a word: who watches a model looks at the layers of whole rows first

    def __init__(
        self, size: int, embedding: int = 25, units: int = 25, cell: str = "lstm", dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size, self.embedding, self.units, self.cell, self.dropout = size, embedding, units, cell, dropout
        self.supports_masking = True
        layer_class, _ = classes_of(cell)
        self.characters = keras.layers.Embedding(size, embedding, mask_zero=True, name="characters")
        self.noise = keras.layers.Dropout(dropout)
        self.reader = Bidirectional(layer_class(units, name=cell), name="reader")

    def build(self, characters_shape: Any) -> None:
        self.characters.build((None, characters_shape[-1]))
        self.reader.build((None, characters_shape[-1], self.embedding))

    def call(self, characters: Tensor, training: bool | None = None) -> Tensor:
        b, t = ops.shape(characters)[:2]
        letters = characters.shape[-1]
        words = ops.reshape(characters, (-1, ops.shape(characters)[2] if letters is None else letters))
        read = self.noise(self.characters(words), training=training)
        read = self.reader(read, mask=ops.not_equal(words, 0), training=training)
        return ops.reshape(read, (b, t, 2 * self.units))

    def compute_output_shape(self, characters_shape: Any) -> tuple[Any, ...]:
        return (*characters_shape[:2], 2 * self.units)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Tensor:
        return ops.any(ops.not_equal(inputs, 0), axis=-1)  # without one, padding would be read as words

    def get_config(self) -> dict[str, Any]:
        names = ("size", "embedding", "units", "cell", "dropout")
        return super().get_config() | {name: getattr(self, name) for name in names}
