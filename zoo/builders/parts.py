"""What several builders share."""

from typing import Any

import keras
from keras import ops

from kerasrnn import layers
from kerasrnn.layers.registry import register

Tensor = Any
CELLS = {
    "lstm": (layers.LSTM, layers.LSTMCell),
    "gru": (layers.GRU, layers.GRUCell),
    "simple_rnn": (layers.SimpleRNN, layers.SimpleRNNCell),
    "layer_norm_lstm": (layers.LayerNormLSTM, layers.LayerNormLSTMCell),
    "layer_norm_gru": (layers.LayerNormGRU, layers.LayerNormGRUCell),
    "peephole_lstm": (layers.PeepholeLSTM, layers.PeepholeLSTMCell),
    "coupled_lstm": (layers.CoupledLSTM, layers.CoupledLSTMCell),
    "ind_rnn": (layers.IndRNN, layers.IndRNNCell),
    "min_gru": (layers.MinGRU, layers.MinGRUCell),
    "min_lstm": (layers.MinLSTM, layers.MinLSTMCell),
}


def classes_of(cell: str) -> tuple[Any, Any]:
    """The layer and the cell of that name; ValueError if there is none."""
    if cell not in CELLS:
        raise ValueError(f"`cell` must be one of {', '.join(CELLS)}; received {cell!r}.")
    return CELLS[cell]


def stack(
    x: Tensor,
    *,
    cell: str,
    units: int,
    depth: int,
    bidirectional: bool,
    dropout: float,
    return_sequences: bool = True,
    name: str = "encoder",
    **options: Any,
) -> Tensor:
    """`depth` recurrent layers, dropout between them: `x (b, t, d)` to `(b, t, u)`, or `(b, u)` of the last one.

    The layers are called `encoder`, or `encoder_1`, `encoder_2` and so on; u is twice `units` where they are
    bidirectional.
    """
    layer_class, _ = classes_of(cell)
    if depth < 1:
        raise ValueError(f"`depth` must be at least 1; received {depth}.")
    for i in range(depth):
        called = name if depth == 1 else f"{name}_{i + 1}"
        sequences = return_sequences or i < depth - 1
        if i and dropout:
            x = keras.layers.Dropout(dropout, name=f"{called}_dropout")(x)
        if bidirectional:
            x = layers.Bidirectional(layer_class(units, return_sequences=sequences, name=cell, **options), name=called)(
                x
            )
        else:
            x = layer_class(units, return_sequences=sequences, name=called, **options)(x)
    return x


@register
class SpelledWords(keras.layers.Layer):
    """Words from their characters: the last states of a recurrent layer that reads each word in both directions.

    Masks: a character of id 0 is none. Words without any are zeros; so are their gradients.

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

    Reference: G. Lample et al., Neural architectures for named entity recognition, NAACL 2016, section 4.1.
    """

    def __init__(
        self, size: int, embedding: int = 25, units: int = 25, cell: str = "lstm", dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size, self.embedding, self.units, self.cell, self.dropout = size, embedding, units, cell, dropout
        layer_class, _ = classes_of(cell)
        self.characters = keras.layers.Embedding(size, embedding, mask_zero=True, name="characters")
        self.noise = keras.layers.Dropout(dropout)
        self.reader = layers.Bidirectional(layer_class(units, name=cell), name="reader")

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

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None

    def get_config(self) -> dict[str, Any]:
        names = ("size", "embedding", "units", "cell", "dropout")
        return super().get_config() | {name: getattr(self, name) for name in names}
