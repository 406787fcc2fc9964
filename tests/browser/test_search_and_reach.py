"""The pages of a beam search and of gradients through time."""

from xml.etree import ElementTree

import matplotlib
import numpy as np
import page_cases
import pytest
from page_driver import Open, close, number, pixels, settled, slide, text

from kerasrnn.viz.pages.beam import beam_page
from kerasrnn.viz.pages.bptt import bptt_page


def written(rank: int, step: int = 4) -> tuple[list[str], float]:
    """The tokens on the way to a hypothesis, walked back by hand."""
    tokens, parents, scores, finished = page_cases.beam()
    found = []
    here = rank
    for at in range(step, -1, -1):
        parent = parents[at][here]
        if at == 0 or not finished[at - 1][parent]:
            found.append(tokens[at][here])
        here = parent
    return found[::-1], scores[step][rank]


def test_each_final_hypothesis_has_its_text_and_score(opened: Open) -> None:
    tab = opened(page_cases.beam_of())
    for rank in range(3):
        tokens, score = written(rank)
        line = tab.locator(f"#final-{rank}")
        assert line.locator("bdi").inner_text() == "".join(tokens)
        assert close(number(line.locator(".quiet").inner_text().split(",")[0].removeprefix("log p ")), score)
        line.click()
        assert line.get_attribute("aria-pressed") == "true"
        assert tab.locator("#readout .token").all_inner_texts() == tokens
        assert close(number(text(tab, "#score")), score)
        assert "pinned" in text(tab, "#readout")


def test_keys_walk_the_tree(opened: Open) -> None:
    _, parents, scores, _ = page_cases.beam()
    tab = opened(page_cases.beam_of())
    for _ in range(4):
        tab.keyboard.press("ArrowLeft")
    assert text(tab, "#readout").startswith("step 0, rank 1:")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowDown")
    assert tab.locator("#readout .token").all_inner_texts() == written(1, 1)[0]
    chance = np.exp(scores[1][1] - scores[0][parents[1][1]])
    assert close(number(text(tab, "#value")), chance)
    slide(tab, "#until", 2)
    assert text(tab, "#readout").startswith("step 2, rank 2:")
    tab.keyboard.press("Home")
    tab.keyboard.press("Space")
    tab.locator("#play[aria-pressed=true]").wait_for()


def test_nodes_are_where_hover_finds_them_in_the_colour_of_their_probability(opened: Open) -> None:
    _, parents, scores, finished = page_cases.beam()
    tab = opened(page_cases.beam_of())
    settled(tab)
    picture = pixels(tab, "#tree")
    box = tab.locator("#tree").bounding_box()
    pitch = (box["width"] - 20) / 5
    seen = 0
    for step in range(5):
        for rank in range(3):
            x, y = 10 + (step + 0.5) * min(pitch, 116), 34 + (rank + 0.5) * 40
            tab.mouse.move(box["x"] + x, box["y"] + y)
            assert text(tab, "#readout").startswith(f"step {step}, rank {rank + 1}:")
            assert close(number(text(tab, "#score")), scores[step][rank])
            parent = parents[step][rank]
            if step and finished[step - 1][parent]:
                continue
            survives = any((step, rank) in _way(parents, last) for last in range(3))
            if survives:
                chance = np.exp(scores[step][rank] - (scores[step - 1][parent] if step else 0))
                expected = matplotlib.colormaps["viridis"](chance, bytes=True)[:3]
                assert np.abs(picture[int(y) - 9, int(x) - 9].astype(int) - expected).max() <= 6
                seen += 1
    assert seen > 6


def _way(parents: np.ndarray, rank: int) -> set[tuple[int, int]]:
    nodes = set()
    for step in range(4, -1, -1):
        nodes.add((step, rank))
        rank = parents[step][rank]
    return nodes


def test_a_search_of_many_steps_shows_the_part_at_hand(opened: Open) -> None:
    steps = 300
    scores = np.cumsum(np.log(np.full((steps, 2), 0.9) - [0, 0.3]), axis=0)
    page = beam_page([["aa", "bb"]] * steps, np.tile([0, 1], (steps, 1)), scores, np.zeros((steps, 2), bool))
    tab = opened(page, width=600)
    assert text(tab, "#readout").startswith("step 299, rank 1:")
    tab.keyboard.press("Home")
    settled(tab)
    assert text(tab, "#readout").startswith("step 0, rank 1:")
    assert tab.locator("#tree").bounding_box()["width"] <= 600


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_horizon_of_any_share(opened: Open, direction: str) -> None:
    """At every position of the slider the horizon is the farthest kept step that still has that share."""
    capture = page_cases.bptt_capture()
    tab = opened(bptt_page(capture))
    tab.select_option("#direction", direction)
    norms, kept = capture.arrays[f"lstm/{direction}/bptt"][0], np.flatnonzero(capture.mask[0])
    order = kept[::-1] if direction == "backward" else kept
    found = set()
    for power in (-4, -2, -1, -0.5, 0):
        slide(tab, "#threshold", power)
        reached = [lag for lag, step in enumerate(order[::-1]) if norms[step] >= 10**power * norms.max()]
        last = len(order) - 1
        said = next(part for part in text(tab, "#horizon").strip(".").split("; ") if part.startswith(direction))
        assert (
            said
            == f"{direction}: horizon {max(reached)} steps, from {order[last]} back to {order[last - max(reached)]}"
        )
        found.add(said)
        marked = tab.locator("#steps .in-span").count()
        assert marked == max(reached) + 1
    assert len(found) > 2


def test_the_norm_at_each_step_and_the_saved_curve(opened: Open, tmp_path) -> None:
    capture = page_cases.bptt_capture()
    tab = opened(bptt_page(capture))
    for step in range(7):
        tab.locator(f"#steps-{step}").hover()
        shown = tab.locator("#norms .number").all_inner_texts()
        for text_, direction in zip(shown, ("forward", "backward"), strict=True):
            assert close(number(text_), capture.arrays[f"lstm/{direction}/bptt"][0, step])
    assert "(padding)" not in text(tab, "#readout")
    tab.locator("#steps-0").hover()
    assert "(padding)" in text(tab, "#readout")
    with tab.expect_download() as download:
        tab.keyboard.press("s")
    download.value.save_as(tmp_path / "curve.svg")
    root = ElementTree.parse(tmp_path / "curve.svg").getroot()
    curves = [node for node in root.iter("{http://www.w3.org/2000/svg}polyline") if node.attrib["stroke-width"] == "2"]
    assert [len(curve.attrib["points"].split()) for curve in curves] == [6, 6]
