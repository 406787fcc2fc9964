"""A sound preset to spoil, and a watch over its files."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zoo_cases

from kerasrnn.zoo.tasks import seq2seq


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original") / "preset"
    task = zoo_cases.small(1)
    task.card["training"] = {"command": "python -m nothing"}
    task.card["score"] = {"metric": "exact match", "value": 0.5, "on": "nothing"}
    row = {"of": "all", "value": 0.5, "interval": [0.4, 0.6], "examples": 20}
    task.card["metrics"] = {"unseen": {"metric": "exact match", "rows": [row, row]}}
    task.save(folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A sound preset of the test's own."""
    return Path(shutil.copytree(original, tmp_path / "preset"))


@pytest.fixture
def untouched(folder: Path, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Call it once the fault is in place; at the end every file must be as it was then."""
    seen: list[dict[Path, bytes]] = []

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    yield lambda: seen.append(files())
    assert seen, "the fixture was not used"
    assert files() == seen[0]


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Damaged weights must show before a model is built."""

    def built(*_: Any) -> None:
        raise AssertionError("a model was built for damaged weights")

    monkeypatch.setattr(seq2seq.Seq2SeqTask, "build", built)
