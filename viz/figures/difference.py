"""What differs between two models: gates, states or an alignment of one less those of the other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kerasrnn.viz.arrays import checked_mask
from kerasrnn.viz.figures.layout import Page, Size, fitted, inches, root_of, scale_beside, wanted_size
from kerasrnn.viz.figures.style import TEXT_SIZE, Labels, Title, styled, text_size, true_runs
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import BASE_FAMILY, fonts_for
from kerasrnn.viz.names import caption_of, rank

_WIDEST, _HIGHEST, _GAP_X, _GAP_Y = 11.0, 6.4, 0.5, 0.36  # inches, for all panels together


@styled
def difference_heatmap(
    differences: Mapping[str, np.ndarray],
    tokens: Sequence[str] | None = None,
    source_tokens: Sequence[str] | None = None,
    *,
    mask: np.ndarray | None = None,
    source_mask: np.ndarray | None = None,
    limit: float | None = None,
    title: str | None = None,
    first: int = 0,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw differences, red where the second model has more and blue where it has less, all on one symmetric scale.

    Gates and states stand as units by steps, one panel each; an alignment, named `alignment`, as produced by source
    tokens, and is drawn alone.

    Args:
        differences: (t, u) by the name of a gate or state; or `alignment` (t, s), or (n, t, s) with a panel a head.
        tokens: t strings; None numbers the steps from `first`.
        source_tokens: s strings of an alignment; None numbers them from 0.
        mask: (t,) bool, False where the sequence is padding.
        source_mask: (s,) bool, False where an alignment's source is padding.
        limit: the end of the scale; by default the largest difference at steps that count.
        title: a line above; lines too long are wrapped.
        first: the number of the first step, where they are a window of a longer sequence.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the panels need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs. A single panel takes them, several share
            their place.

    Returns:
        The figure.

    Raises:
        ValueError: nothing to draw, arrays of other ranks or numbers of steps, masks that do not fit, a limit that is
            not above 0; an unknown theme; a size too small.
    """
    wanted = wanted_size(size, ax)
    panels, attends = _panels(differences)
    steps = next(iter(panels.values())).shape[0 if attends else 1]
    kept = checked_mask(mask, (steps,), "mask", "t")
    width = next(iter(panels.values())).shape[1]
    columns = checked_mask(source_mask if attends else mask, (width,), "source_mask", "s")
    rows = kept if attends else None
    end = _limit(limit, panels, rows, columns)
    above = "top" if attends else "bottom"
    across_tokens, down_tokens = (source_tokens, tokens) if attends else (tokens, None)

    def labels(width: float, count: int) -> Labels:
        return Labels(across_tokens, count, width / count, above, 0 if attends else first)

    count = len(columns)
    if ax is not None and len(panels) == 1:
        wide, high = inches(ax)
        edge = labels(wide, count)
        ((name, array),) = panels.items()
        _panel(ax, array, end, rows, columns)
        edge.put(ax)
        _left(ax, down_tokens, array, attends, high, first)
        Title(title, wide).above(ax, 0.12 + (edge.thickness if attends else 0.24))
        if not attends:
            _caption(ax, name)
        scale_beside(ax, ax.images[0], *_ticks(end), size=TEXT_SIZE - 1)
        return root_of(ax)

    grid = _grid(list(panels), attends)
    across, down = len(grid), max(map(len, grid))
    thickness = Labels(down_tokens, steps, 0.4, "left", first).thickness if attends else 0.25
    left, right = 0.55 + thickness, 1.25
    cell = 0.4 if attends else 0.42
    natural = min(max(cell * count, 3.2), (_WIDEST - (across - 1) * _GAP_X) / across)
    wide = fitted(natural, wanted[0], left + right, across, _GAP_X)
    edge = labels(wide, count)
    plot = across * wide + (across - 1) * _GAP_X
    heading = Title(title, max(plot + thickness, 5.0 if wanted[0] is None else 0.0))
    margin = (
        0.2 + heading.height + (0.32 + edge.thickness if attends else 0.3) + (0.22 if attends and across > 1 else 0)
    )
    below = 0.42 if attends else 0.42 + edge.thickness
    natural_high = min(0.4 * steps, _HIGHEST) if attends else min(max(_HIGHEST / down - 0.1, 0.85), 2.6)
    high = fitted(natural_high, wanted[1], margin + below, down, _GAP_Y)
    page = Page(wanted[0] or max(left + plot + max(right, edge.overhang + 0.1), heading.width + 0.44),
                margin + down * high + (down - 1) * _GAP_Y + below, ax)  # fmt: skip
    for column, names in enumerate(grid):
        for row, name in enumerate(names):
            axes = page.axes(left + column * (wide + _GAP_X), margin + row * (high + _GAP_Y), wide, high)
            _panel(axes, panels[name], end, rows, columns)
            if row == (0 if attends else len(names) - 1):
                edge.put(axes)
            else:
                axes.set_xticks([])
            if column == 0 or not attends:
                _left(axes, down_tokens, panels[name], attends, high, first, column == 0)
            else:
                axes.set_yticks([])
            if attends and len(panels) > 1:
                axes.set_xlabel(name, labelpad=5)
            elif not attends:
                _caption(axes, name)
    heading.put(page.figure, 0.22, 0.2)
    if attends:
        text: dict[str, Any] = {"size": TEXT_SIZE, "color": look().quiet, "ha": "left"}
        page.text(left, margin - edge.thickness - 0.12, "source →", va="bottom", **text)
        fits = text_size("← produced", [BASE_FAMILY], TEXT_SIZE)[0] <= high
        page.text(0.22, margin, "← produced" if fits else "←", va="top", rotation=90, **text)
    bar_axes = page.axes(left + plot + 0.2, margin, 0.14, min(down * high + (down - 1) * _GAP_Y, 3.2))
    ticks, names = _ticks(end)
    bar = Colorbar(bar_axes, axes.images[0], ticks=ticks)
    bar.set_ticklabels(names)
    bar.outline.set_visible(False)
    bar_axes.tick_params(labelsize=TEXT_SIZE - 1, length=2, labelcolor=look().quiet)
    if inches(bar_axes)[1] >= 1.4:
        bar.set_label("second − first", size=TEXT_SIZE, color=look().quiet)
    return root_of(page.figure)


