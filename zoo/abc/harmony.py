"""Chord symbols as notes to play."""

import re

from kerasrnn.zoo.abc.keys import SEMITONES

_SYMBOL = re.compile(r"([A-G])([#b]?)([^/]*)(?:/([A-Ga-g])([#b+-]?))?")
_KINDS = (  # the first that a symbol's kind begins with; semitones above the root
    ("maj7", (0, 4, 7, 11)),
    ("dim7", (0, 3, 6, 9)),
    ("m7b5", (0, 3, 6, 10)),
    ("maj", (0, 4, 7)),
    ("min7", (0, 3, 7, 10)),
    ("min", (0, 3, 7)),
    ("m7", (0, 3, 7, 10)),
    ("m6", (0, 3, 7, 9)),
    ("m", (0, 3, 7)),
    ("dim", (0, 3, 6)),
    ("°", (0, 3, 6)),
    ("aug", (0, 4, 8)),
    ("+", (0, 4, 8)),
    ("sus2", (0, 2, 7)),
    ("sus", (0, 5, 7)),
    ("6", (0, 4, 7, 9)),
    ("7", (0, 4, 7, 10)),
    ("9", (0, 4, 7, 10)),
)
_RAISED = {"": 0, "#": 1, "+": 1, "b": -1, "-": -1}
LOWEST_BASS, LOWEST = 36, 52


def chord(symbol: str) -> tuple[int, ...]:
    """MIDI numbers of a chord symbol: its bass, or its root, from C2 on, and its other notes from E3 on.

    A kind that is not known is played as a major chord.

    Raises:
        ValueError: no chord symbol.
    """
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        raise ValueError(f"{symbol!r:.20} is no chord symbol.")
    root = SEMITONES[found[1]] + _RAISED[found[2]]
    bass = SEMITONES[found[4].upper()] + _RAISED[found[5]] if found[4] else root
    steps = next((steps for kind, steps in _KINDS if found[3].startswith(kind)), (0, 4, 7))
    upper = sorted(LOWEST + (root + step - LOWEST) % 12 for step in steps)
    return (LOWEST_BASS + (bass - LOWEST_BASS) % 12, *upper)
