"""Two processes that write one file: it is the one's or the other's, whole, at every moment."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRITER = """
import pathlib, sys
from kerasrnn._files import write_bytes_atomically
while not pathlib.Path(sys.argv[3]).exists():
    write_bytes_atomically(sys.argv[1], sys.argv[2].encode() * 500_000)
"""


def test_a_reader_sees_whole_files_alone(tmp_path: Path) -> None:
    folder, stop = tmp_path / "folder", tmp_path / "stop"
    folder.mkdir()
    target = folder / "picture.png"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    commands = [[sys.executable, "-c", WRITER, str(target), letter, str(stop)] for letter in "ab"]
    writers = [subprocess.Popen(command, env=environment) for command in commands]
    turns, deadline = [b""], time.monotonic() + 60
    try:
        while len(turns) < 20 and time.monotonic() < deadline:
            if target.exists():
                data = target.read_bytes()
                assert len(data) == 500_000
                assert data == data[:1] * 500_000, "parts of two files in one"
                turns += [data[:1]] * (data[:1] != turns[-1])
    finally:
        stop.touch()
        ends = [writer.wait(timeout=60) for writer in writers]
    assert ends == [0, 0]
    assert {b"a", b"b"} <= set(turns), "each had its turn"
    assert list(folder.iterdir()) == [target], "nothing is left beside it"
