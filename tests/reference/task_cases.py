"""Small tasks of every kind with random weights, and what to ask them."""

from functools import cache
from typing import Any

import numpy as np

from kerasrnn.zoo.loading import task_class
from kerasrnn.zoo.readers.series import Series
from kerasrnn.zoo.tasks.forecaster import CALENDAR
from kerasrnn.zoo.words import WordTable, cut

TEXTS = [
    "Angela Merkel met the president of Ghana in Berlin.",
    "It's 10,000 times better, isn't it?",
    "ΣΑΣ İstanbul, ΔΕΝ!",
    "no",
    "the the the THE " * 9,
]
CHARACTERS = "\n !abcdeh"
WORDS = ["<eos>", "the", "lobster", "is", "red", "."]
POS, BIO = ["ADJ", "NOUN", "VERB", "X"], ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]
TABLE = WordTable.of([cut(text) for text in TEXTS], most=15, characters=1)


def _card(kind: str, arguments: dict[str, Any], vocabulary: dict[str, Any], builder: str) -> dict[str, Any]:
    about = {"name": kind, "title": f"A small {kind}", "task": builder, "builder": builder, "example": TEXTS[0]}
    return about | {"arguments": arguments, "vocabulary": vocabulary}


def cards() -> dict[str, dict[str, Any]]:
    """By the name of the task."""
    words = {"word_size": TABLE.size, "units": 5, "embedding": 4, "dropout": 0.2}
    spelled = {"character_size": TABLE.character_size, "letters": 6, "character_embedding": 3, "character_units": 3}
    pos = words | spelled | {"tags": POS}
    ner = words | {"tags": BIO, "crf": True, "cell": "gru", "depth": 2}
    reviews = words | {"labels": ["bad", "good", "so so"], "pooling": "attention", "bidirectional": True}
    last = words | {"labels": ["bad", "good"], "pooling": "last", "cell": "simple_rnn"}
    digits = {"labels": ["0", "1", "2"], "features": 2, "units": 4, "pooling": "last", "cell": "gru"}
    language = {"units": 5, "depth": 2, "dropout": 0.2}
    letters = {"level": "character", "tokens": CHARACTERS, "start": "\n"}
    tokens = {"level": "word", "tokens": WORDS, "start": "<eos>"}
    weather = {"horizon": 4, "features": CALENDAR, "units": 4, "attention_units": 3, "dropout": 0.1}
    scale = {"time": "date", "value": "t", "past": 6, "seconds": 3600, "mean": 11.0, "deviation": 3.5}
    made = {
        "pos": ("tagger", pos, TABLE.to_card() | {"rare": 9}),
        "ner": ("tagger", ner, WordTable(TABLE.words).to_card() | {"rename": {"person": "PER"}}),
        "reviews": ("classifier", reviews, TABLE.to_card() | {"temperature": 1.7}),
        "opinions": ("classifier", last, TABLE.to_card()),
        "digits": ("classifier", digits, {}),
        "letters": ("language_model", language | {"size": len(CHARACTERS) + 2, "embedding": 3}, letters),
        "sentences": ("language_model", language | {"size": len(WORDS) + 2, "embedding": 4, "tied": True}, tokens),
        "weather": ("forecaster", weather, scale),
    }
    return {name: _card(name, arguments, vocabulary, kind) for name, (kind, arguments, vocabulary) in made.items()}


@cache
def small(name: str) -> Any:
    """A task with weights that are all different and large enough to matter. Shared: tests must not change it."""
    card = cards()[name]
    task = task_class(card).build(card)
    rng = np.random.default_rng(len(name))
    for variable in task.model.weights:
        size = 0.1 if variable.path.endswith("bias") else 1.0  # what is read must matter more than a bias
        variable.assign((size * rng.standard_normal(variable.shape)).astype(np.float16))
    return task


def series(rng: np.random.Generator, count: int = 40, begin: str = "2021-12-30T05:00:00") -> Series:
    """Hours over a turn of the year."""
    return Series(np.datetime64(begin, "s") + np.arange(count) * np.timedelta64(3600, "s"), rng.normal(11, 3.5, count))
