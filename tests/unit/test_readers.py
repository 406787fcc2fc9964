"""The readers: every format as it should be and as people's files are, and errors that name the file and the line."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasrnn.zoo.readers.conll import Sentence, read_sentences
from kerasrnn.zoo.readers.files import lines, part, read_bytes, suffix
from kerasrnn.zoo.readers.idx import read_idx, read_images
from kerasrnn.zoo.readers.series import read_series
from kerasrnn.zoo.readers.tables import read_pairs, rows
from kerasrnn.zoo.tasks.classifier import read_labelled, read_pixels, read_values
from kerasrnn.zoo.tasks.language_model import read_text

Write = Callable[..., Path]


@pytest.fixture(params=["plain", "gzip"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    """Writes a file, as it is or packed, and gives its path."""

    def written(name: str, content: str | bytes) -> Path:
        data = content.encode() if isinstance(content, str) else content
        if request.param == "gzip":
            name, data = f"{name}.gz", gzip.compress(data)
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return written


def values(path: Path, *columns: str | int) -> list[list[Any]]:
    return [fields for _, fields in rows(path, columns)]


def test_lines_of_every_kind(write: Write) -> None:
    path = write("a.txt", "\ufeffone\r\ntwo\n\n  \n\ufeffthree \u2028 \x0b still\nno end")
    expected = ["one", "two", "", "  ", "\ufeffthree \u2028 \x0b still", "no end"]
    assert list(lines(path)) == list(enumerate(expected, start=1))
    assert list(lines(write("empty.txt", ""))) == []
    assert suffix(path) == ".txt"
    assert suffix(Path("A.TSV.GZ")) == ".tsv"


def test_files_that_cannot_be_read(write: Write, tmp_path: Path) -> None:
    path = write("latin.tsv", "gut\tja\ncafé\tnein\n".encode("latin-1"))
    for read in (lambda: list(lines(path)), lambda: read_pairs(path), lambda: read_sentences(path)):
        with pytest.raises(ValueError, match=rf"{path.name}:2 is not UTF-8 text \(byte 3\): convert"):
            read()
    wide = write("wide.txt", "one\n".encode("utf-16"))
    with pytest.raises(ValueError, match=rf"{wide.name}:1 is not UTF-8"):
        read_text(wide)
    for name in ("gone.txt", "."):
        for reads in (lambda path: list(lines(path)), read_bytes):
            with pytest.raises(ValueError, match=r"cannot read .*: (No such file|Is a directory)"):
                reads(tmp_path / name)


def test_damaged_gzip(tmp_path: Path) -> None:
    text = "".join(f"line {i * i}\n" for i in range(5000)).encode()
    packed = gzip.compress(text)
    spoiled = packed[:2000] + bytes([packed[2000] ^ 0xFF]) + packed[2001:]
    for name, data in {"cut": packed[: len(packed) // 2], "spoiled": spoiled, "head": packed[:5]}.items():
        path = tmp_path / f"{name}.txt.gz"
        path.write_bytes(data)
        with pytest.raises(ValueError, match=rf"{name}.txt.gz is damaged gzip data after line \d+ .*: fetch it again"):
            list(lines(path))
        with pytest.raises(ValueError, match=rf"{name}.txt.gz is damaged gzip data"):
            read_bytes(path)


def test_tab_separated_columns(write: Write) -> None:
    path = write("a.tsv", 'en\tfr\tnote\r\n"One\tun\t\r\n\r\n \ntwo, 2\tdeux\t"x"\n')
    assert values(path, 0, -1) == [["en", "note"], ['"One', ""], ["two, 2", '"x"']]
    assert values(path, "fr", "en") == [["un", '"One'], ["deux", "two, 2"]]
    assert values(path, "1") == [["fr"], ["un"], ["deux"]]
    assert [number for number, _ in rows(path, ["fr"])] == [2, 5]
    assert read_pairs(path, "en", "fr")[1] == ("two, 2", "deux")


def test_comma_separated_columns(write: Write) -> None:
    text = (
        'text,label,2020\r\n"He said ""no"",\r\nand\n\nleft",bad,1\n\n  \nplain 5" nail\u2028and \x0b\x85more,good,2\n'
        '"",,3\n'
    )
    path = write("a.csv", text)
    expected = [['He said "no",\nand\n\nleft', "bad"], ['plain 5" nail\u2028and \x0b\x85more', "good"], ["", ""]]
    assert values(path, "text", "label") == values(path, 0, 1) == values(path, "0", -2) == expected
    assert values(path, "2020") == [["1"], ["2"], ["3"]], "a name that looks like a number"
    assert [number for number, _ in rows(path, ["text"])] == [2, 8, 9]


def test_json_lines(write: Write) -> None:
    path = write("a.jsonl", '{"text": "a\\nb", "label": 1}\n\n{"label": null, "text": "ü\\u2028", "x": []}\r\n')
    assert values(path, "text", "label") == [["a\nb", 1], ["ü\u2028", None]]
    assert [number for number, _ in rows(path, ["text"])] == [1, 3]


@pytest.mark.parametrize(
    ("name", "text", "columns", "message"),
    [
        ("a.txt", "a\tb\n", [0], r"expected a file name in \.tsv, \.csv, \.jsonl, or the same with \.gz"),
        ("a.tsv", "a\tb\nc\n", [0, 1], r":2: expected at least 2 columns, found 1: 'c'"),
        ("a.tsv", "a\tb\nc\n", [-2], r":2: expected at least 2 columns, found 1"),
        ("a.tsv", "a\tb\nc\n", ["nope"], r"has no column 'nope'; its first line names a, b"),
        ("a.tsv", "a\tb\n", ["--5"], r"has no column '--5'"),
        ("a.csv", "a,b\n1\n", ["b"], r":2: expected at least 2 columns, found 1: '1'"),
        ("a.csv", "a,b\n1,2\n", ["c"], r"has no column 'c'; its first line names a, b"),
        ("a.csv", 'a,b\nx,y\n"open,1\n2,3\n', [0], r":3: the row that begins here is no CSV .*: check its quotes"),
        ("a.csv", 'a,b\n"x" y,1\n', [0], r":2: the row that begins here is no CSV"),
        ("a.csv", "a,b\nx\ry,1\n", [0], r":2: the row that begins here is no CSV"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', ["a"], r":2 is no JSON"),
        ("a.jsonl", "[" * 100_000, ["a"], r":1 is no JSON"),
        ("a.jsonl", "[1]\n", ["a"], r":1: expected a JSON object, found '\[1\]'"),
        ("a.jsonl", '{"a": 1}\n\n{"b": 1}\n', ["a"], r":3 has no field 'a'; it has b"),
    ],
)
def test_rows_that_are_refused(write: Write, name: str, text: str, columns: list[str | int], message: str) -> None:
    path = write(name, text)
    with pytest.raises(ValueError, match=message) as caught:
        values(path, *columns)
    assert str(caught.value).startswith(str(path))


def test_pairs_and_labels_that_are_refused(write: Write) -> None:
    for name, text, message in (
        ("a.tsv", "one\tun\n \tdeux\n", r":2: expected two texts, found \[' ', 'deux'\]"),
        ("b.tsv", "", r"holds no pair of texts"),
    ):
        with pytest.raises(ValueError, match=message):
            read_pairs(write(name, text))
    for name, text, message in (
        ("a.jsonl", '{"text": " ", "label": 1}', r":1: expected a text, found ' '"),
        ("b.jsonl", '{"text": 3, "label": 1}', r":1: expected a text, found 3"),
        ("c.jsonl", '{"text": "x", "label": null}', r":1: expected a label, found None"),
        ("d.csv", "text,label\nx,\n", r":2: expected a label, found ''"),
        ("e.csv", "text,label\n", r"holds no example"),
        ("f.csv", "", r"holds no example"),
    ):
        with pytest.raises(ValueError, match=message):
            read_labelled(write(name, text))


def test_labels_are_renamed(write: Write) -> None:
    path = write("a.csv", "label,text\n1,Isn't it good?\n0,Bad.\n2,So so\n")
    found = read_labelled(path, {"0": "negative", "1": "positive"})
    assert [each.label for each in found] == ["positive", "negative", "2"]
    assert found[0].content == ["Is", "n't", "it", "good", "?"]


def test_sentences_in_columns(write: Write) -> None:
    """Blank lines end sentences, of one space too; a hash may be a word."""
    text = (
        "-DOCSTART- -X- O O\n\n# id 1\nEU NNP I-NP B-ORG\n# # I-NP O\n\u00a0x . O O\r\n\r\n \n\n"
        "U.N. NNP I-NP B-ORG\n\n-DOCSTART- -X- O O\n"
    )
    path = write("a.conll", text)
    found = read_sentences(path)
    assert found == [
        Sentence(["EU", "#", "\u00a0x"], ["B-ORG", "O", "O"]),
        Sentence(["U.N."], ["B-ORG"]),
    ]
    assert read_sentences(path, word=0, tag=1)[1] == Sentence(["U.N."], ["NNP"])
    assert read_sentences(path, word="0", tag="-3")[1] == Sentence(["U.N."], ["NNP"]), "as the command line gives them"


def test_sentences_between_tabs(write: Write) -> None:
    """The last column of a .conll file, the second of a .tsv file; spaces within a word are its own."""
    assert read_sentences(write("a.conll", "#\tO\n10 000\tx\tB-N")) == [Sentence(["#", "10 000"], ["O", "B-N"])]
    path = write("a.tsv", "form\tNOUN\tNN\tform\n\nIt\tPRON\tPRP\tit\n")
    assert read_sentences(path) == [Sentence(["form"], ["NOUN"]), Sentence(["It"], ["PRON"])]
    assert read_sentences(path, tag=2)[0].tags == ["NN"]


def test_treebanks(write: Write) -> None:
    """Ranges and empty nodes are left out; so are comments, of all kinds."""
    rest = "\t".join("_" * 6)
    text = (
        "# sent_id = 1\n#global\n"
        f"1-2\tdon't\t_\t_\t{rest}\n1\tdo\tdo\tAUX\t{rest}\n2\tn't\tnot\tPART\t{rest}\n2.1\tgo\tgo\tVERB\t{rest}\n\n"
        f"# text = 2\n1\t#\t#\tSYM\t{rest}\n2\ta b\tab\tX\t{rest}\n"
    )
    path = write("a.conllu", text)
    expected = [Sentence(["do", "n't"], ["AUX", "PART"]), Sentence(["#", "a b"], ["SYM", "X"])]
    assert read_sentences(path) == expected
    assert read_sentences(path, word=2)[0].words == ["do", "not"]


@pytest.mark.parametrize(
    ("name", "text", "options", "message"),
    [
        ("a.conll", "a O\nb\n", {}, r":2: expected at least 2 columns, found 1: 'b'"),
        ("a.conll", "a O\n", {"tag": 3}, r":1: expected at least 4 columns, found 2"),
        ("a.conll", "a O\n", {"tag": -3}, r":1: expected at least 3 columns, found 2"),
        ("a.conll", "a O\n", {"word": "form"}, r"the column of the word is chosen by its number from 0"),
        ("a.tsv", "a\tX\n\tX\n", {}, r":2: an empty word or tag"),
        ("a.conllu", "1\ta\t_\tX\n", {}, r":1: expected the 10 columns of CoNLL-U, found 4"),
        ("a.conll", "\n\n", {}, r"holds no sentence: expected a word and a tag a line"),
        ("a.conllu", "# only\n", {}, r"holds no sentence"),
    ],
)
def test_sentences_that_are_refused(write: Write, name: str, text: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_sentences(write(name, text), **options)


def test_plain_text(write: Write) -> None:
    assert read_text(write("a.txt", "\ufeffone\r\n\r\n two")) == "one\n\n two\n"
    for name, text in (("b.txt", ""), ("c.txt", "\n \n")):
        with pytest.raises(ValueError, match=rf"{name}.* is empty"):
            read_text(write(name, text))


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_images(write: Write, rng: np.random.Generator) -> None:
    images, labels = rng.integers(0, 256, (3, 2, 4)).astype(np.uint8), np.array([7, 0, 9], np.uint8)
    path = write("train-images-idx3-ubyte", idx(images))
    with pytest.raises(ValueError, match=r"cannot read .*train-labels-idx1-ubyte"):
        read_images(path)
    write("train-labels-idx1-ubyte", idx(labels))
    for found, expected in zip(read_images(path), (images, labels), strict=True):
        np.testing.assert_array_equal(found, expected)
    examples = read_pixels(path)
    assert [each.label for each in examples] == ["7", "0", "9"]
    np.testing.assert_allclose(examples[1].content, images[1].reshape(8, 1) / 255, rtol=1e-6)

    write("train-labels-idx1-ubyte", idx(labels[:2]))
    with pytest.raises(ValueError, match=r"labels \(2,\): they do not fit"):
        read_images(path)
    with pytest.raises(ValueError, match=r"expected a name like train-images-idx3-ubyte"):
        read_images(write("digits", idx(images)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no IDX file of bytes"),
        (b"\0\0\x0d\x01\0\0\0\0", "is no IDX file of bytes"),
        (b"PK\3\4 and more", "is no IDX file of bytes"),
        (b"\0\0\x08\x03\0\0\0\1", "is cut off in its header"),
        (b"\0\0\x08\x01\0\0\0\5abcd", r"should hold \(5,\) bytes; it holds 4"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2**31, 2**31, 4), r"should hold \(2147483648, .*\) bytes; it holds 0"),
    ],
)
def test_files_that_hold_no_images(write: Write, data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_idx(write("x", data))


def test_a_sequence_of_numbers(tmp_path: Path, rng: np.random.Generator) -> None:
    path, bytes_ = tmp_path / "x.npy", rng.integers(0, 256, (2, 3)).astype(np.uint8)
    for array, expected in (
        (np.arange(3), [[0], [1], [2]]),
        (np.ones((2, 5)), np.ones((2, 5))),
        (bytes_, bytes_.reshape(6, 1) / 255),
    ):
        np.save(path, array)
        np.testing.assert_allclose(read_values(path), expected, rtol=1e-6)
    for wrong in (np.array(["a"]), np.zeros((0, 3)), np.zeros((1, 2, 3)), np.float64(3)):
        np.save(path, wrong)
        with pytest.raises(ValueError, match=r"x\.npy: expected numbers \(t, d\), found"):
            read_values(path)
    for data in (b"", b"1,2,3", path.read_bytes()[:40]):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"cannot read .*x\.npy as an \.npy file of numbers"):
            read_values(path)


def test_series(write: Write) -> None:
    path = write(
        "a.csv", "date,a,b\n2020-02-28 23:00:00,1,5\n2020-02-29T00:00,2.5,6\n\n2020-02-29 01:00:00+00:00,-3,7\n"
    )
    for options, expected in (
        ({}, [5, 6, 7]),
        ({"value": "a"}, [1, 2.5, -3]),
        ({"time": 0, "value": "1"}, [1, 2.5, -3]),
    ):
        found = read_series(path, **options)
        assert found.values.tolist() == expected
        assert [str(time) for time in found.times] == [f"2020-02-{at}:00:00" for at in ("28T23", "29T00", "29T01")]
    winter = write("b.csv", "date,a\n2021-10-31 02:30+02:00,1\n2021-10-31 02:30+01:00,2\n")
    assert str(read_series(winter).times[1]) == "2021-10-31T01:30:00", "both half past two, an hour apart"


@pytest.mark.parametrize(
    ("rows_", "message"),
    [
        (["2020-01-01,1"], r"holds 1 values: expected a series"),
        ([], r"holds 0 values"),
        (["2020-01-01,1", "soon,2"], r":3: expected a time and a number, found \['soon', '2'\]"),
        (["2020-01-01,1", "2020-01-02,"], r":3: expected a time and a number"),
        (["0001-01-01 00:00+14:00,1", "2020-01-02,2"], r":2: expected a time and a number"),
        (["2020-01-01,1", "2020-01-02,2", "2020-01-04,3"], r"do not rise evenly, first at 2020-01-04T"),
        (["2020-01-01,1", "2020-01-01,2"], r"do not rise evenly, first at 2020-01-01T"),
        (["2020-01-03,1", "2020-01-02,2"], r"do not rise evenly, first at 2020-01-02T"),
        (["2020-01-01,1", "2020-01-02,nan"], r"the value at 2020-01-02T00:00:00 is missing"),
        (["2020-01-01,1", "2020-01-02,inf"], r"the value at 2020-01-02T00:00:00 is missing"),
    ],
)
def test_series_that_are_refused(write: Write, rows_: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_series(write("a.csv", "\n".join(["date,a", *rows_])))


def test_a_series_goes_on_from_another(write: Write) -> None:
    text = "date,a\n" + "".join(f"2020-01-{day:02},{day}\n" for day in range(1, 8))
    whole = read_series(write("a.csv", text))
    early, late = (type(whole)(whole.times[part], whole.values[part]) for part in (slice(4), slice(4, None)))
    for steps, first in ((1, 4), (3, 2), (9, 1)):
        joined = late.after(early, steps)
        assert joined.values.tolist() == list(range(first, 8))
        assert joined.times.tolist() == whole.times[first - 1 :].tolist()
    with pytest.raises(ValueError, match=r"ends at 2020-01-07.* begins at 2020-01-01.* expected them"):
        early.after(late, 2)


def test_which_file_is_which_part(tmp_path: Path) -> None:
    patterns = ("{part}.tsv", "*ud-{part}.conllu")
    for name in ("train.tsv.gz", "en-ud-train.conllu", "x-ud-dev.conllu", "a-ud-test.conllu", "b-ud-test.conllu.gz"):
        (tmp_path / name).touch()
    assert part(tmp_path, "train", patterns).name == "train.tsv.gz", "the first pattern goes first"
    assert part(tmp_path, "valid", patterns).name == "x-ud-dev.conllu"
    with pytest.raises(ValueError, match=r"several files for 'test' \(a-ud-test.conllu, b-ud-test.conllu.gz\)"):
        part(tmp_path, "test", patterns)
    (tmp_path / "train.tsv").touch()
    with pytest.raises(ValueError, match=r"several files for 'train' \(train.tsv, train.tsv.gz\): name one"):
        part(tmp_path, "train", patterns)
    for folder in (tmp_path / "gone", tmp_path / "train.tsv"):
        with pytest.raises(ValueError, match=r"holds no file for 'valid': expected valid.tsv, \*ud-valid.conllu"):
            part(folder, "valid", patterns)
