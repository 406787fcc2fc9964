"""Bad input on the command line: one line that says what to do, 1 or 2 as exit code, and no file harmed."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cli_cases
import keras
import numpy as np
import pytest
import zoo_cases
from click.testing import Result

COMMANDS = ["attention", "gates", "gradients"]
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    cli_cases.write_models(folder)
    x = np.load(folder / "steps.npy")
    (folder / "empty.npy").write_bytes(b"")
    (folder / "text.npy").write_text("1 2 3")
    (folder / "cut.npy").write_bytes((folder / "steps.npy").read_bytes()[:200])
    (folder / "cut.npz").write_bytes((folder / "pair.npz").read_bytes()[:200])
    np.savez(folder / "none.npz")
    np.save(folder / "objects.npy", np.array([{}, 3], object))
    np.save(folder / "words.npy", np.array([["a", "b"]]))
    np.save(folder / "no rows.npy", x[:0])
    np.save(folder / "no steps.npy", x[:, :0])
    np.save(folder / "large ids.npy", np.array([[100, 3]]))
    np.save(folder / "halves.npy", np.array([[0.5, 3]]))
    return folder


@pytest.fixture
def refused(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Runs a command that must fail, in a folder with files of the user's own, and returns its error."""
    work = Path(shutil.copytree(made, tmp_path / "work"))
    monkeypatch.chdir(work)
    for name in (*(f"{command}.png" for command in COMMANDS), "taken.png", "taken.npz", "taken.keras"):
        (work / name).write_bytes(b"mine: " + name.encode())
    (work / "folder.png").mkdir()

    def check(code: int, *arguments: Any, input: str | bytes | None = None) -> str:
        before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
        result = cli_cases.run(*arguments, input=input)
        assert result.exit_code == code, (result.stdout, result.stderr)
        assert result.stdout == ""
        after = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
        assert after == before, "a file was changed, made or left behind"
        return _error(result)

    return check


def _error(result: Result) -> str:
    """The one line of the error; a usage error ends with where to read more."""
    assert "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[-1].startswith("Error: ")
    assert (" --help" in lines[-1]) == (result.exit_code == 2)
    assert len(lines[-1]) < 600
    return lines[-1]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_model(refused: Refused, command: str) -> None:
    assert "Did you mean 'dates_bahdanau'?" in refused(1, "viz", command, "dates_bahdanu")
    assert "Did you mean 'dates_bahdanau'?" in refused(1, "viz", command, "date_bahdanau", "3 mai 1998")
    assert "Known presets: dates_bahdanau" in refused(1, "viz", command, "qqq_zzz")
    assert "no preset 'xyz'" in refused(1, "viz", command, "xyz", "3 mai 1998")
    assert "no file gone.keras: give the path" in refused(1, "viz", command, "gone.keras", "--input", "steps.npy")


def test_an_unknown_model_elsewhere(refused: Refused) -> None:
    for arguments in (
        ["predict", "dates_bahdanu", "3 mai"],
        ["zoo", "info", "dates"],
        ["export", "dates", "-o", "new"],
    ):
        assert "Did you mean 'dates_bahdanau'?" in refused(1, *arguments)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_text_that_the_model_cannot_read(refused: Refused, command: str) -> None:
    for arguments in ([""], ["dates_bahdanau", ""], ["dates_bahdanau", " \u200f\n"]):
        assert "is empty: give some text, such as" in refused(1, "viz", command, *arguments)
    long = "3 mai 1998 " * 40
    assert "has 439 characters and dates_bahdanau was made for at most 48: shorten" in refused(1, "viz", command, long)
    assert "has never seen '☃' (U+2603): remove or replace it" in refused(1, "viz", command, "3 mai ☃ 1998")
    assert "has never seen" in refused(1, "viz", command, "\udcff")  # a byte that is no UTF-8


def test_a_text_that_predict_cannot_read(refused: Refused) -> None:
    assert "is empty" in refused(1, "predict", "")
    assert "is empty" in refused(1, "predict", "3 mai 1998", "")
    assert "at most 48" in refused(1, "predict", "1" * 300)
    assert "never seen '☃'" in refused(1, "predict", "3 mai 1998", "☃ 1")
    assert "give a text for dates_bahdanau to read, or -" in refused(2, "predict", "dates_bahdanau")
    assert "Missing argument" in refused(2, "predict")


