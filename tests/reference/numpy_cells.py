"""Recurrent cells and attention in float64 NumPy, written from the papers: the oracle that the layers are held against.

Nothing here is fast and nothing is shared with the package. Every row of a batch runs alone, and a masked step is
literally skipped, so that "padding never changes a result" is true by construction.

Weights are in Keras' layout, the blocks of a gate side by side along the last axis: `input, forget, candidate, output`
(LSTM) and `update, reset, candidate` (GRU). Shapes: `b` batch, `t` time, `d` features, `u` units, `s` source steps.

Sources: Elman (1990) for the simple cell; Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000)
for the LSTM; Cho et al. (2014) for the GRU, v1 of whose preprint resets after the recurrent product and v3 before it;
Bahdanau, Cho and Bengio (2015), sections 3.1 and A.1.2, for attention and the order of the decoder's steps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray
Activation = Callable[[Array], Array]
States = tuple[Array, ...]
Gates = dict[str, Array]
Step = Callable[[Array, States], tuple[States, Gates]]


def sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


ACTIVATIONS: dict[str | None, Activation] = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0.0),
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "hard_sigmoid": lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "elu": lambda x: np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0))),
    "linear": lambda x: x,
    None: lambda x: x,
}


def blocks(matrix: Array, names: Sequence[str]) -> dict[str, Array]:
    """The columns of each gate, by name."""
    return dict(zip(names, np.split(np.asarray(matrix), len(names), axis=-1), strict=True))


def simple_rnn(
    kernel: Array, recurrent_kernel: Array, bias: Array | None = None, activation: str | None = "tanh"
) -> Step:
    """h = f(x W + h₋ U + b)"""
    act = ACTIVATIONS[activation]
    b = 0.0 if bias is None else bias

    def step(x: Array, states: States) -> tuple[States, Gates]:
        (h,) = states
        return (act(x @ kernel + h @ recurrent_kernel + b),), {}

    return step


def lstm(
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
) -> Step:
    """i, f, o = σ(x W + h₋ U + b); g = tanh(x W_g + h₋ U_g + b_g); c = f c₋ + i g; h = o tanh(c)"""
    names = ("input", "forget", "candidate", "output")
    act, gate_act = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]
    w, r = blocks(kernel, names), blocks(recurrent_kernel, names)
    b = dict.fromkeys(names, 0.0) if bias is None else blocks(bias, names)

    def step(x: Array, states: States) -> tuple[States, Gates]:
        h, c = states
        i = gate_act(x @ w["input"] + h @ r["input"] + b["input"])
        f = gate_act(x @ w["forget"] + h @ r["forget"] + b["forget"])
        g = act(x @ w["candidate"] + h @ r["candidate"] + b["candidate"])
        o = gate_act(x @ w["output"] + h @ r["output"] + b["output"])
        c = f * c + i * g
        return (o * act(c), c), {"input": i, "forget": f, "candidate": g, "output": o}

    return step


def gru(
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    reset_after: bool = True,
) -> Step:
    """z, r = σ(x W + h₋ U + b); h = z h₋ + (1 - z) h̃ (z keeps), where

    h̃ = tanh(x W_h + b_h + r (h₋ U_h + b'_h)) with `reset_after`, else tanh(x W_h + b_h + (r h₋) U_h).
    """
    names = ("update", "reset", "candidate")
    act, gate_act = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]
    w, u = blocks(kernel, names), blocks(recurrent_kernel, names)
    zero = dict.fromkeys(names, 0.0)
    if bias is None:
        b, rb = zero, zero
    elif reset_after:
        b, rb = blocks(bias[0], names), blocks(bias[1], names)
    else:
        b, rb = blocks(bias, names), zero

    def step(x: Array, states: States) -> tuple[States, Gates]:
        (h,) = states
        z = gate_act(x @ w["update"] + b["update"] + h @ u["update"] + rb["update"])
        r = gate_act(x @ w["reset"] + b["reset"] + h @ u["reset"] + rb["reset"])
        if reset_after:
            memory = r * (h @ u["candidate"] + rb["candidate"])
        else:
            memory = (r * h) @ u["candidate"]
        n = act(x @ w["candidate"] + b["candidate"] + memory)
        return (z * h + (1.0 - z) * n,), {"update": z, "reset": r, "candidate": n}

    return step


GATES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("simple_rnn", "layer_norm_simple_rnn", "ind_rnn", "esn"), ()),
    **dict.fromkeys(("lstm", "peephole_lstm", "layer_norm_lstm"), ("input", "forget", "candidate", "output")),
    **dict.fromkeys(("gru", "layer_norm_gru"), ("update", "reset", "candidate")),
    "coupled_lstm": ("forget", "candidate", "output"),
    "min_gru": ("update", "candidate"),
    "min_lstm": ("input", "forget", "candidate"),
}
STATES = {kind: ("hidden", "cell") if "output" in gates else ("hidden",) for kind, gates in GATES.items()}


@dataclass
class Run:
    """What a run leaves: `sequence` (b, t, u) in processing order, `last` and `states` (b, u), `gates` (b, t, u).

    `gates` are in the order of the input's time whatever the direction, and hold the states too.
    """

    sequence: Array
    last: Array
    states: States
    gates: Gates = field(default_factory=dict)


def scan(
    kind: str,
    step: Step,
    x: Array,
    initial_state: Sequence[Array] | None,
    units: int,
    mask: Array | None = None,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
) -> Run:
    """Run `step` over `x` (b, t, d), row by row, skipping the steps where `mask` (b, t) is False.

    The sequence repeats the last output on a skipped step (0 before the first one), or is 0 there with
    `zero_output_for_mask`, which touches the sequence alone: `last` is always the output of the last step that was run.
    """
    x = np.asarray(x, dtype=np.float64)
    batch, time = x.shape[:2]
    keep = np.ones((batch, time), dtype=bool) if mask is None else np.asarray(mask).astype(bool)
    if initial_state is None:
        initial_state = [np.zeros((batch, units)) for _ in STATES[kind]]
    gates = {name: np.zeros((batch, time, units)) for name in (*GATES[kind], *STATES[kind])}
    sequence, last = np.zeros((batch, time, units)), np.zeros((batch, units))
    final = [np.array(state, dtype=np.float64) for state in initial_state]
    for row in range(batch):
        states: States = tuple(state[row] for state in final)
        output = np.zeros(units)
        for place in range(time):
            now = time - 1 - place if go_backwards else place
            if keep[row, now]:
                states, opened = step(x[row, now], states)
                output = states[0]
                for name, value in opened.items():
                    gates[name][row, now] = value
            sequence[row, place] = 0.0 if zero_output_for_mask and not keep[row, now] else output
            last[row] = output
            for name, value in zip(STATES[kind], states, strict=True):
                gates[name][row, now] = value
        for state, value in zip(final, states, strict=True):
            state[row] = value
    return Run(sequence, last, tuple(final), gates)


MERGES: Mapping[str, Callable[[Array, Array], Array]] = {
    "concat": lambda a, b: np.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2.0,
}


def bidirectional(forward: Run, backward: Run, merge_mode: str, return_sequences: bool) -> Array:
    """Merge two runs, the second of which went backwards: its sequence is turned round to the input's time."""
    if return_sequences:
        return MERGES[merge_mode](forward.sequence, backward.sequence[:, ::-1])
    return MERGES[merge_mode](forward.last, backward.last)


def bahdanau(
    query: Array,
    memory: Array,
    query_kernel: Array,
    memory_kernel: Array,
    score: Array,
    bias: Array | None = None,
    keep: Array | None = None,
) -> tuple[Array, Array]:
    """One query (q,) over a memory (s, m): e_j = vᵀ tanh(W_s s + W_h h_j + b), α = softmax(e), context = Σ α_j h_j.

    `keep` (s,) leaves out source steps; where none is left, α and the context are 0. Returns the context (m,), α (s,).
    """
    source = memory.shape[0]
    keep = np.ones(source, dtype=bool) if keep is None else np.asarray(keep).astype(bool)
    alignment, context = np.zeros(source), np.zeros(memory.shape[1])
    if not keep.any():
        return context, alignment
    shift = 0.0 if bias is None else bias
    energies = {
        j: float(np.tanh(query @ query_kernel + memory[j] @ memory_kernel + shift) @ np.ravel(score))
        for j in range(source)
        if keep[j]
    }
    highest = max(energies.values())
    total = sum(np.exp(e - highest) for e in energies.values())
    for j, e in energies.items():
        alignment[j] = np.exp(e - highest) / total
        context = context + alignment[j] * memory[j]
    return context, alignment


@dataclass
class Decoded:
    """A decoder's run: `outputs` (b, t, u), `contexts` (b, t, m), `states` (b, u), `alignment` (b, t, s), `gates`."""

    outputs: Array
    contexts: Array
    states: States
    alignment: Array
    gates: Gates


def attention_decoder(
    kind: str,
    step: Step,
    x: Array,
    initial_state: Sequence[Array],
    memory: Array,
    attend: Callable[[Array, Array, Array], tuple[Array, Array]],
    memory_mask: Array | None = None,
    mask: Array | None = None,
) -> Decoded:
    """Bahdanau's order: attend with the previous hidden state, then recur on [input; context].

    `attend(query, memory, keep)` is `bahdanau` with its weights. A masked step is skipped: the output and the context
    of the step before it are repeated, the states hold, the alignment and the gates are 0.
    """
    batch, time = x.shape[:2]
    source, width = memory.shape[1:]
    units = initial_state[0].shape[-1]
    keep = np.ones((batch, time), dtype=bool) if mask is None else np.asarray(mask).astype(bool)
    memory_keep = np.ones((batch, source), dtype=bool) if memory_mask is None else np.asarray(memory_mask).astype(bool)
    outputs, contexts = np.zeros((batch, time, units)), np.zeros((batch, time, width))
    alignment = np.zeros((batch, time, source))
    gates = {name: np.zeros((batch, time, units)) for name in (*GATES[kind], *STATES[kind])}
    final = [np.array(state, dtype=np.float64) for state in initial_state]
    for row in range(batch):
        states: States = tuple(state[row] for state in final)
        output, context = np.zeros(units), np.zeros(width)
        for now in range(time):
            if keep[row, now]:
                context, alignment[row, now] = attend(states[0], memory[row], memory_keep[row])
                states, opened = step(np.concatenate([x[row, now], context]), states)
                output = states[0]
                for name, value in opened.items():
                    gates[name][row, now] = value
            outputs[row, now], contexts[row, now] = output, context
            for name, value in zip(STATES[kind], states, strict=True):
                gates[name][row, now] = value
        for state, value in zip(final, states, strict=True):
            state[row] = value
    return Decoded(outputs, contexts, tuple(final), alignment, gates)


def central_differences(loss: Callable[[], float], at: Array, step: float = 1e-5) -> Array:
    """∂loss/∂`at`, one element at a time; `loss` reads `at`, which is changed in place and restored."""
    gradient = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        kept = at[index]
        at[index] = kept + step
        above = loss()
        at[index] = kept - step
        below = loss()
        at[index] = kept
        gradient[index] = (above - below) / (2.0 * step)
    return gradient
