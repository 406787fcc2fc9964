"""What an intervention does to each target: bars of the change of its log-probability."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasrnn.viz.arrays import checked_mask
from kerasrnn.viz.figures.layout import Page, Size, checked_size, fitted, inches
from kerasrnn.viz.figures.style import TEXT_SIZE, Labels, Title, styled, true_runs
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import drawable, fonts_for
from kerasrnn.viz.tokens import isolate

_WIDEST, _NARROWEST, _STEP, _HIGH, _LEFT, _RIGHT, _LINE = 10.5, 5.2, 0.45, 3.0, 0.9, 0.3, 0.25  # inches
_LEAST = 0.1  # natural logarithms: what a scale shows at least, so that noise does not fill it


@styled
def intervention_bars(
    change: np.ndarray,
    tokens: Sequence[str] | None = None,
    *,
    chosen: Sequence[str] | None = None,
    before: str | None = None,
    after: str | None = None,
    measure: str = "log p",
    mask: np.ndarray | None = None,
    title: str | None = None,
    first: int = 0,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw, for each target, how the logarithm of its probability changes, up where it becomes more probable.

    A change of minus infinity (a probability of 0) is drawn to the edge, with an arrow; one that is NaN is magenta.

    Args:
        change: (t,), log p with the intervention less log p without.
        tokens: t strings, the targets; None numbers the steps from `first`.
        chosen: t strings, what the model would choose at each step with the intervention; drawn above where it differs
            from the target.
        before, after: what the model writes without and with the intervention; None for nothing.
        measure: what changes.
        mask: (t,) bool, False where the sequence is padding.
        title: a line above; lines too long are wrapped.
        first: the number of the first step, where they are a window of a longer sequence.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the steps need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs.

    Returns:
        The figure.

    Raises:
        ValueError: no steps, or a mask or strings that do not fit them; an unknown theme; a size too small.
    """
    wanted = checked_size(size) or (None, None)
    values = np.asarray(change, dtype=float)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"change: expected a non-empty array (t,), received one of shape {values.shape}")
    steps = len(values)
    kept = checked_mask(mask, (steps,), letters="t")
    if chosen is not None and len(chosen) != steps:
        raise ValueError(f"chosen: expected {steps} strings, received {len(chosen)}")
    said = [f"{name}  {isolate(text)}" for name, text in (("before:", before), ("after:", after)) if text is not None]
    differs = None
    if chosen is not None and tokens is not None:
        pairs = zip(chosen, [*tokens, *[""] * steps][:steps], kept, strict=True)
        differs = [new if new != old and keep else "" for new, old, keep in pairs]
    if ax is None:
        natural = min(max(_STEP * steps, _NARROWEST), _WIDEST)
        wide = fitted(natural, wanted[0], _LEFT + _RIGHT)
        bottom, top = Labels(tokens, steps, wide / steps, "bottom", first), _above(differs, wide)
        heading = Title(title, wide)
        over = (0.34 + top.thickness) if top is not None else 0.1
        margin = 0.2 + heading.height + _LINE * len(said) + over
        high = fitted(_HIGH, wanted[1], margin + bottom.thickness + 0.48)
        full = wanted[0] or max(_LEFT + wide + _RIGHT, heading.width + 0.44)
        page = Page(full, margin + high + bottom.thickness + 0.48)
        heading.put(page.figure, 0.22, 0.2)
        for row, text in enumerate(said):
            _say(page, text, 0.2 + heading.height + _LINE * row, full - 0.3)
        axes = page.axes(_LEFT, margin, wide, high)
    else:
        axes, (wide, _) = ax, inches(ax)
        bottom, top = Labels(tokens, steps, wide / steps, "bottom", first), _above(differs, wide)
        over = 0.1 if top is None else 0.3 + top.thickness
        Title("\n".join(filter(None, [title, *said])), wide).above(axes, over)
    _bars(axes, values, kept, measure)
    bottom.put(axes)
    axes.set_xlabel("target" if measure == "log p" else "step")
    if top is not None:
        twin = axes.twiny()
        twin.set_facecolor("none")
        twin.set_xlim(axes.get_xlim())
        twin.spines[:].set_visible(False)
        top.put(twin)
        twin.set_xlabel("would now be", labelpad=4)
    root: Any = axes.get_figure(root=True)
    return root


def _above(differs: list[str] | None, wide: float) -> Labels | None:
    return None if differs is None or not any(differs) else Labels(differs, len(differs), wide / len(differs), "top")


def _say(page: Page, text: str, top: float, room: float) -> None:
    """A line that is cut where it does not fit."""
    line = Title(text, room).text.split("\n")
    shown = line[0] if len(line) == 1 else f"{line[0]} …"
    font: dict[str, Any] = {"family": fonts_for([shown]), "size": TEXT_SIZE + 1, "color": look().quiet, "va": "top"}
    page.text(0.22, top, drawable(shown), parse_math=False, **font)


def _bars(axes: Axes, values: np.ndarray, kept: np.ndarray, measure: str) -> None:
    steps = len(values)
    finite = np.abs(values[kept & np.isfinite(values)])
    limit = max(_LEAST, float(finite.max(initial=0.0)) * 1.08)
    shown = np.where(kept, np.clip(np.nan_to_num(values, nan=0.0, posinf=limit, neginf=-limit), -limit, limit), 0.0)
    colours = [look().map(signed=True)(0.88 if value > 0 else 0.12) for value in shown]
    axes.bar(np.arange(steps), shown, width=0.72 if steps <= 150 else 1.0, color=colours, linewidth=0)
    axes.axhline(0, color=look().edge, linewidth=0.8)
    axes.set(xlim=(-0.5, steps - 0.5), ylim=(-limit, limit))
    for start, length in true_runs(~kept):
        axes.axvspan(start - 0.5, start + length - 0.5, **look().hatched, zorder=0)
    style: dict[str, Any] = {"ha": "center", "size": TEXT_SIZE, "color": look().ink}
    for step in np.flatnonzero(kept & ~np.isfinite(values)):
        down = not values[step] > 0
        if np.isnan(values[step]):
            axes.axvspan(step - 0.36, step + 0.36, color=look().bad, lw=0, zorder=0)
            continue
        place = (float(step), -limit if down else limit)
        axes.text(*place, "▼" if down else "▲", va="bottom" if down else "top", **style)
    axes.set_ylabel(f"change of {measure}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
    axes.tick_params(axis="y", labelsize=TEXT_SIZE - 1, labelcolor=look().quiet)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.grid(axis="y", color=look().grid, linewidth=0.7)
    axes.set_axisbelow(True)
