"""`train --distribute`: several processes, devices and backends, and the numbers of one process."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_cases import ok, run

from kerasrnn.zoo.training import distribution
from kerasrnn.zoo.training.run import rows_of_a_replica

LIMIT = 240  # seconds for one process, on a busy machine
OPTIONS = ["--set", "units=4", "--set", "embedding=3", "--set", "steps=8", "--set", "depth=1", "--set", "dropout=0"]
DIES = """
import os
from kerasrnn.zoo.training.replicas import Replicas
values, calls = Replicas.values, []
def dying(self):
    calls.append(1)
    if len(calls) == 3:
        os._exit(3)
    return values(self)
Replicas.values = dying
"""
TWO_CPUS = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    for part in ("train", "valid"):
        (folder / f"{part}.txt").write_text("the sea is blue .\nthe old dog barks at the sea .\n\n" * 6)
    return folder


def command(text: Path, out: Path, *more: Any) -> list[str]:
    words = ["train", "lm_shakespeare", "--data", text, "--out", out, *OPTIONS, "--epochs", 4, "--batch-size", 4, *more]
    return [str(word) for word in words]


def started(words: list[str], before: str = "", **environment: str) -> "subprocess.Popen[str]":
    """The command line in a process of its own, after some code."""
    code = f"import sys\n{before}\nfrom kerasrnn.cli import main\nmain(sys.argv[1:], prog_name='kerasrnn')"
    given = {"KERAS_BACKEND": "tensorflow", **environment}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env={**os.environ, **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(processes: "list[subprocess.Popen[str]]") -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each; none is left behind."""
    until = time.monotonic() + LIMIT
    try:
        found = [process.communicate(timeout=max(until - time.monotonic(), 0.1)) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *each) for process, each in zip(processes, found, strict=True)]


def workers(commands: list[list[str]], before: tuple[str, str] = ("", "")) -> list[tuple[int, str, str]]:
    """Two workers on free ports of this machine, from start to end."""
    with socket.create_server(("localhost", 0)) as one, socket.create_server(("localhost", 0)) as other:
        ports = [each.getsockname()[1] for each in (one, other)]
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    processes = [
        started(words, code, TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}))
        for index, (words, code) in enumerate(zip(commands, before, strict=True))
    ]
    return ended(processes)


def values(folder: Path) -> dict[str, np.ndarray]:
    """All that a run depends on at its end."""
    with np.load(folder / "checkpoint.npz") as file:
        return {name: file[name] for name in file.files if name not in ("about", "options")}


