"""The next values of a series."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasrnn.zoo.evaluation import Scores, ratio
from kerasrnn.zoo.readers.series import Series, read_series
from kerasrnn.zoo.tasks.base import Answer, Observation, Shown, Task

BATCH = 256
CALENDAR = 2  # features of a time; those of the time of year were memorised, with three years of training data
DAY = 86_400  # seconds


class Forecast(NamedTuple):
    """One result: the times ahead `(h,)` and the values there `(h,)`, in the unit of the data."""

    times: np.ndarray
    values: np.ndarray


class ForecasterTask(Task):
    """Forecasts a series from its past. Examples are series; every window of past and horizon in them counts."""

    builder = "forecaster"
    roles = ("time", "value")

    def __init__(self, model: keras.Model, card: dict[str, Any]) -> None:
        super().__init__(model, card)
        scale = card["vocabulary"]
        self.past: int = scale["past"]
        self.horizon: int = card["arguments"]["horizon"]
        self.mean, self.deviation = float(scale["mean"]), float(scale["deviation"])
        self.step = np.timedelta64(int(scale["seconds"]), "s")
        if self.past < 1 or self.deviation <= 0 or not np.isfinite([self.mean, self.deviation]).all():
            raise ValueError("vocabulary: expected a past of at least 1 step and a positive deviation")

    @classmethod
    def loss(cls, card: dict[str, Any]) -> Any:
        return "mse"

    def read(self, path: Path, **columns: Any) -> list[Series]:
        columns, vocabulary = self.columns(columns), self.card["vocabulary"]
        series = read_series(path, columns.get("time", vocabulary["time"]), columns.get("value", vocabulary["value"]))
        if series.times[1] - series.times[0] != self.step:
            raise ValueError(
                f"{path}: the values are {series.times[1] - series.times[0]} apart; {self.name} expects {self.step}."
            )
        return [series]

    def length(self, example: Series) -> int:
        return len(example.values)

    def windows(self, series: Series) -> int:
        """How many windows of past and horizon a series has; ValueError if none."""
        count = len(series.values) - self.past - self.horizon + 1
        if count < 1:
            raise ValueError(
                f"the series has {len(series.values)} values; {self.name} needs {self.past} of the past and "
                f"{self.horizon} ahead."
            )
        return count

    def inputs(self, series: Series, starts: np.ndarray) -> list[np.ndarray]:
        """`[past (b, t, 1 + f), ahead (b, h, f)]` of the windows that start there; only the past values are read."""
        scaled = (series.values - self.mean) / self.deviation
        first = series.times[0] - np.datetime64("1970-01-01T00:00:00", "s")
        at = starts[:, None] + np.arange(self.past + self.horizon)  # (b, t + h)
        calendar = calendar_of((first + at * self.step).astype(np.int64))
        past = np.concatenate([scaled[at[:, : self.past], None], calendar[:, : self.past]], axis=-1)
        return [past.astype(np.float32), calendar[:, self.past :].astype(np.float32)]

    def targets(self, series: Series, starts: np.ndarray) -> np.ndarray:
        """What came, `(b, h)`, in standard deviations from the mean."""
        at = starts[:, None] + self.past + np.arange(self.horizon)
        return ((series.values[at] - self.mean) / self.deviation).astype(np.float32)

    def batch(
        self, examples: Sequence[Any], rng: np.random.Generator | None = None, length: int | None = None
    ) -> tuple[list[np.ndarray], np.ndarray]:
        series, starts = examples
        return self.inputs(series, starts), self.targets(series, starts)

    def forecasts(self, series: Series) -> tuple[np.ndarray, np.ndarray]:
        """Forecast and truth of every window, `(n, h)` each, in standard deviations."""
        count = self.windows(series)
        found = []
        for start in range(0, count, BATCH):
            starts = np.minimum(np.arange(start, start + BATCH), count - 1)
            kept = min(BATCH, count - start)
            found.append(np.asarray(self.model.predict_on_batch(self.inputs(series, starts)))[:kept])
        return np.concatenate(found), self.targets(series, np.arange(count))

    def predict(self, texts: Sequence[Series]) -> list[Forecast]:
        """What comes after each series.

        Raises:
            ValueError: a series shorter than the past that the model reads.
        """
        results = []
        for series in texts:
            if len(series.values) < self.past:
                raise ValueError(f"the series has {len(series.values)} values; {self.name} needs {self.past}.")
            inputs = self.inputs(series, np.array([len(series.values) - self.past]))
            scaled = self.run(self.model, inputs, many=False)[0]
            times = series.times[-1] + self.step * np.arange(1, self.horizon + 1)
            results.append(Forecast(times, scaled * self.deviation + self.mean))
        return results

    def observe(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> Observation:
        if targets is not None:
            raise ValueError(f"{self.name} takes no target on the command line.")
        series = [self._series(text) for text in texts]
        found = self.predict(series)
        starts = [np.array([len(each.values) - self.past]) for each in series]
        parts = [self.inputs(*pair) for pair in zip(series, starts, strict=True)]
        inputs = [np.concatenate(part) for part in zip(*parts, strict=True)]
        scaled = np.stack([(each.values - self.mean) / self.deviation for each in found]).astype(np.float32)
        before = [[str(time)[11:16] for time in each.times[-self.past :]] for each in series]
        ahead = [[str(time)[11:16] for time in each.times] for each in found]
        last = [str(each.times[-1]).replace("T", " ") for each in series]
        shown = [
            Shown(f"{self.past} steps to {end}", f"{self.horizon} steps ahead", None, steps)
            for end, steps in zip(last, before, strict=True)
        ]
        return Observation(inputs, scaled, before, ahead, shown)

    def _series(self, text: str) -> Series:
        """What a word on the command line stands for: the example of the card, or a .csv file."""
        example = self.card["vocabulary"].get("series")
        if text == self.card["example"] and example:
            first = np.datetime64(example["time"], "s")
            return Series(first + self.step * np.arange(len(example["values"])), np.array(example["values"], float))
        return self.read(Path(text))[0]

    def answers(self, texts: Sequence[str], **options: Any) -> list[Answer]:
        self.only(options)
        found = self.predict([self._series(text) for text in texts])
        results = []
        for text, forecast in zip(texts, found, strict=True):
            times = [str(time).replace("T", " ") for time in forecast.times]
            lines = "\n".join(f"{time}\t{value:.2f}" for time, value in zip(times, forecast.values, strict=True))
            values = [round(float(value), 4) for value in forecast.values]
            results.append(Answer(lines, {"file": text, "times": times, "values": values}))
        return results

    def evaluate(self, examples: Sequence[Series], history: Series | None = None) -> Scores:
        """MSE and MAE in standard deviations, beside persistence and, with a `history` to fit it on, a linear model."""
        pairs = [self.forecasts(series) for series in examples]
        forecast, truth = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        found = {"": forecast, " of persistence": np.concatenate([self._last(series) for series in examples])}
        if history is not None:
            weights = self._linear(history)
            found[" of a linear model"] = np.concatenate([self._pasts(series) @ weights for series in examples])
            found[" of a linear model"] += found[" of persistence"]
        errors = {name: guessed - truth for name, guessed in found.items()}
        sums = {f"mse{name}": (error**2).sum(axis=1) for name, error in errors.items()}
        sums |= {f"mae{name}": np.abs(error).sum(axis=1) for name, error in errors.items()}
        rows = np.stack([*sums.values(), np.full(len(truth), truth.shape[1])], axis=1)

        def combine(total: np.ndarray) -> dict[str, np.ndarray]:
            return {name: ratio(total[..., i], total[..., -1]) for i, name in enumerate(sums)}

        ahead = {str(i + 1): float(value) for i, value in enumerate((errors[""] ** 2).mean(axis=0))}
        return Scores(rows, combine, np.ones(len(rows)), "mse", higher=False, details={"mse by step ahead": ahead})

    def _pasts(self, series: Series) -> np.ndarray:
        """The past of every window, less its last value, and 1: `(n, past + 1)`."""
        at = np.arange(self.windows(series))[:, None] + np.arange(self.past)
        scaled = ((series.values - self.mean) / self.deviation)[at]
        return np.hstack([scaled - scaled[:, -1:], np.ones((len(scaled), 1))])

    def _linear(self, history: Series) -> np.ndarray:
        """Least squares from the past to what comes after its last value, with a ridge of 1: `(past + 1, h)`."""
        pasts = self._pasts(history)
        wanted = self.targets(history, np.arange(len(pasts))) - self._last(history)
        return np.linalg.solve(pasts.T @ pasts + np.eye(pasts.shape[1]), pasts.T @ wanted)

    def _last(self, series: Series) -> np.ndarray:
        at = np.arange(self.windows(series)) + self.past - 1
        return np.repeat(((series.values[at] - self.mean) / self.deviation)[:, None], self.horizon, axis=1)


def calendar_of(seconds: np.ndarray) -> np.ndarray:
    """Seconds since 1970 `(...)` to sine and cosine of the time of day, `(..., 2)`."""
    angle = 2 * np.pi * (seconds % DAY) / DAY
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)
