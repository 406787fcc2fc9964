"""ABC text to a tune."""

import re
from dataclasses import dataclass, field
from fractions import Fraction

from kerasrnn.zoo.abc import lexer
from kerasrnn.zoo.abc.keys import SEMITONES, Key
from kerasrnn.zoo.abc.lexer import Token
from kerasrnn.zoo.abc.tune import Item, Line, Meter, Signature, Sound, Tune

ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # notes in the time of; 5, 7 and 9 follow the meter
COMMON = {"C": "4/4", "C|": "2/2"}
HARMONY = re.compile(r"[A-G][#b]?[A-Za-z0-9+#°-]{0,8}(?:/[A-Ga-g][#b+-]?)?")
_NOTE = re.compile(r"(\^\^|\^|__|_|=)?([A-Ga-g])([,']*)(.*)", re.DOTALL)
_METER = re.compile(r"([1-9]\d?)/([1-9]\d?)")
_UNIT = re.compile(r"1/(1|2|4|8|16|32|64)")
_TEMPO = re.compile(r"(?:(\d{1,2})/(\d{1,2})[ ]?=[ ]?)?(\d{1,3})")
_MINOR = ("m", "min", "aeo", "dor", "phr", "loc")


def parse(text: str) -> Tune:
    """The tune that a text writes: fields up to `K:`, then its notes.

    One voice with notes, rests, lengths, accidentals, ties, tuplets, broken rhythm, chords, grace notes, chord symbols,
    repeats and numbered endings, and `M:`, `L:`, `K:` and `Q:` also between and in the lines. Decorations, slurs and
    spaces are read and have no meaning; so have all other fields, but for voices, which are refused.

    Raises:
        AbcError: anything else, with its line and column.
    """
    return _Reader().read(text)


