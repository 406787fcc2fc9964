"""Kinds and units that a layer does not have: one line that names the layer and what would do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cli_cases
import numpy as np
import pytest


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    cli_cases.write_models(folder)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not list(tmp_path.glob("*.png"))


def refused(code: int, *arguments: Any) -> str:
    result = cli_cases.run("viz", "gates", "-q", *arguments)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    (line,) = result.stderr.splitlines()
    return line


def test_options_of_another_kind() -> None:
    assert "'histogram' is not one of 'heatmap', 'timeline'" in refused(2, "--kind", "histogram")
    assert "--sort is for --kind heatmap, not text" in refused(2, "--kind", "text", "--sort")
    assert "--unit is for --kind text and memory, not heatmap" in refused(2, "--unit", "3")
    assert "a page shows the gates without --kind health: that is a figure" in refused(
        2, "--kind", "health", "-o", "a.html"
    )
    assert "a page shows the gates without --sort" in refused(2, "--sort", "-o", "a.html")
    for value in ("x", "-1", "1.5", "", "a/", "/3x"):
        assert f"'{value}' is no unit: give its number" in refused(2, "--kind", "text", "--unit", value)


def test_units_that_are_not_there(models: Path) -> None:
    both = [models / "tagger.keras", "--input", models / "steps.npy"]
    for kind in ("text", "memory"):
        for unit in ("5", "forward/5", "sideways/1"):
            error = refused(2, *both, "--kind", kind, "--unit", unit)
            assert f"--unit {unit}: the units of both are forward/0 to forward/4, backward/0 to backward/4" in error


def test_a_layer_without_gates(models: Path) -> None:
    top = [models / "tagger.keras", "--input", models / "steps.npy", "--layer", "top"]
    assert "layer top has no gates: --kind saturation needs the gates of an LSTM, a GRU" in refused(
        1, *top, "--kind", "saturation"
    )
    error = refused(1, *top, "--kind", "memory")
    assert "layer top has no gate that decides how much of the state is kept: --kind memory needs" in error


def test_nothing_that_counts(models: Path, here: Path) -> None:
    np.save(here / "zeros.npy", np.zeros((2, 4), int))
    scorer = [models / "scorer.keras", "--input", "zeros.npy"]
    for kind in ("saturation", "memory", "health", "text"):
        assert "every step is masked" in refused(1, *scorer, "--kind", kind)
    np.save(here / "one.npy", np.array([[3]]))
    error = refused(1, models / "scorer.keras", "--input", "one.npy", "--kind", "health")
    assert "at least two steps that count, received one" in error


def test_a_map_of_too_many_steps(models: Path, here: Path) -> None:
    np.save(here / "long.npy", np.ones((1, 2100), int))
    scorer = [models / "scorer.keras", "--input", "long.npy", "--kind", "memory"]
    assert "draws a map of at most 2000 by 2000 steps, and reader has 2100: choose a window" in refused(1, *scorer)
    result = cli_cases.ok("viz", "gates", "-q", *scorer, "--tokens", "100:900", "--terminal")
    assert "direct path only" in result.stdout
