"""ABC to notes: what each sign means, by hand and by random tunes of another writer; what is refused, and where."""

from fractions import Fraction

import numpy as np
import pytest

from kerasrnn.zoo.abc import AbcError, Line, Meter, Signature, Sound, parse

HEAD = "M:4/4\nL:1/8\nK:C\n"


def sounds(notes: str, head: str = HEAD) -> list[Sound]:
    return parse(head + notes).sounds


def pitches(notes: str, head: str = HEAD) -> list[int]:
    return [pitch for sound in sounds(notes, head) for pitch in sound.pitches]


def eighths(notes: str, head: str = HEAD) -> list[Fraction]:
    return [sound.length * 8 for sound in sounds(notes, head)]


def test_letters_and_octaves() -> None:
    assert pitches("C,,C,CDEFGABcdefgabc'c''") == [
        36,
        48,
        60,
        62,
        64,
        65,
        67,
        69,
        71,
        72,
        74,
        76,
        77,
        79,
        81,
        83,
        84,
        96,
    ]
    assert pitches("C'c,") == [72, 60]


def test_accidentals_hold_until_the_bar_line_in_every_octave() -> None:
    assert pitches("^FFf=Ff_B^^C__D|FfBCD") == [66, 66, 78, 65, 77, 70, 62, 60, 65, 77, 71, 60, 62]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("C", [60, 62, 64, 65, 67, 69, 71]),
        ("G", [60, 62, 64, 66, 67, 69, 71]),
        ("Em", [60, 62, 64, 66, 67, 69, 71]),
        ("E", [61, 63, 64, 66, 68, 69, 71]),
        ("Bb", [60, 62, 63, 65, 67, 69, 70]),
        ("Eb", [60, 62, 63, 65, 67, 68, 70]),
        ("F#m", [61, 62, 64, 66, 68, 69, 71]),
        ("Ador", [60, 62, 64, 66, 67, 69, 71]),
        ("D Mixolydian", [60, 62, 64, 66, 67, 69, 71]),
        ("Bphr", [60, 62, 64, 66, 67, 69, 71]),
        ("Glyd", [61, 62, 64, 66, 67, 69, 71]),
        ("Aeolian", None),
        ("F#loc", [60, 62, 64, 66, 67, 69, 71]),
        ("C#", [61, 63, 65, 66, 68, 70, 72]),
        ("Cb", [59, 61, 63, 64, 66, 68, 70]),
        ("none", [60, 62, 64, 65, 67, 69, 71]),
    ],
)
def test_keys(key: str, expected: list[int] | None) -> None:
    """In the tradition's own words: Em, Ador, Dmix, Bphr, Glyd and F#loc have the one or two sharps of G and D."""
    head = f"M:4/4\nL:1/8\nK:{key}\n"
    if expected is None:
        expected = [60, 62, 64, 65, 67, 69, 71]
        head = "M:4/4\nL:1/8\nK:AAeolian\n"
    assert pitches("CDEFGAB", head) == expected


def test_lengths() -> None:
    assert eighths("AA2A3/2A/A//A/4A3/A12z4x|") == [
        *(1, 2, Fraction(3, 2), Fraction(1, 2), Fraction(1, 4), Fraction(1, 4), Fraction(3, 2), 12, 4, 1)
    ]
    assert eighths("A", "M:2/4\nK:C\n") == [Fraction(1, 2)], "without L: a sixteenth where the meter is below 3/4"
    assert eighths("A", "M:3/4\nK:C\n") == [1]


def test_broken_rhythm_tuplets_and_chords() -> None:
    half = Fraction(1, 2)
    assert eighths("A>BA<BA>>BA2>B2") == [3 * half, half, half, 3 * half, 7 * half / 2, half / 2, 3, 1]
    third = Fraction(2, 3)
    assert (
        eighths("(3ABc d(3:2:2A2B (2AB(4ABcd")
        == [third] * 3 + [1, 2 * third, third] + [3 * half] * 2 + [3 * half / 2] * 4
    )
    assert eighths("(5ABcde") == [Fraction(2, 5)] * 5
    assert eighths("(5ABcde", "M:6/8\nL:1/8\nK:C\n") == [Fraction(3, 5)] * 5
    assert eighths("(3A>Bc") == [third * 3 * half, third * half, third]
    (chord, note) = sounds("[CE^G]2G")
    assert chord.pitches == (60, 64, 68)
    assert chord.length == Fraction(1, 4)
    assert note.pitches == (68,)


