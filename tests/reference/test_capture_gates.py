"""`capture_gates` against the float64 oracle, on every kind of model that Keras can build."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy_cells
import pytest
import tensorflow as tf
from capture_cases import oracle, randomised, run
from keras import layers as kl
from numpy_cells import Array

import kerasrnn.layers as ours
from kerasrnn.viz import Capture, capture_gates
from kerasrnn.viz.statistics import keeping

pytestmark = pytest.mark.usefixtures("float64")
B, T, D, U = 2, 5, 3, 4
MASKED = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0]], bool)


def sequences(rng: np.random.Generator, mask: Array | None = None) -> Array:
    x = rng.standard_normal((B, T, D))
    return x if mask is None else np.where(mask[..., None], x, 0.0)


def close(capture: Capture, prefix: str, expected: dict[str, Array]) -> None:
    found = {key.removeprefix(prefix): array for key, array in capture.arrays.items() if key.startswith(prefix)}
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-12, err_msg=prefix + name)


@pytest.mark.parametrize("module", [kl, ours], ids=["keras", "ours"])
@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("options", [{}, {"return_sequences": True, "go_backwards": True}], ids=["plain", "backwards"])
def test_gates_are_the_equations(rng: np.random.Generator, module: Any, name: str, options: dict[str, Any]) -> None:
    model = randomised(keras.Sequential([keras.Input((T, D)), getattr(module, name)(U, name="r", **options)]), rng)
    x = sequences(rng)
    capture = capture_gates(model, x)
    close(capture, "r/", run(model.layers[-1], x).gates)
    assert capture.mask.all()
    assert capture.layer == "r"


@pytest.mark.parametrize("module", [kl, ours], ids=["keras", "ours"])
@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_masked_steps_hold_states_and_have_no_gates(rng: np.random.Generator, module: Any, name: str) -> None:
    inputs = keras.Input((T, D))
    layer = getattr(module, name)(U, name="r", return_sequences=True)
    model = randomised(keras.Model(inputs, layer(kl.Masking()(inputs))), rng)
    x = sequences(rng, MASKED)
    capture = capture_gates(model, x)
    np.testing.assert_array_equal(capture.mask, MASKED)
    close(capture, "r/", run(layer, x, MASKED).gates)


@pytest.mark.parametrize("module", [kl, ours], ids=["keras", "ours"])
@pytest.mark.parametrize("merge", ["concat", "mul", None])
def test_both_directions_come_in_input_order(rng: np.random.Generator, module: Any, merge: str | None) -> None:
    inputs = keras.Input((T, D))
    layer = module.Bidirectional(module.LSTM(U, return_sequences=True), merge_mode=merge, name="both")
    model = randomised(keras.Model(inputs, layer(kl.Masking()(inputs))), rng)
    x = sequences(rng, MASKED)
    capture = capture_gates(model, x)
    close(capture, "both/forward/", run(layer.forward_layer, x, MASKED).gates)
    close(capture, "both/backward/", run(layer.backward_layer, x, MASKED).gates)


def test_embedding_mask_and_stack_of_layers(rng: np.random.Generator) -> None:
    first, second = kl.GRU(U, return_sequences=True, name="first"), kl.LSTM(U, name="second")
    embedding = kl.Embedding(9, D, mask_zero=True)
    model = randomised(keras.Sequential([keras.Input((None,)), embedding, first, second, kl.Dense(2)]), rng)
    tokens = rng.integers(1, 9, (B, T))
    tokens[1, 3:] = 0
    capture = capture_gates(model, tokens)
    x = embedding.get_weights()[0][tokens]
    inner = run(first, x, tokens > 0)
    close(capture, "first/", inner.gates)
    assert capture.note == "layer first, the first to run (others: second)"
    chosen = capture_gates(model, tokens, layer="second")
    close(chosen, "second/", run(second, inner.sequence, tokens > 0).gates)
    assert chosen.note == ""


def test_nested_models(rng: np.random.Generator) -> None:
    inner_input = keras.Input((T, D))
    inner_layer = kl.LSTM(U, return_sequences=True, name="rnn")
    inner = keras.Model(inner_input, kl.Dense(D)(inner_layer(inner_input)), name="inner")
    outer_layer = kl.GRU(U, name="rnn")
    inputs = keras.Input((T, D))
    model = randomised(keras.Model(inputs, outer_layer(inner(inputs))), rng)
    x = sequences(rng)
    close(capture_gates(model, x), "inner/rnn/", run(inner_layer, x).gates)
    kernel, bias = inner.layers[-1].get_weights()
    middle = run(inner_layer, x).sequence @ kernel + bias
    close(capture_gates(model, x, layer="rnn"), "rnn/", run(outer_layer, middle).gates)


def test_a_shared_layer_is_captured_call_by_call(rng: np.random.Generator) -> None:
    left, right = keras.Input((T, D), name="left"), keras.Input((T, D), name="right")
    shared = ours.LSTM(U, name="shared")
    model = randomised(keras.Model([left, right], kl.subtract([shared(left), shared(right)])), rng)
    x, y = sequences(rng), sequences(rng)
    first = capture_gates(model, [x, y])
    close(first, "shared/", run(shared, x).gates)
    assert "call 1 of 2 (another: shared#2)" in first.note
    close(capture_gates(model, {"right": y, "left": x}, layer="shared#2"), "shared#2/", run(shared, y).gates)
    with pytest.raises(ValueError, match="to run at least 3 times on these inputs; it ran 2"):
        capture_gates(model, [x, y], layer="shared#3")


def test_initial_states_and_several_inputs(rng: np.random.Generator) -> None:
    inputs, start = keras.Input((T, D)), keras.Input((U,))
    layer = kl.GRU(U, name="r")
    model = randomised(keras.Model([inputs, start], layer(inputs, initial_state=[start])), rng)
    x, h = sequences(rng), rng.standard_normal((B, U))
    kind, step = oracle(layer)
    close(capture_gates(model, [x, h]), "r/", numpy_cells.scan(kind, step, x, [h], U).gates)


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = [kl.GRU(U, return_sequences=True, name="low"), kl.LSTM(U, name="high")]
        self.head = kl.Dense(2)

    def call(self, x: Any, training: bool = False) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def test_subclassed_models(rng: np.random.Generator) -> None:
    model = Subclassed()
    x = sequences(rng)
    model(x)
    randomised(model, rng)
    close(capture_gates(model, x), "low/", run(model.blocks[0], x).gates)
    close(capture_gates(model, x, layer="high"), "high/", run(model.blocks[1], run(model.blocks[0], x).sequence).gates)


@keras.saving.register_keras_serializable("tests")
class Compiled(keras.Model):
    """A model whose call is a function of TensorFlow's own, and knows no `training`."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = ours.GRU(U, name="r")

    @tf.function
    def call(self, x: Any) -> Any:
        return self.rnn(x)


