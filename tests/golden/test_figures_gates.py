"""`gates_heatmap`: the arrays it plots, its labels and layout, then its bytes."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from figure_cases import SCRIPTS, characters, check_layout, ticks, words

from kerasrnn.viz import gates_heatmap, write_figure
from kerasrnn.viz.tokens import label

LSTM = ("input", "forget", "candidate", "output", "hidden", "cell")
GRU = ("update", "reset", "candidate", "hidden")
SIGNED = ("candidate", "hidden", "cell")


def arrays(
    rng: np.random.Generator, names: tuple[str, ...], steps: int, units: int = 6, prefix: str = ""
) -> dict[str, Any]:
    made = {name: rng.standard_normal((steps, units)) for name in names}
    for name, array in made.items():
        made[name] = np.tanh(array) if name in SIGNED else 1 / (1 + np.exp(-array))
    return {prefix + name: array for name, array in made.items()}


def panels(figure: Any) -> dict[str, Any]:
    """Axes by their caption."""
    return {axes.get_title("left"): axes for axes in figure.axes if axes.get_title("left")}


def test_panels_are_the_arrays(rng: np.random.Generator) -> None:
    given = arrays(rng, LSTM, 5)
    given["cell"] *= 3.5
    found = panels(gates_heatmap(given, list("abcde")))
    assert list(found) == ["input gate", "forget gate", "output gate", "candidate", "cell state", "hidden state"]
    for caption, axes in found.items():
        name = caption.split()[0]
        image = axes.images[0]
        np.testing.assert_array_equal(image.get_array(), given[name].T)  # units down, steps across
        assert image.get_interpolation() == "nearest"
        low, high = image.get_clim()
        if name in SIGNED:
            assert low == -high
            assert image.get_cmap().name == "RdBu_r"
            assert high == (pytest.approx(np.abs(given["cell"]).max()) if name == "cell" else 1.0)
        else:
            assert (low, high) == (0, 1)
            assert image.get_cmap().name == "viridis"
    assert ticks(found["output gate"].xaxis) == ticks(found["hidden state"].xaxis) == list("abcde")
    assert ticks(found["input gate"].xaxis) == []


def test_a_single_unit(rng: np.random.Generator) -> None:
    figure = gates_heatmap(arrays(rng, ("hidden",), 5, 1), words(5))
    assert panels(figure)["hidden state"].images[0].get_array().shape == (1, 5)
    check_layout(figure)


def test_small_states_keep_the_scale_from_minus_one_to_one(rng: np.random.Generator) -> None:
    given = {name: 0.01 * array for name, array in arrays(rng, ("cell", "hidden"), 4).items()}
    for axes in panels(gates_heatmap(given)).values():
        assert axes.images[0].get_clim() == (-1, 1)


def test_the_update_gate_says_what_it_keeps(rng: np.random.Generator) -> None:
    captions = list(panels(gates_heatmap(arrays(rng, GRU, 4))))
    assert captions == ["update gate (1 keeps the old state)", "reset gate", "candidate", "hidden state"]


def test_directions_stand_side_by_side(rng: np.random.Generator) -> None:
    given = arrays(rng, GRU, 7, prefix="forward/") | arrays(rng, GRU, 7, prefix="backward/")
    figure = gates_heatmap(given, characters(7))
    found = panels(figure)
    for name in ("reset gate", "candidate", "hidden state"):
        one, other = found[f"forward: {name}"].get_position(), found[f"backward: {name}"].get_position()
        assert one.y0 == other.y0
        assert one.x1 < other.x0
    np.testing.assert_array_equal(found["backward: reset gate"].images[0].get_array(), given["backward/reset"].T)
    check_layout(figure)


def test_sorting_is_by_the_mean_of_the_steps_that_count(rng: np.random.Generator) -> None:
    given = arrays(rng, ("forget", "hidden"), 5)
    mask = np.array([1, 1, 1, 0, 0], bool)
    given["forget"][3:] = rng.random((2, 6)) * 50
    for name, axes in zip(given, panels(gates_heatmap(given, mask=mask, sort=True)).values(), strict=True):
        means = axes.images[0].get_array()[:, :3].mean(axis=1)
        assert (np.diff(means) <= 0).all(), name
    unsorted = panels(gates_heatmap(given, mask=mask))["forget gate"].images[0].get_array()
    np.testing.assert_array_equal(unsorted, given["forget"].T)


def test_masked_steps_are_hatched_and_do_not_set_the_scale(rng: np.random.Generator) -> None:
    given = arrays(rng, ("cell",), 6)
    given["cell"][4:] = 1000.0
    axes = panels(gates_heatmap(given, mask=np.array([1, 1, 0, 1, 0, 0], bool)))["cell state"]
    assert axes.images[0].get_clim() == (-1, 1)
    spans = [(box.get_x(), box.get_width()) for box in axes.patches if box.get_hatch()]
    assert spans == [(1.5, 1.0), (3.5, 2.0)]


def test_other_names_are_shown_as_they_are(rng: np.random.Generator) -> None:
    given = {"0/state_0": rng.standard_normal((4, 3)), "1/$gate": rng.random((4, 3))}
    found = panels(gates_heatmap(given))
    assert set(found) == {"0: state_0", "1: $gate"}
    assert found["0: state_0"].images[0].get_cmap().name == "RdBu_r"


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_and_odd_tokens(rng: np.random.Generator, script: str, tmp_path: Path) -> None:
    tokens = SCRIPTS[script]
    figure = gates_heatmap(arrays(rng, LSTM, len(tokens)), tokens, title="".join(tokens))
    assert ticks(panels(figure)["hidden state"].xaxis) == [label(token) for token in tokens]
    check_layout(figure)
    write_figure(figure, tmp_path / "a.png")


@pytest.mark.parametrize("count", [1, 5, 40, 500])
@pytest.mark.parametrize("make", [words, characters, lambda count: None], ids=["words", "characters", "numbers"])
def test_labels_never_overlap(rng: np.random.Generator, count: int, make: Any) -> None:
    for given in (
        arrays(rng, LSTM, count, 128),
        arrays(rng, GRU, count, prefix="forward/") | arrays(rng, GRU, count, prefix="backward/"),
    ):
        figure = gates_heatmap(given, make(count), title="a title " * 12)
        check_layout(figure)
        assert max(figure.get_size_inches()) < 14


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "at least one array"),
        ({"a": np.ones(3)}, "expected non-empty arrays"),
        ({"a": np.ones((0, 3))}, "expected non-empty arrays"),
        ({"a": np.ones((2, 3)), "b": np.ones((3, 3))}, "the same number of steps"),
    ],
)
def test_errors(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gates_heatmap(given)
    with pytest.raises(ValueError, match=r"mask: expected shape \(t,\) = \(2,\)"):
        gates_heatmap({"a": np.ones((2, 3))}, mask=np.ones(3, bool))


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_bytes_are_the_same_every_time(tmp_path: Path, kind: str) -> None:
    for name in ("one", "two"):
        given = arrays(np.random.default_rng(3), LSTM, 9)
        figure = gates_heatmap(given, list("1998年5月3日"), title="मई", mask=np.arange(9) < 7)
        write_figure(figure, tmp_path / f"{name}.{kind}")
    assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