def test_ties_graces_symbols_and_what_has_no_meaning() -> None:
    found = sounds('"Am7/G"A-A {/^gB}c "^slowly"("D"d.e~f)!trill!g vuT`y\\\n"G"c %remark\nd')
    assert [sound.tied for sound in found] == [True, *[False] * 8]
    assert [sound.harmony for sound in found] == ["Am7/G", "", "", "D", "", "", "", "G", ""]
    assert [sound.graces for sound in found] == [(), (), (80, 71), *[()] * 6]
    assert [sound.pitches for sound in found] == [(69,), (69,), (72,), (74,), (76,), (77,), (80,), (72,), (74,)]
    assert pitches("^f-|ff") == [78, 78, 77], "a tie carries the accidental over the bar line, and no further"
    assert pitches("^f|f") == [78, 77]


def test_fields_in_the_body() -> None:
    tune = parse("X:3\nT:A name\nT:Another\nQ:1/4=90\nM:C|\nL:1/4\nK:Am\nA[L:1/8]A[M:3/4][K:G]F|\nP:B\nK:F\nL:1/16\nB|")
    assert (tune.title, tune.tempo) == ("A name", 90)
    assert [item for item in tune.items if not isinstance(item, (Sound, Line))] == [
        Meter(Fraction(1), 2, 2),
        Signature(0, True),
        Meter(Fraction(3, 4), 3, 4),
        Signature(1, False),
        Signature(-1, False),
    ]
    assert [sound.length for sound in tune.sounds] == [Fraction(1, 4), Fraction(1, 8), Fraction(1, 8), Fraction(1, 16)]
    assert [sound.pitches for sound in tune.sounds] == [(69,), (69,), (66,), (70,)]


@pytest.mark.parametrize(
    ("text", "back", "begins", "part", "endings"),
    [
        ("|", False, False, False, ()),
        ("||", False, False, True, ()),
        ("|]", False, False, True, ()),
        ("[|", False, False, True, ()),
        ("|:", False, True, True, ()),
        ("||:", False, True, True, ()),
        (":|", True, False, True, ()),
        (":||", True, False, True, ()),
        ("::", True, True, True, ()),
        (":|:", True, True, True, ()),
        (":||:", True, True, True, ()),
        ("|1", False, False, False, (1,)),
        ("| [1", False, False, False, (1,)),
        ("[2", False, False, True, (2,)),
        (":|2", True, False, True, (2,)),
        (":| [2", True, False, True, (2,)),
        ("|1,3", False, False, False, (1, 3)),
        ("|1-3", False, False, False, (1, 2, 3)),
        ("||2", False, False, True, (2,)),
    ],
)
def test_bar_lines(text: str, back: bool, begins: bool, part: bool, endings: tuple[int, ...]) -> None:
    lines = [item for item in parse(f"{HEAD}A{text}B").items if isinstance(item, Line)]
    assert [line[:4] for line in lines] == [(back, begins, part, endings)]
    assert lines[0].place == (4, 2)


def test_two_bar_lines_in_a_row() -> None:
    lines = [item for item in parse(f"{HEAD}A[|]:|B|] |:c").items if isinstance(item, Line)]
    assert [line[:3] for line in lines] == [
        (False, False, True),
        (True, False, True),
        (False, False, True),
        (False, True, True),
    ]


