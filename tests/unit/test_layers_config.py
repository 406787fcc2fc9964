"""Configurations survive a round trip, and what cannot be is refused with a reason."""

import json
from typing import Any

import keras
import numpy as np
import pytest
from layer_cases import KINDS, WITHOUT, B, D, T, U, call, make, make_cell, options_that_fit

from kerasrnn import layers

FULL: dict[str, Any] = {
    "activation": "relu",
    "use_bias": False,
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_uniform",
    "bias_initializer": "ones",
    "kernel_regularizer": "l1",
    "recurrent_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "l2",
    "kernel_constraint": "non_neg",
    "recurrent_constraint": "unit_norm",
    "bias_constraint": "max_norm",
    "dropout": 0.25,
    "recurrent_dropout": 0.5,
    "seed": 11,
    "return_sequences": True,
    "return_state": True,
    "return_gates": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "zero_output_for_mask": True,
    "name": "kept",
    "dtype": "mixed_float16",
    "trainable": False,
}


OWN: dict[str, dict[str, Any]] = {
    "lstm": {"unit_forget_bias": False},
    "peephole_lstm": {"unit_forget_bias": False, "peephole_initializer": "ones", "zoneout": [0.1, 0.2]},
    "coupled_lstm": {"unit_forget_bias": False},
    "layer_norm_simple_rnn": {"norm_epsilon": 1e-5, "gamma_initializer": "zeros"},
    "layer_norm_lstm": {"norm_epsilon": 1e-5, "gamma_initializer": "zeros", "beta_initializer": "ones"},
    "layer_norm_gru": {"norm_epsilon": 1e-5, "gamma_initializer": "zeros", "beta_initializer": "ones"},
    "ind_rnn": {"recurrent_clip": 1.5, "recurrent_constraint": None, "activation": "tanh"},
    "min_gru": {"use_bias": True, "chrono": 9, "zoneout": 0.1},
    "min_lstm": {"use_bias": True, "forget_bias": 2.0},
    "esn": {"recurrent_initializer": "he_normal", "connectivity": 0.9, "leaky": 0.5, "spectral_radius": 0.7},
}
"""Options that no other kind has, or that must differ for it."""


def options_of(kind: str) -> dict[str, Any]:
    gated = {"recurrent_activation": "hard_sigmoid", "use_cudnn": False, "implementation": 1}
    return options_that_fit(kind, {**FULL, **gated}) | OWN.get(kind, {})


def through_json(layer: Any) -> Any:
    return keras.layers.deserialize(json.loads(json.dumps(keras.layers.serialize(layer))))


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(kind: str) -> None:
    """Every argument comes back, `use_cudnn`, `implementation` and `return_gates` among them, and none is a default."""
    options = options_of(kind)
    layer, plain = make(layers, kind, **options), make(layers, kind)
    again = through_json(layer)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    for name, value in options.items():
        assert name in layer.get_config()
        if OWN.get(kind, {}).get(name, ()) not in (None, True):  # else the default, so that another option may be given
            assert layer.get_config()[name] != plain.get_config()[name], f"{name} was not kept"
        if not isinstance(value, str):
            assert again.get_config()[name] == value
    if kind in ("lstm", "gru", "gru_v3"):
        assert (again.use_cudnn, again.cell.implementation, again.return_gates) == (False, 1, True)
        assert make(layers, kind, use_cudnn=True).get_config()["use_cudnn"] is True
        assert plain.get_config()["use_cudnn"] == "auto"
        assert plain.get_config()["implementation"] == 2
    assert again.cell.get_config()["dropout"] == 0.25
    assert not again.trainable_weights
    assert again.compute_dtype == "float16"


