"""The command line's dealings with the terminal: help, errors, standard input and output, a quiet start."""

import contextlib
import functools
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

FIGURES = (".png", ".svg", ".pdf")
PAGE = ".html"
THEMES = ("light", "dark", "print")
DATA = (".npz", ".json")


class Examples(click.Command):
    """A command whose help ends with examples, kept line by line."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.strip().splitlines():
                    formatter.write(f"{' ' * formatter.current_indent}{line.strip()}\n")


class OneLineErrors(click.Group):
    """A group whose errors of usage take one line, its commands' included; where to read more stands at its end."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _one_line():
            return super().invoke(ctx)


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:  # shows the help
        raise
    except click.UsageError as error:
        if error.ctx is None:
            raise
        message = " ".join(error.format_message().split()).rstrip(".")
        raise click.UsageError(f"{message}. See: {error.ctx.command_path} --help") from error


def reports_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Errors that a user can mend become one line and exit code 1; anything else is a bug and shows itself."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except BrokenPipeError:  # whoever read the output has seen enough; Click ends quietly
            raise
        except MemoryError as error:
            reason = " ".join(str(error).split()) or "the memory is full"
            raise click.ClickException(f"{reason}: choose a window of the steps, or give fewer rows.") from error
        except (ValueError, OSError) as error:
            raise click.ClickException(" ".join(str(error).split())) from error

    return wrapped


def suffixed(*suffixes: str) -> Callable[..., Path | None]:
    """An option callback: only these suffixes."""

    def check(_: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
        if value is not None and value.suffix.lower() not in suffixes:
            *most, last = suffixes
            raise click.BadParameter(f"'{value}' must end in {', '.join(most)}{' or ' if most else ''}{last}.")
        return value

    return check


def _size(_: click.Context, __: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """WIDTHxHEIGHT as two numbers of inches."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)[xX×](\d{1,3}(?:\.\d+)?)", value.strip())
    if not found or not all(0 < float(side) <= 100 for side in found.groups()):
        raise click.BadParameter(f"'{value}' is no size: give width and height in inches, such as 6x4.")
    return float(found[1]), float(found[2])


def window(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int | None] | None:
    """A:B as the first step and the one after the last; either may be left out."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{0,9}):(\d{0,9})", value.strip())
    if not found:
        raise click.BadParameter(f"'{value}' is no window: give its first step and the one after its last: 0:40.")
    start, stop = int(found[1] or 0), int(found[2]) if found[2] else None
    if stop is not None and stop <= start:
        raise click.BadParameter(f"'{value}' holds no step: the second number must be the greater one.")
    return start, stop


def drawing(default_output: str, *, page: bool = False, without: Sequence[str] = ()) -> Callable[..., Any]:
    """The arguments and options that every picture of a model has.

    Args:
        default_output: the file to write.
        page: whether it can be an interactive page.
        without: the names of parameters that the command does not have.
    """
    return _all(
        click.argument("model", required=False),
        click.argument("text", required=False),
        _output(default_output, page),
        click.option("--layer", help="Name of the layer to look at.  [default: the first of its kind]"),
        click.option(
            "--input",
            "input_",
            type=click.Path(path_type=Path),
            callback=suffixed(".npy", ".npz"),
            help="A batch for a model that takes arrays: .npy, or .npz with one array an input.",
        ),
        click.option(
            "--vocabulary",
            metavar="[INPUT=]FILE",
            multiple=True,
            help="Tokens of a .keras file's input of ids: one a line, the first for id 0, or JSON; may be repeated.",
        ),
        click.option("--row", type=click.IntRange(0), default=0, help="Row of the batch to draw.  [default: 0]"),
        click.option(
            "--data",
            type=click.Path(path_type=Path),
            callback=suffixed(*DATA),
            help="Also write the drawn arrays, to .npz or .json.",
        ),
        click.option("--tokens", metavar="A:B", callback=window, help="Only the steps from A to before B."),
        click.option(
            "--import",
            "imports",
            metavar="MODULE",
            multiple=True,
            help="Import a module that registers the classes of a .keras file; may be repeated.",
        ),
        click.option("--unsafe", is_flag=True, help="Run code that is in a .keras file; only for files you trust."),
        *_LOOKS,
        without=without,
    )


def writing(default_output: str) -> Callable[..., Any]:
    """The options that every picture has, whatever it is made from."""
    return _all(_output(default_output), *_LOOKS)


def _all(*decorators: Callable[..., Any], without: Sequence[str] = ()) -> Callable[..., Any]:
    def decorate(command: Any) -> Any:
        decorated = functools.reduce(lambda inner, one: one(inner), reversed(decorators), command)
        parameters = decorated.__click_params__
        parameters[:] = [parameter for parameter in parameters if parameter.name not in without]
        return decorated

    return decorate


def _output(default: str, page: bool = False) -> Callable[..., Any]:
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        default=Path(default),
        show_default=True,
        callback=suffixed(*FIGURES, *([PAGE] if page else [])),
        help=f"Picture to write; the suffix chooses PNG, SVG or PDF{', or HTML for an interactive page' * page}.",
    )


