"""What the commands of attention, beams, interventions, matches, differences and lengths must refuse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cli_cases
import pytest
import zoo_cases

Refused = Callable[..., str]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    cli_cases.write_models(folder)
    zoo_cases.small(3).save(folder / "small")
    other = zoo_cases.card()
    other["vocabulary"]["source"] += "ж☃"
    other["arguments"]["source_size"] += len("ж☃")
    from kerasrnn.zoo.tasks.seq2seq import Seq2SeqTask

    Seq2SeqTask.build(other).save(folder / "different")
    (folder / "lines.txt").write_text("3 mai 1998\n")
    (folder / "unread.txt").write_text("☃\n☃☃\n")
    (folder / "latin.txt").write_bytes(b"\xe9t\xe9\n")
    (folder / "odd.tsv").write_text("3\t1\n3\n")
    (folder / "one.tsv").write_text("3\t0.4\n3\t0.2\n")
    (folder / "two.tsv").write_text("3\t1\n3\t0\n")
    return folder


@pytest.fixture
def refused(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Runs a command that must fail, and returns its one line of error; no file is left behind."""
    monkeypatch.chdir(tmp_path)

    def check(code: int, *arguments: Any) -> str:
        result = cli_cases.run("viz", *arguments)
        assert (result.exit_code, result.stdout) == (code, ""), result.stderr
        *_, last = result.stderr.splitlines()
        assert last.startswith("Error: ")
        assert "Traceback" not in result.stderr
        assert not list(tmp_path.iterdir())
        return last

    return check


def test_attention(refused: Refused, models: Path) -> None:
    pair = [models / "pair.keras", "--input", models / "pair.npz"]
    small = [models / "small", "3 mai 1998"]
    assert "--mass" in refused(2, "attention", *small, "--mass", "1.5")
    assert "--limit is for figures" in refused(2, "attention", *small, "--limit", "0.1", "-o", "page.html")
    assert "--limit" in refused(2, "attention", *small, "--limit", "0")
    assert "--corpus is for --kind faithful" in refused(2, "attention", *small, "--corpus", models / "lines.txt")
    faithful = ["attention", "--kind", "faithful"]
    assert "gives no probabilities" in refused(1, *faithful, *pair)
    assert "--limit is for --kind heatmap" in refused(2, *faithful, *pair, "--limit", "0.1")
    assert "--corpus is for models that read text" in refused(2, *faithful, *pair, "--corpus", models / "lines.txt")
    assert "is for figures: a page shows the weights" in refused(2, *faithful, *small, "-o", "a.html")
    for name, message in (
        ("unread.txt", "has no line that small_dates can read: small_dates has never seen '☃'"),
        ("latin.txt", "is not UTF-8 text (byte 0)"),
        ("gone.txt", "No such file or directory. Give a file with one text a line"),
        ("steps.npy", "holds arrays, and this model reads texts"),
    ):
        assert message in refused(1, *faithful, *small, "--corpus", models / name)


def test_beam(refused: Refused, models: Path) -> None:
    assert "--layer has no meaning here" in refused(2, "beam", models / "small", "3 mai", "--layer", "decoder")
    assert "--input has no meaning here" in refused(2, "beam", models / "lstm.keras", "--input", models / "steps.npy")
    assert "0 is not in the range" in refused(2, "beam", models / "small", "3 mai", "--width", "0")
    assert "--tokens 40:: beam has" in refused(2, "beam", models / "small", "3 mai 1998", "--tokens", "40:")
    assert "--tokens is for figures" in refused(2, "beam", models / "small", "3 mai", "--tokens", "1:", "-o", "a.html")
    assert "has never seen '☃'" in refused(1, "beam", models / "small", "☃")