@dataclass
class _Reader:
    items: list[Item] = field(default_factory=list)
    meter: Meter | None = None
    unit: Fraction | None = None
    key: Key | None = None
    title: str = ""
    tempo: Fraction | None = None
    harmony: str = ""
    graces: tuple[int, ...] = ()
    bar: dict[str, int] = field(default_factory=dict)  # accidentals until the next bar line
    held: dict[str, int] = field(default_factory=dict)  # semitones by which the pitches of the sound before are raised
    last: int | None = None  # where in `items` the last sound of this bar, or one before, stands
    broken: str = ""  # `>` or `<` that waits for its second note
    factor: Fraction = Fraction(1)  # of the tuplet, for this many notes more
    left: int = 0
    slurs: int = 0

    def read(self, text: str) -> Tune:
        pieces = [token for token in lexer.tokens(text) if token.kind not in ("space", "decoration")]
        at = 0
        while at < len(pieces):
            token = pieces[at]
            if token.kind in ("field", "inline"):
                self._field(token)
            elif token.kind != "end":
                if self.key is None:
                    raise token.error(f"expected fields up to K: before the notes, found {token.text!r}")
                at = self._body(pieces, at)
            at += 1
        if self.key is None:
            raise lexer.AbcError("line 1: the tune has no field K:")
        where = pieces[-1]
        if self.slurs or self.broken or self.left:
            missing = "a slur" if self.slurs else "a broken rhythm" if self.broken else "a tuplet"
            raise where.error(f"the tune ends within {missing}")
        if not any(isinstance(item, Sound) and item.pitches for item in self.items):
            raise where.error("the tune has no note")
        return Tune(tuple(self.items), self.title, self.tempo)

    def _body(self, pieces: list[Token], at: int) -> int:
        """Read what begins with this piece; the place of its last piece."""
        token = pieces[at]
        if token.kind in ("note", "rest"):
            self._add(token, *self._note(token))
        elif token.kind == "chord":
            return self._chord(pieces, at)
        elif token.kind == "grace":
            return self._grace(pieces, at)
        elif token.kind == "line":
            self._line(token)
        elif token.kind == "quote":
            name = token.text[1:-1]
            if HARMONY.fullmatch(name):
                self.harmony = name
            elif not name.startswith(("^", "_", "<", ">", "@")):
                raise token.error(f"{token.text:.20} is no chord symbol")
        elif token.kind == "tuplet":
            self._tuplet(token)
        elif token.kind == "broken":
            if self.last is None or self.broken:
                raise token.error(f"{token.text!r} must stand between two notes")
            self.broken = token.text
        elif token.kind == "tie":
            last = None if self.last is None else self.items[self.last]
            if not isinstance(last, Sound) or not last.pitches:
                raise token.error("a tie must follow a note")
            self.items[self.last or 0] = last._replace(tied=True)
        elif token.kind == "slur":
            self.slurs += 1 if token.text == "(" else -1
            if self.slurs < 0:
                raise token.error("a slur ends that did not begin")
        else:
            raise token.error(f"unexpected {token.text!r}")
        return at

    def _field(self, token: Token) -> None:
        letter, value = lexer.field(token.text)
        try:
            if letter == "M":
                self.meter = _meter(value)
                if self.key is not None:
                    self.items.append(self.meter)
            elif letter == "L":
                found = _UNIT.fullmatch(value)
                if found is None:
                    raise ValueError(f"{value!r:.20} is no unit: expected one such as 1/8")
                self.unit = Fraction(1, int(found[1]))
            elif letter == "K":
                if self.key is None:
                    self._begin(token)
                self.key = Key(value)
                self.items.append(Signature(self.key.fifths, self.key.mode in _MINOR))
            elif letter == "Q":
                self.tempo = _tempo(value, self.unit or Fraction(1, 8))
            elif letter == "T" and not self.title:
                self.title = value
            elif letter == "V":
                raise ValueError("a tune of several voices; expected one")
        except ValueError as error:
            raise token.error(str(error)) from error

    def _begin(self, token: Token) -> None:
        if self.meter is None:
            raise token.error("the tune has no field M: before K:")
        if self.unit is None:
            bar = self.meter.bar
            self.unit = Fraction(1, 16) if bar is not None and bar < Fraction(3, 4) else Fraction(1, 8)
        self.items.append(self.meter)

    def _note(self, token: Token) -> tuple[tuple[int, ...], Fraction, str]:
        """Pitch, length in whole notes and the name of the pitch (letter and octave) of a note or rest."""
        unit = self.unit or Fraction(1, 8)
        if token.kind == "rest":
            return (), unit * _length(token, token.text[1:]), ""
        found = _NOTE.fullmatch(token.text)
        if found is None or self.key is None:
            raise token.error(f"{token.text!r} is no note")
        letter = found[2].upper()
        octave = int(found[2].islower()) + found[3].count("'") - found[3].count(",")
        name = f"{letter}{octave}"
        if found[1]:
            self.bar[letter] = ACCIDENTALS[found[1]]
            raised = ACCIDENTALS[found[1]]
        elif name in self.held and letter not in self.bar and self._tied():
            raised = self.held[name]
        else:
            raised = self.bar.get(letter, self.key.alteration(letter))
        pitch = 60 + 12 * octave + SEMITONES[letter] + raised
        if not 0 <= pitch < 128:
            raise token.error(f"{token.text!r} is no note that can be played")
        return (pitch,), unit * _length(token, found[4]), name

    def _tied(self) -> bool:
        last = None if self.last is None else self.items[self.last]
        return isinstance(last, Sound) and last.tied

    def _chord(self, pieces: list[Token], at: int) -> int:
        pitches: list[int] = []
        names: list[str] = []
        length: Fraction | None = None
        begin = pieces[at]
        for here in range(at + 1, len(pieces)):
            token = pieces[here]
            if token.kind == "note":
                found, each, name = self._note(token)
                pitches += found
                names.append(name)
                length = each if length is None else length
            elif token.kind == "chord_end" and length is not None:
                self._add(begin, tuple(dict.fromkeys(pitches)), length * _length(token, token.text[1:]), *names)
                return here
            elif token.kind != "tie":
                break
        raise begin.error("a chord must hold notes, and end with ]")

    def _grace(self, pieces: list[Token], at: int) -> int:
        found: list[int] = []
        for here in range(at + 1, len(pieces)):
            token = pieces[here]
            if token.kind == "note":
                found += self._note(token)[0]
            elif token.kind == "grace_end" and found:
                self.graces = tuple(found)
                return here
            elif token.kind not in ("tie", "slur"):
                break
        raise pieces[at].error("grace notes must be notes, and end with }")

    def _add(self, token: Token, pitches: tuple[int, ...], length: Fraction, *names: str) -> None:
        if self.left:
            length *= self.factor
            self.left -= 1
        if self.broken:
            short = Fraction(1, 2 ** len(self.broken))
            first, second = (2 - short, short) if self.broken[0] == ">" else (short, 2 - short)
            before = self.items[self.last or 0]
            if not isinstance(before, Sound):
                raise token.error("a broken rhythm needs two notes")
            self.items[self.last or 0] = before._replace(length=before.length * first)
            length *= second
            self.broken = ""
        self.last = len(self.items)
        self.items.append(Sound(pitches, length, False, self.graces, self.harmony))
        self.held = {
            name: pitch - 60 - 12 * int(name[1:]) - SEMITONES[name[0]]
            for name, pitch in zip(names, pitches, strict=False)
            if name
        }
        self.graces, self.harmony = (), ""

    def _tuplet(self, token: Token) -> None:
        if self.left or self.broken:
            raise token.error("a tuplet begins within another one, or within a broken rhythm")
        given = [int(part) if part else 0 for part in token.text[1:].split(":")]
        notes, time, count = (*given, 0, 0)[:3]
        compound = self.meter is not None and self.meter.beats % 3 == 0 and self.meter.beats > 3
        time = time or TUPLETS.get(notes, 3 if compound else 2)
        self.factor, self.left = Fraction(time, notes), count or notes

    def _line(self, token: Token) -> None:
        if self.broken or self.left:
            raise token.error(f"a bar line within a {'broken rhythm' if self.broken else 'tuplet'}")
        text = token.text
        number = re.search(lexer.ENDING, text)
        bars = text[: number.start()] if number else text
        double = "||" in bars or "[|" in bars or "|]" in bars or "::" in bars
        self.bar = {}
        back, begins = bars.startswith(":"), bars.rstrip(" \t[").endswith(":")
        part = back or begins or double or "|" not in bars
        self.items.append(Line(back, begins, part, _endings(number[0]) if number else (), token[2:]))


