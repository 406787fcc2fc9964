"""Copies of the checkout, and virtual environments to install them into."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (".ci", "benchmarks", "docs", "kerasrnn", "tests", "viz", "zoo")
LEFT_BEHIND = ("__pycache__", "*.py[cod]", ".hypothesis", "*.egg-info")

FULL = os.environ.get("KERASRNN_TEST_INSTALL") == "full"
"""Whether dependencies are downloaded into an empty environment, or taken from the one that runs the tests."""


def run(*command: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would, with nothing of the running test session in its surroundings."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS")
    surroundings = {name: value for name, value in os.environ.items() if name not in dropped}
    surroundings |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=surroundings, capture_output=True, text=True, timeout=900, check=False)
    assert not check or done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done


def copy_checkout(target: Path) -> Path:
    """The checkout without version control, caches and whatever earlier builds left in it."""
    target.mkdir()
    for entry in ROOT.iterdir():
        if entry.is_file():
            shutil.copy2(entry, target)
        elif entry.name in FOLDERS:
            shutil.copytree(entry, target / entry.name, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    return target


@dataclass(frozen=True)
class Environment:
    """A virtual environment without pip of its own; the pip of the running interpreter fills it."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def command(self) -> Path:
        return self.folder / "bin" / "kerasrnn"

    @property
    def packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"

    def pip(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run(sys.executable, "-m", "pip", "--python", self.python, *arguments, cwd=self.folder, check=check)


def make_environment(folder: Path, *, empty: bool) -> Environment:
    """An empty environment, or one with links to all that is installed here but for this project itself.

    A path entry for the packages installed here would not do: it would be searched before an editable install. Path
    files are left out, for a developer's may lead to the checkout.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    environment = Environment(folder)
    if not empty:
        for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            for entry in Path(place).iterdir():
                link = environment.packages / entry.name
                ours = "kerasrnn" in entry.name or entry.suffix == ".pth" or entry.name == "__pycache__"
                if not ours and not link.exists():
                    link.symlink_to(entry)
    return environment
