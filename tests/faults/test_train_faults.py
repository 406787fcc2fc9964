"""`train` with data and options that are wrong: one line that says what to do, and nothing begun."""

from pathlib import Path

import pytest
from cli_cases import refused_training


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (1, ["pos_bilst"], "no recipe 'pos_bilst'. Did you mean 'pos_bilstm'?"),
        (2, ["pos_bilstm"], "give the data of pos_bilstm with --data: pos_ewt"),
        (1, ["pos_bilstm", "--data", "gone"], "there is no gone: give a folder with the data of pos_bilstm, or a file"),
        (1, ["pos_bilstm", "--data", "."], "holds no file for 'train': expected train.tsv,"),
        (1, ["pos_bilstm", "--data", "a.tsv"], "there are no validation examples: give them with --valid FILE"),
        (1, ["pos_bilstm", "--data", "a.tsv", "--set", "unit=3"], "pos_bilstm has no option 'unit'; it has epochs,"),
        (1, ["pos_bilstm", "--data", "a.tsv", "--set", "units=x"], "option units: expected int, received 'x'"),
        (2, ["pos_bilstm", "--data", "a.tsv", "--set", "units"], "'units' is not of the form NAME=VALUE"),
        (1, ["pos_bilstm", "--data", "a.tsv", "--learning-rate", "nan"], "learning_rate: expected a positive number"),
        (1, ["pos_bilstm", "--data", "a.tsv", "--set", "clip=0"], "option clip: expected a positive number"),
        (
            1,
            ["pos_bilstm", "--data", "a.tsv", "--set", "average=1"],
            "option average: expected a number from 0 to below",
        ),
        (2, ["pos_bilstm", "--data", "a.tsv", "--epochs", "0"], "--epochs"),
        (1, ["pos_bilstm", "--data", "a.tsv", "--valid", "a.tsv", "--columns", "text=0"], "it reads word, tag"),
        (
            1,
            ["pos_bilstm", "--data", "a.tsv", "--valid", "a.tsv", "--columns", "tag=4"],
            "a.tsv:1: expected at least 5",
        ),
        (
            2,
            ["dates_bahdanau"],
            "dates_bahdanau makes its data, by: python -m kerasrnn.zoo.dates.train --out runs/dates",
        ),
        (1, ["sentiment_lstm", "--data", "a.csv", "--valid", "a.csv"], "a.csv has no column 'text'"),
        (1, ["lm_shakespeare", "--data", "a.txt", "--valid", "a.txt"], "50 streams of 128 steps need 6529"),
        (1, ["pos_bilstm", "--data", "latin.tsv", "--valid", "a.tsv"], "latin.tsv:1 is not UTF-8 text"),
    ],
)
def test_data_and_options_that_are_refused(
    code: int, arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.tsv").write_text("a\tX\n")
    Path("a.csv").write_text("a,b\n1,2\n")
    Path("a.txt").write_text("a few letters\n")
    Path("latin.tsv").write_bytes(b"na\xefve\tX\n")
    assert message in refused_training(code, "train", *arguments, "--out", "run", "-q")
    assert not Path("run").exists() or not list(Path("run").iterdir())
