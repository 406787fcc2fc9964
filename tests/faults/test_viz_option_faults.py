"""Bad options that all pictures share: one line that says what would be right, and no file harmed."""

import re
from pathlib import Path
from typing import Any

import cli_cases
import pytest

COMMANDS = ["attention", "gates", "gradients"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(code: int, *arguments: Any) -> str:
    before = sorted(Path().rglob("*"))
    result = cli_cases.run("viz", *arguments)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert sorted(Path().rglob("*")) == before
    return line


@pytest.mark.parametrize("command", COMMANDS)
def test_options_that_are_wrong_by_themselves(command: str) -> None:
    """Known before any model is loaded."""
    for value in ("5", "a:b", "-1:3", "1:2:3", "", "1.5:2", "1000000000000:"):
        assert f"'{value}' is no window: give its first step" in refused(2, command, "--tokens", value)
    for value in ("3:3", "5:2"):
        assert "holds no step" in refused(2, command, "--tokens", value)
    for value in ("5", "5x", "x", "0x4", "5x-1", "nanx3", "101x5", "1e3x4", ""):
        assert f"'{value}' is no size: give width and height in inches, such as 6x4" in refused(
            2, command, "--size", value
        )
    assert "'sepia' is not one of 'light', 'dark', 'print'" in refused(2, command, "--theme", "sepia")
    for value in ("0", "5000", "x"):
        assert "--dpi" in refused(2, command, "--dpi", value)
    assert "--terminal and --json both go to stdout" in refused(2, command, "--terminal", "--json")


def test_windows_and_sizes_that_do_not_fit() -> None:
    for value in ("10:", ":200"):
        asked = re.sub("^:", "0:", value)
        error = refused(2, "attention", "-q", "3 mai 1998", "--tokens", value)
        assert f"--tokens {asked}: decoder has 10 steps, so choose within 0:10" in error
    error = refused(1, "attention", "-q", "3 mai 1998", "--size", "1x1")
    assert "size: this picture needs at least" in error
    assert "inches where it was given 1" in error


def test_a_picture_larger_than_any_memory() -> None:
    error = refused(1, "gates", "-q", "3 mai 1998", "--size", "100x100", "--dpi", "1200")
    assert "120000x120000 pixels are more than the 200 million that a PNG may have here; choose less than 1200" in error


def test_a_memory_that_is_full() -> None:
    """One line, as NumPy words it, and what to do."""
    import click
    import numpy as np

    from kerasrnn._terminal import reports_errors

    @reports_errors
    def greedy() -> None:
        np.empty((1 << 60,), np.uint8)

    with pytest.raises(click.ClickException, match=r"Unable to allocate .*: choose a window of the steps"):
        greedy()
