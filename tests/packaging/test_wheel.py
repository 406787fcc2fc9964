"""What is installed is what is in the checkout, in every way of installing it, and nothing else."""

import json
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from environments import FOLDERS, FULL, ROOT, Environment, copy_checkout, make_environment, run

import kerasrnn

LARGEST_WHEEL = 90e6  # bytes
TOOLS = {"viz/fonts"}  # folders that hold a script for the checkout's use, and no package

PROBE = """
import json, sys
import kerasrnn, kerasrnn.zoo, kerasrnn.viz, kerasrnn.cli
from importlib.resources import files

names = ["kerasrnn", "kerasrnn.zoo", "kerasrnn.viz", "kerasrnn.cli"]
print(json.dumps({
    "files": {name: sys.modules[name].__file__ for name in names},
    "version": kerasrnn.__version__,
    "strangers": sorted({"cli", "zoo", "viz"} & set(sys.modules)),
    "data": {
        "typed": files("kerasrnn").joinpath("py.typed").is_file(),
        "card": files("kerasrnn.zoo").joinpath("presets/dates_bahdanau/card.json").is_file(),
        "font": files("kerasrnn.viz").joinpath("fonts/KerasrnnDevanagari-Regular.ttf").is_file(),
        "page": files("kerasrnn.viz").joinpath("pages/assets/page.html").is_file(),
    },
}))
"""

OFFLINE = """
import runpy, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        raise RuntimeError(f"{event} {arguments}")

sys.addaudithook(refuse)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("source") / "checkout")


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as pip builds it, in a checkout where an earlier build has left a module that is gone since."""
    stale = checkout / "build" / "lib" / "kerasrnn" / "layers" / "gone.py"
    stale.parent.mkdir(parents=True)
    stale.write_text("raise ImportError('deleted long ago')\n", encoding="utf-8")
    folder = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "-v", "-w", folder, cwd=checkout)
    said = done.stdout + done.stderr
    # A pattern of MANIFEST.in that excludes nothing is no mistake: a clean checkout has nothing to exclude.
    complaints = [line for line in said.splitlines() if "no files found" in line or "no directories found" in line]
    complaints += [line for line in said.splitlines() if "DeprecationWarning" in line or "SetuptoolsWarning" in line]
    assert complaints == []
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = make_environment(tmp_path_factory.mktemp("installed") / "venv", empty=FULL)
    environment.pip("install", *([] if FULL else ["--no-deps"]), wheel)
    return environment


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def wanted(checkout: Path) -> set[str]:
    """What must be installed, found without setup.py: all modules of the three packages, `cli.py` and the data."""
    files = {"kerasrnn/cli.py", "kerasrnn/py.typed", "kerasrnn/viz/fonts/OFL.txt"}
    for top, installed_as in (("kerasrnn", "kerasrnn"), ("zoo", "kerasrnn/zoo"), ("viz", "kerasrnn/viz")):
        for path in (checkout / top).rglob("*"):
            place = path.relative_to(checkout / top)
            is_module = path.suffix == ".py" and path.parent.relative_to(checkout).as_posix() not in TOOLS
            is_data = (
                path.suffix == ".ttf"
                or (path.is_file() and path.parent.name == "assets")
                or (path.is_file() and place.parts[0] == "presets")
            )
            if is_module or is_data:
                files.add(f"{installed_as}/{place.as_posix()}")
    return files


def test_every_folder_with_modules_is_a_package(checkout: Path) -> None:
    """A folder that lacks its `__init__.py` is dropped from the wheel without a word."""
    folders = {path.parent for top in ("kerasrnn", "zoo", "viz") for path in (checkout / top).rglob("*.py")}
    lacking = {f.relative_to(checkout).as_posix() for f in folders if not (f / "__init__.py").is_file()}
    assert lacking == TOOLS


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path, checkout: Path) -> None:
    info = f"kerasrnn-{kerasrnn.__version__}.dist-info"
    assert {name.split("/")[0] for name in names(wheel)} == {"kerasrnn", info}
    assert {name for name in names(wheel) if not name.startswith(info)} == wanted(checkout)
    assert any(name.startswith("kerasrnn/zoo/presets/dates_bahdanau/") for name in names(wheel))
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/viz/fonts/OFL.txt"} <= names(wheel)
    assert wheel.name == f"kerasrnn-{kerasrnn.__version__}-py3-none-any.whl"


