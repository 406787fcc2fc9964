"""How far back the loss reaches: the norm of its gradient with respect to the state at every step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from kerasrnn.viz.arrays import checked_mask
from kerasrnn.viz.figures.layout import Page, Size, checked_size, fitted, inches, root_of
from kerasrnn.viz.figures.style import (
    TEXT_SIZE,
    TOKEN_SIZE,
    Labels,
    Title,
    styled,
    text_size,
    true_runs,
)
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import drawable, fonts_for
from kerasrnn.viz.tokens import visible

_WIDEST, _NARROWEST, _HIGH, _STEP = 10.5, 6.0, 3.8, 0.36  # inches
_ROW = 0.28  # inches, of the lines above the axes
_SHARE = 0.01  # of the largest norm, where the horizon ends
_ONE_PERCENT = "1 % of\nthe largest"
NOTHING, ALL_BROKEN = "no gradient reaches this layer", "the gradient is NaN or infinite"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@styled
def bptt_curve(
    norms: Mapping[str, np.ndarray],
    tokens: Sequence[str] | None = None,
    *,
    horizon: Mapping[str, Mapping[str, int] | None] | None = None,
    title: str | None = None,
    mask: np.ndarray | None = None,
    at: int | None = None,
    first: int = 0,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the gradient norm at every step on a log scale, one line a direction.

    Steps whose norm is zero (masked, or out of reach of the loss) have no point; those where it is NaN or infinite are
    magenta. The horizon is the largest distance, in steps kept and in the order the layer works in, at which the norm
    is still 1 % of its largest.

    Args:
        norms: (t,) each, by label, usually `forward` and `backward`; a label may be empty.
        tokens: t strings; None numbers the steps from 0.
        horizon: by label, `{"steps": n, "from": farthest position, "to": position counted from}`; None marks nothing.
        title: a line above; lines too long are wrapped.
        mask: (t,) bool, False where the sequence is padding.
        at: the position of the loss on this axis, where it has one.
        first: the number of the first step, where they are a window of a longer sequence.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the steps need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs.

    Returns:
        The figure.

    Raises:
        ValueError: no norms, norms of different lengths or below zero, a mask that does not fit them, an unknown theme,
            or a size too small.
    """
    wanted = checked_size(size)
    values = {name: np.asarray(norm, dtype=float) for name, norm in norms.items()}
    steps = _steps(values)
    kept = checked_mask(mask, (steps,), letters="t")
    if at is not None and not 0 <= at < steps:
        raise ValueError(f"at: expected a position from 0 to {steps - 1}, received {at}")
    marks = {name: mark for name, mark in (horizon or {}).items() if mark is not None and name in values}

    header = _ROW * len(values) + 0.1
    if ax is None:
        margin_left, margin_right = 0.95, 0.85
        natural = min(max(_STEP * steps, _NARROWEST), _WIDEST)
        wide = fitted(natural, wanted and wanted[0], margin_left + margin_right)
        bottom = Labels(tokens, steps, wide / steps, "bottom", first)
        heading = Title(title, wide)
        margin_top = 0.2 + heading.height + header
        high = fitted(_HIGH, wanted and wanted[1], margin_top + bottom.thickness + 0.3)
        full_wide = max(margin_left + wide + margin_right, heading.width + 0.44)
        page = Page(full_wide, margin_top + high + bottom.thickness + 0.3)
        axes = page.axes(margin_left, margin_top, wide, high)
        heading.put(page.figure, 0.22, 0.2)
    else:
        axes, (wide, _) = ax, inches(ax)
        bottom = Labels(tokens, steps, wide / steps, "bottom", first)
        Title(title, wide).above(axes, header)

    directions = look().directions
    colours = {name: directions.get(name, look().line(row)["color"]) for row, name in enumerate(values)}
    for row, (name, norm) in enumerate(values.items()):
        shown = np.where(kept & (norm > 0) & np.isfinite(norm), norm, np.nan)
        dots: dict[str, Any] = {"marker": "o", "markersize": 5 if steps <= 60 else 2.5} if steps <= 150 else {}
        style = look().line(row) | {"color": colours[name]}
        axes.plot(np.arange(steps), shown, linewidth=1.8, label=name, **style, **dots)
    broken = kept & ~np.isfinite(np.sum(list(values.values()), axis=0))
    thresholds = [_SHARE * values[name][kept].max() for name in marks]
    positive = np.concatenate([*[norm[kept & (norm > 0)] for norm in values.values()], thresholds])
    norm_scale(axes, positive, broken=bool(broken.any()))
    for start, length in true_runs(broken):
        axes.axvspan(start - 0.5, start + length - 0.5, color=look().bad, lw=0, zorder=0)
    axes.set_xlim(-0.5, steps - 0.5)
    for start, length in true_runs(~kept):
        span = (start - 0.5, start + length - 0.5)
        axes.axvspan(*span, **look().hatched, zorder=0)
    if at is not None:
        axes.axvline(at, color=look().ink, linewidth=1.0, linestyle=(0, (2, 2)), zorder=1)
        style = {"size": TEXT_SIZE, "color": look().ink, "va": "bottom", "rotation": 90}
        right = at > steps / 2
        axes.annotate("loss", (at, 0), (-4 if right else 4, 4), xycoords=axes.get_xaxis_transform(),
                      textcoords="offset points", ha="right" if right else "left", **style)  # fmt: skip
    _headers(axes, values, marks, colours, kept)
    bottom.put(axes)
    return root_of(axes)


