"""One step over packed rows, and its adjoint: the bodies of the loops in `packed_loops`.

The adjoint of a step asks the cell's own `update` for the local derivatives, at the products that the forward loop
kept, so that nobody writes a gradient by hand.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from kerasrnn import _compat
from kerasrnn.engine.product import Product, factors, gradient_of_input, multiply
from kerasrnn.engine.sizes import size

Tensor = Any


class Given(NamedTuple):
    """What the loops read. `n` is the number of packed rows, `r` of sequences, `p` of phases."""

    projected: Tensor | None  # (n, g*u), without its bias; None for an adjoint that does not read it
    bias: Tensor | None  # (g*u,)
    products: list[Product]
    weights: list[Tensor]  # the cell's local weights
    zoned: list[Tensor | None] | None  # (n, u) each
    states: list[Tensor]  # (r, u) each
    rows: Any  # a nest of (r, ...) tensors
    lengths: Tensor | None  # (r,) int32, in falling order, or None where every sequence has all steps
    steps: Tensor  # (p,) int32, the number of steps of each phase


class Kept(NamedTuple):
    """What the adjoint needs of the forward loop; `n` rows each, and for the states `n + r`."""

    states: list[Tensor]
    products: list[Tensor]
    factors: list[list[Tensor | None]]  # of each product and block; None where it is a state: see `Structure`


class Structure(NamedTuple):
    """What a cell's equations share, so that it is stored once."""

    factors: list[list[int | None]]  # of each product and block the number of the state that is multiplied, if one is
    projected_as: int | None  # the product whose gradient is also that of the projected input, added to it whole
    reads_projected: bool  # whether the derivatives need the projected input
    width: int  # of the projected input


class Adjoint(NamedTuple):
    """The gradients that the backward loop returns."""

    projected: Tensor | None  # (n, g*u); None where it is that of a product: see `Structure`
    products: list[Tensor]  # (n, n_k*u) each
    weights: list[Tensor]
    states: list[Tensor]  # (r, u) each
    rows: list[Tensor]  # (r, ...), of those that are differentiable


class Run(NamedTuple):
    """One step of the forward loop."""

    states: list[Tensor]
    gates: dict[str, Tensor]
    products: list[Tensor]
    factors: list[list[Tensor | int]]


class Now(NamedTuple):
    """What a step reads of the packed rows."""

    projected: Tensor | None  # (r, g*u), with its bias
    zoned: list[Tensor | None] | None


class Past(NamedTuple):
    """What the adjoint of a step reads of the packed rows."""

    now: Now
    states: list[Tensor]  # before the step
    products: list[Tensor]
    into_states: list[Tensor | None]  # gradients of the wanted traces
    into_gates: dict[str, Tensor]


def read_rows(array: Tensor, at: Tensor, count: Tensor) -> Tensor:
    """`count` rows of a matrix from row `at`."""
    return _compat.read(array, [at, 0], [count, size(array, 1)])


def update_rows(array: Tensor, rows: Tensor, at: Tensor) -> Tensor:
    """A matrix with some of its rows replaced, from row `at`."""
    return _compat.update(array, rows, [at, 0])


def now_of(given: Given, at: Tensor, rows: Tensor) -> Now:
    projected = None if given.projected is None else read_rows(given.projected, at, rows)
    if projected is not None and given.bias is not None:
        projected += given.bias
    zoned = given.zoned and [None if z is None else read_rows(z, at, rows) for z in given.zoned]
    return Now(projected, zoned)


def past_of(
    cell: Any, given: Given, kept: Kept, into_outs: dict[str, Tensor], at: Tensor, count: Tensor, rows: Tensor
) -> Past:
    """`into_outs` of states lack their first `rows` rows."""
    names = cell.state_names
    return Past(
        now_of(given, at, count),
        [read_rows(array, at, count) for array in kept.states],
        [read_rows(array, at, count) for array in kept.products],
        [read_rows(into_outs[name], at + count - rows, count) if name in into_outs else None for name in names],
        {name: read_rows(gradient, at, count) for name, gradient in into_outs.items() if name not in names},
    )


