"""A text in the colours of what a unit holds while it reads (Karpathy, Johnson and Fei-Fei 2015, arXiv:1506.02078)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kerasrnn.viz.arrays import checked_mask
from kerasrnn.viz.figures.layout import Page, Size, checked_size, fitted, inches, root_of
from kerasrnn.viz.figures.panels import signed_text
from kerasrnn.viz.figures.style import TEXT_SIZE, Title, styled, text_size
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import drawable, fonts_for
from kerasrnn.viz.tokens import label

_WIDE, _NARROWEST, _LINE, _BETWEEN = 9.0, 5.4, 0.27, 0.14  # inches
_TEXT, _LONGEST, _MOST = 11.0, 40, 20_000  # points, characters, tokens


@styled
def token_text(
    tokens: Sequence[str],
    values: np.ndarray,
    *,
    title: str | None = None,
    mask: np.ndarray | None = None,
    signed: bool = True,
    limit: float = 1.0,
    caption: str = "",
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw tokens one after the other, in rows like a text, each on the colour of its value.

    Args:
        tokens: t strings.
        values: (t,).
        title: a line above; lines too long are wrapped.
        mask: (t,) bool, False where the sequence is padding: those tokens are left out.
        signed: whether values run from -limit to limit, blue to red, rather than from 0 to limit.
        limit: the end of the scale; values beyond have its colour.
        caption: what the values are, beside the scale.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default a page 9 inches wide, as high as the text.
        ax: axes to draw the text on, without title and scale, in place of a new figure; `size` is then theirs.

    Returns:
        The figure.

    Raises:
        ValueError: values that are not (t,), a mask that does not fit, more than 20 000 tokens, an unknown theme, or
            a size in which the text has no room.
    """
    wanted_wide, wanted_high = checked_size(size) or (None, None)
    numbers, texts = _checked(tokens, values, mask)
    if not limit > 0:
        raise ValueError(f"limit: expected a number above 0, received {limit}")
    families = fonts_for([*texts, "0"])
    if ax is not None:
        wide, high = inches(ax)
        places, rows = _rows([text_size(text, families, _TEXT)[0] for text in texts], wide)
        if rows * _LINE > high + 1e-6:
            raise ValueError(f"ax: the text needs {rows * _LINE:.1f} inches in height, and these axes have {high:.1f}")
        _draw(ax, texts, numbers, places, families, (wide, high), signed, limit)
        return root_of(ax)
    margin = 0.3
    widths = [text_size(text, families, _TEXT)[0] for text in texts]
    wide = fitted(min(_WIDE, max(sum(widths) + _BETWEEN * len(widths), _NARROWEST)), wanted_wide, 2 * margin)
    places, rows = _rows(widths, wide)
    heading = Title(title, wide)
    margin_top, below = 0.2 + heading.height + 0.1, 0.62
    high = fitted(rows * _LINE, wanted_high, margin_top + below)
    if high < rows * _LINE - 1e-6:
        needed = margin_top + rows * _LINE + below
        raise ValueError(f"size: this text needs {needed:.1f} inches in height where it was given {wanted_high:g}")
    page = Page(wide + 2 * margin, margin_top + high + below)
    axes = page.axes(margin, margin_top, wide, high)
    image = _draw(axes, texts, numbers, places, families, (wide, high), signed, limit)
    bad = int((~np.isfinite(numbers)).sum())
    said = "   ".join(filter(None, [caption, f"{bad} NaN or infinite" if bad else ""]))
    _scale(page, image, margin, margin_top + high + 0.24, min(2.4, wide / 2), said, (signed, limit))
    heading.put(page.figure, margin, 0.2)
    return root_of(page.figure)


def _checked(tokens: Sequence[str], values: Any, mask: Any) -> tuple[np.ndarray, list[str]]:
    numbers = np.asarray(values, float)
    if numbers.ndim != 1 or not numbers.size or len(tokens) != len(numbers):
        raise ValueError(f"values: expected one for each of {len(tokens)} tokens, received shape {numbers.shape}")
    kept = checked_mask(mask, numbers.shape, letters="t")
    if not kept.any():
        raise ValueError("mask: expected at least one step that counts; every step is masked")
    if kept.sum() > _MOST:
        raise ValueError(f"tokens: expected at most {_MOST} to draw as a text, received {kept.sum()}; choose a window")
    texts = [drawable(label(str(token), _LONGEST)) for token, counts in zip(tokens, kept, strict=True) if counts]
    return numbers[kept], texts


def _rows(widths: list[float], wide: float) -> tuple[list[tuple[float, int, float]], int]:
    """Left edge, row and width of each token in inches; words are as wide as they are, and none is broken."""
    places, x, row = [], 0.0, 0
    between = 0.06 if max(widths, default=0.0) < 0.25 else _BETWEEN
    for width in widths:
        taken = max(width, 0.05) + between
        if x and x + taken > wide:
            x, row = 0.0, row + 1
        places.append((x, row, min(taken, wide)))
        x += taken
    return places, row + 1


def _draw(
    axes: Axes,
    texts: list[str],
    values: np.ndarray,
    places: list[tuple[float, int, float]],
    families: list[str],
    page: Size,
    signed: bool,
    limit: float,
) -> Any:
    axes.set(xlim=(0, page[0]), ylim=(page[1], 0))
    axes.axis("off")
    boxes = [Rectangle((x, row * _LINE), wide - 0.015, _LINE - 0.04) for x, row, wide in places]
    colours = look().map(signed)
    scale = Normalize(-limit if signed else 0.0, limit)
    drawn = PatchCollection(boxes, cmap=colours, norm=scale, linewidths=0)
    drawn.set_array(np.ma.masked_invalid(values))
    axes.add_collection(drawn)
    shades = colours(scale(np.ma.masked_invalid(np.clip(values, -limit, limit))))
    style: dict[str, Any] = {"family": families, "size": _TEXT, "parse_math": False, "ha": "center", "va": "baseline"}
    for text, shade, (x, row, wide) in zip(texts, shades, places, strict=True):
        if text:
            axes.text(x + (wide - 0.015) / 2, row * _LINE + 0.17, text, color=_on(shade), **style)
    return drawn


def _on(shade: np.ndarray) -> str:
    """Black or white, whichever can be read on a colour."""
    red, green, blue = (float(part) ** 2.2 for part in shade[:3])
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else "#ffffff"


def _scale(page: Page, image: Any, x: float, top: float, wide: float, caption: str, end: tuple[bool, float]) -> None:
    axes = page.axes(x, top, wide, 0.11)
    bar = page.figure.colorbar(image, cax=axes, orientation="horizontal")
    signed, limit = end
    ticks = [-limit, 0, limit] if signed else [0, limit]
    bar.set_ticks(ticks, labels=[signed_text(tick) for tick in ticks])
    bar.outline.set_visible(False)
    axes.tick_params(labelsize=TEXT_SIZE - 1.5, length=2, labelcolor=look().quiet)
    if caption:
        style: dict[str, Any] = {"size": TEXT_SIZE - 0.5, "color": look().quiet, "family": fonts_for([caption])}
        page.text(x + wide + 0.2, top + 0.055, drawable(caption), va="center", parse_math=False, **style)
