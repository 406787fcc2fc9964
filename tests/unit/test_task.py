"""The date task: right answers, a confidence that is a probability, the same whatever way it is asked."""

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import zoo_cases

from kerasrnn import zoo
from kerasrnn.zoo.tasks import seq2seq
from kerasrnn.zoo.tasks.seq2seq import END, START, Prediction, Seq2SeqTask

DATES = zoo_cases.PAIRS | zoo_cases.ODD


@pytest.fixture(scope="module")
def task() -> Seq2SeqTask:
    return zoo_cases.shipped()


@pytest.fixture(scope="module")
def predictions(task: Seq2SeqTask) -> dict[str, Prediction]:
    return dict(zip(DATES, task.predictions(list(DATES)), strict=True))


def test_the_answers_are_right(predictions: dict[str, Prediction]) -> None:
    assert {text: found.text for text, found in predictions.items()} == DATES


def test_one_text(task: Seq2SeqTask) -> None:
    assert task.predict(["3 mai 1998"]) == ["1998-05-03"]


def test_accuracy_on_dates_never_seen(task: Seq2SeqTask) -> None:
    """99 % of dates that no form of was in the training; the card has the figure for many more."""
    pytest.importorskip("babel")
    from kerasrnn.zoo import dates

    examples = dates.sample(np.random.default_rng(300), 300, split="test")
    found = task.predict([each.text for each in examples])
    wrong = [(each, answer) for each, answer in zip(examples, found, strict=True) if each.iso != answer]
    assert len(wrong) <= 3, wrong


def test_the_card_reports_both_held_out_sets(task: Seq2SeqTask) -> None:
    scores = {name: metric["rows"][0] for name, metric in task.card["metrics"].items()}
    assert set(scores) == {"unseen_dates", "unseen_languages"}
    assert scores["unseen_dates"]["of"] == "all"
    assert scores["unseen_dates"]["value"] >= 0.99
    assert scores["unseen_dates"]["examples"] >= 10_000
    assert len(task.card["metrics"]["unseen_dates"]["rows"]) > 5, "a row for each script"
    assert task.card["score"]["value"] == pytest.approx(scores["unseen_dates"]["value"], abs=1e-4)


def test_the_example_is_one_the_task_can_read(task: Seq2SeqTask) -> None:
    (found,) = task.predictions([task.card["example"]])
    assert found.text == "1998-05-03"
    assert found.confidence > 0.9


def test_confidence_is_a_probability(predictions: dict[str, Prediction]) -> None:
    for text, found in predictions.items():
        assert 0 < found.confidence <= 1 + 1e-6, text
    assert np.mean([found.confidence for found in predictions.values()]) > 0.9


def test_tokens_are_the_text_and_the_answer(task: Seq2SeqTask, predictions: dict[str, Prediction]) -> None:
    for text, found in predictions.items():
        assert "".join(found.tokens) == found.text
        assert found.source_tokens == task.table.tokens(text)
        assert found.alignment.shape == (len(found.tokens), len(found.source_tokens)), text
    assert "".join(predictions["3 mai 1998"].source_tokens) == "3 mai 1998"
    assert "".join(predictions["٣ مايو ١٩٩٨"].source_tokens) == "٣ مايو ١٩٩٨"
    assert predictions["25 Μαρτι\u0301ου 1821"].source_tokens[6:9] == ["τ", "ι\u0301", "ο"]
    assert "".join(predictions["  3\u00a0mai\u202f1998 "].source_tokens) == "3 mai 1998"


def test_alignment_rows_sum_to_one(predictions: dict[str, Prediction]) -> None:
    for text, found in predictions.items():
        assert (found.alignment >= 0).all()
        np.testing.assert_allclose(found.alignment.sum(axis=1), 1, atol=1e-5, err_msg=text)


