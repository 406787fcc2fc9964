"""Text to text, character by character: pairs of your own, as `dates_bahdanau` is made of dates."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerasrnn.zoo.readers.tables import Pair, read_pairs
from kerasrnn.zoo.recipes.recipe import Recipe
from kerasrnn.zoo.tasks.seq2seq import END, LONGEST, START
from kerasrnn.zoo.text import FIRST_CHARACTER, CharacterTable, clean, fold

SIZES = {"cell": "lstm", "embedding": 64, "attention_units": 64, "readout_units": 64}


def card(
    source: Sequence[str], target: Sequence[str], longest: tuple[int, int], *, units: int, **arguments: Any
) -> dict[str, Any]:
    """The card of an untrained model: what it reads (folded) and writes, and how long that may be, its end included."""
    return {
        "name": "dates_bahdanau",
        "task": "seq2seq",
        "builder": "seq2seq",
        "arguments": {
            "source_size": len(source) + FIRST_CHARACTER,
            "target_size": len(target) + 3,  # padding, start, end
            "encoder_units": units,
            "decoder_units": units,
            **arguments,
        },
        "vocabulary": {
            "source": "".join(source),
            "target": [START, END, *target],
            "longest_source": longest[0],
            "longest_target": longest[1],
        },
    }


def _card(pairs: Sequence[Pair], options: Mapping[str, Any]) -> dict[str, Any]:
    source = sorted({fold(character) for pair in pairs for character in clean(pair.source)} - {""})
    target = sorted({character for pair in pairs for character in pair.target})
    read = CharacterTable(source)
    longest = 2 * max(len(read.ids(pair.source)) for pair in pairs), 2 * max(len(pair.target) for pair in pairs) + 1
    chosen = {key: options[key] for key in (*SIZES, "units", "attention", "dropout")}
    return card(source, target, (min(LONGEST, longest[0]), min(LONGEST, longest[1])), **chosen) | {
        "title": "Text to text, character by character",
        "example": pairs[0].source,
    }


RECIPES = {
    "dates_bahdanau": Recipe(
        name="dates_bahdanau",
        patterns=("{part}.tsv", "{part}.csv", "{part}.jsonl"),
        reads=read_pairs,
        card=_card,
        folders=(),
        made_by="python -m kerasrnn.zoo.dates.train --out runs/dates",
        options=SIZES | {"attention": "bahdanau", "units": 128, "dropout": 0.1, "batch_size": 128, "epochs": 20},
        best="exact match",
        by="script",
    )
}
