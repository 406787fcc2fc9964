"""What the kinds of picture of `kerasrnn viz gates` share: what they work from, what they give, and units by name."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import click

NEED_GATES = "needs the gates of an LSTM, a GRU or a cell like them"


class Unit(NamedTuple):
    """`--unit` as it was typed: a part of the layer, or None for any, and a number."""

    part: str | None
    number: int


@dataclass
class Drawing:
    """What `Session.finish` takes.

    Attributes:
        figure: makes the figure.
        terminal: makes what the terminal shows.
        facts: entries of the summary.
        drawn: what was computed, for `--data`.
    """

    figure: Callable[[], Any]
    terminal: Callable[[Any], Any]
    facts: dict[str, Any] = field(default_factory=dict)
    drawn: dict[str, Any] = field(default_factory=dict)


@dataclass
class Request:
    """What every kind works from.

    Attributes:
        capture: all rows of the batch.
        row: the row to draw.
        title: makes the title from what it would be without a task.
        style: `theme` and `size`.
        say: shows a remark.
        unit: the unit asked for.
        sort: whether units are sorted.
    """

    capture: Any
    row: int
    title: Callable[[str], str]
    style: dict[str, Any]
    say: Callable[[str], None]
    unit: Unit | None = None
    sort: bool = False

    @property
    def arrays(self) -> dict[str, Any]:
        return self.capture.one(self.row)

    @property
    def steps(self) -> dict[str, Any]:
        """Tokens, mask and the number of the first step, as figures take them."""
        tokens = self.capture.tokens[self.row] if self.capture.tokens else None
        return {"tokens": tokens, "mask": self.capture.mask[self.row], "first": self.capture.first}

    @property
    def gates(self) -> dict[str, Any]:
        """The gates of all rows, by name."""
        from kerasrnn.viz.names import is_signed

        start = len(self.capture.layer) + 1
        named = {key[start:]: array for key, array in self.capture.arrays.items()}
        return {name: array for name, array in named.items() if not is_signed(name)}


def unit_option(_: click.Context, __: click.Parameter, value: str | None) -> Unit | None:
    """`17` or `forward/17`."""
    if value is None:
        return None
    found = re.fullmatch(r"(?:(.+)/)?(\d{1,9})", value.strip())
    if not found:
        raise click.BadParameter(f"'{value}' is no unit: give its number, such as 17, or forward/17 of two directions.")
    return Unit(found[1], int(found[2]))


def checked_unit(request: Request, widths: dict[str, int]) -> tuple[str | None, int]:
    """The part and number of the unit asked for; no part where any will do."""
    unit = request.unit
    if unit is None:
        raise ValueError("unit: expected a number, received none")
    part = unit.part
    fitting = [width for label, width in widths.items() if part is None or label == part]
    if not fitting or unit.number >= min(fitting):
        have = ", ".join(
            f"{label + '/' if label else ''}0 to {label + '/' if label else ''}{width - 1}"
            for label, width in widths.items()
        )
        asked = f"{part}/{unit.number}" if part is not None else str(unit.number)
        raise click.UsageError(f"--unit {asked}: the units of {request.capture.layer} are {have}.")
    return part, unit.number
