"""The alignment as a picture: what each produced token looked at (Bahdanau, Cho and Bengio 2015, figure 3)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kerasrnn.viz.arrays import checked_mask
from kerasrnn.viz.figures.layout import Page, Size, fitted, inches, root_of, scale_beside, wanted_size
from kerasrnn.viz.figures.style import TEXT_SIZE, Labels, Title, styled, text_size, true_runs
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import BASE_FAMILY
from kerasrnn.viz.measures import row_entropy

_WIDEST, _HIGHEST, _CELL, _SMALLEST_SIDE = 10.0, 6.2, 0.40, 3.2  # inches, for all panels together
_STRIP, _STRIP_GAP = 0.36, 0.08  # inches, of the entropies
_TICKS = np.array([0, 0.25, 0.5, 0.75, 1])  # shares of the limit


@styled
def attention_heatmap(
    alignment: np.ndarray,
    source_tokens: Sequence[str] | None = None,
    tokens: Sequence[str] | None = None,
    *,
    source_mask: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    entropy: bool = True,
    limit: float = 1.0,
    title: str | None = None,
    first: int = 0,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the alignment: source tokens on top, produced tokens at the left, weights from 0 to 1.

    The colour scale is the same in every picture, so that two pictures compare, unless `limit` is less than 1. Masked
    steps are hatched. Beside each row stands its entropy, −Σ α ln α / ln n over the n source steps that count: no bar
    is a look at one place, a full one a look at all places alike.

    Args:
        alignment: weights (t, s), or one panel a head from (n, t, s).
        source_tokens: s strings; None numbers the positions from 0.
        tokens: t strings; None numbers the positions from 0.
        source_mask: (s,) bool, False where the source is padding.
        mask: (t,) bool, False where the produced sequence is padding.
        entropy: whether to draw the entropies; on axes of somebody else there is no place for them.
        limit: the end of the colour scale, for a source so long that no weight comes near 1; weights above it have the
            last colour.
        title: a line above; lines too long are wrapped.
        first: the number of the first produced step, where they are a window of a longer sequence.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the tokens need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs. A single head takes them, several share
            their place.

    Returns:
        The figure.

    Raises:
        ValueError: `alignment` is not of rank 2 or 3, is empty, or a mask does not fit it; a limit that is not above 0
            and at most 1; an unknown theme; a size too small.
    """
    wanted_wide, wanted_high = wanted_size(size, ax)
    weights = np.asarray(alignment, dtype=float)
    if weights.ndim == 2:
        weights = weights[None]
    if weights.ndim != 3 or 0 in weights.shape:
        shape = np.shape(alignment)
        raise ValueError(f"alignment: expected a non-empty array (t, s) or (n, t, s), received one of shape {shape}")
    if not 0 < limit <= 1:
        raise ValueError(f"limit: expected a number above 0, at most 1, received {limit}")
    heads, steps, sources = weights.shape
    rows = checked_mask(mask, (steps,), "mask", "t")
    columns = checked_mask(source_mask, (sources,), "source_mask", "s")

    if ax is not None and heads == 1:
        wide, high = inches(ax)
        top = Labels(source_tokens, sources, wide / sources, "top")
        _panel(ax, weights[0], rows, columns, min(wide / sources, high / steps), limit)
        top.put(ax)
        Labels(tokens, steps, high / steps, "left", first).put(ax)
        Title(title, wide).above(ax, 0.12 + top.thickness)
        scale_beside(ax, ax.images[0], list(limit * _TICKS), _ends(limit), size=TEXT_SIZE - 1)
        return root_of(ax)

    across = min(heads, 4)
    down = -(-heads // across)
    caption = 0.30 if heads > 1 else 0.0
    strip = _STRIP + _STRIP_GAP if entropy else 0.0
    gap_x, gap_y = 0.22 + strip, 0.16 + caption + (0.12 if entropy else 0.0)
    natural_high = _cell(steps, _HIGHEST / down) * steps
    thickness = Labels(tokens, steps, natural_high / steps, "left", first).thickness
    beside, below = 0.54 + thickness + 1.05 + strip, (0.34 if entropy else 0.3) + caption / 2
    wide = fitted(_cell(sources, _WIDEST / across) * sources, wanted_wide, beside, across, gap_x)
    top = Labels(source_tokens, sources, wide / sources, "top")
    plot_wide = across * wide + (across - 1) * gap_x
    heading = Title(title, max(plot_wide + thickness, 5.0 if wanted_wide is None else 0.0))
    margin_top = 0.22 + heading.height + 0.32 + top.thickness
    high = fitted(natural_high, wanted_high, margin_top + below, down, gap_y)
    left = Labels(tokens, steps, high / steps, "left", first)
    margin_left = 0.54 + thickness
    full_wide = margin_left + plot_wide + max(1.05 + strip, top.overhang + 0.1)
    full_wide = wanted_wide or max(full_wide, heading.width + 0.44)

    page = Page(full_wide, margin_top + down * high + (down - 1) * gap_y + below, ax)
    panels = []
    for head in range(heads):
        row, column = divmod(head, across)
        axes = page.axes(margin_left + column * (wide + gap_x), margin_top + row * (high + gap_y), wide, high)
        _panel(axes, weights[head], rows, columns, min(wide / sources, high / steps), limit)
        if row == 0:
            top.put(axes)
        else:
            axes.set_xticks([])
        if column == 0:
            left.put(axes)
        else:
            axes.set_yticks([])
        if heads > 1:
            axes.set_xlabel(f"head {head + 1}", labelpad=5)
        panels.append(axes)
    if entropy:
        for head, panel in enumerate(panels):
            row, column = divmod(head, across)
            x = margin_left + column * (wide + gap_x) + wide + _STRIP_GAP
            axes = page.axes(x, margin_top + row * (high + gap_y), _STRIP, high)
            _entropies(axes, panel, row_entropy(weights[head], columns, rows), rows)
    heading.put(page.figure, 0.22, 0.2)
    text: dict[str, Any] = {"size": TEXT_SIZE, "color": look().quiet, "ha": "left"}
    page.text(margin_left, margin_top - top.thickness - 0.12, "source →", va="bottom", **text)
    page.text(0.22, margin_top, "← produced" if _length("← produced") <= high else "←", va="top", rotation=90, **text)
    _scale(page, panels[0].images[0], margin_left + plot_wide + strip + 0.2, margin_top, min(down * high, 3.2), limit)
    return root_of(page.figure)


def _entropies(axes: Axes, panel: Axes, values: np.ndarray, rows: np.ndarray) -> None:
    steps = len(values)
    half = 0.35 if steps <= 60 else 0.5
    bars = [
        [(0, step - half), (value, step - half), (value, step + half), (0, step + half)]
        for step, value in enumerate(np.nan_to_num(values))
    ]
    axes.add_collection(PolyCollection(bars, facecolors=look().quiet, linewidths=0), autolim=False)
    for start, length in true_runs(~rows):
        axes.add_patch(Rectangle((0, start - 0.5), 1, length, **look().hatched))
    axes.set(xlim=(0, 1), ylim=panel.get_ylim(), yticks=[], xticks=[0, 1])
    axes.set_xticklabels(["0", "1"])
    axes.tick_params(axis="x", labelsize=TEXT_SIZE - 2, length=2, pad=1.5, labelcolor=look().quiet)
    axes.set_xlabel("entropy", size=TEXT_SIZE - 2, labelpad=1)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _cell(count: int, room: float) -> float:
    return min(max(_CELL, _SMALLEST_SIDE / count), 0.7, room / count)


def _panel(axes: Axes, weights: np.ndarray, rows: np.ndarray, columns: np.ndarray, cell: float, limit: float) -> None:
    axes.imshow(weights, cmap=look().map(), vmin=0, vmax=limit, aspect="auto", interpolation="nearest")
    _grid(axes, len(weights), weights.shape[1], cell)
    _hatch(axes, rows, columns)


def _grid(axes: Axes, steps: int, sources: int, cell: float) -> None:
    axes.spines[:].set_visible(False)
    if cell >= 0.14:
        axes.vlines(np.arange(1, sources) - 0.5, -0.5, steps - 0.5, colors="white", linewidths=0.5, alpha=0.35)
        axes.hlines(np.arange(1, steps) - 0.5, -0.5, sources - 0.5, colors="white", linewidths=0.5, alpha=0.35)


def _hatch(axes: Axes, rows: np.ndarray, columns: np.ndarray) -> None:
    steps, sources = len(rows), len(columns)
    boxes = [(-0.5, start - 0.5, sources, length) for start, length in true_runs(~rows)]
    for start, length in true_runs(~columns):
        boxes += [(start - 0.5, top - 0.5, length, high) for top, high in true_runs(rows)]
    for x, y, wide, high in boxes:
        axes.add_patch(Rectangle((x, y), wide, high, **look().hatched))
    axes.set(xlim=(-0.5, sources - 0.5), ylim=(steps - 0.5, -0.5))


def _ends(limit: float) -> list[str]:
    """The labels of the scale; the last one says that weights beyond it are drawn like it."""
    *labels, last = (f"{tick:.3g}" for tick in limit * _TICKS)
    return [*labels, last if limit == 1 else f"≥ {last}"]


def _scale(page: Page, image: Any, x: float, top: float, high: float, limit: float) -> None:
    axes = page.axes(x, top, 0.14, high)
    bar = Colorbar(axes, image, ticks=list(limit * _TICKS))
    bar.set_ticklabels(_ends(limit))
    bar.outline.set_visible(False)
    axes.tick_params(labelsize=TEXT_SIZE - 1, length=2)
    caption = next((text for text in ("attention weight", "weight") if _length(text) <= high), None)
    if caption is not None:
        bar.set_label(caption, size=TEXT_SIZE, color=look().quiet)


def _length(text: str) -> float:
    return text_size(text, [BASE_FAMILY], TEXT_SIZE)[0]
