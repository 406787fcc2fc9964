"""One label for a whole sequence."""

from collections.abc import Sequence
from typing import Any

import keras

from kerasrnn import layers
from kerasrnn.zoo.builders.parts import stack

POOLINGS = ("attention", "last", "mean")


def classifier(
    *,
    labels: Sequence[str],
    word_size: int = 0,
    pairs: int = 0,
    features: int = 0,
    cell: str = "lstm",
    bidirectional: bool = False,
    depth: int = 1,
    units: int = 64,
    embedding: int = 64,
    pooling: str = "last",
    attention_units: int = 64,
    dropout: float = 0.0,
    chrono: int | None = None,
    name: str = "classifier",
) -> keras.Model:
    """Recurrent layers over words or numbers, and one label for the whole.

    The input is ids `words (b, t)`, 0 for padding, or numbers `values (b, t, features)`.

    Args:
        labels: in the order of the outputs.
        word_size: ids of words, padding included; 0 for a model that reads numbers.
        pairs: buckets of `kerasrnn.layers.HashedPairs`, for an embedding of each word with the one before it, beside
            that of the words: a number a pair for two labels, else one a label; 0 for none.
        features: numbers a step; 0 for a model that reads words.
        cell: "lstm", "gru", "simple_rnn" and others of `kerasrnn.layers`.
        bidirectional, depth, units: of the recurrent layers; `units` in each direction.
        embedding: width of the words' embedding.
        pooling: how the steps become one vector: "attention" (`kerasrnn.layers.AttentionPooling`), the "last" state (of
            both directions) or the "mean".
        attention_units: width of the comparison within the attention.
        dropout: rate on the embedding, between and after the recurrent layers.
        chrono: steps over which gates are to remember from the beginning, as in the layers; None for their usual bias.
        name: the model's name.

    Returns:
        A functional `keras.Model` from the input to logits `(b, n)`, the layer `labels`.

    Raises:
        ValueError: unless it reads either words or numbers; an unknown cell or pooling; no labels.

    Reference: Z. Yang et al., Hierarchical attention networks for document classification, NAACL 2016 (attention).
    """
    if bool(word_size) == bool(features):
        raise ValueError(f"give either `word_size` or `features`; received {word_size} and {features}.")
    if pairs and not word_size:
        raise ValueError(f"`pairs` are of words: give `word_size` too; received pairs={pairs}.")
    if pooling not in POOLINGS:
        raise ValueError(f"`pooling` must be one of {', '.join(POOLINGS)}; received {pooling!r}.")
    if len(labels) < 2:
        raise ValueError(f"`labels` must name at least two labels; received {list(labels)!r}.")
    if word_size:
        inputs = keras.Input((None,), dtype="int32", name="words")
        x = keras.layers.Embedding(word_size, embedding, mask_zero=True, name="word_embedding")(inputs)
        if pairs:
            hashed = layers.HashedPairs(pairs, name="pairs")(inputs)
            width = 1 if len(labels) == 2 else len(labels)
            told = keras.layers.Embedding(pairs, width, mask_zero=True, name="pair_embedding")(hashed)
            x = keras.layers.Concatenate(name="words_and_pairs")([x, told])
        x = keras.layers.Dropout(dropout, name="word_dropout")(x)
    else:
        inputs = keras.Input((None, features), name="values")
        x = inputs
    memory: dict[str, Any] = {} if chrono is None else {"chrono": chrono}
    x = stack(
        x,
        cell=cell,
        units=units,
        depth=depth,
        bidirectional=bidirectional,
        dropout=dropout,
        return_sequences=pooling != "last",
        **memory,
    )
    if pooling == "attention":
        x = layers.AttentionPooling(attention_units, name="pooling")(x)
    elif pooling == "mean":
        x = keras.layers.GlobalAveragePooling1D(name="pooling")(x)
    x = keras.layers.Dropout(dropout, name="label_dropout")(x)
    return keras.Model(inputs, keras.layers.Dense(len(labels), name="labels")(x), name=name)
