"""Presets that are damaged, edited or made to do harm: an error that says what is wrong, and nothing else happens."""

import hashlib
import io
import json
import shutil
import struct
import sys
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zoo_cases

from kerasrnn import zoo
from kerasrnn.zoo import preset
from kerasrnn.zoo.tasks import seq2seq


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original") / "preset"
    task = zoo_cases.small(1)
    task.card["training"] = {"command": "python -m nothing"}
    task.card["score"] = {"metric": "exact match", "value": 0.5, "on": "nothing"}
    row = {"of": "all", "value": 0.5, "interval": [0.4, 0.6], "examples": 20}
    task.card["metrics"] = {"unseen": {"metric": "exact match", "rows": [row, row]}}
    task.save(folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A sound preset of the test's own."""
    return Path(shutil.copytree(original, tmp_path / "preset"))


@pytest.fixture
def untouched(folder: Path, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Call it once the fault is in place; at the end every file must be as it was then."""
    seen: list[dict[Path, bytes]] = []

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    yield lambda: seen.append(files())
    assert seen, "the fixture was not used"
    assert files() == seen[0]


def read_card(folder: Path) -> dict[str, Any]:
    return json.loads((folder / preset.CARD).read_text("utf-8"))


def write_card(folder: Path, card: Any) -> None:
    (folder / preset.CARD).write_text(json.dumps(card), "utf-8")


def change(folder: Path, path: str, value: Any) -> None:
    """Set a field of the card, `weights.sha256` style; the vocabulary's checksum is made to match."""
    card = read_card(folder)
    at: Any = card
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        at = at[part]
    if value is MISSING:
        del at[last]
    else:
        at[last] = value
    if parents == ["vocabulary"]:
        text = json.dumps(card["vocabulary"], ensure_ascii=False, sort_keys=True)
        card["vocabulary_sha256"] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    write_card(folder, card)


def forge(folder: Path, data: bytes, shapes: dict[str, list[int]] | None = None) -> None:
    """Put other weights in place, with a checksum that fits."""
    (folder / preset.WEIGHTS).write_bytes(data)
    card = read_card(folder)
    card["weights"] |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    card["weights"]["shapes"] = card["weights"]["shapes"] if shapes is None else shapes
    write_card(folder, card)


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / preset.WEIGHTS) as file:
        return dict(file)


def npz(arrays: dict[str, np.ndarray], **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, **options)
    return buffer.getvalue()


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def header(shape: tuple[int, ...], descr: str = "<f2") -> bytes:
    """The head of an .npy file that promises an array."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


MISSING = object()


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
    with pytest.raises(zoo.PresetError, match="card.json: the field") as caught:
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
        assert "card does not describe a model" in str(error)  # noqa: PT017
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
    with pytest.raises(zoo.PresetError, match=r"no task '.*' with the builder '.*'"):
        load(folder)


class Harmful:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.path, "harm done"))


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


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_pickled_array_is_not_unpickled(
    folder: Path, untouched: Callable[[], None], tmp_path: Path, everywhere: bool
) -> None:
    mark = tmp_path / "harm"
    arrays = arrays_of(folder)
    bad = np.empty(9, object)
    bad[:] = [Harmful(mark)] * 9
    names = list(arrays) if everywhere else ["readout/bias"]
    forge(folder, npz({name: bad if name in names else array for name, array in arrays.items()}))
    untouched()
    with pytest.raises(zoo.PresetError, match=r"should be a float of shape .*; it is object"):
        zoo.from_preset(folder)
    assert not mark.exists()


def test_weights_that_are_a_pickle(folder: Path, untouched: Callable[[], None], tmp_path: Path) -> None:
    import pickle

    forge(folder, pickle.dumps(Harmful(tmp_path / "harm")))
    untouched()
    with pytest.raises(zoo.PresetError, match="is not a file of arrays"):
        zoo.from_preset(folder)
    assert not (tmp_path / "harm").exists()


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Damaged weights must show before a model is built."""

    def built(_: Any) -> None:
        raise AssertionError("a model was built for damaged weights")

    monkeypatch.setattr(seq2seq.Seq2SeqTask, "build", built)


def test_one_flipped_bit_anywhere(
    folder: Path, untouched: Callable[[], None], no_model: None, rng: np.random.Generator
) -> None:
    data = (folder / preset.WEIGHTS).read_bytes()
    for at in [0, 1, len(data) // 2, len(data) - 1, *rng.integers(0, len(data), 40)]:
        flipped = bytearray(data)
        flipped[at] ^= 1 << int(rng.integers(8))
        (folder / preset.WEIGHTS).write_bytes(flipped)
        with pytest.raises(zoo.PresetError, match=r"weights.npz is damaged: its SHA-256 is .* Reinstall kerasrnn"):
            zoo.from_preset(folder)
    untouched()
    with pytest.raises(zoo.PresetError, match="is damaged"):
        zoo.from_preset(folder)


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.99])
@pytest.mark.parametrize("matching", [False, True], ids=["card as it was", "checksum made to match"])
def test_weights_that_were_cut(
    folder: Path, untouched: Callable[[], None], no_model: None, share: float, matching: bool
) -> None:
    data = (folder / preset.WEIGHTS).read_bytes()
    cut = data[: int(len(data) * share)]
    (folder / preset.WEIGHTS).write_bytes(cut)
    if matching:
        forge(folder, cut)
    untouched()
    with pytest.raises(zoo.PresetError, match="is not a file of arrays" if matching else "is damaged"):
        zoo.from_preset(folder)


