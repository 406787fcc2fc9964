"""Exports, run where they will be run: a SavedModel by TensorFlow alone, a `.keras` file by Keras."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zoo_cases

from kerasrnn.zoo.tasks import seq2seq
from kerasrnn.zoo.tasks.seq2seq import Seq2SeqTask

ROOT = Path(__file__).parents[2]
TEXTS = [*zoo_cases.PAIRS, *zoo_cases.ODD]
ODDITIES = ["", " \u200f", "3 mai ☃ 1998", "12 December 2031 " * 12, "3"]
"""What `predict` refuses and a graph must answer somehow: nothing, an unknown character, a long text."""

ALONE = """
    import json, sys
    import numpy as np
    sys.modules["keras"] = sys.modules["kerasrnn"] = None
    import tensorflow as tf

    texts, odd = json.load(open(sys.argv[1], encoding="utf-8"))
    batches = {"all": texts, "odd": odd, "none": [], **{f"one {i}": [texts[i]] for i in (0, 11)}}
    batches |= {f"one odd {i}": [text] for i, text in enumerate(odd)}
    for folder in sys.argv[2:]:
        loaded = tf.saved_model.load(folder)
        run = loaded.signatures["serving_default"]
        results = {}
        for name, batch in batches.items():
            for key, value in run(text=tf.constant(batch, tf.string)).items():
                results[f"{name}/{key}"] = value.numpy()
        for key, value in loaded(tf.constant(texts)).items():
            results[f"called/{key}"] = value.numpy()
        strings = {name: array for name, array in results.items() if array.dtype == object}
        decoded = {name: np.vectorize(bytes.decode, otypes=[str])(array) for name, array in strings.items()}
        np.savez(folder + ".npz", **results | decoded)
    assert sys.modules["keras"] is None and sys.modules["kerasrnn"] is None
    imported = [name for name in sys.modules if name.startswith(("keras.", "kerasrnn."))]
    assert not imported, imported
