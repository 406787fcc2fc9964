"""How long a layer remembers: the half-life of each unit, and what is left at each step of every step before."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from kerasrnn.viz.arrays import checked_mask
from kerasrnn.viz.figures.layout import Page, Size, fitted, inches, root_of, scale_beside, wanted_size
from kerasrnn.viz.figures.style import TEXT_SIZE, Labels, Title, styled, text_size, true_runs
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import drawable, fonts_for
from kerasrnn.viz.tokens import visible

_SIDE, _HIGH, _MOST = 3.6, 1.7, 2000  # inches, inches, steps
_SHORTEST, _LONGEST = -3, 14  # powers of two: an eighth of a step, 16 384 steps
_DIRECT = "direct path only"


@styled
def gates_memory(
    half_lives: Mapping[str, np.ndarray],
    retention: Mapping[str, np.ndarray],
    tokens: Sequence[str] | None = None,
    *,
    title: str | None = None,
    mask: np.ndarray | None = None,
    of: str = "mean of all units",
    backwards: Collection[str] = ("backward",),
    first: int = 0,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure:
    """Draw a histogram of half-lives, and under it the retention from step to step; a column a part of the layer.

    Both follow the direct path alone, on which a gate keeps a share of the state: what recurrent weights bring back
    does not count. The dotted line is the length of the sequence: units to its right keep half of what they have read
    to the end.

    Args:
        half_lives: steps (u,) by label, usually `forward` and `backward`; a label may be empty.
        retention: (t, t) by the same labels, row t, column k, NaN where there is none, as
            `kerasrnn.viz.statistics.retention` gives it.
        tokens: t strings; None numbers the steps from 0.
        title: a line above; lines too long are wrapped.
        mask: (t,) bool, False where the sequence is padding.
        of: whose retention it is, for the caption.
        backwards: the labels of parts that work from the last step to the first.
        first: the number of the first step, where they are a window of a longer sequence.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the panels need.
        ax: axes in whose place all of it is drawn, instead of a new figure; `size` is then theirs.
        figure: an empty figure or subfigure to draw on, in place of a new one; `size` is then its own.

    Returns:
        The figure.

    Raises:
        ValueError: no parts, labels or shapes that do not agree, negative half-lives, more than 2000 steps, an unknown
            theme, or a size too small.
    """
    place = figure if ax is None else ax
    wanted_wide, wanted_high = wanted_size(size, place)
    steps = _steps(half_lives, retention)
    kept = checked_mask(mask, (steps,), letters="t")
    across, gap_x, gap_y, margin_right = len(half_lives), 1.3, 0.95, 0.75
    natural = max(_SIDE, min(0.3 * steps, 5.4 if across == 1 else 4.6))
    thickness = Labels(tokens, steps, natural / steps, "left", first).thickness
    margin_left = max(0.85, 0.5 + thickness)
    gap_x = max(gap_x, margin_left + 0.4)
    wide = fitted(natural, wanted_wide, margin_left + margin_right, across, gap_x)
    bottom = Labels(tokens, steps, wide / steps, "bottom", first)
    heading = Title(title, max(across * wide + (across - 1) * gap_x, 5.0 if wanted_wide is None else 0.0))
    margin_top, below = 0.2 + heading.height + 0.3, bottom.thickness + 0.42
    upper = _HIGH if wanted_high is None else fitted(_HIGH, wanted_high, margin_top + below, 2, gap_y) * 0.7
    high = fitted(min(natural, 4.6), wanted_high, margin_top + upper + gap_y + below)
    left = Labels(tokens, steps, high / steps, "left", first)
    full_wide = margin_left + across * wide + (across - 1) * gap_x + margin_right
    full_wide = wanted_wide or max(full_wide, heading.width + 0.44)
    page = Page(full_wide, margin_top + upper + gap_y + high + below, place)
    for column, label in enumerate(half_lives):
        x = margin_left + column * (wide + gap_x)
        colour = look().lines[1 if label == "backward" else 0]
        _histogram(page.axes(x, margin_top, wide, upper), label, half_lives[label], int(kept.sum()), colour)
        axes = page.axes(x, margin_top + upper + gap_y, wide, high)
        _map(axes, retention[label], kept, of, label in backwards)
        bottom.put(axes)
        left.put(axes)
        axes.set_xlabel("of the state after this step …", fontsize=TEXT_SIZE - 1)
        style: dict[str, Any] = {"size": TEXT_SIZE - 1, "color": look().quiet, "rotation": 90, "va": "center"}
        page.text(
            x - left.thickness - 0.24, margin_top + upper + gap_y + high / 2, "… is left here", ha="center", **style
        )
    heading.put(page.figure, 0.22, 0.2)
    return root_of(page.figure)


def _steps(half_lives: Mapping[str, np.ndarray], retention: Mapping[str, np.ndarray]) -> int:
    if not half_lives or list(half_lives) != list(retention):
        raise ValueError(
            f"retention: expected the labels {list(half_lives)} of the half-lives, received {list(retention)}"
        )
    shapes = {label: np.shape(array) for label, array in retention.items()}
    steps = next(iter(shapes.values()))[0] if next(iter(shapes.values())) else 0
    if not steps or any(shape != (steps, steps) for shape in shapes.values()):
        raise ValueError(f"retention: expected non-empty arrays (t, t) of one size, received shapes {shapes}")
    if steps > _MOST:
        raise ValueError(f"retention: expected at most {_MOST} steps, received {steps}; choose a window of them")
    for label, lives in half_lives.items():
        if np.ndim(lives) != 1 or not len(lives) or (np.asarray(lives) < 0).any():
            raise ValueError(
                f"half_lives: expected a non-empty array (u,) of at least 0 for {label!r}, received {lives!r}"
            )
    return int(steps)


def _histogram(axes: Axes, label: str, lives: np.ndarray, steps: int, colour: str) -> None:
    """By powers of two, each halved; what lies beyond either end counts at that end, and is said."""
    known = lives[~np.isnan(lives)]
    longest = int(
        np.clip(np.ceil(np.log2(max(known[np.isfinite(known)].max(initial=1.0), steps, 2.0))) + 1, 4, _LONGEST)
    )
    edges = 2.0 ** np.arange(_SHORTEST, longest + 0.5, 0.5)
    counts, _ = np.histogram(np.clip(known, edges[0], edges[-1]), edges)
    axes.stairs(counts, edges, fill=True, color=colour, alpha=0.85)
    axes.set_xscale("log", base=2)
    axes.set_xlim(edges[0], edges[-1])
    ticks = [2.0**power for power in range(_SHORTEST, longest + 1, 2 if longest - _SHORTEST > 8 else 1)]
    axes.set_xticks(ticks, [f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(0, max(int(counts.max(initial=0)), 1) * 1.12)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(labelsize=TEXT_SIZE - 1.5, length=2, labelcolor=look().quiet)
    axes.axvline(steps, color=look().ink, linewidth=1.0, linestyle=(0, (2, 2)))
    style: dict[str, Any] = {"size": TEXT_SIZE - 2, "color": look().quiet, "rotation": 90, "va": "top"}
    left = steps > edges[-1] / 2
    axes.annotate("sequence", (steps, 1), (-3 if left else 3, -2), xycoords=axes.get_xaxis_transform(),
                  textcoords="offset points", ha="right" if left else "left", **style)  # fmt: skip
    axes.set_xlabel(f"half-life in steps, {_DIRECT}", fontsize=TEXT_SIZE - 1, labelpad=2)
    axes.set_ylabel("units", fontsize=TEXT_SIZE - 1)
    never, broken = int(np.isinf(known).sum()), int(np.isnan(lives).sum())
    said = [f"{never} never forget"] * bool(never) + [f"{broken} NaN"] * bool(broken)
    middle = f"median {_short(float(np.median(known)))}" if len(known) else ""
    name = f"{drawable(visible(label))}: " if label else ""
    text = ", ".join(filter(None, [middle, *said]))
    _caption(axes, [f"{name}half-lives: {text}", f"{name}{text}", f"{name}half-lives"], 0.5)


def _map(axes: Axes, shares: np.ndarray, kept: np.ndarray, of: str, backwards: bool) -> None:
    steps = len(kept)
    after = np.triu(np.ones((steps, steps), bool), 1) if not backwards else np.tril(np.ones((steps, steps), bool), -1)
    colours = look().map().with_extremes(under=look().paper, bad=look().bad)  # nothing can be there
    shown = np.where(after, -1.0, shares)
    image = axes.imshow(shown, cmap=colours, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    for start, length in true_runs(~kept):
        axes.axvspan(start - 0.5, start + length - 0.5, **look().hatched)
        axes.axhspan(start - 0.5, start + length - 0.5, **look().hatched)
    axes.set(xlim=(-0.5, steps - 0.5), ylim=(steps - 0.5, -0.5))
    axes.spines[:].set_visible(False)
    bad = int(np.isnan(shares[~after]).sum())
    text = of + (f"  ({bad} NaN)" if bad else "")
    _caption(axes, [f"retention, {_DIRECT}: {text}", f"{text}, {_DIRECT}", f"retention, {text}", text], 0.0)
    scale_beside(axes, image, [0, 0.5, 1], ["0", "0.5", "1"], size=TEXT_SIZE - 1.5)


def _caption(axes: Axes, options: list[str], room: float) -> None:
    """The first of the captions that fits the panel, and `room` inches beside it."""
    families = fonts_for(options)
    wide = inches(axes)[0] + room
    fitting = [option for option in options if text_size(option, families, TEXT_SIZE)[0] <= wide] or options[-1:]
    axes.set_title(fitting[0], loc="left", pad=4, parse_math=False, family=families, size=TEXT_SIZE, color=look().ink)


def _short(value: float) -> str:
    return "∞" if np.isinf(value) else f"{value:.2g}" if value < 100 else f"{value:.0f}"
