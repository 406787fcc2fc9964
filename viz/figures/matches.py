"""Where the units of a span are on elsewhere: each match in its context (after LSTMVis, Strobelt et al. 2018)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kerasrnn.viz.figures.layout import Page, Size, fitted, root_of, wanted_size
from kerasrnn.viz.figures.style import TEXT_SIZE, Title, styled, text_size
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import drawable, fonts_for
from kerasrnn.viz.tokens import label

_LINE, _WIDEST, _LEFT, _RIGHT, _BELOW = 0.34, 11.0, 1.75, 0.95, 0.25  # inches
_NARROWEST_CELL, _WIDEST_CELL = 0.26, 1.1


class Context(NamedTuple):
    """A span and what stands around it.

    Attributes:
        share: (w,), which part of the selected units is on at each step; NaN where their values are no numbers.
        tokens: w strings.
        start, stop: the span within them.
        caption: what is said of it at the left.
    """

    share: np.ndarray
    tokens: Sequence[str]
    start: int
    stop: int
    caption: str = ""


@styled
def match_contexts(
    contexts: Sequence[Context],
    *,
    title: str | None = None,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw spans in their contexts, one a row, the span of each framed and all beginning at the same place.

    A token's colour is the share of the selected units that are on at its step, from 0 to 1. The first row is usually
    the query, the others its matches, the best first.

    Args:
        contexts: at least one.
        title: a line above; lines too long are wrapped.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the tokens need.
        ax: axes in whose place all of it is drawn, instead of a new figure; `size` is then theirs.

    Returns:
        The figure.

    Raises:
        ValueError: no contexts, or shares, tokens and spans that do not fit each other; an unknown theme; a size too
            small.
    """
    wanted = wanted_size(size, ax)
    if not contexts:
        raise ValueError("contexts: expected at least one, received none")
    for context in contexts:
        count = len(context.tokens)
        if np.shape(context.share) != (count,) or not 0 <= context.start < context.stop <= count:
            raise ValueError(
                f"contexts: expected a share for each of {count} tokens and a span within them, received shape "
                f"{np.shape(context.share)} and {context.start}:{context.stop}"
            )
    before = max(context.start for context in contexts)
    columns = before + max(len(context.tokens) - context.start for context in contexts)
    texts = [[drawable(label(token, 12)) for token in context.tokens] for context in contexts]
    families = fonts_for([text for row in texts for text in row])
    widest = max(text_size(text, families, TEXT_SIZE)[0] for row in texts for text in row)
    captions = [drawable(label(context.caption, 40)) for context in contexts]
    left = max([text_size(text, fonts_for([text]), TEXT_SIZE - 1)[0] for text in captions] + [0.3]) + 0.35
    cell = min(max(widest + 0.1, _NARROWEST_CELL), _WIDEST_CELL, _WIDEST / columns)
    wide = fitted(cell * columns, wanted[0], left + _RIGHT)
    heading = Title(title, max(wide + left, 5.0 if wanted[0] is None else 0.0))
    margin = 0.2 + heading.height + 0.08
    high = fitted(_LINE * len(contexts), wanted[1], margin + _BELOW)
    page = Page(wanted[0] or max(left + wide + _RIGHT, heading.width + 0.44), margin + high + _BELOW, ax)
    axes = page.axes(left, margin, wide, high)
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(len(contexts) - 0.5, -0.5), xticks=[])
    axes.spines[:].set_visible(False)
    _cells(axes, contexts, before, columns)
    line = high / len(contexts)
    for row, (context, names) in enumerate(zip(contexts, texts, strict=True)):
        _tokens(axes, context, names, row, before, wide / columns, line, families)
    shown = range(0, len(contexts), max(1, int(np.ceil(0.16 / line))))
    axes.set_yticks(shown, [captions[row] for row in shown], parse_math=False, family=fonts_for(captions))
    axes.tick_params(axis="y", length=0, labelsize=TEXT_SIZE - 1, labelcolor=look().quiet)
    heading.put(page.figure, 0.22, 0.2)
    bar_axes = page.axes(left + wide + 0.2, margin, 0.14, min(high, 2.4))
    bar = Colorbar(bar_axes, axes.images[0], ticks=[0, 0.5, 1])
    bar.set_ticklabels(["0", "0.5", "1"])
    bar.outline.set_visible(False)
    bar_axes.tick_params(labelsize=TEXT_SIZE - 1, length=2, labelcolor=look().quiet)
    if high >= 1.2:
        bar.set_label("share of units on", size=TEXT_SIZE, color=look().quiet)
    return root_of(page.figure)


def _cells(axes: Axes, contexts: Sequence[Context], before: int, columns: int) -> None:
    shares = np.full((len(contexts), columns), -1.0)  # below the scale: no token
    for row, context in enumerate(contexts):
        begin = before - context.start
        shares[row, begin : begin + len(context.tokens)] = context.share
    axes.imshow(
        shares,
        cmap=look().map().with_extremes(under=look().paper, bad=look().bad),
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
    )
    lines: dict[str, Any] = {"colors": look().paper, "linewidths": 1.5}
    axes.hlines(np.arange(1, len(contexts)) - 0.5, -0.5, columns - 0.5, **lines)


def _tokens(
    axes: Axes, context: Context, texts: list[str], row: int, before: int, wide: float, high: float, families: list[str]
) -> None:
    begin = before - context.start
    for place, (text, share) in enumerate(zip(texts, np.asarray(context.share, float), strict=True)):
        across = text_size(text, families, TEXT_SIZE)[0]
        size = min(TEXT_SIZE * min(1.0, wide * 0.94 / max(across, 0.01)), 72 * high * 0.6)
        if size >= 4:
            colour = "#000000" if _is_light(look().map()(float(share))) else "#ffffff"
            axes.text(begin + place, row, text, ha="center", va="center", size=size, family=families, color=colour,
                      parse_math=False)  # fmt: skip
    frame = Rectangle((before - 0.5, row - 0.42), context.stop - context.start, 0.84, fill=False, zorder=5)
    frame.set(edgecolor=look().lines[1], linewidth=2.0)
    axes.add_patch(frame)


def _is_light(colour: Any) -> bool:
    linear = [(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.18
