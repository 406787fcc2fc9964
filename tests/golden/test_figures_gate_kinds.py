"""The other pictures of gates: the arrays they plot, their labels and layout, then their bytes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PatchCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parent))
from figure_cases import SCRIPTS, characters, check_layout, drawn_texts, ticks, words

from kerasrnn.viz import (
    gates_health,
    gates_heatmap,
    gates_memory,
    gates_saturation,
    gates_timeline,
    half_lives,
    health,
    retention,
    saturation,
    token_text,
    write_figure,
)
from kerasrnn.viz.figures.health import kinds_of
from kerasrnn.viz.figures.layout import inches
from kerasrnn.viz.figures.themes import LOOKS
from kerasrnn.viz.tokens import label

LSTM = ("input", "forget", "candidate", "output", "hidden", "cell")
MASK = np.array([1, 1, 1, 0, 1, 1, 1, 1, 0, 0], bool)


def gates_of(steps: int, units: int = 7, names: tuple[str, ...] = LSTM) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    made = {name: 2 * rng.standard_normal((steps, units)) for name in names}
    signed = ("candidate", "hidden", "cell")
    return {name: np.tanh(z) if name.rpartition("/")[2] in signed else 1 / (1 + np.exp(-z)) for name, z in made.items()}


def timeline(tokens: list[str] | None, count: int, **options: Any) -> Figure:
    return gates_timeline(gates_of(count), tokens, **options)


def saturated(_: list[str] | None, count: int, **options: Any) -> Figure:
    names = ("forward/update", "forward/reset", "backward/update", "backward/reset")
    return gates_saturation({name: saturation(array) for name, array in gates_of(count, 40, names).items()}, **options)


def text(tokens: list[str] | None, count: int, **options: Any) -> Figure:
    values = gates_of(count)["cell"][:, 0]
    return token_text(tokens or list(map(str, range(count))), values, caption="tanh of the cell state", **options)


def memory(tokens: list[str] | None, count: int, **options: Any) -> Figure:
    keeps = gates_of(count, 30, ("forward/forget", "backward/forget"))
    keeps = {name.split("/")[0]: keep for name, keep in keeps.items()}
    lives = {label: half_lives(keep) for label, keep in keeps.items()}
    shares = {label: retention(keep, backwards=label == "backward") for label, keep in keeps.items()}
    return gates_memory(lives, shares, tokens, **options)


def healthy(_: list[str] | None, count: int, **options: Any) -> Figure:
    arrays = gates_of(count, 30, ("forward/forget", "forward/hidden", "backward/forget", "backward/hidden"))
    arrays["forward/forget"][:, :4] = 0.01
    return gates_health({name: health(array, gate="forget" in name) for name, array in arrays.items()}, **options)


DRAW: list[Callable[..., Figure]] = [timeline, saturated, text, memory, healthy]


@pytest.mark.parametrize("draw", DRAW)
@pytest.mark.parametrize("count", [2, 300])
def test_layout(draw: Callable[..., Figure], count: int) -> None:
    for tokens in (words(count), None):
        figure = draw(tokens, count, title="A title that is long for its page " * 3)
        check_layout(figure)
        assert max(inches(figure)) < 16


@pytest.mark.parametrize("draw", DRAW)
def test_sizes_and_themes(draw: Callable[..., Figure]) -> None:
    for size in ((12, 9), (8, 7)):
        figure = draw(characters(20), 20, size=size, title="title")
        assert inches(figure) == pytest.approx(size)
        check_layout(figure)
    for theme, look in LOOKS.items():
        figure = draw(characters(6), 6, theme=theme, title="title")
        np.testing.assert_allclose(figure.get_facecolor()[:3], to_rgb(look.paper))
        allowed = {to_rgb(colour) for colour in (look.ink, look.quiet)}
        if draw is not text:  # there, letters are black or white, as their box wants it
            assert {to_rgb(item.get_color()) for item, _ in drawn_texts(figure)} <= allowed
    with pytest.raises(ValueError, match="size: "):
        draw(characters(20), 20, size=(2, 1))


@pytest.mark.parametrize(
    ("draw", "kind"), [(text, "pdf"), (memory, "svg"), (healthy, "pdf"), (saturated, "svg"), (timeline, "png")]
)
def test_bytes_repeat(draw: Callable[..., Figure], kind: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_figure(draw(list("日本 $x"), 5, theme="dark", title="मई"), tmp_path / f"{name}.{kind}", dpi=60)
    assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


@pytest.mark.parametrize("draw", [timeline, saturated, memory, healthy])
def test_on_a_subfigure(draw: Callable[..., Figure]) -> None:
    own = Figure(figsize=(20, 9))
    left, right = own.subfigures(1, 2)
    assert draw(words(5), 5, figure=left, title="one") is own
    draw(words(5), 5, figure=right, title="two")
    check_layout(own)


def test_one_panel_on_axes_of_somebody_else() -> None:
    own = Figure(figsize=(12, 9))
    axes = own.subplots(2, 2)
    arrays = gates_of(6)
    forget = arrays["forget"]
    assert gates_timeline({"forget": forget}, words(6), ax=axes[0, 0]) is own
    assert gates_saturation({"forget": saturation(forget)}, ax=axes[0, 1]) is own
    assert token_text(words(6), np.tanh(arrays["cell"][:, 0]), ax=axes[1, 0]) is own
    assert gates_health({"forget": health(forget)}, ax=axes[1, 1]) is own
    np.testing.assert_allclose(axes[0, 0].lines[0].get_ydata(), forget.mean(axis=1))
    narrow = Figure().add_axes((0, 0, 0.2, 0.1))
    with pytest.raises(ValueError, match=r"ax: the text needs \d\.\d inches in height"):
        token_text(words(60), np.zeros(60), ax=narrow)


def test_timeline_is_mean_and_quantiles() -> None:
    arrays = gates_of(10, 11)
    arrays["cell"] *= 4
    arrays["forget"][1, 2] = np.nan
    found = {axes.get_title("left"): axes for axes in gates_timeline(arrays, mask=MASK).axes}
    assert list(found)[1] == "forget gate  (1 NaN or infinite)"
    for caption, axes in found.items():
        array = arrays[caption.split()[0]]
        expected = np.array([array[step].mean() if MASK[step] else np.nan for step in range(10)])
        np.testing.assert_allclose(axes.lines[0].get_ydata(), expected)
        band = axes.collections[0].get_paths()
        for path in band:
            places = sorted({round(x) for x, _ in path.vertices})
            for step in places:
                heights = [y for x, y in path.vertices if x == step]
                ordered = np.sort(array[step])
                assert min(heights) == pytest.approx(ordered[1])
                assert max(heights) == pytest.approx(ordered[9])
        drawn = {round(x) for path in band for x, _ in path.vertices}
        assert drawn == {step for step in range(10) if MASK[step] and np.isfinite(expected[step])}
        low, high = axes.get_ylim()
        assert low <= (0 if "gate" in caption else -1)
        assert high >= 1
    assert found["cell state"].get_ylim()[1] > 3
    hatched = [patch for patch in found["cell state"].patches if patch.get_hatch()]
    assert [(patch.get_x(), patch.get_width()) for patch in hatched] == [(2.5, 1.0), (7.5, 2.0)]


def test_saturation_has_a_dot_a_unit() -> None:
    rng = np.random.default_rng(3)
    left = rng.random(20)
    right = (1 - left) * rng.random(20)
    left[4] = np.nan
    figure = gates_saturation({"forget": (left, right), "input": (right, left)})
    axes = {axes.get_title("left"): axes for axes in figure.axes}
    assert list(axes) == ["input gate  (1 NaN or infinite)", "forget gate  (1 NaN or infinite)"]
    (dots,) = [
        item for item in axes["forget gate  (1 NaN or infinite)"].collections if isinstance(item, PathCollection)
    ]
    known = ~np.isnan(left)
    np.testing.assert_allclose(dots.get_offsets(), np.stack([left, right], axis=1)[known])
    for panel in axes.values():
        assert panel.get_xlim() == panel.get_ylim() == (0, 1)
        np.testing.assert_allclose(panel.lines[0].get_xydata(), [[0, 1], [1, 0]])
    for bad in ((left, right[:3]), (left + 1, right), (-right, right)):
        with pytest.raises(ValueError, match="shares: expected two arrays"):
            gates_saturation({"forget": bad})
    with pytest.raises(ValueError, match="at least one gate"):
        gates_saturation({})


def test_text_is_tokens_on_their_colours() -> None:
    values = np.array([-1.0, 0.0, 1.0, np.nan, 0.3, 5.0])
    tokens = ["the", " ", "$x$", "\x1b[31m", "masked", "over"]
    mask = np.array([1, 1, 1, 1, 0, 1], bool)
    figure = token_text(tokens, values, mask=mask, caption="what it is", title="T")
    axes = figure.axes[0]
    assert [item.get_text() for item in axes.texts] == ["the", "␣", "$x$", "\\x1b[31m", "over"]
    (boxes,) = [item for item in axes.collections if isinstance(item, PatchCollection)]
    figure.draw_without_rendering()
    expected = [LOOKS["light"].map(True)(share) for share in (0.0, 0.5, 1.0, np.nan, 1.0)]
    np.testing.assert_allclose(boxes.get_facecolors(), expected)
    np.testing.assert_allclose(boxes.get_facecolors()[3][:3], to_rgb(LOOKS["light"].bad))
    assert "what it is   1 NaN or infinite" in [item.get_text() for item, _ in drawn_texts(figure)]
    for item, path, shade in zip(axes.texts, boxes.get_paths(), boxes.get_facecolors(), strict=True):
        box = path.get_extents()
        assert box.x0 < item.get_position()[0] < box.x1
        assert box.y0 < item.get_position()[1] < box.y1
        light = sum(weight * part**2.2 for weight, part in zip((0.2126, 0.7152, 0.0722), shade, strict=False))
        assert item.get_color() == ("#000000" if light > 0.18 else "#ffffff")


def test_long_texts_are_wrapped_into_rows() -> None:
    figure = token_text(words(500), np.tanh(np.random.default_rng(1).standard_normal(500)))
    axes = figure.axes[0]
    (boxes,) = axes.collections
    extents = [path.get_extents() for path in boxes.get_paths()]
    rows = sorted({round(box.y0, 4) for box in extents})
    assert len(rows) > 20
    np.testing.assert_allclose(np.diff(rows), rows[1] - rows[0])
    assert max(box.x1 for box in extents) <= axes.get_xlim()[1] + 1e-9
    order = [(box.y0, box.x0) for box in extents]
    assert order == sorted(order), "in reading order"
    check_layout(figure)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_and_odd_tokens(script: str, tmp_path: Path) -> None:
    tokens = SCRIPTS[script]
    figure = token_text(tokens, np.linspace(-1, 1, len(tokens)), title="".join(tokens))
    assert [item.get_text() for item in figure.axes[0].texts] == [label(token, 40) for token in tokens if label(token)]
    check_layout(figure)
    write_figure(figure, tmp_path / "a.svg")


def test_text_errors() -> None:
    with pytest.raises(ValueError, match="values: expected one for each of 2 tokens"):
        token_text(["a", "b"], np.zeros(3))
    with pytest.raises(ValueError, match=r"mask: expected shape \(t,\)"):
        token_text(["a", "b"], np.zeros(2), mask=np.ones(3, bool))
    with pytest.raises(ValueError, match="every step is masked"):
        token_text(["a"], np.zeros(1), mask=np.zeros(1, bool))
    with pytest.raises(ValueError, match="limit: expected a number above 0"):
        token_text(["a"], np.zeros(1), limit=0)
    with pytest.raises(ValueError, match="at most 20000 to draw as a text, received 20001; choose a window"):
        token_text(["a"] * 20001, np.zeros(20001))


def test_memory_is_a_histogram_and_a_map() -> None:
    rng = np.random.default_rng(8)
    keep = rng.beta(5, 1, (10, 40))
    lives = half_lives(keep, MASK)
    lives[:3] = [np.inf, np.nan, 0.0]
    shares = retention(keep, MASK)
    figure = gates_memory({"": lives}, {"": shares}, characters(10), mask=MASK, of="unit 3")
    histogram, map_ = figure.axes[:2]
    stairs = histogram.patches[0].get_data()
    assert stairs.values.sum() == 39, "every unit that is a number stands somewhere"
    edges = stairs.edges
    np.testing.assert_allclose(np.diff(np.log2(edges)), 0.5)
    for value, low, high in zip(stairs.values[1:-1], edges[1:-2], edges[2:-1], strict=True):
        assert value == sum(low <= life < high for life in lives)
    assert histogram.get_xscale() == "log"
    assert histogram.lines[0].get_xdata()[0] == MASK.sum()
    assert "1 never forget, 1 NaN" in histogram.get_title("left")
    assert histogram.get_xlabel() == "half-life in steps, direct path only"
    assert map_.get_title("left") == "retention, direct path only: unit 3"
    below = np.tril(np.ones((10, 10), bool))
    np.testing.assert_array_equal(map_.images[0].get_array()[below], shares[below])
    assert map_.images[0].get_clim() == (0, 1)
    assert ticks(map_.xaxis) == ticks(map_.yaxis) == [label(token) for token in characters(10)]
    hatched = [patch for patch in map_.patches if patch.get_hatch()]
    assert len(hatched) == 4


@pytest.mark.parametrize("backwards", [False, True])
def test_the_empty_half_of_the_map_is_paper(backwards: bool, tmp_path: Path) -> None:
    """In the pixels: the oldest step that the last one to be reached still holds, and a cell that cannot be."""
    from matplotlib.image import imread

    name = "backward" if backwards else "forward"
    keep = np.full((6, 2), 1.0)
    figure = gates_memory({name: half_lives(keep)}, {name: retention(keep, backwards=backwards)})
    write_figure(figure, tmp_path / "a.png", dpi=100)
    pixels = imread(tmp_path / "a.png")[..., :3]
    axes = figure.axes[1]
    wide, high = inches(figure)

    def colour(row: int, column: int) -> np.ndarray:
        x, y = figure.transFigure.inverted().transform(axes.transData.transform((column, row)))
        return pixels[int((1 - y) * high * 100), int(x * wide * 100)]

    kept = np.array(LOOKS["light"].map()(1.0)[:3])
    for row in range(6):
        for column in range(6):
            holds = column >= row if backwards else column <= row
            np.testing.assert_allclose(
                colour(row, column), kept if holds else 1.0, atol=0.02, err_msg=f"{row} {column}"
            )


def test_memory_errors() -> None:
    keep = np.full((4, 2), 0.5)
    lives, shares = {"": half_lives(keep)}, {"": retention(keep)}
    with pytest.raises(ValueError, match=r"retention: expected the labels \[''\]"):
        gates_memory(lives, {"x": shares[""]})
    with pytest.raises(ValueError, match=r"retention: expected non-empty arrays \(t, t\)"):
        gates_memory(lives, {"": np.ones((3, 4))})
    with pytest.raises(ValueError, match=r"half_lives: expected a non-empty array \(u,\) of at least 0"):
        gates_memory({"": np.array([-1.0])}, shares)
    with pytest.raises(ValueError, match="at most 2000 steps, received 2001; choose a window"):
        gates_memory(lives, {"": np.broadcast_to(1.0, (2001, 2001))})
    with pytest.raises(ValueError, match="mask: expected shape"):
        gates_memory(lives, shares, mask=np.ones(3, bool))


def test_health_is_a_strip_of_all_units() -> None:
    arrays = gates_of(50, 12, ("input", "hidden"))
    arrays["input"][:, 0] = 0.5
    arrays["input"][:, 1] = 0.01 + 0.005 * np.arange(50) / 50
    arrays["input"][:, 2] = 0.97 - 0.02 * (np.arange(50) % 2)
    arrays["input"][:, 3] = np.nan
    arrays["hidden"][:, 5] = 0.0
    found = {"hidden": health(arrays["hidden"], gate=False), "input": health(arrays["input"])}
    assert kinds_of(found["input"])[:4].tolist() == [1, 2, 3, 4]
    figure = gates_health(found)
    strips = [axes.images[0].get_array()[0] for axes in figure.axes]
    np.testing.assert_array_equal(strips[0], kinds_of(found["input"]))
    np.testing.assert_array_equal(strips[1], [0] * 5 + [1] + [0] * 6)
    said = [item.get_text() for item, _ in drawn_texts(figure)]
    assert "1 dead, 1 stuck at 0, 1 stuck at 1, 1 not numbers of 12" in said
    assert "1 dead of 12" in said
    colours = [tuple(axes.images[0].get_cmap().colors) for axes in figure.axes]
    assert colours[0] == colours[1]
    assert len(set(colours[0])) == 5
    with pytest.raises(ValueError, match="at least one gate or state"):
        gates_health({})


def test_no_page_shows_100_000_columns() -> None:
    """Means of neighbours, and it is said; so a long sequence neither fills the memory nor hides between pixels."""
    rng = np.random.default_rng(6)
    array = rng.random((100_000, 3)).astype("float32")
    axes = gates_heatmap({"forget": array}).axes[0]
    drawn = axes.images[0].get_array()
    assert drawn.shape == (3, 4000)
    np.testing.assert_allclose(drawn.T, array.reshape(4000, 25, 3).mean(axis=1), rtol=1e-5)
    assert axes.images[0].get_extent()[:2] == [-0.5, 99_999.5]
    assert "each column is the mean of 25 steps" in axes.get_title("left")
