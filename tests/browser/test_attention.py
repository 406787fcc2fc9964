"""The page of an alignment: numbers under the pointer, pins, keys, heads, threshold, colours, the saved picture."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import page_cases
import pytest
from page_driver import Open, centres, close, every, number, pixels, point, settled, slide, text

from kerasrnn.viz.pages.attention import attention_page
from kerasrnn.viz.pages.jacobian import jacobian_page

SVG = "{http://www.w3.org/2000/svg}"


def place(tab: Any) -> tuple[int, int]:
    """Row and column that the line above the picture speaks of."""
    row, column = tab.locator("#readout .quiet").all_inner_texts()
    return int(row.split()[-1]), int(column.split()[-1])


def test_each_cell_says_its_number_and_has_its_colour(opened: Open) -> None:
    capture = page_cases.attention_capture()
    weights = capture.arrays["decoder/alignment"][0][0]
    tab = opened(attention_page(capture))
    middle = centres(tab, *weights.shape)
    picture = pixels(tab, "#matrix")
    for (row, column), (x, y) in middle.items():
        expected = matplotlib.colormaps["viridis"](weights[row, column], bytes=True)[:3]
        assert np.abs(picture[int(y), int(x)].astype(int) - expected).max() <= 3, (row, column)
        point(tab, (x, y))
        assert place(tab) == (row, column)
        assert close(number(text(tab, "#value")), weights[row, column])
        tokens = tab.locator("#readout .token").all_inner_texts()
        assert tokens == [page_cases.PRODUCED[row], page_cases.SOURCE[column]]


def test_padding_is_hatched_and_said(opened: Open) -> None:
    capture = page_cases.attention_capture()
    tab = opened(attention_page(capture, row=1))
    middle = centres(tab, 5, 7)
    point(tab, middle[3, 6])
    assert "(padding)" in text(tab, "#readout")
    x, y = map(int, middle[2, 6])
    patch = pixels(tab, "#matrix")[y - 8 : y + 8, x - 8 : x + 8].reshape(-1, 3)
    assert (patch.max(axis=1) - patch.min(axis=1)).max() < 12, "grey"
    assert len(np.unique(patch[:, 0])) > 1, "with lines"


def test_a_click_pins_the_row_and_another_lets_go(opened: Open) -> None:
    capture = page_cases.attention_capture()
    weights = capture.arrays["decoder/alignment"][0][0]
    tab = opened(attention_page(capture))
    for row in (3, 1):
        tab.locator(f"#rows-{row}").click()
        assert text(tab, ".pinned-note") == f"row {row} pinned"
        tab.locator("#columns-2").hover()
        assert close(number(text(tab, "#value")), weights[row, 2])
        point(tab, centres(tab, 5, 7)[2, 5])
        assert place(tab) == (2, 5)
        assert tab.locator("#rows .at").get_attribute("id") == f"rows-{row}"
    listed = [number(value) for value in tab.locator("#largest .number").all_inner_texts()]
    assert np.allclose(listed, np.sort(weights[1])[::-1][:6], atol=0.0006)
    colour = matplotlib.colormaps["viridis"](weights[1, 4], bytes=True)[:3]
    (shown,) = every(tab, "#columns-4", "getComputedStyle(x).backgroundColor")
    assert shown == f"rgb({colour[0]}, {colour[1]}, {colour[2]})"
    tab.locator("#rows-1").click()
    assert tab.locator(".pinned-note").count() == 0


def test_keys_walk_pin_and_play(opened: Open) -> None:
    capture = page_cases.attention_capture()
    tab = opened(attention_page(capture))
    largest = int(capture.arrays["decoder/alignment"][0, 0, 0].argmax())
    assert place(tab) == (0, largest)
    for key in ("ArrowDown", "ArrowDown", "ArrowLeft", "ArrowUp"):
        tab.keyboard.press(key)
    assert place(tab) == (1, largest - 1)
    tab.keyboard.press("End")
    assert place(tab) == (4, largest - 1)
    tab.locator("#rows").focus()
    tab.keyboard.press("ArrowLeft")
    assert place(tab) == (3, largest - 1)
    assert tab.locator("#rows").get_attribute("aria-activedescendant") == "rows-3"
    tab.keyboard.press("ArrowRight")
    tab.locator("#matrix").focus()
    tab.keyboard.press("Enter")
    assert text(tab, ".pinned-note") == "row 4 pinned"
    tab.keyboard.press("ArrowUp")
    assert text(tab, ".pinned-note") == "row 3 pinned"
    tab.keyboard.press("Escape")
    assert tab.locator(".pinned-note").count() == 0
    tab.keyboard.press("Home")
    tab.keyboard.press("Space")
    assert tab.locator("#play").get_attribute("aria-pressed") == "true"
    tab.locator("#rows-4.at").wait_for()
    tab.locator("#play[aria-pressed=false]").wait_for()
    tab.keyboard.press("?")
    assert tab.locator("#keys-dialog").is_visible()
    assert "Home" in text(tab, "#keys")
    tab.keyboard.press("Escape")
    assert not tab.locator("#keys-dialog").is_visible()


@pytest.mark.parametrize("head", ["0", "2", "mean"])
def test_heads_and_threshold(opened: Open, head: str) -> None:
    """On are the unmasked weights at or above the threshold; their count and share are the array's."""
    capture = page_cases.attention_capture()
    weights = capture.arrays["decoder/alignment"][1]
    weights = weights.mean(axis=0) if head == "mean" else weights[int(head)]
    tab = opened(attention_page(capture, row=1))
    tab.select_option("#head", head)
    tab.locator("#rows-2").click()
    slide(tab, "#threshold", 0.2)
    assert text(tab, "#threshold-value") == "≥ 0.200"
    on = np.flatnonzero(weights[2] >= 0.2)
    marked = [int(mark.split("-")[1]) for mark in every(tab, "#columns .on", "x.id")]
    assert marked == on.tolist()
    said = text(tab, "#on-count")
    assert said.startswith(f"{len(on)} of 7 on in this row")
    assert close(number(said.split(", ")[1].split()[0]), weights[2][on].sum())
    assert every(tab, "#columns .pad", "x.id") == ["columns-6"]


