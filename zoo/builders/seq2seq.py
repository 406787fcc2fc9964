"""Encoder-decoder with attention."""

import keras

from kerasrnn import layers
from kerasrnn.layers.by_name import classes_of


def seq2seq(
    *,
    source_size: int,
    target_size: int,
    cell: str = "lstm",
    embedding: int = 64,
    encoder_units: int = 128,
    decoder_units: int = 128,
    attention_units: int = 128,
    readout_units: int = 128,
    dropout: float = 0.0,
    name: str = "seq2seq",
) -> keras.Model:
    """A bidirectional encoder and a decoder with Bahdanau attention.

    The inputs are ids, 0 for padding: `source (b, s)` and `target (b, t)`, the tokens of the steps before, the start
    token first. The output is the probability of each next token, `(b, t, v)`.

    Args:
        source_size, target_size: vocabulary sizes, padding included.
        cell: "lstm", "gru", "simple_rnn" and so on, for encoder and decoder.
        embedding: width of the source embedding; the target's is half of it.
        encoder_units: width of the encoder in each direction.
        decoder_units: width of the decoder.
        attention_units: width of the comparison within the attention.
        readout_units: width of the layer between the decoder and the probabilities.
        dropout: rate on the embeddings, the encoder's outputs and the read-out.
        name: the model's name.

    Returns:
        A functional `keras.Model` with the layers `source_embedding`, `encoder`, `bridge_hidden` (and `bridge_cell`),
        `target_embedding`, `decoder` (a `kerasrnn.layers.AttentionDecoder`), `readout` and `probabilities`.

    Raises:
        ValueError: an unknown cell.

    Reference: D. Bahdanau, K. Cho, Y. Bengio, ICLR 2015; the bridge from the encoder's last states as in its A.2.2.
    """
    layer_class, cell_class = classes_of(cell)

    source = keras.Input((None,), dtype="int32", name="source")
    embedded = keras.layers.Embedding(source_size, embedding, mask_zero=True, name="source_embedding")(source)
    embedded = keras.layers.Dropout(dropout, name="source_dropout")(embedded)
    recurrent = layer_class(encoder_units, return_sequences=True, return_state=True, name=cell)
    memory, *states = layers.Bidirectional(recurrent, name="encoder")(embedded)
    half = len(states) // 2
    bridges = [
        keras.layers.Dense(decoder_units, activation="tanh", name=f"bridge_{state_name}")(
            keras.layers.Concatenate(name=f"last_{state_name}")([forward, backward])
        )
        for state_name, forward, backward in zip(cell_class.state_names, states[:half], states[half:], strict=True)
    ]
    memory = keras.layers.Dropout(dropout, name="memory_dropout")(memory)

    target = keras.Input((None,), dtype="int32", name="target")
    before = keras.layers.Embedding(target_size, embedding // 2, mask_zero=True, name="target_embedding")(target)
    decoder = layers.AttentionDecoder(
        cell_class(decoder_units, name="cell"),
        layers.BahdanauAttention(attention_units, name="attention"),
        name="decoder",
    )
    decoded = decoder(before, memory, initial_state=bridges)
    readout = keras.layers.Dense(readout_units, activation="tanh", name="readout")(decoded)
    readout = keras.layers.Dropout(dropout, name="readout_dropout")(readout)
    probabilities = keras.layers.Dense(target_size, activation="softmax", name="probabilities")(readout)
    return keras.Model([source, target], probabilities, name=name)
