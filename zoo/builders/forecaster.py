"""The next values of a series, by an encoder and a decoder with attention."""

import keras
from keras import ops

from kerasrnn import layers
from kerasrnn.layers.by_name import classes_of


def forecaster(
    *,
    horizon: int,
    features: int = 0,
    cell: str = "lstm",
    units: int = 64,
    attention_units: int = 32,
    dropout: float = 0.0,
    name: str = "forecaster",
) -> keras.Model:
    """An encoder reads the past; a decoder goes through the hours ahead, of which only the calendar is known.

    The forecast is the last value of the past plus what the model adds, so an untrained model is close to persistence.

    Args:
        horizon: h, steps ahead.
        features: f, what is known of each step beside the value, such as the hour; 0 for nothing.
        cell: "lstm", "gru", "simple_rnn" and others of `kerasrnn.layers`, of encoder and decoder.
        units: their width.
        attention_units: width of the comparison within the attention.
        dropout: rate on the encoder's outputs and before the result.
        name: the model's name.

    Returns:
        A functional `keras.Model` from `past (b, t, 1 + f)`, the value first, and `ahead (b, h, f)` (`(b, h, 1)` zeros
        where f is 0) to `(b, h)`.

    Raises:
        ValueError: an unknown cell, a horizon below 1.

    Reference: D. Bahdanau, K. Cho, Y. Bengio, ICLR 2015, for the attention.
    """
    if horizon < 1:
        raise ValueError(f"`horizon` must be at least 1; received {horizon}.")
    layer_class, cell_class = classes_of(cell)
    past = keras.Input((None, 1 + features), name="past")
    ahead = keras.Input((horizon, max(features, 1)), name="ahead")
    memory, *states = layer_class(units, return_sequences=True, return_state=True, name="encoder")(past)
    memory = keras.layers.Dropout(dropout, name="memory_dropout")(memory)
    attention = layers.BahdanauAttention(attention_units, name="attention")
    decoder = layers.AttentionDecoder(cell_class(units, name="cell"), attention, name="decoder")
    x = decoder(ahead, memory, initial_state=states)
    x = keras.layers.Dropout(dropout, name="decoder_dropout")(x)
    added = keras.layers.Dense(1, kernel_initializer="zeros", name="added")(x)
    return keras.Model([past, ahead], ops.add(past[:, -1, :1], added[..., 0]), name=name)