def first_rows(nest: Any, count: Tensor, copy: bool = False) -> Any:
    """What the first `count` sequences have of a nest of `(r, ...)` tensors and None; if `copy`, as new tensors."""

    def of(row: Tensor | None) -> Tensor | None:
        if row is None:
            return None
        return tf.identity(row[:count]) if copy else row[:count]

    return tf.nest.map_structure(of, nest)


def differentiable_rows(nest: Any) -> list[Tensor]:
    """The tensors of a nest that have gradients."""
    return [row for row in tf.nest.flatten(nest) if row is not None and row.dtype.is_floating]


def tensors_of(structure: Any) -> list[Tensor]:
    """The tensors of what a step reads, which a loop carries: it reads them a step ahead.

    XLA would otherwise read each slice anew wherever it is used, in code that it does not vectorise.
    """
    return [tensor for tensor in tf.nest.flatten(structure) if tensor is not None]


def once_known(number: Tensor, results: Sequence[Tensor]) -> Tensor:
    """`number`, in a way that XLA takes for a result of `results`.

    What is read or written at a place so numbered comes after everything that led to them. XLA then sees that nothing
    of the step before is needed any more, and overwrites it where it otherwise copies it first.
    """
    corners = [tf.cast(tf.reduce_sum(result[:1, :1]), tf.float32) for result in results]
    return tf.minimum(number, number + tf.cast(tf.math.is_nan(tf.add_n(corners)), number.dtype))


def shaped(tensors: list[Tensor], like: list[Tensor]) -> list[Tensor]:
    """The tensors, with what is known of the shapes of others: a loop may not forget any of it."""
    for tensor, other in zip(tensors, like, strict=True):
        tensor.set_shape(other.shape)
    return list(tensors)


def filled(structure: Any, tensors: list[Tensor]) -> Any:
    """What `tensors_of` undoes."""
    rest = iter(tensors)
    flat = [None if old is None else next(rest) for old in tf.nest.flatten(structure)]
    return tf.nest.pack_sequence_as(structure, flat)


def step_of(cell: Any, given: Given, now: Now, time: Tensor, states: list[Tensor]) -> Run:
    """One step. A factor that is a state is noted by the state's number."""
    rows = tf.shape(states[0])[0]
    values: dict[int, Tensor] = {}
    lefts: dict[int, list[Tensor | int]] = {}

    def mm(k: int, a: Tensor, plus: Tensor | None = None) -> Tensor:
        if k in values:
            raise ValueError(
                f"{type(cell).__name__}.update must call `mm` once for each product; it did twice for {k}."
            )
        left = factors(given.products[k], a, rows)
        value = multiply(given.products[k], left)
        numbers = {id(state): number for number, state in enumerate(states)}
        lefts[k] = [numbers.get(id(factor), factor) for factor in left]
        values[k] = value if plus is None else plus + value
        return values[k]

    view = cell.view(given.weights, first_rows(given.rows, rows))
    after, gates = view.advance(now.projected, list(states), mm, now.zoned)
    after = [_like(new, old) for new, old in zip(after, states, strict=True)]
    if given.lengths is not None:
        alive = (time < given.lengths[:rows])[:, None]
        after = [tf.where(alive, new, old) for new, old in zip(after, states, strict=True)]
    order = sorted(values)
    if order != list(range(len(given.products))):
        raise ValueError(f"{type(cell).__name__}.update must call `mm` for every product; it did for {order}.")
    return Run(after, gates, [values[k] for k in order], [lefts[k] for k in order])


def adjoint_of_step(
    cell: Any,
    given: Given,
    transposed: list[Tensor],
    carried: list[Tensor],
    past: Past,
    count: Tensor,
    time: Tensor,
) -> Adjoint:
    """The adjoint of a step, from the gradients of the states after it."""
    carried = [
        gradient if into is None else gradient + into for gradient, into in zip(carried, past.into_states, strict=True)
    ]
    alive = None if given.lengths is None else (time < given.lengths[:count])[:, None]
    incoming, into_gates = carried, past.into_gates
    if alive is not None:
        incoming = [tf.where(alive, gradient, tf.zeros_like(gradient)) for gradient in carried]
        into_gates = {name: tf.where(alive, g, tf.zeros_like(g)) for name, g in into_gates.items()}
    found = _local_gradients(cell, given, transposed, past, incoming, into_gates, count)
    if alive is None:
        return found
    held = [
        new + tf.where(alive, tf.zeros_like(gradient), gradient)
        for new, gradient in zip(found.states, carried, strict=True)
    ]
    return found._replace(states=held)


