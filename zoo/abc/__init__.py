"""Tunes in ABC notation: read, checked, rewritten, transposed and played."""

from kerasrnn.zoo.abc.bars import check_bars, is_valid
from kerasrnn.zoo.abc.lexer import AbcError
from kerasrnn.zoo.abc.midi import to_midi
from kerasrnn.zoo.abc.parser import parse
from kerasrnn.zoo.abc.performance import Note, Performance, perform
from kerasrnn.zoo.abc.playing import played
from kerasrnn.zoo.abc.tidy import tidy
from kerasrnn.zoo.abc.transpose import transposed
from kerasrnn.zoo.abc.tune import Line, Meter, Signature, Sound, Tune

__all__ = [
    "AbcError",
    "Line",
    "Meter",
    "Note",
    "Performance",
    "Signature",
    "Sound",
    "Tune",
    "check_bars",
    "is_valid",
    "parse",
    "perform",
    "played",
    "tidy",
    "to_midi",
    "transposed",
]
