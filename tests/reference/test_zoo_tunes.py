"""The task of tunes: its score from plain NumPy, the tunes that it writes, its preset and its SavedModel."""

import json
import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from tune_cases import CHARACTERS, JIG, REEL, independent, small

from kerasrnn import zoo
from kerasrnn.zoo.abc import is_valid
from kerasrnn.zoo.evaluation import Proportion
from kerasrnn.zoo.recipes import find
from kerasrnn.zoo.recipes import tunes as recipe
from kerasrnn.zoo.tasks.tunes import END, START, TunesTask, header, read_tunes

TUNES = [JIG, REEL, JIG * 3, "M:2/4\nK:C\nc2|", "Q?", *(f"M:3/4\nK:D\n{'A' * i}|" for i in range(40))]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    highest = logits.max(axis=-1, keepdims=True)
    return logits - highest - np.log(np.exp(logits - highest).sum(axis=-1, keepdims=True))


def nats(task: TunesTask, tune: str) -> np.ndarray:
    """Of each character and of the end, from one run of the tune alone."""
    ids = [task.ids[START], *(task.ids.get(character, 1) for character in tune), task.ids[END]]
    logits = np.asarray(task.model(np.array([ids[:-1]])))[0]
    return -log_softmax(logits)[np.arange(len(ids) - 1), ids[1:]]


def test_the_score_is_that_of_each_tune_alone() -> None:
    task = small()
    scores = task.evaluate(TUNES)
    each = [nats(task, tune) for tune in TUNES]
    np.testing.assert_allclose(scores.statistics[:, 0], [row.sum() for row in each], rtol=1e-4)
    assert scores.lengths.tolist() == [len(tune.replace("| ", "|")) + 1 for tune in TUNES]
    mean = np.concatenate(each).sum() / scores.lengths.sum()
    assert scores.metrics() == {
        "nats": pytest.approx(mean, rel=1e-5),
        "bits": pytest.approx(mean / math.log(2), rel=1e-5),
    }


def test_a_report_tells_how_many_tunes_are_valid() -> None:
    """Of tunes in free rhythm that the model makes of two signs, those are valid that close every slur."""
    task = independent({"A": 0.6, "(": 0.2, END: 0.2})
    begun = ["M:none L:1/8 K:C A"] * 40
    tunes = task.write(begun, seed=5, temperature=1.0, top_p=1.0)
    valid = ["(" not in tune for tune in tunes]
    assert [is_valid(tune) for tune in tunes] == valid
    assert 5 < sum(valid) < 35

    again = task.write(begun, seed=5, temperature=1.0, top_p=1.0, tries=30)
    assert all(is_valid(tune) for tune in again)
    for one, other, good in zip(tunes, again, valid, strict=True):
        assert (one == other) is good, "only what was not valid is written again"

    found = task.evaluate([JIG, REEL]).report("meter")
    assert found["metrics"]["valid tunes"] == 0
    assert found["trials"] == {"valid tunes": 200}
    assert found["intervals"]["valid tunes"] == pytest.approx([0, 0.018846], abs=1e-6)
    assert [(row["of"], row["examples"]) for row in found["by"]] == [("4/4", 1), ("6/8", 1)]


@pytest.mark.parametrize(("good", "trials"), [(0, 10), (3, 10), (190, 200), (200, 200)])
def test_the_interval_of_a_proportion(good: int, trials: int) -> None:
    """Its ends are the shares from which what was found is 1.96 standard deviations away."""
    found = Proportion("x", [True] * good + [False] * (trials - good))
    assert found.value == good / trials
    shares = np.linspace(0, 1, 2_000_001)
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.abs(good / trials - shares) / np.sqrt(shares * (1 - shares) / trials)
    inside = shares[(away <= 1.959964) | (shares == found.value)]
    assert found.interval == pytest.approx([inside[0], inside[-1]], abs=2e-6)


