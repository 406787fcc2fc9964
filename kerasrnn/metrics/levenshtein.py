"""The Levenshtein distance of many pairs of sequences at once."""

from typing import Any

from keras import ops

Tensor = Any

FAR = 1 << 30
"""More than any distance, with room to add 1 at every step."""


def levenshtein(first: Tensor, first_lengths: Tensor, second: Tensor, second_lengths: Tensor) -> Tensor:
    """The distances `(b,)` int32 between the beginnings, of the lengths `(b,)`, of ids `(b, t)` and `(b, n)`.

    D[i, j], the distance of the first i ids from the first j, depends on D[i − 1, j], D[i, j − 1] and D[i − 1, j − 1].
    So all D[i, d − i] of an anti-diagonal d follow at once from the two before it: a vector over i of t + 1 places. It
    stops after the last d that a pair of the batch needs.
    """
    rows, width = ops.shape(first)[0], ops.shape(first)[1]
    longest = ops.shape(second)[1]
    # read from the end, a window of t ids stands opposite to the first sequence's on every diagonal
    reversed_second = ops.pad(ops.flip(second, axis=1), [[0, 0], [width, width]])
    steps = first_lengths + second_lengths  # the diagonal on which a pair's distance stands

    def moved(diagonal: Tensor) -> Tensor:  # from i − 1 to i
        return ops.concatenate([ops.full_like(diagonal[:, :1], FAR), diagonal[:, :-1]], axis=1)

    def body(d: Tensor, before: Tensor, last: Tensor, found: Tensor) -> tuple[Tensor, ...]:
        opposite = ops.slice(reversed_second, (ops.zeros_like(d), width + longest - d + 1), (rows, width))
        replaced = before[:, :-1] + ops.cast(ops.not_equal(first, opposite), "int32")  # for i from 1
        now = 1 + ops.minimum(last, moved(last))
        now = ops.concatenate([now[:, :1], ops.minimum(now[:, 1:], replaced)], axis=1)
        here = ops.take_along_axis(now, first_lengths[:, None], axis=1)[:, 0]
        return d + 1, last, now, ops.where(ops.equal(steps, d), here, found)

    def running(d: Tensor, *_: Tensor) -> Tensor:
        return ops.any(d <= steps)

    nowhere = ops.full((rows, width + 1), FAR, dtype="int32")
    origin = ops.concatenate([ops.zeros_like(nowhere[:, :1]), nowhere[:, 1:]], axis=1)
    one = ops.convert_to_tensor(1, dtype="int32")
    return ops.while_loop(running, body, (one, nowhere, origin, ops.zeros_like(steps)))[-1]
