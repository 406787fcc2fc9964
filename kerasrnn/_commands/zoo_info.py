"""`kerasrnn zoo info`."""

import click

from kerasrnn._terminal import Examples, console, echo_json, reports_errors


@click.command("info", cls=Examples, epilog="kerasrnn zoo info dates_bahdanau\nkerasrnn zoo info dates_bahdanau --json")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the whole card as JSON.")
@reports_errors
def zoo_info(name: str, as_json: bool) -> None:
    """The card of the model NAME: data, licence, training command, scores."""
    from kerasrnn.zoo import card

    found = card(name)
    if as_json:
        echo_json(found, indent=1)
        return
    from kerasrnn.zoo.cards import tables

    for renderable in tables(found):
        console().print(renderable)
