"""Text to text, character by character: pairs of your own, as `dates_bahdanau` is made of dates."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerasrnn.zoo.readers.tables import Pair, read_pairs
from kerasrnn.zoo.recipes.recipe import Recipe
from kerasrnn.zoo.tasks.seq2seq import END, LONGEST, START
from kerasrnn.zoo.text import FIRST_CHARACTER, CharacterTable, clean, fold

WIDTHS = ("cell", "attention", "embedding", "attention_units", "readout_units", "dropout")


def _card(pairs: Sequence[Pair], options: Mapping[str, Any]) -> dict[str, Any]:
    source = sorted({fold(character) for pair in pairs for character in clean(pair.source)} - {""})
    target = [START, END, *sorted({character for pair in pairs for character in pair.target})]
    read = CharacterTable(source)
    return {
        "name": "dates_bahdanau",
        "title": "Text to text, character by character",
        "task": "seq2seq",
        "builder": "seq2seq",
        "arguments": {
            "source_size": len(source) + FIRST_CHARACTER,
            "target_size": len(target) + 1,
            "encoder_units": options["units"],
            "decoder_units": options["units"],
            **{key: options[key] for key in WIDTHS},
        },
        "vocabulary": {
            "source": "".join(source),
            "target": target,
            "longest_source": min(LONGEST, 2 * max(len(read.ids(pair.source)) for pair in pairs)),
            "longest_target": min(LONGEST, 2 * max(len(pair.target) for pair in pairs) + 1),  # and the end
        },
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
        options={
            "cell": "lstm",
            "attention": "bahdanau",
            "units": 128,
            "embedding": 64,
            "attention_units": 64,
            "readout_units": 64,
            "dropout": 0.1,
            "batch_size": 128,
            "epochs": 20,
        },
        best="exact match",
        by="script",
    )
}
