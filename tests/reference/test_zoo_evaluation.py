"""Scores and their intervals against other people's libraries and plain loops."""

import json
import math

import numpy as np
import pytest

from kerasrnn.zoo.buckets import batches, in_order, padded
from kerasrnn.zoo.cards import interval, shown
from kerasrnn.zoo.evaluation import LENGTHS, SAMPLES, SEED, Scores, finite, ratio
from kerasrnn.zoo.readers.conll import Sentence
from kerasrnn.zoo.spans import spans
from kerasrnn.zoo.tasks.classifier import BINS, combine, softmax, statistics
from kerasrnn.zoo.tasks.tagger import accuracy_scores, entity_scores
from kerasrnn.zoo.words import WordTable

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-X"]


def tagged(rng: np.random.Generator, count: int = 150) -> tuple[list[Sentence], list[list[str]]]:
    """Sentences of random tags, and answers that are right two times in three; any tag may follow any."""
    gold = [rng.choice(TAGS, rng.integers(1, 12), p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05]).tolist() for _ in range(count)]
    found = [[str(rng.choice(TAGS)) if rng.random() < 0.35 else tag for tag in tags] for tags in gold]
    words = [[str(rng.choice(["The", "sea", "Rome", "42"])) for _ in tags] for tags in gold]
    return [Sentence(*pair) for pair in zip(words, gold, strict=True)], found


def test_entities_are_those_of_seqeval(rng: np.random.Generator) -> None:
    from seqeval.metrics.sequence_labeling import get_entities

    examples, _ = tagged(rng, 600)
    for example in examples:
        assert spans(example.tags) == set(get_entities(example.tags)), example.tags
    assert spans(["I-A", "I-B", "B-B", "O", "I-B"]) == {("A", 0, 0), ("B", 1, 1), ("B", 2, 2), ("B", 4, 4)}
    assert spans([]) == spans(["O"]) == set()


def test_entity_scores_are_those_of_seqeval(rng: np.random.Generator) -> None:
    from seqeval.metrics import classification_report, f1_score, precision_score, recall_score

    examples, found = tagged(rng)
    gold = [example.tags for example in examples]
    scores = entity_scores(examples, found, np.array([len(tags) for tags in gold]))
    metrics = scores.metrics()
    assert metrics["f1"] == pytest.approx(f1_score(gold, found), abs=1e-12)
    assert metrics["precision"] == pytest.approx(precision_score(gold, found), abs=1e-12)
    assert metrics["recall"] == pytest.approx(recall_score(gold, found), abs=1e-12)
    report = classification_report(gold, found, output_dict=True)
    rows = scores.report("label")["by"]
    assert [row["of"] for row in rows] == sorted(report.keys() - {"micro avg", "macro avg", "weighted avg"})
    for row in rows:
        its = report[row["of"]]
        assert row["metrics"]["f1"] == row["value"] == pytest.approx(its["f1-score"], abs=1e-12)
        assert row["metrics"]["precision"] == pytest.approx(its["precision"], abs=1e-12)
        assert row["metrics"]["recall"] == pytest.approx(its["recall"], abs=1e-12)
        assert row["interval"][0] < row["value"] < row["interval"][1]
        holding = [row["of"] in {span[0] for span in spans(a) | spans(b)} for a, b in zip(gold, found, strict=True)]
        assert row["examples"] == sum(holding) < len(gold)
        assert row["entities"] == its["support"]
    assert 0.2 < metrics["f1"] < 0.9


def test_accuracy_against_a_loop(rng: np.random.Generator) -> None:
    examples, found = tagged(rng)
    table = WordTable(["the", "00"])
    scores = accuracy_scores(examples, found, np.ones(len(examples)), table)
    right, unknown, whole = [], [], []
    for example, given in zip(examples, found, strict=True):
        for word, tag, guess in zip(example.words, example.tags, given, strict=True):
            right.append(tag == guess)
            if word in ("sea", "Rome"):
                unknown.append(tag == guess)
        whole.append(example.tags == given)
    expected = {"accuracy": right, "accuracy of unknown words": unknown, "whole sentences": whole}
    assert scores.metrics() == pytest.approx({name: np.mean(values) for name, values in expected.items()})
    rows = {row["of"]: row for row in scores.report("label")["by"]}
    assert list(rows) == sorted({tag for example in examples for tag in example.tags})
    for label, row in rows.items():
        of = [
            [(word, tag == guess) for word, tag, guess in zip(*example, given, strict=True) if tag == label]
            for example, given in zip(examples, found, strict=True)
        ]
        words = [each for sentence in of for each in sentence]
        its = {
            "accuracy": [hit for _, hit in words],
            "accuracy of unknown words": [hit for word, hit in words if word in ("sea", "Rome")],
            "whole sentences": [all(hit for _, hit in sentence) for sentence in of if sentence],
        }
        assert row["metrics"] == pytest.approx({name: np.mean(values) for name, values in its.items()})
        assert row["examples"] == sum(map(bool, of))
        assert row["words"] == len(words)


def test_calibration_against_a_loop(rng: np.random.Generator) -> None:
    shares = softmax(3 * rng.standard_normal((400, 3)))
    shares[0] = [1, 0, 0]  # the last bin has its upper end
    targets = rng.integers(0, 3, 400)
    targets[0] = 0
    metrics = combine(statistics(shares, targets).sum(axis=0))
    error = 0.0
    for k in range(BINS):
        inside = [
            i for i in range(400) if k / BINS <= max(shares[i]) < (k + 1) / BINS or (k == 14 and shares[i, 0] == 1)
        ]
        if inside:
            sure = np.mean([max(shares[i]) for i in inside])
            correct = np.mean([shares[i].argmax() == targets[i] for i in inside])
            error += len(inside) / 400 * abs(sure - correct)
    assert metrics["calibration error"] == pytest.approx(error, abs=1e-12)
    assert metrics["accuracy"] == pytest.approx(np.mean(shares.argmax(axis=1) == targets))
    losses = [-math.log(max(shares[i, targets[i]], 1e-12)) for i in range(400)]
    assert metrics["log loss"] == pytest.approx(np.mean(losses))


