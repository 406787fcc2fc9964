"""Greedy decoding against a loop in plain Python, eagerly, in a graph and compiled by XLA."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kerasrnn.decoding import Decoded, greedy

V, K, S, END = 5, 6, 4, 1
LONGEST = 9


class Machine:
    """A random recurrent step function, in NumPy for one row and in Keras for a batch, with the same weights."""

    def __init__(self, seed: int, bias: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self.embedding = rng.standard_normal((V, K)).astype("float32")
        self.recurrent = rng.standard_normal((K, K)).astype("float32")
        self.score = 1.5 * rng.standard_normal((K, V)).astype("float32")
        self.bias = np.zeros(V, "float32")
        self.bias[END] = bias
        self.look = rng.standard_normal((K, S)).astype("float32")
        self.calls = 0

    def __call__(self, token: Any, states: dict[str, Any]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        self.calls += 1
        state = ops.tanh(ops.matmul(states["a"], self.recurrent) + ops.take(self.embedding, token, axis=0))
        scores = ops.log_softmax(ops.matmul(state, self.score) + self.bias, axis=-1)
        extras = {
            "alignment": ops.softmax(ops.matmul(state, self.look), axis=-1),
            "total": ops.sum(state, axis=-1) + 10,
            "before": token + 1,
        }
        return scores, {"a": state, "b": [states["b"][0] + 1]}, extras

    def step(self, token: int, state: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        """The same for one row."""
        state = np.tanh(state @ self.recurrent + self.embedding[token])
        scores = state @ self.score + self.bias
        scores = scores - np.log(np.exp(scores - scores.max()).sum()) - scores.max()
        look = np.exp(state @ self.look)
        return scores, state, {"alignment": look / look.sum(), "total": state.sum() + 10, "before": token + 1}


class Expected(NamedTuple):
    tokens: np.ndarray
    lengths: np.ndarray
    log_probs: np.ndarray
    extras: dict[str, np.ndarray]


def brute_force(machine: Machine, start: np.ndarray, states: np.ndarray, max_length: int, end: int) -> Expected:
    """Every row for itself."""
    rows = len(start)
    tokens, lengths = np.zeros((rows, max_length), int), np.zeros(rows, int)
    log_probs = np.zeros((rows, max_length))
    extras = {"alignment": np.zeros((rows, max_length, S)), "total": np.zeros((rows, max_length))}
    extras["before"] = np.zeros((rows, max_length), int)
    for row in range(rows):
        token, state = int(start[row]), states[row].astype(float)
        for at in range(max_length):
            scores, state, extra = machine.step(token, state)
            token = int(np.argmax(scores))
            tokens[row, at], log_probs[row, at], lengths[row] = token, scores[token], at + 1
            for name in extras:
                extras[name][row, at] = extra[name]
            if token == end:
                break
    return Expected(tokens, lengths, log_probs, extras)


def batch(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, V, rows).astype("int32"), 2 * rng.standard_normal((rows, K)).astype("float32")


def decode(
    machine: Machine, start: np.ndarray, states: np.ndarray, max_length: int = LONGEST, end: int = END
) -> Decoded:
    nest = {"a": ops.convert_to_tensor(states), "b": [ops.zeros(len(states))]}
    return greedy(machine, ops.convert_to_tensor(start), nest, end=end, max_length=max_length)


def assert_equal(found: Decoded, expected: Expected) -> None:
    np.testing.assert_array_equal(found.tokens, expected.tokens)
    np.testing.assert_array_equal(found.lengths, expected.lengths)
    np.testing.assert_allclose(found.log_probs, expected.log_probs, atol=1e-5)
    assert set(found.extras) == set(expected.extras)
    for name, values in expected.extras.items():
        assert tuple(found.extras[name].shape) == values.shape, name
        np.testing.assert_allclose(found.extras[name], values, atol=1e-5, err_msg=name)


def eager(*arguments: Any) -> Decoded:
    return decode(*arguments)


def in_graph(machine: Machine, start: np.ndarray, states: np.ndarray, *rest: int) -> Decoded:
    """Traced for a batch of any size."""
    signature = [tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None, K), tf.float32)]

    @tf.function(input_signature=signature)
    def run(start: Any, states: Any) -> Decoded:
        nest = {"a": states, "b": [ops.zeros_like(states[:, 0])]}
        end, max_length = rest[1] if len(rest) > 1 else END, rest[0] if rest else LONGEST
        return greedy(machine, start, nest, end=end, max_length=max_length)

    return run(start, states)


def compiled(machine: Machine, start: np.ndarray, states: np.ndarray, *rest: int) -> Decoded:
    return tf.function(lambda s, h: decode(machine, s, h, *rest), jit_compile=True)(start, states)


WAYS = pytest.mark.parametrize("run", [eager, in_graph, compiled], ids=["eager", "graph", "xla"])


@WAYS
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_the_path_is_that_of_a_plain_loop(run: Callable[..., Decoded], seed: int) -> None:
    """The best token fed back, rows of different lengths in one batch, nothing but zeros after the end."""
    machine = Machine(seed, bias=1.0)
    start, states = batch(seed, 12)
    expected = brute_force(machine, start, states, LONGEST, END)
    assert len(set(expected.lengths)) >= 4, "a case that shows nothing"
    assert (expected.lengths < LONGEST).any(), "a case that shows nothing"
    assert len(np.unique(expected.tokens)) >= 4, "a case that shows nothing"
    assert_equal(run(machine, start, states), expected)


@WAYS
def test_without_an_end_every_row_is_cut_at_the_greatest_length(run: Callable[..., Decoded]) -> None:
    machine = Machine(7)
    start, states = batch(7, 5)
    expected = brute_force(machine, start, states, LONGEST, V)
    found = run(machine, start, states, LONGEST, None)
    assert_equal(found, expected)
    assert (np.asarray(found.lengths) == LONGEST).all()


@WAYS
def test_a_batch_that_ends_at_once(run: Callable[..., Decoded]) -> None:
    machine = Machine(8, bias=50.0)
    start, states = batch(8, 3)
    found = run(machine, start, states)
    assert_equal(found, brute_force(machine, start, states, LONGEST, END))
    assert (np.asarray(found.tokens)[:, 0] == END).all()
    assert (np.asarray(found.lengths) == 1).all()


@pytest.mark.parametrize("run", [eager, in_graph], ids=["eager", "graph"])
def test_a_batch_of_none(run: Callable[..., Decoded]) -> None:
    start, states = batch(9, 0)
    found = run(Machine(9), start, states)
    assert tuple(found.tokens.shape) == (0, LONGEST)
    assert tuple(found.lengths.shape) == (0,)
    assert tuple(found.extras["alignment"].shape) == (0, LONGEST, S)


def test_a_row_does_not_depend_on_its_batch() -> None:
    machine = Machine(4, bias=1.0)
    start, states = batch(4, 6)
    together = decode(machine, start, states)
    for row in range(6):
        alone = decode(machine, start[row : row + 1], states[row : row + 1])
        np.testing.assert_array_equal(alone.tokens[0], together.tokens[row])
        np.testing.assert_allclose(alone.log_probs[0], together.log_probs[row], atol=1e-6)


def test_a_length_cuts_but_changes_nothing_before() -> None:
    machine = Machine(5, bias=1.0)
    start, states = batch(5, 12)
    whole = decode(machine, start, states)
    for length in (1, 2, 5):
        cut = decode(machine, start, states, length)
        np.testing.assert_array_equal(cut.tokens, np.asarray(whole.tokens)[:, :length])
        np.testing.assert_array_equal(cut.lengths, np.minimum(whole.lengths, length))


def test_the_loop_stops_when_all_have_ended() -> None:
    machine = Machine(3, bias=6.0)
    start, states = batch(3, 4)
    longest = int(brute_force(machine, start, states, 500, END).lengths.max())
    assert longest < 20, "a case that shows nothing"
    decode(machine, start, states, 500)
    assert machine.calls <= longest + 1  # once more for the shapes


def test_types_are_the_documented_ones() -> None:
    start, states = batch(3, 2)
    found = decode(Machine(3), start.astype("int64"), states)
    assert found.tokens.dtype == "int32"
    assert found.lengths.dtype == "int32"
    assert found.log_probs.dtype == "float32"
    assert "int" in found.extras["before"].dtype.name


@pytest.mark.parametrize("length", [0, -3])
def test_a_length_below_one_is_refused(length: int) -> None:
    start, states = batch(3, 2)
    with pytest.raises(ValueError, match=rf"`max_length` must be an integer of at least 1; received {length}"):
        decode(Machine(3), start, states, length)


def uniform_step(token: Any, states: Any) -> Any:
    """Four tokens, the higher the likelier."""
    return ops.zeros((ops.shape(token)[0], 1)) + ops.arange(4, dtype="float32"), states, {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 2.5}, r"`max_length` must be an integer of at least 1; received 2.5"),
        ({"max_length": True}, r"`max_length` must be an integer of at least 1; received True"),
        ({"min_length": -1}, r"`min_length` must be an integer of at least 0; received -1"),
        ({"min_length": 4}, r"`min_length` must be at most `max_length`, 3; received 4"),
        ({"end": 4}, r"`end` must be below the vocabulary's size, 4; received 4"),
        ({"end": (1, -1)}, r"`end` must be an integer of at least 0; received -1"),
        ({"banned": [4]}, r"`banned` must be below the vocabulary's size, 4; received 4"),
        ({"banned": [-1]}, r"`banned` must be an integer of at least 0; received -1"),
        ({"banned": [0, 1, 2, 3]}, r"`banned` must leave something to choose of 4 tokens .* received \[0, 1, 2, 3\]"),
        ({"banned": [0, 2, 3], "end": 1, "min_length": 2}, r"`banned` must leave something to choose of 4 tokens"),
        ({"prefix": [[0, 1, 2, 3]] * 2}, r"`prefix` must not be longer than `max_length`, 3; received 4 steps"),
        ({"prefix": [[0], [4]]}, r"`prefix` must be below the vocabulary's size, 4; received 4"),
        ({"prefix": [[0], [-2]]}, r"`prefix` must be ids of at least -1; received -2"),
        ({"prefix": [[0.5], [1.5]]}, r"`prefix` must be \(batch, steps\) integers; received shape \(2, 1\) of .*float"),
        ({"prefix": [0, 1]}, r"`prefix` must be \(batch, steps\) integers; received shape \(2,\)"),
        ({"prefix": [[0]]}, r"`prefix` must have 2 rows, as `start` has; received 1"),
        ({"start": [0, -1]}, r"`start` must be ids of at least 0; received -1"),
        ({"start": [[0, 1]]}, r"`start` must be \(batch,\) integers; received shape \(1, 2\)"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    given = {"start": [0, 0], "states": (), "end": 1, "max_length": 3} | options
    with pytest.raises(ValueError, match=message):
        greedy(uniform_step, **given)


def test_logits_of_another_shape_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"`step` must give logits of shape \(batch, vocabulary\), .* shape \(2, 1, 4\)"
    ):
        greedy(lambda token, states: (ops.zeros((2, 1, 4)), states, {}), [0, 0], (), end=1, max_length=3)


@pytest.mark.parametrize("jit", [False, True])
def test_what_is_forced_banned_or_too_short(jit: bool) -> None:
    """A prefix overrules the rest; ids of a graph are not looked at; log-probabilities stay the model's."""
    shares = np.arange(4) - np.log(np.exp(np.arange(4)).sum())

    @tf.function(jit_compile=jit)
    def run(prefix: Any) -> Decoded:
        return greedy(uniform_step, [0] * 4, (), end=2, max_length=4, min_length=3, banned=[3], prefix=prefix)

    found = run(tf.constant([[-1, -1], [3, -1], [2, 3], [0, 1]]))
    expected = np.array([[1, 1, 2, 0], [3, 1, 2, 0], [2, 0, 0, 0], [0, 1, 2, 0]])
    np.testing.assert_array_equal(found.tokens, expected)
    assert found.lengths.numpy().tolist() == [3, 3, 1, 3]
    inside = np.arange(4) < found.lengths.numpy()[:, None]
    np.testing.assert_allclose(found.log_probs, shares[expected] * inside, rtol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_logits_that_are_no_distribution_end_their_row(jit: bool) -> None:
    logits = np.array([[0.0, 1, 2], [np.nan, 0, 1], [0, np.inf, 0], [-np.inf] * 3, [-np.inf, -np.inf, 5]], "float32")

    @tf.function(jit_compile=jit)
    def run(given: Any) -> Decoded:
        return greedy(lambda token, states: (given, states, {}), [0] * 5, (), end=None, max_length=2, banned=[2])

    found = run(tf.constant(logits))
    assert found.lengths.numpy().tolist() == [2, 1, 1, 1, 1]
    assert found.tokens.numpy().tolist() == [[1, 1], *[[0, 0]] * 4]
    assert np.isnan(found.log_probs[1:, 0]).all()
    assert not found.log_probs[1:, 1].numpy().any()
