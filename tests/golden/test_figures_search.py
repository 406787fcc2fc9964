"""Figures of flow, faithfulness, beams, lengths, matches, differences and interventions: the arrays that they plot."""

import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.text import Text

sys.path.insert(0, str(Path(__file__).parent))
from figure_cases import SCRIPTS, characters, check_layout, ticks, words

from kerasrnn.viz import (
    attention_flow,
    beam_tree,
    difference_heatmap,
    faithfulness,
    intervention_bars,
    length_curve,
    match_contexts,
    score_by_length,
    write_figure,
)
from kerasrnn.viz.figures.matches import Context
from kerasrnn.viz.figures.themes import LOOKS
from kerasrnn.viz.lengths import LengthCurve
from kerasrnn.viz.tokens import label

BAD = to_rgba(LOOKS["light"].bad)


def rows(rng: np.random.Generator, *shape: int) -> np.ndarray:
    weights = rng.random(shape) ** 8
    return weights / weights.sum(axis=-1, keepdims=True)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_links_carry_each_row() -> None:
    weights = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    figure = attention_flow(weights, list("abc"), list("xy"), mass=0.65)
    axes = figure.axes[0]
    (links,) = [each for each in axes.collections if isinstance(each, PathCollection)]
    ends = [(path.vertices[0], path.vertices[-1]) for path in links.get_paths()]
    found = {(round(source[0]), round((target[0] + 0.5) / 3 * 2 - 0.5)) for source, target in ends}
    assert found == {(0, 0), (2, 1), (0, 1)}  # of equal weights the first
    assert all((source[1], target[1]) == (1, 0) for source, target in ends)
    widths = dict(
        zip(
            [round(s[0]) + 10 * round((t[0] + 0.5) / 3 * 2 - 0.5) for s, t in ends], links.get_linewidths(), strict=True
        )
    )
    assert widths[0] / widths[10] == pytest.approx(0.7 / 0.3)
    assert ticks(axes.xaxis) == list("abc")
    assert ticks(figure.axes[1].xaxis) == list("xy")


def test_masked_tokens_have_no_links(rng: np.random.Generator) -> None:
    source, mask = np.array([1, 0, 1, 1], bool), np.array([1, 0, 1], bool)
    figure = attention_flow(rows(rng, 3, 4), mask=mask, source_mask=source, mass=1)
    (links,) = figure.axes[0].collections
    ends = [(path.vertices[0][0], (path.vertices[-1][0] + 0.5) / 4 * 3 - 0.5) for path in links.get_paths()]
    assert {round(s) for s, _ in ends} == {0, 2, 3}
    assert {round(t) for _, t in ends} == {0, 2}
    hatched = [patch for axes in figure.axes for patch in axes.patches if patch.get_hatch()]
    assert sorted(patch.get_x() for patch in hatched) == [0.5, 0.5]


def test_flow_of_heads(rng: np.random.Generator) -> None:
    figure = attention_flow(rows(rng, 3, 5, 6), characters(6), words(5), title="heads")
    assert {"head 1", "head 2", "head 3"} <= set(texts(figure))
    check_layout(figure)
    with pytest.raises(ValueError, match="mass: expected a share above 0 and at most 1, received 2"):
        attention_flow(rows(rng, 3, 3), mass=2)
    with pytest.raises(ValueError, match=r"alignment: expected a non-empty array .* received one of shape \(3,\)"):
        attention_flow(np.ones(3))


def test_weights_that_are_no_numbers_have_no_links(rng: np.random.Generator) -> None:
    weights = rows(rng, 3, 4)
    weights[1, 2] = np.nan
    figure = attention_flow(weights)
    (bad,) = [patch for axes in figure.axes for patch in axes.patches if patch.get_facecolor() == BAD]
    assert (bad.get_x(), bad.get_width()) == (0.5, 1)
    masked = attention_flow(weights, source_mask=np.array([1, 1, 0, 1], bool))
    assert not [patch for axes in masked.axes for patch in axes.patches if patch.get_facecolor() == BAD]


def test_faithfulness_without_numbers_says_so() -> None:
    tau, weight = np.full(3, np.nan), np.array([0.5, np.nan, 0.7])
    figure = faithfulness(tau, weight, np.array([[0.1, 0.2], [0.1, 0.2], [np.nan, 0.3]]))
    assert "2 permutations a row; 2 rows NaN or infinite" in texts(figure)
    check_layout(figure)


