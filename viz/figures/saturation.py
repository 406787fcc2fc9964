"""How saturated the units of each gate are (Karpathy, Johnson and Fei-Fei 2015, arXiv:1506.02078)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from kerasrnn.viz.figures.layout import Page, Size, fitted, root_of, wanted_size
from kerasrnn.viz.figures.panels import put_caption
from kerasrnn.viz.figures.style import TEXT_SIZE, Title, styled
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.names import rank

_SIDE, _WIDEST = 2.3, 11.4  # inches, of a panel and of all
Shares = tuple[np.ndarray, np.ndarray]


@styled
def gates_saturation(
    shares: Mapping[str, Shares],
    *,
    title: str | None = None,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure:
    """Draw each unit of each gate as a dot: across, how often it is below 0.1; up, how often above 0.9.

    Dots at the origin are never saturated, so they carry graded signals; at the right end a gate is always shut, at
    the top always open. All dots lie in the triangle below the diagonal.

    Args:
        shares: left and right saturation (u,) by the name of the gate, after an optional prefix and slash, as
            `kerasrnn.viz.statistics.saturation` gives them.
        title: a line above; lines too long are wrapped.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the panels need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs. A single gate takes them, several share
            their place.
        figure: an empty figure or subfigure to draw on, in place of a new one; `size` is then its own.

    Returns:
        The figure.

    Raises:
        ValueError: no gates, shares outside 0 and 1 or whose sum is above 1; an unknown theme; a size too small.
    """
    place = figure if ax is None else ax
    wanted_wide, wanted_high = wanted_size(size, place)
    pairs = {name: _checked(name, pair) for name, pair in shares.items()}
    if not pairs:
        raise ValueError("shares: expected at least one gate, received none")
    if ax is not None and len(pairs) == 1:
        ((name, pair),) = pairs.items()
        _panel(ax, name, pair, left=True, bottom=True)
        return root_of(ax)
    rows: dict[str, list[str]] = {}
    for name in sorted(pairs, key=rank):
        rows.setdefault(name.rpartition("/")[0], []).append(name)
    order = [name.rpartition("/")[0] for name in pairs]
    grid = [rows[prefix] for prefix in dict.fromkeys(order)]
    across, down = max(map(len, grid)), len(grid)
    gap_x, gap_y, margin_left, margin_right = 0.42, 0.5, 0.75, 0.3
    natural = min(_SIDE, (_WIDEST - (across - 1) * gap_x) / across)
    wide = fitted(natural, wanted_wide, margin_left + margin_right, across, gap_x)
    heading = Title(title, max(across * (wide + gap_x), 5.0 if wanted_wide is None else 0.0))
    margin_top, below = 0.2 + heading.height + 0.3, 0.62
    high = fitted(wide if wanted_wide is None else natural, wanted_high, margin_top + below, down, gap_y)
    full_wide = margin_left + across * wide + (across - 1) * gap_x + margin_right
    full_wide = wanted_wide or max(full_wide, heading.width + 0.44)
    page = Page(full_wide, margin_top + down * high + (down - 1) * gap_y + below, place)
    for row, names in enumerate(grid):
        for column, name in enumerate(names):
            corner = (margin_left + column * (wide + gap_x), margin_top + row * (high + gap_y))
            _panel(page.axes(*corner, wide, high), name, pairs[name], left=column == 0, bottom=row == down - 1)
    heading.put(page.figure, 0.22, 0.2)
    return root_of(page.figure)


def _checked(name: str, pair: Any) -> Shares:
    left, right = (np.asarray(share, float) for share in pair)
    fits = left.ndim == 1 and left.shape == right.shape and left.size > 0
    known = np.isfinite(left + right) if fits else left
    if not fits or ((left < 0) | (right < 0) | (left + right > 1 + 1e-9))[known].any():
        raise ValueError(
            f"shares: expected two arrays (u,) of at least 0 and together at most 1 for {name!r}, received shapes "
            f"{left.shape} and {right.shape}"
        )
    return left, right


def _panel(axes: Axes, name: str, pair: Shares, *, left: bool, bottom: bool) -> None:
    style = look()
    axes.plot([0, 1], [1, 0], color=style.edge, linewidth=0.8, zorder=1)
    known = np.isfinite(pair[0]) & np.isfinite(pair[1])
    dots: dict[str, Any] = {"s": 26, "alpha": 0.4, "linewidths": 0.6, "clip_on": False, "zorder": 3}
    colour = style.lines[1 if name.startswith("backward") else 0]
    axes.scatter(pair[0][known], pair[1][known], facecolors=colour, edgecolors=colour, **dots)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"] if left else [])
    axes.tick_params(labelsize=TEXT_SIZE - 1.5, length=2, labelcolor=style.quiet)
    if left:
        axes.set_ylabel("share of steps > 0.9", fontsize=TEXT_SIZE - 1)
    if bottom:
        axes.set_xlabel("share of steps < 0.1", fontsize=TEXT_SIZE - 1)
    put_caption(axes, name, int((~known).sum()), short=True)
