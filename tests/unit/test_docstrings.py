"""The examples in the docstrings run, and whatever is public says in one line what it is."""

import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import keras
import pytest

_NAMES = ("callbacks", "crf", "decoding", "layers", "losses", "metrics", "viz", "zoo")
PACKAGES = tuple(f"kerasrnn.{name}" for name in _NAMES)


def module_names() -> list[str]:
    """Every module. Not walked from `kerasrnn`, below which a checkout also shows setup.py, that would then run."""
    found = ["kerasrnn", "kerasrnn.cli"]
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        found += [package, *(module.name for module in pkgutil.walk_packages(path, f"{package}."))]
    return found


def public_names() -> list[tuple[str, str]]:
    return [(package, name) for package in PACKAGES for name in importlib.import_module(package).__all__]


@pytest.mark.parametrize("name", module_names())
def test_examples_run(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`doctest.testmod` on the installed name: pytest's own collector would import zoo/ and viz/ under other names."""
    monkeypatch.chdir(tmp_path)  # an example may write a file
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    module = importlib.import_module(name)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        runner.run(example, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_every_module_is_looked_at() -> None:
    """A package that fails to be walked would be passed over without a word."""
    names = module_names()
    assert {"kerasrnn.layers.gru", "kerasrnn.decoding.greedy", "kerasrnn.zoo.builders.seq2seq"} <= set(names)
    assert {"kerasrnn.viz.figures.attention", "kerasrnn.viz.capture.gates"} <= set(names)
    assert not {name for name in names if name.endswith((".setup", ".build"))}


@pytest.mark.parametrize(("package", "name"), public_names())
def test_public_things_say_what_they_are(package: str, name: str) -> None:
    thing = getattr(importlib.import_module(package), name)
    assert inspect.isroutine(thing) or inspect.isclass(thing) or inspect.ismodule(thing)
    first, *rest = (inspect.getdoc(thing) or "").split("\n")
    assert 10 < len(first) <= 110, f"{package}.{name}: {first!r}"
    assert not rest or rest[0] == "", f"{package}.{name}: the first line goes on: {first!r}"


def test_every_layer_has_an_example() -> None:
    layers = importlib.import_module("kerasrnn.layers")
    bases = {"RecurrentLayer"}  # a cell's example is its layer's
    public = {name: getattr(layers, name) for name in layers.__all__ if not name.endswith("Cell")}
    checked = {
        name: any(test.examples for test in doctest.DocTestFinder().find(thing, name))
        for name, thing in public.items()
        if inspect.isclass(thing) and issubclass(thing, keras.layers.Layer) and name not in bases
    }
    assert len(checked) >= 6
    assert [name for name, has_example in checked.items() if not has_example] == []
