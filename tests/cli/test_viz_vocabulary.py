"""What the numbers that a user's model reads are called in the pictures of it."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from cli_cases import ok, run

L = keras.layers


@pytest.fixture
def translator(here: Path) -> np.ndarray:
    """A decoder that begins with the encoder's state and reads as many tokens: only the graph tells them apart."""
    source, target = keras.Input((None,), name="source"), keras.Input((None,), name="target")
    memory, *states = L.LSTM(4, return_sequences=True, return_state=True, name="reader")(
        L.Embedding(9, 4, mask_zero=True)(source)
    )
    embedded = L.Embedding(9, 4, mask_zero=True)(target)
    written = L.LSTM(4, return_sequences=True, name="writer")(embedded, initial_state=states)
    context = L.Attention(name="attend")([written, memory])
    outputs = L.Dense(9, activation="softmax")(L.Concatenate()([written, context]))
    keras.Model([source, target], outputs).save("translator.keras")
    batch = np.array([[3, 1, 2, 0], [1, 4, 3, 2]])
    np.savez("batch.npz", source=batch, target=batch[:, ::-1] + 1)
    Path("from.txt").write_text("\n".join(["", *(f"s{i}" for i in range(1, 5))]) + "\n", "utf-8")
    Path("to.json").write_text(json.dumps({f"t{i}": i for i in range(1, 6)}), "utf-8")
    return batch


def drawn(*arguments: str) -> dict[str, Any]:
    ok("viz", *arguments, "-o", "a.png", "--dpi", "30", "--data", "a.json", "-q")
    found: dict[str, Any] = json.loads(Path("a.json").read_text("utf-8"))
    return found


BOTH = ["--vocabulary", "source=from.txt", "--vocabulary", "target=to.json"]


def test_each_axis_has_the_tokens_of_the_input_it_is_made_from(translator: np.ndarray) -> None:
    read = [["s3", "s1", "s2", ""], ["s1", "s4", "s3", "s2"]]
    written = [[f"t{number}" for number in row[::-1] + 1] for row in translator]
    given = ["translator.keras", "--input", "batch.npz", *BOTH]
    found = drawn("attention", *given)
    assert (found["tokens"], found["source_tokens"]) == (written, read)
    assert drawn("gates", *given)["tokens"] == read
    assert drawn("gates", *given, "--layer", "writer")["tokens"] == written
    found = drawn("gradients", *given, "--kind", "jacobian", "--layer", "reader")
    assert found["source_tokens"] == read[:1]  # one row is enough for it
    assert not found.get("tokens"), "source and target are of one length: it is not known which the output's steps are"
    assert drawn("gradients", *given, "--kind", "jacobian", "--layer", "writer")["source_tokens"] == written[:1]
    one = [*given[:3], "--vocabulary", "from.txt"]
    assert drawn("gates", *one, "--layer", "writer")["tokens"][0] == ["s1", "s3", "s2", "s4"]


def test_numbers_without_a_token_stay_numbers_and_are_counted(translator: np.ndarray) -> None:
    Path("few.txt").write_text("-\na\nb\n", "utf-8")
    result = ok("viz", "gates", "translator.keras", "--input", "batch.npz", "--vocabulary", "source=few.txt",
                "-o", "a.png", "--data", "a.json")  # fmt: skip
    assert "3 of the ids are not in the vocabulary: they are shown as numbers" in result.stderr
    assert json.loads(Path("a.json").read_text("utf-8"))["tokens"][0] == ["3", "a", "b", "-"]


def test_a_model_that_reads_strings_knows_its_words(here: Path) -> None:
    cutter = L.TextVectorization()
    cutter.adapt(["the cat sat on the mat"])
    text = keras.Input((1,), dtype="string")
    states = L.Bidirectional(L.GRU(3), name="both")(L.Embedding(9, 4, mask_zero=True)(cutter(text)))
    keras.Model(text, L.Dense(1)(states)).save("reader.keras")
    np.save("texts.npy", np.array([["the mat sat"], ["a cat"]]))
    assert drawn("gates", "reader.keras", "--input", "texts.npy")["tokens"] == [
        ["the", "mat", "sat"],
        ["[UNK]", "cat", ""],
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--vocabulary", "none.txt"], "cannot read none.txt"),
        (["--vocabulary", "empty.txt"], "empty.txt holds no tokens"),
        (["--vocabulary", "batch.npz"], "batch.npz is not UTF-8 text"),
        (["--vocabulary", "bad.json"], "bad.json is not JSON"),
        (["--vocabulary", "other.json"], "other.json must hold a list of tokens, or an object of their ids"),
        (["--vocabulary", "sauce=from.txt"], "the model has no input 'sauce'; it has source, target"),
    ],
)
@pytest.mark.usefixtures("translator")
def test_what_is_no_vocabulary_is_said_in_a_line(given: list[str], said: str) -> None:
    for name, text in {"empty.txt": "", "bad.json": "[", "other.json": '{"a": "b"}'}.items():
        Path(name).write_text(text, "utf-8")
    refused = run("viz", "gates", "translator.keras", "--input", "batch.npz", *given, "-o", "b.png")
    assert refused.exit_code == 1
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not Path("b.png").exists()


def test_a_trained_model_has_its_own(here: Path) -> None:
    refused = run("viz", "gates", "dates_bahdanau", "today", "--vocabulary", "words.txt")
    assert refused.exit_code == 2
    assert "--vocabulary are for .keras files" in refused.stderr
