"""Every command runs in an empty folder of its own."""

from pathlib import Path

import cli_cases
import pytest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `.keras` files with arrays to feed them."""
    folder = tmp_path_factory.mktemp("models")
    cli_cases.write_models(folder)
    return folder
