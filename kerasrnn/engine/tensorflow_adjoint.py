"""A cell over a sequence on TensorFlow, with an adjoint: packing, projection, and the loops of every shard.

What is quick outside of the loop stays outside: the input projection, the gradients of all kernels and of the biases
are one matrix product each over all steps. The loops are XLA programs inside an ordinary graph, so that `fit` on a CPU,
which compiles nothing, has them too; a batch is split into one shard a core, whose loops run side by side, because the
small products of a step do not use two cores well.
"""

from typing import Any

import tensorflow as tf

from kerasrnn import _compat
from kerasrnn.engine import packed_loops, packed_steps, packing, tensorflow_blocks
from kerasrnn.engine.options import Options, are_alike
from kerasrnn.engine.packed_steps import Given, Kept, shaped
from kerasrnn.engine.product import Product, gradient_of_bias, gradient_of_kernel
from kerasrnn.engine.programs import cached, cores, handed_over, shared, signature
from kerasrnn.engine.scan import Scanned
from kerasrnn.engine.sizes import size

Tensor = Any

# How many phases a batch with a mask runs in, where the recurrent kernels have so many weights or more; one below that.
# Each phase takes time to compile, and saves padding, whose cost grows with the kernels.
PHASES = ((1 << 17, 5), (1 << 16, 3))


class Programs:
    """The two loops of a cell for one way of calling them."""

    def __init__(self, cell: Any, phases: int, outs: tuple[str, ...], keep: bool, compiled: bool) -> None:
        self._cell, self._phases, self.outs, self._keep = cell, phases, outs, keep
        self.state_names = cell.state_names
        self.structure: Any = None
        self.forward = tf.function(self._forward, jit_compile=compiled, autograph=False)
        self.backward = tf.function(self._backward, jit_compile=compiled, autograph=False)

    def _forward(self, given: Given) -> Any:
        if self._keep:
            self.structure = packed_steps.structure_of(self._cell, given)
        return packed_loops.forward(self._cell, self._phases, self.outs, self._keep, given)

    def _backward(self, given: Given, kept: Kept, into_states: list[Tensor], into_outs: dict[str, Tensor]) -> Any:
        return packed_loops.backward(self._cell, self._phases, self.structure, given, kept, into_states, into_outs)


@tf.autograph.experimental.do_not_convert
def recur(
    cell: Any,
    sequences: Tensor,
    states: list[Tensor],
    mask: Tensor | None,
    options: Options,
    differentiable: bool | None = None,
) -> Scanned:
    """As `engine.recur`; if `differentiable`, by default if a tape runs, with what the adjoint needs."""
    states = [tf.convert_to_tensor(state) for state in states]  # those of a stateful layer are variables
    if tf.executing_eagerly():
        return _recur_eagerly(cell, sequences, states, mask, options)
    exact = _compat.in_xla()  # then no size may depend on values
    differentiable = _compat.records_gradients() if differentiable is None else differentiable
    sequences = tf.convert_to_tensor(sequences)
    if differentiable and tensorflow_blocks.applies(cell, sequences, options):
        return tensorflow_blocks.recur(cell, sequences, states, mask, options)
    shards = 1 if exact or sequences.shape[0] == 1 else cores()
    length = size(sequences, 1)
    if mask is None:
        layout = packing.dense(sequences, shards, options.go_backwards, exact or sequences.shape[1] is not None)
    else:
        phases = 1 if exact or are_alike() else _phases(cell)
        fixed = phases == 1  # one program for all batches of a shape, whatever their mask
        layout = packing.masked(sequences, mask, shards, phases, options.go_backwards, fixed)

    tensors = [(tf.convert_to_tensor(kernel), bias) for kernel, bias in cell.recurrent_products()]
    tensors = [(kernel, None if bias is None else tf.convert_to_tensor(bias)) for kernel, bias in tensors]
    weights = [tf.convert_to_tensor(weight) for weight in cell.local_tensors()]
    bias = cell.project_bias()
    bias = None if bias is None else tf.convert_to_tensor(bias)

    xs = packing.pack(layout, sequences)
    x_masks = packing.of_shards(layout, options.input_masks, lambda m: packing.spread_rows(layout, m, length))
    h_masks = packing.of_shards(layout, options.recurrent_masks, lambda m: packing.split_rows(layout, m))
    each_rows = packing.of_shards(layout, options.rows, lambda row: packing.split_rows(layout, row))
    zs = [None if z is None else packing.pack(layout, z) for z in options.zoned or []]
    initial = [packing.split_rows(layout, state) for state in states]
    finals, traces = [], []
    for index, (shard, x) in enumerate(zip(layout.shards, xs, strict=True)):
        chosen = cell.masks_by_product(h_masks[index])
        projected = packing.with_room(layout, index, cell.project(x, x_masks[index]))
        given = Given(
            projected,
            bias,
            [
                Product(kernel, b, m if isinstance(m, list) else [] if m is None else [m])
                for (kernel, b), m in zip(tensors, chosen, strict=True)
            ],
            weights,
            [None if z is None else packing.with_room(layout, index, z[index]) for z in zs] if options.zoned else None,
            [parts[index] for parts in initial],
            each_rows[index],
            shard.lengths,
            shard.steps,
        )
        programs = _programs(cell, layout.phases, options.kept, differentiable, given, not exact)
        final, trace = _differentiable(programs, given, shard.packed) if differentiable else _plain(programs, given)
        finals.append(final)
        traces.append(trace)

    last = [packing.join_rows(layout, list(parts)) for parts in zip(*finals, strict=True)]
    names = cell.state_names
    found = {}
    for name in options.kept:
        before = states[names.index(name)] if name in names else None
        found[name] = packing.unpack(layout, [trace[name] for trace in traces], before, length)
        found[name].set_shape((sequences.shape[0], sequences.shape[1], found[name].shape[2]))
    for state, given_state in zip(last, states, strict=True):
        state.set_shape(given_state.shape)
    return Scanned(last, found)


