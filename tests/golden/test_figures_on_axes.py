"""Every public figure function takes arrays, returns a figure, and draws on axes of somebody else's."""

import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from figure_cases import check_layout, drawn_texts, words
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection, PathCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle, StepPatch
from matplotlib.transforms import IdentityTransform

import kerasrnn.viz
from kerasrnn.viz import Context, Series, health, saturation, score_by_length

RNG = np.random.default_rng(7)
GATES = {name: RNG.random((6, 4)) for name in ("input", "forget")}
ALIGNMENT = RNG.dirichlet(np.ones(5), (2, 6))
STEPS = np.arange(4)
FINDINGS = {f"l/kernel/{gate}": RNG.random(2) + 0.1 for gate in ("input", "forget")}
CASES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "attention_flow": ((ALIGNMENT, words(5), words(6)), {}),
    "attention_heatmap": ((ALIGNMENT, words(5), words(6)), {}),
    "beam_tree": (
        (np.array([[0, 1], [1, 2]]), np.array([[0, 0], [0, 0]]), np.array([[-0.1, -2.0], [-0.2, -3.0]]), list("abc")),
        {"results": ["ab", "ac"]},
    ),
    "bptt_curve": (({"forward": RNG.random(6) + 0.1}, words(6)), {}),
    "bptt_rows": (({"": RNG.random((3, 6)) + 0.1},), {}),
    "difference_heatmap": (({name: gate - 0.5 for name, gate in GATES.items()}, words(6)), {}),
    "faithfulness": ((RNG.uniform(-1, 1, 5), RNG.random(5), RNG.random((5, 3))), {}),
    "gates_health": (({name: health(gate) for name, gate in GATES.items()},), {}),
    "gates_heatmap": ((GATES, words(6)), {}),
    "gates_memory": (({"": RNG.random(4) * 9}, {"": np.tril(RNG.random((6, 6)))}, words(6)), {}),
    "gates_saturation": (({name: saturation(gate) for name, gate in GATES.items()},), {}),
    "gates_timeline": ((GATES, words(6)), {}),
    "intervention_bars": ((RNG.uniform(-1, 1, 6), words(6)), {}),
    "jacobian_heatmap": ((RNG.random((6, 5)) + 0.1, words(5), words(6)), {}),
    "length_curve": (({"model": score_by_length(RNG.integers(1, 30, 90), RNG.random(90), width=10)},), {}),
    "match_contexts": (([Context(RNG.random(6), words(6), 1, 3, "query")],), {}),
    "saliency_text": ((RNG.uniform(-1, 1, 6), words(6)), {}),
    "token_text": ((words(6), RNG.uniform(-1, 1, 6)), {}),
    "training_curves": (({name: Series(STEPS, RNG.random(4)) for name in ("loss", "clip_fraction")},), {}),
    "weight_gradients": ((FINDINGS,), {}),
    "weights_heatmap": (({f"kernel/{name}": gate - 0.5 for name, gate in GATES.items()},), {}),
}
ONE_PANEL = ("bptt_curve", "bptt_rows", "intervention_bars", "jacobian_heatmap", "length_curve", "saliency_text")


