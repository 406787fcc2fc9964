"""`capture_intervention` against NumPy: gates held, units set to zero, attention forced; and nothing left behind."""

import threading
from typing import Any

import keras
import numpy as np
import numpy_cells
import pytest
from capture_cases import oracle, randomised, softmax
from intervention_cases import B, D, T, U, V, attending, chances, lstm_by_hand, tagger
from keras import layers as kl
from numpy_cells import Array, sigmoid

import kerasrnn.layers as ours
from kerasrnn.viz import capture_intervention
from kerasrnn.viz.capture.edits import Edits, intervening
from kerasrnn.viz.capture.hold import held

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("layers", [kl, ours], ids=["keras", "ours"])
@pytest.mark.parametrize(
    ("held", "zero", "steps"),
    [({"forget": 1.0}, [], None), ({"input": 0.25, "candidate": -0.5}, [], (1, 3)), ({}, [2], None),
     ({"output": 0.0}, [0, 3], (2, None))],
)  # fmt: skip
def test_an_lstm(rng: np.random.Generator, layers: Any, held: dict[str, float], zero: list[int], steps: Any) -> None:
    layer = layers.LSTM(U, return_sequences=True, name="reader")
    model, x = tagger(layer, rng), rng.standard_normal((B, T, D))
    plain = np.array(model(x))
    capture = capture_intervention(model, x, clamp=held, zero=zero, steps=steps)
    when = list(range(T))[slice(*steps) if steps else slice(None)]
    before = chances(model, np.stack([lstm_by_hand(layer, row, {}, [], []) for row in x]))
    after = chances(model, np.stack([lstm_by_hand(layer, row, held, zero, when) for row in x]))
    np.testing.assert_allclose(capture.arrays["reader/before"], before, atol=1e-9)
    np.testing.assert_allclose(capture.arrays["reader/after"], after, atol=1e-9)
    chosen = before.argmax(axis=-1)
    expected = np.take_along_axis(np.log(after) - np.log(before), chosen[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(capture.arrays["reader/change"], expected, atol=1e-9)
    assert np.abs(expected).max() > 1e-3
    assert capture.facts["target"] == chosen.tolist()
    np.testing.assert_array_equal(np.array(model(x)), plain)  # to the last bit


@pytest.mark.parametrize("layers", [kl, ours], ids=["keras", "ours"])
@pytest.mark.parametrize("reset_after", [True, False])
def test_a_gru_whose_gate_is_held(rng: np.random.Generator, layers: Any, reset_after: bool) -> None:
    layer = layers.GRU(U, return_sequences=True, reset_after=reset_after, name="reader")
    model, x = tagger(layer, rng), rng.standard_normal((B, T, D))
    _, step = oracle(layer)
    kernel, recurrent, bias = layer.get_weights()

    def held(now: Array, states: Any) -> Any:
        """The update gate at 0.3, the reset gate at 0: what is left of the candidate is its input."""
        (h,) = states
        inside = now @ kernel[:, 2 * U :] + (bias[0] if reset_after else bias)[2 * U :]
        return (0.3 * h + 0.7 * np.tanh(inside),), {}

    runs = [numpy_cells.scan("gru", each, x, None, U, None).sequence for each in (step, held)]
    capture = capture_intervention(model, x, clamp={"update": 0.3, "reset": 0.0})
    for name, run in zip(("before", "after"), runs, strict=True):
        np.testing.assert_allclose(capture.arrays[f"reader/{name}"], chances(model, run), atol=1e-9)
    assert recurrent.any()


def test_a_unit_of_a_simple_rnn_under_a_mask(rng: np.random.Generator) -> None:
    layer = kl.SimpleRNN(U, return_sequences=True, name="reader")
    model, x = tagger(layer, rng, masked=True), rng.standard_normal((B, T, D))
    keep = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0]], bool)
    x = np.where(keep[..., None], x, 0)
    capture = capture_intervention(model, x, zero=[1])
    kernel, recurrent, bias = layer.get_weights()
    for row in range(B):
        h = np.zeros(U)
        for step in range(T):
            if keep[row, step]:
                h = np.tanh(x[row, step] @ kernel + h @ recurrent + bias) * (np.arange(U) != 1)
                np.testing.assert_allclose(capture.arrays["reader/after"][row, step], chances(model, h), atol=1e-9)
    np.testing.assert_array_equal(capture.mask, keep)
    assert (capture.arrays["reader/change"][~keep] == 0).all()