def test_standard_input_that_is_no_text(refused: Refused) -> None:
    for command in (["predict"], ["viz", "attention"], ["viz", "gates", "dates_bahdanau"]):
        assert "is not UTF-8 text (byte 4): convert it first" in refused(1, *command, "-", input=b"3 ma\xef 1998")
    assert "standard input is empty" in refused(1, "predict", "-", input=" \n\n")
    assert "is empty" in refused(1, "viz", "attention", "-", input="")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_cannot_be_written(refused: Refused, command: str) -> None:
    """Known before the model is loaded."""
    for name in ("picture.gif", "picture", "png", ".png", ""):
        assert "must end in .png, .svg, .pdf or .html" in refused(2, "viz", command, "-o", name)
    assert "must end in .npz or .json" in refused(2, "viz", command, "--data", "data.csv")
    for option, name in (("-o", "new/x.png"), ("--data", "new/x.npz")):
        assert "there is no folder" in refused(1, "viz", command, option, name)
    assert "is a file, not a folder" in refused(1, "viz", command, "-o", "taken.npz/x.png")
    assert "it is a folder; give a file name in it" in refused(1, "viz", command, "-o", "folder.png")
    assert "x.png" in refused(1, "viz", command, "-o", "/proc/x.png")
    assert "name too long" in refused(1, "viz", command, "-o", "y" * 300 + ".png")