def coloured(figure: Figure) -> int:
    """How many pixels are neither grey nor white."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    return int((np.ptp(pixels, axis=-1) > 40).sum())


def public() -> dict[str, Callable[..., Figure]]:
    found = [name for name, home in kerasrnn.viz._HOME.items() if home.startswith("figures.")]
    return {name: getattr(kerasrnn.viz, name) for name in found if not inspect.isclass(getattr(kerasrnn.viz, name))}


def test_there_is_a_case_for_each() -> None:
    assert sorted(CASES) == sorted(public())


@pytest.mark.parametrize("name", CASES)
def test_what_all_of_them_take(name: str) -> None:
    draw = public()[name]
    parameters = inspect.signature(draw).parameters
    for option in ("ax", "theme", "size", "title"):
        assert parameters[option].kind is inspect.Parameter.KEYWORD_ONLY, option
    assert typing.get_type_hints(draw)["return"] is Figure


def numbers(place: Any) -> list[np.ndarray]:
    """Everything that is plotted, in the order of drawing."""
    images = [np.asarray(image.get_array()) for image in place.findobj(AxesImage)]
    lines = [np.asarray(line.get_ydata(), float) for line in place.findobj(Line2D) if len(line.get_ydata()) > 2]
    return images + lines


@pytest.mark.parametrize("name", CASES)
def test_on_axes_of_somebody_else(name: str) -> None:
    """It stays within them, plots the same numbers as alone, and leaves the neighbour alone."""
    draw, (arrays, options) = public()[name], CASES[name]
    own = Figure(figsize=(24, 9), dpi=50)
    left, right = own.add_axes((0.08, 0.2, 0.36, 0.6)), own.add_axes((0.6, 0.1, 0.36, 0.8))
    right.set(xticks=[], yticks=[])
    assert draw(*arrays, **options, title="A title", ax=left) is own
    alone = draw(*arrays, **options, title="A title")
    for drawn, expected in zip(numbers(left), numbers(alone), strict=False):
        np.testing.assert_array_equal(drawn, expected)
    check_layout(own)
    assert not right.images
    assert not right.lines
    assert isinstance(left, Axes)
    np.testing.assert_allclose(left.get_position().bounds, (0.08, 0.2, 0.36, 0.6))
    mine = [box for _, box in drawn_texts(own)]
    assert mine
    assert coloured(own) > 0.06 * coloured(alone)
    room = 0 if left.child_axes and not left.axison else 100  # the labels of a single panel stand around its axes
    place = left.get_window_extent()
    for box in mine:
        assert place.x0 - room <= box.x0, box
        assert box.x1 <= place.x1 + room, box


def test_several_panels_share_the_place_of_one() -> None:
    """Two heads on the axes of a subplot: each has axes of its own in there, with its numbers."""
    axes = Figure(figsize=(9, 6)).add_subplot()
    kerasrnn.viz.attention_heatmap(ALIGNMENT, ax=axes)
    assert not axes.axison
    panels = [child for child in axes.child_axes if child.images]
    np.testing.assert_array_equal(panels[0].images[0].get_array(), ALIGNMENT[0])
    np.testing.assert_array_equal(panels[1].images[0].get_array(), ALIGNMENT[1])
    assert panels[0].get_position().x1 < panels[1].get_position().x0
    with pytest.raises(ValueError, match="size: this picture needs at least"):
        kerasrnn.viz.attention_heatmap(ALIGNMENT, ax=Figure(figsize=(1, 1)).add_subplot())


class Inked:
    """A figure as pixels, asked in the coordinates of its axes."""

    def __init__(self, figure: Figure) -> None:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        self.pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)

    def near(self, transform: Any, x: float, y: float, colour: Any, reach: int = 1) -> bool:
        """Whether a pixel of that colour lies within `reach` of the place."""
        column, row = transform.transform((x, y))
        row, column = round(len(self.pixels) - 1 - row), round(column)
        around = self.pixels[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
        return bool((np.abs(around - np.round(255 * np.asarray(to_rgb(colour)))).max(axis=-1) <= 6).any())


def images(inked: Inked, figure: Figure) -> Iterator[bool]:
    """Each cell of an image has the colour of its number; in a corner, where no token stands."""
    for image in figure.findobj(AxesImage):
        array = np.ma.masked_invalid(image.get_array())
        left, right, bottom, top = image.get_extent()
        for i, j in np.ndindex(array.shape):
            x = left + (right - left) * (j + 0.25) / array.shape[1]
            y = top + (bottom - top) * (i + 0.25) / array.shape[0]
            yield inked.near(image.axes.transData, x, y, image.cmap(image.norm(array[i, j]))[:3])


def marks(inked: Inked, figure: Figure) -> Iterator[bool]:
    """Each point of a line, each bar, box and dot is where its number is, in its colour."""
    for line in figure.findobj(Line2D):
        places = line.get_xydata()
        if line.axes is not None and len(places) > 2 and line.get_transform() == line.axes.transData:
            shade = 1 - (line.get_alpha() or 1) * (1 - np.asarray(to_rgb(line.get_color())))
            yield from (inked.near(line.axes.transData, x, y, shade, 3) for x, y in places)
    for box in figure.findobj(FancyBboxPatch):
        x, y = box.get_x() + 0.1 * box.get_width(), box.get_y() + 0.2 * box.get_height()
        yield inked.near(box.axes.transData, x, y, box.get_facecolor()[:3])
    for patch in figure.findobj(Rectangle):
        inside = (
            patch.axes is not None
            and patch is not patch.axes.patch
            and patch.get_transform().contains_branch(patch.axes.transData)
        )
        if inside and patch.get_width() and patch.get_height() and patch.get_fill() and not patch.get_hatch():
            x, y = patch.get_x() + 0.1 * patch.get_width(), patch.get_y() + 0.1 * patch.get_height()
            yield inked.near(patch.axes.transData, x, y, patch.get_facecolor()[:3])
    for steps in figure.findobj(StepPatch):
        values, edges, _ = steps.get_data()
        for value, low, high in zip(values, edges[:-1], edges[1:], strict=True):
            middle = steps.axes.transData.transform([[low, value], [high, value]]).mean(axis=0) - (0, 2)
            if value:
                shade = 1 - steps.get_alpha() * (1 - np.asarray(to_rgb(steps.get_facecolor())))
                yield inked.near(IdentityTransform(), *middle, shade)
    for boxes in figure.findobj(PatchCollection):
        for path, colour in zip(boxes.get_paths(), boxes.get_facecolors(), strict=True):
            x, y = path.vertices.min(axis=0) + 0.1 * np.ptp(path.vertices, axis=0)
            yield inked.near(boxes.axes.transData, x, y, colour[:3])
    for bars in figure.findobj(PolyCollection):
        for path, colour in zip(
            bars.get_paths(), np.resize(bars.get_facecolors(), (len(bars.get_paths()), 4)), strict=True
        ):
            x, y = path.vertices[:-1].mean(axis=0)
            if len(path.vertices) == 5 and np.ptp(path.vertices[:, 0]):
                yield inked.near(bars.axes.transData, x, y, colour[:3])
    for links in figure.findobj(PathCollection):
        offsets = np.asarray(links.get_offsets())
        if len(offsets) > 1:
            yield from (not inked.near(links.axes.transData, x, y, "white", 0) for x, y in offsets)
        else:  # where a link begins and ends
            ends = [(path.vertices[0], -2) for path in links.get_paths()]
            ends += [(path.vertices[-1], 2) for path in links.get_paths()]
            for (x, y), inwards in ends:
                place = links.axes.transData.transform((x, y)) + np.array([0, inwards])
                yield not inked.near(IdentityTransform(), *place, "white", 0)


@pytest.mark.parametrize("name", CASES)
def test_pixels_show_what_is_plotted(name: str) -> None:
    """Whatever a figure's artists hold stands in the picture, where it belongs and in its colour."""
    arrays, options = CASES[name]
    figure = public()[name](*arrays, **options)
    inked = Inked(figure)
    found = [*images(inked, figure), *marks(inked, figure)]
    assert len(found) > 1, "nothing to look at"
    assert np.mean(found) > 0.95, f"{found.count(False)} of {len(found)} are not there"
