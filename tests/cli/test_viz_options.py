"""What all pictures' commands share: the window, theme, size and resolution, and drawing in the terminal."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from cli_cases import data_of, ok

COMMANDS = ["attention", "gates", "gradients"]


def pixels(path: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    wide, high = struct.unpack(">II", path.read_bytes()[16:24])
    return wide, high


@pytest.mark.parametrize("command", ["attention"])
def test_size_resolution_and_theme(command: str, here: Path) -> None:
    ok("viz", command, "3 mai 1998", "--size", "7x6.5", "--dpi", "50", "-o", "light.png")
    assert pixels(here / "light.png") == (350, 325)
    ok("viz", command, "3 mai 1998", "--size", "7x6.5", "--dpi", "50", "--theme", "dark", "-o", "dark.png")
    light, dark = (_corner(here / f"{name}.png") for name in ("light", "dark"))
    assert light == (255, 255, 255)
    assert max(dark) < 60


def _corner(path: Path) -> tuple[int, ...]:
    from matplotlib.image import imread

    return tuple(int(255 * part) for part in imread(path)[0, 0, :3])


def test_a_window_of_the_steps(here: Path, models: Path) -> None:
    """The whole run, and of it the steps asked for: in the data, in the picture, in the summary."""
    arguments = ["viz", "gates", models / "lstm.keras", "--input", models / "steps.npy"]
    ok(*arguments, "--data", "all.npz")
    summary = json.loads(ok(*arguments, "--data", "some.npz", "--tokens", "2:5", "--json").stdout)
    assert summary["first"] == 2
    assert summary["steps"] == [3, 3, 3]
    whole, some = data_of(here / "all.npz"), data_of(here / "some.npz")
    np.testing.assert_array_equal(some["reader/forget"], whole["reader/forget"][:, 2:5])
    ok(*arguments, "--data", "tail.npz", "--tokens", "4:", "-o", "a.svg")
    np.testing.assert_array_equal(data_of(here / "tail.npz")["reader/cell"], whole["reader/cell"][:, 4:])
    svg = (here / "a.svg").read_text("utf-8")
    for number in (4, 5, 6):
        assert f">{number}</text>" in svg
    assert ">3</text>" not in svg


@pytest.mark.parametrize("command", COMMANDS)
def test_a_window_of_the_tokens(command: str, here: Path) -> None:
    """Whatever the picture: its steps, and a mark outside the window is left out rather than drawn in a wrong place."""
    ok("viz", command, "3 mai 1998", "--tokens", "2:6", "--data", "some.npz", "-o", "some.svg")
    ok("viz", command, "3 mai 1998", "--data", "all.npz")
    some, whole = data_of(here / "some.npz"), data_of(here / "all.npz")
    for key in set(whole) - {"about", "source_mask", "source_tokens"}:
        np.testing.assert_array_equal(some[key], whole[key][:, 2:6], err_msg=key)
    if command == "attention":
        np.testing.assert_array_equal(some["source_tokens"], whole["source_tokens"])


@pytest.mark.parametrize("command", COMMANDS)
def test_in_the_terminal_no_file_is_written(command: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain where there are no colours, so that nothing is lost in a pipe; coloured where they are forced."""
    plain = ok("viz", command, "3 mai 1998", "--terminal")
    assert list(here.iterdir()) == []
    assert "\x1b" not in plain.stdout
    assert "3 mai 1998" in plain.stdout.replace("\u2068", "").replace("\u2069", "")
    if command == "gradients":
        return
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert "\x1b[38;2;" in ok("viz", command, "3 mai 1998", "--terminal").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "38;2;" not in ok("viz", command, "3 mai 1998", "--terminal").stdout


def test_in_the_terminal_and_to_a_file(here: Path) -> None:
    both = ok("viz", "attention", "3 mai 1998", "--terminal", "-o", "a.png", "--data", "a.npz")
    assert both.stdout.splitlines()[-1] == "a.png"
    assert sorted(path.name for path in here.iterdir()) == ["a.npz", "a.png"]
    digits = [
        line.split()[1:] for line in both.stdout.splitlines() if line[:3].strip() and line.split()[0] in "0123456789-"
    ]
    alignment = data_of(here / "a.npz")["decoder/alignment"][0]
    drawn = [row for row in digits if len(row) == alignment.shape[1]]
    expected = [[str(min(int(10 * value), 9)) for value in row] for row in alignment]
    assert drawn[-len(expected) :] == expected


def test_values_that_are_no_numbers_are_named(here: Path, models: Path) -> None:
    """A model that has broken in training is the one that somebody wants to see."""
    import keras

    model = keras.saving.load_model(models / "lstm.keras")
    cell = model.get_layer("reader").cell
    kernel = np.array(cell.kernel)
    kernel[0, 7] = np.nan  # of a forget gate
    cell.kernel.assign(kernel)
    model.save(here / "broken.keras")
    result = ok("viz", "gates", "broken.keras", "--input", models / "steps.npy", "--data", "a.npz")
    assert "reader/forget: 93 values are NaN or infinite" in result.stderr.splitlines()
    forget = data_of(here / "a.npz")["reader/forget"]
    assert np.isnan(forget[:, 0]).any(axis=0).tolist() == [False, False, True, False, False]
    assert np.isnan(forget[:, 1:]).all(), "one step on, all units have read it"
    summary = json.loads(ok("viz", "gates", "broken.keras", "--input", models / "steps.npy", "--json").stdout)
    assert summary["not numbers"]["reader/forget"] == 93
    x = np.load(models / "steps.npy")
    x[1, 3, 2] = np.nan
    np.save(here / "x.npy", x)
    again = ok("viz", "gates", models / "lstm.keras", "--input", "x.npy", "--row", "1")
    assert "reader/hidden: " in again.stderr
