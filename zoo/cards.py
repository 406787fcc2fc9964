"""A preset's card as tables for a terminal."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

SHARES = (
    "exact match",
    "accuracy",
    "accuracy of unknown words",
    "whole sentences",
    "f1",
    "precision",
    "recall",
    "valid tunes",
)
SAID = ("title", "task", "data", "licence", "split", "notes", "example")


def tables(card: dict[str, Any]) -> Iterator[Table | str]:
    """Rich renderables: the facts, the model, then one table for each held-out set with a row a script or language."""
    yield f"{card['name']}"
    facts = Table(box=None, show_header=False, pad_edge=False)
    for key in SAID:
        if card.get(key):
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
            name = row.get("metric", metric["metric"])
            table.add_row(row["of"], shown(name, row["value"]), interval(name, low, high), f"{row['examples']:,}")
        yield table


def overview(cards: Sequence[dict[str, Any]]) -> Table:
    """One row a preset: what it does, how big it is and what it scores."""
    table = Table(box=SIMPLE, pad_edge=False)
    for heading in ("name", "what", "parameters", "score"):
        table.add_column(heading, justify="right" if heading == "parameters" else "left", overflow="fold")
    for card in cards:
        score = card.get("score")
        told = f"{score['metric']} {shown(score['metric'], score['value'])} ({score['on']})" if score else ""
        table.add_row(card["name"], card["title"], f"{card['weights']['parameters']:,}", told)
    return table


def scores(found: dict[str, Any]) -> Iterator[Table | str]:
    """What `zoo.scoring.score` found, as tables."""
    table = Table(title=f"{found['preset']} on {', '.join(found['data'])}", title_justify="left", box=SIMPLE)
    for heading in ("", "", "95 % interval", "examples"):
        table.add_column(heading, justify="right" if table.columns else "left")
    for name, value in found["metrics"].items():
        count = found.get("trials", {}).get(name, found["examples"])
        table.add_row(name, shown(name, value), interval(name, *found["intervals"][name]), f"{count:,}")
    yield table
    if not found["by"]:
        return
    main = found["metric"]
    rows = Table(title=f"{main} by {found['by'][0]['by']}", title_justify="left", box=SIMPLE)
    counted = [name for name in ("examples", "words", "entities") if name in found["by"][0]]
    for heading in ("", main, "95 % interval", *counted):
        rows.add_column(heading, justify="right" if rows.columns else "left")
    for row in found["by"]:
        counts = [f"{row[name]:,}" for name in counted]
        rows.add_row(row["of"], shown(main, row["value"]), interval(main, *row["interval"]), *counts)
    yield rows


def shown(metric: str, value: float | None) -> str:
    """A metric as a reader expects it: a share in per cent, anything else as it is; – where there is none."""
    if value is None:
        return "–"
    kind = metric.partition(",")[0]  # without the way of decoding
    return f"{value:.2%}" if kind in SHARES or kind == "calibration error" else f"{value:.4g}"


def interval(metric: str, low: float | None, high: float | None) -> str:
    """Both ends of an interval."""
    return f"{shown(metric, low)} – {shown(metric, high)}"


def markdown(card: dict[str, Any]) -> str:
    """A whole card as a page."""
    lines = [f"# {card['name']}", "", f"{card['title']}.", ""]
    for key in ("data", "licence", "split", "notes", "example"):
        if card.get(key):
            lines.append(f"- **{key}**: {card[key]}")
    weights = card["weights"]
    lines.append(f"- **weights**: {weights['parameters']:,} parameters, {weights['bytes'] / 1e6:.1f} MB, float16")
    lines.append(f"- **builder**: `zoo.builders.{card['builder']}`")
    for key in ("training", "evaluation"):
        if card.get(key):
            lines.append(f"- **{key}**: `{card[key]['command']}`")
    for name, metric in card.get("metrics", {}).items():
        lines += ["", f"## {name.replace('_', ' ')}: {metric['metric']}", "", "| | value | 95 % interval | examples |"]
        lines.append("| --- | ---: | ---: | ---: |")
        for row in metric["rows"]:
            named = row.get("metric", metric["metric"])
            ends = interval(named, *row["interval"])
            lines.append(f"| {row['of']} | {shown(named, row['value'])} | {ends} | {row['examples']:,} |")
    return "\n".join(lines)


def markdown_table(cards: Sequence[dict[str, Any]]) -> str:
    """One row a preset, as the table of the README and of `docs/zoo.md`."""
    lines = ["| name | what it does | parameters | size | score |", "| --- | --- | ---: | ---: | --- |"]
    for card in cards:
        score, weights = card.get("score"), card["weights"]
        told = f"{score['metric']} {shown(score['metric'], score['value'])} ({score['on']})" if score else ""
        size = f"{weights['bytes'] / 1e6:.1f} MB"
        lines.append(f"| `{card['name']}` | {card['title']} | {weights['parameters']:,} | {size} | {told} |")
    return "\n".join(lines)