def test_faithfulness_is_a_histogram_and_dots(rng: np.random.Generator) -> None:
    tau = np.array([-0.95, 0.05, 0.07, 0.93, np.nan])
    weight, distances = rng.random(5), rng.random((5, 7))
    figure = faithfulness(tau, weight, distances, title="title")
    histogram, scatter = figure.axes
    heights = {round(bar.get_x(), 1): bar.get_height() for bar in histogram.patches if bar.get_height()}
    assert heights == {-1.0: 1, 0.0: 2, 0.9: 1}
    assert (histogram.get_xlim(), scatter.get_ylim()) == ((-1, 1), (-0.02, 1.02))
    dots = scatter.lines[0]
    np.testing.assert_allclose(dots.get_xdata(), weight)
    np.testing.assert_allclose(dots.get_ydata(), np.median(distances, axis=1))
    ends = scatter.collections[0].get_segments()
    np.testing.assert_allclose([sorted(part[:, 1]) for part in ends], np.stack([distances.min(1), distances.max(1)], 1))
    assert "median 0.06 of 4; 1 without ranks" in texts(figure)
    check_layout(figure)
    assert "no row has ranks to compare" in texts(faithfulness(np.full(2, np.nan), weight[:2], distances[:2]))
    with pytest.raises(ValueError, match=r"expected \(n,\), \(n,\) and \(n, k\), received"):
        faithfulness(tau, weight[:4], distances)
    with pytest.raises(ValueError, match="at least one row and one permutation"):
        faithfulness(np.ones(0), np.ones(0), np.ones((0, 3)))


VOCABULARY = ["", "<end>", "a", "b", "$x$"]
TOKENS = np.array([[2, 3], [4, 2], [1, 3], [0, 2]])
PARENTS = np.array([[0, 0], [0, 0], [0, 1], [0, 1]])
SCORES = np.log([[0.5, 0.4], [0.4, 0.1], [0.3, 0.05], [0.3, 0.04]])
FINISHED = np.array([[0, 0], [0, 0], [1, 0], [1, 0]], bool)


def boxes(figure: Figure) -> dict[tuple[int, int], FancyBboxPatch]:
    """The boxes of tokens by step and rank."""
    found = {}
    for axes in figure.axes:
        for patch in axes.patches:
            if isinstance(patch, FancyBboxPatch):
                found[round(patch.get_x() + patch.get_width() / 2), int(patch.get_y() + 0.5)] = patch
    return found


