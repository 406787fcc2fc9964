"""Scores `dates_bahdanau` on what it never saw: `python -m kerasrnn.zoo.dates.evaluate runs/dates/dates_bahdanau`.

Exact match of the whole ISO date, on dates of the test split (in no form in training) in the languages of the
training, and in languages held out as a whole; for each script, and for each language held out. With --write the
result goes into the preset's card. Needs Babel (`pip install "kerasrnn[train]"`).
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from kerasrnn.zoo import cards, dates, from_preset
from kerasrnn.zoo.dates import recipe
from kerasrnn.zoo.dates.sampling import Example

METRIC = "exact match"


@click.command(help=__doc__)
@click.argument("preset")
@click.option("--examples", default=20_000, show_default=True, help="Examples in each of the two sets.")
@click.option("--seed", default=2, show_default=True, help="Seed of the examples.")
@click.option("--write", is_flag=True, help="Write the result into the card.")
def main(preset: str, examples: int, seed: int, write: bool) -> None:
    task = from_preset(preset)
    rng = np.random.default_rng(seed)
    seen = dates.sample(rng, examples, split="test")
    new = dates.sample(rng, examples, split="test", locales=dates.UNSEEN_LOCALES)
    right_seen, right_new = recipe.matches(task, seen), recipe.matches(task, new)
    task.card["metrics"] = {
        "unseen_dates": {
            "metric": METRIC,
            "rows": [_row("all", right_seen), *_by(seen, right_seen, lambda each: each.script)],
        },
        "unseen_languages": {
            "metric": METRIC,
            "rows": [
                _row("all", right_new),
                *_by(new, right_new, lambda each: each.script),
                *_by(new, right_new, lambda each: f"{each.script} {each.locale}"),
            ],
        },
    }
    task.card["score"] = {"metric": METRIC, "on": "unseen dates", "value": float(right_seen.mean())}
    task.card["evaluation"] = {
        "command": f"python -m kerasrnn.zoo.dates.evaluate {task.name} --examples {examples} --seed {seed}"
    }
    wrong = [each for each, right in zip([*seen, *new], [*right_seen, *right_new], strict=True) if not right]
    for each in wrong[:20]:
        click.echo(f"wrong: {each.locale} {each.iso} {each.text!r}", err=True)
    if write:
        task.save(Path(preset))
    from rich.console import Console

    console = Console(width=100)
    for table in cards.tables(task.card | {"weights": json.loads((Path(preset) / "card.json").read_text())["weights"]}):
        console.print(table)


def _by(examples: Sequence[Example], right: np.ndarray, key: Callable[[Example], str]) -> list[dict[str, Any]]:
    keys = np.array([key(each) for each in examples])
    return [_row(str(one), right[keys == one]) for one in sorted(set(keys))]


def _row(of: str, right: np.ndarray) -> dict[str, Any]:
    n, value = len(right), float(right.mean())
    return {"of": of, "value": round(value, 5), "interval": _wilson(value, n), "examples": n}


def _wilson(value: float, n: int) -> list[float]:
    """95 % interval of a share of n (Wilson 1927): sensible at 100 % too."""
    z = 1.96
    middle, half = value + z * z / (2 * n), z * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n))
    return [round((middle - half) / (1 + z * z / n), 5), round(min(1.0, (middle + half) / (1 + z * z / n)), 5)]


if __name__ == "__main__":
    main()
