"""How a score falls with length (Cho et al. 2014; Bahdanau, Cho and Bengio 2015, figure 2)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kerasrnn.viz.figures.layout import Page, Size, checked_size, fitted, inches
from kerasrnn.viz.figures.style import TEXT_SIZE, Title, styled, text_size
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import drawable, fonts_for
from kerasrnn.viz.lengths import LengthCurve
from kerasrnn.viz.tokens import label

_WIDE, _HIGH, _LEFT, _RIGHT, _BELOW, _ROW = 6.4, 3.8, 0.8, 0.3, 0.62, 0.24  # inches


@styled
def length_curve(
    curves: Mapping[str, LengthCurve],
    *,
    title: str | None = None,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw a score by length, a curve a model, with the 95 % interval of each bin.

    A dot stands at the middle of its bin. Scores run from 0 to 1 where all of them do, from 0 to 100 where they run to
    that, so that a small drop looks small.

    Args:
        curves: by the model's name.
        title: a line above; lines too long are wrapped.
        theme: `light`, `dark` or `print`.
        size: inches, width and height.
        ax: axes to draw on, in place of a new figure; `size` is then theirs.

    Returns:
        The figure.

    Raises:
        ValueError: no curves, or curves of different metrics; an unknown theme; a size too small.
    """
    wanted = checked_size(size) or (None, None)
    if not curves:
        raise ValueError("curves: expected at least one, received none")
    metrics = {curve.metric for curve in curves.values()}
    if len(metrics) > 1:
        raise ValueError(f"curves: expected one metric for all, received {', '.join(sorted(metrics))}")
    header = _ROW * len(curves) + 0.08
    if ax is None:
        wide = fitted(_WIDE, wanted[0], _LEFT + _RIGHT)
        heading = Title(title, wide)
        margin = 0.2 + heading.height + header
        high = fitted(_HIGH, wanted[1], margin + _BELOW)
        page = Page(wanted[0] or max(_LEFT + wide + _RIGHT, heading.width + 0.44), margin + high + _BELOW)
        axes = page.axes(_LEFT, margin, wide, high)
        heading.put(page.figure, 0.22, 0.2)
    else:
        axes = ax
        Title(title, inches(ax)[0]).above(axes, header)
    wide, high = inches(axes)
    legend = [_cut(name, wide - 1.9) for name in curves]
    for number, (curve, name) in enumerate(zip(curves.values(), legend, strict=True)):
        style = look().line(number)
        middle = (np.asarray(curve.low, float) + np.asarray(curve.high, float)) / 2
        middle = middle + (number - (len(curves) - 1) / 2) * 0.012 * (_span(curves) or 1)  # side by side
        value, interval = np.asarray(curve.value, float), np.asarray(curve.interval, float)
        low, above = np.maximum(value - interval[:, 0], 0), np.maximum(interval[:, 1] - value, 0)
        axes.errorbar(middle, value, yerr=[low, above], marker="o", markersize=4.5, linewidth=1.7, elinewidth=1.1,
                      capsize=2.5, label=name, **style)  # fmt: skip
        examples = int(np.sum(curve.examples))
        y = 1 + (0.12 + _ROW * (len(legend) - 1 - number)) / high
        families = fonts_for([name])
        axes.plot([0, 0.3 / wide], [y, y], transform=axes.transAxes, clip_on=False, linewidth=1.7, **style)
        font: dict[str, Any] = {"size": TEXT_SIZE, "va": "center", "transform": axes.transAxes, "parse_math": False}
        text = f"{name}  ({examples:,} examples)"
        axes.text(0.38 / wide, y, text, family=families, color=look().ink, **font)
    _axes(axes, curves, metrics.pop())
    root: Any = axes.get_figure(root=True)
    return root


def _cut(name: str, room: float) -> str:
    """A name that fits in a line."""
    for limit in range(60, 4, -4):
        text = drawable(label(name, limit))
        if text_size(text, fonts_for([text]), TEXT_SIZE)[0] <= room:
            return text
    return drawable(label(name, 4))


def _span(curves: Mapping[str, LengthCurve]) -> float:
    return float(max(np.max(c.high) for c in curves.values()) - min(np.min(c.low) for c in curves.values()))


def _axes(axes: Axes, curves: Mapping[str, LengthCurve], metric: str) -> None:
    ends = np.concatenate([np.ravel([c.value, *np.transpose(c.interval)]) for c in curves.values()])
    ends = ends[np.isfinite(ends)]
    least, most = (float(ends.min()), float(ends.max())) if ends.size else (0.0, 1.0)
    top = 1.0 if most <= 1 else 100.0 if 1 < most <= 100 and most > 40 else most * 1.1
    axes.set_ylim(min(0.0, least * 1.05), top * 1.03)
    axes.set_xlim(min(np.min(c.low) for c in curves.values()) - 0.02 * (_span(curves) or 1) - 0.5,
                  max(np.max(c.high) for c in curves.values()) + 0.02 * (_span(curves) or 1) + 0.5)  # fmt: skip
    axes.set_xlabel("length")
    axes.set_ylabel(drawable(label(metric, 40)), parse_math=False, family=fonts_for([metric]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=look().grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
