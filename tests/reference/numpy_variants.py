"""The cells that Keras does not have, in float64 NumPy: the rest of the oracle of `numpy_cells`.

Sources: Gers and Schmidhuber (2000) for peepholes; Greff et al. (2017) for coupled gates; Ba, Kiros and Hinton (2016),
equations 20 to 22 and the appendix, for layer normalisation; Li et al. (2018) for IndRNN; Feng et al. (2024) for minGRU
and minLSTM; Jaeger (2001) and Jaeger et al. (2007) for the echo state network.
"""

import numpy as np
from numpy_cells import ACTIVATIONS, Array, Gates, States, Step, blocks, sigmoid


def peephole_lstm(
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    input_peephole: Array,
    forget_peephole: Array,
    output_peephole: Array,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
) -> Step:
    """The LSTM whose input and forget gates see c₋ and whose output gate sees c, each unit its own."""
    names = ("input", "forget", "candidate", "output")
    act, gate_act = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]
    w, r = blocks(kernel, names), blocks(recurrent_kernel, names)
    b = dict.fromkeys(names, 0.0) if bias is None else blocks(bias, names)

    def step(x: Array, states: States) -> tuple[States, Gates]:
        h, c = states
        i = gate_act(x @ w["input"] + h @ r["input"] + b["input"] + np.diag(input_peephole) @ c)
        f = gate_act(x @ w["forget"] + h @ r["forget"] + b["forget"] + np.diag(forget_peephole) @ c)
        g = act(x @ w["candidate"] + h @ r["candidate"] + b["candidate"])
        c = f * c + i * g
        o = gate_act(x @ w["output"] + h @ r["output"] + b["output"] + np.diag(output_peephole) @ c)
        return (o * act(c), c), {"input": i, "forget": f, "candidate": g, "output": o}

    return step


def coupled_lstm(
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
) -> Step:
    """The LSTM with i = 1 - f."""
    names = ("forget", "candidate", "output")
    act, gate_act = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]
    w, r = blocks(kernel, names), blocks(recurrent_kernel, names)
    b = dict.fromkeys(names, 0.0) if bias is None else blocks(bias, names)

    def step(x: Array, states: States) -> tuple[States, Gates]:
        h, c = states
        f = gate_act(x @ w["forget"] + h @ r["forget"] + b["forget"])
        g = act(x @ w["candidate"] + h @ r["candidate"] + b["candidate"])
        o = gate_act(x @ w["output"] + h @ r["output"] + b["output"])
        c = g + f * (c - g)
        return (o * act(c), c), {"forget": f, "candidate": g, "output": o}

    return step


def normalised(a: Array, gain: Array, shift: Array | float = 0.0, epsilon: float = 1e-3) -> Array:
    """LN(a; gain, shift) = gain (a - mean) / sqrt(variance + epsilon) + shift"""
    return gain * (a - np.mean(a)) / np.sqrt(np.var(a) + epsilon) + shift


def layer_norm_simple_rnn(
    kernel: Array, recurrent_kernel: Array, bias: Array | None, gamma: Array, activation: str | None = "tanh"
) -> Step:
    """h = f(LN(x W + h₋ U) + b)"""
    act = ACTIVATIONS[activation]
    b = 0.0 if bias is None else bias

    def step(x: Array, states: States) -> tuple[States, Gates]:
        (h,) = states
        return (act(normalised(x @ kernel + h @ recurrent_kernel, gamma, b)),), {}

    return step


def layer_norm_lstm(
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    kernel_gamma: Array,
    recurrent_gamma: Array,
    state_gamma: Array,
    state_beta: Array,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
) -> Step:
    """i, f, g, o from LN(x W) + LN(h₋ U) + b over all four; c = f c₋ + i g; h = o tanh(LN(c))"""
    names = ("input", "forget", "candidate", "output")
    act, gate_act = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]

    def step(x: Array, states: States) -> tuple[States, Gates]:
        h, c = states
        b = 0.0 if bias is None else bias
        z = blocks(normalised(x @ kernel, kernel_gamma) + normalised(h @ recurrent_kernel, recurrent_gamma, b), names)
        i, f, o = gate_act(z["input"]), gate_act(z["forget"]), gate_act(z["output"])
        g = act(z["candidate"])
        c = f * c + i * g
        return (o * act(normalised(c, state_gamma, state_beta)), c), {
            "input": i,
            "forget": f,
            "candidate": g,
            "output": o,
        }

    return step


