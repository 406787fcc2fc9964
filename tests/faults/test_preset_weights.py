"""Weights that are damaged, forged or made to do harm: an error before a model is built, and nothing else happens."""

import shutil
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forgery import altered, arrays_of, change, entries_of, forge, header, npz, promising, read_card, zipped

from kerasrnn import zoo
from kerasrnn.zoo import preset


class Harmful:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.path, "harm done"))


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
def test_weights_that_are_not_finite(folder: Path, untouched: Callable[[], None], no_model: None, bad: float) -> None:
    arrays = arrays_of(folder)
    arrays["readout/kernel"][3, 4] = bad
    forge(folder, npz(arrays))
    untouched()
    with pytest.raises(zoo.PresetError, match="array readout/kernel holds values that are not finite"):
        zoo.from_preset(folder)


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
    with pytest.raises(zoo.PresetError, match=r"argument encoder_units is 100000, and no array has a side over"):
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


HEADERS = ["{'shape': (", "{'shape': 'a", "{", "(" * 500, "3", "[" * 40 + "]" * 40, "\x00", "{'a': 1L}"]


@pytest.mark.parametrize("text", HEADERS, ids=range(len(HEADERS)))
def test_a_header_that_is_no_dictionary(folder: Path, untouched: Callable[[], None], no_model: None, text: str) -> None:
    """Whatever NumPy's reader of headers raises on it: it tries two parsers, each with errors of its own."""
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
    forge(folder, zipped(entries_of(folder) | {"readout/bias.npy": head + bytes(18)}))
    untouched()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's remark on headers written by Python 2
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
    for _ in range(400):
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
    assert 100 < refused < 400
