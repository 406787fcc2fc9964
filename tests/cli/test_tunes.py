"""`predict` and `evaluate` with a model of tunes: ABC and MIDI to the terminal and to files, and what is refused."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import mido
import pytest
from cli_cases import ok, run
from tune_cases import JIG, REEL, independent, small

from kerasrnn import zoo
from kerasrnn.zoo.abc import is_valid, parse, to_midi
from kerasrnn.zoo.tasks.tunes import END, header

FREE = "M:none L:1/8 K:C A"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of tunes in free rhythm it makes valid ones and others: it begins slurs and never ends them."""
    folder = tmp_path_factory.mktemp("models") / "free"
    independent({"A": 0.4, "B": 0.3, "(": 0.15, END: 0.15}).save(folder)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def seeds(model: Path, count: int = 12) -> dict[bool, int]:
    """A seed that gives a valid tune, and one that does not."""
    tunes = zoo.from_preset(model).write([FREE] * count, temperature=1.0, top_p=1.0)
    return {"(" not in tune: seed for seed, tune in enumerate(tunes)}


def predict(model: Path, *arguments: Any) -> Any:
    return run("predict", model, *arguments, "--temperature", 1, "--top-p", 1)


def test_a_tune_to_the_terminal_and_to_files(model: Path, here: Path) -> None:
    good = seeds(model)[True]
    shown = predict(model, FREE, "--seed", good)
    assert shown.exit_code == 0
    assert shown.stderr == ""
    assert shown.stdout.startswith(f"X:1\nT:small_tunes, seed {good}\nM:none\nL:1/8\nK:C\nA")
    (row,) = [json.loads(line) for line in predict(model, FREE, "--seed", good, "--json").stdout.splitlines()]
    assert row["abc"] + "\n" == shown.stdout
    assert (row["text"], row["seed"], row["fault"]) == (FREE, good, None)

    Path("a.abc").write_text("what was there")
    written = predict(model, FREE, "--seed", good, "-o", "a.abc")
    assert written.stdout == "a.abc\n"
    assert Path("a.abc").read_text() == row["abc"]
    for option in ("-o", "--output", "--out"):
        assert predict(model, FREE, "--seed", good, option, "a.mid").stdout == "a.mid\n"
        assert Path("a.mid").read_bytes() == to_midi(parse(row["abc"]))
    notes = [m.note for m in mido.MidiFile(file=io.BytesIO(Path("a.mid").read_bytes())) if m.type == "note_on"]
    assert notes == [sound.pitches[0] for sound in parse(row["abc"]).sounds]
    assert sorted(path.name for path in here.iterdir()) == ["a.abc", "a.mid"]


def test_a_book_of_several_tunes(model: Path, here: Path) -> None:
    predict(model, FREE, FREE, "K:G M:6/8", "--seed", 4, "-o", "book.abc")
    book = Path("book.abc").read_text()
    found = [tune.split("\n")[:5] for tune in book.split("\n\n")]
    assert [tune[:2] for tune in found] == [[f"X:{i}", f"T:small_tunes, seed {3 + i}"] for i in (1, 2, 3)]
    assert found[2][2:5] == ["M:6/8", "L:1/8", "K:G"]
    assert len(zoo.from_preset(model).read(Path("book.abc"))) == 3


def test_a_tune_that_is_not_valid(model: Path, here: Path) -> None:
    """It is shown, with what is wrong; as MIDI it is refused; with --tries it is written again."""
    bad = seeds(model)[False]
    shown = predict(model, FREE, "--seed", bad)
    assert shown.exit_code == 0
    assert shown.stderr.startswith("this tune is not valid: line 6, column ")
    assert "the tune ends within a slur; try another --seed, or --tries" in shown.stderr
    refused = predict(model, FREE, "--seed", bad, "-o", "a.mid")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith("Error: line 6, column ")
    assert not list(here.iterdir())
    again = predict(model, FREE, "--seed", bad, "--tries", 50, "-o", "a.mid")
    assert (again.exit_code, again.stderr) == (0, "")


