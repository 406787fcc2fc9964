"""Pictures in the terminal: cells are the values, in colour or in digits, and no token acts on the terminal."""

import io
import re
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from kerasrnn.viz import terminal
from kerasrnn.viz.figures.themes import LOOKS
from kerasrnn.viz.terminal import Screen

COLOURED = re.compile(r"\x1b\[([\d;]*)m([^\x1b]*)")


def shown(renderable: Any, width: int = 80, colour: bool = False) -> str:
    file = io.StringIO()
    system = {"force_terminal": True, "color_system": "truecolor"} if colour else {"color_system": None}
    Console(file=file, width=width, highlight=False, markup=False, emoji=False, **system).print(renderable)
    return file.getvalue()


def backgrounds(text: str) -> list[tuple[tuple[int, ...], str]]:
    """Background colour and text of every run that has one."""
    found = []
    for codes, run in COLOURED.findall(text):
        match = re.search(r"48;2;(\d+);(\d+);(\d+)", codes)
        if match and run:
            found.append((tuple(map(int, match.groups())), run))
    return found


def test_a_heatmap_in_digits(rng: np.random.Generator) -> None:
    values = np.array([[0.0, 0.55, 1.0], [0.1001, np.nan, 0.999]])
    text = shown(terminal.heatmap(Screen(80, False), values, rows=["a", "bc"], columns=["x", "the", "$"], caption="A"))
    lines = [line.split() for line in text.splitlines()]
    assert lines[:4] == [["A"], ["t"], ["h"], ["x", "e", "$"]]
    assert lines[4:6] == [["a", "0", "5", "9"], ["bc", "1", "?", "9"]]
    assert text.splitlines()[3].index("$") == text.splitlines()[4].rindex("9")


def test_signs_in_digits() -> None:
    text = shown(terminal.heatmap(Screen(80, False), np.array([[-2.0, -0.3, 0.9]]), rows=["a"], signed=True, limit=2))
    assert [cell for cell in text.splitlines()[1].split()] == ["a", "9\u0305", "1\u0305", "4"]
    assert "−2" in text


@pytest.mark.parametrize("theme", LOOKS)
def test_a_heatmap_in_colours(rng: np.random.Generator, theme: str) -> None:
    values = rng.random((3, 4))
    screen = Screen(80, True, theme)
    cells = backgrounds(shown(terminal.heatmap(screen, values, rows=list("abc")), colour=True))[:12]
    expected = [tuple(round(255 * part) for part in LOOKS[theme].map()(value)[:3]) for value in values.ravel()]
    assert [colour for colour, _ in cells] == expected


def test_what_does_not_fit_is_the_mean_and_says_so(rng: np.random.Generator) -> None:
    values = np.repeat(np.arange(10) / 10 + 0.05, 20)[None].repeat(100, axis=0)  # (100, 200)
    text = shown(terminal.heatmap(Screen(60, False), values, caption="A", tall=10), width=60)
    lines = text.splitlines()
    assert "each column is the mean of 4 steps" in lines[0]
    assert "each row of 10 units" in lines[0]
    assert lines[2].split()[0] == "0"
    assert lines[2].split()[1] == "".join(str(number) * 5 for number in range(10))
    assert [line.split()[0] for line in lines[2:12]] == [str(10 * row) for row in range(10)]
    assert max(map(len, lines)) <= 60


def test_masked_columns_are_marked_and_do_not_count() -> None:
    values = np.array([[0.5, 0.5, 9.0]])
    text = shown(terminal.heatmap(Screen(80, False), values, rows=["a"], mask=np.array([1, 1, 0], bool)))
    assert text.splitlines()[1].split() == ["a", "5", "5", "╱╱╱"]


def test_coloured_tokens_cannot_act_on_the_terminal(rng: np.random.Generator) -> None:
    tokens = ["the", " ", "\x1b[31mred", "\u202eevil", "[bold]x[/bold]", "\ud800", "日本"]
    values = np.array([0.0, -1.0, 1.0, 0.5, -0.5, np.nan, 0.25])
    plain = shown(terminal.coloured_tokens(Screen(200, False), tokens, values), width=200)
    assert plain.startswith("the[+0.00] ␣[-1.00] \\x1b[31mred[+1.00] \\u202eevil[+0.50] [bold]x[/bold][-0.50] ")
    assert "[?] 日本[+0.25]" in plain
    coloured = shown(terminal.coloured_tokens(Screen(200, True), tokens, values), width=200, colour=True)
    runs = [(colour, text) for colour, text in backgrounds(coloured) if text.strip()]
    assert [text for _, text in runs] == [
        "the",
        "␣",
        "\\x1b[31mred",
        "\\u202eevil",
        "[bold]x[/bold]",
        "\\ud800",
        "日本",
    ]
    expected = [tuple(round(255 * part) for part in LOOKS["light"].map(True)((value + 1) / 2)[:3]) for value in values]
    assert [colour for colour, _ in runs] == expected
    masked = shown(terminal.coloured_tokens(Screen(80, False), tokens[:2], values[:2], mask=np.array([True, False])))
    assert masked.splitlines()[0].split() == ["the[+0.00]"]


def test_lines_are_as_high_as_their_values() -> None:
    text = shown(terminal.lines(Screen(40, False), {"x": np.array([0, 0.5, 1, np.nan])}, rows=2, columns=list("abcd")))
    lines = text.splitlines()
    assert lines[0] == "x"
    assert lines[1][9:].rstrip() == "      ███"
    assert lines[2][9:].rstrip() == "   ██████"
    assert lines[3].split() == list("abcd")


def test_bars_and_tables() -> None:
    bars = shown(terminal.bars(Screen(60, False), {"one": 1, "four": 4, "none": 0}, "B")).splitlines()
    assert bars[0] == "B"
    assert bars[2].count("█") == 4 * bars[1].count("█") + bars[2].count("█") % 4
    assert "█" not in bars[3]
    table = shown(terminal.table(["gate", "dead"], [["forget", 12], ["\x1b[2J", 3]], "T"))
    assert "forget     12" in table
    assert "\x1b" not in table


def test_gate_panels_are_named_and_in_order(rng: np.random.Generator) -> None:
    arrays = {"hidden": rng.standard_normal((5, 3)), "forget": rng.random((5, 3)), "input": rng.random((5, 3))}
    text = shown(terminal.gate_panels(Screen(80, False), arrays, list("abcde"), title="T\x1b"))
    places = [text.index(name) for name in ("T\\x1b", "input gate", "forget gate", "hidden state")]
    assert places == sorted(places)
    row = text[text.index("forget gate") :].splitlines()[2]
    assert row.split()[1:] == [str(int(10 * value)) for value in arrays["forget"][:, 0]]