def test_a_tune_depends_on_its_seed_and_its_beginning_alone() -> None:
    task = independent({"A": 0.5, "B": 0.3, "|": 0.1, END: 0.1})
    options = {"temperature": 1.0, "top_p": 1.0}
    many = task.write([""] * 6, seed=3, **options)
    assert len(set(many)) > 3
    assert [task.write([""], seed=3 + i, **options)[0] for i in range(6)] == many
    mixed = task.write(["M:6/8 K:G", "", "K:G M:6/8"], seed=4, **options)
    assert mixed[1] == many[2]
    assert mixed[0].startswith("M:6/8\nL:1/8\nK:G\n")
    assert mixed[0] == task.generate("M:6/8 K:G", seed=4, **options)
    assert task.predict(["M:6/8 K:G"], seed=4, **options) == mixed[:1]
    assert task.write([""], seed=3 + (1 << 31), **options) == many[:1]
    assert all(END not in tune and START not in tune and len(tune) < 200 for tune in many)
    (cut,) = task.write([""], length=3, temperature=0)
    assert cut == "AAA"


def test_what_the_beginning_leaves_out() -> None:
    task = small()

    def begun(prompt: str) -> str:
        return task.write([prompt], length=30, seed=2)[0]

    assert begun("M:2/4 K:Dmin A2|").startswith("M:2/4\nL:1/16\nK:Dm\nA2|")
    assert begun("L:1/4\nM:C|\nK:D Mixolydian"[:-11]).startswith("M:2/2\nL:1/4\nK:D\n")
    assert begun("M:6/8").startswith("M:6/8\nL:1/8\nK:")
    letters = independent({"3": 0.5, "/": 0.2, "8": 0.2, "\n": 0.1})
    for seed in range(12):
        try:
            found = letters.write(["K:G"], seed=seed, length=20, temperature=1.0)[0]
        except ValueError as error:
            assert "is no meter" in str(error)
            continue
        assert found.startswith("M:3") or found.startswith("M:8")
        assert "\nL:1/8\nK:G\n" in found


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("M:6/8 M:3/4", "the prompt has two fields M: give each once"),
        ("M:6/7 K:G", "no beginning of a tune, such as M:6/8 K:G; line 1, column 1: '6/7' is no meter"),
        ("M:6/8 K:X", "no beginning of a tune, such as M:6/8 K:G; .*'X' is no key"),
        ("M:6/8 L:2 K:G", "'2' is no unit"),
        ("M:6/8 K:G AB?", r"unexpected '\?'"),
        ('M:6/8 K:G "Cdim"', "small_tunes has never seen 'i' in a tune"),
    ],
)
def test_a_prompt_that_begins_no_tune(prompt: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small().write([prompt])


def test_one_string_is_no_list() -> None:
    with pytest.raises(TypeError, match="received one string"):
        small().write("K:G")


def test_a_preset_gives_the_same(tmp_path: Path) -> None:
    task = small()
    task.save(tmp_path / "p")
    other = zoo.from_preset(tmp_path / "p")
    assert type(other) is type(task)
    assert other.write(["", "M:6/8 K:G"], length=40, seed=1) == task.write(["", "M:6/8 K:G"], length=40, seed=1)
    np.testing.assert_array_equal(other.evaluate([JIG]).statistics, task.evaluate([JIG]).statistics)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.abc").write_text(f"%abc-2.1\n\nX:1\nT:One\n{JIG}\n\nX:2\nT:Two\nR:reel\n{REEL}\n", "utf-8")
    rows = [{"abc": f"{JIG}\n", "tune": "x"}, {"abc": "T:Two\nR:reel\n" + REEL.replace("|", " | "), "tune": REEL}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = small()
    for name in ("a.abc", "a.jsonl"):
        assert task.read(tmp_path / name) == [JIG, REEL]
    assert task.read(tmp_path / "a.jsonl", abc="tune") == ["x", REEL], "what is no tune stays as it is"
    (tmp_path / "b.abc").write_text("no tune\n")
    (tmp_path / "b.jsonl").write_text('{"abc": ""}\n')
    (tmp_path / "c.jsonl").write_text('{"notes": "A"}\n')
    for name, message in (
        ("b.abc", "b.abc holds no tune in ABC notation"),
        ("b.jsonl", "b.jsonl:1: expected a tune in ABC notation, found ''"),
        ("c.jsonl", "c.jsonl:1 has no field 'abc'; it has notes"),
        ("a.txt", r"expected a file name in .tsv, .csv, .jsonl"),
    ):
        with pytest.raises(ValueError, match=message):
            read_tunes(tmp_path / name)
    assert header(JIG) == {"M": "6/8", "L": "1/8", "K": "G"}
    assert header("AB|") == {}


def test_the_batches_of_training() -> None:
    """Only tunes whose bars add up, each once and a few again to fill up, about half of them in other keys."""
    task = small()
    wrong = "M:6/8\nL:1/8\nK:G\nGAB|c|GAB|"
    many = [JIG.replace("d2B", f"{a}2{b}") for a in "ABcdefg" for b in "ABcdef"]
    options = find("tunes_lstm").with_options({"batch_size": 8})
    seen: list[str] = []
    for inputs, targets in recipe.by_length(task, [*many, wrong], options, 3):
        assert inputs.shape == targets.shape == (8, 128)
        assert (inputs[:, 0] == task.ids[START]).all()
        np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])
        for row in targets:
            count = int((row > 0).sum())
            assert task.tokens[row[count - 1]] == END
            seen.append("".join(task.tokens[i] for i in row[: count - 1]))
    assert wrong not in seen
    assert len(seen) == 48
    same = [tune for tune in seen if tune in many]
    assert 12 < len(same) < 42
    keys = {header(tune)["K"] for tune in seen}
    assert keys <= {"Eb", "Bb", "F", "C", "G", "D", "A", "E"}
    assert len(keys) > 5
    assert sum(1 for _ in recipe.by_length(task, many, options, 3, plan_only=True)) == 6
    with pytest.raises(ValueError, match="none of the training tunes has bars that add up"):
        next(iter(recipe.by_length(task, [wrong], options, 0)))


