"""Where a part of a tune begins with a pickup, as a reader of one bar can see it."""

import math
import re
from fractions import Fraction

from kerasrnn.zoo.abc.lexer import AbcError, tokens
from kerasrnn.zoo.abc.parser import parse
from kerasrnn.zoo.abc.tune import Line, Meter, Sound, Tune

SIXTHS = 3  # most spaces after a bar line


def with_spaces(text: str) -> str:
    """Spaces after each bar line of the parts that begin with a pickup, for a text that has none beside its bar lines.

    One for a pickup of at most a sixth of a bar, two for at most a third, three for a longer one. To players it is the
    same tune. But the last bar of a part must lack what its pickup has, and who writes a tune from left to right need
    not remember the beginning of the part for it.
    """
    try:
        begun = iter(_pickups(parse(text)))
    except AbcError:
        return text
    written = [token.text + " " * (next(begun) if token.kind == "line" else 0) for token in tokens(text)]
    return re.sub(r" +(?=\n|\Z)", "", "".join(written))


def without_spaces(text: str) -> str:
    """The text that `with_spaces` was given."""
    return re.sub(r"(?<=\|) +", "", text)


def _pickups(tune: Tune) -> list[int]:
    """Of each bar line, the sixths of a bar, rounded up, of the pickup with which the part that it stands in began; 0
    for those that end a part or begin a numbered ending."""
    found: list[int] = []
    bar: Fraction | None = None
    held, first, sixths = Fraction(0), True, 0  # whether this is the first bar of the part
    for item in tune.items:
        if isinstance(item, Meter):
            bar = item.bar
        elif isinstance(item, Sound):
            held += item.length
        elif isinstance(item, Line):
            if item.part and not item.endings:
                first, sixths = True, 0
            elif held and first:
                short = bar is not None and held < bar
                first, sixths = False, min(math.ceil(6 * held / bar), SIXTHS) if short and bar else 0
            found.append(0 if item.part or item.endings else sixths)
            held = Fraction(0)
    return found
