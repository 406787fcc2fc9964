"""Where things stand on a figure, in inches from its upper left; figures inside somebody else's figure."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure, SubFigure

from kerasrnn.viz.figures.themes import look

Size = tuple[float, float]
_LARGEST = 100.0  # inches


def checked_size(size: Any) -> Size | None:
    """Return width and height in inches, or None; ValueError for what is neither."""
    if size is None:
        return None
    try:
        wide, high = (float(side) for side in size)
    except (TypeError, ValueError) as error:
        raise ValueError(f"size: expected (width, height) in inches, received {size!r}") from error
    if not (0 < wide <= _LARGEST and 0 < high <= _LARGEST):
        raise ValueError(f"size: expected two numbers above 0, up to {_LARGEST:.0f} inches, received {wide:g}x{high:g}")
    return wide, high


def fitted(natural: float, total: float | None, around: float, count: int = 1, gap: float = 0.0) -> float:
    """Inches of one of `count` panels in a row, or in a column: its natural ones, or what `total` leaves for it.

    Args:
        natural: what it takes where nobody asks for a size.
        total: the whole figure's width or height, or None.
        around: inches that margins, labels and scales take of it.
        count: panels side by side, with `gap` between two.

    Raises:
        ValueError: the total leaves less than a third of an inch.
    """
    if total is None:
        return natural
    left = (total - around - (count - 1) * gap) / count
    if left < 1 / 3:
        needed = math.ceil(10 * (around + (count - 1) * gap + count / 3)) / 10
        raise ValueError(f"size: this picture needs at least {needed:g} inches where it was given {total:g}")
    return left


def inches(place: Figure | SubFigure | Axes) -> Size:
    """Width and height of a figure, a subfigure or axes."""
    figure = place.get_figure(root=True)
    dpi = figure.dpi if figure is not None else 100.0
    return float(place.bbox.width / dpi), float(place.bbox.height / dpi)


def wanted_size(size: Any, place: Figure | SubFigure | Axes | None) -> Size | tuple[None, None]:
    """Width and height in inches that a picture must take: those of the place it is drawn on, or the ones asked for."""
    return (inches(place) if place is not None else checked_size(size)) or (None, None)


def root_of(place: Figure | SubFigure | Axes) -> Figure:
    """The figure that somebody's axes or subfigure belong to."""
    figure = place.get_figure(root=True)
    if figure is None:
        raise ValueError("ax: expected axes that belong to a figure, received removed ones")
    return figure


class Page:
    """A new figure of the given size, or the place handed in.

    Args:
        wide: inches.
        high: inches.
        place: a figure, subfigure or axes to draw on, whose size must be that; None makes a figure. Axes show nothing
            of their own any more: what is drawn lies within them.
    """

    def __init__(self, wide: float, high: float, place: Figure | SubFigure | Axes | None = None) -> None:
        self.wide, self.high = wide, high
        self.figure: Any = Figure(figsize=(wide, high)) if place is None else place
        if isinstance(place, Axes):
            place.set_axis_off()
        else:
            self.figure.set_facecolor(look().paper)

    def axes(self, x: float, top: float, wide: float, high: float) -> Axes:
        """Axes whose upper left corner is `x` from the left edge and `top` from the upper one."""
        place = (x / self.wide, 1 - (top + high) / self.high, wide / self.wide, high / self.high)
        return self.figure.inset_axes(place) if isinstance(self.figure, Axes) else self.figure.add_axes(place)

    def text(self, x: float, top: float, text: str, **style: Any) -> None:
        """A text at a place counted as for `axes`."""
        write_on(self.figure, x / self.wide, 1 - top / self.high, text, **style)


def write_on(place: Figure | SubFigure | Axes, x: float, y: float, text: str, **style: Any) -> None:
    """A text on a figure, a subfigure or axes, at shares of its width and height."""
    if isinstance(place, Axes):
        style["transform"] = place.transAxes
    place.text(x, y, text, **style)


def scale_beside(axes: Axes, image: Any, ticks: list[float], labels: list[str], *, size: float) -> Colorbar:
    """The colour scale of axes that somebody else has placed, just right of them."""
    wide, _ = inches(axes)
    bar = Colorbar(axes.inset_axes((1 + 0.08 / wide, 0, 0.1 / wide, 1)), image, ticks=ticks)
    bar.set_ticklabels(labels)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=size, length=2, labelcolor=look().quiet)
    return bar
