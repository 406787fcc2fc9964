"""How hard a loss pulls at the weights of each gate."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasrnn.viz.figures.bptt import norm_scale
from kerasrnn.viz.figures.layout import Page, Size, fitted, inches, root_of, wanted_size
from kerasrnn.viz.figures.style import TEXT_SIZE, Title, styled, text_size
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import drawable, fonts_for
from kerasrnn.viz.names import rank
from kerasrnn.viz.tokens import visible

_STEP, _HIGH, _GAP = 0.26, 2.3, 0.45  # inches
_CAPTIONS = ("‖ ∂ loss / ∂ weight ‖", "over ‖ weight ‖")


@styled
def weight_gradients(
    norms: Mapping[str, np.ndarray],
    *,
    title: str | None = None,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the norm of the gradient of each gate's weights, and that norm over the weights' own, on log scales.

    Args:
        norms: pairs (2,) by `LAYER/WEIGHT/GATE`: the norm, and the norm over that of the weights. A gradient of zero
            has no bar.
        title: a line above; lines too long are wrapped.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the bars need.
        ax: axes in whose place both are drawn, instead of a new figure; `size` is then theirs.

    Returns:
        The figure.

    Raises:
        ValueError: no norms, or others than pairs; an unknown theme; a size too small.
    """
    wanted = wanted_size(size, ax)
    pairs = {name: np.asarray(pair, dtype=float) for name, pair in norms.items()}
    if not pairs or any(pair.shape != (2,) for pair in pairs.values()):
        shapes = {name: pair.shape for name, pair in pairs.items()}
        raise ValueError(f"norms: expected pairs (2,) by name, received shapes {shapes}")
    groups = _groups(list(pairs))
    names = [name for group in groups.values() for name in group]
    texts = [drawable(visible(name.rpartition("/")[2])) for name in names]
    families = fonts_for([*texts, *groups])
    places = _places(groups)
    thick = max(text_size(text, families, TEXT_SIZE - 1)[0] for text in texts) + 0.1
    lines = 0.24 * (1 + max(name.count("/") for name in groups))
    natural = max(_STEP * (places[-1] + 1), 3.4)
    wide = fitted(natural, wanted[0], 0.95 + 0.3)
    heading = Title(title, wide)
    top, below = 0.2 + heading.height + 0.1, thick + lines + 0.25
    high = fitted(_HIGH, wanted[1], top + below, 2, _GAP)
    page = Page(max(0.95 + wide + 0.3, heading.width + 0.44), top + 2 * high + _GAP + below, ax)
    for number in (0, 1):
        axes = page.axes(0.95, top + number * (high + _GAP), wide, high)
        _bars(axes, number, pairs, names, places)
    _names(axes, texts, groups, places, families, thick)
    heading.put(page.figure, 0.22, 0.2)
    return root_of(page.figure)


def _groups(names: list[str]) -> dict[str, list[str]]:
    """Names by `LAYER/WEIGHT`, in a group by gate; a weight that is not divided is a group of its own."""
    weights = ("kernel", "bias", "recurrent_kernel")
    groups: dict[str, list[str]] = {}
    for name in names:
        group = name if name.rpartition("/")[2] in weights else name.rpartition("/")[0] or name
        groups.setdefault(group, []).append(name)
    return {name: sorted(group, key=rank) for name, group in groups.items()}


def _places(groups: Mapping[str, list[str]]) -> list[float]:
    places, x = [], 0.0
    for group in groups.values():
        wide = max(len(group), 4)  # room for the group's name
        places += [x + (wide - len(group)) / 2 + number for number in range(len(group))]
        x += wide + 1
    return places


def _bars(axes: Axes, which: int, pairs: Mapping[str, np.ndarray], names: list[str], places: list[float]) -> None:
    values = np.array([pairs[name][which] for name in names])
    positive = np.where(np.isfinite(values) & (values > 0), values, np.nan)
    norm_scale(axes, positive[np.isfinite(positive)], broken=not np.isfinite(values).all())
    axes.set_ylabel(_CAPTIONS[which], fontsize=TEXT_SIZE, parse_math=False)
    axes.set(xlim=(-1.2, places[-1] + 1.2), xticks=[])
    if np.isfinite(positive).any():
        low = axes.get_ylim()[0]
        axes.bar(places, positive - low, bottom=low, width=0.78, color=look().lines[which])
        axes.set_ylim(low, None)
    for place, value, name in zip(places, values, names, strict=True):
        if not np.isfinite(value) or value == 0:
            said = "0" if value == 0 else "–" if which and np.isfinite(pairs[name][0]) else "NaN"
            style: dict[str, Any] = {"ha": "center", "va": "bottom", "size": TEXT_SIZE - 2, "color": look().quiet}
            style |= {"rotation": 90, "color": look().bad} if said == "NaN" else {}
            axes.text(place, 0.01, said, transform=axes.get_xaxis_transform(), **style)


def _names(
    axes: Axes,
    texts: list[str],
    groups: Mapping[str, list[str]],
    places: list[float],
    families: list[str],
    thick: float,
) -> None:
    font: dict[str, Any] = {"family": families, "size": TEXT_SIZE - 1, "parse_math": False}
    axes.set_xticks(places, texts, rotation=90, **font)
    axes.tick_params(axis="x", length=0)
    coming = iter(places)
    high = inches(axes)[1]
    for name, group in groups.items():
        own = [next(coming) for _ in group]
        middle = (own[0] + own[-1]) / 2
        y = -(thick + 0.08) / high
        axes.plot([own[0] - 0.4, own[-1] + 0.4], [y, y], transform=axes.get_xaxis_transform(), clip_on=False,
                  color=look().edge, linewidth=0.8)  # fmt: skip
        text = drawable(visible(name)).replace("/", "\n").replace("recurrent_kernel", "recurrent")
        style = font | {"ha": "center", "va": "top", "color": look().quiet, "size": TEXT_SIZE - 1.5}
        axes.text(middle, y - 0.04 / high, text, transform=axes.get_xaxis_transform(), **style)
