"""Where a part of a tune begins with a pickup, as a reader of one bar can see it."""

from fractions import Fraction

from kerasrnn.zoo.abc.lexer import AbcError, tokens
from kerasrnn.zoo.abc.parser import parse
from kerasrnn.zoo.abc.tune import Line, Meter, Sound, Tune


def with_spaces(text: str) -> str:
    """A space after each bar line of the parts that begin with a pickup, for a text that has none beside its bar lines.

    To players it is the same tune. But the last bar of a part must lack what its pickup has, and who writes a tune from
    left to right need not remember the beginning of the part to know that there is one.
    """
    try:
        begun = iter(_begun_by_a_pickup(parse(text)))
    except AbcError:
        return text
    written = [token.text + " " * (token.kind == "line" and next(begun)) for token in tokens(text)]
    return "".join(written).replace(" \n", "\n").rstrip(" ")


def _begun_by_a_pickup(tune: Tune) -> list[bool]:
    """Of each bar line, whether the part that it stands in began with a pickup; not of those that end a part or begin a
    numbered ending."""
    found: list[bool] = []
    bar: Fraction | None = None
    held, first, short = Fraction(0), True, False  # whether this is the first bar of the part; whether that is short
    for item in tune.items:
        if isinstance(item, Meter):
            bar = item.bar
        elif isinstance(item, Sound):
            held += item.length
        elif isinstance(item, Line):
            if item.part and not item.endings:
                first, short = True, False
            elif held and first:
                first, short = False, bar is not None and held < bar
            found.append(short and not item.part and not item.endings)
            held = Fraction(0)
    return found
