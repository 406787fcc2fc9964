"""A tag for every word: recurrent layers over words and their characters."""

from collections.abc import Sequence

import keras

from kerasrnn import layers
from kerasrnn.crf import bio_constraints
from kerasrnn.zoo.builders.parts import stack


def tagger(
    *,
    word_size: int,
    tags: Sequence[str],
    character_size: int = 0,
    letters: int = 16,
    cell: str = "lstm",
    bidirectional: bool = True,
    depth: int = 1,
    units: int = 128,
    embedding: int = 100,
    character_embedding: int = 25,
    character_units: int = 25,
    dropout: float = 0.0,
    crf: bool = False,
    name: str = "tagger",
) -> keras.Model:
    """Recurrent layers over the words of a sentence, and a tag for each.

    The inputs are ids, 0 for padding: `words (b, t)` and, with a `character_size`, `characters (b, t, letters)`.

    Args:
        word_size: ids of words, padding included.
        tags: the tags, in the order of the outputs.
        character_size: ids of characters, padding included; 0 for a model that reads words alone.
        letters: characters that are read of each word.
        cell: of all recurrent layers: "lstm", "gru", "simple_rnn" and others of `kerasrnn.layers`.
        bidirectional: whether the layers over the words read in both directions.
        depth: how many of them there are.
        units: their width in each direction.
        embedding, character_embedding: widths of the embeddings.
        character_units: width of the layer that reads the characters of a word, in each direction.
        dropout: rate on embeddings, between and after the recurrent layers.
        crf: whether the tags are chosen together by a linear-chain CRF, which forbids what BIO tags may not do.
        name: the model's name.

    Returns:
        A functional `keras.Model`. Its output is the logits of the tags `(b, t, n)`, of the layer `tags`; with `crf`,
        what `kerasrnn.layers.CRF` returns: train it with `kerasrnn.crf.CRFLoss`, and put `kerasrnn.layers.CRFDecoder`
        behind it for tags.

    Raises:
        ValueError: an unknown cell, a depth below 1, no tags.

    References: B. Plank, A. Søgaard, Y. Goldberg, ACL 2016 (words and characters); G. Lample et al., NAACL 2016 (CRF).
    """
    if not tags:
        raise ValueError("`tags` must name at least one tag; received none.")
    words = keras.Input((None,), dtype="int32", name="words")
    inputs = [words]
    x = keras.layers.Embedding(word_size, embedding, mask_zero=True, name="word_embedding")(words)
    if character_size:
        characters = keras.Input((None, letters), dtype="int32", name="characters")
        inputs.append(characters)
        spelled = layers.SpelledWords(
            character_size, character_embedding, character_units, cell, dropout, name="spelling"
        )
        x = keras.layers.Concatenate(name="word")([x, spelled(characters)])
    x = keras.layers.Dropout(dropout, name="word_dropout")(x)
    x = stack(x, cell=cell, units=units, depth=depth, bidirectional=bidirectional, dropout=dropout)
    x = keras.layers.Dropout(dropout, name="tag_dropout")(x)
    x = keras.layers.Dense(len(tags), name="tags")(x)
    if crf:
        constraints = bio_constraints(tags) if _are_bio(tags) else None
        x = layers.CRF(len(tags), constraints=constraints, name="crf")(x)
    return keras.Model(inputs if character_size else words, x, name=name)


def _are_bio(tags: Sequence[str]) -> bool:
    return all(tag == "O" or tag[:2] in ("B-", "I-") for tag in tags) and "O" in tags
