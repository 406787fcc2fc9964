"""What makes a layer remember: where the biases of its gates begin, zoneout, and the states it keeps between calls."""

from typing import Any

import keras
import numpy as np
import pytest
from backend import to_tensor
from layer_cases import (
    KINDS,
    LOOPED,
    MASKS,
    B,
    D,
    U,
    assert_close,
    call,
    family,
    gate_names,
    initial,
    inputs,
    make,
    make_cell,
    oracle_step,
    random_weights,
    state_names,
)
from numpy_cells import Array, blocks, scan

from kerasrnn import layers

SIGNS: dict[str, dict[str, int]] = {
    "lstm": {"forget": 1, "input": -1},
    "gru": {"update": 1},
    "gru_v3": {"update": 1},
    "peephole_lstm": {"forget": 1, "input": -1},
    "coupled_lstm": {"forget": 1},
    "layer_norm_lstm": {"forget": 1, "input": -1},
    "layer_norm_gru": {"update": 1},
    "min_gru": {"update": -1},
    "min_lstm": {"forget": 1, "input": -1},
}
"""The gates that keep (1) or write (-1): in minGRU the update gate writes, in the GRU it keeps."""


def biases(kind: str, **options: Any) -> dict[str, Array]:
    """How the bias of each gate begins; of a bias of two rows the first, after a look at the second."""
    layer = make(layers, kind, units=200, bias_initializer=keras.initializers.Constant(0.25), **options)
    layer.build((None, None, D))
    bias = np.asarray(layer.cell.bias)
    if bias.ndim == 2:
        second = blocks(bias[1], gate_names(kind))
        chosen = [] if set(options) <= {"seed"} else list(SIGNS[kind])
        for name, value in second.items():
            np.testing.assert_array_equal(value, 0.0 if name in chosen else 0.25)
        bias = bias[0]
    return blocks(bias, gate_names(kind))


@pytest.mark.parametrize("kind", SIGNS)
def test_forget_bias(kind: str) -> None:
    """On the gates that keep, or its negative on those that write where none keeps; other gates as ever."""
    keeping = [name for name, sign in SIGNS[kind].items() if sign > 0]
    found = biases(kind, forget_bias=2.5)
    for name, value in found.items():
        expected = 2.5 if name in keeping else -2.5 if not keeping and name in SIGNS[kind] else 0.25
        np.testing.assert_array_equal(value, expected)
    if kind == "lstm":
        np.testing.assert_array_equal(biases(kind, forget_bias=0.0, unit_forget_bias=True)["forget"], 0.0)


@pytest.mark.parametrize("kind", SIGNS)
def test_chrono(kind: str) -> None:
    """log U(1, T - 1) on what keeps, minus the same draw on what writes; the seed decides the draw."""
    found = biases(kind, chrono=50, seed=3)
    draws = [sign * found[name] for name, sign in SIGNS[kind].items()]
    for draw in draws:
        np.testing.assert_array_equal(draw, draws[0])
    spans = np.exp(draws[0])
    assert spans.min() >= 1.0 - 1e-5
    assert spans.max() <= 49.0 + 1e-4
    assert np.unique(spans).size > 190
    # 200 draws of a uniform on [1, 49]: mean 25 ± 4 standard errors of 48/√12/√200
    assert abs(spans.mean() - 25.0) < 4.0 * 48.0 / np.sqrt(12.0 * 200.0)
    for name in set(found) - set(SIGNS[kind]):
        np.testing.assert_array_equal(found[name], 0.25)
    again, other = biases(kind, chrono=50, seed=3), biases(kind, chrono=50, seed=4)
    gate = next(iter(SIGNS[kind]))
    np.testing.assert_array_equal(found[gate], again[gate])
    assert (found[gate] != other[gate]).all()


@pytest.mark.parametrize("kind", SIGNS)
def test_chrono_makes_a_gate_that_remembers_for_the_time_it_was_given(kind: str) -> None:
    """With weights of 0 a unit keeps 1 - 1/τ a step, τ uniform in [1, T - 1] plus one: between 1/2 and 1 - 1/T."""
    options = {} if kind.startswith("min") else {"recurrent_initializer": "zeros"}
    layer = make(layers, kind, units=200, kernel_initializer="zeros", chrono=20, return_gates=True, **options)
    gates = call(layer, np.ones((1, 1, D)))[-1]
    name, sign = next(iter(SIGNS[kind].items()))
    kept = np.asarray(gates[name]) if sign > 0 else 1.0 - np.asarray(gates[name])
    assert 0.5 - 1e-6 <= kept.min() < 0.6
    assert 0.94 < kept.max() <= 0.95 + 1e-6