ALONE = """
    import json, sys
    sys.modules["keras"] = sys.modules["kerasrnn"] = None
    import tensorflow as tf

    loaded = tf.saved_model.load(sys.argv[1])
    asked = json.loads(sys.argv[2])
    found = loaded.signatures["write"](text=tf.constant(asked["text"]), seed=tf.constant(asked["seed"], tf.int32))
    scored = loaded.signatures["serving_default"](text=tf.constant(asked["scored"]))
    try:
        loaded.signatures["write"](text=tf.constant(["A" * 129]), seed=tf.constant([1], tf.int32))
        refused = ""
    except tf.errors.InvalidArgumentError as error:
        refused = str(error)
    print(json.dumps({
        "text": [each.decode() for each in found["text"].numpy()],
        "ended": found["ended"].numpy().tolist(),
        "log_probs": scored["log_probs"].numpy().tolist(),
        "refused": refused,
    }))
"""


@pytest.mark.tensorflow
def test_a_saved_model_writes_the_same_tunes(tmp_path: Path) -> None:
    """By TensorFlow alone, from beginnings of several lengths."""
    task = independent({"A": 0.35, "B": 0.3, "|": 0.1, END: 0.25})
    task.export(tmp_path / "saved")
    begun = ["", "M:6/8\nL:1/8\nK:G\n", "M:4/4\n"]
    asked = {"text": begun, "seed": [3, 9, 4], "scored": [JIG]}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ALONE), str(tmp_path / "saved"), json.dumps(asked)],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    expected = [task.write([""], seed=3)[0], *(task.write(["M:6/8 L:1/8 K:G"], seed=9)), found["text"][2]]
    assert found["text"] == expected
    assert found["text"][2].startswith("M:4/4\n")
    assert found["ended"] == [True, True, True]
    np.testing.assert_allclose(found["log_probs"][0], -nats(task, JIG)[:-1], rtol=1e-4)
    assert "the beginning of a tune is too long" in found["refused"]
    assert set(CHARACTERS) >= set(JIG)
