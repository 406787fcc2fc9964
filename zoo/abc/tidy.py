"""One way of writing: what has no sound is left out, and what can be written in several ways is written in one."""

import re

from kerasrnn.zoo.abc.keys import Key
from kerasrnn.zoo.abc.lexer import AbcError, Token, field, tokens
from kerasrnn.zoo.abc.parser import COMMON, HARMONY
from kerasrnn.zoo.abc.pickups import with_spaces

KEPT = ("M", "L", "K", "Q")
_SHARP_BASS = re.compile(r"(?<=/[A-Ga-g])[+]")
_NAME = re.compile(r"[A-Ga-g][,']*")


def tidy(text: str) -> str:
    """A tune without what does not sound: other fields than M, L, K and Q, decorations, slurs, remarks, comments.

    Spaces stand between groups of notes, and beside a bar line only after those of a part that begins with a pickup
    (see `with_spaces`). A bar line ends its line of text, modes have their short names, and a tie stands only between
    notes of one pitch (older tunes also write a slur so).

    Raises:
        AbcError: a text that cannot be read as tokens.
    """
    pieces = [token for token in tokens(text) if token.kind not in ("decoration", "slur")]
    written: list[str] = []
    for at, token in enumerate(pieces):
        written.append(_written(token, pieces, at))
    joined = "".join(written)
    for pattern, instead in (
        (r"[ \t]+", " "),
        (r" ?\n[ \n]*", "\n"),
        (r" ?([|:\]]*\|[|:\]]*) ?", r"\1"),  # no space beside a bar line
        (r"(?<=[|\]:])\n\|(?=[^|:\]\[\d])", "\n"),  # a bar line that the line before has too
        (r"\n\|(?=[^|:\]\[\d\n])", "|\n"),
        (r"\A\n+|\n+\Z", ""),
    ):
        joined = re.sub(pattern, instead, joined)
    return with_spaces(re.sub(r"(?m)^(K:.*)\|\n", r"\1\n", joined))


def _written(token: Token, pieces: list[Token], at: int) -> str:
    if token.kind in ("field", "inline"):
        letter, value = field(token.text)
        if letter not in KEPT:
            return ""
        if letter == "K":
            value = _key(value)
        elif letter == "M":
            value = COMMON.get(value, value)
        return f"[{letter}:{value}]" if token.kind == "inline" else f"{letter}:{value}"
    if token.kind == "quote":
        name = token.text[1:-1].strip()
        name = _SHARP_BASS.sub("#", name)
        return f'"{name}"' if HARMONY.fullmatch(name) else ""
    if token.kind == "space":
        return " " if token.text.isspace() else ""
    if token.text == "x":  # in print it holds a sign that stands over no note
        return ""
    if token.kind == "tie" and not _holds(pieces, at):
        return ""
    return token.text


def _holds(pieces: list[Token], at: int) -> bool:
    """Whether a tie joins two notes of one name."""
    before = next((token for token in reversed(pieces[:at]) if token.kind in ("note", "rest", "chord_end")), None)
    after = next((token for token in pieces[at + 1 :] if token.kind in ("note", "rest", "chord")), None)
    if before is None or after is None:
        return False
    if before.kind != "note" or after.kind != "note":
        return before.kind == "chord_end" and after.kind == "chord"
    names = [found[0] if (found := _NAME.search(token.text)) else "" for token in (before, after)]
    return names[0] == names[1]


def _key(value: str) -> str:
    try:
        key = Key(value)
    except ValueError as error:
        raise AbcError(str(error)) from error
    return key.tonic + {"maj": "", "ion": "", "min": "m", "aeo": "m"}.get(key.mode, key.mode)
