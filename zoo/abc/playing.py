"""The order in which a tune is played: its repeats and numbered endings carried out."""

from collections.abc import Iterator

from kerasrnn.zoo.abc.lexer import AbcError
from kerasrnn.zoo.abc.tune import Item, Line, Meter, Signature, Tune


def played(tune: Tune) -> Iterator[Item]:
    """The items of a tune as they are played.

    A part is repeated from its `|:`, or where it has none from the last repeat or double bar, or from the beginning.
    At an ending whose number is not that of the pass, the play goes on at the one whose number it is.

    Raises:
        AbcError: a pass for which there is no ending.
    """
    items = tune.items
    at = begin = 0
    turn = 1
    ending: tuple[int, ...] = ()
    opened = False  # whether the part began with `|:`, so that a double bar does not end it
    while at < len(items):
        item = items[at]
        at += 1
        yield item
        if not isinstance(item, Line):
            continue
        if item.back:
            if turn == 1 or turn + 1 in (*item.endings, *ending):
                at, turn, ending = begin, turn + 1, ()
                for kind in (Meter, Signature):  # those that hold there
                    yield from [each for each in items[:begin] if isinstance(each, kind)][-1:]
            else:
                begin, turn, ending, opened = at, 1, item.endings, item.begins
        elif item.endings:
            if turn not in item.endings:
                at, item = _ending(items, at, turn, item)
            ending = item.endings
        elif item.begins or (item.part and (turn > 1 if ending else not opened)):
            begin, turn, ending, opened = at, 1, (), item.begins


def _ending(items: tuple[Item, ...], at: int, turn: int, line: Line) -> tuple[int, Line]:
    """Where the ending of a pass begins, and the line that begins it."""
    for place in range(at, len(items)):
        item = items[place]
        if isinstance(item, Line) and turn in item.endings:
            return place + 1, item
        if isinstance(item, Line) and item.begins:
            break
    raise AbcError(f"line {line.place[0]}, column {line.place[1]}: the part has no ending {turn}")
