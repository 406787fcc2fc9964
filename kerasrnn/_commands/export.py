"""`kerasrnn export`."""

import os
from pathlib import Path

import click

from kerasrnn._commands.models import DEFAULT_MODEL, load_task
from kerasrnn._terminal import Examples, reports_errors


@click.command(
    cls=Examples,
    epilog="""kerasrnn export -o dates
    kerasrnn export dates_bahdanau -o dates.keras --format keras""",
)
@click.argument("model", default=DEFAULT_MODEL)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="What to write; must not exist.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["saved_model", "keras"]),
    default="saved_model",
    show_default=True,
    help="saved_model: a folder, text in and text out, needs TensorFlow alone. keras: a .keras file.",
)
@reports_errors
def export(model: str, output: Path, format_: str) -> None:
    """Write a trained model for use elsewhere."""
    click.echo(os.fsencode(load_task(model).export(output, format_)))
