"""`kerasrnn viz explore`."""

import os
from pathlib import Path

import click

from kerasrnn._terminal import PAGE, Examples, reports_errors, suffixed


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz explore
    kerasrnn viz explore --cell gru -o gru.html""",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("explore.html"),
    show_default=True,
    callback=suffixed(PAGE),
    help="Page to write, an .html file.",
)
@click.option("--cell", type=click.Choice(["lstm", "gru"]), default="lstm", show_default=True, help="Shown first.")
@click.option("--title", help="Title instead of the default one.")
@click.option("--theme", type=click.Choice(["light", "dark"]), help="At first.  [default: the reader's]")
@reports_errors
def explore(output: Path, cell: str, title: str | None, theme: str | None) -> None:
    """One LSTM or GRU unit to play with, as an interactive page: a slider for every input, weight and bias.

    Each gate, the cell and the hidden state respond at once, with their equations and the numbers in them; a step
    carries the states on. Needs no model. Open the page in any browser.
    """
    from kerasrnn.viz import explorer_page, write_page

    write_page(explorer_page(cell, title=title, theme=theme), output)
    click.echo(os.fsencode(output))
