"""Gates and states over time: one panel each, units by steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kerasrnn.viz.figures.style import INK, QUIET, SIGNED, TEXT_SIZE, WEIGHTS, Labels, Title, styled, true_runs
from kerasrnn.viz.fonts import fonts_for

_ORDER = ["input", "forget", "output", "update", "reset", "candidate", "cell", "hidden"]
_SIGNED_NAMES = ("candidate", "cell", "hidden")
_CAPTIONS = {
    "input": "input gate",
    "forget": "forget gate",
    "output": "output gate",
    "update": "update gate (1 keeps the old state)",
    "reset": "reset gate",
    "candidate": "candidate",
    "cell": "cell state",
    "hidden": "hidden state",
}
_WIDEST, _HIGHEST = 11.4, 6.6  # inches, for all panels together


@styled
def gates_heatmap(
    arrays: Mapping[str, np.ndarray],
    tokens: Sequence[str] | None = None,
    *,
    title: str | None = None,
    mask: np.ndarray | None = None,
    sort: bool = False,
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

    Returns:
        The figure.

    Raises:
        ValueError: no arrays, arrays that are not of rank 2 or differ in t, or a mask that does not fit them.
    """
    values = {name: np.asarray(array, dtype=float) for name, array in arrays.items()}
    steps = _steps(values)
    kept = np.ones(steps, bool) if mask is None else np.asarray(mask, bool)
    if kept.shape != (steps,):
        raise ValueError(f"mask: expected shape (t,) = ({steps},), received {kept.shape}")
    columns = _columns(list(values))
    across, down = len(columns), max(map(len, columns))

    gap_x, gap_y = 1.12, 0.36
    wide = min(max((_WIDEST - (across - 1) * gap_x) / across, 2.2), max(0.42 * steps, 3.4))
    high = min(max(_HIGHEST / down - 0.1, 0.85), 2.6)
    bottom = Labels(tokens, steps, wide / steps, "bottom")
    plot_wide = across * wide + (across - 1) * gap_x
    heading = Title(title, max(plot_wide, 5.0))
    margin_left, margin_top = 0.80, 0.2 + heading.height + 0.3
    full_wide = max(margin_left + plot_wide + 0.85, heading.width + 0.44)
    full_high = margin_top + down * high + (down - 1) * gap_y + bottom.thickness + 0.42

    figure = Figure(figsize=(full_wide, full_high), facecolor="white")
    for column, names in enumerate(columns):
        for row, name in enumerate(names):
            x = margin_left + column * (wide + gap_x)
            y = full_high - margin_top - high - row * (high + gap_y)
            axes = figure.add_axes((x / full_wide, y / full_high, wide / full_wide, high / full_high))
            _panel(figure, axes, name, values[name], kept, sort)
            if row == len(names) - 1:
                bottom.put(axes)
            else:
                axes.set_xticks([])
            if column:
                axes.set_ylabel("")
    heading.put(figure, 0.22, 0.2)
    return figure


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
    ordered = [sorted(group, key=_rank) for group in groups.values()]
    if len(ordered) > 1:
        return ordered
    gates = [name for name in ordered[0] if not _signed(name)]
    states = [name for name in ordered[0] if _signed(name)]
    return [part for part in (gates, states) if part] if gates else [[name] for name in states]


def _rank(name: str) -> tuple[int, str]:
    last = name.rpartition("/")[2]
    return (_ORDER.index(last) if last in _ORDER else len(_ORDER), last)


def _signed(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last in _SIGNED_NAMES or last.startswith("state")


def _panel(figure: Figure, axes: Axes, name: str, array: np.ndarray, kept: np.ndarray, sort: bool) -> None:
    steps, units = array.shape
    prefix, _, last = name.rpartition("/")
    if sort and kept.any():
        array = array[:, np.argsort(-array[kept].mean(axis=0), kind="stable")]
    finite = array[kept][np.isfinite(array[kept])]
    limit = max(1.0, float(np.abs(finite).max(initial=0.0)))
    low, ceiling = (-limit, limit) if _signed(name) else (0.0, 1.0)
    image = axes.imshow(
        array.T,
        cmap=SIGNED if _signed(name) else WEIGHTS,
        vmin=low,
        vmax=ceiling,
        aspect="auto",
        interpolation="nearest",
    )
    for start, length in true_runs(~kept):
        box = Rectangle(
            (start - 0.5, -0.5), length, units, facecolor="#ececec", edgecolor="#9a9a9a", hatch="////", lw=0
        )
        axes.add_patch(box)
    axes.spines[:].set_visible(False)
    axes.set(xlim=(-0.5, steps - 0.5), ylim=(units - 0.5, -0.5))
    axes.set_yticks([0, units - 1] if units > 1 else [0])
    axes.tick_params(axis="y", labelsize=TEXT_SIZE - 1.5, length=2, labelcolor=QUIET)
    axes.set_ylabel("unit" if not sort else "unit (sorted)", labelpad=1, fontsize=TEXT_SIZE - 1)
    caption = (f"{prefix}: " if prefix else "") + _CAPTIONS.get(last, last)
    font: dict[str, Any] = {"family": fonts_for([caption]), "size": TEXT_SIZE, "color": INK}
    axes.set_title(caption, loc="left", pad=4, parse_math=False, **font)
    _scale(figure, axes, image, low, ceiling)


def _scale(figure: Figure, axes: Axes, image: Any, low: float, high: float) -> None:
    place, (wide, _) = axes.get_position(), figure.get_size_inches()
    bar_axes = figure.add_axes((place.x1 + 0.08 / wide, place.y0, 0.1 / wide, place.height))
    ticks = [low, 0, high] if low < 0 else [0, 0.5, 1]
    bar = Colorbar(bar_axes, image, ticks=ticks)
    bar.set_ticklabels([f"{tick:.3g}".replace("-", "−") for tick in ticks])
    bar.outline.set_visible(False)
    bar_axes.tick_params(labelsize=TEXT_SIZE - 1.5, length=2, labelcolor=QUIET)
