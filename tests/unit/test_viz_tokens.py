"""Tokens as labels: nothing invisible, nothing that acts on the reader's terminal or page."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasrnn.viz.figures.style import Labels
from kerasrnn.viz.tokens import isolate, label, title_text, visible


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("a", "a"),
        ("", ""),
        ("$x$", "$x$"),
        (" ", "␣"),
        ("  ", "␣␣"),
        ("a b", "a b"),
        ("\n", "\\n"),
        ("\t", "\\t"),
        ("\xa0", "\\xa0"),
        ("\u3000", "\\u3000"),
        ("\x00", "\\x00"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b1m", "\\x9b1m"),
        ("a\u202eb", "a\\u202eb"),
        ("\u2067", "\\u2067"),
        ("\u200e5", "\\u200e5"),
        ("\ufeff", "\\ufeff"),
        ("a\u2028b", "a\\u2028b"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\u200d", "\\u200d"),
        ("क्\u200dष", "क्\u200dष"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("☺\ufe0e", "☺\ufe0e"),
        ("日本", "日本"),
    ],
)
def test_visible(token: str, shown: str) -> None:
    assert visible(token) == shown


@given(st.text(st.characters(), max_size=12))
def test_no_label_holds_a_control_or_a_directional_character(token: str) -> None:
    for shown in (visible(token), label(token), title_text(token), isolate(token)):
        kept = [c for c in shown if c not in "\u2066\u2067\u2068\u2069\n"]
        assert not [c for c in kept if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
        assert not [c for c in kept if unicodedata.category(c) == "Cf" and c not in "\u200c\u200d"]


@given(st.text(st.characters(), max_size=60))
def test_labels_are_short(token: str) -> None:
    assert len(label(token)) <= 24
    if len(visible(token)) <= 24:
        assert label(token) == visible(token)


def test_a_label_is_not_cut_inside_a_combined_character() -> None:
    assert label("e\u0301" * 20, limit=8) == "e\u0301e\u0301e\u0301…"


def test_isolates() -> None:
    assert isolate("٣ مايو\u202e") == "\u2068٣ مايو\\u202e\u2069"
    assert title_text(isolate("٣") + " → 3") == "\u2068٣\u2069 → 3"


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("3 mai → 1998-05-03", "3 mai → 1998-05-03"),
        ("٣ مايو ١٩٩٨ → 1998-05-03 (9%)", "\u2068٣ مايو ١٩٩٨\u2069 → 1998-05-03 (9%)"),
        ("5 באוגוסט 2026  →  2026", "\u20685 באוגוסט 2026\u2069  →  2026"),
        ("GRU: مايو!", "GRU: \u2068مايو\u2069!"),
        ("שָׁ x", "\u2068שָׁ\u2069 x"),
        ("two\nlines\tand \x1b", "two\nlines\\tand \\x1b"),
    ],
)
def test_right_to_left_parts_of_a_title_are_isolated(title: str, shown: str) -> None:
    assert title_text(title) == shown


@pytest.mark.parametrize("side", ["top", "bottom", "left"])
def test_tokens_that_are_the_numbers_of_their_positions_are_shown_once(side: str) -> None:
    shown = Labels([str(i) for i in range(7, 791)], 784, 0.01, side, first=7).texts
    assert shown == Labels(None, 784, 0.01, side, first=7).texts
    assert "100" in shown