@pytest.mark.parametrize("layers", [kl, ours], ids=["keras", "ours"])
def test_one_direction_of_two(rng: np.random.Generator, layers: Any) -> None:
    layer = layers.Bidirectional(layers.LSTM(U, return_sequences=True, name="one"), name="both")
    model, x = tagger(layer, rng), rng.standard_normal((B, T, D))
    held = {"forget": 0.0}
    every = list(range(T))
    parts = {"forward": layer.forward_layer, "backward": layer.backward_layer}
    for wanted in ("forward/forget", "backward/forget", "forget"):
        hidden = []
        for name, part in parts.items():
            rows = x if name == "forward" else x[:, ::-1]
            changed = held if wanted in (f"{name}/forget", "forget") else {}
            found = np.stack([lstm_by_hand(part, row, changed, [], every) for row in rows])
            hidden.append(found if name == "forward" else found[:, ::-1])
        capture = capture_intervention(model, x, clamp={wanted: 0.0})
        np.testing.assert_allclose(capture.arrays["both/after"], chances(model, np.concatenate(hidden, -1)), atol=1e-9)


def test_steps_are_counted_in_the_order_of_the_input(rng: np.random.Generator) -> None:
    """Also in the direction that starts at the end."""
    layer = ours.Bidirectional(ours.LSTM(U, return_sequences=True), name="both")
    model, x = tagger(layer, rng), rng.standard_normal((1, T, D))
    capture = capture_intervention(model, x, zero=["backward/0"], steps=(T - 1, T))
    found = lstm_by_hand(layer.backward_layer, x[0, ::-1], {}, [0], [0])[::-1]
    kept = lstm_by_hand(layer.forward_layer, x[0], {}, [], [])
    np.testing.assert_allclose(capture.arrays["both/after"][0], chances(model, np.hstack([kept, found])), atol=1e-9)


def test_cells_in_a_stack(rng: np.random.Generator) -> None:
    """`1/forget` is the upper cell's alone; the lower one is as it was."""
    layer = kl.RNN([kl.LSTMCell(U), kl.LSTMCell(U)], return_sequences=True, name="stack")
    model, x = tagger(layer, rng), rng.standard_normal((1, T, D))
    lower, upper = layer.cell.cells
    every = list(range(T))
    for spec, both in (("0/forget", [True, False]), ("1/forget", [False, True]), ("forget", [True, True])):
        first = lstm_by_hand(lower, x[0], {"forget": 1.0} if both[0] else {}, [], every)
        second = lstm_by_hand(upper, first, {"forget": 1.0} if both[1] else {}, [], every)
        capture = capture_intervention(model, x, clamp={spec: 1.0})
        np.testing.assert_allclose(capture.arrays["stack/after"][0], chances(model, second), atol=1e-9)
    first = lstm_by_hand(lower, x[0], {}, [1], every)
    capture = capture_intervention(model, x, zero=["0/1"])
    second = lstm_by_hand(upper, first, {}, [], every)
    np.testing.assert_allclose(capture.arrays["stack/after"][0], chances(model, second), atol=1e-9)


@pytest.mark.parametrize("name", ["PeepholeLSTM", "CoupledLSTM", "LayerNormLSTM"])
def test_every_gate_of_other_cells_is_the_value_it_is_held_at(rng: np.random.Generator, name: str) -> None:
    layer = getattr(ours, name)(U, return_sequences=True, name="reader")
    model, x = tagger(layer, rng), rng.standard_normal((B, T, D))
    cell, state = layer.cell, [keras.ops.ones((B, U)) * 0.3] * 2
    projected = keras.ops.convert_to_tensor(rng.standard_normal((B, len(cell.gate_names) * U)))
    after, gates = cell.update(projected, state, cell.products())
    for gate in cell.gate_names:
        changed, found = held(cell, {gate: 0.375}, lambda: True)(projected, state, cell.products())
        for other in cell.gate_names:
            if other == gate:
                np.testing.assert_array_equal(np.array(found[gate]), np.full((B, U), 0.375))
            elif name != "PeepholeLSTM":  # whose output gate looks at the new cell
                np.testing.assert_allclose(np.array(found[other]), np.array(gates[other]), atol=1e-12)
        assert np.abs(np.array(changed[0]) - np.array(after[0])).max() > 1e-3
        capture = capture_intervention(model, x, clamp={gate: 0.375})
        assert np.abs(capture.arrays["reader/change"]).max() > 1e-6


def test_a_gate_that_is_no_activation(rng: np.random.Generator) -> None:
    model = tagger(ours.MinGRU(U, return_sequences=True, name="reader"), rng)
    x = rng.standard_normal((B, T, D))
    with pytest.raises(ValueError, match="the gate 'update' of a MinGRUCell is not the result of an activation"):
        capture_intervention(model, x, clamp={"update": 1.0})


