"""The gate explorer: what it computes is what the layers compute, in float64, and its equations say so."""

from typing import Any

import numpy as np
import pytest
from page_driver import Open, close, every, number, settled, slide, text

from kerasrnn.viz.pages.explorer import explorer_page

GATES = {"lstm": ["input", "forget", "candidate", "output"], "gru": ["update", "reset", "candidate"]}
STATES = {"lstm": ["cell", "hidden"], "gru": ["hidden"]}


def exact(tab: Any, name: str) -> float:
    return float(tab.locator(f"#result-{name}").get_attribute("data-value"))


def set_all(tab: Any, kind: str, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """Put every slider somewhere, and return where."""
    inputs = {"x": round(rng.uniform(-4, 4) / 0.05) * 0.05, "h": round(rng.uniform(-1, 1), 2)}
    if kind == "lstm":
        inputs["c"] = round(rng.uniform(-4, 4) / 0.05) * 0.05
    for name, value in inputs.items():
        slide(tab, f"#in-{name}", value)
    weights: dict[str, dict[str, float]] = {}
    for gate in GATES[kind]:
        names = ["W", "U", "b"] + (["b2"] if (kind, gate) == ("gru", "candidate") else [])
        weights[gate] = {name: round(rng.uniform(-3, 3), 1) for name in names}
        for name, value in weights[gate].items():
            slide(tab, f"#{gate}-{name}", value)
    return {"inputs": inputs, **weights}


def by_layer(kind: str, given: dict[str, dict[str, float]]) -> dict[str, float]:
    """Gates and states of kerasrnn's own cell of one unit."""
    from kerasrnn.layers import GRU, LSTM

    layer = (LSTM if kind == "lstm" else GRU)(1, dtype="float64")
    layer.build((1, 1, 1))
    row = {name: np.array([[given[gate][name] for gate in GATES[kind]]]) for name in ("W", "U", "b")}
    bias = row["b"][0] if kind == "lstm" else np.stack([row["b"][0], [0, 0, given["candidate"]["b2"]]])
    layer.set_weights([row["W"], row["U"], bias])
    states = [np.array([[given["inputs"]["h"]]])]
    if kind == "lstm":
        states.append(np.array([[given["inputs"]["c"]]]))
    traces = layer.trace(np.array([[[given["inputs"]["x"]]]]), initial_state=states)
    return {name: float(np.asarray(trace).item()) for name, trace in traces.items()}


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_numbers_are_those_of_the_layers(opened: Open, kind: str, rng: np.random.Generator) -> None:
    tab = opened(explorer_page(kind))
    for _ in range(3):
        given = set_all(tab, kind, rng)
        expected = by_layer(kind, given)
        for name in GATES[kind] + STATES[kind]:
            assert exact(tab, name) == pytest.approx(expected[name], abs=1e-12), name
            assert close(number(text(tab, f"#result-{name}")), expected[name]), name
        listed = dict(every(tab, "#response-values .number", "[x.dataset.name, x.innerText]"))
        for name in GATES[kind] + STATES[kind]:
            assert abs(number(listed[name]) - expected[name]) < 0.001, name


def test_the_equations_have_the_numbers_in_them(opened: Open) -> None:
    tab = opened(explorer_page())
    for selector, value in {"#in-x": -1.5, "#in-h": 0.25, "#input-W": 2, "#input-U": -0.4, "#input-b": 0.3}.items():
        slide(tab, selector, value)
    first, second, third = text(tab, "#equation-input").splitlines()
    assert first == "i = σ(W·x + U·h₋ + b)"
    assert second == "= σ(2.00·(−1.50) − 0.40·0.25 + 0.30)"
    assert third == f"= σ(−2.80) = {1 / (1 + np.exp(2.8)):.3f}"
    assert text(tab, "#in-x-value") == "−1.50"


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_steps_carry_the_states_on(opened: Open, kind: str) -> None:
    """After n steps at one input, the states are the layer's after n steps of that input."""
    tab = opened(explorer_page(kind))
    now = None
    for _ in range(4):
        now = exact(tab, "hidden")
        tab.locator("#step").click()
        assert float(tab.locator("#in-h").input_value()) == pytest.approx(now, abs=0.011)
    assert text(tab, "#steps-title") == "4 steps taken"
    shown = tab.locator("#step-values .number").last.inner_text()
    assert close(number(shown), now)
    tab.locator("#start-over").click()
    assert text(tab, "#in-h-value") == "0.00"
    assert tab.locator("#step-values").is_hidden()


def test_gates_can_be_set_by_name(opened: Open) -> None:
    """A remembered cell stays, a forgotten one goes, whatever the input."""
    tab = opened(explorer_page())
    slide(tab, "#in-c", 2)
    tab.select_option("#start", label="remember (f = 1, i = 0)")
    assert exact(tab, "cell") == pytest.approx(2, abs=0.01)
    tab.select_option("#start", label="forget (f = 0, i = 0)")
    assert exact(tab, "cell") == pytest.approx(0, abs=0.01)
    tab.select_option("#start", label="as it came")
    assert text(tab, "#forget-b-value") == "1.00"
    tab.select_option("#cell", "gru")
    tab.select_option("#start", label="keep (z = 1)")
    slide(tab, "#in-h", -0.6)
    assert exact(tab, "hidden") == pytest.approx(-0.6, abs=0.01)


def test_a_click_on_the_response_sets_the_input(opened: Open) -> None:
    tab = opened(explorer_page())
    settled(tab)
    box = tab.locator("#response").bounding_box()
    left, right = 46, box["width"] - 10
    tab.locator("#response").click(position={"x": left + (right - left) * 0.25, "y": 60})
    assert number(text(tab, "#in-x-value")) == pytest.approx(-2, abs=0.06)
    tab.select_option("#over", "h")
    tab.locator("#response").click(position={"x": left + (right - left) * 0.75, "y": 60})
    assert number(text(tab, "#in-h-value")) == pytest.approx(0.5, abs=0.02)
