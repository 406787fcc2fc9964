"""Sizes of tensors on TensorFlow: ints where a graph knows them, scalar tensors where it does not."""

from typing import Any

import tensorflow as tf

Tensor = Any


def size(tensor: Tensor, axis: int) -> Tensor:
    """How many a tensor has along an axis."""
    static = tensor.shape[axis]
    return tf.shape(tensor)[axis] if static is None else static


def maximum(a: Tensor, b: Tensor) -> Tensor:
    """The greater of two sizes."""
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else tf.maximum(a, b)


def minimum(a: Tensor, b: Tensor) -> Tensor:
    """The lesser of two sizes."""
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else tf.minimum(a, b)


def roomy(size: Tensor, parts: int = 8) -> Tensor:
    """`size`, rounded up so that there are `parts` sizes an octave, a power of 2: programs are compiled for sizes."""
    if isinstance(size, int):
        return size
    size = tf.maximum(size, 1)
    octave = tf.searchsorted([2 * parts << k for k in range(30 - parts.bit_length())], [size], side="right")[0]
    unit = tf.bitwise.left_shift(1, octave)
    return (size + unit - 1) // unit * unit
