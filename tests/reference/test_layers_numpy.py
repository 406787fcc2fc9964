"""Our layers, gates included, against the float64 NumPy oracle to 1e-10; gradients against its central differences."""

import itertools
from typing import Any

import numpy as np
import pytest
from backend import JAX, MODES, compiled, differentiated, gradients, to_tensor
from keras import ops
from layer_cases import (
    KINDS,
    LOOPED,
    MASKS,
    B,
    D,
    T,
    U,
    assert_close,
    call,
    gate_names,
    initial,
    inputs,
    make,
    options_that_fit,
    oracle,
    random_weights,
    state_names,
    trainable,
    way,
)
from numpy_cells import GATES, Run, bidirectional, central_differences

from kerasrnn import layers

TOLERANCE = 1e-10

# JAX compiles every call, which is most of the time: there each value of an option comes once, not with all others.
PAIRS = [(False, True), (True, False)] if JAX else [(False, False), (False, True), (True, False), (True, True)]


def double(kind: str, **options: Any) -> Any:
    return make(layers, kind, dtype="float64", **options)


@pytest.mark.parametrize(
    ("mask", "start"),
    [("none", "zeros"), ("left", "given"), ("holes", "given"), ("empty row", "zeros")]
    if JAX
    else list(itertools.product(MASKS, ["zeros", "given"])),
)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_states_and_gates(kind: str, mask: str, start: str, rng: np.random.Generator) -> None:
    x, states = inputs(rng), initial(kind, rng) if start == "given" else None
    for backwards, zeros in PAIRS:
        options: dict[str, Any] = {"go_backwards": backwards, "zero_output_for_mask": zeros}
        layer = double(kind, return_sequences=True, return_state=True, return_gates=True, **options)
        layer.build(x.shape)
        run = oracle(kind, random_weights(layer, rng), x, states, MASKS[mask], **options)
        assert_close(call(layer, x, states, MASKS[mask]), [run.sequence, *run.states, run.gates], TOLERANCE)
        last = double(kind, **options)
        last.build(x.shape)
        last.set_weights(layer.get_weights())
        assert_close(call(last, x, states, MASKS[mask]), run.last, TOLERANCE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {"use_bias": False},
        {"activation": "relu"},
        {"activation": None},
        {"activation": "elu", "recurrent_activation": "hard_sigmoid"},
        {"implementation": 1},
        {"unroll": True},
        {"dropout": 0.5, "recurrent_dropout": 0.5},
    ],
    ids=str,
)
def test_other_options(kind: str, options: dict[str, Any], rng: np.random.Generator) -> None:
    """Gates are right also where the layer takes another path: unrolled, Keras' split kernels, dropout not active."""
    options = options_that_fit(kind, options)
    x, states, mask = inputs(rng), initial(kind, rng), MASKS["holes"]
    equations = {k: v for k, v in options.items() if k in ("use_bias", "activation", "recurrent_activation")}
    for backwards in (True,) if JAX else (False, True):
        layer = double(kind, return_gates=True, return_state=True, go_backwards=backwards, **options)
        layer.build(x.shape)
        run = oracle(kind, random_weights(layer, rng), x, states, mask, go_backwards=backwards, **equations)
        assert_close(call(layer, x, states, mask), [run.last, *run.states, run.gates], TOLERANCE)


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("kind", LOOPED)
def test_the_loop_of_a_graph(kind: str, backwards: bool, rng: np.random.Generator) -> None:
    """A graph for any batch and any length runs another loop than eager calls: the same numbers, the same gradients."""
    layer = double(kind, return_sequences=True, return_state=True, return_gates=True, go_backwards=backwards)
    layer.build((None, None, D))
    weights = random_weights(layer, rng)
    count = len(initial(kind, rng))

    def run(x: Any, *given: Any) -> Any:
        *outputs, gates = layer(x, initial_state=list(given[:-1]), mask=given[-1])
        return sum(ops.sum(v**2) for v in outputs) + sum(ops.sum(gates[n] ** 3) for n in gates), (outputs, gates)

    signature: Any = [((None, None, D), "float64"), *[((None, U), "float64")] * count, ((None, None), "bool")]
    eager = differentiated(run, layer.trainable_variables, 1 + count)
    graph = differentiated(run, layer.trainable_variables, 1 + count, MODES[1], signature)
    for mask in [MASKS["holes"]] if JAX else MASKS.values():
        keep = np.ones((B, T), bool) if mask is None else mask
        x, states = inputs(rng), initial(kind, rng)
        expected = oracle(kind, weights, x, states, keep, go_backwards=backwards)
        found, plain = graph(x, *states, keep), eager(x, *states, keep)
        outputs, gates = found.results
        assert_close([*outputs, gates], [expected.sequence, *expected.states, expected.gates], TOLERANCE)
        assert_close([*found.sources, *found.variables], [*plain.sources, *plain.variables], 1e-11)
    unmasked = compiled(lambda x: layer(x), MODES[1], signature[:1])
    for time in (1, 7):
        x = inputs(rng, time=time)
        expected = oracle(kind, weights, x, go_backwards=backwards)
        assert_close(list(unmasked(to_tensor(x))), [expected.sequence, *expected.states, expected.gates], TOLERANCE)


