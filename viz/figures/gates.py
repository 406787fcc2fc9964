"""Gates and states over time: one panel each, units by steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from kerasrnn.viz.figures.layout import Page, Size, checked_size, fitted, inches, scale_beside
from kerasrnn.viz.figures.style import TEXT_SIZE, Labels, Title, styled, true_runs
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import fonts_for
from kerasrnn.viz.names import caption_of, is_signed, rank

_WIDEST, _HIGHEST = 11.4, 6.6  # inches, for all panels together


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
        ax: axes to draw a single array on, in place of a new figure; `size` is then theirs.
        figure: an empty figure or subfigure to draw on, in place of a new one; `size` is then its own.

    Returns:
        The figure.

    Raises:
        ValueError: no arrays, arrays that are not of rank 2 or differ in t, a mask that does not fit them; several
            arrays for one `ax`; an unknown theme; a size too small.
    """
    wanted_wide, wanted_high = (inches(figure) if figure is not None else checked_size(size)) or (None, None)
    values = {name: np.asarray(array, dtype=float) for name, array in arrays.items()}
    steps = _steps(values)
    kept = np.ones(steps, bool) if mask is None else np.asarray(mask, bool)
    if kept.shape != (steps,):
        raise ValueError(f"mask: expected shape (t,) = ({steps},), received {kept.shape}")
    if ax is not None:
        if len(values) > 1:
            raise ValueError(f"ax: expected one array to draw on one axes, received {', '.join(values)}")
        ((name, array),) = values.items()
        _panel(ax, name, array, kept, sort)
        Labels(tokens, steps, inches(ax)[0] / steps, "bottom", first).put(ax)
        return ax.get_figure(root=True)
    columns = _columns(list(values))
    across, down = len(columns), max(map(len, columns))

    gap_x, gap_y, margin_left, margin_right = 1.12, 0.36, 0.80, 0.85
    natural = min(max((_WIDEST - (across - 1) * gap_x) / across, 2.2), max(0.42 * steps, 3.4))
    wide = fitted(natural, wanted_wide, margin_left + margin_right, across, gap_x)
    bottom = Labels(tokens, steps, wide / steps, "bottom", first)
    plot_wide = across * wide + (across - 1) * gap_x
    heading = Title(title, max(plot_wide, 5.0 if wanted_wide is None else 0.0))
    margin_top = 0.2 + heading.height + 0.3
    natural = min(max(_HIGHEST / down - 0.1, 0.85), 2.6)
    high = fitted(natural, wanted_high, margin_top + bottom.thickness + 0.42, down, gap_y)
    full_wide = wanted_wide or max(margin_left + plot_wide + margin_right, heading.width + 0.44)

    page = Page(full_wide, margin_top + down * high + (down - 1) * gap_y + bottom.thickness + 0.42, figure)
    for column, names in enumerate(columns):
        for row, name in enumerate(names):
            axes = page.axes(margin_left + column * (wide + gap_x), margin_top + row * (high + gap_y), wide, high)
            _panel(axes, name, values[name], kept, sort)
            if row == len(names) - 1:
                bottom.put(axes)
            else:
                axes.set_xticks([])
            if column:
                axes.set_ylabel("")
    heading.put(page.figure, 0.22, 0.2)
    return page.figure.get_figure(root=True)


def _steps(values: Mapping[str, np.ndarray]) -> int:
    if not values:
        raise ValueError("arrays: expected at least one array (t, u), received none")
    shapes = {name: array.shape for name, array in values.items()}
    if any(len(shape) != 2 or 0 in shape for shape in shapes.values()):
        raise ValueError(f"arrays: expected non-empty arrays (t, u), received shapes {shapes}")
    if len({shape[0] for shape in shapes.values()}) > 1:
        raise ValueError(f"arrays: expected the same number of steps in each, received shapes {shapes}")
    return next(iter(shapes.values()))[0]


def _columns(names: list[str]) -> list[list[str]]:
    """Names by column: one column a prefix; without prefixes, gates and then signed values."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.rpartition("/")[0], []).append(name)
    ordered = [sorted(group, key=rank) for group in groups.values()]
    if len(ordered) > 1:
        return ordered
    gates = [name for name in ordered[0] if not is_signed(name)]
    states = [name for name in ordered[0] if is_signed(name)]
    return [part for part in (gates, states) if part] if gates else [[name] for name in states]


def _panel(axes: Axes, name: str, array: np.ndarray, kept: np.ndarray, sort: bool) -> None:
    steps, units = array.shape
    if sort and kept.any():
        array = array[:, np.argsort(-array[kept].mean(axis=0), kind="stable")]
    finite = array[kept][np.isfinite(array[kept])]
    limit = max(1.0, float(np.abs(finite).max(initial=0.0)))
    low, high = (-limit, limit) if is_signed(name) else (0.0, 1.0)
    image = axes.imshow(
        array.T, cmap=look().map(is_signed(name)), vmin=low, vmax=high, aspect="auto", interpolation="nearest"
    )
    for start, length in true_runs(~kept):
        axes.add_patch(Rectangle((start - 0.5, -0.5), length, units, **look().hatched))
    axes.spines[:].set_visible(False)
    axes.set(xlim=(-0.5, steps - 0.5), ylim=(units - 0.5, -0.5))
    axes.set_yticks([0, units - 1] if units > 1 else [0])
    axes.tick_params(axis="y", labelsize=TEXT_SIZE - 1.5, length=2, labelcolor=look().quiet)
    axes.set_ylabel("unit" if not sort else "unit (sorted)", labelpad=1, fontsize=TEXT_SIZE - 1)
    caption = caption_of(name)
    font: dict[str, Any] = {"family": fonts_for([caption]), "size": TEXT_SIZE, "color": look().ink}
    axes.set_title(caption, loc="left", pad=4, parse_math=False, **font)
    ticks = [low, 0, high] if low < 0 else [0, 0.5, 1]
    labels = [f"{tick:.3g}".replace("-", "−") for tick in ticks]
    scale_beside(axes, image, ticks, labels, size=TEXT_SIZE - 1.5)
