"""Standard MIDI files of tunes, by mido (the extra `midi`)."""

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from kerasrnn.zoo.abc.performance import Note, perform
from kerasrnn.zoo.abc.tune import Meter, Signature, Tune

TICKS = 480  # a quarter note
VIOLIN, PIANO = 40, 0  # programs of General MIDI, from 0
_MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR = ("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m", "G#m", "D#m", "A#m")


def to_midi(tune: Tune, tempo: float | None = None) -> bytes:
    """A MIDI file of a tune as it is played, its chord symbols as an accompaniment in a track of their own.

    Args:
        tune: what to play.
        tempo: quarter notes a minute; by default that of the tune, or one that suits its meter.

    Raises:
        ImportError: mido is not installed.
        ValueError: a tempo out of range.
        AbcError: a pass of a repeat for which there is no ending.
    """
    mido = require_mido()
    found = perform(tune)
    meter = next((mark for _, mark in found.marks if isinstance(mark, Meter)), None)
    pace = float(tempo or tune.tempo or _usual(meter))
    if not 4 <= pace <= 10000:
        raise ValueError(f"a tempo of {pace:g} quarter notes a minute: expected 4 to 10000.")
    first: list[tuple[int, Any]] = [(0, mido.MetaMessage("track_name", name=_latin(tune.title)))]
    first.append((0, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(pace))))
    for time, mark in found.marks:
        if isinstance(mark, Signature):
            names = _MINOR if mark.minor else _MAJOR
            first.append((_ticks(time), mido.MetaMessage("key_signature", key=names[mark.fifths + 7])))
        else:
            message = mido.MetaMessage("time_signature", numerator=mark.beats, denominator=mark.unit)
            first.append((_ticks(time), message))
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    file.tracks.append(_track(mido, first, found.melody, 0, VIOLIN, 90))
    if found.chords:
        file.tracks.append(_track(mido, [], found.chords, 1, PIANO, 45))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def require_mido() -> Any:
    """The module mido; ImportError, saying how to get it, if it is not installed."""
    try:
        import mido
    except ImportError as error:
        raise ImportError('MIDI files need mido: pip install "kerasrnn[midi]"') from error
    return mido


def _track(
    mido: Any, begun: list[tuple[int, Any]], notes: Sequence[Note], channel: int, program: int, velocity: int
) -> Any:
    timed = [*begun, (0, mido.Message("program_change", channel=channel, program=program))]
    for note in notes:
        start, stop = _ticks(note.start), _ticks(note.start + note.length)
        timed.append((start, mido.Message("note_on", channel=channel, note=note.pitch, velocity=velocity)))
        timed.append((stop, mido.Message("note_off", channel=channel, note=note.pitch, velocity=0)))
    # at one moment notes end before others begin, so that a repeated pitch sounds twice
    timed.sort(key=lambda each: (each[0], each[1].type == "note_on", each[1].type == "note_off"))
    track = mido.MidiTrack()
    now = 0
    for time, message in timed:
        track.append(message.copy(time=time - now))
        now = time
    return track


def _ticks(time: Fraction) -> int:
    return round(time * 4 * TICKS)


def _usual(meter: Meter | None) -> int:
    """Quarter notes a minute that suit dances in a meter: two beats of 6/8 or 2/2 a second or so."""
    if meter is None or meter.bar is None:
        return 120
    if meter.unit == 8 and meter.beats % 3 == 0:
        return 165
    return 180 if meter.unit == 2 else 100 if (meter.beats, meter.unit) == (2, 4) else 140


def _latin(text: str) -> str:
    """What MIDI's Latin-1 can hold of a title."""
    return text.encode("latin-1", "replace").decode("latin-1")
