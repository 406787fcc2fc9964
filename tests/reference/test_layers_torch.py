"""Our layers against `torch.nn` in float32: another project's numbers, from another order of gates."""

from typing import Any

import numpy as np
import pytest
import torch
from backend import gradients, to_tensor
from keras import ops
from layer_cases import B, D, U, assert_close, call, initial, inputs, make, random_weights

from kerasrnn import layers

TOLERANCE = 1e-5

# Which of our blocks stands where in torch's rows: input, forget, candidate, output; reset, update, candidate.
ORDER = {"simple_rnn": [0], "lstm": [0, 1, 2, 3], "gru": [1, 0, 2]}


def to_torch(kind: str, weights: list[np.ndarray], suffix: str = "") -> dict[str, torch.Tensor]:
    """Our kernel, recurrent kernel and bias as torch's four parameters."""

    def rows(matrix: np.ndarray) -> torch.Tensor:
        parts = np.split(matrix, len(ORDER[kind]), axis=-1)
        return torch.tensor(np.concatenate([parts[i] for i in ORDER[kind]], axis=-1).T.copy())

    kernel, recurrent, bias = (w.astype("float32") for w in weights)
    input_bias, recurrent_bias = bias if kind == "gru" else (bias, np.zeros_like(bias))
    named = {"weight_ih": kernel, "weight_hh": recurrent, "bias_ih": input_bias, "bias_hh": recurrent_bias}
    return {f"{name}_l0{suffix}": rows(value) for name, value in named.items()}


def torch_layer(kind: str, bidirectional: bool = False) -> torch.nn.RNNBase:
    name = {"simple_rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}[kind]
    return getattr(torch.nn, name)(D, U, batch_first=True, bidirectional=bidirectional)


def torch_states(kind: str, states: list[np.ndarray]) -> torch.Tensor | tuple[torch.Tensor, ...]:
    packed = tuple(torch.tensor(s[None].astype("float32")) for s in states)
    return packed if kind == "lstm" else packed[0]


@pytest.mark.parametrize("kind", ["simple_rnn", "lstm", "gru"])
def test_forward_states_and_gradients(kind: str, rng: np.random.Generator) -> None:
    x, states = inputs(rng).astype("float32"), initial(kind, rng)
    ours = make(layers, kind, return_sequences=True, return_state=True)
    ours.build(x.shape)
    theirs = torch_layer(kind)
    theirs.load_state_dict(to_torch(kind, random_weights(ours, rng)))

    sequences = torch.tensor(x, requires_grad=True)
    output, final = theirs(sequences, torch_states(kind, states))
    expected = [output, *(s[0] for s in (final if kind == "lstm" else [final]))]
    actual = call(ours, x, states)
    assert_close(list(actual), [e.detach().numpy() for e in expected], TOLERANCE)

    (output**2).sum().backward()

    def run(x: Any) -> Any:
        return ops.sum(call(ours, x, states)[0] ** 2), ()

    found = gradients(run, ours.trainable_variables, [x])
    assert_close(found.sources[0], sequences.grad.numpy(), TOLERANCE)
    in_torch = to_torch(kind, found.variables)
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"):
        assert_close(in_torch[name].numpy(), getattr(theirs, name).grad.numpy(), TOLERANCE)


@pytest.mark.parametrize("kind", ["simple_rnn", "lstm", "gru"])
def test_bidirectional(kind: str, rng: np.random.Generator) -> None:
    x = inputs(rng).astype("float32")
    ours = layers.Bidirectional(make(layers, kind, return_sequences=True, return_state=True))
    ours.build(x.shape)
    weights = random_weights(ours, rng)
    theirs = torch_layer(kind, bidirectional=True)
    theirs.load_state_dict({**to_torch(kind, weights[:3]), **to_torch(kind, weights[3:], "_reverse")})
    with torch.no_grad():
        output, final = theirs(torch.tensor(x))
    states = final if kind == "lstm" else [final]
    expected = [output, *(s[direction] for direction in (0, 1) for s in states)]
    assert_close(list(ours(x)), [e.numpy() for e in expected], TOLERANCE)


def test_packed_sequences_are_right_padded_masks(rng: np.random.Generator) -> None:
    """torch's packed sequences never see padding; a right mask must give the same states, in both directions."""
    lengths = [5, 3, 1]
    x = inputs(rng).astype("float32")
    mask = np.arange(5) < np.array(lengths)[:, None]
    ours = layers.Bidirectional(layers.LSTM(U, return_state=True, return_sequences=True))
    ours.build(x.shape)
    weights = random_weights(ours, rng)
    theirs = torch_layer("lstm", bidirectional=True)
    theirs.load_state_dict({**to_torch("lstm", weights[:3]), **to_torch("lstm", weights[3:], "_reverse")})
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(x), lengths, batch_first=True)
    with torch.no_grad():
        output, (hidden, cell) = theirs(packed)
    padded, _ = torch.nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
    expected = [padded, hidden[0], cell[0], hidden[1], cell[1]]
    actual = ours(x, mask=to_tensor(mask))
    assert actual[0].shape == (B, 5, 2 * U)
    assert_close(list(actual), [e.numpy() for e in expected], TOLERANCE)
