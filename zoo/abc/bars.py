"""Whether the bars of a tune add up to its meter."""

from fractions import Fraction

from kerasrnn.zoo.abc.lexer import AbcError
from kerasrnn.zoo.abc.parser import parse
from kerasrnn.zoo.abc.playing import played
from kerasrnn.zoo.abc.tune import Line, Meter, Sound, Tune


def check_bars(tune: Tune) -> None:
    """Raise AbcError at the first bar that does not add up.

    The tune is played through with its repeats and endings. Then every bar has the length of the meter, but

    1. the first bar of the tune may be shorter: a pickup;
    2. where a part ends (at a repeat or a double bar) a bar may be cut in two, which together have the length of a bar:
       what ends the part, and the pickup of the part that is played next;
    3. after a part that ends with a whole bar the next may begin with a pickup of at most half a bar;
    4. the last bar may lack exactly what one of the pickups has.

    In free rhythm (`M:none`) all bars add up.
    """
    items = list(played(tune))
    last = max((i for i, item in enumerate(items) if isinstance(item, Sound)), default=0)
    bar: Fraction | None = None
    held = Fraction(0)  # what was played since the last bar line, or since the one before where a bar is cut
    pickups: set[Fraction] = set()
    fresh, cut = True, False  # whether a part has just begun with nothing left over; whether a part ended within a bar
    first, empty, place = True, True, (1, 1)  # whether this is the first bar, and whether it has no sound yet
    for i, item in enumerate(items):
        if isinstance(item, Sound):
            held += item.length
            empty = False
        elif isinstance(item, Meter):
            bar = item.bar
        elif isinstance(item, Line):
            place = item.place
            if i > last:
                break
            if bar is None or empty:
                fresh = fresh or (item.part and not held)
                continue
            empty = True
            if held == bar:
                fresh, cut, held = item.part, False, Fraction(0)
            elif held < bar and not cut and (first or (fresh and 2 * held <= bar)):
                pickups.add(held)
                fresh, held = False, Fraction(0)
            elif held < bar and item.part and not cut:
                cut = True
            else:
                raise _wrong(place, held, bar)
            first = False
    if bar is not None and held not in (0, bar) and not any(held + pickup == bar for pickup in pickups):
        raise _wrong(place, held, bar)


def is_valid(text: str) -> bool:
    """Whether a text parses and its bars add up."""
    try:
        check_bars(parse(text))
    except AbcError:
        return False
    return True


def _wrong(place: tuple[int, int], held: Fraction, bar: Fraction) -> AbcError:
    line, column = place
    return AbcError(f"line {line}, column {column}: the bar has {held} of a whole note, and the meter {bar}")
