"""`attention_heatmap`: the arrays it plots, its labels and layout, then its bytes."""

import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

sys.path.insert(0, str(Path(__file__).parent))
from figure_cases import SCRIPTS, characters, check_layout, ticks, words

from kerasrnn.viz import attention_heatmap, write_figure
from kerasrnn.viz.tokens import label


def rows(rng: np.random.Generator, *shape: int) -> np.ndarray:
    weights = rng.random(shape) ** 8
    return weights / weights.sum(axis=-1, keepdims=True)


def bars(strip: Any) -> list[float]:
    """The lengths of the bars of entropy."""
    return [path.vertices[:, 0].max() for path in strip.collections[0].get_paths()]


def test_the_picture_is_the_array(rng: np.random.Generator) -> None:
    weights = rows(rng, 4, 6)
    figure = attention_heatmap(weights, list("abcdef"), list("wxyz"), title="a → b")
    (axes, strip, bar) = figure.axes
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), weights)
    assert image.get_clim() == (0, 1)
    assert image.get_cmap().name == "viridis"
    assert image.get_interpolation() == "nearest"
    assert axes.get_xlim() == (-0.5, 5.5)
    assert axes.get_ylim() == (3.5, -0.5)  # the first produced token on top
    assert ticks(axes.xaxis) == list("abcdef")
    assert ticks(axes.yaxis) == list("wxyz")
    assert axes.xaxis.get_tick_params()["labeltop"]
    assert not axes.xaxis.get_tick_params()["labelbottom"]
    assert ticks(bar.yaxis) == ["0", "0.25", "0.5", "0.75", "1"]
    assert {text.get_text() for text in figure.texts} == {"a → b", "source →", "← produced"}
    assert strip.get_ylim() == axes.get_ylim()
    assert strip.get_xlim() == (0, 1)
    np.testing.assert_allclose(bars(strip), -(weights * np.log(weights)).sum(axis=1) / np.log(6))
    middles = [path.vertices[:4, 1].mean() for path in strip.collections[0].get_paths()]
    assert middles == pytest.approx([0, 1, 2, 3])
    assert len(attention_heatmap(weights, entropy=False).axes) == 2


def test_the_scale_is_the_same_whatever_the_weights() -> None:
    faint = attention_heatmap(np.full((2, 2), 0.01))
    strong = attention_heatmap(np.eye(2))
    assert faint.axes[0].images[0].get_clim() == strong.axes[0].images[0].get_clim()
    assert to_hex(faint.axes[0].images[0].cmap(faint.axes[0].images[0].norm(1.0))) == "#fde725"


def test_one_panel_a_head(rng: np.random.Generator) -> None:
    weights = rows(rng, 6, 3, 5)
    figure = attention_heatmap(weights, list("abcde"), list("xyz"))
    panels = figure.axes[:6]
    for head, axes in enumerate(panels):
        np.testing.assert_array_equal(axes.images[0].get_array(), weights[head])
        assert axes.get_xlabel() == f"head {head + 1}"
    assert [ticks(axes.yaxis) for axes in panels] == [list("xyz"), [], [], [], list("xyz"), []]
    assert [bool(ticks(axes.xaxis)) for axes in panels] == [True] * 4 + [False] * 2
    for head, strip in enumerate(figure.axes[6:12]):
        expected = -(weights[head] * np.log(weights[head])).sum(axis=1) / np.log(5)
        np.testing.assert_allclose(bars(strip), expected)
    check_layout(figure)


def test_masked_steps_are_hatched(rng: np.random.Generator) -> None:
    mask, source = np.array([1, 1, 0], bool), np.array([1, 0, 1, 1, 0], bool)
    figure = attention_heatmap(rows(rng, 3, 5), source_mask=source, mask=mask)
    boxes = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert all(box.get_hatch() for box in boxes)
    covered = np.zeros((3, 5), int)
    for box in boxes:
        x, y = round(box.get_x() + 0.5), round(box.get_y() + 0.5)
        covered[y : y + round(box.get_height()), x : x + round(box.get_width())] += 1
    np.testing.assert_array_equal(covered, ~(mask[:, None] & source[None]))
    (hatched,) = [patch for patch in figure.axes[1].patches if patch.get_hatch()]
    assert (hatched.get_y(), hatched.get_height()) == (1.5, 1)
    assert bars(figure.axes[1])[2] == 0  # a row that does not count has no entropy
    assert not [patch for patch in attention_heatmap(rows(rng, 3, 5)).axes[0].patches if patch.get_hatch()]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_and_odd_tokens(rng: np.random.Generator, script: str, tmp_path: Path) -> None:
    tokens = SCRIPTS[script]
    title = "".join(tokens) + " → 1998-05-03"
    figure = attention_heatmap(rows(rng, len(tokens), len(tokens)), tokens, tokens, title=title)
    assert ticks(figure.axes[0].xaxis) == ticks(figure.axes[0].yaxis) == [label(token) for token in tokens]
    check_layout(figure)
    for kind in ("png", "svg", "pdf"):
        write_figure(figure, tmp_path / f"a.{kind}")  # warnings are errors: no glyph is missing