def test_layers_are_chosen_by_name(opened: Open) -> None:
    captures = [page_cases.attention_capture(), page_cases.attention_capture(heads=1, layer="other")]
    tab = opened(attention_page(captures))
    assert tab.locator("#head").count() == 1
    tab.select_option("#layer", label="other")
    assert tab.locator("#head").count() == 0
    tab.locator("#rows-4").hover()
    tab.locator("#columns-3").hover()
    assert close(number(text(tab, "#value")), captures[1].arrays["other/alignment"][0, 4, 3])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_saved_picture_is_svg_with_the_tokens(opened: Open, tmp_path: Path, theme: str) -> None:
    capture = page_cases.attention_capture()
    weights = capture.arrays["decoder/alignment"][0][0]
    tab = opened(attention_page(capture, title="a / title: with <marks>"), color_scheme=theme)
    settled(tab)
    with tab.expect_download() as download:
        tab.locator("#save").click()
    assert download.value.suggested_filename == "a-title-with-marks.svg"
    download.value.save_as(tmp_path / "saved.svg")
    root = ElementTree.parse(tmp_path / "saved.svg").getroot()
    assert root.tag == f"{SVG}svg"
    texts = {"".join(node.itertext()).strip("\u2068\u2069") for node in root.iter(f"{SVG}text")}
    assert {*page_cases.SOURCE, *page_cases.PRODUCED, "attention weight"} <= texts
    assert root[0].tag == f"{SVG}title"
    assert root[0].text.strip("\u2068\u2069") == "a / title: with <marks>"
    rects = list(root.iter(f"{SVG}rect"))
    paper = {"light": "#ffffff", "dark": "#14161a"}[theme]
    assert rects[0].attrib["fill"] == paper
    fills = {rect.attrib["fill"] for rect in rects}
    for weight in weights.ravel():
        r, g, b = matplotlib.colormaps["viridis"](weight, bytes=True)[:3]
        assert f"rgb({r},{g},{b})" in fills


def test_a_jacobian_on_a_log_scale_and_by_the_rows_largest(opened: Open) -> None:
    capture = page_cases.jacobian_capture()
    norms = capture.arrays["lstm/jacobian"][0]
    tab = opened(jacobian_page(capture))
    tab.locator("#rows-5").click()
    tab.locator("#columns-4").hover()
    assert close(number(text(tab, "#value")), norms[5, 4])
    share = np.log(norms[5, 4] / (norms.max() / 1e5)) / np.log(1e5)
    expected = matplotlib.colormaps["viridis"](share, bytes=True)[:3]
    (shown,) = every(tab, "#columns-4", "getComputedStyle(x).backgroundColor.match(/\\d+/g).map(Number)")
    assert np.abs(np.subtract(shown, expected, dtype=int)).max() <= 4
    with tab.expect_download() as download:
        tab.locator("#save").click()
    texts = {node.text.strip("\u2068\u2069") for node in ElementTree.parse(download.value.path()).iter(f"{SVG}text")}
    assert {"10⁰", "10⁻¹", "10⁻²"} < texts
    slide(tab, "#threshold", -1)
    on = np.flatnonzero(norms[5] >= 0.1 * norms.max())
    assert text(tab, "#on-count").startswith(f"{len(on)} of 7 on")
    tab.locator("#own-scale").check()
    tab.locator("#columns-2").hover()
    assert close(number(text(tab, "#value")), norms[5, 2] / norms[5].max())
