"""How a score falls with length: bins, bootstrap intervals, and the files and cards that hold either of them."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_WIDTHS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000)
_MOST_BINS = 12
_AT_ONCE = 2_000_000  # numbers that resampling holds


@dataclass(frozen=True, eq=False)
class LengthCurve:
    """A score by length, a bin each.

    Args:
        low, high: (n,), the shortest and the longest length of each bin.
        value: (n,), the score.
        interval: (n, 2), its 95 % interval.
        examples: (n,), how many examples each bin has.
        metric: what the score is.
    """

    low: np.ndarray
    high: np.ndarray
    value: np.ndarray
    interval: np.ndarray
    examples: np.ndarray
    metric: str = "score"

    def __post_init__(self) -> None:
        shapes = {np.shape(part) for part in (self.low, self.high, self.value, self.examples)}
        count = len(self.low)
        if shapes != {(count,)} or not count or np.shape(self.interval) != (count, 2):
            raise ValueError(
                f"low, high, value, examples, interval: expected (n,) four times and (n, 2), received {sorted(shapes)} "
                f"and {np.shape(self.interval)}"
            )


def score_by_length(
    lengths: Sequence[float] | np.ndarray,
    scores: Sequence[float] | np.ndarray,
    *,
    width: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
    metric: str = "mean score",
) -> LengthCurve:
    """The mean score of the examples of each bin of lengths, with bootstrap 95 % intervals.

    A bin holds the lengths from k·width to (k + 1)·width - 1; bins without examples are left out. The interval runs
    from the 2.5th to the 97.5th percentile of the means of `resamples` samples drawn with replacement from the bin's
    examples.

    Args:
        lengths: (n,) numbers of at least 0.
        scores: (n,), such as 1 for a right answer and 0 for a wrong one.
        width: of a bin; by default a round number that makes at most a dozen.
        resamples: how many samples.
        seed: of the resampling.
        metric: what the score is.

    Raises:
        ValueError: no examples, numbers that are not finite, or a width below 1.
    """
    at, score = np.asarray(lengths, dtype=float), np.asarray(scores, dtype=float)
    if at.ndim != 1 or at.shape != score.shape or not at.size:
        raise ValueError(f"lengths, scores: expected as many of each, at least one, received {at.shape}, {score.shape}")
    if not (np.isfinite(at).all() and np.isfinite(score).all() and (at >= 0).all()):
        raise ValueError("lengths, scores: expected finite numbers, lengths of at least 0")
    if width is None:
        width = next((w for w in _WIDTHS if at.max() // w - at.min() // w < _MOST_BINS), math.ceil(at.max() / 10))
    if width < 1:
        raise ValueError(f"width: expected at least 1, received {width}")
    bins = (at // width).astype(int)
    rng = np.random.default_rng(seed)
    found = []
    for each in np.unique(bins):
        inside = score[bins == each]
        ends = each * width, (each + 1) * width - 1
        found.append((*ends, inside.mean(), *_interval(inside, resamples, rng), len(inside)))
    low, high, value, lower, upper, count = (np.array(column) for column in zip(*found, strict=True))
    return LengthCurve(low, high, value, np.stack([lower, upper], axis=1), count, metric)


def _interval(scores: np.ndarray, resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    means: list[np.ndarray] = []
    part = max(1, _AT_ONCE // len(scores))
    for start in range(0, resamples, part):
        drawn = rng.integers(0, len(scores), (min(part, resamples - start), len(scores)))
        means.append(scores[drawn].mean(axis=1))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def read_lengths(path: str | Path, *, width: int | None = None, resamples: int = 1000, seed: int = 0) -> LengthCurve:
    """A curve from a file: the JSON of `kerasrnn evaluate --by length`, or one example a line as JSON or TSV.

    A line of JSON is `{"length": 12, "correct": true}`, or with `"score"` a number; one of TSV is a length, a tab and a
    score, a first line of names is passed over.

    Raises:
        ValueError: another kind of file, or none; it names the line.
        OSError: a file that cannot be read.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {_WANTED}") from error
    except OSError as error:
        raise type(error)(f"cannot read {path}: {error.strerror or error}. {_WANTED}") from error
    if not text.strip():
        raise ValueError(f"{path} is empty: {_WANTED}")
    report = _report(text)
    if report is not None:
        return _curve_of(path, report)
    lengths, scores, metrics = [], [], set()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            found = _example(line)
            if found is None:
                if number == 1 and "\t" in line:
                    continue  # names of columns
                said = f"{path}, line {number}: expected a length and a score, found {line[:60]!r}"
                raise ValueError(f"{said}. {_WANTED}")
            lengths.append(found[0])
            scores.append(found[1])
            metrics.add(found[2])
    if not lengths:
        raise ValueError(f"{path} holds no examples: {_WANTED}")
    right = metrics == {"correct"} or set(scores) <= {0.0, 1.0}
    metric = "share of right answers" if right else "mean score"
    return score_by_length(lengths, scores, width=width, resamples=resamples, seed=seed, metric=metric)


def lengths_of_card(card: Mapping[str, Any]) -> dict[str, LengthCurve]:
    """The curves in the card of a preset, by the names of the data that it was scored on.

    Raises:
        ValueError: the card has no scores by length.
    """
    found = {}
    for data, table in card.get("metrics", {}).items():
        matches = [(_BIN.fullmatch(row["of"]), row) for row in table["rows"]]
        rows = [row | {"low": match[1], "high": match[2], "metric": table["metric"]} for match, row in matches if match]
        if rows:
            found[data] = _curve(rows)
    if not found:
        raise ValueError(f"the card of {card['name']} has no scores by length: draw what kerasrnn evaluate prints.")
    return found


_BIN = re.compile(r"(\d+)–(\d+)")
_WANTED = (
    "Give the JSON of kerasrnn evaluate --by length, or one example a line: "
    '{"length": 12, "correct": true}, or 12, a tab and 1; or the name of a preset.'
)


def _report(text: str) -> Mapping[str, Any] | None:
    """A JSON object with bins, if the whole text is one."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "by" in found else None


def _curve_of(path: Path, report: Mapping[str, Any]) -> LengthCurve:
    try:
        rows = [row for row in report["by"] if row.get("low") is not None]
        names = [str(row["metric"]) for row in rows]
        return _curve([row for row, name in zip(rows, names, strict=True) if name == names[0]])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} has no bins of lengths ({error}): {_WANTED}") from error


def _curve(rows: Sequence[Mapping[str, Any]]) -> LengthCurve:
    columns = [np.array([float(row[key]) for row in rows]) for key in ("low", "high", "value", "examples")]
    interval = np.array([[float(end) for end in row["interval"]] for row in rows])
    low, high, value, examples = columns
    if not np.isfinite(np.concatenate([*columns, interval.ravel()])).all():
        raise ValueError("a number that is not finite")
    return LengthCurve(low, high, value, interval, examples.astype(int), str(rows[0]["metric"]))


def _example(line: str) -> tuple[float, float, str] | None:
    """Length, score and the name of the score, or None for a line that has none."""
    try:
        if line.lstrip().startswith("{"):
            given = json.loads(line)
            name = "correct" if "correct" in given else "score"
            length, score = float(given["length"]), float(given[name])
        else:
            first, second, *_ = line.split("\t")
            name, length, score = "score", float(first), float(second)
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return (length, score, name) if math.isfinite(length) and math.isfinite(score) and length >= 0 else None
