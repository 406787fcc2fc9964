"""`capture_gradients` against central differences of the float64 oracle, state by state and step by step."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy_cells
import pytest
from capture_cases import norms, oracle, own_choice, pushed, randomised, softmax
from keras import layers as kl
from numpy_cells import Array, central_differences

import kerasrnn.layers as ours
from kerasrnn.viz import Capture, capture_gradients
from kerasrnn.viz.capture.gradients import horizon_of

pytestmark = pytest.mark.usefixtures("float64")
B, T, D, U, V = 2, 5, 3, 3, 4
MASKED = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0]], bool)
WHOLE = np.ones((B, T), bool)


def zeros(states: int, length: int = T, units: int = U) -> list[Array]:
    return [np.zeros((B, length, units)) for _ in range(states)]


def numeric(loss: Callable[[], float], pushes: Sequence[Array]) -> Array:
    """(b, t): the norms that central differences give."""
    return norms([central_differences(loss, push, 1e-6) for push in pushes])


def scanned(layer: Any, x: Array, keep: Array, pushes: Sequence[Array], **options: Any) -> numpy_cells.Run:
    kind, step = oracle(layer)
    backwards = getattr(layer, "go_backwards", False)
    push = pushed(step, pushes, keep, backwards)
    return numpy_cells.scan(kind, push, x, None, layer.cell.units, keep, backwards, **options)


def head(dense: Any, h: Array) -> Array:
    kernel, bias = dense.get_weights()
    return h @ kernel + bias


def close(capture: Capture, key: str, expected: Array, atol: float = 2e-9) -> None:
    assert expected.max() > 1e-3, "a test of zeros shows nothing"
    np.testing.assert_allclose(capture.arrays[key], expected, rtol=0, atol=atol)


@pytest.mark.parametrize("module", [kl, ours], ids=["keras", "ours"])
@pytest.mark.parametrize(("name", "states"), [("LSTM", 2), ("GRU", 1), ("SimpleRNN", 1)])
def test_last_step_loss(rng: np.random.Generator, module: Any, name: str, states: int) -> None:
    layer, dense = getattr(module, name)(U, name="r"), kl.Dense(V, activation="softmax")
    model = randomised(keras.Sequential([keras.Input((T, D)), layer, dense]), rng)
    x, pushes = rng.standard_normal((B, T, D)), zeros(states)

    def loss() -> float:
        return own_choice(softmax(head(dense, scanned(layer, x, WHOLE, pushes).last)))

    capture = capture_gradients(model, x)
    close(capture, "r/bptt", numeric(loss, pushes))
    assert (capture.arrays["r/bptt"] > 0).all()  # before the last step too, unlike the gradient of the output
    assert capture.facts["loss"] == "−log p of the model's own choice"
    assert capture.facts["output steps"] is None
    assert capture.facts["horizon"]["forward"][0]["to"] == T - 1


@pytest.mark.parametrize("module", [kl, ours], ids=["keras", "ours"])
@pytest.mark.parametrize("at", [None, 2, [3, -5]], ids=["last valid", "one", "each"])
def test_masked_loss_of_one_step(rng: np.random.Generator, module: Any, at: Any) -> None:
    layer, dense = module.GRU(U, return_sequences=True, name="r"), kl.Dense(V, activation="softmax")
    inputs = keras.Input((T, D))
    model = randomised(keras.Model(inputs, dense(layer(kl.Masking()(inputs)))), rng)
    x, pushes = np.where(MASKED[..., None], rng.standard_normal((B, T, D)), 0), zeros(1)
    steps = {None: [4, 3], 2: [2, 2]}.get(at, [3, 0]) if not isinstance(at, list) else [3, 0]

    def loss() -> float:
        return own_choice(softmax(head(dense, scanned(layer, x, MASKED, pushes).sequence)), steps)

    capture = capture_gradients(model, x, at=at)
    close(capture, "r/bptt", numeric(loss, pushes))
    assert not capture.arrays["r/bptt"][~MASKED].any()
    assert capture.facts["output steps"] == capture.facts["at"] == steps
    for row, step in enumerate(steps):
        assert not capture.arrays["r/bptt"][row, step + 1 :].any()
        assert capture.facts["horizon"]["forward"][row]["to"] == step


@pytest.mark.parametrize("module", [kl, ours], ids=["keras", "ours"])
def test_both_directions(rng: np.random.Generator, module: Any) -> None:
    layer = module.Bidirectional(module.LSTM(U, return_sequences=True), name="both")
    dense = kl.Dense(V, activation="softmax")
    inputs = keras.Input((T, D))
    model = randomised(keras.Model(inputs, dense(layer(kl.Masking()(inputs)))), rng)
    x = np.where(MASKED[..., None], rng.standard_normal((B, T, D)), 0)
    forward, backward = zeros(2), zeros(2)

    def loss() -> float:
        there = scanned(layer.forward_layer, x, MASKED, forward)
        back = scanned(layer.backward_layer, x, MASKED, backward)
        merged = numpy_cells.bidirectional(there, back, "concat", True)
        return own_choice(softmax(head(dense, merged)), [2, 2])

    capture = capture_gradients(model, x, at=2)
    close(capture, "both/forward/bptt", numeric(loss, forward))
    close(capture, "both/backward/bptt", numeric(loss, backward))
    assert capture.facts["at"] == [2, 2]
    assert [mark["to"] for marks in capture.facts["horizon"].values() for mark in marks] == [2] * 4
    assert set(capture.norms(1)) == {"forward", "backward"}
    np.testing.assert_array_equal(capture.norms(1)["backward"], capture.arrays["both/backward/bptt"][1])


def test_a_layer_that_goes_backwards(rng: np.random.Generator) -> None:
    layer, dense = kl.GRU(U, go_backwards=True, name="r"), kl.Dense(V, activation="softmax")
    model = randomised(keras.Sequential([keras.Input((T, D)), layer, dense]), rng)
    x, pushes = rng.standard_normal((B, T, D)), zeros(1)

    def loss() -> float:
        return own_choice(softmax(head(dense, scanned(layer, x, WHOLE, pushes).last)))

    capture = capture_gradients(model, x)
    close(capture, "r/bptt", numeric(loss, pushes))
    assert {mark["to"] for mark in capture.facts["horizon"]["backward"]} == {0}


def test_a_push_on_a_lower_cell_of_a_stack_reaches_the_upper_one_at_once(rng: np.random.Generator) -> None:
    cells = [kl.LSTMCell(U), ours.GRUCell(U)]
    dense = kl.Dense(V, activation="softmax")
    layer = kl.RNN(kl.StackedRNNCells(cells), name="stack")
    model = randomised(keras.Sequential([keras.Input((T, D)), layer, dense]), rng)
    x, low, high = rng.standard_normal((B, T, D)), zeros(2), zeros(1)

    def loss() -> float:
        kind, step = oracle(cells[0])
        below = numpy_cells.scan(kind, pushed(step, low, WHOLE), x, None, U)
        kind, step = oracle(cells[1])
        above = numpy_cells.scan(kind, pushed(step, high, WHOLE), below.sequence, None, U)
        return own_choice(softmax(head(dense, above.last)))

    capture = capture_gradients(model, x)
    close(capture, "stack/bptt", numeric(loss, [*low, *high]))


def test_a_lower_layer_through_the_layers_above(rng: np.random.Generator) -> None:
    low, high = kl.LSTM(U, return_sequences=True, name="low"), kl.GRU(U, name="high")
    dense = kl.Dense(1, activation="sigmoid")
    model = randomised(keras.Sequential([keras.Input((T, D)), kl.Masking(), low, high, dense]), rng)
    x, pushes = np.where(MASKED[..., None], rng.standard_normal((B, T, D)), 0), zeros(2)

    def loss() -> float:
        kind, step = oracle(high)
        below = scanned(low, x, MASKED, pushes).sequence
        p = 1 / (1 + np.exp(-head(dense, numpy_cells.scan(kind, step, below, None, U, MASKED).last)))
        return float(-np.log(np.maximum(p, 1 - p)).sum())

    close(capture_gradients(model, x), "low/bptt", numeric(loss, pushes))


def test_encoder_and_decoder_with_attention(rng: np.random.Generator) -> None:
    source, target = keras.Input((T, D)), keras.Input((4, D))
    encoder = ours.GRU(U, return_sequences=True, name="encoder")
    decoder = ours.AttentionDecoder(ours.LSTMCell(2), ours.BahdanauAttention(4), name="decoder")
    dense = kl.Dense(V, activation="softmax")
    model = keras.Model([source, target], dense(decoder(kl.Masking()(target), encoder(kl.Masking()(source)))))
    randomised(model, rng)
    x = np.where(MASKED[..., None], rng.standard_normal((B, T, D)), 0)
    keep = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], bool)
    y = np.where(keep[..., None], rng.standard_normal((B, 4, D)), 0)
    inner, outer = zeros(1), zeros(2, 4, 2)
    weights = decoder.attention.get_weights()

    def loss() -> float:
        memory = scanned(encoder, x, MASKED, inner).sequence
        kind, step = oracle(decoder)
        result = numpy_cells.attention_decoder(
            kind,
            pushed(step, outer, keep),
            y,
            [np.zeros((B, 2))] * 2,
            memory,
            lambda s, m, valid: numpy_cells.bahdanau(s, m, *weights, keep=valid),
            MASKED,
            keep,
        )
        return own_choice(softmax(head(dense, np.concatenate([result.outputs, result.contexts], axis=-1))), [3, 2])

    by_default = capture_gradients(model, [x, y])
    close(by_default, "encoder/bptt", numeric(loss, inner))
    assert by_default.facts["output steps"] == [3, 2]
    assert by_default.facts["at"] is None  # the loss lies on the decoder's axis
    chosen = capture_gradients(model, [x, y], layer="decoder")
    close(chosen, "decoder/bptt", numeric(loss, outer))
    assert chosen.facts["at"] == [3, 2]


def test_other_losses(rng: np.random.Generator) -> None:
    layer, dense = kl.SimpleRNN(U, return_sequences=True, name="r"), kl.Dense(V)
    model = randomised(keras.Sequential([keras.Input((T, D)), layer, dense]), rng)
    x, pushes, labels = rng.standard_normal((B, T, D)), zeros(1), rng.integers(0, V, (B, T))

    def logits() -> Array:
        return head(dense, scanned(layer, x, WHOLE, pushes).sequence)

    capture = capture_gradients(model, x, at=1)
    close(capture, "r/bptt", numeric(lambda: float((logits()[:, 1] ** 2).sum()), pushes), 2e-8)
    assert capture.facts["loss"] == "sum of the squared output at output step 1"

    with pytest.raises(ValueError, match="the model is not compiled with a loss"):
        capture_gradients(model, x, target=labels)
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    capture = capture_gradients(model, x)
    close(capture, "r/bptt", numeric(lambda: own_choice(softmax(logits()), [T - 1] * B), pushes))

    def cross_entropy(steps: slice) -> float:
        picked = np.take_along_axis(softmax(logits()), labels[..., None], axis=-1)[:, steps, 0]
        return float(-np.log(picked).mean(axis=1).sum())

    capture = capture_gradients(model, x, target=labels)
    close(capture, "r/bptt", numeric(lambda: cross_entropy(slice(None)), pushes))
    assert capture.facts["loss"] == "compiled loss"
    capture = capture_gradients(model, x, target=labels, at=2)
    close(capture, "r/bptt", numeric(lambda: cross_entropy(slice(2, 3)), pushes))
    assert capture.facts["loss"] == "compiled loss at output step 2"


def test_the_compiled_loss_leaves_masked_steps_out(rng: np.random.Generator) -> None:
    layer, dense = kl.GRU(U, return_sequences=True, name="r"), kl.Dense(V, activation="softmax")
    inputs = keras.Input((T, D))
    model = randomised(keras.Model(inputs, dense(layer(kl.Masking()(inputs)))), rng)
    model.compile(loss="sparse_categorical_crossentropy")
    x, pushes = np.where(MASKED[..., None], rng.standard_normal((B, T, D)), 0), zeros(1)
    labels = rng.integers(0, V, (B, T))

    def loss() -> float:
        p = softmax(head(dense, scanned(layer, x, MASKED, pushes).sequence))
        each = -np.log(np.take_along_axis(p, labels[..., None], axis=-1)[..., 0]) * MASKED
        return float((each.sum(axis=1) / MASKED.sum(axis=1)).sum())

    close(capture_gradients(model, x, target=labels), "r/bptt", numeric(loss, pushes), 1e-7)


def test_a_row_of_a_batch_is_as_if_alone(rng: np.random.Generator) -> None:
    layer = ours.LSTM(U, return_sequences=True, name="r")
    inputs = keras.Input((None, D))
    model = randomised(keras.Model(inputs, kl.Dense(V, activation="softmax")(layer(kl.Masking()(inputs)))), rng)
    x = rng.standard_normal((B, T, D))
    x[1, 3:] = 0
    together, alone = capture_gradients(model, x), capture_gradients(model, x[1:, :3])
    np.testing.assert_allclose(together.arrays["r/bptt"][1, :3], alone.arrays["r/bptt"][0], atol=1e-12)
    assert together.facts["horizon"]["forward"][1] == alone.facts["horizon"]["forward"][0]


@pytest.mark.parametrize("module", [kl, ours], ids=["keras", "ours"])
def test_nan_under_a_mask_reaches_no_gradient(rng: np.random.Generator, module: Any) -> None:
    inputs, given = keras.Input((T, D)), keras.Input((T,), dtype="bool")
    layer = module.LSTM(U, name="r")
    model = randomised(keras.Model([inputs, given], kl.Dense(V, activation="softmax")(layer(inputs, mask=given))), rng)
    x = rng.standard_normal((B, T, D))
    clean = capture_gradients(model, [np.where(MASKED[..., None], x, 0), MASKED])
    spoilt = capture_gradients(model, [np.where(MASKED[..., None], x, np.nan), MASKED])
    np.testing.assert_array_equal(spoilt.arrays["r/bptt"], clean.arrays["r/bptt"])
    assert np.isfinite(clean.arrays["r/bptt"]).all()


def test_gates_that_the_loss_reads_count(rng: np.random.Generator) -> None:
    layer = ours.GRU(U, return_gates=True, name="r")
    inputs = keras.Input((T, D))
    model = randomised(keras.Model(inputs, layer(inputs)[1]["hidden"][:, 1] + 0.0), rng)
    x, pushes = rng.standard_normal((B, T, D)), zeros(1)

    def loss() -> float:
        return float((scanned(layer, x, WHOLE, pushes).gates["hidden"][:, 1] ** 2).sum())

    close(capture_gradients(model, x), "r/bptt", numeric(loss, pushes), 1e-8)


def test_tiny_gradients_do_not_round_to_zero(rng: np.random.Generator) -> None:
    layer = kl.SimpleRNN(1, name="r", activation="linear", dtype="float32")
    model = keras.Sequential([keras.Input((40, 1)), layer])
    layer.set_weights([np.ones((1, 1)), np.full((1, 1), 0.2), np.zeros(1)])
    capture = capture_gradients(model, np.ones((1, 40, 1), "float32"))
    norm = capture.arrays["r/bptt"][0]
    np.testing.assert_allclose(norm[:-1] / norm[1:], 0.2, rtol=1e-5)  # down to 1e-27, whose square float32 has not
    assert capture.facts["horizon"]["forward"] == [{"steps": 2, "from": 37, "to": 39}]


def test_horizon() -> None:
    norm = np.array([0.5, 0.02, 0.0, 0.011, 1.0, 0.4, 0.0])
    every = np.ones(7, bool)
    assert horizon_of(norm, every) == {"steps": 5, "from": 0, "to": 5}
    assert horizon_of(np.array([0.009, 0.01, 1.0]), every[:3]) == {"steps": 1, "from": 1, "to": 2}
    holes = np.array([1, 0, 0, 1, 1, 1, 0], bool)
    assert horizon_of(norm, holes) == {"steps": 3, "from": 0, "to": 5}
    assert horizon_of(norm[::-1], every, backwards=True) == {"steps": 5, "from": 6, "to": 1}
    assert horizon_of(np.zeros(3), every[:3]) is None
    assert horizon_of(np.array([1.0, np.nan]), every[:2]) is None


def test_errors(rng: np.random.Generator) -> None:
    model = keras.Sequential([keras.Input((T, D)), kl.GRU(U), kl.Dense(2, activation="softmax")])
    x = rng.standard_normal((B, T, D))
    with pytest.raises(ValueError, match="at: the model has one output a row"):
        capture_gradients(model, x, at=3)
    steps = keras.Sequential([keras.Input((T, D)), kl.GRU(U, return_sequences=True)])
    with pytest.raises(ValueError, match=r"at: expected an output step from 0 to 4 \(or from -1 back\), received 5"):
        capture_gradients(steps, x, at=5)
    with pytest.raises(ValueError, match="at: expected an output step, or one for each of 2 rows"):
        capture_gradients(steps, x, at=[1, 2, 3])
    model.compile(loss="categorical_crossentropy")
    with pytest.raises(ValueError, match="target: expected 2 rows"):
        capture_gradients(model, x, target=np.ones((3, 2)))
    with pytest.raises(ValueError, match="one of gru"):
        capture_gradients(keras.Sequential([keras.Input((T, D)), kl.GRU(U, name="gru")]), x, layer="lstm")
