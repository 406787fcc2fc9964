"""Tokens on the colour of what each contributes to an output."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kerasrnn.viz.arrays import checked_mask
from kerasrnn.viz.figures.layout import Page, Size, checked_size, inches
from kerasrnn.viz.figures.style import TEXT_SIZE, TITLE_SIZE, Title, styled, text_size
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import BASE_FAMILY, drawable, fonts_for
from kerasrnn.viz.tokens import label

_WIDEST, _PAD, _GAP, _MANY = 9.0, 0.13, 0.02, 60  # inches; tokens up to which each has its number
_SIZE = TITLE_SIZE  # points, of a token
_MOST = 5_000  # tokens
_NOTE = (BASE_FAMILY,)


@styled
def saliency_text(
    values: np.ndarray,
    tokens: Sequence[str] | None = None,
    *,
    mask: np.ndarray | None = None,
    title: str | None = None,
    note: str = "",
    first: int = 0,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the tokens in order, in lines, each on the colour of its value: red adds to the output, blue takes away.

    The scale is symmetric about 0 and ends at the largest size of a value. Padding is left out.

    Args:
        values: what each step contributes (t,).
        tokens: t strings; None numbers the steps from 0.
        mask: (t,) bool, False where the sequence is padding.
        title: a line above; lines too long are wrapped.
        note: what stands below, such as how far the values add up; lines too long are wrapped.
        first: the number of the first step, where they are a window of a longer sequence.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the tokens need.
        ax: axes to draw on, without a scale, in place of a new figure; `size` is then theirs.

    Returns:
        The figure.

    Raises:
        ValueError: `values` is not of rank 1, is empty, or `mask` does not fit it; an unknown theme; a size too small.
    """
    wanted = checked_size(size) if ax is None else inches(ax)
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(f"values: expected a non-empty array (t,), received one of shape {numbers.shape}")
    if len(numbers) > _MOST:
        raise ValueError(f"values: expected at most {_MOST} tokens on one page, received {len(numbers)}; draw a window")
    kept = checked_mask(mask, numbers.shape, letters="t")
    texts = [str(first + step) for step in range(len(numbers))] if tokens is None else [label(str(t)) for t in tokens]
    texts = [text or "∅" for text in texts[: len(numbers)]]
    places = [step for step in range(len(numbers)) if kept[step]]
    shown, written = numbers[places], [texts[step] for step in places]
    families = fonts_for([*written, "0"])
    below = len(places) <= _MANY
    margin, right = (0.22, 1.1) if ax is None else (0.0, 0.0)
    room = (wanted[0] if wanted else _WIDEST + margin + right) - margin - right
    if room < 1:
        raise ValueError(f"size: this picture needs at least {1 + margin + right:g} inches of width, given {wanted}")
    boxes, high_rows = _boxes([drawable(text) for text in written], families, room, below)
    widest = max((x + wide for x, _, wide in boxes), default=0.0)
    row_high = _SIZE * 1.5 / 72 + (0.20 if below else 0.06)
    body = max(high_rows * row_high, 0.3)

    if ax is None:
        wide = wanted[0] if wanted else max(widest + margin + right, 5.0)
        heading = Title(title, wide - 2 * margin)
        top, bar_high = 0.2 + heading.height + 0.08, max(min(body, 2.4), 0.6)
        below_bar = top + max(body, bar_high) + 0.14
        lines = _wrapped(note, wide - 2 * margin)
        page = Page(wide, max(wanted[1] if wanted else 0.0, below_bar + 0.1 + text_size(lines, _NOTE, TEXT_SIZE)[1]))
        axes = page.axes(margin, top, wide - margin - right, body)
        room_wide = wide - margin - right
        heading.put(page.figure, margin, 0.2)
        quiet: dict[str, Any] = {"size": TEXT_SIZE - 0.5, "color": look().quiet, "ha": "left", "va": "top"}
        page.text(margin, below_bar, lines, parse_math=False, **quiet)
    else:
        axes, room_wide = ax, inches(ax)[0]
        body = max(body, inches(ax)[1])
        Title(title, room_wide).above(axes, 0.1)
        style: dict[str, Any] = {"size": TEXT_SIZE - 0.5, "color": look().quiet, "loc": "left"}
        axes.set_xlabel(_wrapped(note, room_wide), parse_math=False, **style)
    axes.set(xlim=(0, room_wide), ylim=(body, 0), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    limit = float(np.abs(shown[np.isfinite(shown)]).max(initial=0.0)) or 1.0
    scale = ScalarMappable(Normalize(-limit, limit), look().map(signed=True))
    _tokens(axes, scale, boxes, list(zip(written, shown, strict=True)), families, (row_high, below))
    if ax is None:
        bar_axes = page.axes(page.wide - 0.86, top, 0.12, bar_high)
        bar = Colorbar(bar_axes, scale, ticks=[-limit, 0, limit])
        bar.set_ticklabels([f"{tick:.2g}".replace("-", "−") for tick in (-limit, 0, limit)])
        bar.outline.set_visible(False)
        bar_axes.tick_params(labelsize=TEXT_SIZE - 1, length=2, labelcolor=look().quiet)
    root: Any = axes.get_figure(root=True)
    return root


def _wrapped(note: str, wide: float) -> str:
    """The words of each line in as many lines as they need."""
    lines: list[str] = []
    for line in note.split("\n"):
        lines.append("")
        for word in line.split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if lines[-1] and text_size(longer, _NOTE, TEXT_SIZE - 0.5)[0] > wide:
                lines.append(word)
            else:
                lines[-1] = longer
    return "\n".join(lines)


def _boxes(
    texts: list[str], families: list[str], room: float, below: bool
) -> tuple[list[tuple[float, int, float]], int]:
    """`(x, line, width)` in inches of each token, and how many lines there are."""
    x, line = 0.0, 0
    boxes = []
    for text in texts:
        wide = max(text_size(text, families, _SIZE)[0] + _PAD, 0.40 if below else 0.16)
        if x and x + wide > room:
            x, line = 0.0, line + 1
        boxes.append((x, line, wide))
        x += wide + _GAP
    return boxes, line + 1


def _tokens(
    axes: Axes,
    scale: Any,
    boxes: list[tuple[float, int, float]],
    pairs: list[tuple[str, float]],
    families: list[str],
    rows: tuple[float, bool],
) -> None:
    row_high, below = rows
    box_high = _SIZE * 1.5 / 72
    for (text, value), (x, line, wide) in zip(pairs, boxes, strict=True):
        finite = bool(np.isfinite(value))
        colour = scale.to_rgba(value) if finite else look().bad
        top = line * row_high
        axes.add_patch(Rectangle((x, top), wide, box_high, facecolor=colour, lw=0))
        light = np.dot(colour[:3], (0.299, 0.587, 0.114)) if finite else 0.6
        ink = "#111111" if light > 0.5 else "#ffffff"
        font: dict[str, Any] = {"family": families, "parse_math": False, "ha": "center"}
        middle = top + 0.70 * box_high
        axes.text(x + wide / 2, middle, drawable(text), size=_SIZE, color=ink, va="baseline", **font)
        if below:
            number = _short(value) if finite else "NaN"
            quiet: dict[str, Any] = {"size": TEXT_SIZE - 3, "color": look().quiet, "va": "top"}
            axes.text(x + wide / 2, top + box_high + 0.03, number, **font, **quiet)


def _short(value: float) -> str:
    """A number in the room of a token: ± and two figures."""
    if 9.995 <= abs(value) < 999.5:
        text = f"{value:+.0f}"
    else:
        text = f"{value:+.2f}" if 0.005 <= abs(value) < 10 else "0" if value == 0 else f"{value:+.0e}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("-", "−")