def test_models_inside_a_compiled_function(rng: np.random.Generator) -> None:
    model = Compiled()
    model.rnn.build((None, T, D))  # Keras freezes the weights of what is built while a function is traced
    randomised(model, rng)
    x = sequences(rng)
    model(x)
    close(capture_gates(model, x), "r/", run(model.rnn, x).gates)
    assert not tf.config.functions_run_eagerly()


def test_time_distributed_layers_run_once_a_step(rng: np.random.Generator) -> None:
    inner = kl.LSTM(U, name="r")
    model = randomised(keras.Sequential([keras.Input((3, T, D)), kl.TimeDistributed(inner)]), rng)
    x = rng.standard_normal((B, 3, T, D))
    capture = capture_gates(model, x)
    close(capture, "r/", run(inner, x[:, 0]).gates)
    assert "call 1 of 3" in capture.note
    close(capture_gates(model, x, layer="r#3"), "r#3/", run(inner, x[:, 2]).gates)


def test_stacked_cells(rng: np.random.Generator) -> None:
    cells = [kl.LSTMCell(U), ours.GRUCell(U), kl.SimpleRNNCell(2)]
    layer = kl.RNN(kl.StackedRNNCells(cells), return_sequences=True, name="stack")
    inputs = keras.Input((T, D))
    model = randomised(keras.Model(inputs, layer(kl.Masking()(inputs))), rng)
    x = sequences(rng, MASKED)
    capture = capture_gates(model, x)
    below = x
    for number, cell in enumerate(cells):
        kind, step = oracle(cell)
        result = numpy_cells.scan(kind, step, below, None, cell.units, MASKED)
        close(capture, f"stack/{number}/", result.gates)
        below = result.sequence


@keras.saving.register_keras_serializable("tests")
class Decaying(keras.Layer):
    """A cell of somebody else: h = x W + h / 2."""

    state_size = U

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], U))

    def call(self, x: Any, states: Any) -> Any:
        h = keras.ops.matmul(x, self.kernel) + states[0] / 2
        return h, [h]


