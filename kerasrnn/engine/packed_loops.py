"""The loop over packed rows and its adjoint, each one XLA program.

Rows are packed (see `packing`): what belongs to step j of phase p lies in `rows_p` rows that begin at
`start_p + j·rows_p`. Within a phase `rows_p` sequences run side by side; a phase ends with one spare step, so that the
state before a step and the state after it lie in one array, a step apart.

The forward loop keeps the states, what each recurrent product came to, and what was multiplied where that is not a
state. The backward loop asks the cell's own `update` for the local derivatives, at the products that were kept, and
carries only the gradients of the states and of small weights; the gradients of the kernels are left to one
matrix product each over all steps.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerasrnn.engine.packed_steps import (
    Adjoint,
    Given,
    Kept,
    Structure,
    adjoint_of_step,
    differentiable_rows,
    filled,
    now_of,
    once_known,
    past_of,
    shaped,
    step_of,
    tensors_of,
)
from kerasrnn.engine.packed_steps import update_rows as put

Tensor = Any

LIGHT = 1 << 14  # weights in the recurrent kernels: see `_is_light`


def rows_of_phase(rows: Tensor, phase: int, phases: int) -> Tensor:
    """How many of `rows` sequences run in a phase: all in the first, then fewer in equal steps."""
    return rows if phase == 0 else (rows * (phases - phase) + phases - 1) // phases


def _is_light(given: Given) -> bool:
    """Whether a step is so small that copies and counting cost a good part of it: then they are avoided.

    What is left of such a step is a handful of operations, which XLA runs one after the other on one thread. Larger
    products of shards side by side then get in each other's way, so for these the copies are the lesser evil.
    """
    weights = sum(product.kernel.shape.num_elements() for product in given.products)
    return weights <= LIGHT or given.states[0].shape[0] == 1


def _sum_like(tensor: Tensor) -> Tensor:
    """Zeros to add many steps to. A sum in half precision would stop growing at some hundred times a step."""
    return tf.zeros_like(tensor, tf.float32 if tensor.dtype.size < 4 else tensor.dtype)


def forward(
    cell: Any, phases: int, outs: Sequence[str], keep: bool, given: Given
) -> tuple[list[Tensor], dict[str, Tensor], Kept | None]:
    """Run the cell.

    Args:
        phases: the number of phases.
        outs: names of the gates and states that are wanted at every step.
        keep: whether to keep what `backward` needs.

    Returns:
        The last states `(r, u)`; the wanted traces, gates `(n, u)` with a step's rows where its input's are, states
        `(n + r, u)` one step later; and what was kept.
    """
    room, rows, light = tf.shape(given.projected)[0], tf.shape(given.states[0])[0], _is_light(given)
    names = cell.state_names
    sample = step_of(cell, given, now_of(given, tf.constant(0), rows), tf.constant(0), given.states)

    def buffer(like: Tensor, extra: Any = 0) -> Tensor:
        return tf.zeros([room + extra, tf.shape(like)[1]], like.dtype)

    stored = [index for index, name in enumerate(names) if keep or name in outs]
    gates = [name for name in outs if name not in names]
    states_kept = [buffer(given.states[index], rows) for index in stored]
    gates_kept = [buffer(sample.gates[name]) for name in gates]
    own = [factor for left in sample.factors for factor in left if not isinstance(factor, int)] if keep else []
    products_kept = [buffer(value) for value in sample.products] if keep else []
    factors_kept = [buffer(factor) for factor in own]

    def run(start: Tensor, time: Tensor, count: Tensor, steps: Tensor, states: list[Tensor], arrays: Any) -> Any:
        """The steps of one phase, of `count` sequences from the packed row `start`."""
        now = now_of(given, start, count)

        def body(j: Tensor, states: list[Tensor], read: list[Tensor], arrays: Any) -> Any:
            step = step_of(cell, given, filled(now, read), time + j, states)
            after = once_known(j + 1, step.states) if light else j + 1
            at = start + (after - 1) * count
            in_states, in_gates, in_products, in_factors = arrays
            in_states = [
                put(array, step.states[index], at + count) for array, index in zip(in_states, stored, strict=True)
            ]
            in_gates = [put(array, step.gates[name], at) for array, name in zip(in_gates, gates, strict=True)]
            if keep:
                in_products = [put(array, value, at) for array, value in zip(in_products, step.products, strict=True)]
                values = [factor for left in step.factors for factor in left if not isinstance(factor, int)]
                in_factors = [put(array, value, at) for array, value in zip(in_factors, values, strict=True)]
            ahead = shaped(tensors_of(now_of(given, at + count, count)), read)
            return after, shaped(step.states, states), ahead, (in_states, in_gates, in_products, in_factors)

        begin = (tf.constant(0), states, tensors_of(now), arrays)
        _, states, _, arrays = tf.while_loop(lambda j, *_: j < steps, body, begin)
        return states, arrays

    start, time = tf.constant(0), tf.constant(0)
    states, retired = given.states, []
    for phase in range(phases):
        count = rows_of_phase(rows, phase, phases)
        if phase:
            retired.append([state[count:] for state in states])
            states = [state[:count] for state in states]
        states_kept = [put(array, states[index], start) for array, index in zip(states_kept, stored, strict=True)]
        steps = given.steps[phase]
        arrays = states_kept, gates_kept, products_kept, factors_kept
        states, arrays = run(start, time, count, steps, states, arrays)
        states_kept, gates_kept, products_kept, factors_kept = arrays
        start, time = start + (steps + 1) * count, time + steps
    for ended in reversed(retired):
        states = [tf.concat([state, others], axis=0) for state, others in zip(states, ended, strict=True)]

    by_name = dict(zip(gates, gates_kept, strict=True))
    by_name |= {names[index]: array for index, array in zip(stored, states_kept, strict=True)}
    kept = None
    if keep:
        rest = iter(factors_kept)
        lefts = [[None if isinstance(f, int) else next(rest) for f in left] for left in sample.factors]
        kept = Kept(states_kept, products_kept, lefts)
    return states, {name: by_name[name] for name in outs}, kept


def backward(
    cell: Any,
    phases: int,
    structure: Structure,
    given: Given,
    kept: Kept,
    into_states: list[Tensor],
    into_outs: dict[str, Tensor],
) -> Adjoint:
    """The adjoint of `forward`.

    Args:
        into_states: the gradients of the last states, `(r, u)`.
        into_outs: the gradients of the wanted traces, all `(n, u)`: those of states without their first `r` rows.
    """
    rows, light = tf.shape(given.states[0])[0], _is_light(given)
    room = tf.shape(kept.states[0])[0] - rows
    apart = structure.projected_as is None
    transposed = [tf.transpose(product.kernel) for product in given.products]
    counts = [rows_of_phase(rows, phase, phases) for phase in range(phases)]
    starts, times = [tf.constant(0)], [tf.constant(0)]
    for phase in range(phases - 1):
        starts.append(starts[-1] + (given.steps[phase] + 1) * counts[phase])
        times.append(times[-1] + given.steps[phase])

    def run(start: Tensor, time: Tensor, count: Tensor, steps: Tensor, carried: Any, sums: Any, arrays: Any) -> Any:
        """The steps of one phase, the last one first."""
        past = past_of(cell, given, kept, into_outs, start + tf.maximum(steps - 1, 0) * count, count, rows)

        def body(j: Tensor, carried: Any, sums: Any, read: list[Tensor], arrays: Any) -> Any:
            found = adjoint_of_step(cell, given, transposed, carried, filled(past, read), count, time + j)
            before = -once_known(1 - j, found.states) if light else j - 1
            at = start + (before + 1) * count
            values = [*found.products, found.projected] if apart else found.products
            arrays = [put(array, value, at) for array, value in zip(arrays, values, strict=True)]
            parts = [*found.weights, *found.rows]
            added = [total + tf.cast(part, total.dtype) for total, part in zip(sums, parts, strict=True)]
            ahead = tensors_of(past_of(cell, given, kept, into_outs, at - count, count, rows))
            return before, shaped(found.states, carried), shaped(added, sums), shaped(ahead, read), arrays

        begin = (steps - 1, carried, sums, tensors_of(past), arrays)
        _, carried, sums, _, arrays = tf.while_loop(lambda j, *_: j >= 0, body, begin)
        return carried, sums, arrays

    arrays = [tf.zeros([room, tf.shape(value)[1]], value.dtype) for value in kept.products]
    if apart:
        arrays.append(tf.zeros([room, structure.width], given.states[0].dtype))
    small = [_sum_like(weight) for weight in given.weights]
    rows_read = differentiable_rows(given.rows)
    into_rows = [_sum_like(row[: counts[-1]]) for row in rows_read]
    carried = [gradient[: counts[-1]] for gradient in into_states]
    for phase in reversed(range(phases)):
        count, start, time = counts[phase], starts[phase], times[phase]
        if phase < phases - 1:
            later = slice(counts[phase + 1], count)
            into_rows = [
                tf.concat([now, _sum_like(row[later])], axis=0) for now, row in zip(into_rows, rows_read, strict=True)
            ]
            carried = [tf.concat([now, ended[later]], axis=0) for now, ended in zip(carried, into_states, strict=True)]
        sums = [*small, *into_rows]
        carried, sums, arrays = run(start, time, count, given.steps[phase], carried, sums, arrays)
        small, into_rows = sums[: len(small)], sums[len(small) :]
    small, into_rows = (
        [tf.cast(total, like.dtype) for total, like in zip(totals, likes, strict=True)]
        for totals, likes in ((small, given.weights), (into_rows, rows_read))
    )
    return Adjoint(arrays[-1] if apart else None, arrays[: len(kept.products)], small, carried, into_rows)
