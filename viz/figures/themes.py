"""The looks of a figure: on white paper, on a dark slide, and in the greys of a printer."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.colors import Colormap


@dataclass(frozen=True)
class Look:
    """Colours by what they are for.

    Attributes:
        paper: behind everything.
        ink: text that carries the message; `quiet` for captions and units, `edge` for axes, `grid` for grids.
        hatch: of padding; `shade` is the surface under it.
        weights: name of the map for 0 to 1, monotone in lightness; `signed` of the one around zero.
        bad: of values that are no numbers, in neither map.
        lines: for lines and dots, in this order; `dashes` go with them where colours are few.
    """

    paper: str
    ink: str
    quiet: str
    edge: str
    grid: str
    hatch: str
    shade: str
    weights: str
    signed: str
    bad: str
    lines: tuple[str, ...]
    dashes: tuple[Any, ...] = ("-",)

    @property
    def directions(self) -> dict[str, str]:
        """The colours of the two directions of a bidirectional layer."""
        return {"forward": self.lines[0], "backward": self.lines[1]}

    @property
    def hatched(self) -> dict[str, Any]:
        """How padding is drawn, as keywords of a patch."""
        return {"facecolor": self.shade, "edgecolor": self.hatch, "hatch": "////", "lw": 0}

    def line(self, number: int) -> dict[str, Any]:
        """Colour and dashes of the `number`-th line, as keywords of `Axes.plot`."""
        return {
            "color": self.lines[number % len(self.lines)],
            "linestyle": self.dashes[number % len(self.dashes)],
        }

    def map(self, signed: bool = False) -> Colormap:
        """The colour map for values from 0 to 1, or for those around zero; NaN has a colour of its own."""
        return _map(self.signed if signed else self.weights, self.bad)

    @property
    def settings(self) -> dict[str, Any]:
        """What of this is Matplotlib's settings."""
        return {
            "axes.edgecolor": self.edge,
            "axes.facecolor": self.paper,
            "axes.labelcolor": self.quiet,
            "figure.facecolor": self.paper,
            "hatch.color": self.hatch,
            "text.color": self.ink,
            "xtick.color": self.edge,
            "xtick.labelcolor": self.ink,
            "ytick.color": self.edge,
            "ytick.labelcolor": self.ink,
        }


@functools.cache
def _map(name: str, bad: str) -> Colormap:
    return matplotlib.colormaps[name].with_extremes(bad=bad)


_LIGHT: dict[str, Any] = {
    "paper": "#ffffff",
    "ink": "#1a1a1a",
    "quiet": "#5a5a5a",
    "edge": "#8a8a8a",
    "grid": "#e2e2e2",
    "hatch": "#9a9a9a",
    "shade": "#ececec",
    "weights": "viridis",
    "signed": "RdBu_r",
    "bad": "#ff3df2",
    "lines": ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"),  # Okabe and Ito (2008)
}
LOOKS = {
    "light": Look(**_LIGHT),
    "dark": Look(
        paper="#15171c",
        ink="#ececec",
        quiet="#b0b4bb",
        edge="#7b8088",
        grid="#33373f",
        hatch="#6a6f78",
        shade="#282b32",
        weights="viridis",
        signed="berlin",  # black in the middle (Crameri, 2018): white there would outshine both ends
        bad="#ff3df2",
        lines=("#56b4e9", "#e69f00", "#2fbf93", "#e8a1c8", "#f0e442", "#e8743b"),
    ),
    "print": Look(
        **_LIGHT
        | {
            "ink": "#000000",
            "quiet": "#404040",
            "weights": "gray_r",
            "lines": ("#000000", "#777777", "#444444", "#a0a0a0"),
            "dashes": ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2))),
        }
    ),
}
THEMES = tuple(LOOKS)

_CURRENT: ContextVar[Look] = ContextVar("look", default=LOOKS["light"])


def look() -> Look:
    """The look of the figure that is being drawn; functions under `@styled` ask for it."""
    return _CURRENT.get()


@contextmanager
def themed(theme: str) -> Iterator[Look]:
    """Draw under the theme of that name; ValueError for a name that is none."""
    if theme not in LOOKS:
        raise ValueError(f"theme: expected one of {', '.join(THEMES)}, received {theme!r}")
    before = _CURRENT.set(LOOKS[theme])
    try:
        yield LOOKS[theme]
    finally:
        _CURRENT.reset(before)
