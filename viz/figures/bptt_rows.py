"""How far back the loss reaches in a batch: median and quartiles of the gradient norms over its rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasrnn.viz.figures.bptt import norm_scale
from kerasrnn.viz.figures.layout import Page, Size, checked_size, fitted, inches
from kerasrnn.viz.figures.style import TEXT_SIZE, Labels, Title, styled
from kerasrnn.viz.figures.themes import look

_WIDE, _HIGH, _ROW = 8.0, 3.8, 0.24  # inches
_SHARE = 0.01


def by_lag(norms: np.ndarray, mask: np.ndarray, backwards: bool = False) -> np.ndarray:
    """(b, n): norms by how many steps they lie back from the last that the loss depends on; NaN beyond the first step.

    A row of norms that are NaN stays one.

    Args:
        norms: (b, t), at least 0.
        mask: (b, t) bool; steps that do not count take no place.
        backwards: whether the layer works from the last step to the first.
    """
    rows = []
    for norm, kept in zip(norms, mask, strict=True):
        worked = norm[kept][::-1] if backwards else norm[kept]
        last = np.flatnonzero((worked > 0) | np.isnan(worked))
        rows.append(worked[: last[-1] + 1][::-1] if len(last) else worked[:0])
    longest = max(map(len, rows), default=0)
    return np.array([np.pad(row, (0, longest - len(row)), constant_values=np.nan) for row in rows])


def median_horizon(lagged: np.ndarray) -> int | None:
    """The largest lag at which the median norm over the rows is 1 % of its largest; None without any."""
    median = _quantiles(lagged)[1]
    if not np.isfinite(median).any():
        return None
    return int(np.flatnonzero(median >= _SHARE * np.nanmax(median))[-1])


@styled
def bptt_rows(
    norms: Mapping[str, np.ndarray],
    *,
    title: str | None = None,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the gradient norm against the steps back from the loss, over the rows of a batch, on a log scale.

    The line is the median, the band holds the middle half of the rows (the first to the third quartile). Rows that
    are shorter count where they have steps.

    Args:
        norms: (b, n) each, as `by_lag` gives them, by label, usually `forward` and `backward`; a label may be empty.
        title: a line above; lines too long are wrapped.
        theme: `light`, `dark` or `print`.
        size: inches, width and height.
        ax: axes to draw on, in place of a new figure; `size` is then theirs.

    Returns:
        The figure.

    Raises:
        ValueError: no norms, or arrays that are not (b, n); an unknown theme; a size too small.
    """
    wanted = checked_size(size)
    values = {name: np.asarray(array, dtype=float) for name, array in norms.items()}
    if not values or any(array.ndim != 2 or not len(array) for array in values.values()):
        shapes = {name: array.shape for name, array in values.items()}
        raise ValueError(f"norms: expected non-empty arrays (b, n), received shapes {shapes}")
    longest = max(1, *(array.shape[1] for array in values.values()))
    header = _ROW * len(values) + 0.1
    if ax is None:
        wide = fitted(_WIDE, wanted and wanted[0], 0.95 + 0.4)
        heading = Title(title, wide)
        top = 0.2 + heading.height + header
        high = fitted(_HIGH, wanted and wanted[1], top + 0.75)
        page = Page(max(0.95 + wide + 0.4, heading.width + 0.44), top + high + 0.75)
        axes = page.axes(0.95, top, wide, high)
        heading.put(page.figure, 0.22, 0.2)
    else:
        axes, (wide, high) = ax, inches(ax)
        Title(title, wide).above(axes, header)
    directions = look().directions
    seen = [np.zeros(0)]
    for number, (name, array) in enumerate(values.items()):
        low, middle, top_quartile = _quantiles(array)
        places = np.arange(array.shape[1])
        style = look().line(number) | {"color": directions.get(name, look().line(number)["color"])}
        dots: dict[str, Any] = {"marker": "o", "markersize": 3} if longest <= 60 else {}
        floor = np.where(low > 0, low, np.where(middle > 0, middle, np.nan))
        axes.fill_between(places, floor, top_quartile, color=style["color"], alpha=0.22, lw=0)
        axes.plot(places, np.where(middle > 0, middle, np.nan), linewidth=1.8, label=name, **style, **dots)
        seen += [part[part > 0] for part in (low, middle, top_quartile)]
        found = median_horizon(array)
        said = f"{name}: " if name else ""
        rows = int(np.isfinite(array).any(axis=1).sum())
        said += f"median and quartiles of {rows} row{'s'[: rows != 1]}"
        lost = len(array) - rows
        said += f", {lost} without a gradient that is a number" if lost else ""
        said += "" if found is None else f", horizon {found} step{'s'[: found != 1]}"
        y = 1 + (_ROW * (len(values) - 1 - number) + 0.08) / high
        axes.text(0, y, said, transform=axes.transAxes, size=TEXT_SIZE, color=style["color"], parse_math=False)
        if found is not None:
            axes.axhline(_SHARE * np.nanmax(middle), color=style["color"], linewidth=0.8, linestyle=(0, (1, 2)))
            seen.append(np.array([_SHARE * np.nanmax(middle)]))
            axes.axvline(found, color=style["color"], linewidth=0.8, linestyle=(0, (4, 2)))
    norm_scale(axes, np.concatenate(seen), broken=any(array.size for array in values.values()))
    axes.set_xlim(longest - 0.5, -0.5)  # time runs to the right
    Labels(None, longest, wide / longest, "bottom").put(axes)
    axes.set_xlabel("steps back from the last that the loss depends on", size=TEXT_SIZE, labelpad=5)
    root: Any = axes.get_figure(root=True)
    return root


def _quantiles(array: np.ndarray) -> np.ndarray:
    """(3, n): quartiles over the rows that have a number."""
    found = np.full((3, array.shape[1]), np.nan)
    for lag in range(array.shape[1]):
        column = array[:, lag][np.isfinite(array[:, lag])]
        if len(column):
            found[:, lag] = np.quantile(column, [0.25, 0.5, 0.75])
    return found
