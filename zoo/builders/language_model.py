"""The next token of a text, at every step."""

import keras

from kerasrnn.layers import TiedDense
from kerasrnn.layers.by_name import classes_of


def language_model(
    *,
    size: int,
    cell: str = "lstm",
    depth: int = 1,
    units: int = 256,
    embedding: int = 64,
    dropout: float = 0.0,
    tied: bool = False,
    batch_size: int | None = None,
    name: str = "language_model",
) -> keras.Model:
    """Recurrent layers that read tokens and predict the next.

    Args:
        size: v, ids of tokens, padding included.
        cell: "lstm", "gru", "simple_rnn" and others of `kerasrnn.layers`.
        depth, units: of the recurrent layers.
        embedding: width of the tokens' embedding.
        dropout: rate on the embedding, between and after the recurrent layers.
        tied: whether the output shares the weights of the embedding, which then begin evenly between ±0.1, not Keras'
            ±0.05; the last layer then has its width.
        batch_size: None, or a number for a model that goes on from batch to batch (`stateful`), to train long texts.
        name: the model's name.

    Returns:
        A functional `keras.Model` from ids `tokens (b, t)` to logits `(b, t, v)` of the token after each.

    Raises:
        ValueError: an unknown cell, a depth below 1.

    References: W. Zaremba, I. Sutskever, O. Vinyals, 2014, for the dropout; H. Inan, K. Khosravi, R. Socher, ICLR 2017,
    for the tied weights.
    """
    layer_class, _ = classes_of(cell)
    if depth < 1:
        raise ValueError(f"`depth` must be at least 1; received {depth}.")
    tokens = keras.Input((None,), batch_size=batch_size, dtype="int32", name="tokens")
    drawn = keras.initializers.RandomUniform(-0.1, 0.1) if tied else "uniform"
    table = keras.layers.Embedding(size, embedding, embeddings_initializer=drawn, name="token_embedding")
    x = keras.layers.Dropout(dropout, name="token_dropout")(table(tokens))
    for i in range(depth):
        width = embedding if tied and i == depth - 1 else units
        layer = layer_class(width, return_sequences=True, stateful=batch_size is not None, name=f"reader_{i + 1}")
        x = keras.layers.Dropout(dropout, name=f"reader_{i + 1}_dropout")(layer(x))
    logits = TiedDense(table, name="logits")(x) if tied else keras.layers.Dense(size, name="logits")(x)
    return keras.Model(tokens, logits, name=name)
