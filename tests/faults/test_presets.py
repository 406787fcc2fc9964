"""Cards that are damaged, edited or made to do harm: an error that says what is wrong, and nothing else happens."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forgery import MISSING, change, read_card, write_card

from kerasrnn import zoo
from kerasrnn.zoo import preset


def test_the_sound_preset_loads(folder: Path, untouched: Callable[[], None]) -> None:
    untouched()
    assert len(zoo.from_preset(folder).predict(["3 mai 1998"])) == 1
    assert zoo.card(folder)["name"] == "small_dates"


TEXTS = ["name", "title", "task", "builder", "vocabulary_sha256", "example", "weights.sha256"]
DICTS = ["arguments", "vocabulary", "weights", "weights.shapes"]
NUMBERS = ["weights.bytes", "weights.parameters", "weights.shapes.readout/bias.0"]
LISTS = ["weights.shapes.readout/bias"]
OPTIONAL_TEXTS = ["training.command", "score.metric", "score.on", "metrics.unseen.metric", "metrics.unseen.rows.1.of"]
OPTIONAL_NUMBERS = ["score.value", "metrics.unseen.rows.1.value", "metrics.unseen.rows.1.examples"]
OPTIONAL_LISTS = ["metrics.unseen.rows", "metrics.unseen.rows.0.interval"]
OPTIONAL_DICTS = ["training", "score", "metrics", "metrics.unseen", "metrics.unseen.rows.0"]
WRONG = [
    *((field, wrong) for field in TEXTS + OPTIONAL_TEXTS for wrong in (3, None, ["a"], {})),
    *((field, wrong) for field in DICTS + OPTIONAL_DICTS for wrong in (3, None, "a", [], True)),
    *((field, wrong) for field in NUMBERS for wrong in ("3", None, -1, 2.5, True, [])),
    *((field, wrong) for field in OPTIONAL_NUMBERS for wrong in ("3", None, True, [])),
    *((field, wrong) for field in LISTS + OPTIONAL_LISTS for wrong in ("3", 3, None, {}, ["x"])),
    *((field, MISSING) for field in TEXTS + DICTS + NUMBERS[:2]),
    *((field, MISSING) for field in OPTIONAL_TEXTS + OPTIONAL_NUMBERS + OPTIONAL_LISTS),
]


@pytest.mark.parametrize(
    ("field", "value"), WRONG, ids=[f"{field}={'missing' if v is MISSING else v}" for field, v in WRONG]
)
def test_a_field_of_the_card(folder: Path, untouched: Callable[[], None], field: str, value: Any) -> None:
    change(folder, field, value)
    untouched()
    shown = field.replace(".0", "[0]").replace(".1", "[1]")
    with pytest.raises(zoo.PresetError, match=r"card\.json: the field") as caught:
        zoo.card(folder)
    assert f"the field '{shown}" in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(folder))
    with pytest.raises(zoo.PresetError):
        zoo.from_preset(folder)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"3", b'"name"', b"\xff\xfe{}", b"[" * 100_000, b"9" * 5000, b"PK\x03\x04", b"{}"],
    ids=["empty", "cut", "list", "null", "number", "string", "utf16", "deep", "long number", "zip", "no fields"],
)
def test_a_card_that_is_none(folder: Path, untouched: Callable[[], None], text: bytes) -> None:
    (folder / preset.CARD).write_bytes(text)
    untouched()
    with pytest.raises(zoo.PresetError, match=r"card.json"):
        zoo.from_preset(folder)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_a_card_that_was_cut(folder: Path, untouched: Callable[[], None], share: float) -> None:
    text = (folder / preset.CARD).read_bytes().rstrip()
    (folder / preset.CARD).write_bytes(text[: int(len(text) * share)])
    untouched()
    with pytest.raises(zoo.PresetError, match=r"card.json cannot be read as JSON"):
        zoo.from_preset(folder)


def test_an_edited_vocabulary(folder: Path, untouched: Callable[[], None]) -> None:
    """Two characters swapped: the model would load, and read every text wrong."""
    card = read_card(folder)
    source = card["vocabulary"]["source"]
    card["vocabulary"]["source"] = source[1] + source[0] + source[2:]
    write_card(folder, card)
    untouched()
    with pytest.raises(zoo.PresetError, match=r"the vocabulary was changed; its checksum does not match"):
        zoo.from_preset(folder)


VOCABULARY = [
    *(("source", value, "source") for value in (MISSING, None, 3, ["a", "b"], {})),
    ("source", "abc", "ids"),
    ("source", "AAb", "folded"),
    ("source", "aab", "more than once"),
    ("source", "\ud800" * 3, "disagree|ids|more than once"),
    *(("target", value, "target") for value in (MISSING, None, 3, "<start>", {}, [1, 2], ["<start>"], [])),
    ("target", ["<start>", "<end>", "0", "0"], "no token twice"),
    ("target", ["<start>", "<end>", ""], "target"),
    ("target", ["<start>", "<end>", "0"], "ids"),
    *(("longest_source", value, "longest_source") for value in (MISSING, None, "48", 0, -1, 4.0, True, 10**9)),
    *(("longest_target", value, "longest_target") for value in (MISSING, None, "11", 0, -1, 1.5, True, 10**9)),
]


@pytest.mark.parametrize(("field", "value", "message"), VOCABULARY)
def test_a_vocabulary_that_does_not_fit(
    folder: Path, untouched: Callable[[], None], field: str, value: Any, message: str
) -> None:
    """With a checksum that matches: someone made it so."""
    change(folder, f"vocabulary.{field}", value)
    untouched()
    with pytest.raises(zoo.PresetError, match=message):
        zoo.from_preset(folder)


ARGUMENTS = [
    *(("encoder_units", value) for value in (6, 0, -5, None, "5", 5.5, [5], {}, 10**12)),
    *(("embedding", value) for value in (8, 1, 0, -2, None, "6", 10**9)),
    *(("source_size", value) for value in (MISSING, None, 3, -3, 10**8)),
    *(("cell", value) for value in ("gru", "peephole", None, 3, ["lstm"], {"module": "os", "class_name": "system"})),
    *(("dropout", value) for value in (-1.0, 7.5, "half", [])),
    ("name", "other"),
    ("unheard_of", 1),
    ("a b", None),
]


@pytest.mark.parametrize(("argument", "value"), ARGUMENTS)
def test_an_argument_of_the_builder(folder: Path, untouched: Callable[[], None], argument: str, value: Any) -> None:
    change(folder, f"arguments.{argument}", value)
    untouched()
    with pytest.raises(zoo.PresetError, match=r"preset small_dates: "):
        zoo.from_preset(folder)


@pytest.mark.parametrize("name", ["", "a/b", "../up", "with space", "日付", "a" * 300])
def test_odd_names_load_or_are_refused(folder: Path, untouched: Callable[[], None], name: str) -> None:
    change(folder, "name", name)
    untouched()
    try:
        task = zoo.from_preset(folder)
    except zoo.PresetError as error:
        assert "card does not describe a model" in str(error)
    else:
        assert task.name == name


@pytest.mark.parametrize("field", ["task", "builder"])
@pytest.mark.parametrize(
    "value",
    ["seq2seq2", "os", "os.system", "os:system", "kerasrnn.zoo.builders.seq2seq", "__import__('os')", "../seq2seq", ""],
)
def test_a_builder_that_is_none_of_ours(
    folder: Path, untouched: Callable[[], None], field: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def imported(*_: Any) -> None:
        raise AssertionError("something was imported for a card")

    change(folder, field, value)
    untouched()
    load = zoo.from_preset  # imports what it needs
    monkeypatch.setattr("importlib.import_module", imported)
    with pytest.raises(preset.PresetError, match=r"preset small_dates: no task .* with the builder"):
        load(folder)


def test_code_in_a_card_is_text(folder: Path, untouched: Callable[[], None], tmp_path: Path) -> None:
    """Everywhere that a loader might look for something to run."""
    mark = tmp_path / "harm"
    code = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    spec = {"module": "pathlib", "class_name": "Path", "config": {"name": str(mark)}, "registered_name": "Path"}
    spec["code"] = code
    before = set(sys.modules)
    for field in ("title", "example", "name"):
        change(folder, field, code)
    change(folder, "training", {"command": code})
    for field in ("module", "loader", "imports", "__reduce__"):
        change(folder, field, spec)
    change(folder, "weights.file", "../../../etc/passwd")
    untouched()
    with pytest.raises(zoo.PresetError):  # for its name, which Keras cannot take
        zoo.from_preset(folder)
    change(folder, "name", "small_dates")
    assert zoo.from_preset(folder).predict(["3 mai 1998"])
    change(folder, "name", code)
    assert not mark.exists()
    assert not {name for name in set(sys.modules) - before if not name.startswith(("kerasrnn", "keras", "tensorflow"))}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dates_bahdanu", r"no preset 'dates_bahdanu', .* Did you mean 'dates_bahdanau'\?"),
        ("Dates", r"Did you mean 'dates_bahdanau'\?"),
        ("xyz", r"Known presets: dates_bahdanau"),
        ("", r"no preset ''"),
        ("../presets/dates_bahdanau", r"no preset"),
        ("/", r"no preset"),
        ("a\0b", r"no preset"),
        ("x" * 5000, r"no preset"),
        ("dates_bahdanau/card.json", r"no preset"),
    ],
)
def test_a_name_that_is_no_preset(name: str, message: str) -> None:
    for load in (zoo.load, zoo.from_preset, zoo.card):
        with pytest.raises(zoo.PresetError, match=message):
            load(name)
