"""Taggers, classifiers, language models and forecasters: their answers from plain NumPy, alone as in any batch."""

import itertools
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy_crf
import pytest
from task_cases import BIO, CHARACTERS, TABLE, TEXTS, cards, series, small

from kerasrnn import zoo
from kerasrnn.crf.chain import unpack
from kerasrnn.zoo.readers.conll import Sentence
from kerasrnn.zoo.readers.series import Series
from kerasrnn.zoo.tasks import classifier, language_model
from kerasrnn.zoo.tasks.classifier import Example
from kerasrnn.zoo.tasks.forecaster import CALENDAR
from kerasrnn.zoo.words import cut

MANY = [" ".join(TEXTS[i % 5].split()[: 1 + i % 11]) for i in range(90)]  # more than are answered as one batch


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    highest = logits.max(axis=-1, keepdims=True)
    return logits - highest - np.log(np.exp(logits - highest).sum(axis=-1, keepdims=True))


def test_tags_are_the_best_of_each_sentence_alone() -> None:
    """Without padding; of the CRF the best of all paths, each scored by itself."""
    task = small("pos")
    found = task.predict(MANY)
    for text, each in list(zip(MANY, found, strict=True))[:12]:
        words = cut(text)
        assert each.words == words
        logits = np.asarray(task.model([TABLE.encode([words]), TABLE.spell([words], 6)]))[0]
        assert each.tags == [task.tags[i] for i in logits.argmax(axis=1)]
    assert len({tag for each in found for tag in each.tags}) >= 3

    task = small("ner")
    texts = [text for text in MANY if len(cut(text)) <= 5]
    found = task.predict(MANY)
    assert len(texts) > 20
    for text in dict.fromkeys(texts):
        chain = [np.asarray(part) for part in unpack(task.model(TABLE.encode([cut(text)])))]
        paths = numpy_crf.enumerate_paths(chain[0][0], *chain[1:4], np.ones(chain[0].shape[1], bool))
        assert found[MANY.index(text)].tags == [BIO[i] for i in paths.paths[0]]
    for each in found:
        for one, other in itertools.pairwise(["O", *each.tags]):
            assert other[:2] != "I-" or one[2:] == other[2:], "an entity that begins in its middle"


def test_tags_of_a_batch_of_any_size_and_order(rng: np.random.Generator) -> None:
    for name in ("pos", "ner"):
        task = small(name)
        whole = task.predict(MANY)
        order = rng.permutation(len(MANY))[:20]
        assert [whole[i] for i in order] == task.predict([MANY[i] for i in order])
        assert task.predict([]) == []


def test_a_tagger_in_training(rng: np.random.Generator) -> None:
    """Rare words are unknown now and then, others and characters never; targets stand where words are."""
    task = small("pos")
    examples = [Sentence(words := cut(text), ["X"] * len(words)) for text in TEXTS]
    inputs, targets = task.batch(examples, None, 48)
    assert inputs[0].shape == targets.shape == (5, 48)
    assert ((targets == 3) == (inputs[0] > 0)).all()
    assert (targets[inputs[0] == 0] == -1).all()
    noised = [task.batch(examples, np.random.default_rng(i), 48)[0] for i in range(40)]
    changed = np.mean([each[0] != inputs[0] for each in noised], axis=0)
    assert (changed[inputs[0] < 9] == 0).all()
    assert 0.1 < changed[inputs[0] >= 9].mean() < 0.4
    assert all((each[1] == inputs[1]).all() for each in noised)
    with pytest.raises(ValueError, match=r"the tag 'VRB' was never seen in training; pos knows ADJ, NOUN, VERB, X"):
        task.batch([Sentence(["a"], ["VRB"])])


