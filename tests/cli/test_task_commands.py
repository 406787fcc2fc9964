"""`predict`, `evaluate`, `zoo verify` and `zoo card` with tasks of every kind."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_cases import ok, run
from task_cases import TEXTS, series, small

from kerasrnn import zoo
from kerasrnn.zoo.readers.conll import Sentence

NAMES = ["pos", "ner", "reviews", "letters", "sentences", "weather", "digits"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preset folder of each task, and files for them to read."""
    root, rng = tmp_path_factory.mktemp("models"), np.random.default_rng(2)
    for name in NAMES:
        small(name).save(root / name)
    hours = series(rng, 24)
    rows = [f"{time},{value:.3f}" for time, value in zip(hours.times, hours.values, strict=True)]
    (root / "history.csv").write_text("\n".join(["date,t", *rows[:12]]))
    (root / "hours.csv").write_text("\n".join(["date,t", *rows[12:]]))
    np.save(root / "x.npy", rng.standard_normal((5, 2)))
    (root / "tags").mkdir()
    (root / "tags" / "valid.conll").write_text("no X\n. NOUN\n\n" + "the ADJ\n" * 30)
    (root / "reviews.csv").write_text("text,label,Text2\nthe president,good,no\nno,bad,the\nisn't it,good,no\n")
    (root / "letters.txt").write_text("a bad head\n" * 30)
    (root / "names.conll").write_text("Ann B-person\nin O\nBerlin B-LOC\n")
    (root / "nobody.conll").write_text("no O\n")
    return root


