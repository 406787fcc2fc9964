"""Translators: pieces of words in Python and in a graph, BLEU against sacrebleu, the three kinds of decoder."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sacrebleu.metrics import BLEU

from kerasrnn import zoo
from kerasrnn.zoo.bleu import bleu, statistics
from kerasrnn.zoo.pieces import BEGINS, PieceTable, joined, learn, normal
from kerasrnn.zoo.readers.tables import Pair
from kerasrnn.zoo.tasks.seq2seq import END, START
from kerasrnn.zoo.tasks.translator import TranslatorTask, read_translations

FRENCH = [
    "L'eau est chaude.",
    "Avez-vous de l'eau ?",
    "Où est l'eau chaude ?",
    "Je l'ai vu, et vous l'avez vu.",
    "Est-ce que vous avez été là ?",
    "Il a 12 chats, elle en a 112 !",
]
ODD = [
    "",
    "  ",
    "l’eau",
    "ou\u0300 e\u0301te\u0301",
    "été\u00a0là\u202f?",
    "Москва est là.",
    "\u200fchats\u200e",
    "▁",
    "xyzzy--l'-l",
    "日本",
]


@pytest.fixture(scope="module")
def table() -> PieceTable:
    return PieceTable(learn(FRENCH, 60))


def test_pieces_side_by_side_are_the_text(table: PieceTable) -> None:
    for text in [*FRENCH, *ODD[:5], *ODD[6:7], *ODD[8:]]:
        assert joined(table.tokens(text)) == normal(text), text


def test_what_a_vocabulary_holds() -> None:
    """The most frequent pair first; apostrophes end a piece, hyphens begin one, digits stand alone."""
    pieces = learn(["aab aab aab l'a l'a a-b 11 11 11 11"] * 3, 100)
    assert pieces[:3] == [BEGINS, "a", "b"] or set(pieces[:3]) <= {BEGINS, "a", "b", "1"}
    assert "▁l'" in pieces and "-b" in pieces and "▁aab" in pieces
    for piece in pieces:
        bare = piece.removeprefix(BEGINS)
        assert "'" not in bare[:-1] and "-" not in bare[1:], piece
        assert len(bare) < 2 or not any(character.isdigit() for character in bare), piece


def test_learning_is_that_of_a_plain_implementation() -> None:
    """Byte-pair encoding as its paper's own loop does it: count all pairs anew, join the most frequent one."""
    words = {}
    for text in FRENCH:
        for word in normal(text).split(" "):
            words[BEGINS, *word] = words.get((BEGINS, *word), 0) + 1
    characters: dict[str, int] = {}
    for word, count in words.items():
        for character in word:
            characters[character] = characters.get(character, 0) + count
    expected = [c for c, n in sorted(characters.items(), key=lambda item: (-item[1], item[0])) if n >= 2]
    alphabet = set(expected)

    def letters(text: str) -> bool:
        return text == "" or text.isalpha()

    while True:
        pairs: dict[tuple[str, str], int] = {}
        for word, count in words.items():
            for one, other in pairwise(word):
                before = one[1:] if one.startswith(BEGINS) else one
                before = before[1:] if before.startswith("-") else before
                after = other[:-1] if other.endswith("'") else other
                if one == BEGINS or (letters(before) and letters(after)):
                    pairs[one, other] = pairs.get((one, other), 0) + count
        best = min(pairs.items(), key=lambda item: (-item[1], item[0]), default=((), 0))
        if best[1] < 2:
            break
        (first, second), _ = best
        merged = {}
        for word, count in words.items():
            parts = list(word)
            i = 0
            while i < len(parts) - 1:
                if (parts[i], parts[i + 1]) == (first, second):
                    parts[i : i + 2] = [first + second]
                i += 1
            merged[tuple(parts)] = merged.get(tuple(parts), 0) + count
        words = merged
        if first + second not in expected and set(first + second) <= alphabet:
            expected.append(first + second)
    assert learn(FRENCH, 10_000) == expected


@pytest.mark.tensorflow
def test_a_graph_cuts_as_python_does(table: PieceTable) -> None:
    import tensorflow as tf

    texts = [*FRENCH, *ODD]
    encoder = table.graph_encoder()
    graph = tf.function(lambda strings: (encoder(strings), encoder.tokens(strings)))
    ids, tokens = (each.numpy() for each in graph(tf.constant(texts)))
    np.testing.assert_array_equal(ids, table.encode(texts))
    for text, row in zip(texts, tokens, strict=True):
        assert [token.decode() for token in row if token] == table.tokens(text), text
    assert encoder(tf.constant(["", " "])).shape == (2, 0)
    assert encoder(tf.constant([], tf.string)).shape == (0, 0)


