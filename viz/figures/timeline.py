"""Gates and states over time, all units in one line: their mean, and the band that most of them keep to."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from kerasrnn.viz.figures.layout import Size
from kerasrnn.viz.figures.panels import checked_panels, limit_of, panels, put_caption, signed_text
from kerasrnn.viz.figures.style import TEXT_SIZE, styled, true_runs
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.names import is_signed
from kerasrnn.viz.statistics import over_units


@styled
def gates_timeline(
    arrays: Mapping[str, np.ndarray],
    tokens: Sequence[str] | None = None,
    *,
    title: str | None = None,
    mask: np.ndarray | None = None,
    first: int = 0,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure:
    """Draw the mean of every gate and state over its units at each step, and the band from 10 % to 90 % of them.

    Gates run from 0 to 1 in every picture; candidate, cell and hidden state have limits of at least -1 and 1. Steps
    with a NaN leave a gap, and the caption counts them.

    Args:
        arrays: (t, u) each, by name; a name is a gate or state, after an optional prefix and slash.
        tokens: t strings; None numbers the steps from 0.
        title: a line above; lines too long are wrapped.
        mask: (t,) bool, False where the sequence is padding.
        first: the number of the first step, where they are a window of a longer sequence.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what panels and tokens need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs. A single array takes them, several share
            their place.
        figure: an empty figure or subfigure to draw on, in place of a new one; `size` is then its own.

    Returns:
        The figure.

    Raises:
        ValueError: no arrays, arrays that are not of rank 2 or differ in t, a mask that does not fit them; several
            arrays for one `ax`; an unknown theme; a size too small.
    """
    values, kept = checked_panels(arrays, mask)

    def draw(axes: Axes, name: str) -> None:
        _panel(axes, name, values[name], kept)

    options: dict[str, Any] = {"title": title, "first": first, "size": size, "ax": ax, "figure": figure}
    return panels(list(values), len(kept), draw, tokens, **options)


def _panel(axes: Axes, name: str, array: np.ndarray, kept: np.ndarray) -> None:
    steps = len(array)
    mean, low, high = over_units(np.where(np.isfinite(array), array, np.nan), kept)
    style = look().line(1 if name.startswith("backward") else 0)
    places = np.arange(steps)
    dots: dict[str, Any] = {"marker": "o", "markersize": 3.5} if steps <= 60 else {}
    axes.fill_between(places, low, high, color=style["color"], alpha=0.25, linewidth=0)
    axes.plot(places, mean, linewidth=1.6, **style, **dots)
    for start, length in true_runs(~kept):
        axes.axvspan(start - 0.5, start + length - 0.5, **look().hatched, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(-0.5, steps - 0.5)
    limit = limit_of(np.concatenate([mean, low, high]))
    bottom, top = (-limit, limit) if is_signed(name) else (0.0, 1.0)
    axes.set_ylim(bottom - 0.02 * (top - bottom), top + 0.02 * (top - bottom))
    ticks = [bottom, 0, top] if bottom < 0 else [0, 0.5, 1]
    axes.set_yticks(ticks, [signed_text(tick) for tick in ticks])
    axes.grid(axis="y", color=look().grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", labelsize=TEXT_SIZE - 1.5, length=2, labelcolor=look().quiet)
    axes.set_ylabel("mean, 10–90 %", labelpad=2, fontsize=TEXT_SIZE - 1.5)
    put_caption(axes, name, int((~np.isfinite(array[kept])).sum()))