@pytest.fixture
def here(models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    work = Path(shutil.copytree(models, tmp_path / "work"))
    monkeypatch.chdir(work)
    return work


def refused(code: int, *arguments: Any, input: str | bytes | None = None) -> str:
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    result = run(*arguments, input=input)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
    return line


def rows(output: str) -> list[Any]:
    def strict(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return [json.loads(line, parse_constant=strict) for line in output.splitlines()]


@pytest.mark.parametrize("name", ["pos", "reviews", "letters", "sentences"])
def test_predict_from_arguments_and_from_lines(name: str, here: Path) -> None:
    texts = ["a bed", "abc", "head"] if name == "letters" else TEXTS[:3]
    options = ["--length", 7, "--seed", 3] if name in ("letters", "sentences") else []
    shown = ok("predict", name, *texts, *options).stdout
    assert ok("predict", name, "-", *options, input="\n\n".join(texts) + "\n").stdout == shown
    found = rows(ok("predict", name, *texts, *options, "--json").stdout)
    assert [each["text"] for each in found] == texts
    task = small(name)
    if name == "pos":
        for line, each, tagged in zip(shown.splitlines(), found, task.predict(texts), strict=True):
            assert line.split() == [f"{word}/{tag}" for word, tag in zip(*tagged, strict=True)]
            assert (each["words"], each["tags"]) == tagged
    elif name == "reviews":
        for line, each, expected in zip(shown.splitlines(), found, task.predict(texts), strict=True):
            assert line == f"{expected.label}  {expected.confidence:.1%}"
            assert each["label"] == expected.label
            assert sum(each["probabilities"].values()) == pytest.approx(1)
    else:
        between = "" if name == "letters" else " "
        expected = task.predict(texts, length=7, seed=3)
        lines = [f"{text}{between}{written}\n" for text, written in zip(texts, expected, strict=True)]
        assert shown == "".join(lines)
        assert [each["continuation"] for each in found] == expected


def test_predict_from_files(here: Path) -> None:
    """Models that read no text take the paths of files."""
    (expected,) = small("weather").predict(small("weather").read(here / "hours.csv"))
    shown = ok("predict", "weather", "hours.csv").stdout.splitlines()
    assert [line.split("\t")[1] for line in shown] == [f"{value:.2f}" for value in expected.values]
    (found,) = rows(ok("predict", "weather", "hours.csv", "--json").stdout)
    assert found["times"] == [str(time).replace("T", " ") for time in expected.times]
    assert found["values"] == pytest.approx(expected.values, abs=1e-4)
    (label,) = small("digits").predict([np.load("x.npy").astype("float32")])
    assert rows(ok("predict", "digits", "x.npy", "--json").stdout)[0]["label"] == label.label
    assert "cannot read gone.csv: No such file" in refused(1, "predict", "weather", "gone.csv")
    assert "cannot read hours.csv as an .npy file of numbers" in refused(1, "predict", "digits", "hours.csv")
    np.save("y.npy", np.zeros((3, 5)))
    assert "digits reads numbers (t, 2); received (3, 5)" in refused(1, "predict", "digits", "y.npy")


def test_options_that_the_task_does_not_have(here: Path) -> None:
    plain = "no --beam; it takes no options of this kind"
    for name, text in (("pos", "no"), ("reviews", "no"), ("weather", "hours.csv"), ("digits", "x.npy")):
        assert f"{name} has {plain}" in refused(1, "predict", name, text, "--beam", 3)
    assert "letters has no --nbest; it takes --length," in refused(1, "predict", "letters", "a", "--nbest", 2)
    assert "dates_bahdanau has no --top-k" in refused(1, "predict", "3 mai 1998", "--top-k", 2)
    assert "letters has never seen 'Q'" in refused(1, "predict", "letters", "aQ")
    assert "is empty: give some text, such as" in refused(1, "predict", "pos", "no", " \u200f")
    assert "is empty: give some text, such as" in refused(1, "predict", "reviews", "")
    assert "standard input is empty" in refused(1, "predict", "letters", "-", input="\n \n")
    for option, value in (("--length", 0), ("--temperature", -1), ("--top-p", 0), ("--top-k", 0), ("--seed", -1)):
        assert option in refused(2, "predict", "letters", "a", option, value)


def test_evaluate_as_json(here: Path) -> None:
    (found,) = rows(ok("evaluate", "pos", "--data", "tags/valid.conll", "--by", "length", "--json").stdout)
    assert {"preset", "data", "examples", "metrics", "by"} <= set(found)
    assert (found["preset"], found["data"], found["examples"]) == ("pos", ["valid.conll"], 2)
    expected = small("pos").tag([["no", "."], ["the"] * 30])
    right = [
        a == b
        for row, gold in zip(expected, [["X", "NOUN"], ["ADJ"] * 30], strict=True)
        for a, b in zip(row, gold, strict=True)
    ]
    assert found["metrics"]["accuracy"] == pytest.approx(np.mean(right))
    assert [(row["of"], row["examples"]) for row in found["by"]] == [("1–4", 1), ("30–39", 1)]
    low, high = found["intervals"]["accuracy"]
    assert low <= found["metrics"]["accuracy"] <= high
    (folder,) = rows(ok("evaluate", "pos", "--data", "tags", "--by", "length", "--json").stdout)
    assert folder == found, "the valid part of a folder"
    (found,) = rows(ok("evaluate", "pos", "--data", "tags", "--by", "length:3,11", "--json").stdout)
    assert [(row["of"], row["low"], row["high"], row["examples"]) for row in found["by"]] == [
        ("1–2", 1, 2, 1),
        ("11–30", 11, 30, 1),
    ]

    (found,) = rows(ok("evaluate", "reviews", "--data", "reviews.csv", "--by", "label", "--json").stdout)
    assert [(row["of"], row["examples"]) for row in found["by"]] == [("bad", 1), ("good", 2)]
    (found,) = rows(ok("evaluate", "reviews", "--data", "reviews.csv", "--by", "script", "--json").stdout)
    assert [(row["of"], row["examples"]) for row in found["by"]] == [("Latin", 3)]
    (found,) = rows(ok("evaluate", "pos", "--data", "tags", "--by", "label", "--json").stdout)
    assert [(row["of"], row["examples"]) for row in found["by"]] == [("ADJ", 1), ("NOUN", 1), ("X", 1)]
    (other,) = rows(ok("evaluate", "reviews", "--data", "reviews.csv", "--columns", "text=Text2", "--json").stdout)
    assert other["metrics"] != found["metrics"]
    (found,) = rows(ok("evaluate", "letters", "--data", "letters.txt", "--data", "letters.txt", "--json").stdout)
    assert (found["metric"], found["higher is better"], found["examples"]) == ("nats", False, 4)
    assert found["metrics"]["nats"] == pytest.approx(small("letters").surprise("a bad head\n" * 30).mean(), rel=1e-5)


def test_evaluate_by_script(here: Path) -> None:
    texts = {"5 de agosto de 2026": "Latin", "5 августа 2026": "Cyrillic", "2026年8月5日": "CJK", "2026-08-05": "none"}
    Path("dates.tsv").write_text("".join(f"{text}\t2026-08-05\n" for text in texts), encoding="utf-8")
    (found,) = rows(ok("evaluate", "dates_bahdanau", "--data", "dates.tsv", "--by", "script", "--json").stdout)
    assert [(row["of"], row["examples"]) for row in found["by"]] == [(name, 1) for name in sorted(texts.values())]
    assert found["metrics"]["exact match"] == 1


def test_evaluate_by_a_beam_too(here: Path) -> None:
    Path("dates.tsv").write_text("3 mai 1998\t1998-05-03\n5 de agosto de 2026\t2026-08-04\n", encoding="utf-8")
    arguments = ["evaluate", "dates_bahdanau", "--data", "dates.tsv", "--beam", "4"]
    (found,) = rows(ok(*arguments, "--json").stdout)
    assert found["metrics"] == {"exact match": 0.5, "exact match, beam of 4": 0.5}
    assert "exact match, beam of 4   50.00%" in ok(*arguments).stdout
    task = zoo.from_preset("dates_bahdanau")
    task.card = {key: value for key, value in task.card.items() if key != "metrics"}
    task.save("dates")
    ok("evaluate", "dates", "--data", "dates.tsv", "--beam", "4", "--write")
    card = zoo.card("dates")
    assert card["evaluation"]["command"].endswith("dates.tsv --beam 4")


def test_evaluate_a_forecaster_with_what_came_before(here: Path) -> None:
    (alone,) = rows(ok("evaluate", "weather", "--data", "hours.csv", "--json").stdout)
    (joined,) = rows(ok("evaluate", "weather", "--data", "hours.csv", "--history", "history.csv", "--json").stdout)
    assert (alone["examples"], joined["examples"]) == (12 - 9, 12 - 3)
    error = refused(1, "evaluate", "weather", "--data", "history.csv", "--history", "hours.csv")
    assert "expected them 3600 seconds apart" in error
    assert "pos is no forecaster: it takes no history" in refused(
        1, "evaluate", "pos", "--data", "tags", "--history", "history.csv"
    )


def test_what_cannot_be_measured_is_null(here: Path) -> None:
    """There is no entity, and none is found, so there is neither precision nor recall."""
    task = small("ner")
    words = next(w for w in (["no"], ["."], ["the"], ["it"], ["times"]) if task.tag([w]) == [["O"]])
    Path("nobody.conll").write_text(f"{words[0]} O\n")
    (found,) = rows(ok("evaluate", "ner", "--data", "nobody.conll", "--json").stdout)
    assert found["metrics"] == {"f1": None, "precision": None, "recall": None}
    assert found["intervals"]["f1"] == [None, None]
    assert "–" in ok("evaluate", "ner", "--data", "nobody.conll").stdout
    assert "these examples give no f1: nothing was written" in refused(
        1, "evaluate", "ner", "--data", "nobody.conll", "--write"
    )


def test_evaluate_as_a_table(here: Path) -> None:
    shown = ok("evaluate", "pos", "--data", "tags", "--by", "length").stdout
    assert "pos on valid.conll" in shown
    assert "accuracy by length" in shown
    assert f"{small('pos').evaluate([Sentence(['no', '.'], ['X', 'NOUN'])]).metrics()['accuracy']:.2%}" in shown


def test_evaluate_writes_the_card(here: Path) -> None:
    before = zoo.card("pos")
    ok("evaluate", "pos", "--data", "tags", "--by", "length", "--write")
    card = zoo.card("pos")
    assert card["score"]["metric"] == "accuracy"
    table = card["metrics"]["tags"]
    assert [row["of"] for row in table["rows"]] == [
        "accuracy",
        "accuracy of unknown words",
        "whole sentences",
        "1–4",
        "30–39",
    ] or [row["of"] for row in table["rows"]] == ["accuracy", "whole sentences", "1–4", "30–39"]
    assert card["evaluation"]["command"] == "kerasrnn evaluate pos --data tags --by length"
    assert {k: card[k] for k in before} == before, "the rest is as it was"
    assert small("pos").tag([["no"]]) == zoo.from_preset("pos").tag([["no"]])
    page = ok("zoo", "card", "pos").stdout
    assert page.startswith("# pos\n\nA small pos.\n")
    assert "## tags: accuracy" in page
    assert "- **evaluation**: `kerasrnn evaluate pos --data tags --by length`" in page
    for row in table["rows"]:
        assert f"| {row['of']} | {row['value']:.2%} |" in page
    assert "accuracy" in ok("zoo", "info", "pos").stdout


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (2, ["pos"], "--data"),
        (1, ["pos", "--data", "gone"], "there is no gone: give a file of examples, or a folder with a valid part"),
        (1, ["pos", "--data", "pos"], "holds no file for 'valid': expected valid.*"),
        (1, ["pos", "--data", "tags", "--beam", "2"], "pos searches with no beam: leave out --beam"),
        (1, ["pos", "--data", "tags", "--by", "meter"], "cannot be scored by meter; they can by length, script, label"),
        (1, ["pos", "--data", "tags", "--by", "length:9,4"], "expected rising lengths, as in length:6,11"),
        (1, ["pos", "--data", "tags", "--by", "length:x"], "received length:x"),
        (1, ["pos", "--data", "tags", "--columns", "text=0"], "pos reads no column 'text'; it reads word, tag"),
        (1, ["pos", "--data", "tags", "--columns", "tag=7"], "valid.conll:1: expected at least 8 columns, found 2"),
        (1, ["pos", "--data", "tags", "--columns", "tag=x"], "the column of the tag is chosen by its number"),
        (1, ["reviews", "--data", "reviews.csv", "--columns", "label=Text2"], "the label 'no' is none of reviews's"),
        (1, ["reviews", "--data", "reviews.csv", "--columns", "label=Label"], "reviews.csv has no column 'Label'"),
        (1, ["reviews", "--data", "letters.txt"], "expected a file name in .tsv, .csv, .jsonl"),
        (1, ["digits", "--data", "reviews.csv"], "expected a name like train-images-idx3-ubyte.gz"),
        (1, ["weather", "--data", "reviews.csv"], "reviews.csv has no column 'date'"),
        (2, ["dates_bahdanau", "--data", "tags", "--write"], "holds no file"),
        (1, ["nothing_here", "--data", "tags"], "no preset 'nothing_here'"),
    ],
)
def test_evaluations_that_are_refused(code: int, arguments: list[str], message: str, here: Path) -> None:
    if arguments[0] == "dates_bahdanau":
        (here / "tags" / "valid.tsv").write_text("3 mai 1998\t1998-05-03\n")
        (here / "tags" / "valid.conll").unlink()
        message = "--write changes the card of a preset folder: give its path"
    assert message in refused(code, "evaluate", *arguments)


