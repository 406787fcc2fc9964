"""`kerasrnn zoo list`."""

import click

from kerasrnn._terminal import Examples, console, echo_json, reports_errors


@click.command("list", cls=Examples, epilog="kerasrnn zoo list\nkerasrnn zoo list --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reports_errors
def zoo_list(as_json: bool) -> None:
    """The models: what each does, how big it is and what it scores."""
    from kerasrnn.zoo import card, names

    cards = [card(name) for name in names()]
    if as_json:
        keys = ("name", "title", "weights", "metrics")
        echo_json([{key: card.get(key) for key in keys} for card in cards])
        return
    from kerasrnn.zoo.cards import overview

    console().print(overview(cards))
