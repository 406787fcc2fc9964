"""`GateMonitor`: figures against NumPy, a log that can be read while it grows, a training that it does not disturb."""

import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl

from kerasrnn.layers import SpelledWords
from kerasrnn.viz import (
    GateMonitor,
    capture_gates,
    capture_gradients,
    capture_weight_gradients,
    probe_figures,
    read_log,
    watch,
)
from kerasrnn.viz.capture.weights import spectral_radius

X = np.random.default_rng(0).integers(1, 9, (24, 6))
X[::2, 4:] = 0
Y = np.random.default_rng(1).integers(0, 2, 24)


def made(optimizer: Any = None) -> Any:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None,))
    embedded = kl.Embedding(9, 4, mask_zero=True)(inputs)
    low = kl.Bidirectional(kl.LSTM(5, return_sequences=True), name="low")(embedded)
    model = keras.Model(inputs, kl.Dense(1, "sigmoid")(kl.GRU(3, name="high")(low)))
    model.compile(optimizer or keras.optimizers.Adam(1e-2), "binary_crossentropy", metrics=["accuracy"])
    return model


def test_figures_are_those_of_the_captures() -> None:
    model, kept = made(), X[:8] > 0
    for variable in model.trainable_variables:  # so that some gates saturate
        variable.assign(3 * np.random.default_rng(2).standard_normal(variable.shape))
    figures = probe_figures(model, X[:8], Y[:8])
    for layer, prefix, gates in (
        ("low", "backward/", ("input", "forget", "output")),
        ("high", "", ("update", "reset")),
    ):
        arrays = capture_gates(model, X[:8], layer=layer).arrays
        where = f"{layer}/{prefix}"
        for gate in gates:
            values = arrays[f"{where}{gate}"][kept]
            below, above = (values < 0.1).mean(axis=0), (values > 0.9).mean(axis=0)
            assert figures[f"saturation/{where}{gate}/below"] == pytest.approx(below.mean())
            assert figures[f"saturation/{where}{gate}/above"] == pytest.approx(above.mean())
            stuck = ((below > 0.95) | (above > 0.95)).mean()
            assert figures[f"stuck/{where}{gate}"] == pytest.approx(stuck)
        dead = (arrays[f"{where}hidden"][kept].var(axis=0) < 1e-6).mean()
        assert figures[f"dead/{where.rstrip('/')}"] == pytest.approx(dead)
        capture = capture_gradients(model, X[:8], layer=layer, target=Y[:8])
        norms = capture.arrays[f"{where}bptt"]
        medians = [float(np.median(norms[kept[:, step], step])) for step in range(6)]
        np.testing.assert_allclose(figures[f"step_gradient/{where.rstrip('/')}"], medians, rtol=1e-4)
        lags = [mark["steps"] for mark in capture.facts["horizon"][prefix.rstrip("/") or "forward"]]
        assert figures[f"horizon/{where.rstrip('/')}"] == np.median(lags)
    assert any(0.05 < figures[key] < 0.95 for key in figures if key.startswith("saturation")), "nothing to be seen"
    pulls = capture_weight_gradients(model, X[:8], target=Y[:8])
    ours = {key: value for key, value in figures.items() if key.startswith("gate_gradient/")}
    assert set(ours) == {f"gate_gradient/{key}" for key in pulls.arrays}
    for key, (pull, _) in pulls.arrays.items():
        assert ours[f"gate_gradient/{key}"] == pytest.approx(pull, rel=1e-3), key
    probability = np.asarray(model(X[:8]))[:, 0].clip(1e-7, 1 - 1e-7)
    loss = -np.where(Y[:8] > 0, np.log(probability), np.log(1 - probability)).mean()
    assert figures["probe_loss"] == pytest.approx(loss, rel=1e-4)
    some = probe_figures(model, X[:8], layers=["high"])
    assert not [key for key in some if "/low" in key]


def test_a_layer_that_spells_does_not_count_as_the_batch() -> None:
    keras.utils.set_random_seed(0)
    characters = keras.Input((None, 3), dtype="int32")
    words = SpelledWords(9, embedding=3, units=4)(characters)
    model = keras.Model(characters, kl.Dense(1, "sigmoid")(kl.GRU(3, name="high")(words)))
    model.compile("adam", "binary_crossentropy")
    spelled = np.random.default_rng(3).integers(1, 9, (6, 5, 3))
    figures = probe_figures(model, spelled, Y[:6])
    assert figures["probe_loss"] == pytest.approx(model.evaluate(spelled, Y[:6], verbose=0), rel=1e-4)
    assert len(figures["step_gradient/high"]) == 5
    assert len(figures["step_gradient/reader/forward"]) == 3


