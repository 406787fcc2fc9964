"""The page of gates: numbers, units that are on, the order of units, layers; against the arrays."""

import matplotlib
import numpy as np
import page_cases
import pytest
from page_driver import Open, centres, close, every, number, pixels, point, settled, slide, text

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.pages.gates import gates_page

NAMES = ["input", "forget", "output", "candidate", "cell", "hidden"]


def chips(tab) -> list[int]:
    return [int(chip) for chip in tab.locator("#on-units button").all_inner_texts()]


@pytest.mark.parametrize("name", ["forget", "cell"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_cells_have_their_numbers_and_colours(opened: Open, name: str, theme: str) -> None:
    """Gates on viridis from 0 to 1, signed values symmetric about 0: red above, blue below, in either theme."""
    capture = page_cases.gates_capture()
    values = capture.arrays[f"encoder/{name}"][0]  # (t, u)
    tab = opened(gates_page(capture), color_scheme=theme)
    tab.select_option("#name", name)
    middle = centres(tab, 12, 7)
    picture = pixels(tab, "#matrix")
    limit = np.abs(values).max()
    signed = matplotlib.colormaps[{"light": "RdBu_r", "dark": "berlin"}[theme]]
    for (unit, step), (x, y) in middle.items():
        value = values[step, unit]
        expected = signed((value + limit) / 2 / limit, bytes=True) if name == "cell" else _viridis(value)
        seen = picture[int(y), int(x)].astype(int)
        assert np.abs(seen - expected[:3]).max() <= 6, (unit, step)
        if name == "cell" and abs(value) > 0.6 * limit:
            assert (seen[0] > seen[2]) == (value > 0)
    for unit, step in [(0, 0), (11, 6), (4, 2)]:
        point(tab, middle[unit, step])
        assert close(number(text(tab, "#value")), values[step, unit])
        assert text(tab, "#readout .token") == page_cases.SOURCE[step]
        assert f"unit {unit} " in text(tab, "#readout")


def _viridis(value: float) -> tuple[int, ...]:
    return matplotlib.colormaps["viridis"](value, bytes=True)


def test_a_pinned_unit_shows_all_its_gates_at_the_step(opened: Open) -> None:
    capture = page_cases.gates_capture()
    tab = opened(gates_page(capture))
    tab.locator("#unit").fill("7")
    tab.locator("#matrix").focus()
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
    assert text(tab, ".pinned-note") == "unit 7, step 3 pinned"
    shown = dict(every(tab, ".legend .number", "[x.dataset.name, x.innerText]"))
    assert set(shown) == {*NAMES, "tanh cell"}
    for name in NAMES:
        assert close(number(shown[name]), capture.arrays[f"encoder/{name}"][0, 3, 7]), name
    assert close(number(shown["tanh cell"]), np.tanh(capture.arrays["encoder/cell"][0, 3, 7]))
    tab.keyboard.press("g")
    assert tab.locator("#name").input_value() == "output"
    assert close(number(text(tab, "#value")), capture.arrays["encoder/output"][0, 3, 7])
    tab.keyboard.press("ArrowUp")
    assert tab.locator("#unit").input_value() == "6"


@pytest.mark.parametrize(("name", "row"), [("forget", 0), ("candidate", 1), ("tanh cell", 0)])
def test_units_that_are_on(opened: Open, name: str, row: int) -> None:
    """|value| at or above the threshold all through the span; off right before and after it where that is asked."""
    capture = page_cases.gates_capture()
    values = capture.arrays[f"encoder/{name.split()[-1]}"][row]
    values = np.abs(np.tanh(values) if name == "tanh cell" else values).astype("f4")
    kept = capture.mask[row]
    tab = opened(gates_page(capture, row=row))
    tab.select_option("#name", name)
    found = 0
    for threshold, first, last in [(0.5, 1, 1), (0.3, 2, 3), (0.7, 4, 4), (0.2, 3, 5)]:
        slide(tab, "#threshold", threshold)
        tab.locator(f"#steps-{first}").hover()
        tab.mouse.down()
        tab.locator(f"#steps-{last}").hover()
        tab.mouse.up()
        if first == last:
            tab.locator("#matrix").focus()
            tab.keyboard.press("Escape")
            tab.locator("#steps-0").hover()
            tab.locator(f"#steps-{first}").hover()
        for before in (False, True):
            for after in (False, True):
                tab.locator("#off-before").set_checked(before)
                tab.locator("#off-after").set_checked(after)
                on = ((values >= np.float32(threshold)) & kept[:, None])[first : last + 1].all(axis=0)
                if before:
                    on &= values[first - 1] < threshold
                if after and last < 6:
                    on &= values[last + 1] < threshold
                assert chips(tab) == np.flatnonzero(on).tolist(), (threshold, first, last, before, after)
                found += on.sum()
    assert found > 10
    where = "at step" if first == last else f"at steps {first} to {last}"
    assert where in text(tab, "#on-title")
    assert tab.locator("#steps .in-span").count() == (0 if first == last else last - first + 1)


def test_a_found_unit_is_a_button_away(opened: Open) -> None:
    capture = page_cases.gates_capture()
    tab = opened(gates_page(capture))
    slide(tab, "#threshold", 0.4)
    unit = chips(tab)[-1]
    tab.locator(f"#on-{unit}").click()
    assert tab.locator(f"#on-{unit}").get_attribute("aria-pressed") == "true"
    assert text(tab, "#unit-title").startswith(f"unit {unit}:")
    colours = every(tab, "#steps span", "x.style.backgroundColor")
    expected = [_viridis(value)[:3] for value in capture.arrays["encoder/forget"][0, :, unit].astype("f4")]
    assert colours == [f"rgb({r}, {g}, {b})" for r, g, b in expected]


@pytest.mark.parametrize("order", ["mean", "step"])
def test_units_in_another_order(opened: Open, order: str) -> None:
    capture = page_cases.gates_capture()
    values = capture.arrays["encoder/forget"][1]
    tab = opened(gates_page(capture, row=1))
    tab.locator("#matrix").focus()
    tab.keyboard.press("ArrowRight")
    tab.select_option("#order", order)
    key = values[1] if order == "step" else values[capture.mask[1]].mean(axis=0)
    for rank, unit in enumerate(np.argsort(-key, kind="stable")):
        point(tab, centres(tab, 12, 7)[rank, 1])
        assert f"unit {unit} " in text(tab, "#readout")
        assert close(number(text(tab, "#value")), values[1, unit])


def test_directions_are_layers_to_choose_from(opened: Open) -> None:
    capture = page_cases.gates_capture(directions=("forward/", "backward/"))
    tab = opened(gates_page(capture))
    tab.select_option("#layer", label="encoder, backward")
    point(tab, centres(tab, 12, 7)[3, 5])
    assert close(number(text(tab, "#value")), capture.arrays["encoder/backward/forget"][0, 5, 3])
    settled(tab)


def test_what_is_no_number_is_seen_and_said(opened: Open) -> None:
    capture = page_cases.gates_capture()
    capture.arrays["encoder/forget"][0, 2, 5] = np.nan
    capture.arrays["encoder/cell"][0, 3, 1] = np.inf
    tab = opened(gates_page(capture))
    middle = centres(tab, 12, 7)
    x, y = map(int, middle[5, 2])
    assert pixels(tab, "#matrix")[y, x].tolist() == [255, 61, 242]
    point(tab, middle[5, 2])
    assert text(tab, "#value") == "NaN"
    tab.select_option("#name", "cell")
    point(tab, middle[1, 3])
    assert text(tab, "#value") == "∞"


@pytest.mark.parametrize("count", [1, 20_000])
def test_one_step_and_very_many(opened: Open, count: int) -> None:
    values = np.random.default_rng(3).random((1, count, 2))
    tab = opened(gates_page(Capture({"x/update": values, "x/hidden": values - 0.5}, "x")))
    tab.locator("#matrix").focus()
    tab.keyboard.press("End")
    assert text(tab, "#readout .quiet").split()[-1] == str(count - 1)
    assert close(number(text(tab, "#value")), values[0, -1, 0])
    settled(tab)
    if count > 1:  # only what shows is painted, and it is right when it comes into view
        tab.locator(f"#steps-{count - 5}").scroll_into_view_if_needed()
        tab.locator(f"#steps-{count - 5}[data-back]").wait_for()
        (shown,) = every(tab, f"#steps-{count - 5}", "x.style.backgroundColor")
        assert shown == "rgb({}, {}, {})".format(*_viridis(np.float32(values[0, -5, 0])))
        assert tab.locator("#steps [data-back]").count() < 1000