@pytest.mark.parametrize(
    "attend",
    [lambda q, v: kl.Attention(name="look")([q, v]), lambda q, v: kl.AdditiveAttention(name="look")([q, v]),
     lambda q, v: ours.LuongAttention(score="dot", name="look")(q, v),
     lambda q, v: ours.BahdanauAttention(4, name="look")(q, v)],
    ids=["keras", "keras additive", "luong", "bahdanau"],
)  # fmt: skip
def test_forced_attention_reads_that_place_alone(rng: np.random.Generator, attend: Any) -> None:
    model = randomised(attending(attend), rng)
    q, v = rng.standard_normal((B, T, D)), rng.standard_normal((B, T + 1, D))
    capture = capture_intervention(model, [q, v], attend={0: 5, 3: 2})
    before = np.array(model([q, v]))
    expected = before.copy()
    expected[:, 0], expected[:, 3] = chances(model, v[:, 5]), chances(model, v[:, 2])
    np.testing.assert_allclose(capture.arrays["look/before"], before, atol=1e-9)
    np.testing.assert_allclose(capture.arrays["look/after"], expected, atol=1e-9)
    np.testing.assert_array_equal(
        capture.arrays["look/after"][:, [1, 2, 4]], capture.arrays["look/before"][:, [1, 2, 4]]
    )


def test_forced_heads(rng: np.random.Generator) -> None:
    layer = kl.MultiHeadAttention(num_heads=2, key_dim=4, name="look")
    model = randomised(attending(lambda q, v: layer(q, v)), rng)
    q, v = rng.standard_normal((B, T, D)), rng.standard_normal((B, T + 1, D))
    capture = capture_intervention(model, [q, v], attend={2: 4})
    weights = {w.path.split("/")[-2] + "/" + w.name: np.array(w) for w in layer.weights}
    values = np.einsum("bd,dnk->bnk", v[:, 4], weights["value/kernel"]) + weights["value/bias"]
    mixed = np.einsum("bnk,nkd->bd", values, weights["attention_output/kernel"]) + weights["attention_output/bias"]
    np.testing.assert_allclose(capture.arrays["look/after"][:, 2], chances(model, mixed), atol=1e-9)


def decoder(rng: np.random.Generator, order: str = "bahdanau") -> tuple[Any, Any, list[Array]]:
    inputs = [keras.Input((T, D), name="target"), keras.Input((T + 1, 2), name="memory")]
    layer = ours.AttentionDecoder(ours.LSTMCell(U), ours.BahdanauAttention(6), order=order, name="decoder")
    model = randomised(keras.Model(inputs, kl.Dense(V, "softmax", name="tags")(layer(*inputs))), rng)
    return model, layer, [rng.standard_normal((B, T, D)), rng.standard_normal((B, T + 1, 2))]


def decoder_by_hand(layer: Any, x: Array, memory: Array, forced: dict[int, int], held: dict[str, float]) -> Array:
    """(t, u + m): Bahdanau's order, the state of the step before asks."""
    step = numpy_cells.lstm(*(np.array(w) for w in layer.cell.weights))
    w = {weight.name: np.array(weight) for weight in layer.attention.weights}
    kernel, recurrent, bias = (np.split(np.array(part), 4, axis=-1) for part in layer.cell.weights)
    names = ["input", "forget", "candidate", "output"]
    h = c = np.zeros(U)
    outputs = []
    for now, given in enumerate(x):
        inside = h @ w["query_kernel"] + memory @ w["memory_kernel"] + w.get("bias", 0.0)
        alpha = softmax(np.tanh(inside) @ np.ravel(w["score_vector"]))
        if now in forced:
            alpha = np.eye(len(memory))[forced[now]]
        context = alpha @ memory
        joined = np.concatenate([given, context])
        if held:
            z = {n: joined @ k + h @ r + b for n, k, r, b in zip(names, kernel, recurrent, bias, strict=True)}
            gates = {n: np.tanh(v) if n == "candidate" else sigmoid(v) for n, v in z.items()}
            gates |= {n: np.full(U, v) for n, v in held.items()}
            c = gates["forget"] * c + gates["input"] * gates["candidate"]
            h = gates["output"] * np.tanh(c)
        else:
            (h, c), _ = step(joined, (h, c))
        outputs.append(np.concatenate([h, context]))
    return np.array(outputs)