def test_a_dead_and_a_stuck_unit() -> None:
    model = made()
    layer = model.get_layer("high")
    kernel, recurrent, bias = layer.get_weights()
    kernel[:, [0, 6]], recurrent[:, [0, 6]] = 0, 0
    bias[0, 0], bias[:, 6] = 10, 0  # the update gate of unit 0 keeps its zero for ever
    layer.set_weights([kernel, recurrent, bias])
    figures = probe_figures(model, X[:8])
    assert figures["stuck/high/update"] == pytest.approx(1 / 3)
    assert figures["dead/high"] == pytest.approx(1 / 3)


def test_the_log(tmp_path: Path) -> None:
    """A line for each measurement and each epoch; the weights are those of a training that nobody watches."""
    plain, model = made(), made(watch(keras.optimizers.Adam(1e-2, clipnorm=1e-3)))
    other = made(keras.optimizers.Adam(1e-2, clipnorm=1e-3))
    other.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False)
    monitor = GateMonitor((X[:4], Y[:4]), every=2, path=tmp_path / "run.jsonl", tensorboard=tmp_path / "events")
    history = model.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=[monitor])
    for one, another in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, another)
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 3, 4, 6, 6]
    assert [line["step"] for line in lines if "probe_loss" in line] == [2, 4, 6]
    assert [line["epoch"] for line in lines] == [0, 0, 1, 1, 1]
    losses = [line["loss"] for line in lines if "gradient_norm" not in line or line["step"] == 3]
    np.testing.assert_allclose([losses[0], lines[-1]["loss"]], history.history["loss"], rtol=1e-5)
    assert all(line["clip_fraction"] == 1 for line in lines[:4])
    assert "gradient_norm/high/gru_cell/kernel" in lines[0]
    found = read_log(tmp_path / "run.jsonl")
    assert found["step_gradient/low/forward"].values.shape == (3, 6)
    assert found["loss"].steps.tolist() == [2, 3, 4, 6]
    (events,) = (tmp_path / "events").iterdir()
    tags: dict[str, list[float]] = {}
    for record in tf.data.TFRecordDataset(os.fspath(events)):
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value:
            assert value.metadata.plugin_data.plugin_name in ("scalars", "")
            tags.setdefault(value.tag, []).append(float(tf.make_ndarray(value.tensor)))
    np.testing.assert_allclose(tags["probe_loss"], [line["probe_loss"] for line in lines if "probe_loss" in line])
    assert plain.count_params() == model.count_params()


def test_at_its_default_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first batch, then whenever all measurements so far are within three percent of the time."""
    from kerasrnn.viz import monitor as module

    now = [0.0]

    def measured(*_: Any, **__: Any) -> dict[str, float]:
        now[0] += 2.0
        return {"probe_loss": 1.0}

    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(module, "probe_figures", measured)
    monitor = GateMonitor(X[:4], path=tmp_path / "run.jsonl")
    monitor.set_model(made())
    monitor.on_train_begin()
    for batch in range(300):
        now[0] += 1.0
        monitor.on_train_batch_end(batch, {"loss": 1.0})
    assert monitor.spent == 8.0  # at 1, 134, 201 and 267 seconds
    assert monitor.spent / now[0] < 0.05
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert sum("probe_loss" in line for line in lines) == 4
    assert len(lines) > 30


def test_appending_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    model = made()
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[GateMonitor(X[:4], every=99, path=path, append=True)])
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 3]
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[GateMonitor(X[:4], every=99, path=path)])
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [6]


def test_refusals(tmp_path: Path) -> None:
    for every in (0, 2.5, True):
        with pytest.raises(ValueError, match="every: expected a whole number of batches above 0, or None"):
            GateMonitor(X, every=every, path=tmp_path / "a.jsonl")
    with pytest.raises(ValueError, match=r"expected a file name ending in \.jsonl"):
        GateMonitor(X, path=tmp_path / "a.csv")
    with pytest.raises(FileNotFoundError, match="create it first"):
        GateMonitor(X, path=tmp_path / "none" / "a.jsonl")
    with pytest.raises(ValueError, match=r"inputs: expected .* of shape"):
        made().fit(X, Y, verbose=0, callbacks=[GateMonitor(np.ones((2, 3, 4)), path=tmp_path / "a.jsonl")])
    dense = keras.Sequential([keras.Input((4,)), kl.Dense(1)])
    with pytest.raises(ValueError, match="expected one with a recurrent layer"):
        probe_figures(dense, np.ones((2, 4)))


def test_spectral_radius() -> None:
    rotation = np.array([[0.0, -2.0], [2.0, 0.0]])
    assert spectral_radius(rotation) == pytest.approx(2.0)
    assert spectral_radius(np.array([[0.0, 100.0], [0.0, 0.0]])) == 0
    assert spectral_radius(np.array([0.5, -0.75])) == 0.75
    assert spectral_radius(np.ones((2, 3))) is None
    assert np.isnan(spectral_radius(np.array([[np.nan]])))
