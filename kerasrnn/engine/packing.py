"""How the steps of a batch are laid out for the loops: shards side by side, each packed without its padding.

A shard is a part of the rows of a batch, with a loop of its own. Within it, sequences are sorted by their number of
valid steps, and only valid steps are packed, time-major: the matrix products over all steps then never see padding.
A shard runs in phases, of which each drops the sequences that have ended.

Without a mask every sequence has all steps, the order is that of the batch, and there is one phase.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from kerasrnn.engine.packed_loops import rows_of_phase
from kerasrnn.engine.sizes import maximum, minimum, roomy, size

Tensor = Any


class Shard(NamedTuple):
    """A part of the batch: `r` sequences in `n` packed rows and `p` phases."""

    rows: Tensor  # masked: (r,) int32, which rows of the batch; dense: their number
    lengths: Tensor | None  # (r,) int32 in falling order, or None
    steps: Tensor  # (p,) int32
    sources: Tensor | None  # (packed,) int32, for each packed row b·T + t of its step, -1 for none; None if dense
    packed: Tensor  # scalar int32, the number of packed rows that steps use


class Layout(NamedTuple):
    """A whole batch."""

    shards: list[Shard]
    phases: int
    room: list[Tensor]  # the number of packed rows of each shard, at least `packed`
    targets: list[Tensor] | None  # masked: for states and for gates (b, t) int32, the packed row over all shards, or -1
    order: Tensor | None  # masked: (b,) int32, where each row of the batch is among those of all shards
    shard_of: Tensor | None  # masked: (b,) int32
    go_backwards: bool


def dense(sequences: Tensor, count: int, go_backwards: bool, exact: bool) -> Layout:
    """The layout of a batch without a mask, in `count` shards of neighbouring rows."""
    batch, length = size(sequences, 0), size(sequences, 1)
    each = (batch + count - 1) // count
    shards, room = [], []
    for number in range(count):
        first, last = minimum(each * number, batch), minimum(each * (number + 1), batch)
        rows = last - first
        steps = length if count == 1 else tf.where(rows > 0, length, 0)
        shards.append(Shard(rows, None, tf.stack([steps]), None, rows * length))
        room.append(rows * (maximum(length, 1) if exact else roomy(length)))
    return Layout(shards, 1, room, None, None, None, go_backwards)


def masked(sequences: Tensor, mask: Tensor, count: int, phases: int, go_backwards: bool, exact: bool) -> Layout:
    """The layout of a batch with a mask `(b, t)`, its rows dealt to `count` shards by their length."""
    length = tf.shape(sequences)[1]
    if go_backwards:
        mask = tf.reverse(mask, [1])
    valid = tf.cast(mask, tf.int32)
    lengths = tf.reduce_sum(valid, axis=1)
    by_length = tf.argsort(lengths, direction="DESCENDING", stable=True)
    batch = tf.shape(lengths)[0]
    each = (batch + count - 1) // count  # with sequences of no steps all shards have as many, and one program
    filling = [[0, each * count - batch]]
    dealt, falling = tf.pad(by_length, filling), tf.pad(tf.gather(lengths, by_length), filling)
    step_of = tf.argsort(1 - valid, axis=1, stable=True)  # (b, t): where the k-th valid step is
    if go_backwards:
        step_of = length - 1 - step_of
    done = tf.cumsum(valid, axis=1)  # (b, t): how many steps are valid up to and with this one

    shards, positions = [], []
    for number in range(count):
        rows, own = dealt[number::count], falling[number::count]
        steps = _steps(own, phases)
        *bounds, used = _phases(steps, tf.shape(rows)[0], phases)
        used = tf.shape(rows)[0] * (length + 1) if exact else used
        shards.append(Shard(rows, own, steps, _sources(rows, own, step_of, bounds, used), used))
        positions.append(_position(tf.gather(done, rows) - 1, *bounds))
    # The same for all shards, so that one program serves all.
    room = shards[0].packed if exact else roomy(tf.reduce_max(tf.stack([shard.packed for shard in shards])), 2)

    targets, gate_targets = [], []
    for number, (shard, (at, step_rows)) in enumerate(zip(shards, positions, strict=True)):
        began = tf.gather(done, shard.rows) > 0
        at += number * room
        targets.append(tf.where(began, at + step_rows - tf.shape(shard.rows)[0], -1))
        gate_targets.append(tf.where(tf.gather(mask, shard.rows), at, -1))
    place = tf.argsort(by_length)
    order = place % count * each + place // count
    by_batch = [tf.gather(tf.concat(parts, axis=0), order) for parts in (targets, gate_targets)]
    return Layout(shards, phases, [room] * count, by_batch, order, place % count, go_backwards)


def pack(layout: Layout, sequences: Tensor) -> list[Tensor]:
    """The steps of each shard: `(b, t, d)` to `(packed, d)` each, zeros where there is none: no masked step is read."""
    width = sequences.shape[2]
    if layout.targets is not None:
        return list(_pack_masked(layout, layout.targets[1], sequences))
    parts = []
    for part in split_rows(layout, sequences):
        by_time = tf.transpose(tf.reverse(part, [1]) if layout.go_backwards else part, [1, 0, 2])
        parts.append(tf.reshape(by_time, [-1, width]))
    return parts


def _pack_masked(layout: Layout, targets: Tensor, sequences: Tensor) -> Any:
    """`pack` under a mask, with a gradient that gathers: TensorFlow's own, for steps taken twice, would scatter."""
    if layout.go_backwards:
        targets = tf.reverse(targets, [1])

    @tf.custom_gradient
    def run(sequences: Tensor) -> Any:
        flat = tf.reshape(sequences, [-1, sequences.shape[2]])
        parts = [_take(flat, shard.sources) for shard in layout.shards]

        def gradient(*upstream: Tensor) -> Tensor:
            used = tf.stack([shard.packed for shard in layout.shards])
            moved = tf.cumsum(used, exclusive=True) - tf.stack(layout.room) * tf.range(len(layout.shards))
            at = targets + tf.gather(moved, layout.shard_of)[:, None]
            taken = tf.gather(tf.concat(upstream, axis=0), tf.where(targets >= 0, at, 0))
            return tf.where(targets[..., None] >= 0, taken, tf.zeros([], taken.dtype))

        return parts, gradient

    return run(sequences)