def _length(token: Token, text: str) -> Fraction:
    top, slash, bottom = text.partition("/")
    halves = 1 + bottom.count("/")
    below = bottom.lstrip("/")
    try:
        found = Fraction(int(top or 1), (int(below) if below else 2**halves) if slash else 1)
    except ZeroDivisionError:
        found = Fraction(0)
    if not found:
        raise token.error(f"{token.text!r} has no length")
    return found


def _endings(text: str) -> tuple[int, ...]:
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def _meter(text: str) -> Meter:
    if text == "none":
        return Meter(None, 4, 4)
    found = _METER.fullmatch(COMMON.get(text, text))
    if found is None or int(found[2]) & (int(found[2]) - 1):
        raise ValueError(f"{text!r:.20} is no meter: expected one such as 6/8")
    return Meter(Fraction(int(found[1]), int(found[2])), int(found[1]), int(found[2]))


def _tempo(text: str, unit: Fraction) -> Fraction:
    """Quarter notes a minute."""
    found = _TEMPO.fullmatch(text)
    if found is None or not int(found[3]) or found[2] == "0":
        raise ValueError(f"{text!r:.20} is no tempo: expected one such as 1/4=120")
    beat = Fraction(int(found[1]), int(found[2])) if found[1] else unit
    return 4 * beat * int(found[3])