@pytest.mark.parametrize("pieces", [["a", "a"], ["a b"], [""], [3], ["l’"]])
def test_pieces_that_are_none(pieces: list[Any]) -> None:
    with pytest.raises(ValueError, match="pieces: "):
        PieceTable(pieces)


def test_bleu_is_that_of_sacrebleu(rng: np.random.Generator) -> None:
    words = ["le", "chat", "noir", "dort", ",", "là", "l'eau"]

    def sentence(low: int, high: int) -> str:
        return " ".join(rng.choice(words, rng.integers(low, high)))

    for low, high in ((4, 12), (1, 3), (6, 7)):
        translations = [sentence(low, high) for _ in range(30)]
        references = [[sentence(low, high) for _ in range(rng.integers(1, 4))] for _ in range(30)]
        references[0] = [translations[0]]
        found = bleu(np.sum([statistics(*each) for each in zip(translations, references, strict=True)], axis=0))
        width = max(map(len, references))
        streams = [[each[i] if i < len(each) else None for each in references] for i in range(width)]
        assert float(found) == pytest.approx(BLEU().corpus_score(translations, streams).score, abs=1e-9)
    assert float(bleu(statistics("noir", ["chat dort là"]))) == 0
    assert float(bleu(statistics("", ["chat"]))) == 0


def card(attention: str) -> dict[str, Any]:
    source = learn(["Where is the water?", "The water is hot.", "Have you seen the cat?"] * 2, 40)
    target = learn(FRENCH * 2, 60)
    return {
        "name": "small_translator",
        "title": "A model for tests",
        "task": "translator",
        "builder": "seq2seq",
        "arguments": {
            "source_size": len(source) + 2,
            "target_size": len(target) + 3,
            "attention": attention,
            "embedding": 7,
            "target_embedding": 6,
            "encoder_units": 5,
            "decoder_units": 8,
            "attention_units": 4,
            "readout_units": 6,
            "tied": True,
        },
        "vocabulary": {"source": source, "target": [START, END, *target], "longest_source": 60, "longest_target": 12},
        "example": "The water is hot.",
    }


@pytest.fixture(scope="module", params=["bahdanau", "luong", "none"])
def task(request: pytest.FixtureRequest) -> TranslatorTask:
    keras.utils.set_random_seed(3)
    made = TranslatorTask.build(card(request.param))
    rng = np.random.default_rng(0)
    for variable in made.model.weights:
        variable.assign(rng.standard_normal(variable.shape).astype(np.float16))
    return made


TEXTS = ["Where is the cat?", "The water.", "Have you seen the hot water, the water?", "Is ж there?"]


def test_a_step_at_a_time_is_the_whole_model(task: TranslatorTask) -> None:
    """What is decoded step by step has the probabilities that the model gives to the same tokens at once."""
    for one in task.predictions(TEXTS):
        ids = [task.target[token] for token in one.tokens]
        ended = len(ids) < task.longest_target
        wanted = [*ids, task.target[END]] if ended else ids
        before = np.array([[task.target[START], *wanted[:-1]]], "int32")
        shares = np.asarray(task.model([task.encode([one.read.replace(BEGINS, " ")]), before]))[0].astype(float)
        assert one.confidence == pytest.approx(shares[np.arange(len(wanted)), wanted].prod(), rel=1e-3)
        choosable = shares.copy()
        choosable[:, [0, task.target[START]]] = 0
        assert choosable.argmax(axis=1).tolist() == wanted
        if task.decoder.attends:
            assert one.alignment is not None and one.alignment.shape == (len(one.tokens), len(one.source_tokens))
            np.testing.assert_allclose(one.alignment.sum(axis=1), 1, atol=1e-5)
        else:
            assert one.alignment is None


def test_a_beam_of_one_is_greedy(task: TranslatorTask) -> None:
    assert [each.texts[0] for each in task.beam(TEXTS, 1)] == task.predict(TEXTS)
    assert all(len(each.texts) == 3 for each in task.beam(TEXTS[:2], 3))


def test_scores_of_a_beam_are_beside_those_of_the_greedy_texts(task: TranslatorTask) -> None:
    pairs = [Pair(TEXTS[i], text) for i, text in [(0, FRENCH[2]), (1, FRENCH[0]), (1, FRENCH[1]), (2, FRENCH[3])]]
    greedy, found = task.evaluate(pairs).metrics(), task.evaluate(pairs, beam=3).metrics()
    assert found.items() > greedy.items()
    references = [FRENCH[2:3], FRENCH[:2], FRENCH[3:4]]
    for beam in (1, 3):
        texts = [each.texts[0] for each in task.beam(TEXTS[:3], beam)]
        turned = [[row[i] if i < len(row) else None for row in references] for i in range(2)]
        expected = BLEU().corpus_score(texts, turned).score
        name = f"BLEU, beam of {beam}"
        assert task.evaluate(pairs, beam=beam).metrics()[name] == pytest.approx(expected)
    assert texts != task.predict(TEXTS[:3]), "a wider search finds something else"


