"""Cells whose step is linear in the state, h = a ⊙ h₋ + b, in training on a CPU: stretches of a sequence side by side.

A step of such a cell is so little work that a loop over all of them is mostly the cost of looping. A sequence is cut
into blocks, whose steps are taken at the same time, twice: first to find what a block as a whole does to a state, from
which follows the state that each block begins with, and then from these states. The gradient runs the same way,
backwards. Nothing but the states is kept, for the coefficients are computed anew in less time than they are read. The
batch stays as it is: no step is moved to where a loop over packed rows would read it.

G. E. Blelloch, Prefix sums and their applications, CMU-CS-90-190, 1990, section 1.3.
"""

from typing import Any

import tensorflow as tf

from kerasrnn import _compat
from kerasrnn.engine import packing
from kerasrnn.engine.linear import is_linear
from kerasrnn.engine.options import Options
from kerasrnn.engine.packed_steps import shaped
from kerasrnn.engine.product import gradient_of_bias
from kerasrnn.engine.programs import cores, handed_over, shared, signature
from kerasrnn.engine.scan import Scanned
from kerasrnn.engine.sizes import maximum, minimum, roomy, size

Tensor = Any

NUMBERS = 1 << 13  # of a state, in all blocks together: a step of so many is worth starting, and stays in the caches
LEAST_STEPS = 8  # of a block
MOST_BLOCKS = 64


def applies(cell: Any, sequences: Tensor, options: Options) -> bool:
    """Whether this way of training a cell is for these sequences; the loops over packed rows are for all."""
    precise = sequences.dtype in (tf.float32, tf.float64)  # a block's products of decays need more than half precision
    wanted = set(options.kept) <= {"hidden"} and options.zoned is None
    return is_linear(cell) and not cell.local_weights and wanted and precise


