"""Scores of a validation set in training: against sacrebleu and seqeval called directly, and where they end up."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
import sacrebleu
import seqeval.metrics
from seqeval.scheme import IOB2, IOBES

from kerasrnn.callbacks import EntityF1, TranslationScores, ValidationScores

SENTENCES = ["the cat sat on the mat", "there is a dog in the garden", "a quick brown fox jumps over it"]
WORSE = ["the cat sat on a mat", "there is one dog in a garden", "the quick brown fox jumped over it"]
TAGS = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG", "I-ORG", "I-ORG"], ["B-LOC", "O", "O"]]
FOUND = [["B-PER", "I-PER", "O", "B-ORG"], ["O", "B-ORG", "I-ORG", "O"], ["I-LOC", "O", "B-PER"]]


def network() -> keras.Model:
    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def fit(callbacks: Sequence[keras.callbacks.Callback], epochs: int) -> dict[str, list[float]]:
    return network().fit(np.ones((2, 1)), np.ones((2, 1)), epochs=epochs, verbose=0, callbacks=callbacks).history


def in_turn(predictions: Sequence[Any]) -> Callable[[Any, Any], Any]:
    """Stands for a model that predicts something else in each epoch."""
    turns = iter(predictions)
    return lambda model, inputs: next(turns)


class Value(ValidationScores):
    def score(self, predictions: Sequence[Any]) -> dict[str, float]:
        return {"value": float(predictions[0]), "other": -1.0}


def test_translations_are_scored_by_sacrebleu() -> None:
    """By the defaults, by other metrics, with several references for some of the sentences."""
    found = TranslationScores(in_turn([WORSE]), [], SENTENCES).evaluate(network())
    assert found == {
        "bleu": sacrebleu.corpus_bleu(WORSE, [SENTENCES]).score,
        "chrf": sacrebleu.corpus_chrf(WORSE, [SENTENCES]).score,
    }
    assert 20 < found["bleu"] < found["chrf"] < 90, "a case that shows nothing"
    several = [[SENTENCES[0], WORSE[0]], SENTENCES[1], (SENTENCES[2],)]
    scores = TranslationScores(
        in_turn([WORSE]),
        [],
        several,
        {"chars": sacrebleu.metrics.BLEU(tokenize="char"), "ter": sacrebleu.metrics.TER()},
    )
    found = scores.evaluate(network())
    streams = [SENTENCES, [WORSE[0], None, None]]
    assert found["chars"] == sacrebleu.metrics.BLEU(tokenize="char").corpus_score(WORSE, streams).score
    assert found["ter"] == sacrebleu.metrics.TER().corpus_score(WORSE, streams).score
    assert "tok:char" in scores.signatures["chars"]


@pytest.mark.parametrize("scheme", [None, "IOB2", "IOBES"])
def test_entities_are_scored_by_seqeval(scheme: str | None) -> None:
    """The schemes disagree here: an entity that begins with I is one to conlleval alone."""
    found = EntityF1(in_turn([FOUND]), [], TAGS, scheme).evaluate(network())
    options = {None: {}, "IOB2": {"mode": "strict", "scheme": IOB2}, "IOBES": {"mode": "strict", "scheme": IOBES}}[
        scheme
    ]
    for name in ("f1", "precision", "recall"):
        function = getattr(seqeval.metrics, f"{name}_score")
        assert found[f"entity_{name}"] == function(TAGS, FOUND, zero_division=0, **options)
    right, predicted, true = {None: (2, 5, 4), "IOB2": (1, 4, 4), "IOBES": (0, 0, 0)}[scheme]
    assert found["entity_precision"] == (right / predicted if predicted else 0)
    assert found["entity_recall"] == (right / true if true else 0)


def test_scores_are_in_the_logs_for_callbacks_behind(tmp_path: Any) -> None:
    """History has them, EarlyStopping stops by them and ModelCheckpoint keeps the best."""
    predictions = [["the a"] * 3, WORSE, SENTENCES, WORSE, SENTENCES, WORSE]
    scores = TranslationScores(in_turn(predictions), [], SENTENCES)
    stop = keras.callbacks.EarlyStopping("val_bleu", mode="max", patience=2)
    path = tmp_path / "{epoch}-{val_chrf:.0f}.keras"
    keep = keras.callbacks.ModelCheckpoint(path, "val_bleu", mode="max", save_best_only=True)
    history = fit([scores, stop, keep], 6)
    expected = [sacrebleu.corpus_bleu(each, [SENTENCES]).score for each in predictions[:5]]
    np.testing.assert_allclose(history["val_bleu"], expected)
    assert len(history["val_chrf"]) == 5
    assert sorted(each.name.split("-")[0] for each in tmp_path.iterdir()) == ["1", "2", "3"]
    assert (scores.best, scores.best_epoch, scores.best_predictions) == (expected[2], 2, SENTENCES)


def test_a_callback_in_front_does_not_see_them() -> None:
    """As the documentation says; Keras warns."""
    stop = keras.callbacks.EarlyStopping("val_value", mode="max")
    with pytest.warns(UserWarning, match="`val_value` which is not available"):
        fit([stop, Value(in_turn([[1.0]]), [], [1])], 1)


def test_every_other_epoch() -> None:
    scores = Value(in_turn([[1.0], [3.0], [2.0]]), [], [1], every=2)
    history = fit([scores], 7)
    assert history["val_value"] == [1.0, 3.0, 2.0]
    assert history["val_other"] == [-1.0] * 3
    assert (scores.best, scores.best_epoch, scores.best_predictions) == (3.0, 3, [3.0])


def test_each_fit_has_its_own_best() -> None:
    scores = Value(in_turn([[9.0], [float("nan")], [-5.0], [-6.0]]), [], [1])
    fit([scores], 1)
    assert scores.best == 9
    fit([scores], 3)
    assert (scores.best, scores.best_epoch) == (-5, 1)


def test_the_model_in_training_and_the_inputs_are_what_predict_gets() -> None:
    seen = []

    def predict(model: keras.Model, inputs: Any) -> Any:
        seen.append((float(np.asarray(model.get_weights()[0]).item()), inputs))
        return model.predict(np.ones((1, 1)), verbose=0)[:, 0]

    scores = Value(predict, "inputs", [1])
    history = fit([scores], 3)
    assert [inputs for _, inputs in seen] == ["inputs"] * 3
    assert len({weight for weight, _ in seen}) == 3, "the weights are those of each epoch"
    assert len(set(history["val_value"])) == 3


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Value(None, [], []), ValueError, "`references` must hold at least one; received none"),
        (lambda: Value(None, [], [1], every=0), ValueError, "`every` must be at least 1 epoch; received 0"),
        (lambda: TranslationScores(None, [], ["a"], {}), ValueError, "`metrics` must hold at least one; received none"),
        (lambda: TranslationScores(None, [], ["a", 3]), TypeError, "references must be strings; received 3"),
        (lambda: TranslationScores(None, [], ["a", []]), TypeError, r"references must be strings; received \[\]"),
        (lambda: EntityF1(None, [], TAGS, "BIO"), ValueError, r"`scheme` must be None or one of .*; received 'BIO'"),
    ],
)
def test_arguments_that_are_refused(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_predictions_that_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one prediction for each of 3 references; it gave 2"):
        TranslationScores(in_turn([WORSE[:2]]), [], SENTENCES).evaluate(network())
    with pytest.raises(TypeError, match=r"predictions must be strings; received \['a'\]"):
        TranslationScores(in_turn([[["a"], "b", "c"]]), [], SENTENCES).evaluate(network())
    with pytest.raises(ValueError, match=r"Sentence 1 has 4 tags; `predict` gave 3"):
        EntityF1(in_turn([[FOUND[0], FOUND[1][:3], FOUND[2]]]), [], TAGS).evaluate(network())


@pytest.mark.parametrize(("kind", "library"), [(TranslationScores, "sacrebleu"), (EntityF1, "seqeval")])
def test_a_missing_library_is_named(kind: Any, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'^{kind.__name__} needs {library}: pip install "kerasrnn\[eval\]"$'):
        kind(None, [], ["a"])