@pytest.mark.parametrize("kind", SIGNS)
def test_the_configuration_stays_what_was_given(kind: str) -> None:
    layer = make(layers, kind, chrono=9, bias_initializer="ones")
    layer.build((None, None, D))
    config = layer.get_config()
    assert (config["chrono"], config["forget_bias"]) == (9, None)
    assert config["bias_initializer"]["class_name"] == "Ones"
    assert config.get("unit_forget_bias", True) is True
    assert type(layer).from_config(config).get_config() == config


@pytest.mark.parametrize("kind", ["peephole_lstm", "coupled_lstm", "layer_norm_lstm"])
def test_unit_forget_bias_is_keras(kind: str) -> None:
    for name, value in biases(kind).items():
        np.testing.assert_array_equal(value, 1.0 if name == "forget" else 0.25)
    np.testing.assert_array_equal(biases(kind, unit_forget_bias=False)["forget"], 0.25)


def test_refusals_of_memory_biases() -> None:
    for kind in set(KINDS) - set(SIGNS):
        for options in ({"forget_bias": 1.0}, {"chrono": 9}):
            with pytest.raises(ValueError, match="must be None"):
                make(layers, kind, **options)
    with pytest.raises(ValueError, match="not both"):
        layers.LSTM(U, forget_bias=1.0, chrono=9)
    with pytest.raises(ValueError, match="use_bias"):
        layers.GRU(U, chrono=9, use_bias=False)
    for wrong in (2, 5.5, "long", True, -4):
        with pytest.raises(ValueError, match="`chrono` must be"):
            layers.GRU(U, chrono=wrong)
    for wrong in ("one", float("nan"), True):
        with pytest.raises(ValueError, match="`forget_bias` must be"):
            layers.LSTM(U, forget_bias=wrong)


