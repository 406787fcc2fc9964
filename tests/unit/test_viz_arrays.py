"""`Capture`: what it accepts, what it says, and that files give it back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasrnn.viz import Capture

B, T, S, U = 2, 4, 3, 2
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)


def gates(rng: np.random.Generator, **options: Any) -> Capture:
    arrays = {"r/forget": rng.random((B, T, U)).astype("float32"), "r/cell": rng.standard_normal((B, T, U))}
    return Capture(arrays, "r", **options)


@pytest.mark.parametrize("suffix", ["npz", "json", "NPZ"])
def test_files_give_everything_back(tmp_path: Path, rng: np.random.Generator, suffix: str) -> None:
    tokens = [["३", "$x$", "\x1b", "\ud800"], ["日本", " "]]
    made = Capture(
        {"d/alignment": rng.random((B, 2, T, S)), "d/hidden": rng.standard_normal((B, T, U))},
        "d",
        tokens,
        [list("abc"), list("de")],
        MASK,
        np.array([[1, 1, 1], [1, 1, 0]], bool),
        "chosen",
        {"at": [1, None], "loss": "−log p"},
    )
    path = tmp_path / f"capture.{suffix}"
    made.save(path)
    first = path.read_bytes()
    made.save(path)
    assert path.read_bytes() == first
    read = Capture.load(path)
    assert (read.layer, read.note, read.facts) == (made.layer, made.note, made.facts)
    assert read.tokens == [[*tokens[0]], ["日本", " ", "", ""]]
    assert read.source_tokens == [list("abc"), ["d", "e", ""]]
    np.testing.assert_array_equal(read.mask, MASK)
    np.testing.assert_array_equal(read.source_mask, made.source_mask)
    assert list(read.arrays) == list(made.arrays)
    for key, array in made.arrays.items():
        np.testing.assert_array_equal(read.arrays[key], array)


def test_the_keys_of_an_npz_are_plain(tmp_path: Path, rng: np.random.Generator) -> None:
    gates(rng, tokens=[list("abcd"), ["x", "y\0"]], mask=MASK).save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert set(file.files) == {"r/forget", "r/cell", "tokens", "mask", "about"}
        assert file["r/forget"].dtype == np.float32
        assert file["tokens"].tolist() == [list("abcd"), ["x", "y␀", "", ""]]
        assert file["mask"].dtype == bool


def test_json_has_no_number_that_is_none(tmp_path: Path) -> None:
    Capture({"r/bptt": np.array([[1.0, np.nan, np.inf]])}, "r").save(tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert content["arrays"]["r/bptt"] == [[1.0, None, None]]
    assert np.isnan(Capture.load(tmp_path / "a.json").arrays["r/bptt"]).sum() == 2


@pytest.mark.parametrize("content", [b"", b"no file", b"{}", b'{"arrays": {"a/b": [1]}, "about": {}}', b"PK\x03\x04"])
@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_other_files_are_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="path: expected a file written by Capture"):
        Capture.load(path)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", about=np.array([{"layer": "r"}], dtype=object))
    with pytest.raises(ValueError, match="path: expected a file written by Capture"):
        Capture.load(tmp_path / "a.npz")


@pytest.mark.parametrize("suffix", ["csv", "", "txt"])
def test_suffixes(tmp_path: Path, rng: np.random.Generator, suffix: str) -> None:
    with pytest.raises(ValueError, match=r"ending in \.npz or \.json"):
        gates(rng).save(tmp_path / f"a.{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="not JSON compliant"):
        gates(rng, facts={"at": float("nan")}).save(path)
    with pytest.raises(FileNotFoundError, match="cannot write"):
        gates(rng).save(tmp_path / "none" / "a.npz")
    assert path.read_text() == "old"


def test_one_row(rng: np.random.Generator) -> None:
    arrays = {f"my/layer/{way}/input": rng.random((B, T, U)) for way in ("forward", "backward")}
    capture = Capture(arrays, "my/layer")
    assert list(capture.one(1)) == ["forward/input", "backward/input"]
    np.testing.assert_array_equal(capture.one(1)["backward/input"], arrays["my/layer/backward/input"][1])


def test_summary_counts_only_steps_that_count() -> None:
    forget = np.zeros((B, T, U))
    forget[0], forget[1, :2] = 0.95, 0.05
    cell = np.where(MASK[..., None], -2.0, 100.0) * np.ones((B, T, U))
    summary = Capture({"r/forget": forget, "r/cell": cell}, "r", mask=MASK, note="n", facts={"at": None}).summary()
    assert summary == {
        "layer": "r",
        "steps": [4, 2],
        "values": {
            "r/forget": {"mean": 0.65, "below 0.1": 0.333333, "above 0.9": 0.666667},
            "r/cell": {"mean size": 2.0, "largest size": 2.0},
        },
        "note": "n",
        "at": None,
    }
    json.dumps(summary)


def test_summary_of_an_alignment() -> None:
    alignment = np.zeros((B, T, S))
    alignment[0] = [0, 1, 0]
    alignment[1, :2] = [0.5, 0.5, 0]
    source = np.array([[1, 1, 1], [1, 1, 0]], bool)
    capture = Capture({"d/alignment": alignment}, "d", mask=MASK, source_mask=source)
    assert capture.summary()["values"]["d/alignment"] == {"looked at": [[1] * 4, [0, 0, -1, -1]], "entropy": 0.333333}
    heads = Capture({"d/alignment": np.stack([alignment] * 2, 1)}, "d", mask=MASK, source_mask=source)
    assert heads.summary()["values"] == capture.summary()["values"]


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({}, {}, "at least one array"),
        ({"r/cell": np.ones((2, 3))}, {}, "expected rank 3 for 'r/cell'"),
        ({"r/bptt": np.ones((2, 3, 4))}, {}, "expected rank 2"),
        ({"r/cell": np.ones((2, 3, 4)), "r/hidden": np.ones((2, 4, 4))}, {}, "the same number of steps"),
        ({"r/cell": np.ones((2, 3, 4)), "r/hidden": np.ones((1, 3, 4))}, {}, "the same number of rows"),
        (
            {"r/cell": np.ones((2, 3, 4))},
            {"mask": np.ones((3, 2))},
            r"mask: expected shape \(2, 3\), received",
        ),
        ({"r/alignment": np.ones((2, 3, 4))}, {"source_mask": np.ones((2, 3))}, "source_mask: expected shape"),
        ({"r/cell": np.ones((2, 3, 4))}, {"tokens": "abc"}, "tokens: expected lists of strings"),
        ({"r/cell": np.ones((2, 3, 4))}, {"tokens": [["a"]]}, "one list for each of 2 rows"),
        ({"r/cell": np.ones((2, 3, 4))}, {"tokens": [list("abcd"), []]}, "at most 3 tokens, one a step, received 4"),
        ({"r/cell": np.ones((2, 3, 4))}, {"tokens": [[1], [2]]}, "expected strings"),
    ],
)
def test_errors(arrays: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Capture(arrays, "r", **options)


def test_a_batch_of_one_takes_flat_tokens() -> None:
    assert Capture({"r/cell": np.ones((1, 3, 2))}, "r", tokens=["a", "b"]).tokens == [["a", "b", ""]]


def test_a_window_cuts_every_array_along_its_steps(rng: np.random.Generator) -> None:
    arrays = {"a/forget": rng.random((2, 9, 3)), "a/alignment": rng.random((2, 4, 9, 5)), "a/bptt": rng.random((2, 9))}
    mask = np.arange(9) < np.array([[9], [6]])
    tokens = [list("abcdefghi"), list("jklmno")]
    whole = Capture(arrays, "a", tokens, mask=mask, facts={"at": [1, 2]})
    cut = whole.window(3, 7).window(1, 4)
    np.testing.assert_array_equal(cut.arrays["a/forget"], arrays["a/forget"][:, 4:7])
    np.testing.assert_array_equal(cut.arrays["a/alignment"], arrays["a/alignment"][:, :, 4:7])
    np.testing.assert_array_equal(cut.arrays["a/bptt"], arrays["a/bptt"][:, 4:7])
    np.testing.assert_array_equal(cut.mask, mask[:, 4:7])
    assert cut.tokens == [list("efg"), ["n", "o", ""]]
    assert (cut.first, cut.facts, whole.first) == (4, {"at": [1, 2]}, 0)
    assert cut.summary()["first"] == 4
    for start, stop in ((2, 2), (-1, 3), (0, 10)):
        with pytest.raises(ValueError, match=f"window: expected steps within 0:9, received {start}:{stop}"):
            whole.window(start, stop)


@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_a_window_is_saved_as_one(rng: np.random.Generator, tmp_path: Path, suffix: str) -> None:
    cut = Capture({"a/cell": rng.random((1, 5, 2))}, "a").window(2, 4)
    cut.save(tmp_path / f"a.{suffix}")
    again = Capture.load(tmp_path / f"a.{suffix}")
    assert again.first == 2
    np.testing.assert_allclose(again.arrays["a/cell"], cut.arrays["a/cell"])


def test_what_is_no_number_is_counted_and_kept_out_of_the_summary(rng: np.random.Generator) -> None:
    """At the steps that count; JSON has no NaN, so no figure of the summary may be one."""
    array = rng.random((2, 4, 3))
    array[0, 1, 2], array[1, 0, 0], array[1, 3, 0] = np.nan, np.inf, np.nan
    mask = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], bool)
    norms = np.array([[1.0, np.nan, 3.0, 0.0], [np.nan] * 4])
    capture = Capture({"a/forget": array, "a/cell": array, "a/bptt": norms}, "a", mask=mask)
    assert capture.not_numbers() == {"a/forget": 2, "a/cell": 2, "a/bptt": 4}
    summary = capture.summary()
    assert summary["not numbers"] == capture.not_numbers()
    json.dumps(summary, allow_nan=False)
    kept = array[mask]
    assert summary["values"]["a/forget"]["mean"] == pytest.approx(kept[np.isfinite(kept)].mean(), rel=1e-5)
    assert summary["values"]["a/bptt"]["largest"] == [3.0, 0.0]
    assert "not numbers" not in Capture({"a/cell": np.ones((1, 2, 3))}, "a").summary()


@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_what_was_drawn_is_saved_too(rng: np.random.Generator, tmp_path: Path, suffix: str) -> None:
    """Of any shape, beside the arrays it comes from."""
    drawn = {"forget/left": rng.random(2), "retention": np.array([[1, np.nan], [0.5, 1]])}
    Capture({"a/forget": rng.random((1, 5, 2))}, "a", drawn=drawn).save(tmp_path / f"a.{suffix}")
    again = Capture.load(tmp_path / f"a.{suffix}")
    assert set(again.arrays) == {"a/forget"}
    assert set(again.drawn) == set(drawn)
    for name, array in drawn.items():
        np.testing.assert_allclose(again.drawn[name], array)