@pytest.mark.parametrize("kind", KINDS)
def test_names_in_files_are_ours(kind: str) -> None:
    layer = keras.layers.serialize(make(layers, kind))
    assert layer["registered_name"].startswith("kerasrnn>")
    assert keras.saving.get_registered_object(layer["registered_name"]) is type(make(layers, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_cells_round_trip(kind: str) -> None:
    options = {"activation": "relu", "dropout": 0.25, "recurrent_dropout": 0.5, "use_bias": False, "seed": 2}
    cell = make_cell(layers, kind, **options_that_fit(kind, options))
    again = through_json(cell)
    assert type(again) is type(cell)
    assert again.get_config() == cell.get_config()


@pytest.mark.parametrize("merge", ["concat", "sum", "ave", "mul", None])
def test_bidirectional_round_trip(merge: str | None) -> None:
    layer = layers.Bidirectional(
        layers.LSTM(U, return_sequences=True, return_gates=True, use_cudnn=False, implementation=1),
        merge_mode=merge,
        backward_layer=layers.LSTM(U, return_sequences=True, return_gates=True, go_backwards=True, activation="relu"),
        name="kept",
    )
    again = through_json(layer)
    assert type(again) is layers.Bidirectional
    assert again.get_config() == layer.get_config()
    assert again.merge_mode == merge
    for side in (again.forward_layer, again.backward_layer):
        assert type(side) is layers.LSTM
        assert side.return_gates
    assert again.backward_layer.activation is keras.activations.relu
    assert again.forward_layer.cell.implementation == 1
    assert again.forward_layer.use_cudnn is False


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "esn"])
def test_regularisers_and_constraints_act(kind: str) -> None:
    options = {
        "kernel_regularizer": keras.regularizers.L2(0.5),
        "bias_constraint": "non_neg",
        "recurrent_constraint": "non_neg",
    }
    layer = make(layers, kind, **options_that_fit(kind, options))
    layer.build((None, None, D))
    kernel = np.asarray(layer.cell.kernel)
    np.testing.assert_allclose(float(sum(layer.losses)), 0.5 * (kernel**2).sum(), rtol=1e-5)
    assert layer.cell.bias.constraint is not None
    if kind not in ("min_gru", "min_lstm"):
        assert layer.cell.recurrent_kernel.constraint is not None


def test_refusals() -> None:
    x = np.zeros((B, T, D), "float32")
    layer = layers.LSTM(U)
    with pytest.raises(ValueError, match="units"):
        layers.GRU(0)
    with pytest.raises(ValueError, match="use_cudnn"):
        layers.GRU(U, use_cudnn="always")
    with pytest.raises((TypeError, ValueError), match="retrun_gates"):
        layers.GRU(U, retrun_gates=True)
    with pytest.raises(ValueError, match="initial_state"):
        call(layer, x, [np.zeros((B, U))])
    with pytest.raises(ValueError, match="initial_state"):
        call(layer, x, [np.zeros((B, U)), np.zeros((B, U + 1))])
    with pytest.raises(ValueError, match="mask"):
        call(layer, x, mask=np.ones((B, T, 1), bool))
    with pytest.raises(ValueError, match="mask"):
        call(layer, x, mask=np.ones((B, T + 1), bool))
    with pytest.raises(ValueError, match="mask"):
        call(layer, x, mask=np.ones((B + 1, T), bool))
    with pytest.raises(ValueError, match=r"ndim|dimension"):
        layers.LSTM(U)(np.zeros((B, D), "float32"))
    stateful = layers.LSTM(U, stateful=True)
    stateful(x)
    with pytest.raises(ValueError, match="batch"):
        stateful(x[:1])
    with pytest.raises(ValueError, match="steps"):
        keras.Sequential([keras.Input((None, D)), layers.LSTM(U, unroll=True)])


def test_refusals_of_states_and_options() -> None:
    """A state of another batch, an option the layer does not have, a trace of Keras' own layer."""
    x = np.zeros((B, T, D), "float32")
    with pytest.raises(ValueError, match="initial_state"):
        call(layers.LSTM(U), x, [np.zeros((B + 1, U), "float32")] * 2)
    for name in WITHOUT:
        with pytest.raises((TypeError, ValueError), match="use_cudnn"):
            make(layers, name, use_cudnn=True)
    wrapped = layers.Bidirectional(keras.layers.LSTM(U))
    wrapped(x)
    with pytest.raises(ValueError, match="needs a recurrent layer of kerasrnn"):
        wrapped.trace(x)


def test_refusals_of_the_decoder() -> None:
    x, memory = np.zeros((B, T, D), "float32"), np.zeros((B, T + 2, D), "float32")
    decoder = layers.AttentionDecoder(layers.LSTMCell(U), layers.BahdanauAttention(U))
    with pytest.raises(ValueError, match="build the layer first"):
        decoder.trace(x, memory)
    decoder(x, memory)
    with pytest.raises(ValueError, match="`mask` must be"):
        decoder(x, memory, mask=np.ones((B, T + 1), bool))
    with pytest.raises(ValueError, match="`memory_mask` must be"):
        decoder(x, memory, memory_mask=np.ones((B, T), bool))
    with pytest.raises(ValueError, match="initial_state"):
        decoder(x, memory, initial_state=[np.zeros((B, U), "float32")])
