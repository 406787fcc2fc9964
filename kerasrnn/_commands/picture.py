"""One picture: where it goes and how it looks, whatever it is made from."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kerasrnn._terminal import PAGE, console, echo_json


class Picture:
    """What is written and said at the end of a command that draws.

    Attributes:
        style: `theme` and `size`, keywords of every figure function.
        is_page: whether an interactive page is wanted, and not a figure.
        wanted_title: the title that was asked for, or None.
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
        self.is_page = self.output is not None and self.output.suffix.lower() == PAGE
        if self.is_page:
            _check_page_options(theme)
        for path in filter(None, (self.output, data)):
            check_writable(path)
        self.data = data
        self.style: dict[str, Any] = {"theme": theme, "size": size}
        self._dpi, self._terminal = dpi, terminal
        self.wanted_title, self._as_json, self._quiet = title, as_json, quiet

    def title(self, what: str) -> str:
        """The title that was asked for, or else `what`."""
        return what if self.wanted_title is None else self.wanted_title

    @property
    def page_theme(self) -> str | None:
        """The theme that a page begins with: the one typed, else that of whoever reads it."""
        return self.style["theme"] if typed("theme") else None

    def finish(
        self,
        figure: Callable[[], Any],
        captured: Any,
        *,
        terminal: Callable[[Any], Any],
        page: Callable[[], Any] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        """Write and show what was asked for, then say where it is.

        Args:
            figure: makes the figure; called only if one is wanted.
            captured: what `--data` writes and `--json` sums up; None where there is only `facts`.
            terminal: makes, from a `kerasrnn.viz.terminal.Screen`, what rich shows for `--terminal`.
            page: makes the interactive page, where there is one.
            facts: further entries of the summary.
        """
        if self.data is not None:
            captured.save(self.data)
        if self.is_page and page is not None and self.output is not None:
            from kerasrnn.viz import write_page

            write_page(page(), self.output)
        elif self.output is not None:
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


def _check_page_options(theme: str) -> None:
    """A page has a size and a resolution of its own, and no printer."""
    for option in ("size", "dpi"):
        if typed(option):
            raise click.UsageError(f"--{option} is for figures: a page takes the size of its window.")
    if theme == "print":
        raise click.UsageError("--theme print is for figures: a page is light or dark.")


def typed(option: str) -> bool:
    """Whether an option was given, rather than left at its default."""
    return click.get_current_context().get_parameter_source(option) is not click.core.ParameterSource.DEFAULT
