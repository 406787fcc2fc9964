"""Interactive pages as files: what is in them, the same bytes each time, nothing that a token could set free."""

import base64
import hashlib
import re
from pathlib import Path

import numpy as np
import page_cases
import pytest
from page_cases import Parts, unpacked

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.pages.attention import attention_page
from kerasrnn.viz.pages.beam import beam_page
from kerasrnn.viz.pages.bptt import bptt_page
from kerasrnn.viz.pages.explorer import explorer_page
from kerasrnn.viz.pages.gates import gates_page
from kerasrnn.viz.pages.jacobian import jacobian_page
from kerasrnn.viz.pages.page import packed, write_page

ASSETS = Path(__file__).parents[2] / "viz" / "pages" / "assets"


@pytest.mark.parametrize("name", page_cases.PAGES)
def test_the_same_arrays_give_the_same_bytes(name: str) -> None:
    page = page_cases.PAGES[name]()
    assert page.html == page_cases.PAGES[name]().html
    page.html.decode("utf-8")


@pytest.mark.parametrize("name", page_cases.PAGES)
def test_a_page_holds_two_scripts_of_its_own_and_no_address(name: str) -> None:
    """The policy names exactly this script and this style, so the browser runs and applies no others."""
    page = page_cases.PAGES[name]()
    parts = Parts(page.html)
    (data, _), (_, script) = parts.all("script")
    assert data == {"type": "application/json", "id": "data"}
    ((_, style),) = parts.all("style")
    policy = next(attrs["content"] for attrs, _ in parts.all("meta") if "http-equiv" in attrs)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    hashes = {
        kind: "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
        for kind, text in (("script-src", script), ("style-src", style))
    }
    assert rules == {
        "default-src": "'none'",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        **hashes,
    }
    for _, attrs in parts.tags:
        assert not {"src", "onload", "onerror", "onclick", "style"} & set(attrs)
        assert attrs.get("href", "data:,") == "data:,"
    assert set(re.findall(r"https?://[^\s\"']+", page.html.decode())) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", page_cases.WITH_TOKENS)
def test_hostile_tokens_stay_data(name: str) -> None:
    """No token adds an element, ends the data, or reaches a renderer with a power to do anything."""
    plain, hostile = Parts(page_cases.PAGES[name]().html), page_cases.WITH_TOKENS[name](page_cases.HOSTILE)
    parts = Parts(hostile.html)
    assert [tag for tag, _ in parts.tags] == [tag for tag, _ in plain.tags]
    raw = re.search(r'id="data">(.*?)</script>', hostile.html.decode(), re.DOTALL)[1]
    assert raw.isascii()
    assert not set("<>&") & set(raw)
    held = set(page_cases.strings(parts.data))
    for token, shown in page_cases.HOSTILE.items():
        assert shown in held, token
    assert not any(char in text for text in held for char in "\x00\x1b\u202e\u2028\ud800")


def test_an_attention_page_holds_the_weights_of_every_head_and_layer() -> None:
    first, second = page_cases.attention_capture(), page_cases.attention_capture(heads=1, layer="other")
    layers = Parts(attention_page([first, second], row=1).html).data["layers"]
    for layer, capture in zip(layers, (first, second), strict=True):
        weights = capture.arrays[f"{capture.layer}/alignment"][1]
        np.testing.assert_array_equal(unpacked(layer["values"]), weights.reshape(-1, *weights.shape[-2:]).astype("f4"))
        assert layer["rows"]["tokens"] == capture.tokens[1]
        np.testing.assert_array_equal(unpacked(layer["columns"]["mask"]), capture.source_mask[1])
    assert [layer["name"] for layer in layers] == ["decoder", "other"]


def test_a_gates_page_holds_every_gate_of_both_directions() -> None:
    capture = page_cases.gates_capture(directions=("forward/", "backward/"))
    layers = Parts(gates_page(capture, row=1).html).data["layers"]
    assert [layer["name"] for layer in layers] == ["encoder, forward", "encoder, backward"]
    for layer, direction in zip(layers, ("forward", "backward"), strict=True):
        assert list(layer["arrays"]) == ["input", "forget", "output", "candidate", "cell", "hidden"]
        for name, content in layer["arrays"].items():
            expected = capture.arrays[f"encoder/{direction}/{name}"][1]
            np.testing.assert_array_equal(unpacked(content), expected.astype("f4"))
        kept = capture.arrays[f"encoder/{direction}/cell"][1][capture.mask[1]]
        assert layer["limits"]["cell"] == max(1.0, np.abs(kept).max())
        assert layer["limits"]["hidden"] == 1.0