def test_a_beam(rng: np.random.Generator) -> None:
    figure = beam_tree(TOKENS, PARENTS, SCORES, VOCABULARY, finished=FINISHED, results=["ax", "a a b a"], title="t")
    found = boxes(figure)
    assert set(found) == {(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (3, 1)}  # none where one has ended
    colours = matplotlib.colormaps["viridis"]
    assert to_hex(found[1, 0].get_facecolor()) == to_hex(colours(0.4 / 0.5))
    assert to_hex(found[2, 0].get_facecolor()) == to_hex(colours(0.3 / 0.4))
    assert to_hex(found[1, 1].get_facecolor()) == to_hex(colours(0.1 / 0.5))  # its parent is the best one
    faint = [0.45 * own + 0.55 for own in colours(0.4)[:3]]
    assert to_hex(found[0, 1].get_facecolor()) == to_hex(faint)  # nothing goes on from it
    said = texts(figure)
    assert said.count("a") == 3
    assert {"$x$", "<end>", "−0.69", "−2.30"} <= set(said)
    assert any("ax" in text and "−1.20" in text for text in said)
    check_layout(figure)
    ends = [(line.get_xdata(), line.get_ydata(), line.get_linestyle()) for line in figure.axes[0].lines]
    steps = {(round(x[0]), round(y[0]), round(x[1] - 0.01), round(y[1])) for x, y, _ in ends}
    assert {(0, 0, 1, 0), (0, 0, 1, 1), (1, 1, 2, 1)} <= steps
    assert sum(style != "-" for *_, style in ends) == 2  # from the end on, dotted


def test_a_window_of_a_beam_knows_what_was_before() -> None:
    whole = boxes(beam_tree(TOKENS, PARENTS, SCORES, VOCABULARY, finished=FINISHED))
    some = beam_tree(TOKENS[1:], PARENTS[1:], SCORES[1:], VOCABULARY, finished=FINISHED[1:], before=SCORES[0], first=1)
    for (step, rank), box in boxes(some).items():
        assert to_hex(box.get_facecolor()) == to_hex(whole[step + 1, rank].get_facecolor())
    assert ticks(some.axes[0].xaxis) == ["1", "2", "3"]
    tail = beam_tree(TOKENS[3:], PARENTS[3:], SCORES[3:], VOCABULARY, finished=FINISHED[3:], before=SCORES[2], first=3)
    assert set(boxes(tail)) == {(0, 1)}


def test_a_long_beam_is_broken_into_rows(rng: np.random.Generator) -> None:
    steps, width = 60, 4
    tokens = rng.integers(1, 5, (steps, width))
    parents = rng.integers(0, width, (steps, width))
    scores = -np.cumsum(rng.random((steps, width)), axis=0)
    figure = beam_tree(tokens, parents, scores, [*VOCABULARY, "internationalisation"], title="a title " * 30)
    assert len(boxes(figure)) == steps * width
    assert figure.get_size_inches()[0] < 13
    check_layout(figure)
    numbers = [number for axes in figure.axes[:-1] for number in ticks(axes.xaxis)]
    assert numbers == [str(step) for step in range(steps)]
    with pytest.raises(ValueError, match=r"a search of 600 steps .* would be \d+ inches high; draw a window of about"):
        beam_tree(*(np.repeat(each, 10, axis=0) for each in (tokens, parents, scores)), vocabulary=VOCABULARY)
    with pytest.raises(ValueError, match="size: this picture needs at least"):
        beam_tree(tokens, parents, scores, VOCABULARY, size=(4, 2))


def test_missing_hypotheses_have_no_box() -> None:
    scores = SCORES.copy()
    scores[0, 1] = -np.inf
    assert (0, 1) not in boxes(beam_tree(TOKENS, PARENTS, scores, VOCABULARY, finished=FINISHED))
    for changed, message in (
        ({"tokens": TOKENS + 3}, "tokens: expected ids from 0 to 4, received 3 to 7"),
        ({"parents": PARENTS + 2}, "parents: expected hypotheses from 0 to 1, received others"),
        ({"scores": np.full((4, 2), -np.inf)}, "scores: expected a hypothesis at every step"),
        ({"scores": SCORES[:2]}, "expected non-empty arrays"),
    ):
        given: dict[str, Any] = {"tokens": TOKENS, "parents": PARENTS, "scores": SCORES} | changed
        with pytest.raises(ValueError, match=message):
            beam_tree(**given, vocabulary=VOCABULARY)


def curve(rng: np.random.Generator, metric: str = "share of right answers") -> LengthCurve:
    lengths = rng.integers(1, 60, 300)
    return score_by_length(lengths, rng.random(300) < 0.9 - lengths / 100, resamples=50, metric=metric)


def test_lengths(rng: np.random.Generator) -> None:
    one, two = curve(rng), curve(rng)
    figure = length_curve({"one": one, "two $x$": two}, title="title")
    (axes,) = figure.axes
    assert axes.get_ylim() == (0, 1.03)
    drawn = [line for line in axes.lines if line.get_marker() == "o"]
    for line, each, aside in zip(drawn, (one, two), (-1, 1), strict=True):
        np.testing.assert_allclose(line.get_ydata(), each.value)
        middle = (each.low + each.high) / 2
        assert np.abs(line.get_xdata() - middle).max() < 0.5
        assert (np.sign(line.get_xdata() - middle) == aside).all()
    segments = [np.sort(part[:, 1]) for part in axes.collections[0].get_segments()]
    np.testing.assert_allclose(segments, one.interval, atol=1e-12)
    assert {"one  (300 examples)", "two $x$  (300 examples)"} <= set(texts(figure))
    check_layout(figure)
    scores = LengthCurve(one.low, one.high, one.value * 40, one.interval * 40, one.examples, "BLEU")
    assert length_curve({"a": scores}).axes[0].get_ylabel() == "BLEU"
    with pytest.raises(ValueError, match="curves: expected one metric for all, received BLEU, share of right"):
        length_curve({"a": scores, "b": one})
    with pytest.raises(ValueError, match="curves: expected at least one"):
        length_curve({})


def test_matches_begin_at_one_place(rng: np.random.Generator) -> None:
    contexts = [
        Context(rng.random(6), characters(6), 2, 4, "query"),
        Context(rng.random(9), characters(9), 5, 6, "4 of 5"),
        Context(rng.random(3), characters(3), 0, 3, "3 of 5"),
    ]
    figure = match_contexts(contexts, title="title")
    axes = figure.axes[0]
    (image,) = axes.images
    shown = np.ma.filled(image.get_array(), np.nan)
    assert shown.shape == (3, 9)
    for row, context in enumerate(contexts):
        begin = 5 - context.start
        np.testing.assert_array_equal(shown[row, begin : begin + len(context.tokens)], context.share)
        assert (shown[row] >= 0).sum() == len(context.tokens)
    assert image.get_clim() == (0, 1)
    frames = [(patch.get_x(), patch.get_width()) for patch in axes.patches if isinstance(patch, Rectangle)]
    assert frames == [(4.5, 2), (4.5, 1), (4.5, 3)]
    assert ticks(axes.yaxis) == ["query", "4 of 5", "3 of 5"]
    check_layout(figure)
    with pytest.raises(ValueError, match="contexts: expected at least one"):
        match_contexts([])
    with pytest.raises(ValueError, match="contexts: expected a share for each of 3 tokens and a span within them"):
        match_contexts([Context(np.ones(3), list("abc"), 2, 5)])


def test_differences_of_gates(rng: np.random.Generator) -> None:
    arrays = {name: rng.normal(0, 0.2, (7, 5)) for name in ("forget", "hidden")}
    mask = np.array([1, 1, 1, 1, 1, 1, 0], bool)
    arrays["hidden"][6] = 9  # padding, which sets no scale
    figure = difference_heatmap(arrays, characters(7), mask=mask)
    largest = max(np.abs(array[mask]).max() for array in arrays.values())
    panels = figure.axes[:2]
    for axes, name in zip(panels, ("forget", "hidden"), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), arrays[name].T)
        assert axes.images[0].get_clim() == (-largest, largest)
        assert axes.images[0].get_cmap().name == "RdBu_r"
        (hatched,) = [patch for patch in axes.patches if patch.get_hatch()]
        assert (hatched.get_x(), hatched.get_width()) == (5.5, 1)
    assert ticks(figure.axes[2].yaxis) == [f"−{largest:.2g}", "0", f"{largest:.2g}"]
    check_layout(figure)
    assert difference_heatmap(arrays, limit=0.5).axes[0].images[0].get_clim() == (-0.5, 0.5)
    assert difference_heatmap({"forget": np.zeros((2, 3))}).axes[0].images[0].get_clim() == (-1, 1)


