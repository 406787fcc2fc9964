"""A tune as it sounds: notes with times, repeats and endings played, ties joined."""

from fractions import Fraction
from typing import NamedTuple

from kerasrnn.zoo.abc.harmony import chord
from kerasrnn.zoo.abc.playing import played
from kerasrnn.zoo.abc.tune import Line, Meter, Signature, Sound, Tune

GRACE = Fraction(1, 48)  # of a whole note, at most; together at most half of the note that they lead to


class Note(NamedTuple):
    """When a pitch begins, how long it lasts, as parts of a whole note, and its MIDI number."""

    start: Fraction
    length: Fraction
    pitch: int


class Performance(NamedTuple):
    """What there is to play.

    Attributes:
        melody, chords: notes by their starts; the chords are those of the chord symbols, struck again in each bar.
        marks: meters and signatures with the times at which they begin; a change is told once.
        length: of all, as a part of a whole note.
    """

    melody: list[Note]
    chords: list[Note]
    marks: list[tuple[Fraction, Meter | Signature]]
    length: Fraction


def perform(tune: Tune) -> Performance:
    """Play a tune.

    Raises:
        AbcError: a pass of a repeat for which there is no ending.
    """
    now = Fraction(0)
    melody: list[Note] = []
    strokes: list[tuple[Fraction, str]] = []
    marks: list[tuple[Fraction, Meter | Signature]] = []
    held: dict[int, int] = {}  # where in the melody the pitches stand that are tied to the next sound
    harmony, fresh = "", True
    for item in played(tune):
        if isinstance(item, Line):
            fresh = True
        elif not isinstance(item, Sound):
            latest = next((mark for _, mark in reversed(marks) if type(mark) is type(item)), None)
            if item != latest:
                marks.append((now, item))
        else:
            harmony = item.harmony or harmony
            if harmony and (item.harmony or fresh):
                strokes.append((now, harmony))
            fresh = False
            led = _graces(melody, item, now)
            held = _sound(melody, item, now, led, held)
            now += item.length
    ends = [*(start for start, _ in strokes), now][1:]
    chords = [
        Note(start, end - start, pitch)
        for (start, symbol), end in zip(strokes, ends, strict=False)
        for pitch in chord(symbol)
        if end > start
    ]
    return Performance(sorted(melody), chords, marks, now)


def _graces(melody: list[Note], item: Sound, now: Fraction) -> Fraction:
    """Play grace notes; the time that they take from the note they lead to."""
    if not item.graces or not item.pitches:
        return Fraction(0)
    each = min(GRACE, item.length / (2 * len(item.graces)))
    melody += [Note(now + i * each, each, pitch) for i, pitch in enumerate(item.graces)]
    return each * len(item.graces)


def _sound(melody: list[Note], item: Sound, now: Fraction, led: Fraction, held: dict[int, int]) -> dict[int, int]:
    """Play a sound; where the pitches stand that it ties to the next one."""
    places = {}
    for pitch in item.pitches:
        if pitch in held and not led:
            place = held[pitch]
            before = melody[place]
            melody[place] = before._replace(length=before.length + item.length)
        else:
            place = len(melody)
            melody.append(Note(now + led, item.length - led, pitch))
        places[pitch] = place
    return places if item.tied else {}
