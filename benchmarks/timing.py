"""What the benchmarks share: timing in turns, and tables."""

import statistics
import time
from collections.abc import Callable
from typing import Any


def in_turns(runs: dict[str, Callable[[], Any]], rounds: int, seconds: float = 0.05) -> dict[str, list[float]]:
    """Seconds of each of `runs`, called in turn so that a busy machine slows all of them alike.

    Each is called twice before it is timed, and in a round as often as fits into `seconds`, at least once.
    """
    repeats = {}
    for name, run in runs.items():
        run()
        started = time.perf_counter()
        run()
        repeats[name] = max(1, min(50, int(seconds / (time.perf_counter() - started))))
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            for _ in range(repeats[name]):
                started = time.perf_counter()
                run()
                taken[name].append(time.perf_counter() - started)
    return taken


def median_ms(taken: dict[str, list[float]]) -> dict[str, float]:
    return {name: 1000 * statistics.median(seconds) for name, seconds in taken.items()}


def spread(seconds: list[float]) -> float:
    """The interquartile range over the median."""
    if len(seconds) < 4:
        return float("nan")
    low, middle, high = statistics.quantiles(seconds, n=4)
    return (high - low) / middle


def table(head: list[str], rows: list[list[str]]) -> str:
    """Columns as wide as they need, numbers to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def geometric_mean(values: list[float]) -> float:
    return statistics.geometric_mean(values) if values else float("nan")
