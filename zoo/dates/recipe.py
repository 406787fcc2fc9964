"""What training and evaluation of `dates_bahdanau` share: the card, the batches and the score."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasrnn.zoo.dates.locales import UNSEEN
from kerasrnn.zoo.dates.render import MAX_LENGTH, characters
from kerasrnn.zoo.dates.sampling import Example
from kerasrnn.zoo.recipes.characters import SIZES
from kerasrnn.zoo.recipes.characters import card as text_to_text
from kerasrnn.zoo.tasks.seq2seq import START, Seq2SeqTask
from kerasrnn.zoo.text import UNKNOWN

UNKNOWN_RATE = 0.002  # of the source characters in training, so that an unknown one means something
TARGET = "0123456789-"


def card(units: int, dropout: float, locales: Sequence[str]) -> dict[str, Any]:
    """The card of an untrained model."""
    import babel

    longest = MAX_LENGTH, len("2026-01-31") + 1  # and the end
    made = text_to_text(characters(locales), TARGET, longest, units=units, dropout=dropout, **SIZES)
    return made | {
        "title": "Dates as people write them, to ISO 8601",
        "example": "dimanche 3 mai 1998",
        "data": (
            f"dates from 1000 to 2999 written in {len(locales)} locales (CLDR as in Babel {babel.__version__}, and "
            "common variants), by kerasrnn.zoo.dates; all forms have one meaning: four-digit years, and no all-number "
            "form but with the year first"
        ),
        "licence": "CLDR: Unicode License v3; these weights: Apache-2.0",
        "split": (
            "by SHA-256 of the ISO date, 90 % training, 5 % validation, 5 % test: no date of one part is in another in "
            f"any form; {', '.join(UNSEEN)} are held out as whole languages"
        ),
        "notes": (
            "The spellings of Cantonese (yue) are close to those of Chinese in the training data, and the months of "
            "Urdu (ur) to those of Dari: the easiest of the languages held out. Greek, Hebrew, Japanese and Korean "
            "have no language held out in their script. Letters that training never had count as unknown in these "
            "figures; predict refuses them."
        ),
    }


def batch(
    task: Seq2SeqTask, examples: Sequence[Example], rng: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray]:
    """Inputs `[source (b, s), tokens before (b, t)]` and the tokens to predict `(b, t)`."""
    source = task.table.encode([example.text for example in examples])
    source = np.where((rng.random(source.shape) < UNKNOWN_RATE) & (source != 0), UNKNOWN, source)
    written = task.encode_targets([example.iso for example in examples])
    start = np.full((len(examples), 1), task.target[START], "int32")
    return [source, np.hstack([start, written[:, :-1]])], written


def matches(task: Seq2SeqTask, examples: Sequence[Example], batch_size: int = 500) -> np.ndarray:
    """Whether each example's whole ISO date is right, `(n,)` bool."""
    right = []
    for start in range(0, len(examples), batch_size):
        part = examples[start : start + batch_size]
        tokens = keras.ops.convert_to_numpy(task.decode(task.table.encode([example.text for example in part])).tokens)
        right.append((tokens == task.encode_targets([example.iso for example in part])).all(axis=1))
    return np.concatenate(right)
