"""Tunes, written note by note."""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kerasrnn.zoo.abc import is_valid, transposed
from kerasrnn.zoo.buckets import batches
from kerasrnn.zoo.recipes.recipe import Recipe
from kerasrnn.zoo.tasks.tunes import END, START, header, read_tunes

MOST = 1 << 13  # characters a batch
SIGNATURES = range(-3, 5)  # sharps, flats negative, to which tunes are transposed


def _card(tunes: list[str], options: dict[str, Any]) -> dict[str, Any]:
    tokens = [START, END, *sorted({character for tune in tunes for character in tune})]
    units: dict[str, Counter[str]] = {}
    for tune in tunes:
        fields = header(tune)
        if {"M", "L"} <= fields.keys():
            units.setdefault(fields["M"], Counter())[fields["L"]] += 1
    return {
        "name": "tunes_lstm",
        "title": "Folk tunes in ABC notation, written note by note",
        "task": "tunes",
        "builder": "language_model",
        "arguments": {"size": len(tokens) + 2}
        | {key: options[key] for key in ("cell", "depth", "units", "embedding", "dropout")},
        "vocabulary": {
            "level": "character",
            "tokens": tokens,
            "start": START,
            "end": END,
            "units": {
                meter: min(count, key=lambda unit: (-count[unit], unit)) for meter, count in sorted(units.items())
            },
        },
        "example": "M:6/8\nL:1/8\nK:G\nD|GAB d2B|",
        "data": (
            "Nottingham Music Database (E. Foxley; ABC by S. Shlien), O'Neill's Music of Ireland (1903) and Ryan's "
            "Mammoth Collection (1883), the two as transcribed for the corpus of music21"
        ),
        "licence": (
            "Nottingham: GPL-3.0; the printed collections are out of copyright, their transcriptions by volunteers are "
            "used by permission in music21, perhaps not for commerce; these weights: GPL-3.0, like the strictest part"
        ),
        "split": "by hash of groups that share a title or an opening, 82 / 8 / 10 %; no run of 32 notes is shared",
        "notes": (
            "Tunes are scored as they come, at temperature 0.6 and top-p 0.9, which were chosen among five "
            "settings. Of 1,000 tunes 96.4 % are valid; at temperature 0.8 without top-p 80.7 % of 400. Without "
            "spaces that tell of pickups 77.5 % of 200 were, and with one space for any pickup 89 %: nearly all "
            "faults were last bars that did not fit a pickup a hundred characters before. Of 100 tunes for each "
            "beginning 99 jigs in G are valid, 97 reels in D, 89 tunes of 3/4 in G, but 75 of 4/4 in E minor. None "
            "of 1,000 tunes has 32 notes in a row, in any key, of a tune of the training part. Phrases fit their "
            "chords and cadences; but parts seldom answer each other, and some close off the tonic."
        ),
    }


def by_length(
    task: Any, examples: Sequence[str], options: Mapping[str, Any], number: int, plan_only: bool = False
) -> Iterator[Any]:
    """The tunes whose bars add up, of like lengths together, a share of them in other keys."""
    rng = np.random.default_rng([options["seed"], number])
    tunes = [tune for tune in examples if _adds_up(tune)]
    if not tunes:
        raise ValueError("none of the training tunes has bars that add up: see kerasrnn.zoo.abc.check_bars.")
    lengths = [task.length(tune) for tune in tunes]
    plan = batches(lengths, batch_size=options["batch_size"], most=MOST, rng=rng, grid=task.grid)
    for chosen, length in plan:
        if plan_only:
            yield ()
            continue
        written = [_in_some_key(tunes[i], options["transposed"], length - 1, rng) for i in chosen]
        yield task.batch(written, None, length)


def _in_some_key(tune: str, share: float, most: int, rng: np.random.Generator) -> str:
    """The tune, or with a probability of `share` the same in another key, if it is not longer than `most` so."""
    fifths = int(rng.choice(SIGNATURES))
    if rng.random() >= share:
        return tune
    found = _transposed(tune, fifths)
    return tune if found is None or len(found) > most else found


_adds_up = functools.cache(is_valid)
_transposed = functools.cache(transposed)

RECIPES = {
    "tunes_lstm": Recipe(
        name="tunes_lstm",
        patterns=("{part}.jsonl", "{part}.abc"),
        reads=read_tunes,
        card=_card,
        folders=("music_abc",),
        options={
            "cell": "lstm",
            "depth": 2,
            "units": 256,
            "embedding": 48,
            "dropout": 0.2,
            "transposed": 0.5,
            "epochs": 16,
            "batch_size": 16,
            "learning_rate": 4e-3,
            "average": 0.995,
        },
        batches=by_length,
        best="nats",
        lower=True,
    )
}
