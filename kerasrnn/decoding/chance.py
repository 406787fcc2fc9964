"""Random numbers that depend on nothing but the seed, the row and the step: the same on every backend and in every way.

Threefry-2x32 with 20 rounds, in operations on 32-bit integers: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw,
Parallel random numbers: as easy as 1, 2, 3, SC 2011.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

Tensor = Any

PARITY = 0x1BD11BDA
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def uniform(seed: Any, rows: Any, steps: int) -> Tensor:
    """`(steps, rows)` float32 in [0, 1), of 24 random bits each.

    Args:
        seed: an int, a `keras.random.SeedGenerator`, or integers of shape () or `(rows,)`: then each row has its own.
        rows: their number, an int or a scalar tensor.
        steps: their number.
    """
    first, second, single = _key(seed)
    row = ops.arange(rows, dtype="int32") * (1 if single else 0)
    counters = ops.broadcast_to(row, (steps, rows)), ops.arange(steps, dtype="int32")[:, None] + ops.zeros_like(row)
    bits, _ = threefry((first, second), tuple(ops.cast(counter, "uint32") for counter in counters))
    return ops.cast(ops.cast(ops.right_shift(bits, _word(8)), "int32"), "float32") * 2.0**-24


def threefry(key: tuple[Tensor, Tensor], counter: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Two words of noise for each pair of uint32 counters, under a pair of uint32 keys."""
    third = ops.bitwise_xor(ops.bitwise_xor(key[0], key[1]), _word(PARITY))
    keys = (*key, third)
    x, y = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(5):
        for bits in ROTATIONS[group % 2]:
            x = x + y
            turned = ops.bitwise_or(ops.left_shift(y, _word(bits)), ops.right_shift(y, _word(32 - bits)))
            y = ops.bitwise_xor(turned, x)
        x, y = x + keys[(group + 1) % 3], y + keys[(group + 2) % 3] + _word(group + 1)
    return x, y


def _key(seed: Any) -> tuple[Tensor, Tensor, bool]:
    """The two words of the key, and whether one seed serves all rows."""
    if isinstance(seed, keras.random.SeedGenerator):
        drawn = ops.cast(seed.next(), "uint32")
        return drawn[0], drawn[1], True
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return _word(int(seed) & 0xFFFFFFFF), _word(int(seed) >> 32 & 0xFFFFFFFF), True
    if not hasattr(seed, "shape") or len(seed.shape) > 1 or "int" not in str(seed.dtype):
        raise ValueError(
            "`seed` must be an integer, integers of shape () or (batch,), or a keras.random.SeedGenerator; received "
            f"{seed!r}."
        )
    seed = ops.convert_to_tensor(seed)
    return ops.cast(seed, "uint32"), _word(0), len(seed.shape) == 0


def _word(value: int) -> Tensor:
    return ops.convert_to_tensor(value, dtype="uint32")