@pytest.mark.parametrize("kind", LOOPED)
def test_zoneout_in_training_keeps_a_share_of_the_states(kind: str, rng: np.random.Generator) -> None:
    """Each state by its own rate, unit by unit and step by step; the other units change."""
    rates = [0.4, 0.15][: len(state_names(kind))]
    batch, time = 8, 20
    options = {"zoneout": rates if len(rates) > 1 else rates[0], "seed": 1, "return_gates": True}
    if kind == "ind_rnn":
        options["activation"] = "tanh"  # under relu a unit may stay at 0 of itself
    layer = make(layers, kind, units=25, **options)
    x, states = inputs(rng, batch, time), initial(kind, rng, batch, 25)
    gates = call(layer, x, states, training=True)[-1]
    for rate, name, start in zip(rates, state_names(kind), states, strict=True):
        before = np.concatenate([start.astype("float32")[:, None], np.asarray(gates[name])[:, :-1]], axis=1)
        kept = np.asarray(gates[name]) == before
        assert abs(kept.mean() - rate) < 4.0 * np.sqrt(rate * (1.0 - rate) / kept.size)
        assert 0.0 < kept[:, 3].mean() < 1.0


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("kind", LOOPED)
def test_zoneout_outside_of_training_is_its_expectation(kind: str, mask: str, rng: np.random.Generator) -> None:
    rates = [0.4, 0.15][: len(state_names(kind))]
    options = {"return_sequences": True, "return_state": True, "return_gates": True, "dtype": "float64"}
    layer = make(layers, kind, zoneout=rates, **options)
    x, states = inputs(rng), initial(kind, rng)
    layer.build(x.shape)
    step = oracle_step(kind, random_weights(layer, rng))

    def zoned(x: Array, before: Any) -> Any:
        after, gates = step(x, before)
        return tuple(r * b + (1.0 - r) * a for r, a, b in zip(rates, after, before, strict=True)), gates

    run = scan(family(kind), zoned, x, states, U, MASKS[mask])
    assert_close(call(layer, x, states, MASKS[mask]), [run.sequence, *run.states, run.gates], 1e-10)
    after = layer.step(to_tensor(x[:, 0]), [to_tensor(s) for s in states])[1]
    if mask == "none":
        assert_close([s[0] for s in after], list(zoned(x[0, 0], [s[0] for s in states])[0]), 1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_lstm_and_the_gru_of_keras_are_fused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never with zoneout, which Keras' kernels do not have, nor for a subclass, whose equations may be others."""
    monkeypatch.setattr("kerasrnn._compat.has_gpu", lambda: True)
    monkeypatch.setattr("kerasrnn._compat.fused_kernels_apply", lambda layer: True)
    assert make(layers, kind)._fused_path() is (kind in ("lstm", "gru", "gru_v3"))
    assert make(layers, kind, zoneout=0.1)._fused_path() is False

    class OtherCell(layers.LSTMCell):
        pass

    class Other(layers.LSTM):
        cell_class = OtherCell

    assert Other(U)._fused_path() is False


@pytest.mark.parametrize("wrapped", [False, True], ids=["layer", "Bidirectional"])
@pytest.mark.parametrize("kind", LOOPED)
def test_states_in_and_out(kind: str, wrapped: bool, rng: np.random.Generator) -> None:
    options = {"activation": "tanh"} if kind == "ind_rnn" else {}  # under relu all units may rest at 0
    layer: Any = make(layers, kind, stateful=True, dtype="float64", **options)
    layer = layers.Bidirectional(layer, dtype="float64") if wrapped else layer
    count = len(state_names(kind)) * (1 + wrapped)
    assert layer.get_states() is None
    x = inputs(rng)
    first = np.asarray(call(layer, x))
    kept = layer.get_states()
    assert [s.shape for s in kept] == [(B, U)] * count
    second = np.asarray(call(layer, x))
    assert np.abs(second - first).max() > 1e-3
    layer.set_states(kept)
    assert_close(call(layer, x), second, 0.0)
    layer.reset_states(kept)
    assert_close(call(layer, x), second, 0.0)
    layer.reset_states()
    assert_close(layer.get_states(), [np.zeros((B, U))] * count, 0.0)
    assert_close(call(layer, x), first, 0.0)
    layer.reset_state()
    assert_close(call(layer, x), first, 0.0)
    copy = layer.get_states()
    copy[0][:] = 9.0
    assert np.abs(layer.get_states()[0]).max() < 9.0


@pytest.mark.parametrize("wrapped", [False, True], ids=["layer", "Bidirectional"])
def test_refusals_of_states(wrapped: bool, rng: np.random.Generator) -> None:
    def layer(**options: Any) -> Any:
        one = layers.LSTM(U, **options)
        return layers.Bidirectional(one) if wrapped else one

    count, x = 2 * (1 + wrapped), inputs(rng)
    right = [np.zeros((B, U))] * count
    stateless = layer()
    call(stateless, x)
    assert stateless.get_states() is None
    with pytest.raises(ValueError, match="stateful=True"):
        stateless.set_states(right)
    unbuilt = layer(stateful=True)
    with pytest.raises(ValueError, match="build the layer first"):
        unbuilt.set_states(right)
    call(unbuilt, x)
    kept = unbuilt.get_states()
    for wrong in (right[:1], [*right, right[0]], [np.zeros((B + 1, U))] * count, [np.zeros(U)] * count):
        with pytest.raises(ValueError, match="`states` must be"):
            unbuilt.set_states(wrong)
    assert_close(unbuilt.get_states(), kept, 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_refusals_of_widths_and_rates(kind: str) -> None:
    for build in (make, make_cell):
        for wrong in (0, -1, 2.5, "3", True, None):
            with pytest.raises(ValueError, match="`units` must be a positive int"):
                build(layers, kind, units=wrong)
        for wrong in (-0.1, 1.5, "half", None):
            with pytest.raises(ValueError, match=r"`dropout` .*must be between 0 and 1"):
                build(layers, kind, dropout=wrong)
        for wrong in (-0.1, 1.0, "half", None, [0.1] * 3):
            with pytest.raises(ValueError, match="`zoneout` must be"):
                build(layers, kind, zoneout=wrong)
    assert make(layers, kind, units=np.int64(4)).get_config()["units"] == 4
