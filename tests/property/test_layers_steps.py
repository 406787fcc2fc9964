"""A stream, a chunked sequence and a whole one give the same numbers."""

from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest
from backend import JAX, MODES, compiled, to_tensor
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import LOOPED, B, D, U, assert_close, call, initial, inputs, make, random_weights

from kerasrnn import layers


@pytest.mark.parametrize("kind", LOOPED)
def test_step_equals_scan(kind: str, rng: np.random.Generator) -> None:
    layer = make(layers, kind, return_sequences=True, return_state=True, return_gates=True, dtype="float64")
    x, states = inputs(rng), initial(kind, rng)
    layer.build(x.shape)
    random_weights(layer, rng)
    sequence, *final, gates = call(layer, x, states)
    now: Any = [to_tensor(s) for s in states]
    for t in range(x.shape[1]):
        output, now, *rest = layer.step(to_tensor(x[:, t]), now)
        assert_close(output, sequence[:, t], 1e-12)
        assert_close(now[0], gates["hidden"][:, t], 1e-12)
        for opened in rest:
            assert_close(opened, {name: value[:, t] for name, value in gates.items()}, 1e-12)
    assert_close(list(now), final, 1e-12)


@pytest.mark.parametrize("kind", LOOPED)
def test_step_is_one_graph_for_a_stream(kind: str, rng: np.random.Generator) -> None:
    """A stream of any length runs one compiled step."""
    layer = make(layers, kind, return_sequences=True, dtype="float64")
    x = inputs(rng)
    expected = call(layer, x)
    traces = []

    def step(x_t: Any, *states: Any) -> Any:
        traces.append(1)
        return layer.step(x_t, list(states))[:2]

    signature = [((None, D), "float64"), *[((None, U), "float64")] * len(initial(kind, rng))]
    step = compiled(step, MODES[1], signature)
    states: Any = layer.get_initial_state(batch_size=B)
    for t in range(x.shape[1]):
        output, states = step(to_tensor(x[:, t]), *states)
        assert_close(output, expected[:, t], 1e-12)
    assert len(traces) == 1


@pytest.mark.parametrize("kind", LOOPED)
def test_a_compiled_step_is_the_step(kind: str, rng: np.random.Generator) -> None:
    """With the weights of the moment, from states or from none."""
    layer = make(layers, kind, return_gates=True, dtype="float64")
    x = inputs(rng)
    layer.build(x.shape)
    step = layer.compiled_step(B)
    for _ in range(2):
        random_weights(layer, rng)
        states: Any = None
        for t in range(3):
            expected = layer.step(to_tensor(x[:, t]), states)
            found = step(x[:, t], states)
            assert_close(list(found[1]), list(expected[1]), 1e-12)
            assert_close([found[0], found[2]], [expected[0], expected[2]], 1e-12)
            states = found[1]


def test_a_compiled_step_takes_its_own_shapes_only() -> None:
    layer = layers.LSTM(U)
    with pytest.raises(ValueError, match="build"):
        layer.compiled_step()
    layer.build((None, None, D))
    no_sizes: list[Any] = [0, None, "2", 1.5, True]
    for wrong in no_sizes:
        with pytest.raises(ValueError, match=f"`batch_size` must be a positive integer; received {wrong!r}"):
            layer.compiled_step(wrong)
    step = layer.compiled_step()
    with pytest.raises(ValueError, match=r"must be of the shapes .*; received \[\(2, 4\), \(1, 3\), \(1, 3\)\]"):
        step(np.zeros((2, D)))
    with pytest.raises(ValueError, match=r"compiled_step\(batch_size\)"):
        step(np.zeros((1, D)), [np.zeros((1, U))])
    stacked = np.ones((2, 1, U), "float32")  # an array is as good as a list
    assert_close(step(np.zeros((1, D)), stacked)[0], layer.step(np.zeros((1, D)), list(stacked))[0], 1e-6)


def test_a_compiled_step_makes_the_weights_of_an_activation(rng: np.random.Generator) -> None:
    layer = layers.SimpleRNN(U, activation=keras.layers.PReLU())
    layer.build((None, None, D))
    step = layer.compiled_step()
    random_weights(layer, rng)
    x = rng.standard_normal((1, D))
    assert_close(step(x)[0], layer.step(x)[0], 1e-6)
    assert len(layer.get_weights()) == 4


@pytest.mark.parametrize("kind", LOOPED)
@settings(max_examples=2 if JAX else 8)  # JAX compiles every call
@given(cuts=st.lists(st.integers(0, 6), max_size=3), seed=st.integers(0, 99))
def test_chunks_equal_the_whole(kind: str, cuts: list[int], seed: int) -> None:
    """Carrying the state over any cuts, empty chunks included, changes nothing."""
    rng = np.random.default_rng(seed)
    layer = make(layers, kind, return_sequences=True, return_state=True, return_gates=True, dtype="float64")
    x, states = inputs(rng, time=6), initial(kind, rng)
    whole, *final, gates = call(layer, x, states)
    bounds = [0, *sorted(cuts), 6]
    parts, now = [], states
    for start, stop in pairwise(bounds):
        output, *now, opened = call(layer, x[:, start:stop], now)
        parts.append((output, opened))
    assert_close(np.concatenate([p[0] for p in parts], axis=1), whole, 1e-12)
    for name, value in gates.items():
        assert_close(np.concatenate([p[1][name] for p in parts], axis=1), value, 1e-12)
    assert_close(list(now), final, 1e-12)


@pytest.mark.parametrize("kind", LOOPED)
@settings(max_examples=2 if JAX else 8)  # JAX compiles every call
@given(rows=st.permutations(range(4)), seed=st.integers(0, 99))
def test_rows_do_not_see_each_other(kind: str, rows: list[int], seed: int) -> None:
    """A row's numbers depend neither on the others nor on its place in the batch."""
    rng = np.random.default_rng(seed)
    layer = make(layers, kind, return_sequences=True, return_state=True, return_gates=True, dtype="float64")
    x, states = inputs(rng, batch=4), initial(kind, rng, batch=4)
    mask = rng.random((4, x.shape[1])) < 0.7
    everyone = call(layer, x, states, mask)
    kept = rows[:2]
    some = call(layer, x[kept], [s[kept] for s in states], mask[kept])
    assert_close(list(some[:-1]), [np.asarray(v)[kept] for v in everyone[:-1]], 1e-12)
    assert_close(some[-1], {k: np.asarray(v)[kept] for k, v in everyone[-1].items()}, 1e-12)