def _steps(values: Mapping[str, np.ndarray]) -> int:
    shapes = {name: norm.shape for name, norm in values.items()}
    if not values or any(len(shape) != 1 or 0 in shape for shape in shapes.values()) or len(set(shapes.values())) > 1:
        raise ValueError(f"norms: expected non-empty arrays (t,) of one length, received shapes {shapes}")
    if any((norm < 0).any() for norm in values.values()):
        raise ValueError("norms: expected values of at least 0, received a negative one")
    return next(iter(shapes.values()))[0]


def norm_scale(axes: Axes, positive: np.ndarray, *, broken: bool = False) -> None:
    """A log scale for norms, of which the `positive` ones are to be seen; `broken` if there are some not finite."""
    numbers = positive[np.isfinite(positive)]
    axes.set_ylabel("‖ ∂ loss / ∂ state ‖", fontsize=TEXT_SIZE + 0.5, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    if not len(numbers):
        axes.set_yticks([])
        text: dict[str, Any] = {"size": TOKEN_SIZE, "color": look().quiet, "ha": "center", "va": "center"}
        text["bbox"] = {"facecolor": look().paper, "edgecolor": "none", "pad": 3.0}
        said = ALL_BROKEN if broken else NOTHING
        axes.text(0.5, 0.5, said, transform=axes.transAxes, **text)
        return
    axes.set_yscale("log")
    low, high = numbers.min(), numbers.max()
    axes.set_ylim(10 ** np.floor(np.log10(low / 1.5)), 10 ** np.ceil(np.log10(high * 1.5)))
    decades = np.log10(axes.get_ylim()[1] / axes.get_ylim()[0])
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(power))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if decades > 6:
        axes.yaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="y", labelsize=TEXT_SIZE)
    axes.grid(axis="y", color=look().grid, linewidth=0.7)
    axes.set_axisbelow(True)


def power(value: float, _: int | None = None) -> str:
    """A power of ten as text, for a log axis."""
    return "10" + str(round(float(np.log10(value)))).translate(_SUPERSCRIPTS)


def _headers(
    axes: Axes,
    values: Mapping[str, np.ndarray],
    marks: Mapping[str, Mapping[str, int]],
    colours: Mapping[str, str],
    kept: np.ndarray,
) -> None:
    """Above the axes, one row a line: a dimension line from end to end of its horizon, with its length in steps."""
    wide, high = inches(axes)
    pitch = wide / len(kept)
    for row, name in enumerate(values):
        y = 1 + (0.17 + _ROW * (len(values) - 1 - row)) / high
        mark, norm = marks.get(name), values[name]
        text = visible(name)
        begin, end = 0.0, 0.0
        if mark is not None:
            whole = mark["steps"] == kept.sum() - 1
            length = f"horizon {mark['steps']} step{'' if mark['steps'] == 1 else 's'}"
            text = f"{text}: {length}" if text else length
            text += ", the whole sequence" if whole else ""
            begin, end = sorted((mark["from"], mark["to"]))
            arrow = {"arrowstyle": "<|-|>,head_width=0.18,head_length=0.35", "color": colours[name], "lw": 1.2}
            line: dict[str, Any] = {"xycoords": axes.get_xaxis_transform(), "textcoords": axes.get_xaxis_transform()}
            if begin < end:
                axes.annotate("", (begin, y), (end, y), **line, arrowprops=arrow | {"shrinkA": 0, "shrinkB": 0})
            _threshold(axes, _SHARE * norm[kept].max(), colours[name])
        elif bad := int((kept & ~np.isfinite(norm)).sum()):
            text = ": ".join(filter(None, [text, f"{bad} NaN or infinite"]))
        if text:
            text = drawable(text)
            font: dict[str, Any] = {"family": fonts_for([text]), "size": TEXT_SIZE + 0.5, "color": colours[name]}
            taken = text_size(text, font["family"], TEXT_SIZE + 0.5)[0] + 0.1
            left, right = (begin + 0.5) * pitch, (end + 0.5) * pitch
            if mark is None:
                x = taken / 2
            elif right - left > taken + 0.3:
                x = (left + right) / 2
            elif left > taken + 0.1:
                x = left - 0.08 - taken / 2
            elif right + taken + 0.1 < wide:
                x = right + 0.08 + taken / 2
            else:  # over the line
                x = min(max((left + right) / 2, taken / 2), wide - taken / 2)
            box = {"facecolor": look().paper, "edgecolor": "none", "pad": 2.0}
            place: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes}
            axes.text(x / wide, y, text, **place, **font, parse_math=False, bbox=box)


def _threshold(axes: Axes, value: float, colour: str) -> None:
    axes.axhline(value, color=colour, linewidth=0.8, linestyle=(0, (5, 4)), alpha=0.8, zorder=1)
    if not any(text.get_text() == _ONE_PERCENT for text in axes.texts):
        place: dict[str, Any] = {
            "transform": axes.get_yaxis_transform(),
            "ha": "left",
            "va": "center",
            "linespacing": 1.1,
        }
        axes.text(1.01, value, _ONE_PERCENT, **place, size=TEXT_SIZE - 1.5, color=look().quiet)