def test_the_alignment_finds_the_day(predictions: dict[str, Prediction]) -> None:
    """The last digit of the day is read where the day stands: the picture shows something that is there."""
    for text, day in {"27. Februar 1844": 1, "1844-02-27": 9, "31 ottobre 1517": 1, "29 lutego 2000": 1}.items():
        if text in predictions:
            looked = predictions[text].alignment[-1]
            near = looked[max(0, day - 1) : day + 2].sum()
            assert near > 0.5, (text, looked.round(2))


@pytest.fixture(params=["shipped", "lstm", "gru", "simple_rnn"], scope="module")
def any_task(request: pytest.FixtureRequest) -> Seq2SeqTask:
    """The trained task, and small ones with random weights, whose answers are far from certain."""
    if request.param == "shipped":
        return zoo_cases.shipped()
    return zoo_cases.small(7, cell=request.param)


def assert_same(found: list[Prediction], expected: list[Prediction], atol: float = 2e-5) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.text, one.tokens, one.source_tokens) == (other.text, other.tokens, other.source_tokens)
        np.testing.assert_allclose(one.confidence, other.confidence, rtol=1e-3, atol=atol)
        np.testing.assert_allclose(one.alignment, other.alignment, atol=atol)


def test_a_batch_is_its_texts_one_by_one(any_task: Seq2SeqTask) -> None:
    """Texts of different lengths together: padding changes nothing."""
    texts = list(DATES)[:8:2] + list(DATES)[-3:]
    assert len({len(any_task.table.ids(text)) for text in texts}) > 3, "a case that shows nothing"
    assert_same(any_task.predictions(texts), [any_task.predictions([text])[0] for text in texts])


def test_many_texts_in_a_graph_are_few_texts_eagerly(any_task: Seq2SeqTask) -> None:
    texts = list(DATES)
    assert len(texts) > seq2seq.EAGER_BATCH
    together = any_task.predictions(texts)
    assert any_task._compiled is not None, "nothing was compiled"
    assert_same(together, any_task.predictions(texts[:13]) + any_task.predictions(texts[13:]))
    assert_same(any_task.predictions(texts[::-1]), together[::-1])


def test_the_model_repeats_what_it_predicted(any_task: Seq2SeqTask) -> None:
    """`observe` gives inputs on which `model` takes the same choices, with the same probabilities."""
    texts = list(DATES)[::4]
    observed = any_task.observe(texts)
    probabilities = np.asarray(any_task.model(observed.inputs))
    choosable = probabilities.copy()
    choosable[:, :, [0, any_task.target[seq2seq.START]]] = 0  # padding and start are never produced
    end = any_task.target[seq2seq.END]
    assert observed.tokens == [found.tokens for found in observed.predictions]
    assert observed.source_tokens == [found.source_tokens for found in observed.predictions]
    assert_same(observed.predictions, any_task.predictions(texts))
    for row, found in enumerate(observed.predictions):
        length = len(found.tokens)
        assert length >= 1, "a case that shows nothing"
        assert (observed.targets[row, :length] != 0).all()
        np.testing.assert_array_equal(choosable[row, :length].argmax(axis=-1), observed.targets[row, :length])
        assert "".join(any_task.target_tokens[i] for i in observed.targets[row]) == found.text
        product = np.prod([probabilities[row, t, observed.targets[row, t]] for t in range(length)], dtype=float)
        if length < any_task.longest_target:  # it ended by itself, and the end counts
            inputs = [observed.inputs[0][row : row + 1], np.zeros((1, length + 1), "int32")]
            inputs[1][0] = [any_task.target[seq2seq.START], *observed.targets[row, :length]]
            product *= np.asarray(any_task.model(inputs))[0, length, end]
        np.testing.assert_allclose(found.confidence, product, rtol=1e-3)


def test_a_beam_of_one_is_the_prediction(task: Seq2SeqTask) -> None:
    texts = ["3 mai 1998", "5 de agosto de 2026"]
    assert [found.texts for found in task.beam(texts, 1)] == [[text] for text in task.predict(texts)]
    assert task.beam([]) == []


