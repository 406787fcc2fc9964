"""The cells, attentions and memories that a decoder is given, each one or several."""

from collections.abc import Sequence
from typing import Any

import keras

from kerasrnn.layers.base_attention import BaseAttention


def listed(value: Any) -> list[Any]:
    """Several as a list, and one as a list of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def states_of(cell: Any) -> int:
    """How many states a cell has."""
    return len(listed(cell.state_size))


def attentions_of(given: Any) -> list[BaseAttention]:
    """One attention or several as a list; ValueError for anything else."""
    for one in listed(given):
        if not isinstance(one, BaseAttention):
            raise ValueError(f"`attention` must be attention layers of kerasrnn.layers; received {one!r}.")
    return listed(given)


def each_memory(attentions: Sequence[Any], memory: Any) -> list[Any]:
    """The memory of each attention, or its shape; ValueError if their numbers differ."""
    several = isinstance(memory, (list, tuple)) and not all(isinstance(each, int | None) for each in memory)
    given = list(memory) if several else [memory] * len(attentions)
    if len(given) != len(attentions):
        raise ValueError(
            f"`memory` must be one tensor, or one for each of the {len(attentions)} attention(s); "
            f"received {len(given)}."
        )
    return given


def deserialized(config: dict[str, Any], parts: Sequence[str], custom_objects: dict[str, Any] | None) -> dict[str, Any]:
    """A configuration whose `parts`, each one layer, several or None, are made again."""
    found = dict(config)
    for part in parts:
        given = config.get(part)
        made = [keras.saving.deserialize_keras_object(one, custom_objects=custom_objects) for one in listed(given)]
        found[part] = made if isinstance(given, list) else made[0]
    return found