@pytest.mark.parametrize("count", [1, 5, 17, 40, 200, 500])
@pytest.mark.parametrize("make", [words, characters, lambda count: None], ids=["words", "characters", "numbers"])
def test_labels_never_overlap(rng: np.random.Generator, count: int, make: Any) -> None:
    for steps, sources in ((count, count), (10, count)):
        figure = attention_heatmap(rows(rng, steps, sources), make(sources), make(steps), title="a title " * 12)
        check_layout(figure)
        wide, high = figure.get_size_inches()
        assert wide < 16
        assert high < 13


@pytest.mark.parametrize("heads", [2, 3, 4, 5, 8, 16])
def test_layout_of_heads(rng: np.random.Generator, heads: int) -> None:
    check_layout(attention_heatmap(rows(rng, heads, 12, 14), characters(14), words(12), title="heads"))


def test_missing_tokens_and_missing_labels(rng: np.random.Generator) -> None:
    figure = attention_heatmap(rows(rng, 3, 4), ["a"], None)
    assert ticks(figure.axes[0].xaxis) == ["a", "", "", ""]
    assert ticks(figure.axes[0].yaxis) == ["0", "1", "2"]


def test_the_end_of_the_scale() -> None:
    weights = np.full((2, 50), 0.02)
    for axes in (None, Figure().subplots()):
        figure = attention_heatmap(weights, limit=0.04, ax=axes)
        (image,) = [image for each in figure.axes for image in each.images]
        assert image.get_clim() == (0, 0.04)
        assert {"0.01", "0.02", "0.03", "≥ 0.04"} <= {text.get_text() for text in figure.findobj(Text)}
    for limit in (0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="limit: expected a number above 0, at most 1, received"):
            attention_heatmap(weights, limit=limit)


@pytest.mark.parametrize("shape", [(3,), (0, 4), (2, 0), (1, 2, 3, 4)])
def test_shapes_that_are_no_alignment(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"alignment: expected a non-empty array \(t, s\) or \(n, t, s\), received"):
        attention_heatmap(np.ones(shape))


def test_masks_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"source_mask: expected shape \(s,\) = \(3,\), received \(2,\)"):
        attention_heatmap(np.ones((2, 3)), source_mask=np.ones(2, bool))
    with pytest.raises(ValueError, match=r"mask: expected shape \(t,\) = \(2,\), received \(3,\)"):
        attention_heatmap(np.ones((2, 3)), mask=np.ones(3, bool))


def test_the_callers_settings_do_not_show_and_stay(rng: np.random.Generator, tmp_path: Path) -> None:
    weights = rows(rng, 4, 6)
    write_figure(attention_heatmap(weights, characters(6), words(4)), tmp_path / "plain.png")
    theirs = {"font.size": 30, "axes.labelpad": 40, "ytick.major.pad": 30, "image.origin": "lower"}
    with matplotlib.rc_context(theirs):
        write_figure(attention_heatmap(weights, characters(6), words(4)), tmp_path / "styled.png")
        assert {name: matplotlib.rcParams[name] for name in theirs} == theirs
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "styled.png").read_bytes()


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_bytes_are_the_same_every_time(tmp_path: Path, kind: str) -> None:
    def draw() -> Figure:
        weights = np.random.default_rng(5).dirichlet(np.ones(9), 5)
        return attention_heatmap(
            weights, list("1998年5月3日"), list("मई1٣м"), title="年 → म", mask=np.array([1, 1, 1, 1, 0])
        )

    write_figure(draw(), tmp_path / f"one.{kind}")
    attention_heatmap(np.eye(3), list("abc"))  # another figure in between
    write_figure(draw(), tmp_path / f"two.{kind}")
    assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_pixels_show_the_colours(tmp_path: Path) -> None:
    import matplotlib.image

    figure = attention_heatmap(np.array([[0.0, 1.0], [1.0, 0.0]]))
    write_figure(figure, tmp_path / "a.png", dpi=100)
    pixels = matplotlib.image.imread(tmp_path / "a.png")
    place = figure.axes[0].get_position()
    high, wide = pixels.shape[:2]
    for y, x, colour in ((0.25, 0.25, "#440154"), (0.25, 0.75, "#fde725"), (0.75, 0.25, "#fde725")):
        row, column = (1 - place.y1 + place.height * y) * high, (place.x0 + place.width * x) * wide
        np.testing.assert_allclose(pixels[round(row), round(column), :3], to_rgb(colour), atol=2 / 255)
