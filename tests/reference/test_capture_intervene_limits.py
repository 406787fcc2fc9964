"""Interventions that cannot be made, and outputs that are no probabilities."""

from typing import Any

import keras
import numpy as np
import pytest
from capture_cases import randomised
from intervention_cases import B, D, T, U, attending, lstm_by_hand, tagger
from keras import layers as kl

from kerasrnn.viz import capture_intervention

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "clamp, zero, attend: expected something to change"),
        ({"clamp": {"update": 1.0}}, r"clamp: expected a gate of layer 'reader' \(input, forget, candidate, output\)"),
        ({"clamp": {"forget": np.nan}}, "clamp: expected a finite value for 'forget', received nan"),
        ({"zero": [4]}, r"zero: expected a unit of layer 'reader' \(0 to 3\), received '4'"),
        ({"zero": ["x"]}, r"zero: expected a unit of layer 'reader' \(0 to 3\), received 'x'"),
        ({"zero": [-1]}, r"received '-1'"),
        ({"attend": {0: 0}}, "model: expected one with an attention layer"),
        ({"zero": [0], "layer": "other"}, "layer: expected the name of a recurrent layer, one of reader"),
        ({"zero": [0], "target": np.zeros((B, 2))}, r"target: expected whole numbers of shape \(2, 5\)"),
        ({"zero": [0], "target": np.full((B, T), 3)}, "target: expected numbers from 0 to 2"),
    ],
)
def test_what_cannot_be_done(rng: np.random.Generator, options: dict[str, Any], message: str) -> None:
    model = tagger(kl.LSTM(U, return_sequences=True, name="reader"), rng)
    with pytest.raises(ValueError, match=message):
        capture_intervention(model, rng.standard_normal((B, T, D)), **options)


def test_too_many_steps_are_refused_before_they_are_run() -> None:
    reader = kl.LSTM(U, return_sequences=True)
    model = keras.Sequential([keras.Input((None, D)), reader, kl.Dense(3, activation="softmax")])
    with pytest.raises(ValueError, match=r"^inputs: expected at most 20,000 steps, received 20,001"):
        capture_intervention(model, np.zeros((1, 20_001, D)), zero=[0])


def test_places_that_are_not_there(rng: np.random.Generator) -> None:
    model = attending(lambda q, v: kl.Attention(name="look")([q, kl.Masking()(v)]))
    q, v = rng.standard_normal((B, T, D)), rng.standard_normal((B, T + 1, D))
    v[1, 5] = 0
    for attend, message in (
        ({5: 0}, "attend: layer 'look' has steps 0 to 4, received 5"),
        ({0: 6}, "attend: the source has steps 0 to 5, received 6"),
        ({0: 5}, "attend: the source step 5 is padding in row 1 of the batch"),
    ):
        with pytest.raises(ValueError, match=message):
            capture_intervention(model, [q, v], attend=attend)


def test_an_output_that_is_no_probability(rng: np.random.Generator) -> None:
    x = keras.Input((T, D))
    model = keras.Model(x, kl.Dense(2)(kl.GRU(U)(x)), name="numbers")
    with pytest.raises(ValueError, match=r"probability of each choice .* that of 'numbers', of shape \(2, 2\)"):
        capture_intervention(model, rng.standard_normal((B, T, D)), zero=[0])


@pytest.mark.parametrize("sequences", [False, True])
def test_an_output_that_is_a_number(rng: np.random.Generator, sequences: bool) -> None:
    """A forecast: its own change, in its own unit."""
    x = keras.Input((T, D))
    layer = kl.LSTM(U, return_sequences=sequences, name="reader")
    model = randomised(keras.Model(x, kl.Dense(1, name="next")(layer(x))), rng)
    values = rng.standard_normal((B, T, D))
    capture = capture_intervention(model, values, clamp={"forget": 0.0})
    kernel, bias = model.get_layer("next").get_weights()
    for name, gates in (("before", {}), ("after", {"forget": 0.0})):
        hidden = np.stack([lstm_by_hand(layer, row, gates, [], list(range(T))) for row in values])
        expected = (hidden @ kernel + bias)[:, slice(None) if sequences else slice(-1, None)]
        np.testing.assert_allclose(capture.arrays[f"reader/{name}"], expected, atol=1e-9)
    arrays = {key.rpartition("/")[2]: array for key, array in capture.arrays.items()}
    np.testing.assert_allclose(arrays["change"], (arrays["after"] - arrays["before"])[..., 0])
    assert capture.facts == {"measure": "output", "target": None}
