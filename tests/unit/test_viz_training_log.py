"""Logs of trainings: whole lines count, whoever wrote them; what is damaged is named."""

from pathlib import Path

import numpy as np
import pytest

from kerasrnn.viz import read_log


def test_series(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(
        '{"step": 1, "loss": 2.0, "name": "x", "seen": [0.5, null]}\n\n'
        '{"step": 3, "loss": NaN, "clip_fraction": 0.25}\n'
        '{"step": 2, "loss": null, "seen": [1, 2, 3]}\n'
        '{"step": 3, "accuracy": 1, "loss": 1.5}\n'
        '{"step": 4, "lo'
    )
    log = read_log(path)
    assert set(log) == {"loss", "seen", "clip_fraction", "accuracy"}
    np.testing.assert_array_equal(log["loss"].steps, [1, 2, 3])
    np.testing.assert_array_equal(log["loss"].values, [2.0, np.nan, 1.5])
    np.testing.assert_array_equal(log["seen"].values, [[0.5, np.nan, np.nan], [1, 2, 3]])
    np.testing.assert_array_equal(log["clip_fraction"].steps, [3])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no whole line yet"),
        ('{"step": 1', "holds no whole line yet"),
        ('{"step": 1}\nloss 2\n{"step": 2}\n', "line 2: expected a JSON object a line, received 'loss 2'"),
        ('{"step": 1}\n{"step"\n', "line 2: expected a JSON object a line"),
        ('{"loss": 1}\n', "line 1: expected an object with a number 'step'"),
        ("[1]\n", "line 1: expected an object with a number 'step'"),
        ('{"step": NaN}\n', "line 1: expected an object with a number 'step'"),
    ],
)
def test_what_is_no_log(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_log(tmp_path / "run.jsonl")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*nothing\.jsonl: No such file or directory"):
        read_log(tmp_path / "nothing.jsonl")