def test_cells_of_others_show_their_states(rng: np.random.Generator) -> None:
    cell = Decaying()
    model = randomised(keras.Sequential([keras.Input((T, D)), kl.RNN(cell, name="r")]), rng)
    x = sequences(rng)
    h, expected = np.zeros((B, U)), []
    for step in range(T):
        h = x[:, step] @ cell.get_weights()[0] + h / 2
        expected.append(h)
    close(capture_gates(model, x), "r/", {"state_0": np.stack(expected, axis=1)})


def test_a_stateful_layer_keeps_its_state(rng: np.random.Generator) -> None:
    for module in (kl, ours):
        layer = module.LSTM(U, stateful=True, name="r")
        model = randomised(keras.Sequential([keras.Input(batch_shape=(B, T, D)), layer]), rng)
        x, y = sequences(rng), sequences(rng)
        model(x)
        before = [np.array(state) for state in layer.states]
        capture = capture_gates(model, y)
        kind, step = oracle(layer)
        close(capture, "r/", numpy_cells.scan(kind, step, y, before, U).gates)
        for state, value in zip(layer.states, before, strict=True):
            np.testing.assert_array_equal(state, value)


def test_layers_that_already_return_gates(rng: np.random.Generator) -> None:
    layer = ours.Bidirectional(ours.GRU(U, return_sequences=True, return_gates=True), name="both")
    inputs = keras.Input((T, D))
    model = randomised(keras.Model(inputs, layer(inputs)), rng)
    x = sequences(rng)
    capture = capture_gates(model, x)
    given = model(x)[1]
    assert {f"both/{name}" for name in given} == set(capture.arrays)
    for name, gate in given.items():
        np.testing.assert_allclose(capture.arrays[f"both/{name}"], gate, atol=1e-12)


def test_an_attending_decoder_is_a_recurrent_layer(rng: np.random.Generator) -> None:
    queries, memory = keras.Input((T, D)), keras.Input((4, 2))
    decoder = ours.AttentionDecoder(ours.LSTMCell(U), ours.BahdanauAttention(3), name="decoder")
    model = randomised(keras.Model([queries, memory], decoder(queries, memory)), rng)
    x, m = sequences(rng), rng.standard_normal((B, 4, 2))
    capture = capture_gates(model, [x, m])
    close(capture, "decoder/", {k: np.array(v) for k, v in decoder.trace(x, m).items() if k != "alignment"})


def test_dropout_is_inactive(rng: np.random.Generator) -> None:
    layer = kl.LSTM(U, dropout=0.5, recurrent_dropout=0.5, name="r")
    model = randomised(keras.Sequential([keras.Input((T, D)), layer]), rng)
    x = sequences(rng)
    close(capture_gates(model, x), "r/", run(layer, x).gates)


def test_nan_under_a_mask_stays_there(rng: np.random.Generator) -> None:
    inputs, given = keras.Input((T, D)), keras.Input((T,), dtype="bool")
    layer = kl.LSTM(U, name="r", return_sequences=True)
    model = randomised(keras.Model([inputs, given], layer(inputs, mask=given)), rng)
    x = np.where(MASKED[..., None], sequences(rng), np.nan)
    close(capture_gates(model, [x, MASKED]), "r/", run(layer, np.nan_to_num(x), MASKED).gates)


def test_nothing_of_the_watching_stays(rng: np.random.Generator) -> None:
    layer = kl.LSTM(U, name="r")
    model = randomised(keras.Sequential([keras.Input((T, D)), layer, kl.Dense(2)]), rng)
    x = sequences(rng)
    before = np.array(model(x))
    capture_gates(model, x)
    assert "inner_loop" not in vars(layer)
    np.testing.assert_array_equal(model(x), before)
    np.testing.assert_allclose(model.predict(x, verbose=0), before, atol=1e-12)