"""


def python(code: str, *arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter of its own; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Seq2SeqTask, dict[str, np.ndarray]]]:
    """The shipped task and one of another cell whose answers are far from certain, each with what its SavedModel gave
    in a process without Keras and kerasrnn."""
    folder = tmp_path_factory.mktemp("export")
    tasks = {"dates_bahdanau": zoo_cases.shipped(), "gru": zoo_cases.small(5, cell="gru")}
    for name, task in tasks.items():
        assert task.export(folder / name) == folder / name
    assert sorted(path.name for path in folder.iterdir()) == sorted(tasks), "something was left behind"
    (folder / "asked.json").write_text(json.dumps([TEXTS, ODDITIES]), "utf-8")
    python(ALONE, folder / "asked.json", *(folder / name for name in tasks))
    found = {}
    for name, task in tasks.items():
        with np.load(folder / f"{name}.npz") as results:
            found[name] = task, dict(results)
    return found


@pytest.fixture(params=["dates_bahdanau", "gru"])
def exported(
    both: dict[str, tuple[Seq2SeqTask, dict[str, np.ndarray]]], request: pytest.FixtureRequest
) -> tuple[Seq2SeqTask, dict[str, np.ndarray]]:
    """A task, and the results of its SavedModel."""
    return both[request.param]


def test_it_answers_as_the_task_does(exported: tuple[Seq2SeqTask, dict[str, np.ndarray]]) -> None:
    """Latin, Cyrillic, Greek, Arabic, Devanagari, Han and Hangul; odd spaces and marks; all in one batch."""
    task, found = exported
    longest = max(len(task.table.ids(text)) for text in TEXTS)
    assert found["all/alignment"].shape == (len(TEXTS), task.longest_target, longest)
    for row, expected in enumerate(task.predictions(TEXTS)):
        tokens, source = len(expected.tokens), len(expected.source_tokens)
        assert found["all/text"][row] == expected.text
        assert found["all/tokens"][row].tolist() == expected.tokens + [""] * (task.longest_target - tokens)
        assert found["all/source_tokens"][row].tolist() == expected.source_tokens + [""] * (longest - source)
        np.testing.assert_allclose(found["all/confidence"][row], expected.confidence, rtol=1e-3)
        np.testing.assert_allclose(found["all/alignment"][row, :tokens, :source], expected.alignment, atol=1e-5)
        assert (found["all/alignment"][row, :, source:] == 0).all(), "padding was attended to"
        assert (found["all/alignment"][row, tokens + 1 :] == 0).all(), "something comes after the end"


def test_the_shipped_one_reads_dates(exported: tuple[Seq2SeqTask, dict[str, np.ndarray]]) -> None:
    task, found = exported
    if task.name == "dates_bahdanau":
        assert found["all/text"].tolist() == [*zoo_cases.PAIRS.values(), *zoo_cases.ODD.values()]


def test_a_batch_is_its_texts_one_by_one(exported: tuple[Seq2SeqTask, dict[str, np.ndarray]]) -> None:
    _, found = exported
    for row in (0, 11):
        length = found[f"one {row}/alignment"].shape[2]
        assert found[f"one {row}/text"].tolist() == [found["all/text"][row]]
        np.testing.assert_allclose(found[f"one {row}/alignment"][0], found["all/alignment"][row, :, :length], atol=1e-5)
        np.testing.assert_allclose(found[f"one {row}/confidence"][0], found["all/confidence"][row], rtol=1e-3)


def test_called_is_the_signature(exported: tuple[Seq2SeqTask, dict[str, np.ndarray]]) -> None:
    _, found = exported
    assert {key for key in found if key.startswith("called/")} == {
        f"called/{name}" for name in ("text", "confidence", "tokens", "source_tokens", "alignment")
    }
    for name in ("text", "tokens", "source_tokens"):
        np.testing.assert_array_equal(found[f"called/{name}"], found[f"all/{name}"])


def test_an_empty_batch_has_empty_results(exported: tuple[Seq2SeqTask, dict[str, np.ndarray]]) -> None:
    task, found = exported
    assert found["none/text"].shape == found["none/confidence"].shape == (0,)
    assert found["none/tokens"].shape == (0, task.longest_target)
    assert found["none/alignment"].shape[:2] == (0, task.longest_target)
    assert found["none/source_tokens"].shape[0] == 0


def test_texts_that_the_task_refuses_have_defined_results(exported: tuple[Seq2SeqTask, dict[str, np.ndarray]]) -> None:
    """No errors and no NaN, and the same alone as beside others; an empty text has nothing to attend to."""
    task, found = exported
    for row, text in enumerate(ODDITIES):
        length = len(task.table.ids(text))
        alone = {key: found[f"one odd {row}/{key}"] for key in ("text", "tokens", "confidence", "alignment")}
        assert alone["text"][0] == found["odd/text"][row]
        assert set(str(alone["text"][0])) <= set("0123456789-")
        assert 0 <= alone["confidence"][0] <= 1 + 1e-6
        assert alone["alignment"].shape == (1, task.longest_target, length)
        np.testing.assert_allclose(alone["alignment"][0], found["odd/alignment"][row, :, :length], atol=1e-4)
        if length:
            written = int((alone["tokens"][0] != "").sum())
            np.testing.assert_allclose(alone["alignment"][0, :written].sum(axis=1), 1, atol=1e-4)
        assert (found["odd/alignment"][row, :, length:] == 0).all()
    assert "".join(found["odd/source_tokens"][2]) == "3 mai ☃ 1998"


def test_the_keras_file_needs_only_an_import(tmp_path: Path) -> None:
    """The same numbers, to the bit, no warning, and nothing of the zoo imported."""
    task = zoo_cases.shipped()
    path = task.export(tmp_path / "dates.keras", format="keras")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dates.keras"]
    observed = task.observe(TEXTS[:10])
    np.savez(tmp_path / "inputs.npz", *observed.inputs)
    code = """
        import sys, warnings
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
        import kerasrnn
        import keras
        import numpy as np
        model = keras.saving.load_model(sys.argv[1])
        inputs = np.load(sys.argv[2])
        np.save(sys.argv[3], model([inputs["arr_0"], inputs["arr_1"]]))
        assert not [name for name in sys.modules if name.startswith(("kerasrnn.zoo", "kerasrnn.viz"))]
        loss = model.evaluate([inputs["arr_0"], inputs["arr_1"]], inputs["arr_1"], verbose=0)
        assert np.isfinite(loss), loss
    """
    python(code, path, tmp_path / "inputs.npz", tmp_path / "outputs.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "outputs.npy"), task.model(observed.inputs))


@pytest.mark.parametrize(
    ("name", "format", "error", "message"),
    [
        ("model", "onnx", ValueError, r"`format` must be one of saved_model, keras; received 'onnx'"),
        ("model", "", ValueError, r"`format` must be one of"),
        ("model", "keras", ValueError, r"must end in \.keras; received '.*model'"),
        ("model.h5", "keras", ValueError, r"must end in \.keras; received '.*model\.h5'"),
        ("taken", "saved_model", FileExistsError, r"taken' exists: choose another path or remove it first"),
        ("taken.keras", "keras", FileExistsError, r"taken\.keras' exists"),
        ("taken.keras/model", "saved_model", OSError, r"taken\.keras"),
    ],
)
def test_exports_that_are_refused_leave_everything_as_it_was(
    tmp_path: Path, name: str, format: str, error: type[Exception], message: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    (tmp_path / "taken.keras").write_text("mine too")
    with pytest.raises(error, match=message):
        zoo_cases.small(5).export(tmp_path / name, format)
    files = {str(path.relative_to(tmp_path)): path.is_file() and path.read_text() for path in tmp_path.rglob("*")}
    assert files == {"taken": False, "taken/file": "mine", "taken.keras": "mine too"}


@pytest.mark.parametrize("format", ["saved_model", "keras"])
def test_an_export_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    import tensorflow as tf

    def save(*given: Any, **_: Any) -> None:
        Path(str(given[-1])).parent.joinpath("half").write_text("half")
        raise OSError(28, "No space left on device")

    task = zoo_cases.small(5)
    monkeypatch.setattr(tf.saved_model, "save", save)
    monkeypatch.setattr(type(task.model), "save", save)
    with pytest.raises(OSError, match="No space left"):
        task.export(tmp_path / "model.keras", format)
    assert list(tmp_path.iterdir()) == []


def test_an_export_makes_the_folders_above_it(tmp_path: Path) -> None:
    path = zoo_cases.small(5).export(tmp_path / "a" / "b" / "model.keras", "keras")
    assert path.is_file()


def test_a_name_that_is_no_identifier_and_a_token_that_is_no_digit(tmp_path: Path) -> None:
    """Any name exports; and only start and end are not text, a token that merely looks like them is."""
    card = zoo_cases.card() | {"name": "my-dates.2"}
    card["vocabulary"]["target"][-1] = "<"
    task = Seq2SeqTask.build(card)
    bias = np.zeros(14, "float32")
    bias[task.target["<"]] = 99
    task.model.get_layer("probabilities").bias.assign(bias)
    import tensorflow as tf

    loaded = tf.saved_model.load(str(task.export(tmp_path / "model")))
    assert loaded(tf.constant(["3 mai 1998"]))["text"].numpy()[0].decode() == "<" * 11
    assert task.predict(["3 mai 1998"]) == ["<" * 11]
    assert seq2seq.START == "<start>"
