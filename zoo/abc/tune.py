"""A tune as the parser gives it: sounds and bar lines in the order in which they are written."""

from fractions import Fraction
from typing import NamedTuple


class Sound(NamedTuple):
    """A note, several at once, or a rest.

    Attributes:
        pitches: MIDI numbers, middle C 60; none for a rest.
        length: as a part of a whole note.
        tied: whether it goes on into the next sound, where that has the same pitch.
        graces: MIDI numbers of the grace notes before it.
        harmony: the chord symbol that stands over it, or "".
    """

    pitches: tuple[int, ...]
    length: Fraction
    tied: bool = False
    graces: tuple[int, ...] = ()
    harmony: str = ""


class Line(NamedTuple):
    """A bar line.

    Attributes:
        back: whether it ends what is repeated, `:|`.
        begins: whether it begins what is repeated, `|:`.
        part: whether a part ends here, so that a bar may be cut in two: a repeat, a double bar, a numbered ending.
        endings: numbers of the ending that begins here.
        place: line and column in the text.
    """

    back: bool
    begins: bool
    part: bool
    endings: tuple[int, ...]
    place: tuple[int, int]


class Meter(NamedTuple):
    """A meter that begins here.

    Attributes:
        bar: length of a bar as a part of a whole note; None for free rhythm.
        beats, unit: upper and lower number.
    """

    bar: Fraction | None
    beats: int
    unit: int


class Signature(NamedTuple):
    """A key that begins here: its sharps, flats negative, and whether it is a minor one."""

    fifths: int
    minor: bool


Item = Sound | Line | Meter | Signature


class Tune(NamedTuple):
    """A tune.

    Attributes:
        items: what it is made of, as it is written; it begins with its meter and its key.
        title: of the `T:` field, or "".
        tempo: quarter notes a minute, of the `Q:` field; None if it has none.
    """

    items: tuple[Item, ...]
    title: str = ""
    tempo: Fraction | None = None

    @property
    def sounds(self) -> list[Sound]:
        """The notes and rests as they are written."""
        return [item for item in self.items if isinstance(item, Sound)]