def test_differences_of_alignments(rng: np.random.Generator) -> None:
    array = rng.normal(0, 0.2, (4, 6))
    source, mask = np.array([1, 1, 1, 1, 1, 0], bool), np.array([1, 0, 1, 1], bool)
    figure = difference_heatmap({"alignment": array}, words(4), characters(6), mask=mask, source_mask=source)
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), array)
    assert axes.images[0].get_clim()[1] == np.abs(array[mask][:, source]).max()
    assert ticks(axes.xaxis) == [label(token) for token in characters(6)]
    assert ticks(axes.yaxis) == words(4)
    assert {"source →", "← produced"} <= set(texts(figure))
    check_layout(figure)
    heads = difference_heatmap({"alignment": rng.normal(0, 1, (5, 4, 6))}, words(4), characters(6), title="heads")
    assert [axes.get_xlabel() for axes in heads.axes[:5]] == ["head 1", "head 5", "head 2", "head 3", "head 4"]
    check_layout(heads)
    for arrays, message in (
        ({}, r"expected non-empty arrays \(t, u\), received shapes {}"),
        ({"forget": np.ones(3)}, r"expected non-empty arrays \(t, u\)"),
        ({"forget": np.ones((2, 3)), "cell": np.ones((3, 3))}, "the same number of steps"),
        ({"alignment": array, "forget": array}, "one alignment"),
    ):
        with pytest.raises(ValueError, match=message):
            difference_heatmap(arrays)
    with pytest.raises(ValueError, match="limit: expected a number above 0, received 0"):
        difference_heatmap({"forget": array}, limit=0)