def test_a_disk_that_is_full(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture that stood there before stands there still."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    result = cli_cases.run("viz", "attention", "3 mai 1998", "-q", "-o", "taken.png")
    assert (result.exit_code, result.stdout) == (1, "")
    assert _error(result) == "Error: cannot write taken.png: No space left on device"
    assert Path("taken.png").read_bytes() == b"mine: taken.png"
    assert not list(Path().glob(".*"))


@pytest.mark.parametrize("command", COMMANDS)
def test_damaged_files_of_the_model(refused: Refused, command: str) -> None:
    zoo_cases.small(3).save("mine")
    weights = Path("mine/weights.npz").read_bytes()
    Path("mine/weights.npz").write_bytes(weights[:-9])
    assert "weights.npz is damaged: its SHA-256 is" in refused(1, "viz", command, "mine")
    Path("mine/weights.npz").write_bytes(weights[:500] + bytes([weights[500] ^ 1]) + weights[501:])
    assert "weights.npz is damaged" in refused(1, "viz", command, "mine", "3 mai 1998")
    Path("mine/weights.npz").unlink()
    assert "cannot read mine/weights.npz" in refused(1, "viz", command, "mine")
    Path("mine/card.json").write_text("{")
    assert "cannot be read as JSON" in refused(1, "viz", command, "mine")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_keras_model_without_the_layer(refused: Refused, command: str) -> None:
    kind = "an attention" if command == "attention" else "a recurrent"
    error = refused(1, "viz", command, "dense.keras", "--input", "flat.npy")
    assert f"expected one with {kind} layer" in error
    assert "dense" in error


def test_a_layer_that_is_not_there(refused: Refused) -> None:
    keras_model = ["tagger.keras", "--input", "steps.npy"]
    assert "one of both, top; received 'bot'" in refused(1, "viz", "gates", *keras_model, "--layer", "bot")
    assert "one of top, both; received 'topp'" in refused(1, "viz", "gradients", *keras_model, "--layer", "topp")
    assert "one of encoder, decoder" in refused(1, "viz", "gates", "1998-5-3", "--layer", "encode")
    assert "one of decoder; received 'encoder'" in refused(1, "viz", "attention", "1998-5-3", "--layer", "encoder")
    assert "received ''" in refused(1, "viz", "gates", *keras_model, "--layer", "")


def test_a_keras_model_and_its_input(refused: Refused) -> None:
    assert "takes arrays: give a batch with --input" in refused(2, "viz", "gates", "lstm.keras")
    assert "has no text handling of its own" in refused(2, "viz", "gates", "lstm.keras", "3 mai 1998")
    assert "--input is for .keras files" in refused(2, "viz", "gates", "--input", "steps.npy")
    assert "--input is for .keras files" in refused(2, "viz", "gates", "dates_bahdanau", "--input", "steps.npy")
    assert "must end in .npy or .npz" in refused(2, "viz", "gates", "lstm.keras", "--input", "steps.csv")
    assert "cannot read gone.npy: No such file" in refused(1, "viz", "gates", "lstm.keras", "--input", "gone.npy")


@pytest.mark.parametrize(
    ("model", "name", "message"),
    [
        ("lstm", "empty.npy", "empty.npy holds no arrays: write it with numpy.save"),
        ("lstm", "text.npy", "text.npy holds no arrays"),
        ("lstm", "cut.npy", "cut.npy holds no arrays"),
        ("lstm", "objects.npy", "objects.npy holds no arrays"),
        ("pair", "cut.npz", "cut.npz holds no arrays"),
        ("pair", "none.npz", "none.npz must hold arrays of numbers"),
        ("lstm", "words.npy", "expected steps of shape (any, any, 4), received (1, 2)"),
        ("lstm", "flat.npy", "expected steps of shape (any, any, 4), received (3, 4)"),
        ("lstm", "no rows.npy", "at least one row and one step, received shape (0, 7, 4)"),
        ("lstm", "no steps.npy", "at least one row and one step, received shape (3, 0, 4)"),
        ("pair", "steps.npy", "expected 2 (query (any, any, 4), key (any, any, 4)), received 1"),
        ("lstm", "pair.npz", "expected 1 (steps (any, any, 4)), received 2"),
        ("scorer", "halves.npy", "expected whole numbers (int32) for ids"),
        ("scorer", "large ids.npy", "cannot be drawn with this input: "),
    ],
)
def test_arrays_that_do_not_fit(refused: Refused, model: str, name: str, message: str) -> None:
    assert message in refused(1, "viz", "gates", f"{model}.keras", "--input", name)


def test_steps_rows_and_targets_out_of_range(refused: Refused) -> None:
    tagger, scorer = ["tagger.keras", "--input", "steps.npy"], ["scorer.keras", "--input", "ids.npy"]
    for at in ("7", "-8"):
        assert f"from 0 to 6 (or from -1 back), received {at}" in refused(1, "viz", "gradients", *tagger, "--at", at)
    assert "from 0 to 9" in refused(1, "viz", "gradients", "3 mai 1998", "--at", "10")
    assert "no step 1 to choose" in refused(1, "viz", "gradients", *scorer, "--at", "1")
    assert "is not a valid integer" in refused(2, "viz", "gradients", "--at", "last")
    for target in ("nan", "inf", "-inf", "much", "", "1e999"):
        error = refused(2, "viz", "gradients", *scorer, "--target", target)
        assert "is neither a number nor an .npy file" in error
    assert "cannot read gone.npy" in refused(1, "viz", "gradients", *scorer, "--target", "gone.npy")
    assert "empty.npy holds no arrays" in refused(1, "viz", "gradients", *scorer, "--target", "empty.npy")
    assert "expected 2 rows" in refused(1, "viz", "gradients", *scorer, "--target", "classes.npy")
    assert "not compiled with a loss" in refused(
        1, "viz", "gradients", "lstm.keras", "--input", "steps.npy", "--target", "1"
    )
    assert "can produce only '0123456789-'" in refused(1, "viz", "gradients", "--target", "5 mai")
    assert "is not in the range x>=0" in refused(2, "viz", "gates", *tagger, "--row", "-1")


def test_a_row_that_is_not_there(refused: Refused) -> None:
    result = cli_cases.run("viz", "gates", "tagger.keras", "--input", "steps.npy", "--row", "3", "-q")
    assert result.exit_code == 2
    assert "--row 3: the batch has 3 rows, numbered from 0" in _error(result)


def rezipped(path: Path, **changes: bytes | None) -> bytes:
    """A .keras file with entries replaced (`config_json` for config.json), or left out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = changes.get(name.replace(".", "_"), old.read(name))
            if data is not None:
                new.writestr(name, data)
    return buffer.getvalue()


def test_a_keras_file_that_is_damaged(refused: Refused) -> None:
    """Cut, emptied, with parts missing or changed: never a traceback, whatever Keras raises."""
    whole = Path("tagger.keras").read_bytes()
    config = zipfile.ZipFile("tagger.keras").read("config.json")
    weights = zipfile.ZipFile("tagger.keras").read("model.weights.h5")
    rng = np.random.default_rng(8)
    for data in (b"", b"not a model", whole[: len(whole) // 2], whole[:-30], weights, b"PK\x03\x04"):
        Path("bad.keras").write_bytes(data)
        error = refused(1, "viz", "gates", "bad.keras", "--input", "steps.npy")
        assert "bad.keras is not a whole .keras file: save the model again" in error
    cases = [{"config_json": part} for part in (None, b"", b"{", b"[]", b"{}", b"null", b"\xff", config[:-40])]
    cases += [{"model_weights_h5": part} for part in (None, b"", b"HDF", weights[:-100], bytes(len(weights)))]
    for _ in range(8):
        at = int(rng.integers(len(config)))
        cases.append({"config_json": config[:at] + bytes([rng.integers(128)]) + config[at + 1 :]})
        noise = bytearray(weights)
        for at in rng.integers(0, 2000, 20):
            noise[at] = rng.integers(256)
        cases.append({"model_weights_h5": bytes(noise)})
    failed = 0
    for changes in cases:
        Path("bad.keras").write_bytes(rezipped(Path("tagger.keras"), **changes))
        result = cli_cases.run("viz", "gates", "bad.keras", "--input", "steps.npy", "--layer", "top", "-q")
        if result.exit_code:
            assert result.exit_code == 1
            assert _error(result)
            failed += 1
    assert failed >= 13


def test_a_keras_file_with_a_class_nobody_knows(refused: Refused) -> None:
    config = json.loads(zipfile.ZipFile("lstm.keras").read("config.json"))
    config["config"]["layers"][1] |= {"module": "my.own", "class_name": "Odd", "registered_name": "mine>Odd"}
    Path("bad.keras").write_bytes(rezipped(Path("lstm.keras"), config_json=json.dumps(config).encode()))
    error = refused(1, "viz", "gates", "bad.keras", "--input", "steps.npy")
    assert "bad.keras cannot be loaded" in error
    assert "Odd" in error


def test_code_in_a_keras_file_is_not_run(refused: Refused) -> None:
    """A lambda is code; Keras refuses it unless it is told otherwise, and nobody tells it."""
    model = keras.Sequential(
        [keras.Input((None, 4)), keras.layers.Lambda(lambda x: (Path("harm").touch(), x)[1]), keras.layers.LSTM(2)]
    )
    Path("harm").unlink()
    model.save("bad.keras")
    error = refused(1, "viz", "gates", "bad.keras", "--input", "steps.npy")
    assert "bad.keras cannot be loaded" in error
    assert not Path("harm").exists()


def test_exports_that_cannot_be_written(refused: Refused) -> None:
    zoo_cases.small(3).save("mine")
    assert "Missing option '-o'" in refused(2, "export", "mine")
    assert "'onnx' is not one of" in refused(2, "export", "mine", "-o", "new", "--format", "onnx")
    assert "'folder.png' exists: choose another path" in refused(1, "export", "mine", "-o", "folder.png")
    assert "'taken.keras' exists" in refused(1, "export", "mine", "-o", "taken.keras", "--format", "keras")
    assert "must end in .keras" in refused(1, "export", "mine", "-o", "new.h5", "--format", "keras")
    assert "cannot write 'taken.png/new': 'taken.png' is no folder" in refused(
        1, "export", "mine", "-o", "taken.png/new"
    )


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["viz", "nonsense"], ["zoo", "nonsense"], ["viz", "gates", "--no"]]
)
def test_commands_and_options_that_are_none(refused: Refused, arguments: list[str]) -> None:
    assert "No such" in refused(2, *arguments)
