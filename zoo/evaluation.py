"""Scores with bootstrap intervals: every metric is a function of sums over examples, so resampling is one product."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

SAMPLES, SEED, BLOCK = 1000, 0, 4096
NORMAL = 1.959963984540054  # quantile 0.975 of the normal distribution
LENGTHS = (1, 5, 10, 15, 20, 30, 40, 60, 100, 200, 400, 800)  # where bins of lengths begin


@dataclass(frozen=True)
class Proportion:
    """How many of some trials came out well, beside what the examples say, such as of texts that a model wrote.

    Attributes:
        name: of the metric.
        outcomes: of each trial.
    """

    name: str
    outcomes: Sequence[bool]

    @property
    def value(self) -> float:
        return sum(self.outcomes) / len(self.outcomes)

    @property
    def interval(self) -> list[float]:
        """The 95 % score interval, which says something also where all trials came out alike (Wilson 1927)."""
        n, p = len(self.outcomes), self.value
        middle = (p + NORMAL**2 / (2 * n)) / (1 + NORMAL**2 / n)
        half = NORMAL * math.sqrt(p * (1 - p) / n + NORMAL**2 / (4 * n * n)) / (1 + NORMAL**2 / n)
        return [max(middle - half, 0.0), min(middle + half, 1.0)]


@dataclass(frozen=True)
class Scores:
    """What each example contributes to a set of metrics.

    Attributes:
        statistics: `(n, k)`, the counts of each example.
        combine: `(..., k)` sums to the metrics by name, each `(...)`.
        lengths: `(n,)`, for scores by length.
        groups: by the name of a grouping (`label`, `script`), the group of each example.
        parts: by the name of a grouping whose groups share an example (the tags of a sentence), the statistics
            `(n, k)` of each group alone.
        support: what a group is also counted in, such as entities, and the column of the statistics that has it.
        main: the metric that a card shows first.
        higher: whether more of it is better.
        details: what else there is to tell, such as a table of labels or baselines; JSON.
        beside: makes the metrics that are no sums over the examples; a report takes them, training does not.
    """

    statistics: np.ndarray
    combine: Callable[[np.ndarray], dict[str, np.ndarray]]
    lengths: np.ndarray
    main: str
    higher: bool = True
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    support: tuple[str, int] | None = None
    details: dict[str, Any] = field(default_factory=dict)
    beside: Callable[[], Sequence[Proportion]] = tuple

    def metrics(self) -> dict[str, float]:
        """The metrics of all examples."""
        return {name: float(value) for name, value in self.combine(self.statistics.sum(axis=0)).items()}

    def intervals(self) -> dict[str, list[float]]:
        """95 % percentile intervals of the bootstrap over examples (Efron and Tibshirani 1993, chapter 13), seeded."""
        statistics = self.statistics.astype(np.float64)
        n = len(statistics)
        rng = np.random.default_rng(SEED)
        sums = np.zeros((SAMPLES, statistics.shape[1]))
        for i in range(SAMPLES):
            sums[i] = np.bincount(rng.integers(0, n, n), minlength=n) @ statistics
        found = self.combine(sums)
        return {name: _ends(values) for name, values in found.items()}

    def report(self, by: str | None = None) -> dict[str, Any]:
        """`{"examples", "metric", "metrics", "intervals", "by", "details"}`, as JSON can hold it: None is not a number.

        `by` is the name of a grouping, or "length", or "length:6,11" for classes of lengths that begin at 6 and at 11.
        Where there are metrics beside those of the examples, `trials` has how many trials each of them is of.

        Raises:
            ValueError: these examples have no such grouping, or lengths that are no rising numbers.
        """
        about: dict[str, Any] = {"examples": len(self.statistics), "metric": self.main, "higher is better": self.higher}
        about |= {"metrics": self.metrics(), "intervals": self.intervals(), "by": []}
        for each in self.beside():
            about["metrics"][each.name], about["intervals"][each.name] = each.value, each.interval
            about.setdefault("trials", {})[each.name] = len(each.outcomes)
        if by is not None:
            name, _, begins = by.partition(":")
            about["by"] = [scores._row(name, of) for of, scores in self._groups(name, begins)]
        return finite(about | ({"details": self.details} if self.details else {}))

    def _row(self, by: str, of: dict[str, Any]) -> dict[str, Any]:
        metrics, intervals = self.metrics(), self.intervals()
        main = {"metric": self.main, "value": metrics[self.main], "interval": intervals[self.main]}
        counts = {"examples": len(self.statistics)}
        if self.support is not None:
            counts[self.support[0]] = int(self.statistics[:, self.support[1]].sum())
        return {"by": by} | of | main | counts | {"metrics": metrics, "intervals": intervals}

    def _groups(self, by: str, begins: str) -> Iterator[tuple[dict[str, Any], "Scores"]]:
        """What each group is called, and its scores."""
        if by == "length":
            lows = _lengths(begins) if begins else LENGTHS
            for low, high in zip(lows, [*lows[1:], None], strict=True):
                chosen = self.lengths >= low if high is None else (self.lengths >= low) & (self.lengths < high)
                if chosen.any():
                    last = int(self.lengths.max()) if high is None else high - 1
                    yield {"of": f"{low}–{last}", "low": low, "high": last}, self._of(self.statistics[chosen])
        elif by in self.groups and not begins:
            groups = np.array(self.groups[by])
            for group in sorted(set(groups.tolist())):
                yield {"of": str(group)}, self._of(self.statistics[groups == group])
        elif by in self.parts and not begins:
            for group, statistics in sorted(self.parts[by].items()):
                yield {"of": group}, self._of(statistics[statistics.any(axis=1)])
        else:
            possible = ", ".join(["length", *self.groups, *self.parts])
            raise ValueError(
                f"these examples cannot be scored by {by}{begins and ':'}{begins}; they can by {possible}."
            )

    def _of(self, statistics: np.ndarray) -> "Scores":
        return replace(self, statistics=statistics, lengths=self.lengths[:0], groups={}, parts={})


def _lengths(begins: str) -> tuple[int, ...]:
    """Where classes of lengths begin, from "6,11"; the first begins at 1."""
    try:
        found = tuple(int(each) for each in begins.split(","))
    except ValueError:
        found = (0,)
    found = found if found[0] == 1 else (1, *found)
    if any(high <= low for low, high in itertools.pairwise(found)):
        raise ValueError(f"expected rising lengths, as in length:6,11; received length:{begins}.")
    return found


def finite(value: Any) -> Any:
    """The same with None in the place of every number that is not finite, for which JSON has no name."""
    if isinstance(value, Mapping):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _ends(values: np.ndarray) -> list[float]:
    known = values[~np.isnan(values)]
    return [float(end) for end in np.percentile(known, [2.5, 97.5])] if len(known) else [math.nan, math.nan]


def ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """`top / bottom`, nan where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(top / bottom)