def test_the_wheel_is_small_enough(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST_WHEEL


def test_the_wheel_describes_itself(wheel: Path) -> None:
    described = metadata(wheel)
    assert (described["Name"], described["Version"]) == ("kerasrnn", kerasrnn.__version__)
    assert described["License-Expression"] == "Apache-2.0 AND OFL-1.1"
    assert described.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    plain = {name.split(">")[0] for name in described.get_all("Requires-Dist", []) if "extra ==" not in name}
    assert plain == {"click", "keras", "matplotlib", "numpy", "rich", "tensorflow"}
    extras = {"bench", "browser", "eval", "jax", "lint", "midi", "test", "train"}
    assert set(described.get_all("Provides-Extra", [])) == extras
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert archive.read(name).decode().split() == ["[console_scripts]", "kerasrnn", "=", "kerasrnn.cli:main"]


def test_the_version_is_the_same_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {kerasrnn.__version__}" in citation
    assert f"\n## {kerasrnn.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_source_archive_is_whole_and_builds_the_same_wheel(wheel: Path, checkout: Path, tmp_path: Path) -> None:
    """`build` makes the archive, and from it alone the wheel: what MANIFEST.in forgets is missing there."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, ".", cwd=checkout)
    (rebuilt,) = tmp_path.glob("*.whl")
    assert names(rebuilt) == names(wheel)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        held = {name.partition("/")[2] for name in opened.getnames()}
    files = {path.relative_to(checkout) for top in FOLDERS for path in (checkout / top).rglob("*") if path.is_file()}
    files |= {Path(name) for name in ("cli.py", "setup.py", "pyproject.toml", "Makefile", ".pre-commit-config.yaml")}
    files |= {Path(name) for name in ("README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "SECURITY.md")}
    assert sorted({path.as_posix() for path in files} - held) == []


def probe(python: Path, cwd: Path) -> dict[str, Path]:
    """Import all four from `cwd`; the folders that they came from."""
    found = json.loads(run(python, "-c", PROBE, cwd=cwd).stdout)
    assert found["version"] == kerasrnn.__version__
    assert found["strangers"] == []  # a second copy under another name would register every class twice
    assert found["data"] == {"typed": True, "card": True, "font": True, "page": True}
    return {name: Path(file).resolve() for name, file in found["files"].items()}


def in_checkout(checkout: Path) -> dict[str, Path]:
    root = checkout.resolve()
    return {
        "kerasrnn": root / "kerasrnn" / "__init__.py",
        "kerasrnn.zoo": root / "zoo" / "__init__.py",
        "kerasrnn.viz": root / "viz" / "__init__.py",
        "kerasrnn.cli": root / "cli.py",
    }


def in_packages(folder: Path) -> dict[str, Path]:
    top = folder.resolve() / "kerasrnn"
    return {
        "kerasrnn": top / "__init__.py",
        "kerasrnn.zoo": top / "zoo" / "__init__.py",
        "kerasrnn.viz": top / "viz" / "__init__.py",
        "kerasrnn.cli": top / "cli.py",
    }


def assert_commands_work(environment: Environment, checkout: Path, cwd: Path, *, script: bool = True) -> None:
    """All ways to start the command line give the same answer; uninstalled, there is no script."""
    ways: list[list[str | Path]] = [[environment.python, checkout / "cli.py"]]
    if script:
        ways += [[environment.command], [environment.python, "-m", "kerasrnn.cli"]]
    if cwd == checkout:
        ways += [[environment.python, "cli.py"], [environment.python, "-m", "kerasrnn.cli"]]
    for way in ways:
        said = run(*way, "--version", cwd=cwd).stdout
        assert kerasrnn.__version__ in said.split(), (way, said)


def test_uninstalled_it_works_at_the_root(checkout: Path, tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "venv", empty=False)
    assert probe(environment.python, checkout) == in_checkout(checkout)
    assert_commands_work(environment, checkout, checkout, script=False)
    absent = run(environment.python, "-c", "import kerasrnn", cwd=tmp_path, check=False)
    assert "No module named 'kerasrnn'" in absent.stderr  # else every other test here might see some other copy


def test_the_installed_wheel_works_outside_the_checkout(installed: Environment, checkout: Path, tmp_path: Path) -> None:
    assert probe(installed.python, tmp_path) == in_packages(installed.packages)
    assert_commands_work(installed, checkout, tmp_path)


def test_the_installed_wheel_works_at_the_root(installed: Environment, checkout: Path) -> None:
    assert probe(installed.python, checkout) == in_checkout(checkout)  # Python looks in its working directory first
    assert_commands_work(installed, checkout, checkout)


def test_the_installed_wheel_finds_its_dependencies(installed: Environment) -> None:
    said = installed.pip("check", check=FULL).stdout
    assert [line for line in said.splitlines() if line.startswith("kerasrnn ")] == []


def test_uninstalling_leaves_nothing(wheel: Path, tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "venv", empty=True)
    before = set(environment.packages.iterdir())
    environment.pip("install", "--no-deps", wheel)
    assert {path.name for path in set(environment.packages.iterdir()) - before} == {
        "kerasrnn",
        f"kerasrnn-{kerasrnn.__version__}.dist-info",
    }
    environment.pip("uninstall", "--yes", "kerasrnn")
    assert set(environment.packages.iterdir()) == before


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
def test_an_editable_install_works_everywhere(strict: bool, tmp_path: Path) -> None:
    """Lenient, it is the checkout itself; strict, links to its modules, so that new files need a new install."""
    checkout = copy_checkout(tmp_path / "checkout")
    environment = make_environment(tmp_path / "venv", empty=False)
    options = ["--config-settings", "editable_mode=strict"] if strict else []
    environment.pip("install", "--no-deps", "--no-build-isolation", *options, "-e", checkout)
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    # In strict mode the modules are hard links or symbolic links below build/; followed, both lead to the same bytes.
    for cwd in (outside, checkout):
        found = probe(environment.python, cwd)
        assert {name: path.read_bytes() for name, path in found.items()} == {
            name: path.read_bytes() for name, path in in_checkout(checkout).items()
        }
        if not strict or cwd == checkout:
            assert found == in_checkout(checkout)
        assert_commands_work(environment, checkout, cwd)


def test_the_installed_wheel_draws_the_first_picture(installed: Environment, tmp_path: Path) -> None:
    """The main command, with no argument, no network, and nothing on standard error that is not ours."""
    done = run(installed.python, "-c", OFFLINE, installed.command, "viz", "attention", cwd=tmp_path)
    picture = tmp_path / done.stdout.splitlines()[-1]
    assert picture.name == "attention.png"
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    foreign = [word for word in ("absl", "cuda", "oneDNN", "tensorflow", "Warning") if word in done.stderr]
    assert foreign == [], done.stderr