def test_random_tunes_are_read_as_they_were_made() -> None:
    """Written by a small writer that keeps its own book of pitches and lengths."""
    rng = np.random.default_rng(4)
    scale = {"C": (0, 2, 4, 5, 7, 9, 11), "D": (1, 2, 4, 6, 7, 9, 11), "F": (0, 2, 4, 5, 7, 9, 10)}
    for _ in range(60):
        key = str(rng.choice(list(scale)))
        text, expected = "", []
        for _ in range(int(rng.integers(1, 6))):
            altered: dict[int, int] = {}
            for _ in range(int(rng.integers(1, 7))):
                letter, octave = int(rng.integers(7)), int(rng.integers(-1, 3))
                sign = int(rng.choice([-9, -9, -9, -1, 0, 1]))
                if sign != -9:
                    altered[letter] = (0, 2, 4, 5, 7, 9, 11)[letter] + sign
                pitch = 60 + 12 * octave + altered.get(letter, scale[key][letter])
                name = "CDEFGAB"[letter]
                name = name + "," if octave < 0 else name if octave == 0 else name.lower() + "'" * (octave - 1)
                top, bottom = int(rng.integers(1, 5)), int(rng.choice([1, 2, 4]))
                written = ("" if top == 1 else str(top)) + ("" if bottom == 1 else f"/{bottom}")
                text += {-9: "", -1: "_", 0: "=", 1: "^"}[sign] + name + written + str(rng.choice(["", " "]))
                expected.append(((pitch,), Fraction(top, 8 * bottom)))
            text += "|"
        assert [(each.pitches, each.length) for each in sounds(text, f"M:4/4\nL:1/8\nK:{key}\n")] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the tune has no field K:"),
        ("M:4/4\nA|", "line 2, column 1: expected fields up to K: before the notes, found 'A'"),
        ("K:C\nA|", "line 1, column 1: the tune has no field M: before K:"),
        (HEAD, "line 3, column 0: the tune has no note"),
        (f"{HEAD}z4|", "line 4, column 3: the tune has no note"),
        (f"{HEAD}AB?c|", r"line 4, column 3: unexpected '\?'"),
        (f"{HEAD}AB|\nc5;|", "line 5, column 3: unexpected ';'"),
        (f"{HEAD}A0|", "line 4, column 1: 'A0' has no length"),
        (f"{HEAD}A/0|", "line 4, column 1: 'A/0' has no length"),
        (f"{HEAD}(3AB|", "line 4, column 5: a bar line within a tuplet"),
        (f"{HEAD}A>|B", "line 4, column 3: a bar line within a broken rhythm"),
        (f"{HEAD}A>", "line 4, column 2: the tune ends within a broken rhythm"),
        (f"{HEAD}(3AB", "line 4, column 4: the tune ends within a tuplet"),
        (f"{HEAD}(AB", "line 4, column 3: the tune ends within a slur"),
        (f"{HEAD}>A", "line 4, column 1: '>' must stand between two notes"),
        (f"{HEAD}A><B", "line 4, column 3: '<' must stand between two notes"),
        (f"{HEAD}(3A(3BcdefA", "line 4, column 4: a tuplet begins within another one"),
        (f"{HEAD}AB)", "line 4, column 3: a slur ends that did not begin"),
        (f"{HEAD}-A", "line 4, column 1: a tie must follow a note"),
        (f"{HEAD}z-A", "line 4, column 2: a tie must follow a note"),
        (f"{HEAD}[]A", r"line 4, column 1: a chord must hold notes, and end with \]"),
        (f"{HEAD}[AB|", r"line 4, column 1: a chord must hold notes, and end with \]"),
        (f"{HEAD}A]2", r"line 4, column 2: unexpected '\]2'"),
        (f"{HEAD}{{A|", "line 4, column 1: grace notes must be notes, and end with }"),
        (f"{HEAD}{{}}A", "line 4, column 1: grace notes must be notes, and end with }"),
        (f"{HEAD}A}}", "line 4, column 2: unexpected '}'"),
        (f'{HEAD}"Hm"A', 'line 4, column 1: "Hm" is no chord symbol'),
        (f'{HEAD}"Am A', "line 4, column 1: unexpected '\"'"),
        (f"{HEAD}c'''''A", "line 4, column 1: .* is no note that can be played"),
        ("M:4/0\nK:C\nA", "line 1, column 1: '4/0' is no meter: expected one such as 6/8"),
        ("M:4/3\nK:C\nA", "line 1, column 1: '4/3' is no meter"),
        ("M:4/4\nL:1/7\nK:C\nA", "line 2, column 1: '1/7' is no unit: expected one such as 1/8"),
        ("M:4/4\nK:H\nA", "line 2, column 1: 'H' is no key: expected one such as G, Em, Bb, F#m or Ador"),
        ("M:4/4\nK:Cfoo\nA", "'Cfoo' is no key"),
        ("M:4/4\nK:G#\nA", "the key 'G#' has 8 accidentals, and seven are the most"),
        ("M:4/4\nQ:fast\nK:C\nA", "'fast' is no tempo: expected one such as 1/4=120"),
        ("M:4/4\nQ:0\nK:C\nA", "'0' is no tempo"),
        ("M:4/4\nV:2\nK:C\nA", "a tune of several voices; expected one"),
        (f"{HEAD}A&B", "unexpected '&'"),
    ],
)
def test_what_is_no_tune(text: str, message: str) -> None:
    with pytest.raises(AbcError, match=message):
        parse(text)


def test_any_text_is_a_tune_or_an_abc_error() -> None:
    """Random signs of the notation never end in another error, nor take long."""
    rng = np.random.default_rng(8)
    signs = list("ABcd^_=,'/23(){}[]|:\"-<>~zx1 \n\\!KML%#")
    read = 0
    for _ in range(1500):
        text = HEAD + "".join(rng.choice(signs, int(rng.integers(1, 25))))
        try:
            parse(text)
            read += 1
        except AbcError as error:
            assert str(error).startswith("line ")
    assert 20 < read < 1450
