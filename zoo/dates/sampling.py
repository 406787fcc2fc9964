"""Random dates, written at random: one date, one locale, one form, and the disorder of typed text."""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from kerasrnn.zoo.dates.locales import TRAINING
from kerasrnn.zoo.dates.render import forms
from kerasrnn.zoo.dates.splits import ordinals

RECENT = (date(1900, 1, 1), date(2050, 12, 31))  # half of all draws come from here

_ODD_SPACES = ("\u00a0", "\u202f", "\u2009", "  ", "\t", "\u3000")
_BIDI_MARKS = ("\u200e", "\u200f", "\u061c")
_BIDI_PAIRS = (("\u202b", "\u202c"), ("\u2067", "\u2069"), ("\u2068", "\u2069"), ("\u202a", "\u202c"))
_RIGHT_TO_LEFT = ("Arab", "Hebr")
_DECOMPOSABLE = ("Arab", "Cyrl", "Deva", "Grek", "Latn")  # Hangul would fall apart into letters of its own


class Example(NamedTuple):
    """A date as someone wrote it, and the date."""

    text: str
    iso: str
    locale: str
    script: str
    form: str


def sample(
    rng: np.random.Generator, count: int, *, split: str, locales: Sequence[str] = tuple(TRAINING), noise: bool = True
) -> list[Example]:
    """Random examples.

    Args:
        rng: source of every choice: equal generators make equal examples.
        count: number of examples.
        split: "train", "valid" or "test"; no date is in two of them.
        locales: codes to draw from, all equally often.
        noise: whether to vary case, spaces and invisible marks as typed text does.

    Returns:
        `count` examples.

    Raises:
        ValueError: if the split or a locale is unknown, or there is no locale.
        ImportError: if Babel is not installed.
    """
    if not locales:
        raise ValueError("locales: expected at least one, received none")
    every = ordinals(split)
    recent = slice(*np.searchsorted(every, [RECENT[0].toordinal(), RECENT[1].toordinal() + 1]))
    days = np.where(rng.random(count) < 0.5, rng.choice(every[recent], count), rng.choice(every, count)).tolist()
    which = rng.integers(len(locales), size=count).tolist()
    draws = rng.random((count, 8)).tolist()
    compiled = [forms(code) for code in locales]
    examples = []
    for day, at, draw in zip(days, which, draws, strict=True):
        found = compiled[at]
        spec = found.spec
        form = found.forms[min(bisect_right(found.cumulative, draw[0]), len(found.forms) - 1)]
        then = date.fromordinal(day)
        text = form.render(then)
        if noise:
            if draw[1] < spec.own_digits:
                text = text.translate(_digit_table(spec.digits))
            text = _disordered(text, spec.script, draw)
        examples.append(Example(text, then.isoformat(), spec.code, spec.script, form.name))
    return examples


def _disordered(text: str, script: str, draw: list[float]) -> str:
    """A text with the disorder that the draws (8,) choose; the first two are spent already."""
    if draw[2] < 0.3:
        text = text.upper() if draw[2] < 0.1 else text.lower()
    if draw[3] < 0.06:
        text = text.replace(", ", ",").replace(". ", ".").replace("، ", "،")
    elif draw[3] < 0.2:
        odd = _ODD_SPACES[int(draw[4] * len(_ODD_SPACES))]
        text = text.replace(" ", odd, 1 if draw[3] < 0.13 else -1)
    if draw[5] < 0.04:
        text = f" {text}" if draw[5] < 0.02 else f"{text} "
    if script in _RIGHT_TO_LEFT and draw[6] < 0.3:
        if draw[6] < 0.15:
            first, last = _BIDI_PAIRS[int(draw[7] * len(_BIDI_PAIRS))]
            text = f"{first}{text}{last}"
        else:
            at = int(draw[7] * (len(text) + 1))
            text = text[:at] + _BIDI_MARKS[int(draw[4] * len(_BIDI_MARKS))] + text[at:]
    elif script in _DECOMPOSABLE and draw[6] > 0.92:
        text = unicodedata.normalize("NFD", text)
    return text


_DIGIT_TABLES: dict[str, dict[int, int]] = {}


def _digit_table(digits: str) -> dict[int, int]:
    if digits not in _DIGIT_TABLES:
        _DIGIT_TABLES[digits] = str.maketrans("0123456789", digits)
    return _DIGIT_TABLES[digits]
