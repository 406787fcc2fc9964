"""The weights of a recurrent layer: kernels and recurrent kernels by gate, and their singular values."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasrnn.viz.figures.layout import Page, Size, fitted, inches, root_of, scale_beside, wanted_size
from kerasrnn.viz.figures.style import TEXT_SIZE, Title, styled
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import fonts_for
from kerasrnn.viz.names import rank

_SIDE, _GAP_X, _GAP_Y = 2.0, 0.62, 0.62  # inches
_LEFT, _RIGHT, _BELOW = 0.75, 0.85, 0.5
_SHARE = 0.995  # of the entries lie within the scale


@styled
def weights_heatmap(
    weights: Mapping[str, np.ndarray],
    *,
    singular: Mapping[str, np.ndarray] | None = None,
    radius: Mapping[str, float | None] | None = None,
    title: str | None = None,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the matrices of a recurrent layer, one column a gate, and below them their singular values.

    Kernels (from the input down to the units across) and recurrent kernels (from units to units) each have one scale,
    symmetric about 0, that ends where all but the largest half percent of the entries lie. Under a recurrent kernel
    stands its spectral radius: a linear recurrence with a radius above 1 grows, below 1 it forgets.

    Args:
        weights: matrices (d, u), or vectors (u,), by `WEIGHT/GATE`, `WEIGHT`, or with a prefix `forward/WEIGHT/GATE`.
            Names that hold `kernel` are drawn, others are left out.
        singular: singular values by the same names.
        radius: spectral radii by the same names.
        title: a line above; lines too long are wrapped.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the matrices need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs. A single matrix without singular values
            takes them, several panels share their place.

    Returns:
        The figure.

    Raises:
        ValueError: no kernels, or one that is not (d, u) or (u,); an unknown theme; a size too small.
    """
    wanted = wanted_size(size, ax)
    matrices = {name: np.atleast_2d(np.asarray(array, float)) for name, array in weights.items() if "kernel" in name}
    if not matrices or any(array.ndim != 2 or not array.size for array in matrices.values()):
        shapes = {name: np.shape(array) for name, array in weights.items()}
        raise ValueError(f"weights: expected kernels (d, u) by name, received shapes {shapes}")
    singular, radius = singular or {}, radius or {}
    if ax is not None and len(matrices) == 1 and not singular:
        ((name, matrix),) = matrices.items()
        _panel(ax, name, matrix, _limit([matrix]), radius.get(name))
        Title(title, inches(ax)[0]).above(ax, 0.3)
        return root_of(ax)
    rows = _rows(matrices)
    curves = [row for row in rows if any(name in singular for name in row)]
    across, down = max(map(len, rows)), len(rows) + len(curves)
    wide = fitted(_SIDE, wanted[0], _LEFT + _RIGHT, across, _GAP_X)
    plot_wide = across * wide + (across - 1) * _GAP_X
    heading = Title(title, max(plot_wide, 4.0))
    top = 0.2 + heading.height + 0.35
    high = fitted(min(_SIDE, max(1.0, 11.0 / down)), wanted[1], top + _BELOW, down, _GAP_Y)
    full = (wanted[0]) or max(_LEFT + plot_wide + _RIGHT, heading.width + 0.44)
    page = Page(full, top + down * high + (down - 1) * _GAP_Y + _BELOW, ax)
    line = 0
    for row in rows:
        limit = _limit([matrices[name] for name in row])
        for column, name in enumerate(row):
            axes = page.axes(_LEFT + column * (wide + _GAP_X), top + line * (high + _GAP_Y), wide, high)
            image = _panel(axes, name, matrices[name], limit, radius.get(name))
            if column:
                axes.set_ylabel("")
            if column == len(row) - 1:
                ticks = [-limit, 0.0, limit]
                labels = [f"{tick:.2g}".replace("-", "−") for tick in ticks]
                scale_beside(axes, image, ticks, labels, size=TEXT_SIZE - 1.5)
        line += 1
        if row in curves:
            known = [np.asarray(singular[name], float) for name in row if name in singular]
            most = max((float(values[np.isfinite(values)].max(initial=0.0)) for values in known), default=0.0)
            for column, name in enumerate(row):
                if name in singular:
                    place = (_LEFT + column * (wide + _GAP_X), top + line * (high + _GAP_Y), wide, high)
                    _curve(page.axes(*place), np.asarray(singular[name], float), most or 1.0, column == 0)
            line += 1
    heading.put(page.figure, 0.22, 0.2)
    return root_of(page.figure)


def _rows(matrices: Mapping[str, np.ndarray]) -> list[list[str]]:
    """Names by weight, those of the input first; in a row by gate."""
    groups: dict[str, list[str]] = {}
    for name in matrices:
        parts = name.split("/")
        place = next(number for number, part in enumerate(parts) if "kernel" in part)
        groups.setdefault("/".join(parts[: place + 1]), []).append(name)
    return [sorted(group, key=rank) for group in groups.values()]


def _limit(matrices: list[np.ndarray]) -> float:
    sizes = np.concatenate([np.abs(matrix[np.isfinite(matrix)]) for matrix in matrices])
    return (float(np.quantile(sizes, _SHARE)) or float(sizes.max())) if sizes.any() else 1.0


def _panel(axes: Axes, name: str, matrix: np.ndarray, limit: float, radius: float | None) -> Any:
    style: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest"}
    image = axes.imshow(matrix, cmap=look().map(signed=True), vmin=-limit, vmax=limit, **style)
    inputs, units = matrix.shape
    axes.spines[:].set_visible(False)
    axes.set_xticks([0, units - 1] if units > 1 else [0])
    axes.set_yticks([0, inputs - 1] if inputs > 1 else [0])
    axes.tick_params(labelsize=TEXT_SIZE - 1.5, length=2, labelcolor=look().quiet)
    axes.set_ylabel("from unit" if "recurrent" in name else "from input", labelpad=0, fontsize=TEXT_SIZE - 1)
    caption = name.replace("recurrent_kernel", "recurrent").replace("_", " ").replace("/", ": ")
    font: dict[str, Any] = {"family": fonts_for([caption]), "size": TEXT_SIZE - 0.5, "color": look().ink}
    axes.set_title(caption, loc="left", pad=4, parse_math=False, **font)
    below = "to unit" if radius is None else f"to unit     spectral radius {radius:.3g}"
    axes.set_xlabel(below, labelpad=1, fontsize=TEXT_SIZE - 1)
    return image


def _curve(axes: Axes, values: np.ndarray, most: float, labelled: bool) -> None:
    style: dict[str, Any] = {"marker": "o", "markersize": 2.5} if len(values) <= 60 else {}
    axes.plot(np.arange(1, len(values) + 1), values, linewidth=1.4, **look().line(0), **style)
    axes.axhline(1.0, color=look().edge, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
    axes.set(xlim=(0.5, max(len(values), 2) + 0.5), ylim=(0, 1.08 * max(most, 1.0)))
    axes.set_xticks([1, len(values)] if len(values) > 1 else [1])
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=TEXT_SIZE - 1.5, length=2)
    axes.set_xlabel("singular values, by size", labelpad=1, fontsize=TEXT_SIZE - 1)
    if labelled:
        axes.set_ylabel("singular value", labelpad=2, fontsize=TEXT_SIZE - 1)
    if not np.isfinite(values).any():
        axes.text(0.5, 0.5, "not finite", transform=axes.transAxes, ha="center", color=look().quiet)