def test_methods_come_back_after_a_failure(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = kl.LSTM(U, name="r")
    model = keras.Sequential([keras.Input((T, D)), layer])

    def broken(*_: Any, **__: Any) -> None:
        raise FloatingPointError("on purpose")

    monkeypatch.setattr("kerasrnn.viz.capture.observe.fast_replay", broken)
    with pytest.raises(FloatingPointError, match="on purpose"):
        capture_gates(model, sequences(rng))
    assert "inner_loop" not in vars(layer)


@keras.saving.register_keras_serializable("tests")
class Leaky(kl.LSTM):
    """A layer whose loop does more than its cell."""

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        last, outputs, states = super().inner_loop(sequences, initial_state, mask, training)
        return 0.9 * last, outputs, states


def test_a_layer_that_its_cell_does_not_repeat_is_refused(rng: np.random.Generator) -> None:
    model = randomised(keras.Sequential([keras.Input((T, D)), Leaky(U, name="leaky")]), rng)
    with pytest.raises(RuntimeError, match="layer 'leaky': its own loop and its cell run step by step differ"):
        capture_gates(model, sequences(rng))


@keras.saving.register_keras_serializable("tests")
class Scribbling(kl.GRU):
    """A layer with numbers of its own on masked steps, where no layer promises any."""

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        last, outputs, states = super().inner_loop(sequences, initial_state, mask, training)
        valid = keras.ops.flip(mask, axis=1) if self.go_backwards else mask
        return last, keras.ops.where(valid[..., None], outputs, 7.0), states


@pytest.mark.parametrize("backwards", [False, True])
def test_only_valid_steps_are_compared(rng: np.random.Generator, backwards: bool) -> None:
    inputs, given = keras.Input((T, D)), keras.Input((T,), dtype="bool")
    layer = Scribbling(U, name="r", return_sequences=True, go_backwards=backwards)
    model = randomised(keras.Model([inputs, given], layer(inputs, mask=given)), rng)
    x = sequences(rng, MASKED)
    close(capture_gates(model, [x, MASKED]), "r/", run(layer, x, MASKED).gates)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float32"])
def test_other_precisions(rng: np.random.Generator, policy: str) -> None:
    layer = kl.Bidirectional(kl.LSTM(U, dtype=policy), dtype=policy, name="both")
    model = randomised(
        keras.Sequential([keras.Input((T, D), dtype="float32"), layer, kl.Dense(2, dtype="float32")]), rng
    )
    x = sequences(rng).astype("float32")
    capture = capture_gates(model, x)
    expected = run(layer.forward_layer, x).gates
    for name, array in expected.items():
        found = capture.arrays[f"both/forward/{name}"]
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, array, atol=1e-6 if policy == "float32" else 0.05)


def test_tokens_and_keys(rng: np.random.Generator) -> None:
    model = keras.Sequential([keras.Input((None, D)), kl.GRU(U, name="r")])
    capture = capture_gates(model, sequences(rng), tokens=[list("abcde"), list("xy")])
    assert capture.tokens == [list("abcde"), ["x", "y", "", "", ""]]
    assert list(capture.arrays) == ["r/update", "r/reset", "r/candidate", "r/hidden"]
    assert {array.shape for array in capture.arrays.values()} == {(B, T, U)}


@pytest.mark.parametrize(
    ("make", "state", "written"),
    [
        (lambda: kl.LSTM(U, name="r"), "cell", "input"),
        (lambda: ours.PeepholeLSTM(U, name="r"), "cell", "input"),
        (lambda: ours.CoupledLSTM(U, name="r"), "cell", None),
        (lambda: ours.MinLSTM(U, name="r"), "hidden", "input"),
        (lambda: kl.GRU(U, name="r"), "hidden", None),
        (lambda: kl.GRU(U, reset_after=False, name="r"), "hidden", None),
        (lambda: ours.MinGRU(U, name="r"), "hidden", None),
        (lambda: kl.Bidirectional(kl.GRU(U, return_sequences=True), name="r"), "hidden", None),
        (lambda: kl.RNN([kl.SimpleRNNCell(D), kl.LSTMCell(U), kl.GRUCell(U)], name="r"), "", None),
        (lambda: kl.SimpleRNN(U, name="r"), "", None),
    ],
)
def test_the_gate_that_keeps_is_named_in_the_cell_s_convention(
    rng: np.random.Generator, make: Callable[[], Any], state: str, written: str | None
) -> None:
    """As the arrays show: the state is what is kept of the old one, and what is written of the candidate."""
    model = randomised(keras.Sequential([keras.Input((T, D)), make()]), rng)
    capture = capture_gates(model, sequences(rng))
    memory = capture.facts.get("memory", {})
    prefixes = {name.rpartition("/")[0] + "/" for name in capture.one() if "candidate" in name}
    assert set(memory) == {prefix.removeprefix("/") for prefix in prefixes}
    arrays = capture.one(1)
    for prefix, keep in keeping(arrays, memory).items():
        part = {name.rpartition("/")[2]: array for name, array in arrays.items() if name.rpartition("/")[0] == prefix}
        values = part[state or ("cell" if "cell" in part else "hidden")]
        write = part[written] if written else part["input"] if "cell" in part and not state else 1 - keep
        order = slice(None, None, -1) if prefix == "backward" else slice(None)
        old = np.concatenate([np.zeros((1, U)), values[order][:-1]])
        expected = keep[order] * old + (write * part["candidate"])[order]
        np.testing.assert_allclose(values[order], expected, atol=1e-12, err_msg=prefix)
