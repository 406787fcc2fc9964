"""Which tunes have bars that add up: by hand, and against every way of playing short random ones."""

from fractions import Fraction

import numpy as np
import pytest

from kerasrnn.zoo.abc import AbcError, Sound, check_bars, is_valid, parse, played

HEAD = "M:3/4\nL:1/4\nK:C\n"


@pytest.mark.parametrize(
    "notes",
    [
        "ABc|A3|",
        "ABc|A3",
        "z3|A2B|]",
        "A|ABc|A2|",  # the last bar lacks the pickup
        "A|ABc|A3|",  # or is whole
        "A|ABc|A2:|",
        "A|ABc|A2:|B|ABc|A2:|",  # one pickup for each part
        "ABc|A3:|B|ABc|A2:|",  # a pickup after a whole bar
        "ABc|A3||B|ABc|A2||",
        "A|ABc|AB||c|ABc|AB||",
        "A|:ABc|A2B:|",
        "|:A|ABc|1AB:|2A3||",
        "|:A|ABc|1AB:|2ABc||B|ABc|AB|]",
        "ABc|[1A3:|[2A2B|]",
        "|:A3|[M:2/4]AB|A2:|",  # the meter goes back with the repeat
        "ABc|A2||\nB|ABc|A3||",  # and within another one
        "ABc|AB[1c|A3:|[2B|A3|]",  # endings that begin within a bar
        "A3|[M:2/4]AB|A2|",
        "A3|\nM:6/8\nA3/B3/|A3|",
        "(3ABcA|A>BA|[CE]2A|{AB}A3|A-A2|",
        "||ABc||\n||A3||",
    ],
)
def test_bars_that_add_up(notes: str) -> None:
    check_bars(parse(HEAD + notes))


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ("ABc|AB|ABc|", "line 4, column 7: the bar has 1/2 of a whole note, and the meter 3/4"),
        ("ABc|ABcd|ABc|", "line 4, column 9: the bar has 1 of"),
        ("ABcd|ABc|", "line 4, column 5: the bar has 1 of"),
        ("ABc|A2", "line 4, column 4: the bar has 1/2 of"),
        ("A|ABc|A", "the bar has 1/4 of"),
        ("A|B|ABc|", "line 4, column 4: the bar has 1/4 of"),
        ("ABc|A3:|AB|ABc|A:|", "line 4, column 11: the bar has 1/2 of"),  # a pickup of more than half a bar
        ("A|ABc|AB||cd|ABc|", "line 4, column 13: the bar has 1 of"),
        ("|:A|ABc|1AB:|2AB|ABc||", "line 4, column 17: the bar has 1/2 of"),
        ("ABc|1A3:|ABc||", "line 4, column 4: the part has no ending 2"),
        ("ABc|A||B||c|ABc|", "line 4, column 9: the bar has 1/2 of"),  # a bar in three
        ("A3|[M:2/4]AB|A3|", "the bar has 3/4 of a whole note, and the meter 1/2"),
    ],
)
def test_bars_that_do_not(notes: str, message: str) -> None:
    with pytest.raises(AbcError, match=message):
        check_bars(parse(HEAD + notes))
    assert not is_valid(HEAD + notes)


def test_free_rhythm_has_no_bars() -> None:
    assert is_valid("M:none\nL:1/8\nK:C\nABc|A|ABcdefgab|")


def test_a_changed_length_is_found_in_every_bar() -> None:
    """Of a tune of whole bars, any note made longer or shorter is found, but in the pickup or where it makes one."""
    rng = np.random.default_rng(3)
    lengths = {"": Fraction(1), "2": Fraction(2), "/": Fraction(1, 2), "3/2": Fraction(3, 2)}
    for _ in range(40):
        bars = []
        for _ in range(6):
            bar: list[str] = []
            left = Fraction(6)
            while left:
                written = str(rng.choice([each for each, length in lengths.items() if length <= left]))
                left -= lengths[written]
                bar.append(f"{rng.choice(list('ABcde'))}{written}")
            bars.append(bar)
        head = "M:6/8\nL:1/8\nK:D\n"
        assert is_valid(head + "|".join("".join(bar) for bar in bars) + "|")
        at = int(rng.integers(1, 5))
        place = int(rng.integers(len(bars[at])))
        bars[at][place] = bars[at][place][0] + ("4" if rng.random() < 0.5 else "///")
        assert not is_valid(head + "|".join("".join(bar) for bar in bars) + "|")


@pytest.mark.parametrize(
    ("notes", "order"),
    [
        ("AB|c", "ABc"),
        ("A:|B:|", "AABB"),
        ("A|:B:|c", "ABBc"),
        ("A||B:|c", "ABBc"),  # back to the double bar
        ("|:A||B:|c", "ABABc"),  # but not past the sign where the repeat begins
        ("A::B:|", "AABB"),
        ("A|1B:|2c||d", "ABAcd"),
        ("A|1B:|2c:|d:|", "ABAcdd"),
        ("|:A|1B:|2c|:d|1e:|2f|]", "ABAcdedf"),
        ("A|1,2B:|3c|]", "ABABAc"),
        ("A|1B:|2c:|3d|]", "ABAcAd"),
        ("A[1B:|[2c|]d:|", "ABAcdd"),
        ("A:||:B:|", "AABB"),
    ],
)
def test_the_order_of_play(notes: str, order: str) -> None:
    found = [item for item in played(parse(HEAD + notes)) if isinstance(item, Sound)]
    names = {69: "A", 71: "B", 72: "c", 74: "d", 76: "e", 77: "f"}
    assert "".join(names[item.pitches[0]] for item in found) == order
