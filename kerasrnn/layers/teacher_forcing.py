"""A decoder over a whole target: cells and attention in one loop, or, where nothing feeds back, one after the other."""

from typing import Any, NamedTuple

import keras
from keras import ops

from kerasrnn import engine
from kerasrnn.layers.attending_cell import AttendingCell
from kerasrnn.layers.base_attention import Memory, weighted_sum
from kerasrnn.layers.sampling_cell import SamplingCell

Tensor = Any


class Decoding(NamedTuple):
    """`last (b, n)` of `outputs (b, t, n)`, the cells' last states, and the traces `(b, t, ·)` that were wanted."""

    last: Tensor
    outputs: Tensor
    states: list[Tensor]
    traces: dict[str, Tensor]


class Sampling(NamedTuple):
    """What scheduled sampling needs: from an output to logits, from a token to an input, how often, and a seed."""

    embedding: Any
    readout: Any
    probability: Tensor
    seed: Any


def decode(
    loop: AttendingCell,
    sequences: Tensor,
    states: list[Tensor],
    mask: Tensor | None,
    memory: list[Memory],
    fed: int,
    wanted: tuple[str, ...],
    training: bool = False,
    sampling: Sampling | None = None,
) -> Decoding:
    """Run a decoder over targets.

    Args:
        loop: the decoder's cells and attentions.
        sequences: `(b, t, d)`, the embedded targets.
        states: the cells' first states.
        mask: `(b, t)` bool, or None. On masked steps states hold, outputs repeat and alignments and gates are 0.
        memory: what each attention reads.
        fed: the width of what a step leaves to the next beside the states.
        wanted: names of gates, states and alignments.
        training: whether dropout is active.
        sampling: for scheduled sampling.
    """
    if mask is not None:
        sequences = ops.where(mask[..., None], sequences, ops.zeros_like(sequences))
    remembers = any(one.initial_states(each) for one, each in zip(loop.attentions, memory, strict=True))
    if loop.looks_first or loop.feeds or remembers or sampling is not None or not loop.compiles:
        outputs, final, traces = _in_the_loop(loop, sequences, states, mask, memory, fed, wanted, training, sampling)
    else:
        outputs, final, traces = _after_the_loop(loop, sequences, states, mask, memory, wanted, training)
    if mask is not None:
        began = ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
        outputs = ops.where(began[..., None], outputs, ops.zeros_like(outputs))
    last = ops.sum(outputs[:, -1:], axis=1)  # zeros where there is no step
    return Decoding(last, outputs, final, {name: traces[name] for name in wanted})


def _in_the_loop(
    loop: AttendingCell,
    sequences: Tensor,
    states: list[Tensor],
    mask: Tensor | None,
    memory: list[Memory],
    fed: int,
    wanted: tuple[str, ...],
    training: bool,
    sampling: Sampling | None,
) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
    begin = loop.begin(states, memory, fed, training)
    batch, length = ops.shape(sequences)[:2]
    x_t = ops.zeros((batch, sequences.shape[-1]), dtype=states[0].dtype)
    input_masks, recurrent_masks = loop.dropout_masks(x_t, training)
    zoned = loop.zoneout_masks(training, batch, length)
    names = loop.output_names
    if not loop.compiles:
        loop = loop.view()
        loop.training = training
    if sampling is not None:
        sequences = _with_draws(sequences, mask, sampling.seed)
        loop = SamplingCell.around(loop, sampling.embedding, sampling.readout, sampling.probability)
    found = engine.recur(
        loop,
        sequences,
        begin,
        mask,
        input_masks=input_masks,
        recurrent_masks=recurrent_masks,
        zoned=zoned,
        rows=memory,
        kept=tuple(dict.fromkeys((*names, *wanted))),
    )
    return beside([found.traces[name] for name in names]), list(found.states[: len(states)]), found.traces


def _after_the_loop(
    loop: AttendingCell,
    sequences: Tensor,
    states: list[Tensor],
    mask: Tensor | None,
    memory: list[Memory],
    wanted: tuple[str, ...],
    training: bool,
) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
    traces: dict[str, Tensor] = {}
    final: list[Tensor] = []
    below = sequences
    for cell, names in zip(loop.cells, loop.names_of_states, strict=True):
        prefix = names[0].removesuffix(cell.state_names[0])
        kept = [name for name in (*cell.gate_names, *cell.state_names) if f"{prefix}{name}" in wanted]
        before, states = states[: len(names)], states[len(names) :]
        cell.get_dropout_mask(ops.zeros_like(below[:, :1])[:, 0])
        cell.get_recurrent_dropout_mask(before[0])
        ended = engine.recur(
            cell,
            below,
            before,
            mask,
            input_masks=cell.input_masks(training),
            recurrent_masks=cell.recurrent_masks(training),
            zoned=cell.zoneout_masks(training, (*ops.shape(below)[:2], cell.units)),
            kept=tuple(dict.fromkeys((cell.state_names[0], *kept))),
        )
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
        traces |= {f"{prefix}{name}": trace for name, trace in ended.traces.items()}
        final += ended.states
        below = ended.traces[cell.state_names[0]]
    contexts = []
    for name, attention, one in zip(loop.alignment_names, loop.attentions, memory, strict=True):
        alignment, _ = attention.align(below, one)
        contexts.append(weighted_sum(alignment, one.values))
        if mask is not None:
            alignment = ops.where(mask[..., None], alignment, ops.zeros_like(alignment))
        traces[name] = alignment
    outputs = beside([below, *contexts])
    if loop.vector_kernel is not None:
        outputs = loop.activation(ops.matmul(outputs, loop.vector_kernel))
    return outputs, final, traces


def _with_draws(sequences: Tensor, mask: Tensor | None, seed: Any) -> Tensor:
    """The inputs, and beside them what decides at each step what is read; the first valid step reads its own."""
    batch, length = ops.shape(sequences)[:2]
    dtype = keras.backend.result_type(sequences.dtype, "float32")  # half precision would tell few words apart
    draws = ops.cast(keras.random.uniform((batch, length, 2), dtype="float32", seed=seed), dtype)
    valid = ops.ones_like(draws[..., 0]) if mask is None else ops.cast(mask, dtype)
    first = (ops.cumsum(valid, axis=1) <= 1)[..., None]
    coin = ops.where(first, ops.ones_like(draws[..., :1]), draws[..., :1])
    return ops.concatenate([ops.cast(sequences, dtype), coin, draws[..., 1:]], axis=-1)


def beside(parts: list[Tensor]) -> Tensor:
    """Tensors side by side along the last axis."""
    return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