@pytest.mark.parametrize("merge", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("sequences", [True, False], ids=["sequences", "last"])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_bidirectional(kind: str, sequences: bool, merge: str | None, rng: np.random.Generator) -> None:
    x, mask, states = inputs(rng), MASKS["holes"], initial(kind, rng) + initial(kind, rng)
    layer = layers.Bidirectional(
        double(kind, return_sequences=sequences, return_state=True, return_gates=True),
        merge_mode=merge,
        dtype="float64",
    )
    layer.build(x.shape)
    weights, half = random_weights(layer, rng), len(states) // 2
    runs: list[Run] = [
        oracle(kind, w, x, s, mask, go_backwards=backwards, zero_output_for_mask=sequences)
        for w, s, backwards in [(weights[:3], states[:half], False), (weights[3:], states[half:], True)]
    ]
    gates = {f"{d}/{n}": v for d, run in zip(("forward", "backward"), runs, strict=True) for n, v in run.gates.items()}
    if merge is None:
        backward = runs[1].sequence[:, ::-1] if sequences else runs[1].last
        outputs = [runs[0].sequence if sequences else runs[0].last, backward]
    else:
        outputs = [bidirectional(runs[0], runs[1], merge, sequences)]
    expected = [*outputs, *runs[0].states, *runs[1].states, gates]
    assert_close(call(layer, x, states, mask), expected, TOLERANCE)


@pytest.mark.parametrize(
    ("mask", "backwards"),
    [("none", False), ("holes", True), ("empty row", False)]
    if JAX
    else list(itertools.product(["none", "holes", "empty row"], [False, True])),
    ids=way,
)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind: str, mask: str, backwards: bool, rng: np.random.Generator) -> None:
    """Of a loss over outputs, states and gates, with respect to inputs, initial states and every weight."""
    units = 3 if kind.startswith("layer_norm") else 2  # two numbers normalised are hardly more than two signs
    x, states, keep = inputs(rng, features=2), initial(kind, rng, units=units), MASKS[mask]
    options = {"units": units, "go_backwards": backwards}
    layer = double(kind, return_sequences=True, return_state=True, return_gates=True, **options)
    layer.build(x.shape)
    weights = random_weights(layer, rng)
    names = (*gate_names(kind), *state_names(kind))
    heads = [rng.standard_normal((*x.shape[:2], units)), *(rng.standard_normal(s.shape) for s in states)]
    gate_heads = {name: rng.standard_normal((*x.shape[:2], units)) for name in names}

    def loss() -> float:
        run = oracle(kind, weights, x, states, keep, go_backwards=backwards)
        shown = sum(float(np.sum(h * v)) for h, v in zip(heads, [run.sequence, *run.states], strict=True))
        return shown + sum(float(np.sum(gate_heads[name] * run.gates[name])) for name in names)

    def run(x: Any, *states: Any) -> Any:
        *outputs, gates = layer(x, initial_state=list(states), mask=None if keep is None else to_tensor(keep))
        total = sum(ops.sum(h * v) for h, v in zip(heads, outputs, strict=True))
        return total + sum(ops.sum(gate_heads[name] * gates[name]) for name in names), ()

    found = gradients(run, layer.trainable_variables, [x, *states])
    sought = [x, *states, *trainable(layer, weights)]
    np.testing.assert_allclose(found.loss, loss(), rtol=TOLERANCE, atol=TOLERANCE)
    for gradient, at in zip([*found.sources, *found.variables], sought, strict=True):
        expected = central_differences(loss, at)
        assert np.abs(expected).max() > 1e-2
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_oracle_knows_the_gates_that_we_name(kind: str, rng: np.random.Generator) -> None:
    layer = double(kind, return_gates=True)
    assert set(call(layer, inputs(rng))[-1]) == {*GATES[kind.removesuffix("_v3")], *state_names(kind)}
    assert U == 3