def test_a_beam_adds_up_what_the_model_gives_each_token() -> None:
    """Each path, followed back by hand, has the score that the model itself gives it when it reads it."""
    small = zoo_cases.small(3)
    (found,) = small.beam(["3 mai 1998"], 3)
    steps, width = found.tokens.shape
    assert width == 3
    assert len(found.texts) == 3
    source = small.encode(["3 mai 1998"])
    for last in range(width):
        ids, here = [], last
        for step in reversed(range(steps)):
            ids.insert(0, int(found.tokens[step, here]))
            here = int(found.parents[step, here])
        ids = [i for i in ids if i]
        assert "".join(found.vocabulary[i] for i in ids if i != small.target[END]) == found.texts[last]
        before = np.array([[small.target[START], *ids[:-1]]])
        log_p = np.log(np.array(small.model([source, before]))[0])
        total = sum(log_p[step, i] for step, i in enumerate(ids))
        assert found.scores[-1, last] == pytest.approx(total, rel=1e-4)
    assert (np.diff(found.scores, axis=1) <= 0).all(), "not the best first"


def test_observe_takes_targets(task: Seq2SeqTask) -> None:
    observed = task.observe(["3 mai 1998", "1949年10月1日"], ["1998-05-04", "2000"])
    assert observed.tokens == [list("1998-05-04"), list("2000")]
    assert [found.text for found in observed.predictions] == ["1998-05-03", "1949-10-01"]
    assert observed.targets.shape == observed.inputs[1].shape == (2, 10)
    np.testing.assert_array_equal(observed.inputs[1][:, 1:], observed.targets[:, :-1])
    assert (observed.targets[1, 4:] == 0).all()
    loss = task.model.compute_loss(y=observed.targets, y_pred=task.model(observed.inputs))
    assert loss > 0.1


def test_observe_shows_the_end_where_nothing_else_was_written(task: Seq2SeqTask) -> None:
    observed = task.observe(["3 mai 1998"], [""])
    assert observed.targets.tolist() == [[task.target[seq2seq.END]]]
    assert observed.tokens == [["<end>"]]


def test_along_names_the_axis_of_a_layer(task: Seq2SeqTask) -> None:
    observed = task.observe(["3 mai 1998"])
    assert observed.along("decoder") == [list("1998-05-03")]
    assert observed.along("encoder") == [list("3 mai 1998")]


def test_what_is_read_but_never_written_is_never_written() -> None:
    """Padding and start have a probability like any token; an answer holds neither."""
    task = zoo_cases.small(1)
    bias = np.zeros(14, "float32")
    bias[[0, task.target[seq2seq.START]]] = 50.0
    task.model.get_layer("probabilities").bias.assign(bias)
    (found,) = task.predictions(["3 mai 1998"])
    assert set(found.tokens) <= set("0123456789-")
    assert found.confidence < 1e-9
    assert task.observe(["3 mai 1998"]).tokens == [found.tokens]


def test_none_and_an_empty_answer() -> None:
    task = zoo_cases.small(1)
    assert task.predict([]) == task.predictions([]) == []
    task.model.get_layer("probabilities").bias.assign(np.eye(14, dtype="float32")[task.target[seq2seq.END]] * 90)
    (found,) = task.predictions(["3 mai 1998"])
    assert (found.text, found.tokens) == ("", [])
    assert found.alignment.shape == (0, 10)
    assert found.confidence > 0.99
    observed = task.observe(["3 mai 1998"])
    assert np.asarray(task.model(observed.inputs)).shape[:2] == observed.targets.shape


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ("3 mai 1998", TypeError, r"must be a list of strings; received one string, pass \[text\]"),
        ("", TypeError, r"must be a list of strings; received one string"),
        (["3 mai 1998", ""], ValueError, r"text '' is empty: give some text, such as '.*1998'"),
        ([" \u200f\t"], ValueError, r"is empty"),
        (["1" * 5000], ValueError, r"has 5000 characters and dates_bahdanau was made for at most 48: shorten '1111"),
        (["3 mai 1998 😀 ☃☃"], ValueError, r"never seen '😀' \(U\+1F600\), '☃' \(U\+2603\): remove or replace"),
        (["\udcff"], ValueError, r"never seen '\\udcff' \(U\+DCFF\)"),
        ([b"3 mai 1998"], TypeError, r"string"),
        ([None], TypeError, r"string"),
    ],
)
def test_texts_that_the_task_was_not_made_for(task: Seq2SeqTask, texts: Any, error: type, message: str) -> None:
    for call in (task.predict, task.predictions, task.observe):
        with pytest.raises(error, match=message):
            call(texts)


