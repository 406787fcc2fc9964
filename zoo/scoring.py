"""A preset on data: which files, what they say of it, and what its card keeps."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasrnn._files import write_bytes_atomically
from kerasrnn.zoo import preset, recipes
from kerasrnn.zoo.readers.files import holds, part


def require_files(name: str, data: Sequence[Path]) -> None:
    """Raise ValueError for a preset or a path that is not there; needs no Keras."""
    preset.find(name)
    for path in data:
        if not path.exists():
            raise ValueError(f"there is no {path}: give a file of examples, or a folder with a valid part.")


def files_of(name: str, data: Sequence[Path]) -> list[Path]:
    """The files to score: of a folder its `valid` part, or its `test` part if it has no other.

    Raises:
        ValueError: a path that is not there, or a folder without either part.
    """
    require_files(name, data)
    card = preset.find(name).card
    patterns = recipes.find(card["name"]).patterns if card["name"] in recipes.names() else ("{part}.*",)
    found = []
    for path in data:
        if not path.is_dir():
            found.append(path)
            continue
        kept = next((each for each in ("valid", "test") if holds(path, each, patterns)), "valid")
        found.append(part(path, kept, patterns))
    return found


def score(
    task: Any,
    files: Sequence[Path],
    *,
    history: Path | None = None,
    columns: Mapping[str, Any] | None = None,
    beam: int | None = None,
    by: str | None = None,
) -> dict[str, Any]:
    """`{"preset", "data", "examples", "metric", "metrics", "intervals", "by", "details"}` of a task on files.

    Raises:
        ValueError: files in the wrong format, labels that the task does not know, a grouping that it does not have.
    """
    examples = [example for path in files for example in task.read(path, **dict(columns or {}))]
    beside: dict[str, Any] = {}
    if history is not None:
        if not hasattr(task, "past"):
            raise ValueError(f"{task.name} is no forecaster: it takes no history.")
        before = task.read(history, **dict(columns or {}))[-1]
        examples = [series.after(before, task.past) for series in examples]
        beside = {"history": before}
    if beam is not None:
        if not hasattr(task, "beam"):
            raise ValueError(f"{task.name} searches with no beam: leave out --beam.")
        beside = {"beam": beam}
    about = {"preset": task.name, "data": [path.name for path in files]}
    return about | task.evaluate(examples, **beside).report(by)


def write_score(
    folder: Path,
    found: Mapping[str, Any],
    data: Sequence[Path],
    history: Path | None = None,
    beam: int | None = None,
    by: str | None = None,
) -> None:
    """Keep a result in the card of a preset folder, under the name of what it was measured on."""
    path = folder / preset.CARD
    card = json.loads(path.read_text(encoding="utf-8"))
    on = " + ".join(each.parent.name if each.is_file() else each.name for each in data)
    main = found["metric"]
    if found["metrics"][main] is None:
        raise ValueError(f"these examples give no {main}: nothing was written.")
    named = "".join(f" --data {_named(each)}" for each in data)
    before = "" if history is None else f" --history {_named(history)}"
    search = "" if beam is None else f" --beam {beam}"
    grouped = "" if by is None else f" --by {by}"
    if next(iter(card.get("metrics", {})), on) == on:  # the first set that it was scored on
        card["score"] = {"metric": main, "value": found["metrics"][main], "on": f"{on}, validation"}
        card["evaluation"] = {"command": f"kerasrnn evaluate {card['name']}{named}{before}{search}{grouped}"}
    rows = [
        {
            "of": name,
            "metric": name,
            "value": value,
            "interval": found["intervals"][name],
            "examples": found.get("trials", {}).get(name, found["examples"]),
        }
        for name, value in found["metrics"].items()
    ]
    rows += [{key: row[key] for key in ("of", "value", "interval", "examples")} for row in found["by"]]
    rows = [row for row in rows if row["value"] is not None and None not in row["interval"]]
    card.setdefault("metrics", {})[on] = {"metric": main, "rows": rows}
    write_bytes_atomically(path, (json.dumps(card, ensure_ascii=False, indent=1) + "\n").encode())


def _named(path: Path) -> str:
    """A path as a card names it, by the last two parts at most."""
    return f"{path.parent.name}/{path.name}" if path.is_file() else path.name
