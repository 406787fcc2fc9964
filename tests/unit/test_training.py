"""The training loop: resumable to the bit, honest about its options, loud when the loss breaks."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from kerasrnn import zoo
from kerasrnn.zoo import recipes
from kerasrnn.zoo.training import checkpoint, train
from kerasrnn.zoo.training.team import Team

POOL, EVERY, STEPS = 2, 4, 12
OPTIONS = {"seed": 1, "rate": 0.05}
Pool = Callable[[int], Iterator[tuple[Any, Any]]]


def model(seed: int) -> keras.Model:
    """A model with all that a run depends on: dropout's random state, Adam's moments, a schedule, averaged weights."""
    keras.utils.set_random_seed(seed)
    made = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6, "tanh"), keras.layers.Dropout(0.4), keras.layers.Dense(2)]
    )
    rate = keras.optimizers.schedules.CosineDecay(0.0, STEPS, warmup_target=0.05, warmup_steps=5)
    optimizer = keras.optimizers.Adam(rate, clipnorm=1.0, use_ema=True, ema_momentum=0.9)
    made.compile(optimizer, "mse", run_eagerly=True)
    optimizer.build(made.trainable_variables)
    return made


def pool(number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng([5, number])
    for _ in range(POOL):
        x = rng.standard_normal((8, 4)).astype("float32")
        yield x, x[:, :2] * x[:, 2:]


def killed_at(dead: int) -> Pool:
    """As `pool`, until the run is interrupted."""

    def broken(number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if number == dead:
            raise KeyboardInterrupt
        return pool(number)

    return broken


def run(made: keras.Model, folder: Path, *, pool: Pool = pool, **options: Any) -> list[str]:
    said: list[str] = []
    given: dict[str, Any] = {"rounds": STEPS // POOL, "options": OPTIONS, "evaluate": lambda: {"score": 0.5}} | options
    train(made, pool, folder=folder, evaluate_every=EVERY // POOL, say=said.append, **given)
    return said


def weights(made: keras.Model) -> list[np.ndarray]:
    return [np.array(variable.value) for variable in made.weights]


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Path, list[str]]:
    folder = tmp_path_factory.mktemp("runs") / "new" / "run"
    made = model(1)
    return made, folder, run(made, folder)


@pytest.mark.parametrize("dead", [2, 3, 5])
def test_a_run_that_was_killed_ends_with_the_weights_of_an_unbroken_one(
    dead: int, unbroken: tuple[keras.Model, Path, list[str]], tmp_path: Path
) -> None:
    """Killed during the second or third stretch; the model that goes on was born with another seed."""
    with pytest.raises(KeyboardInterrupt):
        run(model(1), tmp_path, pool=killed_at(dead))
    resumed = model(99)
    said = run(resumed, tmp_path)
    reached = dead * POOL // EVERY * EVERY
    assert said[0] == f"resumed at round {reached // POOL} of {STEPS // POOL}"
    for one, other in zip(weights(resumed), weights(unbroken[0]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [record["step"] for record in log(tmp_path)] == [record["step"] for record in log(unbroken[1])]


def test_killed_before_the_first_checkpoint_starts_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(model(1), tmp_path, pool=killed_at(1))
    assert not (tmp_path / checkpoint.NAME).exists()
    assert not run(model(1), tmp_path)[0].startswith("resumed")


def test_killed_while_a_checkpoint_is_written_keeps_the_one_before(
    unbroken: tuple[keras.Model, Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(model(1), tmp_path, pool=killed_at(3))
    before = (tmp_path / checkpoint.NAME).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            run(model(2), tmp_path)
    assert (tmp_path / checkpoint.NAME).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [checkpoint.NAME, "log.jsonl"]
    resumed = model(3)
    run(resumed, tmp_path)
    for one, other in zip(weights(resumed), weights(unbroken[0]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_finished_run_stays_finished(unbroken: tuple[keras.Model, Path, list[str]]) -> None:
    made, folder, _ = unbroken
    before, lines = (folder / checkpoint.NAME).read_bytes(), log(folder)
    again = model(4)
    assert run(again, folder) == [f"resumed at round {STEPS // POOL} of {STEPS // POOL}"]
    for one, other in zip(weights(again), weights(made), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (folder / checkpoint.NAME).read_bytes() == before
    assert log(folder) == lines


def test_the_weights_of_a_finished_run_are_the_averaged_ones(unbroken: tuple[keras.Model, Path, list[str]]) -> None:
    made, folder, _ = unbroken
    last = model(1)
    checkpoint.restore(folder, Team(last), OPTIONS)
    averages = last.optimizer._model_variables_moving_average
    for one, average, other in zip(made.trainable_weights, averages, last.trainable_weights, strict=True):
        np.testing.assert_array_equal(one.value, average.value)
        assert (np.asarray(one.value) != np.asarray(other.value)).any()


def test_the_log_has_a_line_a_pool(unbroken: tuple[keras.Model, Path, list[str]]) -> None:
    _, folder, said = unbroken
    lines = log(folder)
    assert [line["step"] for line in lines] == list(range(POOL, STEPS + 1, POOL))
    assert all(line["loss"] > 0 and line["seconds"] >= 0 for line in lines)
    assert ["score" in line for line in lines] == [line["step"] % EVERY == 0 for line in lines]
    assert len(said) == STEPS // EVERY
    assert "score 0.5" in said[-1]


def test_the_loss_logged_is_the_mean_of_the_pool(tmp_path: Path) -> None:
    made, other = model(1), model(1)
    run(made, tmp_path, rounds=1)
    losses = []
    for x, y in pool(0):
        losses.append(float(other.train_on_batch(x, y)))
    assert log(tmp_path)[0]["loss"] == pytest.approx(np.mean(losses), rel=1e-5)


def test_a_run_with_other_options_is_refused(unbroken: tuple[keras.Model, Path, list[str]]) -> None:
    folder = unbroken[1]
    before = (folder / checkpoint.NAME).read_bytes()
    made = model(1)
    untouched = weights(made)
    with pytest.raises(ValueError, match=r"run holds a run with other options \(rate, width\): resume with the same"):
        run(made, folder, options={"seed": 1, "rate": 0.1, "width": 3})
    for one, other in zip(weights(made), untouched, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (folder / checkpoint.NAME).read_bytes() == before


@pytest.mark.parametrize(("bad", "loss"), [(np.nan, "nan"), (1e30, "inf")])
def test_a_loss_that_is_not_finite_stops_the_run(bad: float, loss: str, tmp_path: Path) -> None:
    def poisoned(number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for at, (x, y) in enumerate(pool(number)):
            yield x, y * bad if (number, at) == (3, POOL - 1) else y

    with pytest.raises(ValueError, match=rf"loss became {loss} by step 8: lower the learning rate, then resume"):
        run(model(1), tmp_path, pool=poisoned)
    made = model(1)
    assert checkpoint.restore(tmp_path, Team(made), OPTIONS).steps == EVERY
    assert all(np.isfinite(array).all() for array in weights(made))
    assert [line["step"] for line in log(tmp_path)] == [2, 4, 6]


def test_the_training_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small, but all of it: data, training, evaluation, a preset that loads, a resumed and a refused run."""
    pytest.importorskip("babel")
    from kerasrnn.zoo import dates
    from kerasrnn.zoo.dates.train import main

    sample = dates.sample

    def few(rng: np.random.Generator, count: int, *, split: str, locales: tuple[str, ...] = ()) -> list[Any]:
        drawn = sample(rng, 2000, split=split, locales=locales or ("en",), noise=False)
        return [each for each in drawn if len(each.text) == 11][: min(count, 64)]  # one length, so one traced graph

    monkeypatch.setattr(dates, "sample", few)
    monkeypatch.setattr(dates, "TRAINING_LOCALES", ("en", "nb"))
    monkeypatch.setattr(dates, "UNSEEN_LOCALES", ("nb",))
    out = tmp_path / "run"
    options = ["--steps", "40", "--batch-size", "2", "--units", "3", "--seed", "7"]
    first = CliRunner().invoke(main, ["--out", str(out), *options], catch_exceptions=False)
    assert first.exit_code == 0
    assert first.output.splitlines()[-1] == str(out / "dates_bahdanau")
    assert [line["step"] for line in log(out)] == [32, 64]  # whole pools
    assert {"unseen_dates", "unseen_locales"} <= set(log(out)[-1])

    task = zoo.from_preset(out / "dates_bahdanau")
    assert task.card["arguments"]["encoder_units"] == 3
    training = task.card["training"]
    assert training["options"] == {
        "steps": 64,
        "batch_size": 2,
        "learning_rate": 0.002,
        "units": 3,
        "dropout": 0.1,
        "seed": 7,
    }
    assert training["command"] == (
        "python -m kerasrnn.zoo.dates.train --out run --steps 64 --batch-size 2 --units 3 --seed 7"
    )
    assert len(task.predict([task.card["example"]])) == 1

    weights_before = (out / "dates_bahdanau" / "weights.npz").read_bytes()
    again = CliRunner().invoke(main, ["--out", str(out), *options])
    assert again.exit_code == 0
    assert "resumed at round 2 of 2" in again.output
    assert (out / "dates_bahdanau" / "weights.npz").read_bytes() == weights_before

    refused = CliRunner().invoke(main, ["--out", str(out), *options[:-1], "8"])
    assert refused.exit_code == 1
    assert "other options (seed)" in refused.output
    assert len(refused.stderr.splitlines()) == 1


def test_a_recipe_says_of_itself_what_is_true_of_the_run() -> None:
    recipe = recipes.find("pos_bilstm")
    said = {"title": "Tags", "data": "EWT", "licence": "CC", "notes": "scores"}
    usual = {"card": said, "valid": [], "start_from": None, "counts": (1, 1), "data": [Path("far/away/pos_ewt")]}
    assert recipe.provenance(changes={}, **usual) == {}
    assert recipe.provenance(changes={"units": 3}, **usual) == {"notes": ""}
    assert recipe.provenance(changes={}, **usual | {"valid": [Path("mine.tsv")]})["title"] != "Tags"
