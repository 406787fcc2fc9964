"""`kerasrnn zoo card`."""

import click

from kerasrnn._terminal import Examples, reports_errors


@click.command("card", cls=Examples, epilog="kerasrnn zoo card pos_bilstm > pos_bilstm.md")
@click.argument("name")
@reports_errors
def zoo_card(name: str) -> None:
    """The card of the model NAME as Markdown: what it is, what it was trained on, what it scores, how to repeat it."""
    from kerasrnn.zoo import card
    from kerasrnn.zoo.cards import markdown

    click.echo(markdown(card(name)))
