"""Keras knows our classes after `import kerasrnn`, whatever was imported first, and the import itself loads neither."""

import subprocess
import sys
import textwrap
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def python(code: str, *arguments: str) -> str:
    """Run `code` in a fresh interpreter in the checkout; its standard output."""
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", textwrap.dedent(code), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of every layer, with an input and what it gives for it."""
    import keras

    from kerasrnn import layers

    folder = tmp_path_factory.mktemp("saved")
    sequence = keras.Input((None, 4), name="sequence")
    hidden = layers.Bidirectional(layers.GRU(3, return_sequences=True))(sequence)
    output, gates = layers.LSTM(3, return_gates=True)(
        keras.layers.RNN(layers.SimpleRNNCell(3), return_sequences=True)(hidden)
    )
    model = keras.Model(sequence, [output, gates])
    x = np.random.default_rng(5).standard_normal((2, 5, 4)).astype("float32")
    model.save(folder / "model.keras")
    np.savez(folder / "case.npz", x=x, output=model(x)[0], forget=model(x)[1]["forget"])
    return folder


@pytest.mark.parametrize("order", list(permutations(["kerasrnn", "keras", "tensorflow"])), ids=" ".join)
def test_every_import_order_loads_a_model(order: tuple[str, ...], saved: Path) -> None:
    """The layers are known as soon as both packages are in, and a saved model gives its numbers."""
    python(
        """
        import importlib, sys
        import numpy as np

        for name in sys.argv[2:]:
            importlib.import_module(name)
            if {"keras", "kerasrnn"} <= set(sys.modules):
                import keras
                for known in ("LSTM", "MaskedCrossentropy", "Perplexity"):
                    assert keras.saving.get_registered_object(f"kerasrnn>{known}") is not None, f"{known}, {name}"
        import keras
        assert not type(keras.__spec__.loader).__module__.startswith("kerasrnn"), keras.__spec__.loader
        assert not any(type(f).__module__.startswith("kerasrnn") for f in sys.meta_path), sys.meta_path
        model = keras.saving.load_model(sys.argv[1] + "/model.keras")
        case = np.load(sys.argv[1] + "/case.npz")
        output, gates = model(case["x"])
        np.testing.assert_allclose(output, case["output"], atol=1e-6)
        np.testing.assert_allclose(gates["forget"], case["forget"], atol=1e-6)
        import kerasrnn.layers
        assert type(model.layers[-1]) is kerasrnn.layers.LSTM
        """,
        str(saved),
        *order,
    )


@pytest.mark.parametrize("first", ["kerasrnn.engine", "kerasrnn.engine.packing", "kerasrnn.layers", "kerasrnn.crf"])
def test_any_part_may_be_imported_first(first: str) -> None:
    python(
        """
        import importlib, sys

        importlib.import_module(sys.argv[1])
        import keras
        assert keras.saving.get_registered_object("kerasrnn>LSTM") is not None
        import json, colorsys
        assert not any(type(f).__module__.startswith("kerasrnn") for f in sys.meta_path), sys.meta_path
        """,
        first,
    )


def test_import_is_light() -> None:
    heavy = "keras", "tensorflow", "jax", "torch", "matplotlib", "numpy", "kerasrnn.layers", "kerasrnn.metrics"
    python(f"import sys, kerasrnn; loaded = set({heavy!r}) & set(sys.modules); assert not loaded, loaded")


def fake_keras(folder: Path, body: str) -> None:
    """A package `keras` that is found first, and stands for one that is broken, or slow, or absent."""
    (folder / "keras").mkdir()
    (folder / "keras" / "__init__.py").write_text(textwrap.dedent(body), encoding="utf-8")


STAND_IN = """
    import importlib.util, sys, types
    sys.path.insert(0, sys.argv[1])
    import kerasrnn
    imported = []
    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name in ("kerasrnn.layers", "kerasrnn.losses", "kerasrnn.metrics"):
                return importlib.util.spec_from_loader(name, Finder)
        @staticmethod
        def create_module(spec):
            return None
        @staticmethod
        def exec_module(module):
            imported.append((module.__name__, sys.modules["keras"].ready))
    sys.meta_path.insert(0, Finder)
    everything = [("kerasrnn.layers", True), ("kerasrnn.losses", True), ("kerasrnn.metrics", True)]
"""


def test_looking_for_keras_does_not_spend_the_hook(tmp_path: Path) -> None:
    """Something that asks whether Keras is there, as many packages do, must not be taken for its import."""
    fake_keras(tmp_path, "ready = True")
    python(
        STAND_IN
        + "    assert importlib.util.find_spec('keras') is not None\n"
        + "    import keras\n    assert imported == everything",
        str(tmp_path),
    )


def test_a_failed_import_of_keras_is_keras_error_and_can_be_tried_again(tmp_path: Path) -> None:
    fake_keras(tmp_path, "import os\nif not os.environ.get('READY'):\n    raise OSError('no backend')\nready = True")
    code = """
    import os
    try:
        import keras
    except OSError as error:
        assert str(error) == "no backend"
    else:
        raise SystemExit("the error of keras was swallowed")
    assert imported == []
    os.environ["READY"] = "1"
    import keras
    assert imported == everything, imported
    import importlib.resources
    assert (importlib.resources.files("keras") / "__init__.py").is_file()
    """
    python(STAND_IN + code, str(tmp_path))


def test_without_keras_the_import_says_so(tmp_path: Path) -> None:
    """Where Keras is not installed, `import kerasrnn` works and `import keras` fails as it always does."""
    python(
        """
        import sys
        import kerasrnn
        sys.path[:] = [p for p in sys.path if "packages" not in p]
        try:
            import keras
        except ModuleNotFoundError as error:
            assert error.name == "keras", error
        else:
            raise SystemExit("keras was found")
        """
    )


def test_keras_that_is_importing_us_is_waited_for(tmp_path: Path) -> None:
    """Imported while Keras itself is still being imported, we wait until it is done."""
    fake_keras(tmp_path, "import kerasrnn\nready = True")
    python(
        STAND_IN.replace("    import kerasrnn\n", "")
        + "    import keras\n    import this\n    assert imported == everything, imported",
        str(tmp_path),
    )
