"""One way of writing a tune, and the same tune in other keys."""

import re

import numpy as np
import pytest

from kerasrnn.zoo.abc import AbcError, Sound, is_valid, parse, perform, tidy, transposed
from kerasrnn.zoo.abc.tune import Signature

TUNE = 'M:6/8\nL:1/8\nK:G\nD|"G"GAB "D7/f#"d2^c|{ef}=c>BA (3GAB _A|[DG]3 "Bm"F,2-F,:|'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'X:5\nT:A title\nM:C|\nL:1/8\nK:AMin\nP:A\n| ~A2 (B.c) "Am"d2 vz2 |\n| "^slow"e4 Hx f4-g4 ||%end\n\n',
            'M:2/2\nL:1/8\nK:Am\nA2 Bc "Am"d2 z2|\ne4 f4g4||',
        ),
        ("M:4/4\nK:EDorian\nA4-|\nA4\n|B2-B2 [Ac]-[Ac] c-C|]", "M:4/4\nK:Edor\nA4-|\nA4|\nB2-B2 [Ac]-[Ac] cC|]"),
        ('M:4/4\nK:D\n!trill!A `B y c\\\nd"D/f+"e" Am "f"(D7)"g :|  |: e |1 f :|2 g|]', None),
    ],
)
def test_tidy(text: str, expected: str | None) -> None:
    if expected is None:
        expected = 'M:4/4\nK:D\nAB c\nd"D/f#"e"Am"fg:||:e|1 f:|2 g|]'
    assert tidy(text) == expected
    assert tidy(expected) == expected


@pytest.mark.parametrize(
    "notes",
    [
        "A3|A3|",
        "A/| A3| A5/2|",
        "A|  A3|  A2|",
        "A2|   A3|   A|",
        "A|  A3|  A2:|\nA3|A3||\nA2|   A3|   A|]",
        "A|  A3|\nA3|  A2:|",  # none at the end of a line of text
        "|:A|  A3|1 A2:|2 A3||A3|",  # nor at an ending, but through it
        "|:A|  A3|1 A3|  A2:|2 A3|  A2||A3|",
        "A|:A3|A3:|",  # the pickup is before the part
        "A3|[M:2/4]A2|[M:3/4]A3||[M:2/4]A|   A2|",
        "A3|A2||\n||A|  A3|",
    ],
)
def test_a_part_that_begins_with_a_pickup_shows_it_at_its_bar_lines(notes: str) -> None:
    head = "M:3/4\nL:1/4\nK:C\n"
    bare = re.sub(r"\|[ ]+(?=[A\[])", "|", notes)
    assert tidy(head + bare) == head + notes
    assert tidy(head + notes) == head + notes
    assert perform(parse(head + notes)) == perform(parse(head + bare))


def test_tidy_keeps_what_sounds() -> None:
    text = 'M:4/4\nL:1/8\nK:Dmix\n| (A>B) .c2 ~d2 {a}e2 | [ce]2 (3fga uz2 "A7"^A2- | A4 T=c4 :|\n|: A8 |1 B8 :|2 c8 |]'
    assert perform(parse(tidy(text))) == perform(parse(text))
    assert is_valid(tidy(text))
    with pytest.raises(AbcError, match=r"line 3, column 2: unexpected '\?'"):
        tidy("M:4/4\nK:C\nA?|")


@pytest.mark.parametrize(
    ("fifths", "expected"),
    [
        (1, TUNE),
        (2, 'M:6/8\nL:1/8\nK:D\nA,|"D"DEF "A7/c#"A2^G|{Bc}=G>FE (3DEF _E|[A,D]3 "F#m"C,2-C,:|'),
        (0, 'M:6/8\nL:1/8\nK:C\nG|"C"cde "G7/b"g2^f|{ab}=f>ed (3cde _d|[Gc]3 "Em"B,2-B,:|'),
        (-2, 'M:6/8\nL:1/8\nK:Bb\nF|"Bb"Bcd "F7/a"f2=e|{ga}_e>dc (3Bcd _c|[FB]3 "Dm"A,2-A,:|'),
    ],
)
def test_transposed(fifths: int, expected: str) -> None:
    if fifths == -2:  # a raised note of a flat letter is a natural, a lowered one of it has two flats
        expected = expected.replace("^f", "=e")
    assert transposed(TUNE, fifths) == expected


def test_every_sound_moves_by_one_interval_and_back() -> None:
    rng = np.random.default_rng(5)
    signs = ["", "", "", "^", "_", "="]
    for _ in range(30):
        key = str(rng.choice(["C", "Dm", "Ador", "Bb", "F#m", "Emix", "Glyd"]))
        notes = "".join(
            f"{rng.choice(signs)}{rng.choice(list('CDEFGABcdefgab'))}{rng.choice(['', '2', '/'])}" for _ in range(9)
        )
        text = f'M:4/4\nL:1/8\nK:{key}\n"A7"{notes}|{notes[::-1] if not set(notes) & set("^_=2/") else "z"}|'
        before = [sound.pitches for sound in parse(text).sounds]
        fifths = next(item for item in parse(text).items if isinstance(item, Signature)).fifths
        moved = 0
        for other in range(-5, 6):
            found = transposed(text, other)
            if found is None:
                continue
            moved += 1
            after = parse(found)
            steps = {
                b - a
                for one, two in zip(before, [s.pitches for s in after.sounds], strict=True)
                for a, b in zip(one, two, strict=True)
            }
            assert len(steps) == 1
            assert abs(steps.pop()) <= 6
            assert [s.length for s in after.sounds if isinstance(s, Sound)] == [s.length for s in parse(text).sounds]
            assert transposed(found, fifths) == text
        assert moved >= 7


def test_what_cannot_be_transposed() -> None:
    assert transposed("M:4/4\nK:C\n__A4", -5) is None, "three flats"
    assert transposed("M:4/4\nK:C\nA4|\nK:B\nB4", 4) is None, "a key of nine sharps"
    with pytest.raises(ValueError, match="the tune has no field K:"):
        transposed("A4", 1)
