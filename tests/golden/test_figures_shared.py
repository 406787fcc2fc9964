"""What every figure function accepts: a theme, a size, somebody else's axes, the number of the first step."""

import re
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

sys.path.insert(0, str(Path(__file__).parent))
from figure_cases import characters, check_layout, ticks, words

from kerasrnn.viz import (
    attention_flow,
    attention_heatmap,
    bptt_curve,
    difference_heatmap,
    gates_heatmap,
    intervention_bars,
    write_figure,
)
from kerasrnn.viz.figures.layout import inches
from kerasrnn.viz.figures.themes import LOOKS

Draw = Callable[..., Figure]


def attention(tokens: list[str] | None, count: int, **options: Any) -> Figure:
    values = np.random.default_rng(1).dirichlet(np.ones(count), count)
    return attention_heatmap(values, tokens, tokens, **options)


def gates(tokens: list[str] | None, count: int, **options: Any) -> Figure:
    return gates_heatmap({"forget": np.random.default_rng(1).random((count, 9))}, tokens, **options)


def bptt(tokens: list[str] | None, count: int, **options: Any) -> Figure:
    return bptt_curve({"forward": np.random.default_rng(1).random(count) + 0.1}, tokens, **options)


def flow(tokens: list[str] | None, count: int, **options: Any) -> Figure:
    values = np.random.default_rng(1).dirichlet(np.ones(count), count)
    return attention_flow(values, tokens, tokens, **options)


def difference(tokens: list[str] | None, count: int, **options: Any) -> Figure:
    return difference_heatmap({"forget": np.random.default_rng(1).normal(0, 1, (count, 9))}, tokens, **options)


def intervention(tokens: list[str] | None, count: int, **options: Any) -> Figure:
    change = np.random.default_rng(1).normal(0, 1, count)
    return intervention_bars(change, tokens, chosen=["x"] * count, **options)


FIGURES = [attention, gates, bptt, flow, difference, intervention]


@pytest.fixture(params=FIGURES, ids=lambda draw: draw.__name__)
def draw(request: pytest.FixtureRequest) -> Draw:
    drawing: Draw = request.param
    return drawing


@pytest.mark.parametrize("size", [(5, 4), (7.5, 3.5)])
@pytest.mark.parametrize("count", [5, 60])
def test_a_size_is_kept_and_everything_fits(draw: Draw, size: tuple[float, float], count: int) -> None:
    if count == 60 and draw in (flow, intervention):  # two axes of tokens take more room
        size = (size[0], 1.6 * size[1])
    for tokens in (words(count), characters(count)):
        figure = draw(tokens, count, size=size, title="A title that is rather long for its page, so it is wrapped")
        assert inches(figure) == pytest.approx(size)
        check_layout(figure)


def test_sizes_that_are_none(draw: Draw) -> None:
    with pytest.raises(ValueError, match=r"size: this picture needs at least \d+(\.\d)? inches where it was given 1"):
        draw(None, 5, size=(6, 1))
    with pytest.raises(ValueError, match="size: expected two numbers above 0"):
        draw(None, 5, size=(6, -1))
    with pytest.raises(ValueError, match=r"size: expected \(width, height\) in inches, received 'large'"):
        draw(None, 5, size="large")


@pytest.mark.parametrize("theme", LOOKS)
def test_a_theme_colours_paper_and_text(draw: Draw, theme: str) -> None:
    look = LOOKS[theme]
    figure = draw(words(5), 5, theme=theme, title="title")
    np.testing.assert_allclose(figure.get_facecolor()[:3], to_rgb(look.paper))
    inks = {to_rgb(text.get_color()) for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()}
    allowed = {to_rgb(colour) for colour in (look.ink, look.quiet, *look.lines)}
    assert inks <= allowed
    for axes in figure.axes:
        for image in axes.images:
            assert image.get_cmap().name in (look.weights, look.signed)
    with pytest.raises(ValueError, match="theme: expected one of light, dark, print"):
        draw(None, 5, theme="sepia")


def plotted(axes: Axes) -> np.ndarray:
    """The numbers of an image, of links or of a line."""
    if axes.images:
        return np.asarray(axes.images[0].get_array())
    if axes.collections:
        return np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    return np.asarray(axes.lines[0].get_ydata())