@pytest.mark.parametrize("data", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x93NUMPY", b"PK\x05\x06"])
def test_weights_that_are_none(folder: Path, untouched: Callable[[], None], no_model: None, data: bytes) -> None:
    forge(folder, data)
    untouched()
    with pytest.raises(zoo.PresetError, match="is not a file of arrays"):
        zoo.from_preset(folder)


@pytest.mark.parametrize("make", [Path.unlink, lambda path: (path.unlink(), path.mkdir())], ids=["absent", "folder"])
def test_weights_that_cannot_be_read(
    folder: Path, untouched: Callable[[], None], no_model: None, make: Callable[[Path], Any]
) -> None:
    make(folder / preset.WEIGHTS)
    untouched()
    with pytest.raises(zoo.PresetError, match=r"cannot read .*weights.npz: .* Copy the whole preset folder again"):
        zoo.from_preset(folder)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(
    folder: Path, untouched: Callable[[], None], no_model: None, bad: float
) -> None:
    arrays = arrays_of(folder)
    arrays["readout/kernel"][3, 4] = bad
    forge(folder, npz(arrays))
    untouched()
    with pytest.raises(zoo.PresetError, match="array readout/kernel holds values that are not finite"):
        zoo.from_preset(folder)


def altered(arrays: dict[str, np.ndarray], name: str, array: np.ndarray | None) -> dict[str, np.ndarray]:
    return {key: value for key, value in (arrays | {name: array}).items() if value is not None}


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("readout/bias", np.zeros(8, "float16"), r"readout/bias should be a float of shape \[9\]; it is float16 \[8\]"),
        ("readout/bias", np.zeros((9, 1), "float16"), r"readout/bias should be .*\[9\]; it is float16 \[9, 1\]"),
        ("readout/bias", np.zeros((), "float16"), r"readout/bias should be .*\[9\]; it is float16 \[\]"),
        ("readout/bias", np.zeros(9), r"readout/bias should be .*; it is float64"),
        ("readout/bias", np.zeros(9, ">f4"), r"readout/bias should be .*; it is >f4"),
        ("readout/bias", np.zeros(9, "int16"), r"readout/bias should be .*; it is int16"),
        ("readout/bias", np.zeros(9, "U3"), r"readout/bias should be .*; it is <U3"),
        ("readout/bias", np.zeros(9, [("a", "f4")]), r"readout/bias should be a float"),
        ("readout/bias", None, r"arrays and card disagree on readout/bias"),
        ("other/bias", np.zeros(9, "float16"), r"arrays and card disagree on other/bias"),
        ("../../readout", np.zeros(9, "float16"), r"arrays and card disagree on \.\./\.\./readout"),
    ],
)
def test_arrays_that_the_card_does_not_describe(
    folder: Path,
    untouched: Callable[[], None],
    no_model: None,
    name: str,
    array: np.ndarray | None,
    message: str,
) -> None:
    forge(folder, npz(altered(arrays_of(folder), name, array)))
    untouched()
    with pytest.raises(zoo.PresetError, match=message):
        zoo.from_preset(folder)


@pytest.mark.parametrize(
    ("name", "array", "wrong"),
    [
        ("readout/bias", np.zeros(8, "float16"), "readout/bias"),
        ("readout/bias", np.zeros((1, 9), "float16"), "readout/bias"),
        ("readout/bias", None, "readout/bias"),
        ("other/bias", np.zeros(9, "float16"), "other/bias"),
    ],
)
def test_arrays_and_card_that_agree_with_each_other_and_not_with_the_model(
    folder: Path, untouched: Callable[[], None], name: str, array: np.ndarray | None, wrong: str
) -> None:
    arrays = altered(arrays_of(folder), name, array)
    forge(folder, npz(arrays), {key: list(value.shape) for key, value in arrays.items()})
    untouched()
    with pytest.raises(zoo.PresetError, match=f"weights and model disagree on {wrong}"):
        zoo.from_preset(folder)


def test_float32_weights_load_too(folder: Path, untouched: Callable[[], None]) -> None:
    arrays = {name: array.astype("float32") + np.float32(1e-6) for name, array in arrays_of(folder).items()}
    forge(folder, npz(arrays))
    untouched()
    task = zoo.from_preset(folder)
    for variable in task.model.weights:
        np.testing.assert_array_equal(variable.value, arrays[variable.path])