def test_bars_of_an_intervention() -> None:
    change = np.array([0.5, -2.0, -np.inf, 0.0, 3.0])
    mask = np.array([1, 1, 1, 1, 0], bool)
    figure = intervention_bars(
        change, list("abcde"), chosen=list("axcde"), before="abcd", after="ax", mask=mask, title="title"
    )
    axes, above = figure.axes
    heights = [bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle) and not bar.get_hatch()]
    limit = 2.0 * 1.08
    np.testing.assert_allclose(heights[:5], [0.5, -2.0, -limit, 0, 0])
    np.testing.assert_allclose(axes.get_ylim(), (-limit, limit))
    assert {"▼", "before:  \u2068abcd\u2069", "after:  \u2068ax\u2069"} <= set(texts(figure))
    assert ticks(above.xaxis) == ["", "x", "", "", ""]
    check_layout(figure)
    small = intervention_bars(np.array([1e-6, -1e-7]))
    assert small.axes[0].get_ylim() == (-0.1, 0.1)  # rounding is no effect
    assert len(small.axes) == 1
    for options, message in (
        ({"mask": np.ones(2, bool)}, r"mask: expected shape \(t,\) = \(5,\), received \(2,\)"),
        ({"chosen": ["a"]}, "chosen: expected 5 strings, received 1"),
    ):
        with pytest.raises(ValueError, match=message):
            intervention_bars(change, **options)
    with pytest.raises(ValueError, match=r"change: expected a non-empty array \(t,\)"):
        intervention_bars(np.ones((2, 2)))


def test_a_change_that_is_no_number_is_magenta() -> None:
    axes = intervention_bars(np.array([0.5, np.nan, -1.0])).axes[0]
    (bad,) = [patch for patch in axes.patches if patch.get_facecolor() == BAD]
    assert bad.get_x() == pytest.approx(0.64)


def test_shares_that_are_no_numbers_are_magenta(tmp_path: Path) -> None:
    figure = match_contexts([Context(np.array([1.0, np.nan]), list("ab"), 0, 1), Context(np.ones(1), ["c"], 0, 1)])
    image = figure.axes[0].images[0]
    pixels = image.cmap(image.norm(image.get_array()))
    assert tuple(pixels[0, 1]) == BAD
    assert tuple(pixels[1, 1]) == (1, 1, 1, 1), "no token is paper"


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_and_odd_tokens(rng: np.random.Generator, script: str, tmp_path: Path) -> None:
    tokens = SCRIPTS[script]
    count, title = len(tokens), "".join(tokens)
    shares = rng.random(count)
    ids = np.arange(count)[:, None]
    figures = [
        attention_flow(rows(rng, count, count), tokens, tokens, title=title),
        beam_tree(ids, np.zeros_like(ids), -np.cumsum(rng.random((count, 1)), 0), tokens, results=[title], title=title),
        match_contexts([Context(shares, tokens, 0, 1, title)], title=title),
        difference_heatmap({"forget": rng.normal(0, 1, (count, 3))}, tokens, title=title),
        intervention_bars(rng.normal(0, 1, count), tokens, chosen=tokens[::-1], before=title, after=title, title=title),
        length_curve({title: curve(rng)}, title=title),
    ]
    for figure in figures:
        check_layout(figure)
        for text in texts(figure):
            assert not {"\x1b", "\u202e", "\x00"} & set(text), f"drawn as it is: {text!r}"
        for kind in ("png", "svg"):
            write_figure(figure, tmp_path / f"a.{kind}", dpi=40)  # warnings are errors: no glyph is missing


def test_bytes_are_the_same_every_time(tmp_path: Path) -> None:
    def draw() -> list[Figure]:
        rng = np.random.default_rng(5)
        return [
            attention_flow(rows(rng, 4, 5), characters(5), words(4), title="年 → म"),
            beam_tree(TOKENS, PARENTS, SCORES, VOCABULARY, finished=FINISHED, results=["a"], title="年 → म"),
            intervention_bars(rng.normal(0, 1, 4), words(4), title="年"),
        ]

    for number, (one, two) in enumerate(zip(draw(), draw(), strict=True)):
        for kind in ("png", "svg", "pdf"):
            write_figure(one, tmp_path / f"one.{kind}", dpi=40)
            write_figure(two, tmp_path / f"two.{kind}", dpi=40)
            assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes(), (number, kind)


def test_pixels_show_the_signs(tmp_path: Path) -> None:
    """Red above zero, blue below."""
    figure = difference_heatmap({"forget": np.array([[1.0, -1.0]])})
    write_figure(figure, tmp_path / "a.png", dpi=100)
    pixels = matplotlib.image.imread(tmp_path / "a.png")
    place, (high, wide) = figure.axes[0].get_position(), pixels.shape[:2]
    colours = matplotlib.colormaps["RdBu_r"]
    for unit, expected in ((0, colours(1.0)), (1, colours(0.0))):
        y = (1 - place.y0 - place.height * (0.75 - 0.5 * unit)) * high
        found = pixels[round(y), round((place.x0 + place.width * 0.5) * wide), :3]
        np.testing.assert_allclose(found, to_rgb(expected), atol=2 / 255)