def recur(cell: Any, sequences: Tensor, states: list[Tensor], mask: Tensor | None, options: Options) -> Scanned:
    """As `engine.recur`, where `applies`."""
    in_xla = _compat.in_xla()
    length = size(sequences, 1)
    layout = packing.dense(sequences, 1 if in_xla or sequences.shape[0] == 1 else cores(), False, True)
    if mask is not None:
        sequences = tf.where(mask[..., None], sequences, tf.zeros([], sequences.dtype))
    if options.go_backwards:
        sequences = tf.reverse(sequences, [1])
        mask = None if mask is None else tf.reverse(mask, [1])
    bias = cell.project_bias()
    bias = None if bias is None else tf.convert_to_tensor(bias)

    def run(rows: Tensor, x: Tensor, before: Tensor, valid: Tensor | None, dropped: Any) -> tuple[Tensor, Tensor]:
        """The last states of a shard's rows, and all of them."""
        blocks = how_many(rows, length, cell.units)
        steps = maximum((length + blocks - 1) // blocks, 1)
        steps = steps if in_xla else roomy(steps)
        room = blocks * steps
        full = isinstance(room, int) and room == length
        if not full:
            valid = (tf.range(length) < length)[None] if valid is None else valid
            x, valid = (_longer(each, room - length) for each in (x, valid))
        dropped = tf.nest.map_structure(lambda one: None if one is None else tf.repeat(one, room, axis=0), dropped)
        projected = cell.project(tf.reshape(x, [-1, x.shape[2]]), dropped)
        projected = tf.reshape(projected, [rows, blocks, steps, projected.shape[1]])
        valid = None if valid is None else tf.reshape(valid, [-1, blocks, steps, 1])
        key = ("blocks", in_xla, signature((projected, bias, before, valid)))
        loops = shared(cell, key, lambda alike: Loops(alike, not in_xla))
        last, out = _with_adjoint(loops, projected, bias, before, valid)
        out = tf.reshape(out, [rows, room, cell.units])
        return last, out if full else tf.slice(out, [0, 0, 0], [-1, length, -1])

    given = sequences, states[0], mask, options.input_masks
    parts = packing.of_shards(layout, given, lambda tensor: packing.split_rows(layout, tensor))
    found = [run(shard.rows, *part) for shard, part in zip(layout.shards, parts, strict=True)]
    last, hidden = (packing.join_rows(layout, list(each)) for each in zip(*found, strict=True))
    last.set_shape(states[0].shape)
    hidden.set_shape((*sequences.shape[:2], cell.units))
    return Scanned([last], {name: hidden for name in options.kept})


def how_many(rows: Tensor, length: Tensor, units: int) -> Tensor:
    """The number of blocks, a power of 2, for `rows` sequences of `length` steps."""
    most = minimum(NUMBERS // (maximum(rows, 1) * units), minimum(length // LEAST_STEPS, MOST_BLOCKS))
    if isinstance(most, int):
        return 1 << max(most, 1).bit_length() - 1
    powers = [1 << k for k in range(1, MOST_BLOCKS.bit_length())]
    return tf.bitwise.left_shift(1, tf.reduce_sum(tf.cast(most >= powers, tf.int32)))


def _longer(x: Tensor, more: Tensor) -> Tensor:
    """`(r, t, ...)` with `more` steps of zeros."""
    return tf.pad(x, [[0, 0], [0, more], *[[0, 0]] * (len(x.shape) - 2)])


class Loops:
    """The programs of a cell.

    Arrays over time are `(r, c, k, ·)`: of `r` rows `c` blocks of `k` steps. `valid (r, c, k, 1)`, or of one row for
    all, says which steps count; on others states hold. None if all do.
    """

    def __init__(self, cell: Any, compiled: bool) -> None:
        self._cell = cell
        self.forward = tf.function(self._forward, jit_compile=compiled, autograph=False)
        self.backward = tf.function(self._backward, jit_compile=compiled, autograph=False)

    def _forward(
        self, projected: Tensor, bias: Tensor | None, before: Tensor, valid: Tensor | None
    ) -> tuple[Tensor, ...]:
        """The last states, all states, and for each block the state before it `(r, c, u)` and how much it keeps."""
        rows, blocks, steps, _ = tf.unstack(tf.shape(projected))
        units = self._cell.units

        def compose(j: Tensor, decay: Tensor, state: Tensor) -> tuple[Tensor, ...]:
            a, b = self._coefficients(self._parts(projected, bias, j), valid, j)
            return j + 1, *shaped([a * decay, a * state + b], [decay, state])

        def advance(j: Tensor, state: Tensor, out: Tensor) -> tuple[Tensor, ...]:
            a, b = self._coefficients(self._parts(projected, bias, j), valid, j)
            (state,) = shaped([a * state + b], [state])
            return j + 1, state, _compat.update(out, state[:, :, None], [0, 0, j, 0])

        zeros = tf.zeros([rows, blocks, units], projected.dtype)
        start = (tf.constant(0), tf.ones_like(zeros), zeros)
        composed = tf.where(blocks > 1, steps, 0)  # what a single block does to a state, nobody asks
        _, decay, state = tf.while_loop(lambda j, *_: j < composed, compose, start)
        begins = _chained(before, decay, state)
        start = (tf.constant(0), begins, tf.zeros([rows, blocks, steps, units], projected.dtype))
        _, states, out = tf.while_loop(lambda j, *_: j < steps, advance, start)
        return states[:, -1], out, begins, decay

    def _backward(
        self,
        projected: Tensor,
        bias: Tensor | None,
        out: Tensor,
        begins: Tensor,
        decay: Tensor,
        valid: Tensor | None,
        into_last: Tensor,
        into: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The gradients of the projected input and of the first states, from those of the last and of all states."""
        rows, blocks, steps, _ = tf.unstack(tf.shape(projected))
        units = self._cell.units

        def compose(j: Tensor, carried: Tensor) -> tuple[Tensor, Tensor]:
            a, _ = self._coefficients(self._parts(projected, bias, j), valid, j)
            return j - 1, *shaped([a * (carried + _step(into, j, 0, units))], [carried])

        def retreat(j: Tensor, carried: Tensor, before: Tensor, array: Tensor) -> tuple[Tensor, ...]:
            """Step j backwards, from the states before it."""
            parts, arrived = self._parts(projected, bias, j), carried + _step(into, j, 0, units)
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(parts)
                a, b = self._coefficients(parts, valid, j)
            found = tape.gradient([a, b], parts, [arrived * before, arrived])
            for number, gradient in enumerate(found):
                array = _compat.update(array, gradient[:, :, None], [0, 0, j, number * units])
            return j - 1, *shaped([a * arrived], [carried]), array

        last_composed = tf.where(blocks > 1, steps, 0) - 1
        zeros = tf.zeros([rows, blocks, units], projected.dtype)
        _, carried = tf.while_loop(lambda j, _: j >= 0, compose, (last_composed, zeros))
        carried = tf.reverse(_chained(into_last, tf.reverse(decay, [1]), tf.reverse(carried, [1])), [1])

        def body(j: Tensor, carried: Tensor, array: Tensor) -> tuple[Tensor, ...]:
            return retreat(j, carried, _step(out, j - 1, 0, units), array)

        start = (steps - 1, carried, tf.zeros_like(projected))
        j, carried, array = tf.while_loop(lambda j, *_: j > 0, body, start)
        _, carried, array = retreat(j, carried, begins, array)  # before its first step a block is where it begins
        return array, carried[:, 0]

    def _parts(self, projected: Tensor, bias: Tensor | None, j: Tensor) -> list[Tensor]:
        """What a step reads, block of columns by block: XLA reads and computes what is one tensor less well."""
        units = self._cell.units
        parts = [_step(projected, j, number, units) for number in range(projected.shape[3] // units)]
        return parts if bias is None else [p + b for p, b in zip(parts, tf.split(bias, len(parts)), strict=True)]

    def _coefficients(self, parts: list[Tensor], valid: Tensor | None, j: Tensor) -> tuple[Tensor, Tensor]:
        """`(a, b)`; on other steps (1, 0), of which nothing has a gradient, not even an infinite slope at 0."""
        if valid is not None:
            counts = _step(valid, j, 0, 1)
            parts = [tf.where(counts, part, tf.ones([], part.dtype)) for part in parts]
        a, b, _ = self._cell.linear(tf.concat(parts, axis=-1))
        rate = self._cell.zoneout_rates[0]
        if rate:
            a, b = rate + (1 - rate) * a, (1 - rate) * b
        if valid is None:
            return a, b
        return tf.where(counts, a, tf.ones([], a.dtype)), tf.where(counts, b, tf.zeros([], b.dtype))


def _step(array: Tensor, j: Tensor, number: Tensor, units: int) -> Tensor:
    """`(r, c, u)`, a block of columns of step `j` of every block of steps."""
    rows, blocks = tf.unstack(tf.shape(array)[:2])
    return _compat.read(array, [0, 0, j, number * units], [rows, blocks, 1, units])[:, :, 0]


def _chained(first: Tensor, decay: Tensor, state: Tensor) -> Tensor:
    """The states `(r, c, u)` before each block, from the first one and what each block does to a state."""
    shape = tf.shape(state)
    rows, blocks = shape[0], shape[1]

    def of_block(array: Tensor, c: Tensor) -> Tensor:
        return _compat.read(array, [0, c, 0], [rows, 1, shape[2]])[:, 0]

    def advance(c: Tensor, now: Tensor, begins: Tensor) -> tuple[Tensor, ...]:
        begins = _compat.update(begins, now[:, None], [0, c, 0])
        return c + 1, *shaped([of_block(decay, c) * now + of_block(state, c)], [now]), begins

    start = (tf.constant(0), first, tf.zeros_like(state))
    return tf.while_loop(lambda c, *_: c < blocks, advance, start)[2]


def _with_adjoint(
    loops: Loops, projected: Tensor, bias: Tensor | None, before: Tensor, valid: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The last states and all of them."""

    @tf.custom_gradient
    def run(*_: Tensor) -> Any:
        last, out, begins, decay = loops.forward(projected, bias, before, valid)

        def gradient(*upstream: Tensor) -> list[Tensor]:
            into_last, into = (tf.convert_to_tensor(one) for one in upstream)  # some come as slices
            known = handed_over((projected, bias, out, begins, decay, valid))
            into_projected, into_before = loops.backward(*known, into_last, into)
            rows = tf.reshape(into_projected, [-1, into_projected.shape[3]])
            return [into_projected, into_before, *([] if bias is None else [gradient_of_bias(rows)])]

        return (last, out), gradient

    return run(projected, before, *([] if bias is None else [bias]))
