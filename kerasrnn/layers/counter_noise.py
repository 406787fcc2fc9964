"""Gaussian noise as a function of a key and a counter, so that a loop can draw it anywhere, again and in any order."""

from typing import Any

import keras
from keras import ops

Tensor = Any

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
LARGEST = 2**24  # the integers below are exact in float32


def draw_keys(like: Tensor, seed: Any) -> Tensor:
    """A random key of two numbers for each row of `like (b, 1)`, and a counter that begins at 0, `(b, 3)`.

    Without a `seed` the keys are 0.
    """
    zero = ops.zeros_like(like)
    if seed is None:
        return ops.concatenate([zero, zero, zero], axis=-1)
    keys = keras.random.randint((ops.shape(like)[0], 2), 0, LARGEST, seed=seed)
    return ops.concatenate([ops.cast(keys, like.dtype), zero], axis=-1)


def advance(keys: Tensor) -> Tensor:
    """The keys with the counter one further."""
    return keys + ops.convert_to_tensor([0.0, 0.0, 1.0], dtype=keys.dtype)


def normal(keys: Tensor, places: Tensor) -> Tensor:
    """A standard normal number for every place `(b, s)` of a row, at the row's counter, independent of all others."""
    first, second, count = (ops.cast(keys[:, i : i + 1], "uint32") for i in range(3))
    at = ops.cast(places, "uint32")
    bits = threefry((first, second), (ops.zeros_like(at) + count, at))
    one, two = (ops.cast(ops.right_shift(word, _word(8)), "float32") for word in bits)
    radius = ops.sqrt(-2.0 * ops.log((one + 0.5) / LARGEST))  # Box and Muller
    return ops.cast(radius * ops.cos(two * (2.0 * 3.141592653589793 / LARGEST)), keys.dtype)


def threefry(key: tuple[Tensor, Tensor], counter: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Threefry-2x32 with 20 rounds: two random words for a counter of two words, all uint32.

    Reference: J. Salmon, M. Moraes, R. Dror, D. Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011.
    """
    parity = ops.bitwise_xor(ops.bitwise_xor(key[0], key[1]), _word(PARITY))
    schedule = (*key, parity)
    x, y = counter[0] + key[0], counter[1] + key[1]
    for number in range(20):
        by = ROTATIONS[number % 8]
        x = x + y
        turned = ops.bitwise_or(ops.left_shift(y, _word(by)), ops.right_shift(y, _word(32 - by)))
        y = ops.bitwise_xor(turned, x)
        if number % 4 == 3:
            injection = number // 4 + 1
            x = x + schedule[injection % 3]
            y = y + schedule[(injection + 1) % 3] + _word(injection)
    return x, y


def _word(value: int) -> Tensor:
    return ops.convert_to_tensor(value, dtype="uint32")
