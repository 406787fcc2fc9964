"""A recurrent product `a·U + bias` with dropout masks, and its two gradients."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

Tensor = Any


class Product(NamedTuple):
    """One recurrent product: `kernel (u, n*u)`, `bias (n*u,)` or None, and the dropout masks `(b, u)`.

    One mask is for all columns; several are each for their block of columns; none for no dropout.
    """

    kernel: Tensor
    bias: Tensor | None
    masks: Sequence[Tensor] = ()


def factors(product: Product, a: Tensor, rows: Tensor) -> list[Tensor]:
    """What is multiplied by the kernel, one for each block of its columns: `a` under each mask."""
    return [a * mask[:rows] for mask in product.masks] or [a]


def multiply(product: Product, left: list[Tensor]) -> Tensor:
    """`(b, n*u)`, from `factors`."""
    blocks = tf.split(product.kernel, len(left), axis=1) if len(left) > 1 else [product.kernel]
    parts = [tf.matmul(factor, block) for factor, block in zip(left, blocks, strict=True)]
    result = tf.concat(parts, axis=1) if len(parts) > 1 else parts[0]
    return result if product.bias is None else result + product.bias


def gradient_of_input(product: Product, transposed: Tensor, gradient: Tensor, rows: Tensor) -> Tensor:
    """The gradient of `a`, from that of the product; `transposed (n*u, u)` is the kernel's transpose."""
    count = len(product.masks)
    if count < 2:
        result = tf.matmul(gradient, transposed)
        return result * product.masks[0][:rows] if count else result
    parts = zip(tf.split(gradient, count, axis=1), tf.split(transposed, count, axis=0), product.masks, strict=True)
    return tf.add_n([tf.matmul(part, block) * mask[:rows] for part, block, mask in parts])


def gradient_of_kernel(left: list[Tensor], gradient: Tensor) -> Tensor:
    """`(u, n*u)`, from the factors and the gradients of all steps, `(rows, u)` and `(rows, n*u)`."""
    parts = tf.split(gradient, len(left), axis=1) if len(left) > 1 else [gradient]
    blocks = [tf.matmul(factor, part, transpose_a=True) for factor, part in zip(left, parts, strict=True)]
    return tf.concat(blocks, axis=1) if len(blocks) > 1 else blocks[0]


def gradient_of_bias(gradient: Tensor) -> Tensor:
    """`(n*u,)`: the sum over rows, as a product with ones, which is twice as fast as a sum along the first axis."""
    ones = tf.ones([1, tf.shape(gradient)[0]], gradient.dtype)
    return tf.matmul(ones, gradient)[0]
