"""Pictures in the terminal, as rich shows them: in colour, or in digits where there is none (NO_COLOR, a pipe)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from kerasrnn.viz.figures.themes import LOOKS, Look
from kerasrnn.viz.names import caption_of, is_signed, rank
from kerasrnn.viz.tokens import label, title_text

_HIGH_HEADER, _WIDEST_LABEL = 8, 16
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_MASKED, _NAN = "╱", "?"


class Screen(NamedTuple):
    """Where it is shown: columns, whether there are colours, and the theme."""

    width: int
    colour: bool
    theme: str = "light"

    @classmethod
    def of(cls, console: Console, theme: str = "light") -> "Screen":
        return cls(console.width, console.color_system is not None and not console.no_color, theme)

    @property
    def look(self) -> Look:
        return LOOKS[self.theme]


def heatmap(
    screen: Screen,
    values: np.ndarray,
    *,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    caption: str = "",
    signed: bool = False,
    limit: float = 1.0,
    mask: np.ndarray | None = None,
    first: int = 0,
    tall: int = 24,
    unit: str = "unit",
    blank: bool = False,
) -> RenderableType:
    """A matrix as coloured cells; where it does not fit, a cell is the mean of several values, and it says so.

    Args:
        screen: where to.
        values: (r, c).
        rows: r labels; without them two rows share a line.
        columns: c labels, or None for their numbers.
        caption: a line above.
        signed: whether values run from -limit to limit rather than from 0 to limit.
        limit: the end of the scale.
        mask: (c,) bool, False where a column does not count.
        first: the number of the first column.
        tall: lines at most, where the rows have no labels.
        unit: what a row is.
        blank: leave NaN empty, rather than say that it is one.
    """
    count = values.shape[1]
    names = None if rows is None else [label(row, _WIDEST_LABEL) for row in rows]
    beside = 2 + max(map(cell_len, names or [str(len(values) - 1)]), default=1)
    heads = None if columns is None else [label(column, _HIGH_HEADER) for column in columns]
    least = max((cell_len(char) for head in heads or [] for char in head), default=1)
    room = max(screen.width - beside, 4)
    cell = max(min(room // max(count, 1), 3), least)
    pooled = -(-count * cell // room)
    kept = np.ones(count, bool) if mask is None else mask
    cells, shown = _pooled(np.where(kept, values, np.nan), pooled, 1), _any(kept, pooled)
    double = screen.colour and not names
    high = 1 if names else -(-len(cells) // (2 * tall if double else tall))
    cells = _pooled(cells, high, 0)
    said = [f"each column is the mean of {pooled} steps"] * (pooled > 1) + [f"each row of {high} {unit}s"] * (high > 1)
    lines: list[RenderableType] = (
        [Text("  ".join(filter(None, [title_text(caption), ", ".join(said)])))] if caption or said else []
    )
    lines += _header(heads, cells.shape[1], cell, beside, first, pooled)
    for top in range(0, len(cells), 2 if double else 1):
        text = Text(_beside(names, top, high, beside))
        for column in range(cells.shape[1]):
            two = cells[top : top + (2 if double else 1), column]
            if blank and np.isnan(two).all():
                text.append(" " * cell)
                continue
            text.append_text(_cell(screen, two, cell, double, bool(shown[column]), signed, limit))
        lines.append(text)
    return Group(*lines, legend(screen, signed, limit))


def gate_panels(
    screen: Screen,
    arrays: Mapping[str, np.ndarray],
    tokens: Sequence[str] | None = None,
    *,
    mask: np.ndarray | None = None,
    title: str = "",
    first: int = 0,
) -> RenderableType:
    """Every gate and state (t, u) of a layer as a heatmap of its own, units down, steps across."""
    parts: list[RenderableType] = [Text(title_text(title))] if title else []
    for name in sorted(arrays, key=lambda name: (name.rpartition("/")[0], rank(name))):
        array, signed = np.asarray(arrays[name], float), is_signed(name)
        kept = array if mask is None else array[mask]
        limit = max(1.0, float(np.abs(kept[np.isfinite(kept)]).max(initial=0.0))) if signed else 1.0
        options: dict[str, Any] = {"columns": tokens, "signed": signed, "limit": limit, "mask": mask, "first": first}
        options["tall"] = 24 if len(arrays) == 1 else 8
        parts.append(heatmap(screen, array.T, caption=caption_of(name), **options))
    return Group(*parts)


def coloured_tokens(
    screen: Screen,
    tokens: Sequence[str],
    values: np.ndarray,
    *,
    signed: bool = True,
    limit: float = 1.0,
    mask: np.ndarray | None = None,
    caption: str = "",
) -> RenderableType:
    """Tokens on the colour of their value, or each with its value in brackets where there are no colours.

    Args:
        screen: where to.
        tokens: t strings.
        values: (t,).
        signed: whether values run from -limit to limit rather than from 0 to limit.
        limit: the end of the scale.
        mask: (t,) bool, False where a step does not count: those are left out.
        caption: a line above.
    """
    kept = np.ones(len(values), bool) if mask is None else mask
    text = Text(overflow="fold")
    for token, value, counts in zip(tokens, values, kept, strict=True):
        if not counts:
            continue
        shown = label(token, 60)
        if screen.colour:
            text.append(shown, style=_style(screen, float(value), signed, limit))
        else:
            number = "?" if not np.isfinite(value) else f"{value:+.2f}" if signed else f"{value:.2f}"
            text.append(f"{shown}[{number}] ")
    head = [Text(title_text(caption))] if caption else []
    return Group(*head, text, *([legend(screen, signed, limit)] if screen.colour else []))


def lines(
    screen: Screen,
    series: Mapping[str, np.ndarray],
    *,
    columns: Sequence[str] | None = None,
    low: float = 0.0,
    high: float = 1.0,
    first: int = 0,
    rows: int = 6,
) -> RenderableType:
    """One chart of bars a line, each on the same scale from `low` to `high`; NaN leaves a gap."""
    parts: list[RenderableType] = []
    for number, (name, values) in enumerate(series.items()):
        count = len(values)
        room = max(screen.width - 10, 4)
        cell = max(1, min(room // max(count, 1), 3))
        pooled = -(-count * cell // room)
        shown = _pooled(np.asarray(values, float)[None], pooled, 1)[0]
        colour = screen.look.lines[number % len(screen.look.lines)] if screen.colour else None
        levels = np.clip((shown - low) / ((high - low) or 1.0), 0, 1) * rows * 8
        said = f"  each column is the mean of {pooled} steps" if pooled > 1 else ""
        parts.append(Text(f"{name}{said}"))
        for row in reversed(range(rows)):
            edge = f"{high:8.3g} " if row == rows - 1 else f"{low:8.3g} " if row == 0 else " " * 9
            text = Text(edge)
            for level in levels:
                eighths = 0 if np.isnan(level) else int(np.clip(np.ceil(level) - 8 * row, 0, 8))
                text.append(_EIGHTHS[eighths] * cell, style=Style(color=colour))
            parts.append(text)
        heads = None if columns is None else [label(column, _HIGH_HEADER) for column in columns]
        if number == len(series) - 1:
            parts += _header(heads if pooled == 1 else None, len(shown), cell, 9, first, pooled)
    return Group(*parts)


def bars(screen: Screen, counts: Mapping[str, float], caption: str = "") -> RenderableType:
    """Horizontal bars, such as a histogram's."""
    widest = max((cell_len(name) for name in counts), default=0)
    most = max(counts.values(), default=0) or 1
    colour = screen.look.lines[0] if screen.colour else None
    rows = [Text(title_text(caption))] if caption else []
    for name, count in counts.items():
        length = count / most * max(screen.width - widest - 14, 10)
        text = Text(f"{set_cell_size(name, widest)} ")
        text.append("█" * int(length) + " ▏▎▍▌▋▊▉"[int(length % 1 * 8)].strip(), style=Style(color=colour))
        rows.append(text.append(f" {count:g}"))
    return Group(*rows)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> RenderableType:
    """A table, its first column to the left and numbers to the right."""
    made = Table(title=Text(title_text(caption)) if caption else None, title_justify="left", box=None, pad_edge=False)
    for number, name in enumerate(head):
        made.add_column(Text(name), justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        made.add_row(*[Text(label(str(value), 60)) for value in row])
    return made


def heading(title: str, *parts: RenderableType) -> RenderableType:
    """A title and what stands below it, each as wide as it needs."""
    return Group(*([Text(title_text(title))] if title else []), *parts)


def legend(screen: Screen, signed: bool, limit: float) -> Text:
    """The scale, in a line."""
    ends = (f"{-limit:.3g}".replace("-", "−") if signed else "0"), f"{limit:.3g}"
    text = Text(f"{ends[0]} ", style=Style(dim=screen.colour))
    if screen.colour:
        for value in np.linspace(-limit if signed else 0, limit, 17):
            text.append(" ", style=_style(screen, float(value), signed, limit))
        return text.append(f" {ends[1]}")
    if signed:
        return Text(f"tenths of {limit:.3g}; a line over 0 to 9 is a minus: 9̅ is −{limit:.3g}, 9 is {limit:.3g}")
    return Text(f"tenths of {limit:.3g}, from 0 to 9")


def _header(
    heads: list[str] | None, count: int, cell: int, beside: int, first: int, pooled: int
) -> list[RenderableType]:
    """Labels above the columns: side by side where they fit, else from top to bottom; or every tenth number."""
    if heads is not None and pooled == 1:
        if all(cell_len(head) <= max(cell - 1, 1) for head in heads):
            return [Text(" " * beside + "".join(set_cell_size(head, cell) for head in heads))]
        high = max(map(len, heads))
        padded = [" " * (high - len(head)) + head for head in heads]
        return [
            Text(" " * beside + "".join(set_cell_size(head[line], cell) for head in padded)) for line in range(high)
        ]
    every = 10 if cell == 1 else 5
    text = " " * beside
    for column in range(0, count, every):
        text += f"{first + column * pooled:<{every * cell}}"
    return [Text(text[: beside + count * cell + 8].rstrip())]


def _beside(names: list[str] | None, row: int, pooled: int, width: int) -> str:
    if names is not None:
        return " " * (width - 1 - cell_len(names[row])) + names[row] + " "
    return f"{row * pooled:>{width - 1}} "


def _cell(
    screen: Screen, values: np.ndarray, cell: int, double: bool, counts: bool, signed: bool, limit: float
) -> Text:
    if not counts:
        return Text(_MASKED * cell, style=Style(dim=screen.colour))
    if not screen.colour:
        return Text(set_cell_size(_digit(float(values[0]), signed, limit), cell))
    if not double:
        return Text(" " * cell, style=_style(screen, float(values[0]), signed, limit))
    bottom = _hex(screen, float(values[1]), signed, limit) if len(values) > 1 else None
    return Text("▀" * cell, style=Style(color=_hex(screen, float(values[0]), signed, limit), bgcolor=bottom))


def _digit(value: float, signed: bool, limit: float) -> str:
    if not np.isfinite(value):
        return _NAN
    tenth = min(int(abs(value) / limit * 10), 9)
    return f"{tenth}\u0305" if signed and value < 0 and tenth else str(tenth)


def _hex(screen: Screen, value: float, signed: bool, limit: float) -> str:
    if not np.isfinite(value):
        return screen.look.bad
    share = value / limit
    red, green, blue, _ = screen.look.map(signed)((share + 1) / 2 if signed else share)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def _style(screen: Screen, value: float, signed: bool, limit: float) -> Style:
    """A background, with black or white on it, whichever can be read."""
    colour = _hex(screen, value, signed, limit)
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    light = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 > 0.18  # equal contrast to both
    return Style(bgcolor=colour, color="#000000" if light else "#ffffff")


def _pooled(values: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Means of `size` neighbours along an axis; NaN only where all of them are."""
    if size <= 1:
        return values
    moved = np.moveaxis(values, axis, 0)
    starts = np.arange(0, len(moved), size)
    finite = np.isfinite(moved)
    sums = np.add.reduceat(np.where(finite, moved, 0.0), starts, axis=0)
    counts = np.add.reduceat(finite.astype(int), starts, axis=0)
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return np.moveaxis(means, 0, axis)


def _any(flags: np.ndarray, size: int) -> np.ndarray:
    return flags if size <= 1 else np.logical_or.reduceat(flags, np.arange(0, len(flags), size))
