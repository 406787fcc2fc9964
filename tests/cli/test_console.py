"""The command as a process of its own: what reaches the terminal, exit codes, signals, pipes, and what is imported."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from kerasrnn.cli import main

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from kerasrnn.cli import main; main(prog_name='kerasrnn')"]


def environment(**extra: str) -> dict[str, str]:
    """That of somebody who has set nothing for TensorFlow."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "NVIDIA_", "PYTHON"))}
    return own | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"} | extra


def kerasrnn(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment()}
    return subprocess.run([*COMMAND, *arguments], check=False, encoding="utf-8", **given | options)


def test_a_picture_and_not_a_word_of_tensorflow(here: Path) -> None:
    done = kerasrnn("viz", "attention")
    assert (done.returncode, done.stdout) == (0, "attention.png\n")
    assert done.stderr == "layer decoder, the first to run\n"
    assert (here / "attention.png").stat().st_size > 10_000


def test_an_export_and_not_a_word_of_tensorflow(here: Path) -> None:
    done = kerasrnn("export", "-o", "graph")
    assert (done.returncode, done.stdout, done.stderr) == (0, "graph\n", "")
    assert (here / "graph" / "saved_model.pb").is_file()


def test_what_tensorflow_says_is_shown_if_it_cannot_be_imported(here: Path) -> None:
    (here / "keras.py").write_text("import os\nos.write(2, b'a library is missing\\n')\nraise ImportError('no keras')")
    done = kerasrnn("predict", "3 mai 1998", env=environment(PYTHONPATH=f"{here}{os.pathsep}{ROOT}"))
    assert done.returncode == 1
    assert "a library is missing" in done.stderr
    assert "ImportError: no keras" in done.stderr


def test_exit_codes_and_messages() -> None:
    done = kerasrnn("viz", "attention", "dates_bahdanu")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: no preset 'dates_bahdanu', and no folder with a card.json there. Did you mean 'dates_bahdanau'?\n"
    )
    done = kerasrnn("viz", "attention", "-o", "picture.gif")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: Invalid value for '-o'") and done.stderr.count("\n") == 1
    assert done.stderr.endswith("See: kerasrnn viz attention --help\n")


def test_interrupted_it_says_so_and_stops() -> None:
    """Ctrl-C while it reads: more is written than a pipe holds, so it must be reading."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    restored = {
        "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    }  # a shell's background job ignores it
    with subprocess.Popen([*COMMAND, "predict", "-"], env=environment(), **pipes, **restored) as process:
        assert process.stdin is not None
        process.stdin.write(b"3 mai 1998\n" * 50_000)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == b""
    assert err.split() == [b"Aborted!"]


@pytest.mark.parametrize("arguments", [["zoo", "info", "dates_bahdanau"], ["zoo", "list", "--json"], ["--help"]])
def test_a_reader_that_has_seen_enough(arguments: list[str]) -> None:
    """`kerasrnn ... | head -1`, with a head that is gone before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = kerasrnn(*arguments, stdout=writing)
    finally:
        os.close(writing)
    assert done.stderr == ""


def test_a_pipe_into_head() -> None:
    line = shlex.join([*COMMAND, "zoo", "info", "dates_bahdanau"])
    done = subprocess.run(["bash", "-c", f"{line} | head -1"], capture_output=True, text=True, env=environment())
    assert "dates_bahdanau" in done.stdout.split()
    assert done.stderr == ""


def test_no_standard_input() -> None:
    line = f"{shlex.join([*COMMAND, 'predict', '-'])} <&-"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment())
    assert done.returncode == 1
    assert done.stderr == "Error: there is no standard input to read: give the text itself in place of -.\n"


def test_output_that_cannot_be_written() -> None:
    with Path("/dev/full").open("w") as full:
        done = kerasrnn("zoo", "list", "--json", stdout=full)
    assert done.returncode != 0
    assert done.stderr.startswith("Error: [Errno 28] No space left on device")
    assert "Traceback" not in done.stderr


def test_json_is_utf8_in_any_terminal() -> None:
    ascii_only = environment(PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    done = kerasrnn("zoo", "info", "dates_bahdanau", "--json", env=ascii_only)
    assert done.returncode == 0
    assert "月" in json.loads(done.stdout)["vocabulary"]["source"]


def commands(group: click.Group, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {path: group}
    for name, command in group.commands.items():
        below = (*path, name)
        found |= commands(command, below) if isinstance(command, click.Group) else {below: command}
    return found


COMMANDS = commands(main)
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}


def test_all_commands_are_there() -> None:
    assert set(LEAVES) >= {
        ("viz", "attention"),
        ("viz", "gates"),
        ("viz", "gradients"),
        ("zoo", "list"),
        ("zoo", "info"),
        ("predict",),
        ("export",),
    }


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_has_examples_that_can_be_typed(path: tuple[str, ...]) -> None:
    command = LEAVES[path]
    help_text = command.get_help(click.Context(command, info_name=path[-1]))
    assert len(command.help or "") > 20
    _, _, shown = help_text.partition("Examples:")
    examples = [line.strip() for line in shown.splitlines() if line.strip()]
    assert examples, "no example"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} is not explained"
    named = []
    for example in examples:  # some need another command before them
        words = shlex.split(re.split(" [<>] ", example)[0])
        assert words[0] == "kerasrnn", example
        leaf = next(found for found in LEAVES if words[1 : len(found) + 1] == list(found))
        LEAVES[leaf].make_context(leaf[-1], words[len(leaf) + 1 :])  # an option that is none would be an error
        named.append(leaf)
    assert path in named


def test_help_version_and_completion_import_nothing_heavy() -> None:
    """Nor does a wrong model or a list of models: in one process, all of them."""
    code = """
import json, os, sys
from click.testing import CliRunner
from kerasrnn.cli import main
for arguments in json.loads(sys.argv[1]):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code in (0, 1) and "Error" not in result.stdout, (arguments, result.output)
for words in ("kerasrnn ", "kerasrnn viz ", "kerasrnn viz attention --"):
    variables = {"_KERASRNN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    result = CliRunner().invoke(main, [], prog_name="kerasrnn", env=variables, complete_var="_KERASRNN_COMPLETE")
    assert "plain," in result.stdout, (words, result.output)
heavy = {"keras", "tensorflow", "matplotlib", "jax", "torch", "h5py"} & set(sys.modules)
assert not heavy, heavy
"""
    arguments = [[*path, "--help"] for path in COMMANDS]
    arguments += [["--version"], ["zoo", "list"], ["zoo", "info", "dates_bahdanau"], ["viz", "gates", "dates_bahdanu"]]
    arguments += [["predict", "dates_bahdanu", "3 mai"], ["viz", "gates", "gone.keras", "--input", "gone.npy"]]
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)], capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr


def test_the_folder_of_a_recipe_is_scored_without_a_word_from_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "valid.tsv").write_text("Thank you.\tMerci.\nThank you.\tMerci !\n", "utf-8")
    done = kerasrnn("evaluate", "translate_en_fr_bahdanau", "--data", str(tmp_path), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["examples"] == 1