def entries_of(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / preset.WEIGHTS) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def promising(folder: Path, shape: tuple[int, ...], lie_in_the_directory: bool, in_the_card: bool) -> None:
    """Weights whose `readout/bias` promises more numbers than the file has bytes."""
    entries = entries_of(folder) | {"readout/bias.npy": header(shape) + bytes(18)}
    data = zipped(entries)
    if lie_in_the_directory:  # the sizes that the zip states
        size = len(entries["readout/bias.npy"])
        promised = len(header(shape)) + 2 * int(np.prod(shape))
        at = data.rindex(b"readout/bias.npy") - 46
        assert data[at : at + 4] == b"PK\x01\x02"
        assert struct.unpack("<II", data[at + 20 : at + 28]) == (size, size)
        data = data[: at + 20] + struct.pack("<II", promised, promised) + data[at + 28 :]
    shapes = read_card(folder)["weights"]["shapes"]
    forge(folder, data, shapes | {"readout/bias": list(shape)} if in_the_card else None)


@pytest.mark.parametrize("lie_in_the_directory", [False, True])
@pytest.mark.parametrize("in_the_card", [False, True])
@pytest.mark.parametrize("shape", [(2**28,), (2**14, 2**14)])
def test_a_header_that_promises_too_much_claims_no_memory(
    folder: Path,
    untouched: Callable[[], None],
    no_model: None,
    shape: tuple[int, ...],
    in_the_card: bool,
    lie_in_the_directory: bool,
) -> None:
    promising(folder, shape, lie_in_the_directory, in_the_card)
    untouched()
    tracemalloc.start()
    try:
        with pytest.raises(zoo.PresetError, match=r"readout/bias should (take|be)"):
            zoo.from_preset(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20e6


def test_sizes_beyond_any_memory(folder: Path, untouched: Callable[[], None], no_model: None) -> None:
    promising(folder, (2**62,), False, True)
    untouched()
    with pytest.raises(zoo.PresetError, match=r"readout/bias should take 9223372036854775\d+ bytes"):
        zoo.from_preset(folder)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_small_file_that_unpacks_to_a_large_one(
    folder: Path, untouched: Callable[[], None], no_model: None, compression: int
) -> None:
    shape = (2**24,)
    entries = entries_of(folder) | {"readout/bias.npy": header(shape) + bytes(2 * 2**24)}
    data = zipped(entries, compression)
    assert len(data) < 2e6, "a case that shows nothing"
    forge(folder, data, read_card(folder)["weights"]["shapes"] | {"readout/bias": list(shape)})
    untouched()
    tracemalloc.start()
    try:
        with pytest.raises(zoo.PresetError, match=r"should take \d+ bytes, not compressed"):
            zoo.from_preset(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20e6


def test_a_model_larger_than_its_arrays_is_not_built(
    folder: Path, untouched: Callable[[], None], no_model: None
) -> None:
    change(folder, "arguments.encoder_units", 100_000)
    untouched()
    with pytest.raises(zoo.PresetError, match=r"argument encoder_units is 100000, more than any side of its arrays"):
        zoo.from_preset(folder)


@pytest.mark.parametrize(("at", "value"), [((8, 6), 1), ((10, 8), 77)], ids=["encrypted", "unknown compression"])
def test_entries_of_a_kind_that_cannot_be_read(
    folder: Path, untouched: Callable[[], None], no_model: None, at: tuple[int, int], value: int
) -> None:
    data = zipped(entries_of(folder))
    for signature, offset in zip((b"PK\x01\x02", b"PK\x03\x04"), at, strict=True):  # in the directory, at the entry
        where = data.index(signature) + offset
        data = data[:where] + struct.pack("<H", value) + data[where + 2 :]
    forge(folder, data)
    untouched()
    with pytest.raises(zoo.PresetError, match="is not a file of arrays: "):
        zoo.from_preset(folder)


def test_bytes_changed_at_random_with_a_checksum_that_matches(
    original: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Whatever the bytes: arrays of the right names and shapes, or a PresetError; nothing else ever comes out."""
    folder = Path(shutil.copytree(original, tmp_path / "preset"))
    shapes = {"a/b": [2], "c": [1, 1]}
    whole = npz({"a/b": np.ones(2, "float16"), "c": np.ones((1, 1), "float16")})
    refused = 0
    for _ in range(800):
        data = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
        forge(folder, bytes(data), shapes)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # NumPy's remark on headers written by Python 2
                found = preset.find(folder).arrays()
        except zoo.PresetError:
            refused += 1
        else:
            assert {name: list(array.shape) for name, array in found.items()} == shapes
            assert all(np.isfinite(array).all() and array.dtype == "float32" for array in found.values())
    assert 200 < refused < 800


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
