"""What is compiled for a cell is kept with the cell, and how many programs run side by side."""

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