def test_a_large_array_is_rounded_finely(rng: np.random.Generator) -> None:
    array = rng.normal(size=(2100, 1000)) * 3
    array[5, 7] = np.nan
    content = packed(array)
    assert content["kind"] == "uint16"
    distance = np.nanmax(array) - np.nanmin(array)
    np.testing.assert_allclose(unpacked(content), array, rtol=0, atol=distance / 65534 / 2 + 1e-6)
    assert packed(array[:1000])["kind"] == "float32"
    array[0, 0] = np.inf
    assert packed(array)["kind"] == "float32"


@pytest.mark.parametrize("shape", [(2100, 1000)])
def test_a_large_array_without_a_number_stays_one(shape: tuple[int, int]) -> None:
    assert np.isnan(unpacked(packed(np.full(shape, np.nan)))).all()
    np.testing.assert_array_equal(unpacked(packed(np.full(shape, 0.25))), 0.25)


def test_a_file_is_html_and_whole(tmp_path: Path) -> None:
    page = explorer_page()
    write_page(page, tmp_path / "page.HTML")
    assert (tmp_path / "page.HTML").read_bytes() == page.html
    with pytest.raises(ValueError, match=r"expected a file name ending in \.html, received .*page\.png"):
        write_page(page, tmp_path / "page.png")


def test_what_cannot_be_a_page_is_refused() -> None:
    gates, alignment = page_cases.gates_capture(), page_cases.attention_capture()
    with pytest.raises(ValueError, match="captures: expected at least one"):
        attention_page([])
    with pytest.raises(ValueError, match="expected an array named 'alignment', received encoder/input"):
        attention_page(gates)
    with pytest.raises(ValueError, match="expected an array named 'jacobian'"):
        jacobian_page(alignment)
    with pytest.raises(ValueError, match="expected an array named 'bptt'"):
        bptt_page(gates)
    with pytest.raises(ValueError, match="row: expected 0 to 1, received 2"):
        gates_page(gates, row=2)
    with pytest.raises(ValueError, match=r"expected arrays \(b, t, u\) of one shape in 'x'"):
        gates_page(Capture({"x/input": np.zeros((1, 3, 2)), "x/cell": np.zeros((1, 3, 4))}, "x"))
    with pytest.raises(ValueError, match=r"at most 40,000,000 numbers.*received 40,020,000; draw one layer, or fewer"):
        gates_page(Capture({"x/cell": np.broadcast_to(np.float32(0), (1, 20000, 2001))}, "x"))
    with pytest.raises(ValueError, match=r"at most 20,000 steps.*received 20,001; draw fewer tokens"):
        gates_page(Capture({"x/cell": np.broadcast_to(np.float32(0), (1, 20001, 1))}, "x"))
    with pytest.raises(ValueError, match="at least one step and one unit, received 'x' without"):
        gates_page(Capture({"x/cell": np.zeros((1, 0, 3))}, "x"))
    with pytest.raises(ValueError, match="cell: expected 'lstm' or 'gru', received 'rnn'"):
        explorer_page("rnn")


def test_a_beam_that_is_none_is_refused() -> None:
    tokens, parents, scores, finished = page_cases.beam()
    with pytest.raises(ValueError, match="expected one shape"):
        beam_page(tokens, parents[:-1], scores, finished)
    with pytest.raises(ValueError, match="expected one shape"):
        beam_page([], np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0)))
    with pytest.raises(ValueError, match="at least one hypothesis after the last step"):
        beam_page(tokens, parents, np.full_like(scores, -np.inf), finished)
    with pytest.raises(ValueError, match="parents: expected 0 to 2"):
        beam_page(tokens, parents + 3, scores, finished)


def test_no_script_writes_markup_or_runs_text() -> None:
    """Text enters a page by textContent alone."""
    for path in ASSETS.glob("*.js"):
        code = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", code), (
            path
        )
        assert "</script" not in code, path
        assert not re.search(r"\bfetch\b|XMLHttpRequest|WebSocket|sendBeacon|\bimport\b", code), path
        assert len(code.splitlines()) < 400, path
