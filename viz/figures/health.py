"""Which units of a layer are dead or stuck, gate by gate."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from kerasrnn.viz.figures.layout import Page, Size, fitted, inches, root_of, wanted_size
from kerasrnn.viz.figures.style import TEXT_SIZE, Title, styled, text_size
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import drawable, fonts_for
from kerasrnn.viz.names import caption_of, rank
from kerasrnn.viz.statistics import Health
from kerasrnn.viz.tokens import visible

_WIDE, _STRIP, _GAP = 6.4, 0.30, 0.16  # inches
_KINDS = ("healthy", "dead", "stuck at 0", "stuck at 1", "not numbers")
_RULES = ("", " (variance < 10⁻⁶)", " (> 95 % of steps)", " (> 95 % of steps)", "")


@styled
def gates_health(
    health: Mapping[str, Health],
    *,
    title: str | None = None,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure:
    """Draw a strip of all units for each gate and state, the dead and stuck ones in colour, and their numbers.

    Args:
        health: by the name of the gate or state, as `kerasrnn.viz.statistics.health` gives it. A unit that is both
            dead and stuck has the colour of where it is stuck; the numbers count it in both.
        title: a line above; lines too long are wrapped.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the strips need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs. A single strip takes them, without a
            legend; several share their place.
        figure: an empty figure or subfigure to draw on, in place of a new one; `size` is then its own.

    Returns:
        The figure.

    Raises:
        ValueError: nothing to draw, an unknown theme, or a size too small.
    """
    place = figure if ax is None else ax
    wanted_wide, wanted_high = wanted_size(size, place)
    if not health:
        raise ValueError("health: expected at least one gate or state, received none")
    names = sorted(health, key=lambda name: (list(health).index(_first_of(name, health)), rank(name)))
    most = max(len(item.variance) for item in health.values())
    if ax is not None and len(names) == 1:
        _strip(ax, health[names[0]], most)
        return root_of(ax)
    captions = [drawable(visible(caption_of(name).split(" (")[0])) for name in names]
    numbers = [_numbers(health[name]) for name in names]
    families = fonts_for(captions)
    margin_left = 0.42 + max(text_size(text, families, TEXT_SIZE)[0] for text in captions)
    margin_right = 0.36 + max(text_size(text, families, TEXT_SIZE)[0] for text in numbers)
    wide = fitted(_WIDE, wanted_wide, margin_left + margin_right)
    heading = Title(title, max(margin_left + wide + margin_right - 0.44, 1.0))
    margin_top, below = 0.2 + heading.height + 0.1, 0.98
    gap = _GAP
    high = fitted(_STRIP * len(names) + gap * (len(names) - 1), wanted_high, margin_top + below)
    gap = _GAP if wanted_high is None else min(_GAP, high / len(names) * 0.3)
    strip = (high - gap * (len(names) - 1)) / len(names)
    page = Page(margin_left + wide + margin_right, margin_top + high + below, place)
    style: dict[str, Any] = {"size": TEXT_SIZE, "va": "center", "parse_math": False, "family": families}
    for row, name in enumerate(names):
        top = margin_top + row * (strip + gap)
        axes = page.axes(margin_left, top, wide, strip)
        _strip(axes, health[name], most)
        page.text(margin_left - 0.12, top + strip / 2, captions[row], ha="right", color=look().ink, **style)
        page.text(margin_left + wide + 0.12, top + strip / 2, numbers[row], ha="left", color=look().quiet, **style)
        if row == len(names) - 1:
            axes.set_xticks(sorted({0, most - 1}), [str(unit) for unit in sorted({0, most - 1})])
            axes.tick_params(axis="x", labelsize=TEXT_SIZE - 1.5, length=2, labelcolor=look().quiet)
            axes.set_xlabel("unit", fontsize=TEXT_SIZE - 1, labelpad=-6)
    _legend(page, margin_top + high + 0.62, health)
    heading.put(page.figure, 0.22, 0.2)
    return root_of(page.figure)


def _first_of(name: str, health: Mapping[str, Health]) -> str:
    """The first name with the same prefix, so that directions keep their order."""
    prefix = name.rpartition("/")[0]
    return next(other for other in health if other.rpartition("/")[0] == prefix)


def _colours() -> list[str]:
    style = look()
    return [style.grid, style.ink, style.lines[0], style.lines[1], style.bad]


def kinds_of(health: Health) -> np.ndarray:
    """The kind (u,) of each unit: 0 healthy, 1 dead, 2 stuck at 0, 3 stuck at 1, 4 not a number."""
    kinds = np.where(health.dead, 1, 0)
    kinds = np.where(np.isnan(health.variance), 4, kinds)
    return np.where(health.left, 2, np.where(health.right, 3, kinds))


def _strip(axes: Axes, health: Health, most: int) -> None:
    units = len(health.variance)
    style: dict[str, Any] = {"cmap": ListedColormap(_colours()), "vmin": -0.5, "vmax": 4.5, "aspect": "auto"}
    axes.imshow(kinds_of(health)[None], interpolation="nearest", **style)
    axes.set(xlim=(-0.5, most - 0.5), ylim=(0.5, -0.5))
    axes.set_yticks([])
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    wide = inches(axes)[0]
    if wide / most > 0.06:
        axes.vlines(np.arange(1, units) - 0.5, -0.5, 0.5, colors=look().paper, linewidths=0.6)


def _numbers(health: Health) -> str:
    """What is wrong, as `3 dead, 1 stuck at 0 of 128`."""
    counts = health.counts()
    wrong = [f"{count} {kind}" for kind, count in counts.items() if kind != "units" and count]
    return f"{', '.join(wrong)} of {counts['units']}" if wrong else f"all {counts['units']} healthy"


def _legend(page: Page, top: float, health: Mapping[str, Health]) -> None:
    present = set(np.concatenate([kinds_of(item) for item in health.values()]).tolist()) | {0, 1, 2, 3}
    x, line = 0.3, 0.0
    for kind, (name, rule, colour) in enumerate(zip(_KINDS, _RULES, _colours(), strict=True)):
        if kind not in present:
            continue
        text = name + rule
        taken = 0.24 + text_size(text, fonts_for([text]), TEXT_SIZE - 1)[0] + 0.25
        if x > 0.3 and x + taken > page.wide - 0.1:
            x, line = 0.3, line + 0.2
        place = (x / page.wide, 1 - (top + line + 0.06) / page.high)
        whole = page.figure.transAxes if isinstance(page.figure, Axes) else page.figure.transSubfigure
        page.figure.add_artist(Rectangle(place, 0.14 / page.wide, 0.12 / page.high, facecolor=colour, transform=whole))
        style: dict[str, Any] = {"size": TEXT_SIZE - 1, "color": look().quiet, "va": "center", "ha": "left"}
        page.text(x + 0.2, top + line, text, **style)
        x += taken