def with_room(layout: Layout, shard: int, rows: Tensor) -> Tensor:
    """`(packed, d)` to `(n, d)`: what is compiled reads a number of rows that many batches have in common."""
    room = layout.room[shard]
    if rows.shape[0] is not None and rows.shape[0] == tf.get_static_value(room):
        return rows
    return tf.pad(rows, [[0, room - tf.shape(rows)[0]], [0, 0]])


def unpack(layout: Layout, parts: list[Tensor], before: Tensor | None, length: Tensor) -> Tensor:
    """What `pack` undoes: `(n, u)` of each shard to `(b, t, u)` in processing order.

    Args:
        before: with a mask, for a state: its initial value `(b, u)`, which it has before its first valid step; None
            for a gate, which is 0 on masked steps.
    """
    if layout.targets is None:
        width = size(parts[0], 1)
        found = []
        for shard, part in zip(layout.shards, parts, strict=True):
            steps = tf.reshape(tf.slice(part, [0, 0], [shard.packed, width]), [length, shard.rows, width])
            found.append(tf.transpose(steps, [1, 0, 2]))
        return tf.concat(found, axis=0) if len(found) > 1 else found[0]
    targets = layout.targets[1 if before is None else 0]
    taken = tf.gather(tf.concat(parts, axis=0), tf.maximum(targets, 0))
    other = tf.zeros([], taken.dtype) if before is None else before[:, None, :]
    return tf.where(targets[..., None] >= 0, taken, other)


def split_rows(layout: Layout, tensor: Tensor) -> list[Tensor]:
    """The rows `(b, ...)` of each shard."""
    if layout.order is not None:
        return [tf.gather(tensor, shard.rows) for shard in layout.shards]
    if len(layout.shards) == 1:
        return [tensor]
    parts = tf.split(tensor, [shard.rows for shard in layout.shards], axis=0)
    for part in parts:
        part.set_shape([None, *tensor.shape[1:]])
    return parts


