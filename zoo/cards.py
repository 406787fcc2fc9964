"""A preset's card as tables for a terminal."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

SAID = ("title", "task", "data", "licence", "split", "notes", "example")


def tables(card: dict[str, Any]) -> Iterator[Table | str]:
    """Rich renderables: the facts, the model, then one table for each held-out set with a row a script or language."""
    yield f"{card['name']}"
    facts = Table(box=None, show_header=False, pad_edge=False)
    for key in SAID:
        if key in card:
            facts.add_row(key, str(card[key]))
    facts.add_row("builder", f"{card['builder']}: " + ", ".join(f"{k} {v}" for k, v in card["arguments"].items()))
    weights = card["weights"]
    facts.add_row("weights", f"{weights['parameters']:,} parameters, {weights['bytes'] / 1e6:.1f} MB, float16")
    if "training" in card:
        facts.add_row("training", card["training"]["command"])
    yield facts
    for name, metric in card.get("metrics", {}).items():
        table = Table(title=f"{name.replace('_', ' ')}: {metric['metric']}", title_justify="left", box=SIMPLE)
        for heading in ("", metric["metric"], "95 % interval", "examples"):
            table.add_column(heading, justify="left" if not heading else "right")
        for row in metric["rows"]:
            low, high = row["interval"]
            table.add_row(row["of"], f"{row['value']:.2%}", f"{low:.2%} – {high:.2%}", f"{row['examples']:,}")
        yield table


def overview(cards: Sequence[dict[str, Any]]) -> Table:
    """One row a preset: what it does, how big it is and what it scores."""
    table = Table(box=SIMPLE, pad_edge=False)
    for heading in ("name", "what", "parameters", "score"):
        table.add_column(heading, justify="right" if heading == "parameters" else "left", overflow="fold")
    for card in cards:
        score = card.get("score")
        shown = f"{score['metric']} {score['value']:.1%} ({score['on']})" if score else ""
        table.add_row(card["name"], card["title"], f"{card['weights']['parameters']:,}", shown)
    return table
