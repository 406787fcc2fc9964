"""What each output reads, as a matrix: the norms of its gradients by every step of the input, on a log scale."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullLocator

from kerasrnn.viz.arrays import checked_mask
from kerasrnn.viz.figures.bptt import power
from kerasrnn.viz.figures.layout import Page, Size, checked_size, fitted, inches, scale_beside
from kerasrnn.viz.figures.style import TEXT_SIZE, Labels, Title, styled, text_size, true_runs
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import BASE_FAMILY

_WIDEST, _HIGHEST, _CELL, _SMALLEST_SIDE = 8.6, 6.4, 0.40, 3.2  # inches
_DECADES = 5  # below the largest norm: less is drawn as that


@styled
def jacobian_heatmap(
    jacobian: np.ndarray,
    source_tokens: Sequence[str] | None = None,
    tokens: Sequence[str] | None = None,
    *,
    source_mask: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    title: str | None = None,
    of: str = "logit",
    first: int = 0,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw how much each output depends on each step of the input: input on top, outputs at the left, log colours.

    The scale ends at the largest norm and begins five decades below, or at the smallest that is not zero. Where the
    norm is zero, the output does not depend on that step, and nothing is drawn. Masked steps are hatched.

    Args:
        jacobian: norms (i, t), at least 0.
        source_tokens: t strings; None numbers the positions from 0.
        tokens: i strings; None numbers the positions from 0.
        source_mask: (t,) bool, False where the input is padding.
        mask: (i,) bool, False where the output is padding.
        title: a line above; lines too long are wrapped.
        of: what the gradients are of, for the scale's caption.
        first: the number of the first output step, where they are a window of a longer sequence.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the tokens need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs.

    Returns:
        The figure.

    Raises:
        ValueError: `jacobian` is not of rank 2, is empty or below zero, or a mask does not fit it; an unknown theme; a
            size too small.
    """
    wanted_wide, wanted_high = checked_size(size) or (None, None)
    norms = np.asarray(jacobian, dtype=float)
    if norms.ndim != 2 or 0 in norms.shape:
        raise ValueError(f"jacobian: expected a non-empty array (i, t), received one of shape {norms.shape}")
    if (norms < 0).any():
        raise ValueError("jacobian: expected norms of at least 0, received a negative one")
    outputs, steps = norms.shape
    rows = checked_mask(mask, (outputs,), "mask", "i")
    columns = checked_mask(source_mask, (steps,), "source_mask", "t")
    if ax is not None:
        wide, high = inches(ax)
        top = Labels(source_tokens, steps, wide / steps, "top")
        image = _panel(ax, norms, rows, columns)
        top.put(ax)
        Labels(tokens, outputs, high / outputs, "left", first).put(ax)
        Title(title, wide).above(ax, 0.12 + top.thickness)
        bar = scale_beside(ax, image, *_ticks(image), size=TEXT_SIZE - 1)
        bar.ax.minorticks_off()
        root: Any = ax.get_figure(root=True)
        return root

    natural = _cell(outputs, _HIGHEST) * outputs
    thickness = Labels(tokens, outputs, natural / outputs, "left", first).thickness
    margin_left, margin_right, below = 0.54 + thickness, 1.15, 0.3
    wide = fitted(_cell(steps, _WIDEST) * steps, wanted_wide, margin_left + margin_right)
    top = Labels(source_tokens, steps, wide / steps, "top")
    heading = Title(title, max(wide + thickness, 5.0 if wanted_wide is None else 0.0))
    margin_top = 0.22 + heading.height + 0.32 + top.thickness
    high = fitted(natural, wanted_high, margin_top + below)
    full_wide = margin_left + wide + max(margin_right, top.overhang + 0.1)
    page = Page(wanted_wide or max(full_wide, heading.width + 0.44), margin_top + high + below)
    axes = page.axes(margin_left, margin_top, wide, high)
    image = _panel(axes, norms, rows, columns)
    top.put(axes)
    Labels(tokens, outputs, high / outputs, "left", first).put(axes)
    heading.put(page.figure, 0.22, 0.2)
    text: dict[str, Any] = {"size": TEXT_SIZE, "color": look().quiet, "ha": "left"}
    page.text(margin_left, margin_top - top.thickness - 0.12, "input →", va="bottom", **text)
    page.text(0.22, margin_top, "← output" if _length("← output") <= high else "←", va="top", rotation=90, **text)
    _scale(page, image, (margin_left + wide + 0.2, margin_top), min(high, 3.2), of)
    return page.figure


def _cell(count: int, room: float) -> float:
    return min(max(_CELL, _SMALLEST_SIDE / count if count > 2 else 0.7), 0.7, room / count)


def _panel(axes: Axes, norms: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Any:
    kept = rows[:, None] & columns
    positive = norms[kept & np.isfinite(norms) & (norms > 0)]
    largest = float(positive.max()) if positive.size else 1.0
    smallest = max(float(positive.min()), largest * 10.0**-_DECADES) if positive.size else 0.1
    shown = np.ma.masked_where(~(norms > 0) | ~np.isfinite(norms), norms)
    style: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest"}
    clear = look().map().with_extremes(bad=(0, 0, 0, 0))
    scale = LogNorm(min(smallest, largest / 1.0001), largest, clip=True)
    image = axes.imshow(shown, cmap=clear, norm=scale, **style)
    if not np.isfinite(norms[kept]).all():
        broken = np.ma.masked_where(np.isfinite(norms), np.ones_like(norms))
        axes.imshow(broken, cmap=ListedColormap([look().bad]), vmin=0, vmax=1, **style)
    axes.spines[:].set_visible(False)
    steps = norms.shape[1]
    boxes = [(-0.5, start - 0.5, steps, length) for start, length in true_runs(~rows)]
    for start, length in true_runs(~columns):
        boxes += [(start - 0.5, top - 0.5, length, high) for top, high in true_runs(rows)]
    for x, y, wide, high in boxes:
        axes.add_patch(Rectangle((x, y), wide, high, **look().hatched))
    axes.set(xlim=(-0.5, steps - 0.5), ylim=(len(norms) - 0.5, -0.5), facecolor=look().paper)
    return image


def _ticks(image: Any) -> tuple[list[float], list[str]]:
    low, high = np.log10(image.norm.vmin), np.log10(image.norm.vmax)
    decades = [10.0**exponent for exponent in range(int(np.ceil(low)), int(np.floor(high)) + 1)]
    if len(decades) < 2:
        ends = [float(image.norm.vmin), float(image.norm.vmax)]
        return ends, [f"{end:.2g}" for end in ends]
    return decades, [power(decade) for decade in decades]


def _scale(page: Page, image: Any, corner: tuple[float, float], high: float, of: str) -> None:
    axes = page.axes(*corner, 0.14, high)
    bar = Colorbar(axes, image)
    ticks, labels = _ticks(image)
    bar.set_ticks(ticks)
    axes.yaxis.set_major_formatter(FuncFormatter(dict(zip(ticks, labels, strict=True)).get))
    axes.yaxis.set_minor_locator(NullLocator())
    bar.outline.set_visible(False)
    axes.tick_params(labelsize=TEXT_SIZE - 1, length=2)
    choices = (f"‖ ∂ {of} / ∂ input ‖", "‖ ∂ / ∂ input ‖")
    caption = next((text for text in choices if _length(text) <= high), None)
    if caption is not None:
        bar.set_label(caption, size=TEXT_SIZE, color=look().quiet, parse_math=False)


def _length(text: str) -> float:
    return text_size(text, [BASE_FAMILY], TEXT_SIZE)[0]