def _local_gradients(
    cell: Any,
    given: Given,
    transposed: list[Tensor],
    past: Past,
    incoming: list[Tensor],
    into_gates: dict[str, Tensor],
    rows: Tensor,
) -> Adjoint:
    """The vector-Jacobian product of one `advance`, whose products are known: `mm` returns what was kept."""
    collected: dict[int, Tensor] = {}
    before, values, projected = past.states, past.products, past.now.projected
    if projected is None:  # nothing reads it, but it is what gradients are asked for
        projected = tf.zeros([rows, given.products[0].kernel.shape[1]], before[0].dtype)

    def mm(k: int, a: Tensor, plus: Tensor | None = None) -> Tensor:
        @tf.custom_gradient
        def known(*inputs: Tensor) -> Any:
            def gradient(upstream: Tensor) -> Any:
                collected[k] = upstream
                back = gradient_of_input(given.products[k], transposed[k], upstream, rows)
                return [back, upstream][: len(inputs)] if len(inputs) > 1 else back

            return tf.identity(values[k]), gradient

        return known(a) if plus is None else known(a, plus)

    weights = [tf.identity(weight) for weight in given.weights]
    nest = first_rows(given.rows, rows, copy=True)
    watched = differentiable_rows(nest)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([projected, *before, *weights, *watched])
        after, gates = cell.view(weights, nest).advance(projected, list(before), mm, past.now.zoned)
        after = [_like(new, old) for new, old in zip(after, before, strict=True)]
        targets = [*after, *(gates[name] for name in into_gates)]
    sources = [projected, *before, *weights, *watched]
    upstream = [*incoming, *into_gates.values()]
    found = tape.gradient(targets, sources, upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    n, m = len(before), len(weights)
    products = [collected.get(k, tf.zeros_like(values[k])) for k in range(len(values))]
    return Adjoint(found[0], products, found[1 + n : 1 + n + m], found[1 : 1 + n], found[1 + n + m :])


def structure_of(cell: Any, given: Given) -> Structure:
    """What the equations share, read off one step (whose operations nobody asks for, so that they are never run)."""
    rows = tf.shape(given.states[0])[0]
    now = now_of(given, tf.constant(0), rows)
    sample = step_of(cell, given, now, tf.constant(0), given.states)
    before = [tf.identity(state) for state in given.states]
    projected = tf.identity(now.projected)
    transposed = [tf.transpose(product.kernel) for product in given.products]
    past = Past(now._replace(projected=projected), before, sample.products, [None] * len(before), {})
    found = _local_gradients(cell, given, transposed, past, before, {}, rows)
    same = [k for k, gradient in enumerate(found.products) if gradient is found.projected]
    tensors = [*found.products, *found.weights, *found.states, *found.rows, *([] if same else [found.projected])]
    factors = [[f if isinstance(f, int) else None for f in left] for left in sample.factors]
    return Structure(
        factors, same[0] if same else None, _reads(tensors, projected, sample.products), projected.shape[1]
    )


def _reads(tensors: Sequence[Tensor], wanted: Tensor, stops: Sequence[Tensor]) -> bool:
    """Whether any of the tensors is computed from `wanted`, other than through `stops`."""
    seen, waiting = {stop.op for stop in stops}, [tensor.op for tensor in tensors]
    while waiting:
        operation = waiting.pop()
        if operation is wanted.op:
            return True
        if operation not in seen:
            seen.add(operation)
            waiting.extend(tensor.op for tensor in operation.inputs)
    return False


def _like(tensor: Tensor, other: Tensor) -> Tensor:
    return tensor if tensor.dtype == other.dtype else tf.cast(tensor, other.dtype)