def assert_same_run(one: Path, other: Path) -> None:
    first, second = values(one), values(other)
    assert first.keys() == second.keys()
    assert any(name.startswith("state_") for name in first), "a language model carries its states on"
    for name, value in first.items():
        np.testing.assert_allclose(second[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
    logs = [[json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()] for folder in (one, other)]
    assert len(logs[0]) == len(logs[1]) == 4
    for line, same in zip(*logs, strict=True):
        for name in set(line) - {"seconds", "tokens_per_second"}:
            assert same[name] == pytest.approx(line[name], rel=1e-4), name


@pytest.fixture(scope="module")
def alone(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "run"
    ok(*command(text, out, "-q"))
    return out


def test_two_workers_get_the_result_of_one_process_even_if_one_dies_between(
    text: Path, alone: Path, tmp_path: Path
) -> None:
    """Only the first has the folder; the other dies in its third epoch, and both go on from the second."""
    outs = [tmp_path / "first", tmp_path / "second"]
    commands = [command(text, out, "--distribute", "multiworker") for out in outs]
    (code, _, said), (died, *_) = workers(commands, ("", DIES))
    assert (code, died) == (1, 3), said
    assert said.splitlines()[-1].startswith("Error: another worker has stopped or cannot be reached: read its output")
    assert [path.exists() for path in outs] == [True, False]
    assert len((outs[0] / "log.jsonl").read_text().splitlines()) == 2

    first, second = workers([[*words, "--resume"] for words in commands])
    assert first[:2] == (0, f"{outs[0] / 'lm_shakespeare'}\n"), first
    assert second == (0, "", "")
    assert not outs[1].exists()
    lines = first[2].splitlines()
    assert "parameters, 2 replicas" in lines[0]
    assert lines[1] == "resumed at round 2 of 4"
    assert_same_run(alone, outs[0])


def test_workers_that_were_told_different_things(text: Path, tmp_path: Path) -> None:
    words = command(text, tmp_path / "run", "--distribute", "multiworker")
    for code, out, said in workers([words, [*words, "--seed", "5"]]):
        assert (code, out) == (1, "")
        assert said.splitlines()[-1].startswith("Error: the workers were started with other options or read other data")
    assert not list((tmp_path / "run").iterdir())


def test_two_devices_get_the_result_of_one(text: Path, alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    [(code, _, said)] = ended([started(command(text, out, "--distribute", "mirrored"), TWO_CPUS)])
    assert code == 0, said
    assert "parameters, 2 replicas" in said
    assert_same_run(alone, out)
    refused = run(*command(text, out, "--resume"))
    assert "holds a run with other options (replicas)" in refused.stderr


def test_streams_that_cannot_be_shared() -> None:
    spread = distribution.Distribution(strategy="any", replicas=3)
    assert rows_of_a_replica(6, spread) == 2
    with pytest.raises(ValueError, match="4 streams cannot be shared by 3 replicas: set another batch_size"):
        rows_of_a_replica(4, spread)


@pytest.mark.jax
def test_jax_trains_on_one_device_and_on_two(text: Path, tmp_path: Path) -> None:
    """The random numbers of the two backends differ, so that a run on JAX has weights of its own."""
    alone = tmp_path / "tensorflow"
    [(code, _, said)] = ended([started(command(text, alone, "--backend", "tensorflow"), KERAS_BACKEND="")])
    assert code == 0, said
    outs = [tmp_path / "one", tmp_path / "two"]
    words = [command(text, out, "--backend", "jax") for out in outs]
    two = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "KERAS_BACKEND": ""}
    processes = [started(words[0], KERAS_BACKEND=""), started([*words[1], "--distribute", "mirrored"], **two)]
    (code, _, said), (other, _, also) = ended(processes)
    assert (code, other) == (0, 0), said + also
    assert "1 training and 1 validation examples, 280 parameters" in said.splitlines()[0]
    assert "replicas" not in said
    assert "parameters, 2 replicas" in also.splitlines()[0]
    assert_same_run(*outs)
    first, on_tensorflow = values(outs[0]), values(alone)
    assert any((first[name] != value).any() for name, value in on_tensorflow.items() if name.startswith("best_"))
    assert ok("predict", outs[0] / "lm_shakespeare", "the s").stdout.strip()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "reads the environment variable TF_CONFIG, which is not set"),
        ("{", "TF_CONFIG is no JSON"),
        ("[]", "TF_CONFIG must hold a cluster and a task"),
        ('{"cluster": {"worker": ["a:1"]}}', "TF_CONFIG must hold a cluster and a task"),
        ('{"cluster": {"worker": "a:1"}, "task": {}}', "worker must be a list of host:port; found 'a:1'"),
        ('{"cluster": {"worker": ["a"]}, "task": {}}', "worker must be a list of host:port; found ['a']"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {}}', "there are only worker and chief"),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
            "the task 'worker' number 1 is none of its cluster's",
        ),
        (
            '{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}',
            "no address twice; found a:1, a:1",
        ),
    ],
)
def test_what_tf_config_must_be(
    given: str | None, message: str, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if given is not None:
        monkeypatch.setenv("TF_CONFIG", given)
    result = run(*command(text, tmp_path / "run", "--distribute", "multiworker"))
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert not (tmp_path / "run").exists()


def test_the_chief_is_the_first() -> None:
    def place(task: dict[str, Any]) -> distribution.Place:
        cluster = {"chief": ["a:1"], "worker": ["b:2", "c:3"]}
        return distribution.read({"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})})

    assert place({"type": "chief", "index": 0}) == (["a:1", "b:2", "c:3"], 0)
    assert place({"type": "worker", "index": 1}) == (["a:1", "b:2", "c:3"], 2)


def test_a_worker_that_nobody_starts() -> None:
    with socket.create_server(("localhost", 0)) as one, socket.create_server(("localhost", 0)) as other:
        ports = [each.getsockname()[1] for each in (one, other)]
    addresses = [f"localhost:{port}" for port in ports]
    with pytest.raises(ConnectionError, match=rf"worker 1 at localhost:{ports[1]} was not there after 0.3 s"):
        distribution.meet(distribution.Place(addresses, 0), 0.3)
    with socket.create_server(("localhost", ports[1])):
        distribution.meet(distribution.Place(addresses, 0), 0.3)
