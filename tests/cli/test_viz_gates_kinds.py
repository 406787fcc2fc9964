"""`kerasrnn viz gates --kind`: every kind from a model of the zoo and from models of Keras, with the numbers drawn."""

import itertools
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from cli_cases import data_of, ok
from keras import layers

from kerasrnn.viz import half_lives, health, over_units, retention, saturation

KINDS = ["heatmap", "timeline", "saturation", "text", "memory", "health"]


@pytest.fixture
def lstm(models: Path) -> list[Any]:
    return ["viz", "gates", models / "lstm.keras", "--input", models / "steps.npy", "-q"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_a_model_of_the_zoo(kind: str, here: Path) -> None:
    result = ok("viz", "gates", "3 mai 1998", "--kind", kind, "-o", "a.svg", "--terminal")
    assert result.stdout.splitlines()[-1] == "a.svg"
    assert len(result.stdout.splitlines()) > 2
    assert ">half-life in steps, direct path only</text>" in (here / "a.svg").read_text("utf-8") or kind != "memory"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_how_it_was_made(kind: str, here: Path, models: Path) -> None:
    """Padding left out, the other direction the other way round."""
    arguments = ["viz", "gates", models / "scorer.keras", "--input", models / "ids.npy", "-q", "--kind", kind]
    summary = json.loads(ok(*arguments, "--data", "a.npz", "--json").stdout)
    data = data_of(here / "a.npz")
    update, hidden, mask = data["reader/update"], data["reader/hidden"], data["mask"]
    if kind == "timeline":
        for what, expected in zip(("mean", "10 %", "90 %"), over_units(update[0], mask[0]), strict=True):
            np.testing.assert_allclose(data[f"drawn/update/{what}"], expected)
    elif kind == "saturation":
        left, right = saturation(update, mask)
        np.testing.assert_allclose(data["drawn/update/left"], left)
        np.testing.assert_allclose(data["drawn/update/right"], right)
        assert summary["saturation"]["update"]["left"] == pytest.approx(left.mean(), abs=1e-4)
    elif kind == "text":
        changes = hidden[0][mask[0]].var(axis=0)
        assert summary["unit"] == str(changes.argmax())
        np.testing.assert_allclose(data["drawn/values"], hidden[0][:, changes.argmax()])
    elif kind == "memory":
        lives = half_lives(update, mask)
        np.testing.assert_allclose(data["drawn/half-life"], lives)
        np.testing.assert_allclose(data["drawn/retention"], retention(update[0], mask[0]))
        assert summary["half-life"]["reader"]["median"] == pytest.approx(np.median(lives))
    elif kind == "health":
        assert summary["health"] == {
            name: health(data[f"reader/{name}"], mask, gate=name != "hidden").counts()
            for name in ("update", "reset", "hidden")
        }


def test_one_unit(here: Path, lstm: list[Any]) -> None:
    ok(*lstm, "--kind", "text", "--unit", "3", "--row", "1", "--data", "text.npz")
    data = data_of(here / "text.npz")
    np.testing.assert_allclose(data["drawn/values"], np.tanh(data["reader/cell"][1, :, 3]), rtol=1e-6)
    ok(*lstm, "--kind", "memory", "--unit", "3", "--row", "1", "--data", "memory.json")
    kept = data_of(here / "memory.json")["drawn/retention"]
    np.testing.assert_allclose(kept[5, 2], data["reader/forget"][1, 3:6, 3].prod(), rtol=1e-5)
    assert np.isnan(kept[2, 5])


def test_units_of_two_directions(here: Path, models: Path) -> None:
    arguments = ["viz", "gates", models / "tagger.keras", "--input", models / "steps.npy", "-q", "--data", "a.npz"]
    ok(*arguments, "--kind", "text", "--unit", "backward/2")
    data = data_of(here / "a.npz")
    np.testing.assert_allclose(data["drawn/values"], data["both/backward/hidden"][0, :, 2])
    ok(*arguments, "--kind", "memory", "--unit", "backward/2")
    data = data_of(here / "a.npz")
    assert not any("drawn/forward" in key for key in data)
    np.testing.assert_allclose(
        data["drawn/backward/retention"][1, 4], data["both/backward/update"][0, 1:4, 2].prod(), rtol=1e-5
    )
    ok(*arguments, "--kind", "memory")
    assert "drawn/forward/retention" in data_of(here / "a.npz")


def test_sorted_units(here: Path, lstm: list[Any]) -> None:
    ok(*lstm, "--sort", "-o", "a.svg")
    assert ">unit (sorted)</text>" in (here / "a.svg").read_text("utf-8")
    ok(*lstm, "-o", "b.svg")
    assert ">unit</text>" in (here / "b.svg").read_text("utf-8")
    text = ok(*lstm, "--sort", "--terminal").stdout
    first = text[text.index("forget gate") :].splitlines()[2:7]
    means = [np.mean([int(digit) for digit in line.split()[1:]]) for line in first]
    assert all(one >= other - 1 for one, other in itertools.pairwise(means))


def test_a_kind_looks_at_the_window_alone(here: Path, lstm: list[Any]) -> None:
    ok(*lstm, "--kind", "saturation", "--tokens", "1:4", "--data", "a.npz")
    data = data_of(here / "a.npz")
    np.testing.assert_allclose(data["drawn/input/left"], saturation(data["reader/input"])[0])
    assert data["reader/input"].shape[1] == 3


def odd_models() -> dict[str, tuple[keras.Model, np.ndarray]]:
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 6, 3)).astype("float32")
    steps = keras.Input((None, 3))
    stack = layers.RNN([layers.LSTMCell(4), layers.GRUCell(3), layers.SimpleRNNCell(2)], name="stack")
    broken = layers.GRU(4, name="broken")
    models = {
        "stack": (keras.Model(steps, stack(steps)), x),
        "one step": (keras.Model(steps, layers.LSTM(3)(steps)), x[:, :1]),
        "masked": (keras.Model(steps, layers.LSTM(3)(layers.Masking()(steps))), np.where([[[0]], [[1]]], x, 0)),
        "broken": (keras.Model(steps, broken(steps)), x),
        "one unit": (keras.Model(steps, layers.Bidirectional(layers.LSTM(1), name="both")(steps)), x),
        "backwards": (keras.Model(steps, layers.GRU(3, go_backwards=True, name="back")(steps)), x),
    }
    weights = broken.get_weights()
    weights[0][:, 1] = np.nan  # of an update gate
    broken.set_weights(weights)
    return models


def test_odd_models_are_drawn(here: Path) -> None:
    """A stack, one step, a row of padding alone, NaN weights, one unit, a layer that works backwards."""
    for name, (model, x) in odd_models().items():
        model.save(here / "m.keras")
        np.save(here / "x.npy", x)
        for kind in KINDS if name in ("masked", "broken") else ["memory", "health"]:
            if (name, kind) == ("one step", "health"):  # nothing varies in one step, and it says so
                continue
            row = ["--row", "1"] if (name, kind) == ("masked", "text") else []
            arguments = ["viz", "gates", "m.keras", "--input", "x.npy", "--kind", kind, "-o", "a.svg", *row]
            result = ok(*arguments, "--data", "a.npz")
            if name == "broken":
                assert "broken/update: " in result.stderr
                shown = (here / "a.svg").read_text("utf-8")
                assert "NaN" in shown or "not numbers" in shown
            if (name, kind) == ("backwards", "memory"):
                kept = data_of(here / "a.npz")["drawn/retention"]
                assert np.isfinite(kept[0]).all(), "it comes to the first step last"
                assert np.isnan(kept[-1, :-1]).all()