def test_a_text_of_the_greatest_length_is_read_and_one_more_is_not(task: Seq2SeqTask) -> None:
    text = "3 mai 1998".ljust(task.longest_source, ".")
    assert task.predictions([text])[0].alignment.shape[1] == task.longest_source
    with pytest.raises(ValueError, match="has 49 characters"):
        task.predict([text + "."])


def test_targets_that_the_task_cannot_write(task: Seq2SeqTask) -> None:
    with pytest.raises(
        ValueError, match=r"target '1998/05/03' holds '/'; dates_bahdanau can produce only '0123456789-'"
    ):
        task.observe(["3 mai 1998"], ["1998/05/03"])


def test_saved_is_loaded(tmp_path: Path) -> None:
    """Card, weights and answers; twice, into the same folder too."""
    task = zoo_cases.small(3)
    texts = list(zoo_cases.PAIRS)[:5]
    task.card["note of mine"] = {"ä": [1, None]}
    for _ in range(2):
        task.save(tmp_path / "made" / "here")
        again = zoo.from_preset(tmp_path / "made" / "here")
        for one, other in zip(again.model.weights, task.model.weights, strict=True):
            np.testing.assert_array_equal(one.value, other.value)
        assert_same(again.predictions(texts), task.predictions(texts), atol=1e-7)
    assert again.card["note of mine"] == {"ä": [1, None]}
    assert sorted(path.name for path in (tmp_path / "made" / "here").iterdir()) == ["card.json", "weights.npz"]
    assert again.card["weights"]["parameters"] == task.model.count_params()
    shutil.copytree(tmp_path / "made" / "here", tmp_path / "moved")
    assert zoo.from_preset(str(tmp_path / "moved")).predict(texts) == task.predict(texts)


def test_the_shipped_preset_survives_a_round_trip_unchanged(task: Seq2SeqTask, tmp_path: Path) -> None:
    """Its weights are float16 numbers, so saving loses nothing, to the byte."""
    task.save(tmp_path / "copy")
    shipped = Path(zoo.__file__).parent / "presets" / "dates_bahdanau"
    assert (tmp_path / "copy" / "weights.npz").read_bytes() == (shipped / "weights.npz").read_bytes()
    assert json.loads((tmp_path / "copy" / "card.json").read_text("utf-8")) == zoo.card("dates_bahdanau")


def test_weights_that_no_preset_can_hold_are_not_written(tmp_path: Path) -> None:
    task = zoo_cases.small(3)
    task.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    task.model.get_layer("readout").bias.assign(np.full(9, 1e6, "float32"))
    with pytest.raises(zoo.PresetError, match=r"readout/bias holds values that are not finite as float16"):
        task.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_model_is_a_plain_keras_model_that_trains(rng: np.random.Generator) -> None:
    task = zoo_cases.small(3)
    assert isinstance(task.model, keras.Model)
    observed = task.observe(["3 mai 1998", "1949年10月1日"], ["1998-05-03", "1949-10-01"])
    task.model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=True)
    losses = [task.model.train_on_batch(observed.inputs, observed.targets) for _ in range(3)]
    assert losses[-1] < losses[0]
