"""A tune in another key."""

import re

from kerasrnn.zoo.abc.keys import LETTERS, SHARPS, Key
from kerasrnn.zoo.abc.lexer import Token, field, tokens
from kerasrnn.zoo.abc.parser import ACCIDENTALS

_SIGNS = {value: sign for sign, value in ACCIDENTALS.items()}
_NOTE = re.compile(r"(\^\^|\^|__|_|=)?([A-Ga-g])([,']*)(.*)", re.DOTALL)
_ROOT = re.compile(r'(?<=["/])([A-Ga-g])([#b]?)')
_NAMES = {-1: "b", 0: "", 1: "#"}


def transposed(text: str, fifths: int) -> str | None:
    """A tune with a signature of so many sharps (flats negative) in the place of that of its first key.

    Its melody goes the shorter way, at most three letters down or up; all its keys go with it.

    Returns:
        The text, or None where the tune cannot be written so: a signature of more than seven, a note of three
        accidentals, a chord symbol on a double sharp or flat.

    Raises:
        AbcError, ValueError: a text that is no tune.
    """
    pieces = list(tokens(text))
    keys = [Key(field(token.text)[1]) for token in pieces if _is_key(token)]
    if not keys:
        raise ValueError("the tune has no field K:")
    by = fifths - keys[0].fifths
    steps = 4 * by % 7  # a fifth is four letters
    steps -= 7 * (steps > 3)
    key, other, written = keys[0], None, []
    for token in pieces:
        if _is_key(token):
            key = Key(field(token.text)[1])
            other = _moved(key, by)
            if other is None:
                return None
            name = f"K:{other.tonic}{other.mode}"
            written.append(f"[{name}]" if token.kind == "inline" else name)
            continue
        found: str | None = token.text
        if other is not None and token.kind == "note":
            found = _note(token.text, steps, key, other)
        elif other is not None and token.kind == "quote":
            found = _harmony(token.text, steps, key, other)
        if found is None:
            return None
        written.append(found)
    return "".join(written)


def _is_key(token: Token) -> bool:
    return token.kind in ("field", "inline") and field(token.text)[0] == "K"


def _moved(key: Key, by: int) -> Key | None:
    place = SHARPS.index(key.tonic[0]) + 7 * {"": 0, "#": 1, "b": -1}[key.tonic[1:]] + by
    if not -7 <= place < 14 or abs(key.fifths + by) > 7:
        return None
    return Key(SHARPS[place % 7] + _NAMES[place // 7] + key.mode)


def _note(text: str, steps: int, key: Key, other: Key) -> str | None:
    found = _NOTE.fullmatch(text)
    if found is None:
        return None
    letter = found[2].upper()
    octave = int(found[2].islower()) + found[3].count("'") - found[3].count(",")
    place = LETTERS.index(letter) + 7 * octave + steps
    new, octave = LETTERS[place % 7], place // 7
    sign = ""
    if found[1]:
        raised = ACCIDENTALS[found[1]] - key.alteration(letter) + other.alteration(new)
        if raised not in _SIGNS:
            return None
        sign = _SIGNS[raised]
    written = new.lower() + "'" * (octave - 1) if octave > 0 else new + "," * -octave
    return f"{sign}{written}{found[4]}"


def _harmony(text: str, steps: int, key: Key, other: Key) -> str | None:
    """The chord symbol with its root, and the bass behind its stroke, moved."""
    possible = True

    def moved(found: re.Match[str]) -> str:
        nonlocal possible
        letter = found[1].upper()
        new = LETTERS[(LETTERS.index(letter) + steps) % 7]
        raised = {"": 0, "#": 1, "b": -1}[found[2]] - key.alteration(letter) + other.alteration(new)
        possible = possible and raised in _NAMES
        return (new if found[1].isupper() else new.lower()) + _NAMES.get(raised, "")

    name = _ROOT.sub(moved, text)
    return name if possible else None
