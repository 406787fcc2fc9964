"""The alignment as a picture: what each produced token looked at (Bahdanau, Cho and Bengio 2015, figure 3)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kerasrnn.viz.figures.style import HATCHED, QUIET, TEXT_SIZE, WEIGHTS, Labels, Title, styled, true_runs

_WIDEST, _HIGHEST, _CELL, _SMALLEST_SIDE = 10.0, 6.2, 0.40, 3.2  # inches, for all panels together


@styled
def attention_heatmap(
    alignment: np.ndarray,
    source_tokens: Sequence[str] | None = None,
    tokens: Sequence[str] | None = None,
    *,
    source_mask: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the alignment: source tokens on top, produced tokens at the left, weights from 0 to 1.

    The colour scale is the same in every picture, so that two pictures compare. Masked steps are hatched.

    Args:
        alignment: weights (t, s), or one panel a head from (n, t, s).
        source_tokens: s strings; None numbers the positions from 0.
        tokens: t strings; None numbers the positions from 0.
        source_mask: (s,) bool, False where the source is padding.
        mask: (t,) bool, False where the produced sequence is padding.
        title: a line above; lines too long are wrapped.

    Returns:
        The figure.

    Raises:
        ValueError: `alignment` is not of rank 2 or 3, is empty, or a mask does not fit it.
    """
    weights = np.asarray(alignment, dtype=float)
    if weights.ndim == 2:
        weights = weights[None]
    if weights.ndim != 3 or 0 in weights.shape:
        shape = np.shape(alignment)
        raise ValueError(f"alignment: expected a non-empty array (t, s) or (n, t, s), received one of shape {shape}")
    heads, steps, sources = weights.shape
    rows = _checked(mask, steps, "mask", "t")
    columns = _checked(source_mask, sources, "source_mask", "s")

    across = min(heads, 4)
    down = -(-heads // across)
    cell_wide = _cell(sources, _WIDEST / across)
    cell_high = _cell(steps, _HIGHEST / down)
    top = Labels(source_tokens, sources, cell_wide, "top")
    left = Labels(tokens, steps, cell_high, "left")

    wide, high = cell_wide * sources, cell_high * steps
    caption = 0.30 if heads > 1 else 0.0
    gap_x, gap_y = 0.22, 0.16 + caption
    margin_left, margin_right = 0.54 + left.thickness, 1.05
    plot_wide = across * wide + (across - 1) * gap_x
    heading = Title(title, max(plot_wide + left.thickness, 5.0))
    margin_top = 0.22 + heading.height + 0.32 + top.thickness
    full_wide = margin_left + plot_wide + max(margin_right, top.overhang + 0.1)
    full_wide = max(full_wide, heading.width + 0.44)
    full_high = margin_top + down * high + (down - 1) * gap_y + 0.3 + caption / 2

    figure = Figure(figsize=(full_wide, full_high), facecolor="white")
    panels = []
    for head in range(heads):
        row, column = divmod(head, across)
        x = margin_left + column * (wide + gap_x)
        y = full_high - margin_top - high - row * (high + gap_y)
        axes = figure.add_axes((x / full_wide, y / full_high, wide / full_wide, high / full_high))
        axes.imshow(weights[head], cmap=WEIGHTS, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        _grid(axes, steps, sources, min(cell_wide, cell_high))
        _hatch(axes, rows, columns)
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
    heading.put(figure, 0.22, 0.2)
    _captions(figure, margin_left, margin_top - top.thickness, margin_top)
    _scale(figure, panels[0].images[0], margin_left + plot_wide + 0.2, full_high - margin_top - min(down * high, 3.2))
    return figure


def _cell(count: int, room: float) -> float:
    return min(max(_CELL, _SMALLEST_SIDE / count), 0.7, room / count)


def _checked(mask: np.ndarray | None, count: int, name: str, letter: str) -> np.ndarray:
    if mask is None:
        return np.ones(count, bool)
    mask = np.asarray(mask, bool)
    if mask.shape != (count,):
        raise ValueError(f"{name}: expected shape ({letter},) = ({count},), received {mask.shape}")
    return mask


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
        axes.add_patch(Rectangle((x, y), wide, high, **HATCHED))
    axes.set(xlim=(-0.5, sources - 0.5), ylim=(steps - 0.5, -0.5))


def _captions(figure: Figure, left: float, top: float, plot_top: float) -> None:
    wide, full = figure.get_size_inches()
    text: dict[str, Any] = {"size": TEXT_SIZE, "color": QUIET}
    figure.text(left / wide, 1 - (top - 0.12) / full, "source →", ha="left", va="bottom", **text)
    y = 1 - plot_top / full
    figure.text(0.22 / wide, y, "← produced", ha="left", va="top", rotation=90, **text)


def _scale(figure: Figure, image: Any, x: float, y: float) -> None:
    wide, high = figure.get_size_inches()
    top = max(axes.get_position().y1 for axes in figure.axes)
    axes = figure.add_axes((x / wide, y / high, 0.14 / wide, top - y / high))
    bar = Colorbar(axes, image, ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.set_ticklabels(["0", "0.25", "0.5", "0.75", "1"])
    bar.outline.set_visible(False)
    axes.tick_params(labelsize=TEXT_SIZE - 1, length=2)
    bar.set_label("attention weight", size=TEXT_SIZE, color=QUIET)
