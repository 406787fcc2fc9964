"""`zoo list`, `zoo info`, `predict` and `export`."""

import json
from pathlib import Path

import numpy as np
import pytest
import zoo_cases
from cli_cases import ok, run

from kerasrnn import zoo

DATES = zoo_cases.PAIRS | zoo_cases.ODD


def test_the_list_names_every_model_with_its_score() -> None:
    result = ok("zoo", "list")
    assert result.stderr == ""
    for name in zoo.names():
        assert name in result.stdout
    assert "542,222" in result.stdout
    assert "exact match" in result.stdout
    found = json.loads(ok("zoo", "list", "--json").stdout)
    assert [each["name"] for each in found] == zoo.names()


def test_the_card_of_a_model() -> None:
    card = zoo.card("dates_bahdanau")
    shown = " ".join(ok("zoo", "info", "dates_bahdanau").stdout.split())
    for expected in (card["title"], card["training"]["command"], card["licence"], "542,222 parameters, 1.1 MB"):
        assert " ".join(expected.split()) in shown
    for metric in card["metrics"].values():
        for row in metric["rows"]:
            assert f"{row['of']} {row['value']:.2%}" in shown
    assert json.loads(ok("zoo", "info", "dates_bahdanau", "--json").stdout) == card


def test_the_card_of_a_folder(here: Path) -> None:
    """One that was never scored, too."""
    zoo_cases.small(3).save(here / "mine")
    assert "small_dates" in ok("zoo", "info", "mine").stdout


def test_predict_answers_line_by_line() -> None:
    result = ok("predict", *DATES)
    assert result.stdout.splitlines() == list(DATES.values())
    assert result.stderr == ""
    assert ok("predict", "dates_bahdanau", "3 mai 1998").stdout == "1998-05-03\n"


def test_predict_reads_standard_input() -> None:
    """Windows line ends, empty lines, no last line end."""
    lines = "\r\n\r\n".join(DATES) + "\n   \n3 mai 1998"
    for arguments in (["-"], ["dates_bahdanau", "-"]):
        result = ok("predict", *arguments, input=lines.encode())
        assert result.stdout.splitlines() == [*DATES.values(), "1998-05-03"]


def test_predict_as_json() -> None:
    lines = ok("predict", "--json", "3 mai 1998", "٣ مايو ١٩٩٨").stdout_bytes.decode("utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    assert [each["text"] for each in found] == ["3 mai 1998", "٣ مايو ١٩٩٨"]
    assert [each["prediction"] for each in found] == ["1998-05-03"] * 2
    assert "مايو" in lines[1], "not escaped"
    expected = zoo_cases.shipped().predictions([each["text"] for each in found])
    for one, other in zip(found, expected, strict=True):
        assert one["confidence"] == pytest.approx(other.confidence, abs=1e-5)


def test_predict_with_a_preset_of_ones_own(here: Path) -> None:
    task = zoo_cases.small(3)
    task.save(here / "mine")
    assert ok("predict", "mine", "3 mai 1998").stdout == f"{task.predict(['3 mai 1998'])[0]}\n"


def test_export_in_either_format(here: Path) -> None:
    """Its path on stdout and nothing else; what it wrote works."""
    zoo_cases.small(3).save(here / "mine")
    result = ok("export", "mine", "-o", "out/graph")
    assert (result.stdout, result.stderr) == ("out/graph\n", "")
    import keras
    import tensorflow as tf

    expected = zoo_cases.small(3).predict(["3 mai 1998"])[0]
    answer = tf.saved_model.load("out/graph")(tf.constant(["3 mai 1998"]))["text"]
    assert answer.numpy()[0].decode() == expected

    result = ok("export", "mine", "-o", "model.keras", "--format", "keras")
    assert (result.stdout, result.stderr) == ("model.keras\n", "")
    observed = zoo_cases.small(3).observe(["3 mai 1998"])
    np.testing.assert_array_equal(
        keras.saving.load_model("model.keras")(observed.inputs), zoo_cases.small(3).model(observed.inputs)
    )
    drawn = ok("viz", "gates", "model.keras", "--input", _inputs(here, observed.inputs), "--data", "g.npz")
    assert drawn.stdout == "gates.png\n"


def _inputs(folder: Path, inputs: list[np.ndarray]) -> Path:
    np.savez(folder / "inputs.npz", source=inputs[0], target=inputs[1])
    return folder / "inputs.npz"


def test_export_takes_the_shipped_model_by_default(here: Path) -> None:
    ok("export", "-o", "dates.keras", "--format", "keras")
    import keras

    assert keras.saving.load_model("dates.keras").name == "dates_bahdanau"


def test_an_export_never_overwrites(here: Path) -> None:
    (here / "taken.keras").write_text("mine")
    result = run("export", "-o", "taken.keras", "--format", "keras")
    assert result.exit_code == 1
    assert result.stderr == "Error: 'taken.keras' exists: choose another path or remove it first.\n"
    assert (here / "taken.keras").read_text() == "mine"
