"""`bptt_curve`: the arrays it plots, its labels and layout, then its bytes."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba

sys.path.insert(0, str(Path(__file__).parent))
from figure_cases import SCRIPTS, characters, check_layout, drawn_texts, ticks, words

from kerasrnn.viz import bptt_curve, write_figure
from kerasrnn.viz.capture.gradients import horizon_of
from kerasrnn.viz.figures.themes import LOOKS
from kerasrnn.viz.tokens import label


def decay(steps: int, rate: float) -> np.ndarray:
    return 2.0 * np.exp(-rate * np.arange(steps)[::-1])


def lines(figure: Any) -> dict[str, np.ndarray]:
    return {line.get_label(): line.get_ydata() for line in figure.axes[0].lines if not line.get_label().startswith("_")}


def said(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def both(steps: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    forward, backward = decay(steps, 0.6), decay(steps, 0.9)[::-1].copy()
    every = np.ones(steps, bool)
    marks = {"forward": horizon_of(forward, every), "backward": horizon_of(backward, every, backwards=True)}
    return {"forward": forward, "backward": backward}, marks


def test_lines_are_the_norms_on_a_log_scale() -> None:
    norms, marks = both(12)
    figure = bptt_curve(norms, list("abcdefghijkl"), horizon=marks, title="t", at=5)
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    for name, norm in norms.items():
        np.testing.assert_array_equal(lines(figure)[name], norm)
    assert ticks(axes.xaxis) == list("abcdefghijkl")
    assert "forward: horizon 7 steps" in said(figure)
    assert "backward: horizon 5 steps" in said(figure)
    assert said(figure).count("1 % of\nthe largest") == 1
    levels = [
        line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1 and len(line.get_ydata()) == 2
    ]
    assert [level for level in levels if level != 0] == pytest.approx([0.02, 0.02])
    assert [line.get_xdata()[0] for line in axes.lines if list(line.get_ydata()) == [0, 1]] == [5]
    assert "loss" in said(figure)
    low, high = axes.get_ylim()
    assert low < min(norm.min() for norm in norms.values())
    assert high > 2.0
    check_layout(figure)


def test_zeros_and_masked_steps_have_no_point() -> None:
    norm, mask = decay(6, 0.5), np.array([1, 1, 0, 1, 1, 0], bool)
    norm[0] = 0.0
    figure = bptt_curve({"forward": norm}, mask=mask)
    np.testing.assert_array_equal(np.isnan(lines(figure)["forward"]), [True, False, True, False, False, True])
    spans = [(box.get_x(), box.get_width()) for box in figure.axes[0].patches if box.get_hatch()]
    assert spans == [(1.5, 1.0), (4.5, 1.0)]


def test_the_horizon_is_stated_in_words() -> None:
    norm = decay(5, 0.1)
    for mark, text in (
        ({"steps": 4, "from": 0, "to": 4}, "horizon 4 steps, the whole sequence"),
        ({"steps": 1, "from": 3, "to": 4}, "horizon 1 step"),
        ({"steps": 0, "from": 4, "to": 4}, "horizon 0 steps"),
    ):
        assert text in said(bptt_curve({"": norm}, horizon={"": mark}))
        assert f"forward: {text}" in said(bptt_curve({"forward": norm}, horizon={"forward": mark}))
    assert said(bptt_curve({"forward": norm}, horizon={"forward": None})) == ["forward"]
    assert said(bptt_curve({"": norm})) == []


def test_no_gradient_at_all() -> None:
    figure = bptt_curve({"forward": np.zeros(4)}, list("abcd"), horizon={"forward": None})
    assert "no gradient reaches this layer" in said(figure)
    check_layout(figure)


def test_powers_of_ten_are_written_out() -> None:
    figure = bptt_curve({"": decay(40, 1.0)})
    labels = [text.get_text() for text, _ in drawn_texts(figure)]
    powers = [text for text in labels if text.startswith("10") and len(text) > 2 and not text.isdigit()]
    assert powers
    assert all(set(text[2:]) <= set("⁻⁰¹²³⁴⁵⁶⁷⁸⁹") for text in powers)
    assert not [text for text in labels if "$" in text or "\\" in text]


@pytest.mark.parametrize("span", [1.0, 1.01, 1e3, 1e20, 1e38])
def test_any_range_has_labels_that_do_not_overlap(span: float) -> None:
    figure = bptt_curve({"": np.geomspace(1.0 / span, 1.0, 12)})
    check_layout(figure)
    assert (
        len([text for text, _ in drawn_texts(figure) if text.get_text().startswith("10") and "⁰" in text.get_text()])
        >= 1
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_and_odd_tokens(script: str, tmp_path: Path) -> None:
    tokens = SCRIPTS[script]
    norms, marks = both(len(tokens))
    figure = bptt_curve(norms, tokens, horizon=marks, title="".join(tokens), at=0)
    assert ticks(figure.axes[0].xaxis) == [label(token) for token in tokens]
    check_layout(figure)
    write_figure(figure, tmp_path / "a.png")


@pytest.mark.parametrize("count", [1, 5, 40, 200, 500])
@pytest.mark.parametrize("make", [words, characters, lambda count: None], ids=["words", "characters", "numbers"])
def test_labels_never_overlap(count: int, make: Any) -> None:
    norms, marks = both(count)
    for at in (None, 0, count - 1):
        figure = bptt_curve(norms, make(count), horizon=marks, title="a title " * 12, at=at)
        check_layout(figure)
        assert max(figure.get_size_inches()) < 13


@pytest.mark.parametrize(
    ("norms", "options", "message"),
    [
        ({}, {}, "norms: expected non-empty arrays"),
        ({"a": np.ones((2, 2))}, {}, "norms: expected non-empty arrays"),
        ({"a": np.ones(2), "b": np.ones(3)}, {}, "norms: expected non-empty arrays"),
        ({"a": -np.ones(2)}, {}, "values of at least 0"),
        ({"a": np.ones(2)}, {"mask": np.ones(3, bool)}, r"mask: expected shape \(t,\) = \(2,\)"),
        ({"a": np.ones(2)}, {"at": 2}, "at: expected a position from 0 to 1, received 2"),
    ],
)
def test_errors(norms: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bptt_curve(norms, **options)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_bytes_are_the_same_every_time(tmp_path: Path, kind: str) -> None:
    for name in ("one", "two"):
        norms, marks = both(9)
        write_figure(bptt_curve(norms, list("1998年5月3日"), horizon=marks, at=2), tmp_path / f"{name}.{kind}")
    assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_norms_that_are_no_numbers_are_magenta_and_counted() -> None:
    norm = np.array([1.0, 2.0, np.nan, np.inf, 3.0])
    figure = bptt_curve({"forward": norm}, horizon={"forward": None})
    (axes,) = figure.axes
    spans = [patch for patch in axes.patches if patch.get_facecolor() == to_rgba(LOOKS["light"].bad)]
    assert [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in spans] == [(1.5, 3.5)]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [1, 2, np.nan, np.nan, 3])
    assert "forward: 2 NaN or infinite" in said(figure)
    check_layout(figure)
    nothing = bptt_curve({"": np.full(4, np.nan)}, horizon={"": None})
    assert "the gradient is NaN or infinite" in said(nothing)
    assert "no gradient reaches this layer" not in said(nothing)
    masked = bptt_curve({"": np.array([1.0, np.nan])}, mask=np.array([True, False]))
    assert not any("NaN" in text for text in said(masked))
