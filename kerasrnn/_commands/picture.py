"""One picture: where it goes and how it looks, whatever it is made from."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kerasrnn._terminal import console, echo_json


class Picture:
    """What is written and said at the end of a command that draws.

    Attributes:
        style: `theme` and `size`, keywords of every figure function.
    """

    def __init__(
        self,
        *,
        output: Path,
        data: Path | None = None,
        title: str | None = None,
        as_json: bool = False,
        quiet: bool = False,
        theme: str = "light",
        size: tuple[float, float] | None = None,
        dpi: int = 160,
        terminal: bool = False,
    ) -> None:
        from kerasrnn.viz.write import check_writable

        if terminal and as_json:
            raise click.UsageError("--terminal and --json both go to stdout: choose one.")
        self.output = None if terminal and not typed("output") else output
        for path in filter(None, (self.output, data)):
            check_writable(path)
        self.data = data
        self.style: dict[str, Any] = {"theme": theme, "size": size}
        self._dpi, self._terminal = dpi, terminal
        self._title, self._as_json, self._quiet = title, as_json, quiet

    def title(self, what: str) -> str:
        """The title that was asked for, or else `what`."""
        return what if self._title is None else self._title

    def finish(
        self,
        figure: Callable[[], Any],
        captured: Any,
        *,
        terminal: Callable[[Any], Any],
        facts: dict[str, Any] | None = None,
    ) -> None:
        """Write and show what was asked for, then say where it is.

        Args:
            figure: makes the figure; called only if one is wanted.
            captured: what `--data` writes and `--json` sums up; None where there is only `facts`.
            terminal: makes, from a `kerasrnn.viz.terminal.Screen`, what rich shows for `--terminal`.
            facts: further entries of the summary.
        """
        if self.data is not None:
            captured.save(self.data)
        if self.output is not None:
            from kerasrnn.viz import write_figure

            write_figure(figure(), self.output, dpi=self._dpi)
        if self._terminal:
            self._show(terminal)
        if self._as_json:
            summary = {} if captured is None else captured.summary()
            echo_json(summary | (facts or {}) | {"output": str(self.output)} | self.answer())
        elif self.output is not None:
            click.echo(os.fsencode(self.output))

    def answer(self) -> dict[str, Any]:
        """What the model said, as entries of the summary."""
        return {}

    def _show(self, draw: Callable[[Any], Any]) -> None:
        from kerasrnn.viz.terminal import Screen

        screen = console()
        screen.print(draw(Screen.of(screen, self.style["theme"])))

    def say(self, remark: str) -> None:
        if not self._quiet:
            click.echo(remark, err=True)


def typed(option: str) -> bool:
    """Whether an option was given, rather than left at its default."""
    return click.get_current_context().get_parameter_source(option) is not click.core.ParameterSource.DEFAULT
