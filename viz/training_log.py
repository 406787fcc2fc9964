"""The log of a training, JSON lines, to one series of numbers a key."""

import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Series(NamedTuple):
    """`steps` (n), and `values` (n), or (n, t) where every value is a list; NaN where a line has no number."""

    steps: np.ndarray
    values: np.ndarray


def read_log(path: str | os.PathLike[str]) -> dict[str, Series]:
    """Every number in a log of JSON lines, by its key.

    Each line is an object with `step`; other keys hold a number, a list of numbers, or None for one that was not
    finite. A last line that is cut short, as in a log that is being written, is left out. Where a resumed run has
    logged a step again, the later line counts.

    Raises:
        ValueError: no such file, no lines, a damaged line before the last, or lines without `step`.
    """
    source = Path(path)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise ValueError(
            f"cannot read {source}: {error.strerror or error}. Give the .jsonl log of a training"
        ) from error
    lines = data.split(b"\n")
    records: dict[float, dict[str, Any]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            if number == len(lines):  # no line feed after it: it is being written
                continue
            shown = line[:60].decode(errors="replace")
            message = f"{source}, line {number}: expected a JSON object a line, received {shown!r}"
            raise ValueError(message) from error
        step = record.get("step") if isinstance(record, dict) else None
        if not isinstance(step, (int, float)) or isinstance(step, bool) or not math.isfinite(step):
            raise ValueError(f"{source}, line {number}: expected an object with a number 'step', got {record!r:.60}")
        records[step] = records.pop(step, {}) | record
    if not records:
        raise ValueError(f"{source} holds no whole line yet: give the .jsonl log of a training that has begun")
    ordered = [records[step] for step in sorted(records)]
    keys = dict.fromkeys(key for record in ordered for key in record if key != "step")
    found = {key: _series(key, ordered) for key in keys}
    return {key: series for key, series in found.items() if series is not None}


def _series(key: str, records: list[dict[str, Any]]) -> Series | None:
    """One key's numbers; None where they are no numbers."""
    pairs = [(record["step"], record[key]) for record in records if key in record]
    if all(value is None or _is_number(value) for _, value in pairs):
        steps, values = zip(*pairs, strict=True)
        return Series(np.array(steps, float), np.array([_number(value) for value in values]))
    lists = [(step, value) for step, value in pairs if isinstance(value, list) and value]
    if not lists or not all(item is None or _is_number(item) for _, value in lists for item in value):
        return None
    longest = max(len(value) for _, value in lists)
    rows = [[_number(item) for item in value] + [math.nan] * (longest - len(value)) for _, value in lists]
    return Series(np.array([step for step, _ in lists], float), np.array(rows))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
