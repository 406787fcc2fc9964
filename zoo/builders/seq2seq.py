"""Encoder-decoders, with and without attention."""

import keras

from kerasrnn import layers
from kerasrnn.layers.by_name import classes_of

ATTENTIONS = ("bahdanau", "luong", "none")


def seq2seq(
    *,
    source_size: int,
    target_size: int,
    cell: str = "lstm",
    attention: str = "bahdanau",
    embedding: int = 64,
    target_embedding: int | None = None,
    encoder_units: int = 128,
    decoder_units: int = 128,
    attention_units: int = 128,
    readout_units: int = 128,
    dropout: float = 0.0,
    tied: bool = False,
    name: str = "seq2seq",
) -> keras.Model:
    """A bidirectional encoder and a decoder with Bahdanau's attention, with Luong's, or with none.

    The inputs are ids, 0 for padding: `source (b, s)` and `target (b, t)`, the tokens of the steps before, the start
    token first. The output is the probability of each next token, `(b, t, v)`.

    Args:
        source_size, target_size: vocabulary sizes, padding included.
        cell: "lstm", "gru", "simple_rnn" and so on, for encoder and decoder.
        attention: "bahdanau": additive, asked by the state of the step before; the read-out reads state and context.
            "luong": the general product, asked by the new state; what it makes of state and context (of
            `readout_units`) is read out and fed into the next step. "none": the decoder knows the source by its first
            states alone.
        embedding: width of the source embedding.
        target_embedding: width of the target's; half of the source's by default.
        encoder_units: width of the encoder in each direction.
        decoder_units: width of the decoder.
        attention_units: width of the comparison within Bahdanau's attention.
        readout_units: width of the layer between the decoder and the probabilities.
        dropout: rate on the embeddings, the encoder's outputs and the read-out.
        tied: whether the output shares the weights of the target embedding, which must have `readout_units`.
        name: the model's name.

    Returns:
        A functional `keras.Model` with the layers `source_embedding`, `encoder`, `bridge_hidden` (and `bridge_cell`),
        `target_embedding`, `decoder` (a `kerasrnn.layers.AttentionDecoder`, or the recurrent layer where there is no
        attention), `readout` (not with Luong's, whose decoder has it), `logits` if tied, and `probabilities`.

    Raises:
        ValueError: an unknown cell or attention; widths that cannot be tied.

    References: D. Bahdanau, K. Cho, Y. Bengio, ICLR 2015, with the bridge of its A.2.2; M.-T. Luong, H. Pham, C.
    Manning, EMNLP 2015, sections 3.1 and 3.3; I. Sutskever, O. Vinyals, Q. Le, NIPS 2014 (no attention).
    """
    layer_class, cell_class = classes_of(cell)
    if attention not in ATTENTIONS:
        raise ValueError(f"`attention` must be one of {', '.join(ATTENTIONS)}; received {attention!r}.")
    target_embedding = embedding // 2 if target_embedding is None else target_embedding
    if tied and target_embedding != readout_units:
        raise ValueError(
            f"`tied` needs a `target_embedding` as wide as `readout_units`; received {target_embedding} and "
            f"{readout_units}."
        )

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

    if attention != "none":
        memory = keras.layers.Dropout(dropout, name="memory_dropout")(memory)

    target = keras.Input((None,), dtype="int32", name="target")
    table = keras.layers.Embedding(target_size, target_embedding, mask_zero=True, name="target_embedding")
    before = table(target)
    if attention == "none":
        decoded = layer_class(decoder_units, return_sequences=True, name="decoder")(before, initial_state=bridges)
    else:
        luong = attention == "luong"
        attend = layers.LuongAttention("general", name="attention") if luong else None
        decoder = layers.AttentionDecoder(
            cell_class(decoder_units, name="cell"),
            attend or layers.BahdanauAttention(attention_units, name="attention"),
            order=attention,
            vector_units=readout_units if luong else None,
            name="decoder",
        )
        decoded = decoder(before, memory, initial_state=bridges)
    readout = decoded
    if attention != "luong":
        readout = keras.layers.Dense(readout_units, activation="tanh", name="readout")(decoded)
    readout = keras.layers.Dropout(dropout, name="readout_dropout")(readout)
    if tied:
        logits = layers.TiedDense(table, name="logits")(readout)
        probabilities = keras.layers.Activation("softmax", name="probabilities")(logits)
    else:
        probabilities = keras.layers.Dense(target_size, activation="softmax", name="probabilities")(readout)
    return keras.Model([source, target], probabilities, name=name)
