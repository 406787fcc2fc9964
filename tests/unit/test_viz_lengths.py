"""Scores by length: bins, bootstrap intervals, and files."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats  # comes with seqeval

from kerasrnn.viz.lengths import LengthCurve, read_lengths, score_by_length


def test_bins_are_means(rng: np.random.Generator) -> None:
    lengths = rng.integers(3, 58, 500)
    scores = rng.random(500)
    curve = score_by_length(lengths, scores, width=10)
    assert curve.low.tolist() == [0, 10, 20, 30, 40, 50]
    assert curve.high.tolist() == [9, 19, 29, 39, 49, 59]
    for low, high, value, count in zip(curve.low, curve.high, curve.value, curve.examples, strict=True):
        inside = [s for at, s in zip(lengths, scores, strict=True) if low <= at <= high]
        assert value == pytest.approx(sum(inside) / len(inside))
        assert count == len(inside)
    assert curve.examples.sum() == 500


def test_the_interval_is_scipys_bootstrap(rng: np.random.Generator) -> None:
    scores = rng.random(60)
    curve = score_by_length(np.full(60, 7), scores, resamples=20_000)
    found = stats.bootstrap((scores,), np.mean, n_resamples=20_000, method="percentile", rng=rng).confidence_interval
    np.testing.assert_allclose(curve.interval[0], [found.low, found.high], atol=4e-3)


def test_the_interval_holds_the_truth_about_19_times_in_20() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        curve = score_by_length(np.ones(80), rng.random(80) < 0.7, resamples=300)
        hits += curve.interval[0, 0] <= 0.7 <= curve.interval[0, 1]
    assert 180 <= hits <= 199


def test_the_same_seed_the_same_interval(rng: np.random.Generator) -> None:
    lengths, scores = rng.integers(1, 9, 40), rng.random(40)
    one, two, other = (score_by_length(lengths, scores, seed=seed).interval for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


@pytest.mark.parametrize(("longest", "width"), [(11, 1), (12, 2), (50, 5), (100, 10), (900, 100), (40_000, 4_000)])
def test_a_dozen_bins_at_most(longest: int, width: int) -> None:
    curve = score_by_length(np.arange(longest + 1), np.ones(longest + 1), resamples=2)
    assert curve.high[0] - curve.low[0] + 1 == width
    assert len(curve.low) <= 12


def test_files(tmp_path: Path) -> None:
    pairs = [(3, 1), (4, 0), (12, 1), (14, 1)]
    as_lines = "\n".join(json.dumps({"length": at, "correct": bool(right)}) for at, right in pairs)
    for name, text in {
        "a.jsonl": as_lines,
        "b.tsv": "length\tcorrect\n" + "\n".join(f"{at}\t{right}" for at, right in pairs),
        "c.tsv": "".join(f"{at}\t{right}\textra\r\n" for at, right in pairs),
    }.items():
        (tmp_path / name).write_text(text)
        curve = read_lengths(tmp_path / name, width=10)
        assert curve.value.tolist() == [0.5, 1.0]
        assert curve.metric == "share of right answers"
    report = {
        "preset": "x", "data": "y", "examples": 9, "metrics": {},
        "by": [{"of": "1-9", "low": 1, "high": 9, "metric": "BLEU", "value": 20.5, "interval": [18, 22], "examples": 5},
               {"of": "1-9", "low": 1, "high": 9, "metric": "other", "value": 1, "interval": [0, 2], "examples": 5},
               {"of": "x", "low": 10, "high": 19, "metric": "BLEU", "value": 19, "interval": [17, 21], "examples": 4}],
    }  # fmt: skip
    (tmp_path / "d.json").write_text(json.dumps(report, indent=1))
    curve = read_lengths(tmp_path / "d.json")
    assert (curve.metric, curve.low.tolist(), curve.value.tolist()) == ("BLEU", [1, 10], [20.5, 19])
    assert curve.interval.tolist() == [[18, 22], [17, 21]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: Give the JSON of kerasrnn evaluate"),
        ("hello\n", "line 1: expected a length and a score, found 'hello'"),
        ("length\tscore\n", "holds no examples"),
        ("3\t1\n4\tmaybe\n", r"line 2: expected a length and a score, found '4\\tmaybe'"),
        ('{"length": 3}\n', "line 1: expected a length"),
        ('{"length": 3, "correct": NaN}\n', "line 1: expected a length"),
        ("-3\t1\n", "holds no examples"),
        ('{"by": []}', "has no bins of lengths"),
        ('{"by": [{"low": 1, "high": 2, "metric": "m", "value": "x", "interval": [0, 1], "examples": 2}]}', "no bins"),
        ('{"by": [{"low": 1, "high": 2, "metric": "m", "value": 1, "interval": [0], "examples": 2}]}', "no bins"),
        ("[" * 100_000, "line 1: expected a length"),
    ],
)
def test_files_that_hold_no_curve(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_lengths(tmp_path / "bad.txt")


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="is no text in UTF-8"):
        read_lengths(tmp_path / "bad")
    with pytest.raises(FileNotFoundError, match=r"cannot read .*gone: No such file"):
        read_lengths(tmp_path / "gone")


def test_numbers_that_are_no_scores() -> None:
    for lengths, scores in (([], []), ([1], [1, 2]), ([[1]], [[1]])):
        with pytest.raises(ValueError, match="expected as many of each, at least one"):
            score_by_length(lengths, scores)
    for lengths, scores in (([-1], [1]), ([1], [np.nan])):
        with pytest.raises(ValueError, match="expected finite numbers"):
            score_by_length(lengths, scores)
    with pytest.raises(ValueError, match="width: expected at least 1"):
        score_by_length([1], [1], width=0)
    with pytest.raises(ValueError, match=r"expected \(n,\) four times and \(n, 2\)"):
        LengthCurve(np.ones(2), np.ones(2), np.ones(2), np.ones(2), np.ones(2))
