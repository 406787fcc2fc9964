"""What is compiled is kept, with a cell or for all that are like it; and how many programs run side by side."""

import os
from collections.abc import Callable, Hashable
from typing import Any

import tensorflow as tf

MOST_SHARDS = 8  # smaller products are not worth another loop


def cached(cell: Any, key: Hashable, make: Callable[[], Any]) -> Any:
    """What was made for `cell` under `key`, once."""
    made = cell.__dict__.get("_programs")
    if made is None:
        made = {}
        object.__setattr__(cell, "_programs", made)  # past Keras' tracking of attributes
    if key not in made:
        made[key] = make()
    return made[key]


_of_settings: dict[Hashable, Any] = {}


def shared(cell: Any, key: Hashable, make: Callable[[Any], Any]) -> Any:
    """What `make` made of a cell like `cell` under `key`, once for all whose `shared_settings` are equal."""
    settings = cell.shared_settings()
    if settings is None:
        return cached(cell, key, lambda: make(cell))
    if (settings, key) not in _of_settings:
        _of_settings[settings, key] = make(cell.bare())
    return _of_settings[settings, key]


def signature(nest: Any) -> Hashable:
    """What is known of the types and shapes of a nest of tensors and None; a function for each is traced once."""
    return tuple(
        None if tensor is None else (tensor.dtype, None if tensor.shape.rank is None else tuple(tensor.shape))
        for tensor in tf.nest.flatten(nest)
    )


def handed_over(nest: Any) -> Any:
    """A nest of tensors and None, to call a function with inside of a gradient.

    In a branch of `tf.cond` TensorFlow does not find a tensor of the forward pass that goes straight into a call.
    """
    return tf.nest.map_structure(lambda tensor: None if tensor is None else tf.identity(tensor), nest)


def cores() -> int:
    """How many loops may run side by side: the threads that TensorFlow was given, or what the process may use."""
    threads = tf.config.threading
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = [threads.get_intra_op_parallelism_threads(), threads.get_inter_op_parallelism_threads()]
    return min(available, *(count for count in given if count), MOST_SHARDS)