def test_a_tagger_reads_other_names_of_its_types(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("Ann B-person\nLee I-person\nRome B-LOC\n")
    task = small("ner")
    assert task.read(tmp_path / "a.conll") == [Sentence(["Ann", "Lee", "Rome"], ["B-PER", "I-PER", "B-LOC"])]
    scores = task.evaluate(task.read(tmp_path / "a.conll"))
    assert scores.main == "f1"
    with pytest.raises(ValueError, match=r"ner reads no column 'text'; it reads word, tag"):
        task.read(tmp_path / "a.conll", text=0)


@pytest.mark.parametrize("name", ["reviews", "opinions"])
def test_labels_are_those_of_each_text_alone(name: str) -> None:
    task = small(name)
    found = task.predict(MANY)
    temperature = 1.7 if name == "reviews" else 1.0
    for text, each in list(zip(MANY, found, strict=True))[:14]:
        logits = np.asarray(task.model(TABLE.encode([cut(text)])))[0] / temperature
        shares = np.exp(log_softmax(logits))
        np.testing.assert_allclose(list(each.probabilities.values()), shares, atol=2e-6)
        assert list(each.probabilities) == task.labels
        assert each.label == task.labels[int(shares.argmax())]
        assert each.confidence == max(each.probabilities.values())
    assert len({each.label for each in found}) > 1
    few = task.predict(MANY[:6])
    for one, other in zip(few, found[:6], strict=True):
        np.testing.assert_allclose(one.confidence, other.confidence, atol=2e-6)


def test_series_of_numbers_need_not_have_one_length(rng: np.random.Generator) -> None:
    task = small("digits")
    for count in (7, 80):
        contents = [rng.standard_normal((1 + i % 5 * 3, 2)).astype(np.float32) for i in range(count)]
        for content, found in zip(contents, task.predict(contents), strict=True):
            logits = np.asarray(task.model(content[None]))[0]
            np.testing.assert_allclose(list(found.probabilities.values()), np.exp(log_softmax(logits)), atol=2e-6)
    for wrong in (np.zeros((3, 1)), np.zeros(3), np.zeros((0, 2))):
        with pytest.raises(ValueError, match=r"digits reads numbers \(t, 2\); received \("):
            task.predict([wrong])


def test_a_classifier_is_scored_by_label_and_length(rng: np.random.Generator) -> None:
    task = small("reviews")
    examples = [Example(cut(text), str(rng.choice(["bad", "good"]))) for text in MANY]
    scores = task.evaluate(examples)
    guessed = [each.label for each in task.predict(MANY)]
    right = [guess == example.label for guess, example in zip(guessed, examples, strict=True)]
    assert scores.metrics()["accuracy"] == pytest.approx(np.mean(right))
    rows = {row["of"]: row for row in scores.report("label")["by"]}
    assert set(rows) == {"bad", "good"}
    assert rows["bad"]["value"] == pytest.approx(
        np.mean([r for r, example in zip(right, examples, strict=True) if example.label == "bad"])
    )
    assert scores.details["labels"]["so so"]["recall"] is None, "a label that these examples do not have"
    with pytest.raises(ValueError, match=r"the label 'fine' is none of reviews's: bad, good, so so"):
        task.evaluate([Example(["a"], "fine")])


def test_the_temperature_fits_the_probabilities_best(rng: np.random.Generator) -> None:
    """Labels drawn at a known temperature give it back."""
    card = cards()["reviews"]
    task = classifier.ClassifierTask.build(card | {"vocabulary": dict(card["vocabulary"])})
    for variable, value in zip(task.model.weights, small("reviews").model.get_weights(), strict=True):
        variable.assign(value)
    texts = MANY * 12
    logits = task.logits([cut(text) for text in texts])
    shares = np.exp(log_softmax(logits / 2.5))
    labels = [task.labels[rng.choice(3, p=row / row.sum())] for row in shares]
    examples = [Example(cut(text), label) for text, label in zip(texts, labels, strict=True)]
    found = task.calibrate(examples)
    assert found == task.temperature == task.card["vocabulary"]["temperature"]
    targets = task.targets(examples)

    def loss(temperature: float) -> float:
        return -log_softmax(logits / temperature)[np.arange(len(targets)), targets].mean()

    assert loss(found) <= min(loss(each) for each in np.linspace(0.3, 7.5, 300)) + 1e-6


def test_surprise_is_the_log_softmax_of_one_run(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also over several chunks, which carry the state; an unknown character counts as unknown."""
    monkeypatch.setattr(language_model, "CHUNK", 16)
    for name, text in (
        ("letters", "".join(rng.choice(list(CHARACTERS + "Q"), 53))),
        ("letters", "".join(rng.choice(list(CHARACTERS), 48))),
        ("sentences", "the lobster is red .\nthe dog is .\n\n" * 4),
    ):
        task = small(name)
        ids = [task.ids[task.start], *(task.ids.get(token, 1) for token in task.split(text))]
        logits = np.asarray(task.model(np.array([ids[:-1]])))[0]
        expected = -log_softmax(logits)[np.arange(len(ids) - 1), ids[1:]]
        found = task.surprise(text)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert (found > 0).all()
        if name == "letters":
            np.testing.assert_allclose(task.surprise(text[:5]), expected[:5], atol=1e-4)
        scores = task.evaluate([text]).metrics()
        assert scores["nats"] == pytest.approx(expected.mean(), abs=1e-4)
        if name == "letters":
            assert scores["bits"] == pytest.approx(expected.mean() / math.log(2), abs=1e-4)
        else:
            assert scores["perplexity"] == pytest.approx(math.exp(expected.mean()), rel=1e-3)
    assert task.surprise("").shape == (0,)
    with pytest.raises(ValueError, match=r"the text is empty"):
        task.evaluate([""])


def test_surprise_in_the_chunks_that_ship(rng: np.random.Generator) -> None:
    task = small("letters")
    text = "".join(rng.choice(list(CHARACTERS), 2 * language_model.CHUNK + 9))
    ids = [task.ids["\n"], *(task.ids[token] for token in text)]
    logits = np.asarray(task.model(np.array([ids[:-1]])))[0]
    np.testing.assert_allclose(task.surprise(text), -log_softmax(logits)[np.arange(len(text)), ids[1:]], atol=2e-4)
    scores = task.evaluate([text, text[:300]])
    assert scores.statistics[:, 1].tolist() == [256] * 8 + [9, 256, 44], "blocks that are drawn again"


def test_surprise_follows_the_weights() -> None:
    """The scoring model has copies of the layers: they must not be stale."""
    card = cards()["letters"]
    task = language_model.LanguageModelTask.build(card)
    before = task.surprise("abc")
    for variable, value in zip(task.model.weights, small("letters").model.get_weights(), strict=True):
        variable.assign(value)
    np.testing.assert_allclose(task.surprise("abc"), small("letters").surprise("abc"), atol=1e-5)
    assert (task.surprise("abc") != before).all()


@pytest.mark.parametrize(("name", "prompt"), [("letters", "head"), ("letters", ""), ("sentences", "the lobster is")])
def test_generated_text_is_that_of_a_plain_loop(name: str, prompt: str) -> None:
    """Each step the whole text so far is read again; padding and unknown are never written."""
    task = small(name)
    ids = [task.ids[task.start], *(task.ids[token] for token in task.split(prompt))]
    begun = len(ids)
    for _ in range(12):
        logits = np.array(task.model(np.array([ids])))[0, -1]
        logits[:2] = -np.inf
        ids.append(int(logits.argmax()))
    tokens = [task.tokens[i] for i in ids[begun:]]
    expected = "".join(tokens) if name == "letters" else " ".join(tokens)
    found = task.generate(prompt, length=12, temperature=0)
    assert (found if name == "letters" else found.replace("\n", " <eos> ").split()) == (
        expected if name == "letters" else expected.split()
    )


def test_sampling_follows_its_seed_and_options() -> None:
    task = small("letters")
    one, same, other = (task.generate("a", length=30, seed=seed) for seed in (1, 1, 2))
    assert one == same != other
    assert len(one) == 30
    assert set(one) <= set(CHARACTERS)
    assert task.generate("a", length=9, top_k=1) == task.generate("a", length=9, temperature=0)
    text = task.generate("a", length=60, seed=3, temperature=2.0)
    ended = task.generate("a", length=60, seed=3, temperature=2.0, end=text[5])
    assert ended == text[: text.index(text[5])]


def test_prompts_that_are_refused() -> None:
    with pytest.raises(ValueError, match=r"letters has never seen 'Q': remove it from the text"):
        small("letters").generate("abQ")
    with pytest.raises(ValueError, match=r"`end` must be a token that letters knows; received 'Q'"):
        small("letters").generate("ab", end="Q")
    with pytest.raises(TypeError, match=r"must be a list of strings"):
        small("letters").predict("ab")
    assert small("sentences").generate("an unheard lobster", length=2), "words may be unknown"


def test_words_between_lines() -> None:
    task = small("sentences")
    assert task.split("a b\nc\r\n\n d\u2028e") == ["a", "b", "<eos>", "c", "<eos>", "<eos>", "d", "e"]
    assert task.split("the lobster is") == ["the", "lobster", "is"], "a prompt is not at its end"
    assert task.split("the lobster is\n")[-1] == "<eos>"


def test_windows_are_plain_slices(rng: np.random.Generator) -> None:
    task, hours = small("weather"), series(rng)
    count = task.windows(hours)
    assert count == 40 - 6 - 4 + 1
    starts = np.array([0, 7, count - 1])
    (past, ahead), targets = task.batch((hours, starts))
    assert (past.shape, ahead.shape, targets.shape) == ((3, 6, 1 + CALENDAR), (3, 4, CALENDAR), (3, 4))
    scaled = (hours.values - 11.0) / 3.5
    for row, start in enumerate(starts):
        np.testing.assert_allclose(past[row, :, 0], scaled[start : start + 6], rtol=1e-6)
        np.testing.assert_allclose(targets[row], scaled[start + 6 : start + 10], rtol=1e-6)
        calendar = np.concatenate([past[row, :, 1:], ahead[row]])
        for at, features in zip(hours.times[start : start + 10], calendar, strict=True):
            stamp = at.astype("datetime64[s]").astype(int)
            day = 2 * np.pi * (stamp % 86400) / 86400
            np.testing.assert_allclose(features[:2], [np.sin(day), np.cos(day)], atol=1e-6)
    noon = [time.astype(object).hour for time in hours.times].index(12)
    np.testing.assert_allclose(task.inputs(hours, np.array([noon]))[0][0, 0, 1:3], [0, -1], atol=1e-6)


def test_a_forecast_reads_no_future(rng: np.random.Generator) -> None:
    task, hours = small("weather"), series(rng)
    changed = Series(hours.times, hours.values.copy())
    changed.values[20:] += 100
    before, after = task.forecasts(hours)[0], task.forecasts(changed)[0]
    np.testing.assert_array_equal(before[:15], after[:15])  # windows whose past ends before
    assert (np.abs(before[15:] - after[15:]) > 1e-3).any(axis=1).all()


def test_forecasts_are_those_of_each_window_alone(rng: np.random.Generator) -> None:
    task, hours = small("weather"), series(rng)
    forecast, truth = task.forecasts(hours)
    for start in (0, 5, 30):
        early = Series(hours.times[: start + 6], hours.values[: start + 6])
        alone = task.predict([early])[0]
        np.testing.assert_allclose(alone.values, forecast[start] * 3.5 + 11, atol=1e-4)
        np.testing.assert_array_equal(
            alone.times, hours.times[start + 6 : start + 6 + 4] if start < 30 else alone.times
        )
    assert alone.times.tolist() == hours.times[36:40].tolist()
    scores = task.evaluate([hours])
    metrics = scores.metrics()
    assert metrics["mse"] == pytest.approx(((forecast - truth) ** 2).mean())
    assert metrics["mae"] == pytest.approx(np.abs(forecast - truth).mean())
    scaled = (hours.values - 11.0) / 3.5
    errors = [scaled[start + 5] - scaled[start + 6 + step] for start in range(31) for step in range(4)]
    assert metrics["mse of persistence"] == pytest.approx(np.square(errors).mean(), rel=1e-5)
    assert metrics["mae of persistence"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)
    assert scores.details["mse by step ahead"]["4"] == pytest.approx(((forecast - truth)[:, 3] ** 2).mean())


def test_a_linear_model_beside_it(rng: np.random.Generator) -> None:
    """The same by least squares on stacked rows, a ridge of 1 as rows of their own, window by window."""
    task, early, hours = small("weather"), series(rng, 60), series(rng, 40)

    def windows(values: Any) -> list[tuple[Any, Any]]:
        scaled = (values - 11.0) / 3.5
        parts = [scaled[start : start + 10] for start in range(len(scaled) - 9)]
        return [(np.append(part[:6] - part[5], 1), part[6:] - part[5]) for part in parts]

    pasts, wanted = map(np.array, zip(*windows(early.values), strict=True))
    weights = np.linalg.lstsq(np.vstack([pasts, np.eye(7)]), np.vstack([wanted, np.zeros((7, 4))]), rcond=None)[0]
    errors = [past @ weights - after for past, after in windows(hours.values)]
    metrics = task.evaluate([hours], history=early).metrics()
    assert metrics["mse of a linear model"] == pytest.approx(np.square(errors).mean(), rel=1e-5)
    assert metrics["mae of a linear model"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)


def test_series_that_are_too_short_or_of_another_step(rng: np.random.Generator, tmp_path: Path) -> None:
    task = small("weather")
    with pytest.raises(ValueError, match=r"the series has 9 values; weather needs 6 of the past and 4 ahead"):
        task.evaluate([series(rng, 9)])
    with pytest.raises(ValueError, match=r"the series has 5 values; weather needs 6"):
        task.predict([series(rng, 5)])
    (tmp_path / "days.csv").write_text("date,t\n2020-01-01,1\n2020-01-02,2\n")
    with pytest.raises(ValueError, match=r"days.csv: the values are 86400 seconds apart; weather expects 3600 seconds"):
        task.read(tmp_path / "days.csv")


def inputs_of(task: Any, rng: np.random.Generator) -> Any:
    """Something for the model itself."""
    if task.name == "weather":
        return task.inputs(series(rng), np.arange(3))
    if task.name == "digits":
        return rng.standard_normal((3, 5, 2)).astype(np.float32)
    if task.name in ("letters", "sentences"):
        return np.array([[2, 3, 4, 5], [6, 2, 7, 3]])
    return task.inputs([cut(text) for text in TEXTS])


@pytest.mark.parametrize("name", cards())
def test_saved_and_loaded_a_task_gives_the_same(name: str, tmp_path: Path, rng: np.random.Generator) -> None:
    """As a preset folder and as a `.keras` file: the weights to the bit, the outputs to rounding."""
    task, inputs = small(name), inputs_of(small(name), rng)
    expected = np.asarray(task.model(inputs))
    task.save(tmp_path / "mine")
    again = zoo.from_preset(tmp_path / "mine")
    assert type(again) is type(task)
    path = task.export(tmp_path / "model.keras", "keras")
    for model in (again.model, keras.saving.load_model(path)):
        for one, other in zip(model.weights, task.model.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(one.value), np.asarray(other.value))
        np.testing.assert_allclose(np.asarray(model(inputs)), expected, rtol=1e-5, atol=2e-6)
    known = expected[np.isfinite(expected)]  # a CRF forbids by -inf
    assert len(known) == expected.size or name == "ner"
    assert np.ptp(known) > 0.05


@pytest.mark.parametrize(
    ("name", "field", "value", "message"),
    [
        ("pos", "words", ["a"], r"disagree on the number of words or characters"),
        ("reviews", "words", ["a"], r"disagree on the number of words"),
        ("reviews", "temperature", 0, r"'temperature' must be a positive number; found 0"),
        ("letters", "tokens", "aa\n", r"'tokens' must be distinct, and as many as the model has"),
        ("letters", "level", "syllable", r"'level' must be character or word; found 'syllable'"),
        ("weather", "past", 0, r"expected a past of at least 1 step and a positive deviation"),
        ("weather", "deviation", math.nan, r"expected a past of at least 1 step and a positive deviation"),
    ],
)
def test_vocabularies_that_do_not_fit(name: str, field: str, value: Any, message: str) -> None:
    card = cards()[name]
    card["vocabulary"][field] = value
    with pytest.raises(ValueError, match=message):
        type(small(name))(small(name).model, card)