def test_on_axes_of_somebody_else(draw: Draw) -> None:
    """Two pictures side by side on one figure; what they do not touch stays as it was."""
    own = Figure(figsize=(12, 5))
    left, right = own.add_axes((0.1, 0.2, 0.3, 0.5)), own.add_axes((0.6, 0.2, 0.3, 0.5))
    assert draw(words(6), 6, ax=left, title="left") is own
    assert isinstance(left, Axes)
    assert len(left.images) + len(left.lines) + len(left.collections) > 0
    assert len(right.images) + len(right.lines) == 0
    assert left.get_title("left") != ""
    np.testing.assert_allclose(left.get_position().bounds, (0.1, 0.2, 0.3, 0.5))
    alone = draw(words(6), 6)
    np.testing.assert_array_equal(plotted(left), plotted(alone.axes[0]))
    draw(words(6), 6, ax=right)
    check_layout(own)


def test_gates_on_a_subfigure_fill_it(rng: np.random.Generator) -> None:
    own = Figure(figsize=(14, 7))
    left, right = own.subfigures(1, 2)
    arrays = {name: rng.random((6, 5)) for name in ("input", "forget")}
    assert gates_heatmap(arrays, words(6), figure=left, title="one") is own
    gates_heatmap(arrays, words(6), figure=right, title="two")
    check_layout(own)
    assert all(axes.get_window_extent().x1 < own.bbox.x1 / 2 for axes in left.axes)
    assert all(axes.get_window_extent().x0 > own.bbox.x1 / 2 for axes in right.axes)


@pytest.mark.parametrize("count", [3, 40, 300])
def test_a_window_keeps_its_numbers(draw: Draw, count: int) -> None:
    axes = draw(None, count, first=117).axes[1 if draw is flow else 0]
    axis = axes.yaxis if draw is attention else axes.xaxis
    places, labels = axis.get_ticklocs(), ticks(axis)
    assert labels
    assert [int(label) for label in labels] == [117 + round(place) for place in places]
    if len(labels) > 2 and labels[1] != str(int(labels[0]) + 1):
        assert all(int(label) % (int(labels[1]) - int(labels[0])) == 0 for label in labels), "no round numbers"


@pytest.mark.parametrize(("theme", "kind"), [("dark", "svg"), ("print", "pdf"), ("dark", "png")])
def test_bytes_repeat_in_every_theme(draw: Draw, theme: str, kind: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        figure = draw(list("日 ab$"), 5, theme=theme, size=(6, 4), title="मई $x$ <b> & --")
        write_figure(figure, tmp_path / f"{name}.{kind}", dpi=80)
    assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


TITLE = "A --quick <b>$fox$</b> & 1998年5月3日"


def test_text_of_an_svg_can_be_searched(draw: Draw, tmp_path: Path) -> None:
    """It stands there as text, in its place and size, unseen under its outlines."""
    from xml.etree import ElementTree

    write_figure(draw(list("日本 <&"), 5, title=TITLE), tmp_path / "a.svg")
    tree = ElementTree.fromstring((tmp_path / "a.svg").read_bytes())
    texts = {item.text: item for item in tree.iter("{http://www.w3.org/2000/svg}text")}
    assert {TITLE, "日", "本", "␣", "<", "&"} <= set(texts)
    heading = texts[TITLE]
    assert float(heading.attrib["font-size"]) == pytest.approx(13)
    assert heading.attrib["fill-opacity"] == "0"
    x, y = map(float, re.findall(r"translate\(([\d.]+) ([\d.]+)\)", heading.attrib["transform"])[0])
    assert x == pytest.approx(0.22 * 72, abs=0.1)
    assert 10 < y < 40
    assert "<use" in (tmp_path / "a.svg").read_text("utf-8"), "outlines, for readers without the font"


def test_text_of_a_pdf_can_be_searched(draw: Draw, tmp_path: Path) -> None:
    """Its fonts say which character each glyph is, and none is drawn as a mere shape."""
    write_figure(draw(list("日本 <&"), 5, title=TITLE), tmp_path / "a.pdf")
    data = (tmp_path / "a.pdf").read_bytes()
    streams = []
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL):
        try:
            streams.append(zlib.decompress(match[1]))
        except zlib.error:
            streams.append(match[1])
    maps = b"".join(stream for stream in streams if b"beginbfrange" in stream or b"beginbfchar" in stream)
    known = {
        bytes.fromhex(code.decode()).decode("utf-16-be")
        for line in re.findall(rb"\[([^\]]*)\]", maps)
        for code in re.findall(rb"<(\w+)>", line)
    }
    assert set(TITLE + "日本␣") <= known | {"\xa0"}
    pages = [stream for stream in streams if b" Tf" in stream]
    assert pages
    assert not any(re.search(rb"/F\d+-\S+ Do", page) for page in pages)
