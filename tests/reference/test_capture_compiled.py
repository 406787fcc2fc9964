"""Long loops are captured by a compiled replay: the same arrays as step by step and as the oracle's."""

import gc
import weakref
from typing import Any

import keras
import numpy as np
import numpy_cells
import pytest
from capture_cases import oracle, randomised, run
from keras import layers as kl

import kerasrnn.layers as ours
from kerasrnn.viz import capture_gates
from kerasrnn.viz.capture import compiled

pytestmark = pytest.mark.usefixtures("float64")
B, T, D, U = 3, 31, 3, 4
LENGTHS = np.array([[T], [T - 4], [0]])
MASKS = {"none": None, "padded": np.arange(T) < LENGTHS, "holes": np.arange(T * B).reshape(B, T) % 3 > 0}
LAYERS: dict[str, Any] = {
    "Keras LSTM": lambda: kl.LSTM(U, return_sequences=True, name="r"),
    "Keras LSTM backwards": lambda: kl.LSTM(U, go_backwards=True, name="r"),
    "Keras GRU": lambda: kl.GRU(U, name="r"),
    "Keras GRU, reset before": lambda: kl.GRU(U, reset_after=False, return_sequences=True, name="r"),
    "Keras SimpleRNN": lambda: kl.SimpleRNN(U, return_sequences=True, name="r"),
    "LSTM": lambda: ours.LSTM(U, return_sequences=True, name="r"),
    "GRU": lambda: ours.GRU(U, name="r"),
    "peepholes": lambda: ours.PeepholeLSTM(U, name="r"),
    "MinGRU": lambda: ours.MinGRU(U, return_sequences=True, name="r"),
    "LayerNormLSTM": lambda: ours.LayerNormLSTM(U, return_sequences=True, name="r"),
    "stack": lambda: kl.RNN([kl.LSTMCell(U), ours.GRUCell(U), kl.SimpleRNNCell(2)], return_sequences=True, name="r"),
    "both ways": lambda: kl.Bidirectional(kl.GRU(U, return_sequences=True), name="r"),
}


def model_of(layer: Any, rng: np.random.Generator) -> keras.Model:
    inputs, mask = keras.Input((T, D)), keras.Input((T,), dtype="bool")
    return randomised(keras.Model([inputs, mask], layer(inputs, mask=mask)), rng)


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A list that grows with every function that is traced."""
    made: list[Any] = []
    own = compiled._traced
    monkeypatch.setattr(compiled, "_traced", lambda *args: made.append(args) or own(*args))
    return made


@pytest.mark.parametrize(
    ("name", "mask"), [*((name, "holes") for name in LAYERS), ("Keras GRU", "none"), ("LSTM", "padded")]
)
def test_compiled_is_step_by_step(
    rng: np.random.Generator, name: str, mask: str, traces: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(LAYERS[name](), rng)
    given = [rng.standard_normal((B, T, D)), MASKS[mask] if MASKS[mask] is not None else np.ones((B, T), bool)]
    fast = capture_gates(model, given)
    assert traces
    monkeypatch.setattr(compiled, "_WORTH_IT", T + 1)
    count = len(traces)
    slow = capture_gates(model, given)
    assert len(traces) == count
    assert list(fast.arrays) == list(slow.arrays)
    for key, array in slow.arrays.items():
        np.testing.assert_allclose(fast.arrays[key], array, rtol=0, atol=1e-12, err_msg=key)
    np.testing.assert_array_equal(fast.mask, slow.mask)


@pytest.mark.parametrize("name", ["Keras LSTM", "Keras LSTM backwards", "Keras GRU", "Keras SimpleRNN"])
def test_compiled_is_the_oracle(rng: np.random.Generator, name: str, traces: list[Any]) -> None:
    layer = LAYERS[name]()
    model = model_of(layer, rng)
    x, mask = rng.standard_normal((B, T, D)), MASKS["holes"]
    capture = capture_gates(model, [x, mask])
    assert traces
    for key, array in run(layer, x, mask).gates.items():
        np.testing.assert_allclose(capture.arrays[f"r/{key}"], array, rtol=0, atol=1e-12, err_msg=key)


def test_a_function_is_kept_while_nothing_changes(rng: np.random.Generator, traces: list[Any]) -> None:
    """New values of weights and inputs need no new one; another configuration, length or batch does."""
    layer = kl.LSTM(U, name="r")
    inputs = keras.Input((None, D))
    model = randomised(keras.Model(inputs, layer(inputs)), rng)
    kind, _ = oracle(layer)
    for number in range(2):
        x = rng.standard_normal((B, T, D))
        capture = capture_gates(model, x)
        expected = numpy_cells.scan(kind, oracle(layer)[1], x, None, U).gates
        np.testing.assert_allclose(capture.arrays["r/cell"], expected["cell"], atol=1e-12)
        assert len(traces) == 2, number
        randomised(model, rng)
    layer.cell.activation = keras.activations.relu
    changed = capture_gates(model, x).arrays["r/candidate"]
    assert (changed >= 0).all()
    assert (changed > 0).any()
    assert len(traces) == 4
    capture_gates(model, x[:, :-1])
    assert len(traces) == 6


def test_layers_are_not_kept_alive(rng: np.random.Generator) -> None:
    layer = kl.GRU(U, name="r")
    model = model_of(layer, rng)
    capture_gates(model, [rng.standard_normal((B, T, D)), MASKS["padded"]])
    assert layer in compiled._FUNCTIONS
    gone = weakref.ref(layer)
    del layer, model
    keras.backend.clear_session()
    gc.collect()
    assert gone() is None


@keras.saving.register_keras_serializable("tests")
class Talking(kl.LSTM):
    """A layer whose loop is more than tensors: a trace would do it once."""

    said = 0

    def inner_loop(self, *args: Any, **kwargs: Any) -> Any:
        type(self).said += 1
        return super().inner_loop(*args, **kwargs)


def test_loops_of_others_run_as_they_are(rng: np.random.Generator, traces: list[Any]) -> None:
    model = model_of(Talking(U, name="r"), rng)
    before = Talking.said
    for _ in range(2):
        capture_gates(model, [rng.standard_normal((B, T, D)), MASKS["padded"]])
    assert Talking.said == before + 2
    assert not traces
