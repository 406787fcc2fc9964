"""Gates and states over time: one panel each, units by steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from kerasrnn.viz.figures.layout import Size, scale_beside
from kerasrnn.viz.figures.panels import checked_panels, limit_of, panels, put_caption, signed_text
from kerasrnn.viz.figures.style import TEXT_SIZE, styled, true_runs
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.names import is_signed

_MOST_COLUMNS = 4000  # more than pixels side by side on any page


@styled
def gates_heatmap(
    arrays: Mapping[str, np.ndarray],
    tokens: Sequence[str] | None = None,
    *,
    title: str | None = None,
    mask: np.ndarray | None = None,
    sort: bool = False,
    first: int = 0,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure:
    """Draw every gate and state of one sequence: units (down) by steps (across), one panel each.

    Gates run from 0 to 1 in every picture. Signed values (candidate, cell, hidden) are red above and blue below zero,
    with limits of at least -1 and 1. Panels whose names share a prefix (`forward/input`, `backward/input`) share a
    column, so that the directions stand side by side; without prefixes, gates stand left and states right. In Keras'
    convention the update gate of a GRU *keeps*: h = z h₋ + (1 - z) h̃.

    Args:
        arrays: (t, u) each, by name; a name is a gate or state, after an optional prefix and slash.
        tokens: t strings; None numbers the steps from 0.
        title: a line above; lines too long are wrapped.
        mask: (t,) bool, False where the sequence is padding.
        sort: order the units of each panel by their mean over the steps kept.
        first: the number of the first step, where they are a window of a longer sequence.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what panels and tokens need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs. A single array takes them, several share
            their place.
        figure: an empty figure or subfigure to draw on, in place of a new one; `size` is then its own.

    Returns:
        The figure.

    Raises:
        ValueError: no arrays, arrays that are not of rank 2 or differ in t, a mask that does not fit them; an
            unknown theme; a size too small.
    """
    values, kept = checked_panels(arrays, mask)

    def draw(axes: Axes, name: str) -> None:
        _panel(axes, name, values[name], kept, sort)

    options: dict[str, Any] = {"title": title, "first": first, "size": size, "ax": ax, "figure": figure}
    return panels(list(values), len(kept), draw, tokens, **options)


def _panel(axes: Axes, name: str, array: np.ndarray, kept: np.ndarray, sort: bool) -> None:
    steps, units = array.shape
    if sort and kept.any():
        array = array[:, np.argsort(-array[kept].mean(axis=0), kind="stable")]
    limit = limit_of(array[kept])
    low, high = (-limit, limit) if is_signed(name) else (0.0, 1.0)
    drawn, each = _pooled(array)
    place: dict[str, Any] = {"extent": (-0.5, each * len(drawn) - 0.5, units - 0.5, -0.5), "aspect": "auto"}
    image = axes.imshow(
        drawn.T, cmap=look().map(is_signed(name)), vmin=low, vmax=high, interpolation="nearest", **place
    )
    for start, length in true_runs(~kept):
        axes.add_patch(Rectangle((start - 0.5, -0.5), length, units, **look().hatched))
    axes.spines[:].set_visible(False)
    axes.set(xlim=(-0.5, steps - 0.5), ylim=(units - 0.5, -0.5))
    axes.set_yticks([0, units - 1] if units > 1 else [0])
    axes.tick_params(axis="y", labelsize=TEXT_SIZE - 1.5, length=2, labelcolor=look().quiet)
    axes.set_ylabel("unit" if not sort else "unit (sorted)", labelpad=1, fontsize=TEXT_SIZE - 1)
    remark = f"each column is the mean of {each} steps" if each > 1 else ""
    put_caption(axes, name, int((~np.isfinite(array[kept])).sum()), remark=remark)
    ticks = [low, 0, high] if low < 0 else [0, 0.5, 1]
    scale_beside(axes, image, ticks, [signed_text(tick) for tick in ticks], size=TEXT_SIZE - 1.5)


def _pooled(array: np.ndarray) -> tuple[np.ndarray, int]:
    """Means of as many neighbouring steps as no page could show apart, and their number."""
    each = -(-len(array) // _MOST_COLUMNS)
    if each == 1:
        return array, 1
    starts = np.arange(0, len(array), each)
    counts = np.diff([*starts, len(array)])[:, None]
    return np.add.reduceat(array, starts, axis=0) / counts, each