def test_what_was_read_is_text_that_can_be_read_again(task: TranslatorTask) -> None:
    (found,) = task.predictions(["  Où  est l’eau chaude ?"])
    assert found.read == normal("Où est l'eau chaude ?")
    (again,) = task.predictions([found.read])
    assert again.source_tokens == found.source_tokens
    assert task.observe(["Où est l’eau ?"]).predictions[0].read == "Où est l'eau ?"


def test_a_folder_is_the_task(task: TranslatorTask, tmp_path: Path) -> None:
    task.save(tmp_path / "small_translator")
    again = zoo.from_preset(tmp_path / "small_translator")
    assert type(again) is TranslatorTask
    assert again.predict(TEXTS) == task.predict(TEXTS)
    task.model.save(tmp_path / "model.keras")
    inputs, _ = task.batch([Pair("The water.", "L'eau.")])
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(inputs), task.model(inputs))


@pytest.mark.tensorflow
def test_a_saved_model_translates_text(task: TranslatorTask, tmp_path: Path) -> None:
    import tensorflow as tf

    task.export(tmp_path / "exported", "saved_model")
    run = tf.saved_model.load(str(tmp_path / "exported")).signatures["serving_default"]
    found = {name: value.numpy() for name, value in run(text=tf.constant(TEXTS)).items()}
    assert [text.decode() for text in found["text"]] == task.predict(TEXTS)
    assert ("alignment" in found) == task.decoder.attends


def test_a_translator_learns_and_is_scored(rng: np.random.Generator) -> None:
    """Three sentences are learned by heart: BLEU 100, against all references and against each."""
    keras.utils.set_random_seed(0)
    wider = dict.fromkeys(("embedding", "target_embedding", "readout_units", "decoder_units", "attention_units"), 32)
    task = TranslatorTask.build(card("bahdanau") | {"arguments": card("bahdanau")["arguments"] | wider})
    pairs = [
        Pair("Where is the water?", "Où est l'eau chaude ?"),
        Pair("The water is hot.", "L'eau est chaude."),
        Pair("Have you seen the cat?", "Avez-vous de l'eau ?"),
    ]
    task.longest_target = task.decoder.max_length = 24
    task.model.compile(keras.optimizers.Adam(0.01), task.loss(task.card), jit_compile=False)
    batch = task.batch(pairs, rng, task.length(pairs[0]) + 8)
    for _ in range(300):
        task.model.train_on_batch(*batch)
    assert task.predict([pair.source for pair in pairs]) == [pair.target for pair in pairs]
    scores = task.evaluate([*pairs, Pair(pairs[1].source, "Elle est chaude, l'eau.")])
    metrics = scores.metrics()
    assert len(scores.statistics) == 3 and metrics["BLEU"] == pytest.approx(100)
    assert 40 < metrics["BLEU, one reference"] < 99
    assert scores.intervals()["BLEU"] == [pytest.approx(100)] * 2


def test_files_of_translations(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("Hi.\tSalut.\nHi.\tBonjour.\n", encoding="utf-8")
    lines = [{"en": "Hi.", "refs": ["Salut.", "Bonjour."]}, {"en": "Yes.", "refs": ["Oui."]}]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert read_translations(tmp_path / "a.tsv") == [Pair("Hi.", "Salut."), Pair("Hi.", "Bonjour.")]
    assert read_translations(tmp_path / "b.jsonl") == [*read_translations(tmp_path / "a.tsv"), Pair("Yes.", "Oui.")]
    (tmp_path / "c.jsonl").write_text('{"en": "Hi.", "refs": []}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"c\.jsonl:1: expected a sentence and its translation"):
        read_translations(tmp_path / "c.jsonl")


def test_a_text_of_unknown_letters_alone_is_refused(task: TranslatorTask) -> None:
    with pytest.raises(ValueError, match="has never seen 'ж'"):
        task.predict(["жж"])
    with pytest.raises(ValueError, match=r"has 6\d pieces"):
        task.predict(["x " * 31])


@pytest.mark.parametrize("attention", ["additive", "", None])
def test_an_unknown_attention_is_refused(attention: Any) -> None:
    with pytest.raises(ValueError, match="`attention` must be one of bahdanau, luong, none"):
        zoo.builders.seq2seq(source_size=4, target_size=4, attention=attention)
    with pytest.raises(ValueError, match="`tied` needs a `target_embedding` as wide as `readout_units`"):
        zoo.builders.seq2seq(source_size=4, target_size=4, tied=True)