def test_intervene(refused: Refused, models: Path) -> None:
    lstm = ["intervene", models / "lstm.keras", "--input", models / "steps.npy"]
    for option, value, code, message in (
        ("--clamp", "forget", 2, "'forget' is no gate and value: write forget=1"),
        ("--clamp", "forget=much", 2, "write forget=1"),
        ("--clamp", "forget=nan", 2, "write forget=1"),
        ("--clamp", "forget=inf", 1, "expected a finite value"),
        ("--clamp", "update=1", 1, "expected a gate of layer 'reader' (input, forget, candidate, output)"),
        ("--zero", "5", 1, "expected a unit of layer 'reader' (0 to 4), received '5'"),
        ("--attend", "3", 2, "'3' is no pair of steps: write 5:0"),
        ("--attend", "0:0", 1, "expected one with an attention layer"),
        ("--steps", "3", 2, "'3' is no window"),
    ):
        assert message in refused(code, *lstm, option, value)
    pair = ["intervene", models / "pair.keras", "--input", models / "pair.npz"]
    assert "gives no probabilities" in refused(1, *pair, "--attend", "0:0")
    assert "model: expected one with a recurrent layer" in refused(
        1, "intervene", models / "dense.keras", "--input", models / "flat.npy"
    )
    small = ["intervene", models / "small", "3 mai 1998"]
    assert "the source has steps 0 to 9, received 99" in refused(1, *small, "--attend", "0:99")
    assert "received 99" in refused(1, *small, "--attend", "99:0")


def test_match(refused: Refused, models: Path) -> None:
    lstm = ["match", models / "lstm.keras", "--input", models / "steps.npy"]
    assert "choose within 0:7" in refused(2, *lstm, "--span", "3:9")
    assert "--threshold" in refused(2, *lstm, "--threshold", "0")
    assert "no unit of reader is on at every step of 1:4 at threshold 1: lower" in refused(
        1, *lstm, "--threshold", "1", "--span", "1:4"
    )
    assert "--tokens has no meaning here" in refused(2, *lstm, "--tokens", "1:3")
    assert "cannot read" in refused(1, *lstm, "--corpus", models / "gone.npy", "--threshold", "0.01")
    small = ["match", models / "small", "3 mai 1998", "--threshold", "0.01"]
    assert "has no line that small_dates can read" in refused(1, *small, "--corpus", models / "unread.txt")


def test_diff(refused: Refused, models: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("data")
    steps = ["--input", models / "steps.npy", "-o", data / "x.png"]
    cli_cases.ok("viz", "gates", models / "lstm.keras", *steps, "--data", data / "lstm.npz")
    cli_cases.ok("viz", "gates", models / "tagger.keras", *steps, "--data", data / "tagger.npz")
    assert "Missing argument" in refused(2, "diff")
    assert "give two models to compare" in refused(2, "diff", models / "small")
    assert "is no model: give two models, and then the TEXT" in refused(2, "diff", models / "small", "3 Mai 1998")
    assert "no file of --data" in refused(2, "diff", data / "lstm.npz", models / "lstm.keras")
    assert "there is no file gone.npz" in refused(1, "diff", "gone.npz", data / "lstm.npz")
    assert "expected a file written by Capture.save" in refused(1, "diff", models / "pair.npz", data / "lstm.npz")
    assert "expected arrays that the first has too" in refused(1, "diff", data / "lstm.npz", data / "tagger.npz")
    assert "--kind attention" in refused(2, "diff", data / "lstm.npz", data / "lstm.npz", "--kind", "attention")
    assert "--row 9" in refused(2, "diff", data / "lstm.npz", data / "lstm.npz", "--row", "9")
    assert "--unsafe has no meaning" in refused(2, "diff", data / "lstm.npz", data / "lstm.npz", "--unsafe")
    assert "--layer has no meaning" in refused(2, "diff", data / "lstm.npz", data / "lstm.npz", "--layer", "a")
    assert "have different vocabularies" in refused(1, "diff", models / "different", models / "small", "3 mai 1998")
    assert "expected" in refused(
        1, "diff", models / "lstm.keras", models / "scorer.keras", "--input", models / "ids.npy"
    )


def test_length(refused: Refused, models: Path) -> None:
    assert "Missing argument" in refused(2, "length")
    assert "line 2: expected a length and a score" in refused(1, "length", models / "odd.tsv")
    assert "cannot read" in refused(1, "length", models / "gone.tsv")
    assert "is no text in UTF-8" in refused(1, "length", models / "latin.txt")
    assert "different scores (mean score, share of right answers)" in refused(
        1, "length", models / "one.tsv", models / "two.tsv"
    )
    assert "give --label once for each of the 2 files; it came 1" in refused(
        2, "length", models / "one.tsv", models / "two.tsv", "--label", "a"
    )
