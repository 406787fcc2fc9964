"""Which dates are for training, which for validation and which for the test.

The split is a property of the date alone, so a date held out is held out in every language and every form.
"""

import hashlib
from datetime import date
from functools import cache

import numpy as np

FIRST = date(1000, 1, 1)
LAST = date(2999, 12, 31)
SPLITS = {"train": 0.90, "valid": 0.05, "test": 0.05}

_HASH_BITS = 48


def split_of(iso: str) -> str:
    """Name of the split that an ISO date (`1998-05-03`) belongs to."""
    digest = hashlib.sha256(f"date:{iso}".encode()).digest()
    fraction = int.from_bytes(digest[: _HASH_BITS // 8], "big") / 2**_HASH_BITS
    if fraction < SPLITS["train"]:
        return "train"
    return "valid" if fraction < SPLITS["train"] + SPLITS["valid"] else "test"


@cache
def ordinals(split: str) -> np.ndarray:
    """Every date of a split, in order, as `date.toordinal` counts days: int64 (n,).

    Raises:
        ValueError: if there is no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, received {split!r}")
    days = range(FIRST.toordinal(), LAST.toordinal() + 1)
    return np.array([day for day in days if split_of(date.fromordinal(day).isoformat()) == split], np.int64)