def test_two_valid_parts_are_not_a_test_part(here: Path) -> None:
    for name in ("valid.tsv", "test.tsv"):
        (here / "tags" / name).write_text("no\tX\n")
    assert "tags holds several files for 'valid' (valid.conll, valid.tsv)" in refused(
        1, "evaluate", "pos", "--data", "tags"
    )


def test_verify(here: Path) -> None:
    result = ok("zoo", "verify", "pos", "weather")
    names = [line.partition(":")[0] for line in result.stdout.splitlines()]
    assert names == ["pos", "weather"]
    assert all(line.endswith(" numbers, whole") for line in result.stdout.splitlines())
    assert [line.partition(":")[0] for line in ok("zoo", "verify").stdout.splitlines()] == zoo.names()
    assert rows(ok("zoo", "verify", "pos", "--json").stdout) == [{"whole": True, "faults": {}}]


def test_verify_finds_what_is_damaged(here: Path) -> None:
    data = (here / "pos" / "weights.npz").read_bytes()
    (here / "pos" / "weights.npz").write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    (here / "ner" / "weights.npz").unlink()
    card = (here / "reviews" / "card.json").read_text()
    (here / "reviews" / "card.json").write_text(card.replace('"the"', '"thee"'))
    result = run("zoo", "verify", "pos", "ner", "reviews", "letters")
    assert result.exit_code == 1
    assert result.stdout.startswith("letters: ")
    (line,) = result.stderr.splitlines()
    assert "weights.npz is damaged: its SHA-256 is" in line
    assert "cannot read ner/weights.npz: No such file" in line
    assert "the vocabulary was changed; its checksum does not match" in line
    (found,) = rows(run("zoo", "verify", "pos", "letters", "gone", "--json").stdout)
    assert not found["whole"]
    assert set(found["faults"]) == {"pos", "gone"}
    for name, text in (("pos", "no"), ("ner", "no"), ("reviews", "no")):
        assert refused(1, "predict", name, text)
        assert refused(1, "evaluate", name, "--data", "tags")
    for command in ("card", "info"):
        assert "the vocabulary was changed" in refused(1, "zoo", command, "reviews")