@pytest.mark.parametrize(("forced", "held"), [({1: 4, 2: 0}, {}), ({}, {"output": 0.5}), ({0: 3}, {"forget": 1.0})])
def test_a_decoder(rng: np.random.Generator, forced: dict[int, int], held: dict[str, float]) -> None:
    model, layer, inputs = decoder(rng)
    plain = np.array(model(inputs))
    capture = capture_intervention(model, inputs, layer="decoder", attend=forced, clamp=held)
    pairs = list(zip(*inputs, strict=True))
    for name, what in (("before", ({}, {})), ("after", (forced, held))):
        by_hand = np.stack([decoder_by_hand(layer, x, memory, *what) for x, memory in pairs])
        np.testing.assert_allclose(capture.arrays[f"decoder/{name}"], chances(model, by_hand), atol=1e-8)
    np.testing.assert_array_equal(np.array(model(inputs)), plain)


def test_a_decoder_step_by_step_is_the_decoder_at_once(rng: np.random.Generator) -> None:
    """What decodes freely under an intervention sees the same one."""
    model, layer, (x, memory) = decoder(rng)
    edits = Edits(clamp={"input": 0.9}, zero=["2"], steps=range(2, 4))
    with intervening(model, edits, "decoder"):
        whole = np.array(layer(x, memory))
        prepared = layer.prepare(memory)
        states = layer.first_states(prepared)
        for step in range(T):
            output, states, _ = layer.step(keras.ops.convert_to_tensor(x[:, step]), states, prepared)
            np.testing.assert_allclose(np.array(output), whole[:, step], atol=1e-12)
    assert np.abs(whole - np.array(layer(x, memory)))[:, 2:].max() > 1e-3
    np.testing.assert_allclose(whole[:, :2], np.array(layer(x, memory))[:, :2], atol=1e-12)


def test_no_change_makes_no_difference_at_all(rng: np.random.Generator) -> None:
    """The model with nothing changed gives the same bits on both sides, and outside."""
    model, _, inputs = decoder(rng)
    plain = np.array(model(inputs))
    for options in ({"clamp": {"forget": 0.0}, "steps": (0, 0)}, {"zero": [1], "steps": (T, None)}):
        capture = capture_intervention(model, inputs, layer="decoder", **options)
        np.testing.assert_array_equal(capture.arrays["decoder/before"], capture.arrays["decoder/after"])
        assert not capture.arrays["decoder/change"].any()
    edits = Edits(look=lambda alignment, first: alignment)
    both = attending(lambda q, v: kl.Attention(name="look")([q, v]))
    q, v = inputs[0], rng.standard_normal((B, T + 1, D))
    expected = np.array(both([q, v]))
    with intervening(both, edits, "look"):
        np.testing.assert_array_equal(np.array(both([q, v])), expected)
    np.testing.assert_array_equal(np.array(model(inputs)), plain)


def test_what_was_changed_is_put_back_whatever_happens(rng: np.random.Generator) -> None:
    model, layer, inputs = decoder(rng)
    parts = [layer, layer.cell, layer.attention]
    before = [set(vars(part)) for part in parts]
    with pytest.raises(ZeroDivisionError), intervening(model, Edits(look=lambda a, i: 1 / 0), "decoder"):
        model(inputs)
    with pytest.raises(KeyError), intervening(model, Edits(clamp={"forget": 1.0}, zero=["0"]), "decoder"):
        raise KeyError
    assert [set(vars(part)) for part in parts] == before
    outputs: list[Array] = []
    with intervening(model, Edits(zero=["0"]), "decoder"):
        outputs.append(np.array(model(inputs)))
    outputs.append(np.array(model(inputs)))
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-4


def test_two_threads_take_turns(rng: np.random.Generator) -> None:
    model, _, inputs = decoder(rng)
    found: dict[int, Array] = {}

    def work(unit: int) -> None:
        found[unit] = capture_intervention(model, inputs, layer="decoder", zero=[unit]).arrays["decoder/after"]

    threads = [threading.Thread(target=work, args=(unit,)) for unit in range(U)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for unit in range(U):
        alone = capture_intervention(model, inputs, layer="decoder", zero=[unit]).arrays["decoder/after"]
        np.testing.assert_array_equal(found[unit], alone)


def test_sigmoids_and_targets(rng: np.random.Generator) -> None:
    x = keras.Input((T, D))
    model = randomised(keras.Model(x, kl.Dense(1, "sigmoid")(kl.GRU(U, name="reader")(x))), rng)
    values = rng.standard_normal((B, T, D))
    capture = capture_intervention(model, values, zero=[0], target=np.array([1, 0]))
    p = np.array(model(values))[:, 0]
    np.testing.assert_allclose(capture.arrays["reader/before"][:, 0], np.stack([1 - p, p], axis=1), atol=1e-9)
    change = capture.arrays["reader/change"][:, 0]
    after = capture.arrays["reader/after"][:, 0]
    np.testing.assert_allclose(change, [np.log(after[0, 1] / p[0]), np.log(after[1, 0] / (1 - p[1]))], atol=1e-9)
