"""What is compiled for a cell is kept with the cell."""

from collections.abc import Callable, Hashable
from typing import Any


def cached(cell: Any, key: Hashable, make: Callable[[], Any]) -> Any:
    """What was made for `cell` under `key`, once."""
    made = cell.__dict__.get("_programs")
    if made is None:
        made = {}
        object.__setattr__(cell, "_programs", made)  # past Keras' tracking of attributes
    if key not in made:
        made[key] = make()
    return made[key]
