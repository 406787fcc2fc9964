"""Models of all shapes, made without kerasrnn: saved, loaded, and drawn by every command that applies."""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from cli_cases import ok, run
from user_models import CASES, SUBCLASSED, Case, T, floats, tokens

ROOT = Path(__file__).parents[2]
COMMANDS: dict[str, list[str]] = {
    "gates": ["gates"],
    "attention": ["attention"],
    "bptt": ["gradients"],
    "jacobian": ["gradients", "--kind", "jacobian"],
    "saliency": ["gradients", "--kind", "saliency", "--steps", "4"],
    "weight gradients": ["gradients", "--kind", "weights"],
    "weights": ["weights"],
}


def saved(case: Case) -> list[Any]:
    """The arguments that name the model and its input."""
    case.model.save("user.keras")
    if isinstance(case.inputs, dict):
        np.savez("batch.npz", **case.inputs)
        return ["user.keras", "--input", "batch.npz"]
    np.save("batch.npy", case.inputs)
    return ["user.keras", "--input", "batch.npy"]


@pytest.fixture
def users_classes(here: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the user's, in the working folder, that nothing has imported yet."""
    (here / "users_classes.py").write_text(SUBCLASSED)
    monkeypatch.syspath_prepend(here)
    yield
    sys.modules.pop("users_classes", None)
    for name in [name for name in keras.saving.get_custom_objects() if name.startswith("mine>")]:
        del keras.saving.get_custom_objects()[name]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("users_classes")
def test_every_command_that_applies(name: str, here: Path) -> None:
    case = CASES[name]()
    arguments = saved(case)
    expected = case.model(case.inputs)
    first = np.asarray(keras.ops.convert_to_numpy(keras.tree.flatten(expected)[0]))
    assert np.isfinite(first).all()
    if case.module:
        arguments += ["--import", case.module]
    for command in case.commands:
        given = [part for part in arguments if command != "weights" or part not in arguments[1:3]]
        result = ok("viz", *COMMANDS[command], *given, "-o", "a.png", "--dpi", "30", "--json", "-q")
        summary = json.loads(result.stdout)
        assert result.stderr == ""
        assert (here / "a.png").read_bytes().startswith(b"\x89PNG")
        assert summary["layer"]
        if command == "saliency":
            assert abs(summary["gap"][0] or 0) < 0.5
    for command in COMMANDS.keys() - set(case.commands):
        given = [part for part in arguments if command != "weights" or part not in arguments[1:3]]
        refused = run("viz", *COMMANDS[command], *given, "-o", "b.png", "-q")
        assert refused.exit_code == 1
        assert len(refused.stderr.splitlines()) == 1
        assert "expected one with a" in refused.stderr
        assert not (here / "b.png").exists()


def test_the_list_in_the_docs_is_this_one() -> None:
    page = (ROOT / "docs" / "user_models.md").read_text("utf-8")
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert [row for row in rows if row in CASES] == list(CASES)


@pytest.mark.usefixtures("users_classes")
def test_classes_that_keras_does_not_know(here: Path) -> None:
    arguments = saved(CASES["subclassed"]())
    sys.modules.pop("users_classes")
    for name in [name for name in keras.saving.get_custom_objects() if name.startswith("mine>")]:
        del keras.saving.get_custom_objects()[name]
    refused = run("viz", "gates", *arguments)
    assert refused.exit_code == 1
    assert "Could not locate class 'Reader'" in refused.stderr
    assert refused.stderr.rstrip().endswith("--import MODULE")
    refused = run("viz", "gates", *arguments, "--import", "no_such_module")
    assert "--import no_such_module: the module cannot be imported: ModuleNotFoundError" in refused.stderr
    (here / "broken_module.py").write_text("1 / 0")
    refused = run("viz", "gates", *arguments, "--import", "broken_module")
    assert "--import broken_module: the module cannot be imported: ZeroDivisionError" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    ok("viz", "gates", *arguments, "--import", "users_classes", "-q")
    refused = run("viz", "gates", "dates_bahdanau", "--import", "users_classes")
    assert "--import, --unsafe and --vocabulary are for .keras files" in refused.stderr


def test_code_in_a_file_runs_only_if_it_is_allowed(here: Path) -> None:
    x = keras.Input((6, 3))
    marked = keras.layers.Lambda(lambda h: h * 2.0, output_shape=(6, 3))(x)
    arguments = saved(Case(keras.Model(x, keras.layers.GRU(4)(marked)), np.ones((2, 6, 3), "float32"), ()))
    refused = run("viz", "gates", *arguments)
    assert refused.exit_code == 1
    assert "in safe mode: it holds code, such as a Lambda layer's" in refused.stderr
    assert refused.stderr.rstrip().endswith("--unsafe")
    assert not (here / "gates.png").exists()
    ok("viz", "gates", *arguments, "--unsafe", "-q")
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.saving.load_model("user.keras")  # and nothing else is allowed by it


def test_weights_and_inputs_that_are_no_numbers_are_drawn_and_named(here: Path) -> None:
    case = CASES["functional"]()
    layer = case.model.layers[2]
    kernel, *rest = layer.get_weights()
    kernel[0, 0] = np.nan
    layer.set_weights([kernel, *rest])
    arguments = saved(case)
    for command in ("gates", "bptt", "jacobian", "saliency", "weight gradients", "weights"):
        given = arguments if command != "weights" else arguments[:1]
        result = ok("viz", *COMMANDS[command], *given, "-o", "a.png", "--dpi", "30")
        assert "lstm_cell/kernel has values that are NaN or infinite" in result.stderr, command
        assert (here / "a.png").read_bytes().startswith(b"\x89PNG")
        (here / "a.png").unlink()


def test_tokens_for_a_model_of_vectors() -> None:
    arguments = saved(CASES["functional"]())
    np.save("ids.npy", np.array([[1, 2, 3]]))
    refused = run("viz", "gates", arguments[0], "--input", "ids.npy")
    assert refused.exit_code == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "received (1, 3), which may be token ids: this model takes vectors" in refused.stderr


@pytest.mark.usefixtures("users_classes")
def test_a_model_that_does_not_run_on_its_input_is_one_line(here: Path) -> None:
    """Whatever its own call raises, and without what Keras and TensorFlow put around it."""
    arguments = saved(CASES["inputs by name"]())
    np.savez("other.npz", x=floats(), loud=floats())
    refused = run("viz", "gates", arguments[0], "--input", "other.npz", "--import", "users_classes")
    assert refused.stderr == "Error: inputs: expected arrays named x, gain, received x, loud\n"
    np.save("alone.npy", floats())
    refused = run("viz", "gates", arguments[0], "--input", "alone.npy", "--import", "users_classes")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: the model does not run on this input: ")
    assert len(refused.stderr.splitlines()) == 1
    arguments = saved(CASES["Sequential"]())
    np.save("large.npy", np.array([[1, 2, 300]]))
    refused = run("viz", "gates", arguments[0], "--input", "large.npy")
    expected = "the model cannot be drawn with this input: Embedding: indices[0,2] = 300 is not in [0, 9)"
    assert refused.stderr == f"Error: {expected}\n"


def test_layers_that_cannot_be_drawn_are_named_in_one_line(here: Path) -> None:
    x = keras.Input((T, 4, 4, 1))
    model = keras.Model(x, keras.layers.ConvLSTM2D(2, 2, name="film")(x))
    arguments = saved(Case(model, np.ones((2, T, 4, 4, 1), "float32"), ()))
    refused = run("viz", "gates", *arguments, "-q")
    assert refused.stderr == "Error: layer: 'film' has states with more axes than units; only (b, u) can be shown\n"


def test_one_step_gives_no_warning(here: Path) -> None:
    """Attention over one step is 1 by definition, which is no news."""
    arguments = saved(CASES["AdditiveAttention"]())
    np.save("one.npy", np.array([[3]]))
    for command in (["attention"], ["gates"], ["gradients"]):
        result = run("viz", *command, arguments[0], "--input", "one.npy", "-q", "-o", "a.png", "--dpi", "30")
        assert (result.exit_code, result.stderr) == (0, "")


def test_what_a_model_warns_of_is_said_once_and_on_a_line(here: Path) -> None:
    x = keras.Input((None,))
    embedded = keras.layers.Embedding(9, 3, mask_zero=True)(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = keras.Model(x, keras.layers.GRU(4)(keras.layers.Conv1D(3, 1)(embedded)))
    arguments = saved(Case(model, tokens(), ()))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = run("viz", "gradients", *arguments, "-o", "a.png", "--dpi", "30")
    assert result.exit_code == 0
    said = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert len(said) == 1
    assert "was passed an input with a mask attached to it" in said[0]
    assert "UserWarning" not in result.stderr