def test_what_is_refused(model: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(code: int, *arguments: Any) -> str:
        result = run("predict", *arguments)
        assert (result.exit_code, result.stdout) == (code, ""), result.stderr
        (line,) = result.stderr.splitlines()
        assert not list(here.iterdir())
        return line

    assert "a .mid file holds one tune, and there are 2 texts" in refused(2, model, FREE, FREE, "-o", "a.mid")
    assert "'a.wav' must end in .abc or .mid" in refused(2, model, FREE, "-o", "a.wav")
    assert "there is no folder" in refused(1, model, FREE, "-o", "gone/a.abc")
    assert "dates_bahdanau writes no file: leave out --output" in refused(1, "3 mai 1998", "-o", "a.abc")
    assert "dates_bahdanau has no --tries" in refused(1, "3 mai 1998", "--tries", 2)
    assert "has no --beam; it takes --length, --temperature" in refused(1, model, FREE, "--beam", 2)
    assert "'6/7' is no meter" in refused(1, model, "M:6/7 K:G")
    assert "give a text for" in refused(2, model)
    monkeypatch.setitem(sys.modules, "mido", None)
    assert refused(1, model, FREE, "-o", "a.mid") == 'Error: MIDI files need mido: pip install "kerasrnn[midi]"'


def test_evaluate(model: Path, here: Path) -> None:
    (here / "music").mkdir()
    rows = [{"abc": tune} for tune in (JIG, REEL, JIG)]
    (here / "music" / "valid.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = json.loads(ok("evaluate", model, "--data", "music", "--by", "meter", "--json").stdout)
    assert (found["examples"], found["trials"], found["metric"]) == (3, {"valid tunes": 200}, "nats")
    assert found["metrics"]["valid tunes"] == 0
    assert [(row["of"], row["examples"]) for row in found["by"]] == [("4/4", 1), ("6/8", 2)]
    small().save(here / "copy")
    independent({"A": 0.5, END: 0.5}).save(here / "copy")
    shown = ok("evaluate", "copy", "--data", "music", "--write").stdout
    row = next(line for line in shown.splitlines() if "valid tunes" in line)
    assert row.split() == ["valid", "tunes", "0.00%", "0.00%", "–", "1.88%", "200"]
    kept = zoo.card("copy")["metrics"]["music"]["rows"]
    assert [(each["of"], each["examples"]) for each in kept] == [("nats", 3), ("bits", 3), ("valid tunes", 200)]
    assert "| valid tunes | 0.00% | 0.00% – 1.88% | 200 |" in ok("zoo", "card", "copy").stdout


def test_the_preset_writes_tunes_that_are_valid(here: Path) -> None:
    """The shipped weights: of 40 tunes nearly all, each in the meter and key that it was asked for."""
    task = zoo.load("tunes_lstm")
    asked = ["", "M:6/8 K:G", "M:2/2 K:D", "M:6/8 K:Am"] * 10
    tunes = task.write(asked)
    assert sum(map(is_valid, tunes)) >= 36
    assert len(set(tunes)) == 40
    for prompt, tune in zip(asked, tunes, strict=True):
        fields = header(tune)
        assert all(field in f"M:{fields['M']} K:{fields['K']}" for field in prompt.split())
    mean = task.evaluate([JIG.replace("G3 G2:|", "G3 G2:|\nB| c2A FGA| BAG d2B| cBA GED| G3 G2:|")]).metrics()["nats"]
    assert mean < 1.6, "a tune that it has not seen"

    seed = next(i for i in range(20) if is_valid(task.generate("M:6/8 K:G", seed=i)))
    assert ok("predict", "tunes_lstm", "M:6/8 K:G", "--seed", seed, "-o", "jig.mid").stdout == "jig.mid\n"
    file = mido.MidiFile("jig.mid")
    (meter,) = [m for m in file.tracks[0] if m.type == "time_signature"]
    (key,) = [m.key for m in file.tracks[0] if m.type == "key_signature"]
    assert (meter.numerator, meter.denominator, key) == (6, 8, "G")
    assert sum(m.type == "note_on" for m in file.tracks[0]) > 40
