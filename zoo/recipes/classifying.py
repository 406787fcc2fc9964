"""Classifiers: of film reviews, and of digits read pixel by pixel."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerasrnn.zoo.naive_bayes import pair_ratios
from kerasrnn.zoo.recipes.recipe import Recipe
from kerasrnn.zoo.tasks.classifier import Example, read_labelled, read_pixels
from kerasrnn.zoo.word_vectors import word_vectors
from kerasrnn.zoo.words import WordTable

VECTORS = (
    "The embedding begins with vectors of the words of the training reviews (positive pointwise mutual information in "
    "a window of 20, reduced by singular values); the probabilities are calibrated by a temperature found on the "
    "validation part."
)
TRIED = {  # with the accuracy on the validation part
    "sentiment_bilstm": (
        "Beside each word it reads, as one number, how much the word before and this one speak for a label together: "
        "at first the logarithm of how much more often the pair is in positive reviews than in negative ones, of the "
        "pairs that are in at least 20 reviews. Accuracy 90.1 % after the second of three epochs; without the "
        "pairs (pairs=0) 88.9 %, and with random vectors of words besides (word_vectors=0) 87.8 %, at two strengths of "
        "dropout; with 128 dimensions for 30,000 words and without pairs 88.9 %."
    ),
    "sentiment_gru": "For comparison with sentiment_lstm and sentiment_rnn, which have as many recurrent weights.",
    "sentiment_lstm": "For comparison with sentiment_gru and sentiment_rnn, which have as many recurrent weights.",
    "sentiment_rnn": (
        "For comparison with sentiment_gru and sentiment_lstm, which have as many recurrent weights: without gates, "
        "the last state knows little of the beginning of a review."
    ),
}
PIXELS = (
    "It attends to the states of all steps. With the last state alone and gates that remember 784 steps it stayed at "
    "chance for two epochs at a rate of 3e-3. With batches of 100 at a rate of 2e-3, whose epochs take as long, it had "
    "95.9 % after six epochs, where batches of 25 had 98.0 %."
)
KINDS = {
    "sentiment_gru": ": a small GRU",
    "sentiment_lstm": ": a small LSTM",
    "sentiment_rnn": ": a small network without gates",
}
NAMES = {"0": "negative", "1": "positive"}


def _read_reviews(path: Path, text: str = "text", label: str = "label") -> list[Example]:
    return read_labelled(path, NAMES, text, label)


def _reviews(name: str, pooling: str) -> Callable[[list[Example], dict[str, Any]], dict[str, Any]]:
    def card(examples: list[Example], options: dict[str, Any]) -> dict[str, Any]:
        table = WordTable.of([each.content for each in examples], most=options["most_words"], least=3)
        return {
            "name": name,
            "title": f"Whether a film review in English is positive or negative{KINDS.get(name, '')}",
            "task": "classifier",
            "builder": "classifier",
            "arguments": {
                "labels": sorted({each.label for each in examples}),
                "word_size": table.size,
                "pooling": pooling,
                **{key: options[key] for key in ("cell", "bidirectional", "units", "embedding", "dropout")},
                **({"pairs": options["pairs"]} if "pairs" in options else {}),
            },
            "vocabulary": table.to_card() | {"names": NAMES, "unknown_rate": options["unknown_rate"]},
            "example": "It begins slowly, but then it is wonderful: one of the best films I have seen this year.",
            "data": "Large Movie Review Dataset v1.0 (Maas et al., ACL 2011), its training part",
            "licence": (
                "none is stated for the reviews, which belong to their writers; they are not part of this package, and "
                "no weight of it holds a sentence of theirs. These weights: Apache-2.0 as far as they are ours to give"
            ),
            "split": "official test part; 12 % of the films of the official training part for validation",
            "notes": f"{VECTORS} {TRIED[name]}",
        }

    return card


def _pixels(examples: list[Example], options: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "pixels_gru",
        "title": "Digits read one pixel at a time, 784 steps",
        "task": "classifier",
        "builder": "classifier",
        "arguments": {
            "labels": sorted({each.label for each in examples}),
            "features": 1,
            **{key: options[key] for key in ("cell", "units", "dropout", "pooling", "chrono")},
        },
        "vocabulary": {"values": [round(float(value), 3) for value in examples[0].content[:, 0]]},
        "example": "the first digit of the training data",
        "data": "MNIST (LeCun, Cortes, Burges), pixels in the order of the rows",
        "licence": "commonly given as CC BY-SA 3.0; these weights: CC BY-SA 3.0",
        "split": "official; the last 5,000 of the training part for validation",
        "notes": PIXELS,
    }


def _start(task: Any, examples: list[Example], options: Mapping[str, Any]) -> None:
    """Embeddings to begin with: of words by the company that they keep, of pairs by the labels of their texts."""
    if not (options["word_vectors"] or options.get("pairs")):
        return
    texts = [task.table.encode([each.content])[0] for each in examples]
    if options.get("pairs"):
        labels = np.array([task.labels.index(each.label) for each in examples])
        ratios = pair_ratios(texts, labels, task.model.get_layer("pairs"), options["pairs"])
        task.model.get_layer("pair_embedding").embeddings.assign(ratios)
    if options["word_vectors"]:
        size, width = task.table.size, options["embedding"]
        vectors = word_vectors(texts, size, width, window=options["window"], seed=options["seed"])
        task.model.get_layer("word_embedding").embeddings.assign(options["word_vectors"] * vectors)


def _finish(task: Any, held_out: list[Example]) -> None:
    task.calibrate(held_out)


SMALL: Mapping[str, Any] = {
    "bidirectional": False,
    "embedding": 64,
    "dropout": 0.5,
    "most_words": 20_000,
    "word_vectors": 0.2,  # root of the mean square of those that the embedding begins with; 0 for random ones
    "window": 20,  # of those vectors: wide ones tell subjects and moods apart, narrow ones parts of speech
    "unknown_rate": 0.2,
    "epochs": 3,
    "batch_size": 128,
    "most_positions": 16_384,
    "learning_rate": 2e-3,
    "average": 0.99,
}


def _review_recipe(name: str, pooling: str, **options: Any) -> Recipe:
    return Recipe(
        name=name,
        patterns=("{part}.jsonl", "{part}.csv", "{part}.tsv"),
        reads=_read_reviews,
        card=_reviews(name, pooling),
        folders=("sentiment_imdb",),
        options={**SMALL, **options},
        start=_start,
        finish=_finish,
        best="accuracy",
    )


RECIPES = {
    "sentiment_bilstm": _review_recipe(
        "sentiment_bilstm", "attention", cell="lstm", bidirectional=True, units=64, pairs=2**19
    ),
    # The recurrent layers of these three have about 33,000 weights each.
    "sentiment_rnn": _review_recipe("sentiment_rnn", "last", cell="simple_rnn", units=152, learning_rate=5e-4),
    "sentiment_gru": _review_recipe("sentiment_gru", "last", cell="gru", units=78),
    "sentiment_lstm": _review_recipe("sentiment_lstm", "last", cell="lstm", units=64),
    "pixels_gru": Recipe(
        name="pixels_gru",
        patterns=("{part}-images-idx3-ubyte",),
        reads=read_pixels,
        card=_pixels,
        folders=("image_mnist",),
        options={
            "cell": "gru",
            "units": 96,
            "pooling": "attention",
            "chrono": 112,  # gates that remember up to four rows, from the first batch on
            "dropout": 0.1,
            "epochs": 12,
            "batch_size": 25,  # an epoch takes as long as with 100, and has four times as many steps
            "learning_rate": 1.5e-3,
            "average": 0.99,
        },
        best="accuracy",
        by="label",
    ),
}
