"""A series: times and values from a CSV file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kerasrnn.zoo.readers.tables import rows


class Series(NamedTuple):
    """Times `(n,)` datetime64[s] and values `(n,)`, in order."""

    times: np.ndarray
    values: np.ndarray

    def follows(self, before: "Series") -> bool:
        """Whether it begins one step after an earlier one ends."""
        return bool(before.times[-1] + (self.times[1] - self.times[0]) == self.times[0])

    def after(self, before: "Series", steps: int) -> "Series":
        """This series with the last steps of an earlier one in front.

        Raises:
            ValueError: the earlier one does not end just before this one begins.
        """
        if not self.follows(before):
            raise ValueError(
                f"the earlier series ends at {before.times[-1]} and the later one begins at {self.times[0]}: expected "
                f"them {self.times[1] - self.times[0]} apart."
            )
        times, values = zip(before, self, strict=True)
        return Series(np.concatenate([times[0][-steps:], times[1]]), np.concatenate([values[0][-steps:], values[1]]))


def read_series(path: Path, time: str | int = "date", value: str | int | None = None) -> Series:
    """One column of a CSV file with a header, and its times.

    Args:
        path: a `.csv` file, gzip or not.
        time: the column of the times, ISO 8601; those with an offset become UTC.
        value: the column of the values; by default the last one.

    Raises:
        ValueError: a column that is missing, a time or value that cannot be read, times that do not rise evenly.
    """
    times, values = [], []
    for number, fields in rows(path, [time, -1 if value is None else value]):
        try:
            moment = datetime.fromisoformat(fields[0])
            if moment.tzinfo is not None:
                moment = moment.astimezone(UTC).replace(tzinfo=None)
            times.append(np.datetime64(moment, "s"))
            values.append(float(fields[1]))
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(f"{path}:{number}: expected a time and a number, found {fields}.") from error
    if len(values) < 2:
        raise ValueError(f"{path} holds {len(values)} values: expected a series.")
    found = Series(np.array(times), np.array(values))
    steps = np.diff(found.times).astype(int)
    if (steps != steps[0]).any() or steps[0] <= 0:
        at = int(np.argmax(steps != steps[0])) + 1
        raise ValueError(f"{path}: the times do not rise evenly, first at {found.times[at]}: sort them, fill the gaps.")
    if not np.isfinite(found.values).all():
        raise ValueError(f"{path}: the value at {found.times[int(np.argmin(np.isfinite(found.values)))]} is missing.")
    return found
