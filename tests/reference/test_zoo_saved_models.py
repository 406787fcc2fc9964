"""SavedModels of every task, run by TensorFlow alone: raw input in, the task's own answers out."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from task_cases import CHARACTERS, TEXTS, series, small

from kerasrnn.zoo.words import cut

pytestmark = pytest.mark.tensorflow
ALONE = """
    import sys
    import numpy as np
    sys.modules["keras"] = sys.modules["kerasrnn"] = None
    import tensorflow as tf

    for folder in sys.argv[1:]:
        run = tf.saved_model.load(folder).signatures["serving_default"]
        asked = np.load(folder + ".asked.npz")
        batches = sorted({name.partition("/")[0] for name in asked.files})
        results = {}
        for batch in batches:
            given = {name.partition("/")[2]: asked[name] for name in asked.files if name.partition("/")[0] == batch}
            strings = {name: array.dtype.kind == "U" for name, array in given.items()}
            given = {
                name: tf.constant(array.tolist(), tf.string, array.shape) if strings[name] else tf.constant(array)
                for name, array in given.items()
            }
            for name, value in run(**given).items():
                array = value.numpy()
                if array.dtype == object:
                    array = np.vectorize(bytes.decode, otypes=[str])(array)
                results[batch + "/" + name] = array
        np.savez(folder + ".npz", **results)
    assert sys.modules["keras"] is None and sys.modules["kerasrnn"] is None
    assert not [name for name in sys.modules if name.startswith(("keras.", "kerasrnn."))]
"""
READERS = ["pos", "ner", "reviews", "opinions"]
LETTERS = ["head", "a", "", "QaQ é", "".join(CHARACTERS) * 3]
LINES = ["the lobster is", "the lobster\nis\u2003red .\r\n", "", "unheard"]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, np.ndarray]]:
    """What each SavedModel gave, in a process without Keras and kerasrnn, for a user who speaks Turkish: there, the
    lower case of I is ı."""
    folder = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(4)
    texts = np.array([*TEXTS, "", " \u200f "])
    hours = series(rng, 9)
    at = hours.times[5:9].astype("datetime64[s]").astype(np.int64)
    asked: dict[str, dict[str, np.ndarray]] = {
        name: {"all/text": texts, "none/text": texts[:0], **{f"one {i}/text": texts[i : i + 1] for i in range(7)}}
        for name in READERS
    }
    asked["letters"] = {
        "all/text": np.array(LETTERS),
        **{f"one {i}/text": np.array([x]) for i, x in enumerate(LETTERS)},
    }
    asked["sentences"] = {"all/text": np.array(LINES), "none/text": texts[:0]}
    asked["digits"] = {"all/values": rng.standard_normal((3, 7, 2)).astype(np.float32)}
    windows = np.stack([hours.values[i : i + 6] for i in range(4)]).astype(np.float32)
    asked["weather"] = {"all/values": windows, "all/time": at, "one/values": windows[2:3], "one/time": at[2:3]}
    for name, arrays in asked.items():
        assert small(name).export(folder / name) == folder / name
        np.savez(folder / f"{name}.asked.npz", **arrays)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ALONE), *(str(folder / name) for name in asked)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for name, arrays in asked.items():
        with np.load(folder / f"{name}.npz") as results:
            found[name] = {f"asked {key}": value for key, value in arrays.items()} | dict(results)
    return found


@pytest.mark.parametrize("name", ["pos", "ner"])
def test_words_and_tags(name: str, answers: dict[str, dict[str, np.ndarray]]) -> None:
    found = answers[name]
    for row, expected in enumerate(small(name).predict(TEXTS)):
        longest = found["all/words"].shape[1]
        assert found["all/words"][row].tolist() == expected.words + [""] * (longest - len(expected.words))
        assert found["all/tags"][row].tolist() == expected.tags + [""] * (longest - len(expected.tags))
        assert found[f"one {row}/tags"].tolist() == [expected.tags]
    for row in (5, 6):
        assert set(found["all/tags"][row]) == {""}, "a text without words has no tags"
        assert found[f"one {row}/words"].shape == (1, 0)
    assert found["none/tags"].shape == found["none/words"].shape == (0, 0)


@pytest.mark.parametrize("name", ["reviews", "opinions"])
def test_labels_and_probabilities(name: str, answers: dict[str, dict[str, np.ndarray]]) -> None:
    found = answers[name]
    for row, expected in enumerate(small(name).predict(TEXTS)):
        assert found["all/label"][row] == expected.label
        for shares in (found["all/probabilities"][row], found[f"one {row}/probabilities"][0]):
            np.testing.assert_allclose(shares, list(expected.probabilities.values()), atol=1e-5)
    assert np.isfinite(found["all/probabilities"]).all()
    for row in (5, 6):
        np.testing.assert_allclose(found[f"one {row}/probabilities"][0], found["all/probabilities"][row], atol=1e-5)
    assert found["none/label"].shape == (0,)


def test_numbers_and_labels(answers: dict[str, dict[str, np.ndarray]]) -> None:
    found = answers["digits"]
    for row, expected in enumerate(small("digits").predict(list(found["asked all/values"]))):
        assert found["all/label"][row] == expected.label
        np.testing.assert_allclose(found["all/probabilities"][row], list(expected.probabilities.values()), atol=1e-5)


@pytest.mark.parametrize(("name", "texts"), [("letters", LETTERS), ("sentences", LINES)])
def test_probabilities_of_text_and_of_what_comes_next(
    name: str, texts: list[str], answers: dict[str, dict[str, np.ndarray]]
) -> None:
    task, found = small(name), answers[name]
    assert found["all/vocabulary"].tolist() == task.tokens
    np.testing.assert_allclose(np.exp(found["all/next_log_probs"]).sum(axis=1), 1, rtol=1e-5)
    for row, text in enumerate(texts):
        tokens = task.split(text)
        assert found["all/tokens"][row][: len(tokens)].tolist() == tokens
        np.testing.assert_allclose(-found["all/log_probs"][row][: len(tokens)], task.surprise(text), atol=1e-4)
        assert (found["all/log_probs"][row][len(tokens) :] == 0).all()
        ids = [task.ids[task.start], *task.encode(text)]
        logits = np.asarray(task.model(np.array([ids])))[0, -1].astype(float)
        expected = logits - np.log(np.exp(logits).sum())
        np.testing.assert_allclose(found["all/next_log_probs"][row], expected, atol=1e-4)
        if name == "letters":
            np.testing.assert_allclose(found[f"one {row}/next_log_probs"][0], expected, atol=1e-4)


def test_forecasts(answers: dict[str, dict[str, np.ndarray]]) -> None:
    found, rng = answers["weather"], np.random.default_rng(4)
    hours = series(rng, 9)
    for row in range(4):
        early = type(hours)(hours.times[row : row + 6], hours.values[row : row + 6])
        (expected,) = small("weather").predict([early])
        np.testing.assert_allclose(found["all/values"][row], expected.values, atol=1e-3)
        assert found["all/time"][row].tolist() == expected.times.astype("datetime64[s]").astype(int).tolist()
    np.testing.assert_allclose(found["one/values"][0], found["all/values"][2], atol=1e-4)


def test_the_answers_differ_from_text_to_text(answers: dict[str, dict[str, Any]]) -> None:
    """Were they all alike, the comparisons above would compare little."""
    assert len({json.dumps(row.tolist()) for row in answers["ner"]["all/tags"]}) > 3
    assert len(set(answers["reviews"]["all/label"].tolist())) > 1
    assert np.ptp(answers["weather"]["all/values"]) > 0.5
    assert len({len(cut(text)) for text in TEXTS}) > 3