_LOOKS = (
    click.option("--title", help="Title instead of the default one."),
    click.option("--theme", type=click.Choice(THEMES), default="light", show_default=True, help="The colours."),
    click.option("--size", metavar="WxH", callback=_size, help="Inches, such as 6x4.  [default: what it needs]"),
    click.option("--dpi", type=click.IntRange(20, 1200), default=160, show_default=True, help="Pixels an inch."),
    click.option("--terminal", is_flag=True, help="Draw in the terminal; a file is written only if -o is given."),
    click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON instead of the path."),
    click.option("-q", "--quiet", is_flag=True, help="No remarks on stderr."),
)


def import_keras(devices: bool = True) -> None:
    """Import Keras without the greetings of TensorFlow: nobody who asked for a picture wants to read those.

    Args:
        devices: whether to use the devices for the first time, which they greet too.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" in sys.modules or sys.stderr is None:
        return
    with hushed():
        import keras

        if devices:
            keras.ops.zeros(1)


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Nothing goes to the descriptor of stderr meanwhile; it is shown if there is an error.

    TF_CPP_MIN_LOG_LEVEL does not silence all that TensorFlow has to say (2.21).
    """
    if sys.stderr is None:
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        stderr, passed = os.dup(2), False
        os.dup2(said.fileno(), 2)
        try:
            yield
            passed = True
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            if not passed:
                said.seek(0)
                os.write(2, said.read())


def read_stdin() -> str:
    if sys.stdin is None:
        raise ValueError("there is no standard input to read: give the text itself in place of -.")
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"standard input is not UTF-8 text (byte {error.start}): convert it first.") from error


def echo_json(value: Any, indent: int | None = None) -> None:
    """JSON is UTF-8 whatever the terminal's encoding; half a surrogate pair, as in odd file names, stays an escape."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "backslashreplace"))


def console() -> Any:
    """A rich console, plain and 120 wide where it is no terminal; NO_COLOR and FORCE_COLOR are heeded."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False, emoji=False)


@contextlib.contextmanager
def shows_progress(quiet: bool) -> Iterator[tuple[Callable[[str], None], Callable[[int, int, int], None] | None]]:
    """How a long run tells where it is, on stderr: a bar below its lines on a terminal, elsewhere the lines alone.

    Yields:
        What takes a line, and what takes the epoch (from 0), the steps done and the steps in all, or None.
    """
    if quiet:
        yield lambda line: None, None
        return
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda line: click.echo(line, err=True), None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as shown:
        task = shown.add_task("begins", total=None)
        yield (
            lambda line: console.print(line, soft_wrap=True),
            lambda number, done, steps: shown.update(
                task, description=f"epoch {number + 1}", completed=done, total=steps
            ),
        )
