"""The gates and states of a layer as panels that share their steps: how they are checked, named and placed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from kerasrnn.viz.arrays import checked_mask
from kerasrnn.viz.figures.layout import Page, Size, fitted, inches, root_of, wanted_size
from kerasrnn.viz.figures.style import TEXT_SIZE, Labels, Title
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import fonts_for
from kerasrnn.viz.names import caption_of, is_signed, rank

_WIDEST, _HIGHEST = 11.4, 6.6  # inches, for all panels together
Values = dict[str, np.ndarray]
Draw = Callable[[Axes, str], None]


def checked_panels(arrays: Mapping[str, Any], mask: Any) -> tuple[Values, np.ndarray]:
    """Arrays (t, u) as floats, and the steps (t,) that count.

    Raises:
        ValueError: no arrays, arrays that are not of rank 2 or differ in t, or a mask that does not fit them.
    """
    values = {name: _floats(array) for name, array in arrays.items()}
    if not values:
        raise ValueError("arrays: expected at least one array (t, u), received none")
    shapes = {name: array.shape for name, array in values.items()}
    if any(len(shape) != 2 or 0 in shape for shape in shapes.values()):
        raise ValueError(f"arrays: expected non-empty arrays (t, u), received shapes {shapes}")
    if len({shape[0] for shape in shapes.values()}) > 1:
        raise ValueError(f"arrays: expected the same number of steps in each, received shapes {shapes}")
    steps = next(iter(shapes.values()))[0]
    kept = checked_mask(mask, (steps,), letters="t")
    return values, kept


def _floats(array: Any) -> np.ndarray:
    array = np.asarray(array)
    return array if array.dtype in (np.float32, np.float64) else array.astype(float)


def panels(
    names: Sequence[str],
    steps: int,
    draw: Draw,
    tokens: Sequence[str] | None,
    *,
    title: str | None,
    first: int,
    size: Size | None,
    ax: Axes | None,
    figure: Figure | SubFigure | None,
) -> Figure:
    """A figure with one panel a name, `draw` called for each; a column for each prefix, steps along the bottom.

    Raises:
        ValueError: a size too small.
    """
    place = figure if ax is None else ax
    wanted_wide, wanted_high = wanted_size(size, place)
    if ax is not None and len(names) == 1:
        draw(ax, names[0])
        Labels(tokens, steps, inches(ax)[0] / steps, "bottom", first).put(ax)
        return root_of(ax)
    columns = columns_of(list(names))
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

    page = Page(full_wide, margin_top + down * high + (down - 1) * gap_y + bottom.thickness + 0.42, place)
    for column, group in enumerate(columns):
        for row, name in enumerate(group):
            axes = page.axes(margin_left + column * (wide + gap_x), margin_top + row * (high + gap_y), wide, high)
            draw(axes, name)
            if row == len(group) - 1:
                bottom.put(axes)
            else:
                axes.set_xticks([])
            if column:
                axes.set_ylabel("")
    heading.put(page.figure, 0.22, 0.2)
    return root_of(page.figure)


def columns_of(names: Sequence[str]) -> list[list[str]]:
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


def put_caption(axes: Axes, name: str, bad: int = 0, *, remark: str = "", short: bool = False) -> None:
    """What a panel shows, in the words that fit it, and how many of its values are no numbers."""
    caption = caption_of(name).split(" (")[0] if short else caption_of(name)
    notes = [f"{bad} NaN or infinite"] * bool(bad) + [remark] * bool(remark)
    caption += f"  ({', '.join(notes)})" if notes else ""
    font: dict[str, Any] = {"family": fonts_for([caption]), "size": TEXT_SIZE, "color": look().ink}
    axes.set_title(caption, loc="left", pad=4, parse_math=False, **font)


def limit_of(values: np.ndarray) -> float:
    """The end of a scale for signed values: 1, or more where they need it."""
    return max(1.0, float(np.abs(values[np.isfinite(values)]).max(initial=0.0)))


def signed_text(value: float) -> str:
    """A short number with a real minus."""
    return f"{value:.3g}".replace("-", "−")