def of_shards(layout: Layout, nest: Any, spread: Callable[[Tensor], list[Tensor]]) -> list[Any]:
    """What each shard has of a nest of tensors and None; `spread` gives the parts of a tensor."""
    number = len(layout.shards)
    parts = [[None] * number if one is None else spread(one) for one in tf.nest.flatten(nest)]
    return [tf.nest.pack_sequence_as(nest, [part[index] for part in parts]) for index in range(number)]


def join_rows(layout: Layout, parts: list[Tensor]) -> Tensor:
    """What `split_rows` undoes."""
    joined = tf.concat(parts, axis=0) if len(parts) > 1 else parts[0]
    return joined if layout.order is None else tf.gather(joined, layout.order)


def spread_rows(layout: Layout, tensor: Tensor, length: Tensor) -> list[Tensor]:
    """For each shard what its packed rows have of `(b, ·)`: `(packed, ·)`."""
    if layout.targets is not None:
        return [tf.gather(tensor, tf.maximum(shard.sources, 0) // tf.maximum(length, 1)) for shard in layout.shards]
    return [tf.tile(part, [length, 1]) for part in split_rows(layout, tensor)]


def _steps(lengths: Tensor, phases: int) -> Tensor:
    """`(p,)`: how many steps each phase has, for lengths `(r,)` in falling order."""
    rows = tf.shape(lengths)[0]
    padded = tf.concat([lengths, [0]], axis=0)
    ends = []
    for phase in range(phases):
        fewer = rows_of_phase(rows, phase + 1, phases) if phase + 1 < phases else tf.constant(0)
        ends.append(padded[tf.minimum(fewer, rows)])
    return tf.stack([end - start for start, end in zip([tf.constant(0), *ends[:-1]], ends, strict=True)])


def _phases(steps: Tensor, rows: Tensor, phases: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """For each phase where its rows begin, its first step, its number of sequences; and how many rows all use."""
    counts = tf.stack([rows_of_phase(rows, phase, phases) for phase in range(phases)])
    ends = tf.cumsum((steps + 1) * counts)
    return tf.concat([[0], ends[:-1]], axis=0), tf.cumsum(steps, exclusive=True), counts, ends[-1]


def _position(step: Tensor, starts: Tensor, times: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """For the sequences of a shard and step numbers `(r, t)`: the packed row, and how many rows the step has."""
    phases = starts.shape[0]
    phase = tf.zeros_like(step)
    for number in range(1, phases):
        phase += tf.cast(step >= times[number], tf.int32)
    count = tf.gather(counts, phase)
    at = tf.gather(starts, phase) + (step - tf.gather(times, phase)) * count
    return at + tf.range(tf.shape(step)[0])[:, None], count


def _sources(rows: Tensor, lengths: Tensor, step_of: Tensor, phases: list[Tensor], size: Tensor) -> Tensor:
    """`(size,)`: for each packed row b·T + t of its step, or -1."""
    length = tf.shape(step_of)[1]
    k = tf.tile(tf.range(length)[None, :], [tf.shape(rows)[0], 1])
    at, _ = _position(k, *phases)
    flat = rows[:, None] * length + tf.gather(step_of, rows)
    at = tf.where(k < lengths[:, None], at, size)
    return tf.tensor_scatter_nd_update(tf.fill([size + 1], -1), tf.reshape(at, [-1, 1]), tf.reshape(flat, [-1]))[:-1]


def _take(flat: Tensor, sources: Tensor) -> Tensor:
    """The rows `sources`, zeros for -1."""
    empty = tf.cast(tf.shape(flat)[0] == 0, tf.int32)
    taken = tf.gather(tf.pad(flat, [[0, empty], [0, 0]]), tf.maximum(sources, 0))
    return tf.where(sources[:, None] >= 0, taken, tf.zeros([], taken.dtype))