def _phases(cell: Any) -> int:
    weights = sum(kernel.shape.num_elements() for kernel, _ in cell.recurrent_products())
    return next((phases for least, phases in PHASES if weights >= least), 1)


def _recur_eagerly(
    cell: Any, sequences: Tensor, states: list[Tensor], mask: Tensor | None, options: Options
) -> Scanned:
    """As `recur`, outside of a graph: by a graph of its own, made once for each way of calling it."""
    kept, go_backwards, differentiable = options.kept, options.go_backwards, _compat.records_gradients()
    key = ("eager", kept, go_backwards, differentiable)

    def make() -> Any:
        def run(sequences: Tensor, states: list[Tensor], mask: Tensor | None, options: Options) -> Scanned:
            options = options._replace(kept=kept, go_backwards=go_backwards)
            return recur(cell, sequences, states, mask, options, differentiable)

        return tf.function(run, autograph=False, reduce_retracing=True)

    tensors = options._replace(kept=(), go_backwards=False)  # the rest is in the key
    return cached(cell, key, make)(sequences, list(states), mask, tensors)


def _programs(cell: Any, phases: int, outs: tuple[str, ...], keep: bool, given: Given, compiled: bool) -> Any:
    """The loops of a cell, made once: all shards run the same at the same time, and so do all layers that are alike."""
    masks = tuple(len(product.masks) for product in given.products)
    key = (phases, outs, keep, compiled, masks, signature(given))
    return shared(cell, key, lambda alike: Programs(alike, phases, outs, keep, compiled))


def _plain(programs: Programs, given: Given) -> tuple[list[Tensor], dict[str, Tensor]]:
    states, outs, _ = programs.forward(given)
    return states, _from_first_step(programs, outs, given)


def _from_first_step(programs: Programs, outs: dict[str, Tensor], given: Given) -> dict[str, Tensor]:
    """Traces of states begin with the initial ones: drop these."""
    rows = tf.shape(given.states[0])[0]
    names = programs.state_names
    return {name: out[rows:] if name in names else out for name, out in outs.items()}


def _differentiable(programs: Programs, given: Given, packed: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
    """The loops with their adjoint; `packed` is the number of rows that steps use, and the products need no others."""
    kernels = [product.kernel for product in given.products]
    biases = [product.bias for product in given.products]
    rows = packed_steps.differentiable_rows(given.rows)
    everything = [given.projected, given.bias, *kernels, *biases, *given.weights, *given.states, *rows]
    present = [tensor is not None for tensor in everything]
    count = len(given.states)

    @tf.custom_gradient
    def run(*_: Tensor) -> Any:
        states, outs, kept = programs.forward(given)
        structure = programs.structure
        outs = _from_first_step(programs, outs, given)

        def gradient(*given_upstream: Tensor) -> list[Tensor]:
            upstream = [tf.convert_to_tensor(one) for one in given_upstream]  # some come as slices
            shaped(upstream, [*states, *outs.values()])
            into_outs = dict(zip(outs, upstream[count:], strict=True))
            reread = given if structure.reads_projected else given._replace(projected=None)
            found = programs.backward(*handed_over((reread, kept)), upstream[:count], into_outs)
            into_projected = (
                found.projected if structure.projected_as is None else found.products[structure.projected_as]
            )
            into_products = [into[:packed] for into in found.products]
            into_kernels = []
            for k, into in enumerate(into_products):
                left = [
                    (kept.factors[k][i] if number is None else kept.states[number])[:packed]
                    for i, number in enumerate(structure.factors[k])
                ]
                into_kernels.append(gradient_of_kernel(left, into))
            into_biases = [
                None if bias is None else gradient_of_bias(into)
                for bias, into in zip(biases, into_products, strict=True)
            ]
            into_bias = None if given.bias is None else gradient_of_bias(into_projected[:packed])
            gradients = [
                into_projected,
                into_bias,
                *into_kernels,
                *into_biases,
                *found.weights,
                *found.states,
                *found.rows,
            ]
            return [one for one, there in zip(gradients, present, strict=True) if there]

        return [*states, *outs.values()], gradient

    results = run(*[tensor for tensor, there in zip(everything, present, strict=True) if there])
    return results[:count], dict(zip(programs.outs, results[count:], strict=True))
