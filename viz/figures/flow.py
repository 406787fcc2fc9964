"""Attention as links: the smallest set of source tokens that carries most of each row (Strobelt et al. 2019)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.path import Path

from kerasrnn.viz.arrays import checked_mask
from kerasrnn.viz.figures.layout import Page, Size, fitted, inches, root_of, wanted_size
from kerasrnn.viz.figures.style import TEXT_SIZE, Labels, Title, styled, text_size, true_runs
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import fonts_for
from kerasrnn.viz.measures import smallest_sets

_WIDEST, _NARROWEST, _PITCH, _HIGH, _LOW = 11.0, 4.6, 0.42, 2.4, 1.2  # inches
_THICKEST = 12.0  # points, of a weight of 1
_STRIP = 0.05  # of the height, where padding is hatched


@styled
def attention_flow(
    alignment: np.ndarray,
    source_tokens: Sequence[str] | None = None,
    tokens: Sequence[str] | None = None,
    *,
    mass: float = 0.75,
    source_mask: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    title: str | None = None,
    first: int = 0,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw two rows of tokens, source above and produced below, with a link for each weight that carries the row.

    For each produced token the links are those of the smallest set of source tokens whose weights add up to `mass`; a
    link is as thick as its weight. Tokens whose weights are no numbers have no links, and are magenta.

    Args:
        alignment: weights (t, s), or one panel a head from (n, t, s).
        source_tokens: s strings; None numbers the positions from 0.
        tokens: t strings; None numbers the positions from `first`.
        mass: the share of each row that its links carry.
        source_mask: (s,) bool, False where the source is padding.
        mask: (t,) bool, False where the produced sequence is padding.
        title: a line above; lines too long are wrapped.
        first: the number of the first produced step, where they are a window of a longer sequence.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the tokens need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs. A single head takes them, several share
            their place.

    Returns:
        The figure.

    Raises:
        ValueError: `alignment` is not of rank 2 or 3, is empty, or a mask does not fit it; a `mass` that is no share;
            an unknown theme; a size too small.

    Reference: H. Strobelt et al., Seq2Seq-Vis, IEEE TVCG 25(1), 2019, section 5.1.
    """
    wanted = wanted_size(size, ax)
    weights = np.asarray(alignment, dtype=float)
    weights = weights[None] if weights.ndim == 2 else weights
    if weights.ndim != 3 or 0 in weights.shape:
        shape = np.shape(alignment)
        raise ValueError(f"alignment: expected a non-empty array (t, s) or (n, t, s), received one of shape {shape}")
    heads, steps, sources = weights.shape
    rows, columns = checked_mask(mask, (steps,), "mask", "t"), checked_mask(source_mask, (sources,), "source_mask", "s")
    links = smallest_sets(weights, mass) & rows[:, None] & columns

    if ax is not None and heads == 1:
        wide, _ = inches(ax)
        top = Labels(source_tokens, sources, wide / sources, "top")
        bottom = Labels(tokens, steps, wide / steps, "bottom", first)
        _panel(ax, weights[0], links[0], rows, columns, top, bottom)
        Title(title, wide).above(ax, 0.12 + top.thickness)
        return root_of(ax)

    left, right, gap = 0.95, 0.45, 0.42
    wide = fitted(min(max(_PITCH * max(steps, sources), _NARROWEST), _WIDEST), wanted[0], left + right)
    top = Labels(source_tokens, sources, wide / sources, "top")
    bottom = Labels(tokens, steps, wide / steps, "bottom", first)
    heading = Title(title, max(wide, 5.0 if wanted[0] is None else 0.0))
    margin = 0.22 + heading.height + 0.12 + top.thickness
    below = bottom.thickness + 0.52
    high = fitted(max(_HIGH - 0.3 * (heads - 1), _LOW), wanted[1], margin + below, heads, gap)
    full = left + wide + max(right, top.overhang + 0.1)
    full = wanted[0] or max(full, heading.width + 0.44)
    page = Page(full, margin + heads * high + (heads - 1) * gap + below, ax)
    for head in range(heads):
        axes = page.axes(left, margin + head * (high + gap), wide, high)
        _panel(axes, weights[head], links[head], rows, columns, top if head == 0 else None,
               bottom if head == heads - 1 else None)  # fmt: skip
        if heads > 1:
            middle = margin + head * (high + gap) + high / 2
            page.text(0.22, middle, f"head {head + 1}", va="center", size=TEXT_SIZE, color=look().quiet)
    heading.put(page.figure, 0.22, 0.2)
    text: dict[str, Any] = {"size": TEXT_SIZE, "color": look().quiet, "ha": "left"}
    page.text(0.22, margin, "source", va="top", **text)
    page.text(0.22, margin + heads * high + (heads - 1) * gap, "produced", va="bottom", **text)
    said = f"thickness = weight; the links of a token carry {100 * mass:g} % of its attention"
    if text_size(said, fonts_for([said]), TEXT_SIZE)[0] > page.wide - left:
        said = f"links carry {100 * mass:g} % of each row"
    page.text(left, page.high - 0.12, said, va="bottom", **text)
    return root_of(page.figure)


def _panel(
    axes: Axes,
    weights: np.ndarray,
    links: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    top: Labels | None,
    bottom: Labels | None,
) -> None:
    steps, sources = weights.shape
    produced = axes.twiny()
    produced.set_facecolor("none")  # over an inset it would hide the links
    axes.set(xlim=(-0.5, sources - 0.5), ylim=(0, 1), yticks=[], xticks=[])
    produced.set(xlim=(-0.5, steps - 0.5), xticks=[])
    for each in (axes, produced):
        each.spines[:].set_visible(False)
    if top is not None:
        top.put(axes)
    if bottom is not None:
        bottom.put(produced)
    wide, _ = inches(axes)
    thickest = min(_THICKEST, 72 * 0.9 * wide / max(steps, sources))
    places = np.argwhere(links)
    places = places[np.argsort(weights[tuple(places.T)], kind="stable")]  # the strongest on top
    found = [weights[i, j] for i, j in places]
    paths = [_curve(j, (i + 0.5) / steps * sources - 0.5) for i, j in places]
    faint = 1.0 if len(found) <= 400 else 0.4
    colours = [to_rgba(look().lines[0], faint * (0.35 + 0.5 * min(weight, 1.0))) for weight in found]
    widths = [max(thickest * weight, 0.4) for weight in found]
    style: dict[str, Any] = {"facecolors": "none", "edgecolors": colours, "linewidths": widths}
    axes.add_collection(PathCollection(paths, transform=axes.transData, **style), autolim=False)
    for start, length in true_runs(rows & ~np.isfinite(weights[:, columns]).all(axis=1)):
        produced.add_patch(Rectangle((start - 0.5, 0), length, _STRIP, facecolor=look().bad, lw=0))
    for start, length in true_runs(~columns):
        axes.add_patch(Rectangle((start - 0.5, 1 - _STRIP), length, _STRIP, **look().hatched))
    for start, length in true_runs(~rows):
        produced.add_patch(Rectangle((start - 0.5, 0), length, _STRIP, **look().hatched))


def _curve(source: float, produced: float) -> Path:
    points = [(source, 1.0), (source, 0.5), (produced, 0.5), (produced, 0.0)]
    return Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