def test_softmax() -> None:
    logits = np.array([[1000.0, 1000.0, -1000.0], [0.5, 0.0, -0.5]], np.float32)
    weights = np.exp([0.5, 0.0, -0.5])
    np.testing.assert_allclose(softmax(logits), [[0.5, 0.5, 0], weights / weights.sum()], rtol=1e-12)


def some(rng: np.random.Generator, n: int = 60) -> Scores:
    statistics = np.stack([rng.integers(0, 5, n), np.full(n, 4), np.zeros(n)], axis=1)

    def combined(sums: np.ndarray) -> dict[str, np.ndarray]:
        return {"share": ratio(sums[..., 0], sums[..., 1]), "nothing": ratio(sums[..., 2], sums[..., 2])}

    groups = {"label": ["b", "a", "c"] * (n // 3)}
    return Scores(statistics, combined, rng.integers(1, 50, n), "share", groups=groups)


def test_intervals_are_percentiles_of_examples_drawn_again(rng: np.random.Generator) -> None:
    scores = some(rng)
    draws = np.random.default_rng(SEED)
    means = []
    for _ in range(SAMPLES):
        drawn = draws.integers(0, 60, 60)
        means.append(scores.statistics[drawn, 0].sum() / scores.statistics[drawn, 1].sum())
    low, high = scores.intervals()["share"]
    np.testing.assert_allclose([low, high], np.percentile(means, [2.5, 97.5]), rtol=1e-12)
    assert low < scores.metrics()["share"] < high


def test_a_group_is_scored_as_if_it_were_all(rng: np.random.Generator) -> None:
    scores = some(rng)
    chosen = np.array(scores.groups["label"]) == "a"
    few = Scores(scores.statistics[chosen], scores.combine, scores.lengths[chosen], "share")
    row = next(row for row in scores.report("label")["by"] if row["of"] == "a")
    assert (row["examples"], row["value"]) == (20, scores.statistics[chosen, 0].sum() / 80)
    assert row["interval"] == pytest.approx(few.intervals()["share"])


def test_a_report_is_json(rng: np.random.Generator) -> None:
    """What cannot be measured is null: JSON has no nan."""
    report = some(rng).report("label")
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert set(report) == {"examples", "metric", "higher is better", "metrics", "intervals", "by"}
    assert report["metrics"]["nothing"] is None
    assert report["intervals"]["nothing"] == [None, None]
    assert [(row["of"], row["examples"]) for row in report["by"]] == [("a", 20), ("b", 20), ("c", 20)]
    assert report["by"][0]["metrics"]["nothing"] is None
    assert finite({"a": (1.5, math.inf), "b": {"c": -math.inf}, "d": "nan"}) == {
        "a": [1.5, None],
        "b": {"c": None},
        "d": "nan",
    }
    assert shown("f1", None) == "–"
    assert interval("f1", None, None) == "– – –"


def test_rows_by_length_hold_every_example_once(rng: np.random.Generator) -> None:
    scores = some(rng)
    rows = scores.report("length")["by"]
    assert sum(row["examples"] for row in rows) == 60
    for row in rows:
        assert row["low"] in LENGTHS
        inside = (scores.lengths >= row["low"]) & (scores.lengths <= row["high"])
        assert row["examples"] == inside.sum()
        assert row["value"] == pytest.approx(scores.statistics[inside, 0].mean() / 4)
        assert row["interval"][0] <= row["value"] <= row["interval"][1]
    longest = Scores(scores.statistics, scores.combine, np.full(60, 5000), "share")
    assert [(row["of"], row["low"], row["high"]) for row in longest.report("length")["by"]] == [("800–5000", 800, 5000)]
    with pytest.raises(ValueError, match=r"cannot be scored by script; they can by length, label"):
        scores.report("script")


@pytest.mark.parametrize("most", [None, 64])
def test_batches_of_like_lengths(rng: np.random.Generator, most: int | None) -> None:
    lengths = rng.integers(0, 70, 101).tolist()
    made = [batches(lengths, batch_size=8, most=most, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    for one, other in zip(made[0], made[1], strict=True):
        assert (one[0].tolist(), one[1]) == (other[0].tolist(), other[1])
    assert [length for _, length in made[0]] != [length for _, length in made[2]]
    for plan in (made[0], in_order(lengths, batch_size=8, most=most)):
        assert {int(i) for chosen, _ in plan for i in chosen} == set(range(101))
        shapes = {(len(chosen), length) for chosen, length in plan}
        assert len(shapes) == len({length for _, length in plan}), "one shape a length"
        for chosen, length in plan:
            assert all(padded(max(lengths[i], 1)) == length for i in chosen)
            assert len(chosen) == (8 if most is None else max(1, min(8, most // length)))
    assert [length for _, length in in_order(lengths, batch_size=8)] == sorted(
        length for _, length in in_order(lengths, batch_size=8)
    )
    assert in_order([], batch_size=4) == []
    assert [padded(n) for n in (1, 8, 9, 4096, 4097, 9000)] == [8, 8, 16, 4096, 8192, 12288]