def _panels(differences: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], bool]:
    """What is drawn by caption, rows by columns, and whether it is an alignment."""
    arrays = {name: np.asarray(array, dtype=float) for name, array in differences.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    attends = [name for name in arrays if name.rpartition("/")[2] == "alignment"]
    if attends:
        alignment = arrays[attends[0]]
        if len(arrays) > 1 or alignment.ndim not in (2, 3) or not alignment.size:
            raise ValueError(f"differences: expected one alignment (t, s) or (n, t, s) alone, received shapes {shapes}")
        if alignment.ndim == 2:
            return {"alignment": alignment}, True
        return {f"head {head + 1}": each for head, each in enumerate(alignment)}, True
    if not arrays or any(array.ndim != 2 or not array.size for array in arrays.values()):
        raise ValueError(f"differences: expected non-empty arrays (t, u), received shapes {shapes}")
    if len({shape[0] for shape in shapes.values()}) > 1:
        raise ValueError(f"differences: expected the same number of steps in each, received shapes {shapes}")
    return {name: array.T for name, array in arrays.items()}, False


def _limit(
    limit: float | None, panels: Mapping[str, np.ndarray], rows: np.ndarray | None, columns: np.ndarray
) -> float:
    if limit is not None:
        if not limit > 0:
            raise ValueError(f"limit: expected a number above 0, received {limit}")
        return float(limit)
    kept = [(panel if rows is None else panel[rows])[:, columns] for panel in panels.values()]
    values = np.abs(np.concatenate([each.ravel() for each in kept]))
    largest = float(values[np.isfinite(values)].max(initial=0.0))
    return largest if largest > 0 else 1.0


def _grid(names: list[str], attends: bool) -> list[list[str]]:
    """Captions by column: heads side by side; gates by direction, or else gates left and signed values right."""
    if attends:
        across = min(len(names), 4)
        return [names[column::across] for column in range(across)]
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.rpartition("/")[0], []).append(name)
    ordered = [sorted(group, key=rank) for group in groups.values()]
    if len(ordered) > 1 or len(names) < 4:
        return ordered
    half = -(-len(names) // 2)
    return [ordered[0][:half], ordered[0][half:]]


def _panel(axes: Axes, array: np.ndarray, limit: float, rows: np.ndarray | None, columns: np.ndarray) -> None:
    down, across = array.shape
    axes.imshow(array, cmap=look().map(signed=True), vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    for start, length in true_runs(~columns):
        axes.add_patch(Rectangle((start - 0.5, -0.5), length, down, **look().hatched))
    for start, length in true_runs(~rows) if rows is not None else ():
        axes.add_patch(Rectangle((-0.5, start - 0.5), across, length, **look().hatched))
    axes.set(xlim=(-0.5, across - 0.5), ylim=(down - 0.5, -0.5))
    axes.spines[:].set(color=look().grid)


def _left(
    axes: Axes,
    tokens: Sequence[str] | None,
    array: np.ndarray,
    attends: bool,
    high: float,
    first: int,
    named: bool = True,
) -> None:
    if attends:
        Labels(tokens, len(array), high / len(array), "left", first).put(axes)
        return
    axes.set_yticks([0, len(array) - 1] if len(array) > 1 else [0])
    axes.tick_params(axis="y", labelsize=TEXT_SIZE - 1.5, length=2, labelcolor=look().quiet)
    if named:
        axes.set_ylabel("unit", labelpad=1, fontsize=TEXT_SIZE - 1)


def _caption(axes: Axes, name: str) -> None:
    text = caption_of(name)
    font: dict[str, Any] = {"family": fonts_for([text]), "size": TEXT_SIZE, "color": look().ink}
    axes.set_title(text, loc="left", pad=4, parse_math=False, **font)


def _ticks(limit: float) -> tuple[list[float], list[str]]:
    return [-limit, 0.0, limit], [f"−{limit:.2g}", "0", f"{limit:.2g}"]
