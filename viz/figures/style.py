"""What all figures share: one look whatever the reader's Matplotlib settings, and labels measured before layout."""

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib import rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.transforms import ScaledTranslation

from kerasrnn.viz.figures.layout import inches, write_on
from kerasrnn.viz.figures.themes import look, themed
from kerasrnn.viz.fonts import drawable, fonts_for
from kerasrnn.viz.tokens import label, title_text

TOKEN_SIZE, SMALLEST_TOKEN, TEXT_SIZE, TITLE_SIZE = 11.0, 7.5, 10.0, 13.0  # points

_MOST_LINES = 4  # of a title
_LEFT_ALONE = ("backend", "interactive", "toolbar", "webagg", "tk.", "savefig.directory", "keymap", "datapath")
RC: Any = {
    **{name: value for name, value in rcParamsDefault.items() if not name.startswith(_LEFT_ALONE)},
    "axes.labelsize": TEXT_SIZE,
    "axes.linewidth": 0.8,
    "font.size": TEXT_SIZE,
    "hatch.linewidth": 0.6,
    "image.interpolation": "nearest",
    "text.parse_math": False,
}

P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run `draw` under this project's settings, whatever style the caller has set, and leave theirs untouched.

    Its keyword `theme`, if it is given, chooses the `look()` that it draws with.
    """

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with themed(str(kwargs.get("theme", "light"))) as chosen, matplotlib.rc_context(RC | chosen.settings):
            return draw(*args, **kwargs)

    return wrapper


@lru_cache(maxsize=1)
def _renderer() -> RendererAgg:
    return RendererAgg(8, 8, 72)


def text_size(text: str, families: Sequence[str], size: float) -> tuple[float, float]:
    """Width and height of `text` in inches, its lines one below the other."""
    lines = text.split("\n")
    widest = max((_width(line, tuple(families), size) for line in lines if line), default=0.0)
    return widest, len(lines) * size * 1.3 / 72


@lru_cache(maxsize=8192)
def _width(line: str, families: tuple[str, ...], size: float) -> float:
    font = FontProperties(family=list(families), size=size)
    return float(_renderer().get_text_width_height_descent(line, font, ismath=False)[0]) / 72


class Labels:
    """The tokens along one axis: thinned, turned, sized and measured for a given distance between them.

    Args:
        tokens: one string a position, or None for plain position numbers, counted from 0.
        count: positions on the axis.
        pitch: inches from one position to the next.
        side: `top`, `bottom` or `left` of the axes; those at the left are never turned.
        first: the number of the first position, where the axis shows a window of a longer one.
    """

    def __init__(self, tokens: Sequence[str] | None, count: int, pitch: float, side: str, first: int = 0) -> None:
        self.side = side
        upright = side == "left"
        numbers = [str(position) for position in range(first, first + count)]
        tokens = None if tokens is not None and list(tokens) == numbers else tokens
        texts = numbers if tokens is None else [label(token) for token in [*tokens, *[""] * count][:count]]
        self.families = fonts_for([*texts, *numbers])
        texts = [drawable(text) for text in texts]
        measured = texts if tokens is not None else texts[-1:]  # the last number is the widest
        widths = [text_size(text, self.families, TOKEN_SIZE)[0] for text in measured]
        self.size, self.step, self.angles = TOKEN_SIZE, 1, [0] * count
        if upright:
            fits = self._largest(pitch / _line(TOKEN_SIZE), SMALLEST_TOKEN)
            self.step = 1 if fits else _round_step(_line(TOKEN_SIZE) / pitch)
        elif tokens is None:
            self.step = _round_step((max(widths) + 0.12) / pitch)
        elif not self._turned(widths, pitch):
            if max(widths) <= 0.25:  # characters: upright, each above its number
                texts = self._numbered(numbers, texts, "\n")
                self.step = _round_step((text_size(numbers[-1], self.families, TOKEN_SIZE)[0] + 0.12) / pitch)
            else:
                texts = self._numbered(numbers, texts, "  ")
                self.angles = [90] * count
                self.step = _round_step(_line(TOKEN_SIZE) / pitch)
        if upright and self.step > 1 and tokens is not None:
            texts = self._numbered(numbers, texts, "  ")
        self.positions = list(range(-first % self.step, count, self.step)) or [0]  # round numbers
        self.texts = [texts[position] for position in self.positions]
        self.angles = [self.angles[position] for position in self.positions]
        boxes = [self._box(text, angle) for text, angle in zip(self.texts, self.angles, strict=True)]
        self.thickness = max((box[0] if upright else box[1] for box in boxes), default=0.0)
        self.overhang = max((box[0] for box, angle in zip(boxes, self.angles, strict=True) if angle == 45), default=0.0)

    def _numbered(self, numbers: list[str], texts: list[str], between: str) -> list[str]:
        """Each label with its number, the number next to the axis."""
        first = {"top": between != "\n", "bottom": between == "\n", "left": False}[self.side]
        pairs = zip(numbers, texts, strict=True)
        return [between.join((number, text) if first else (text, number)) for number, text in pairs]

    def _largest(self, room: float, smallest: float) -> bool:
        """Take the largest size at which labels that fill `1 / room` of their place fit; False if none does."""
        size = min(TOKEN_SIZE, int(TOKEN_SIZE * room * 2) / 2)
        self.size = size if size >= smallest else TOKEN_SIZE
        return size >= smallest

    def _turned(self, widths: list[float], pitch: float) -> bool:
        """Find a way to show every label of an x axis; False if there is none."""
        usual = sorted(widths)[len(widths) * 7 // 8]
        line = _line(TOKEN_SIZE)
        if self._largest((pitch - 0.04) / max(*widths, 0.01), 9.0):
            return True
        if pitch >= line and self._largest((pitch - 0.04) / max(usual, 0.01), 10.0):
            room = (pitch - 0.04) * TOKEN_SIZE / self.size + 1e-6  # at the size that was taken
            self.angles = [90 if width > room else 0 for width in widths]
        elif pitch >= 1.42 * line:
            self.angles = [45] * len(widths)
        elif self._largest(pitch / line, SMALLEST_TOKEN):
            self.angles = [90] * len(widths)
        else:
            return False
        return True

    def _box(self, text: str, angle: int) -> tuple[float, float]:
        wide, high = text_size(text, self.families, self.size)
        return {0: (wide, high), 90: (high, wide), 45: ((wide + high) * 0.71, (wide + high) * 0.71)}[angle]

    def put(self, axes: Axes) -> None:
        """Draw the labels on their side of `axes`."""
        side = self.side
        font: dict[str, Any] = {"family": self.families, "size": self.size, "parse_math": False, "color": look().ink}
        length = 3 if self.step > 1 else 0
        if side == "left":
            axes.set_yticks(self.positions, self.texts, **font)
            axes.tick_params(axis="y", length=length, width=0.8)
            return
        axes.set_xticks(self.positions, self.texts, **font, linespacing=1.1)
        top = side == "top"
        axes.tick_params(axis="x", top=top, bottom=not top, labeltop=top, labelbottom=not top)
        axes.tick_params(axis="x", length=length, width=0.8, pad=7 if 45 in self.angles else 3)
        rise = ScaledTranslation(0, (2.5 if top else -0.95 * self.size) / 72, axes.figure.dpi_scale_trans)
        for text, angle in zip(axes.get_xticklabels(), self.angles, strict=True):
            if angle == 45:
                text.set(rotation=45, rotation_mode="anchor", va="center", ha="left" if top else "right")
            elif angle == 90:
                text.set(rotation=90, ha="center", va="bottom" if top else "top")
            elif "\n" not in text.get_text():  # one baseline, whatever the scripts
                text.set(va="baseline", transform=text.get_transform() + rise)


class Title:
    """A title, wrapped to a width, cut to four lines, and measured.

    Args:
        text: the title, or None.
        width: inches to fit it in.
    """

    def __init__(self, text: str | None, width: float) -> None:
        text = text or ""
        clean = title_text(text if len(text) <= 1500 else f"{text[:1200]} … {text[-300:]}")
        self.families = fonts_for([clean, "…"])
        lines = [part for line in drawable(clean).split("\n") for part in self._wrapped(line, width)] if clean else []
        if len(lines) > _MOST_LINES:
            lines = [
                *lines[: _MOST_LINES - 2],
                f"{lines[_MOST_LINES - 2]} …",
                lines[-1],
            ]  # the answer stands at the end
        self.text = "\n".join(lines)
        self.height = len(lines) * TITLE_SIZE * 1.35 / 72 + (0.12 if lines else 0.0)
        self.width = text_size(self.text, self.families, TITLE_SIZE)[0]

    def _wrapped(self, line: str, width: float) -> list[str]:
        lines, current = [], ""
        for word in self._pieces(line, width):
            longer = f"{current} {word}" if current else word
            if current and text_size(longer, self.families, TITLE_SIZE)[0] > width:
                lines.append(current)
                longer = word
            current = longer
        return [*lines, current]

    def _pieces(self, line: str, width: float) -> list[str]:
        """The words of a line, those that are too long for it cut: Chinese and Japanese have no spaces."""
        pieces = []
        for word in line.split(" "):
            wide = text_size(word, self.families, TITLE_SIZE)[0]
            length = max(1, len(word) if wide <= width else int(len(word) * width / wide * 0.9))
            pieces += [word[start : start + length] for start in range(0, len(word), length)] or [""]
        return pieces

    def put(self, figure: Any, x: float, top: float) -> None:
        """Draw the title with its upper left corner at `x`, `top`, in inches from the figure's upper left."""
        wide, high = inches(figure)
        if self.text:
            write_on(figure, x / wide, 1 - top / high, self.text, ha="left", va="top", parse_math=False, **self._font)

    def above(self, axes: Axes, pad: float) -> None:
        """Make it the title of axes that somebody else has placed, `pad` inches above them."""
        if self.text:
            axes.set_title(self.text, loc="left", pad=72 * pad, parse_math=False, **self._font)

    @property
    def _font(self) -> dict[str, Any]:
        return {"family": self.families, "size": TITLE_SIZE, "linespacing": 1.25, "color": look().ink}


def true_runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and length of each run of True in `flags`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [(int(start), int(end - start)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _line(size: float) -> float:
    return size * 1.25 / 72


def _round_step(at_least: float) -> int:
    for step in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000):
        if step >= at_least:
            return step
    return int(-(-at_least // 1000) * 1000)