def layer_norm_gru(
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    kernel_gamma: Array,
    recurrent_gamma: Array,
    recurrent_beta: Array,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
) -> Step:
    """z, r = σ(LN(x W) + LN(h₋ U) + b), both gates in one LN; h̃ = tanh(LN(x W_h) + b_h + r LN(h₋ U_h; γ, β)).

    z keeps, as in `gru`; the paper's z is 1 - z here.
    """
    names = ("update", "reset", "candidate")
    act, gate_act = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]
    units = recurrent_kernel.shape[0]
    gates, rest = slice(0, 2 * units), slice(2 * units, None)

    def step(x: Array, states: States) -> tuple[States, Gates]:
        (h,) = states
        b = np.zeros(3 * units) if bias is None else bias
        both = normalised((x @ kernel)[gates], kernel_gamma[gates])
        both = both + normalised((h @ recurrent_kernel)[gates], recurrent_gamma[gates]) + b[gates]
        opened = blocks(gate_act(both), names[:2])
        memory = normalised((h @ recurrent_kernel)[rest], recurrent_gamma[rest], recurrent_beta)
        n = act(normalised((x @ kernel)[rest], kernel_gamma[rest]) + b[rest] + opened["reset"] * memory)
        written = 1.0 - opened["update"]
        return ((1.0 - written) * h + written * n,), {**opened, "candidate": n}

    return step


def ind_rnn(kernel: Array, recurrent_kernel: Array, bias: Array | None = None, activation: str | None = "relu") -> Step:
    """h = f(x W + u h₋ + b), the product with u element by element"""
    act = ACTIVATIONS[activation]
    b = 0.0 if bias is None else bias

    def step(x: Array, states: States) -> tuple[States, Gates]:
        (h,) = states
        return (act(x @ kernel + np.diag(recurrent_kernel) @ h + b),), {}

    return step


def min_gru(kernel: Array, bias: Array | None = None, activation: str | None = None) -> Step:
    """z = σ(x W_z + b_z); h = (1 - z) h₋ + z (x W_h + b_h): z writes"""
    names = ("update", "candidate")
    act, w = ACTIVATIONS[activation], blocks(kernel, names)
    b = dict.fromkeys(names, 0.0) if bias is None else blocks(bias, names)

    def step(x: Array, states: States) -> tuple[States, Gates]:
        (h,) = states
        z = sigmoid(x @ w["update"] + b["update"])
        n = act(x @ w["candidate"] + b["candidate"])
        return ((1.0 - z) * h + z * n,), {"update": z, "candidate": n}

    return step


def min_lstm(kernel: Array, bias: Array | None = None, activation: str | None = None) -> Step:
    """i, f = σ(x W + b), divided by their sum; h = f h₋ + i (x W_h + b_h)"""
    names = ("input", "forget", "candidate")
    act, w = ACTIVATIONS[activation], blocks(kernel, names)
    b = dict.fromkeys(names, 0.0) if bias is None else blocks(bias, names)

    def step(x: Array, states: States) -> tuple[States, Gates]:
        (h,) = states
        i, f = sigmoid(x @ w["input"] + b["input"]), sigmoid(x @ w["forget"] + b["forget"])
        n = act(x @ w["candidate"] + b["candidate"])
        i, f = i / (f + i), f / (f + i)
        return (f * h + i * n,), {"input": i, "forget": f, "candidate": n}

    return step


def esn(
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    activation: str | None = "tanh",
    leaky: float = 1.0,
) -> Step:
    """h = (1 - leaky) h₋ + leaky f(x W + h₋ U + b)"""
    act = ACTIVATIONS[activation]
    b = 0.0 if bias is None else bias

    def step(x: Array, states: States) -> tuple[States, Gates]:
        (h,) = states
        return ((1.0 - leaky) * h + leaky * act(x @ kernel + h @ recurrent_kernel + b),), {}

    return step
