"""What the tests of the command line share: a runner, and models of Keras with arrays to feed them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result

from kerasrnn.cli import main

Run = Callable[..., Result]


def run(*arguments: Any, input: str | bytes | None = None) -> Result:
    """Run the command line in this process; only an exit is an outcome, any other exception is a failure."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=input, prog_name="kerasrnn")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def ok(*arguments: Any, input: str | bytes | None = None) -> Result:
    """Run a command that must succeed."""
    result = run(*arguments, input=input)
    assert result.exit_code == 0, result.stderr
    return result


def data_of(path: Path) -> dict[str, Any]:
    """What `--data` wrote, the same from either format."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    found = json.loads(path.read_text("utf-8"))
    arrays = {name: np.array(values, float) for name, values in found.pop("arrays").items()}
    return arrays | {name: np.array(value) for name, value in found.items() if name != "about"}


def write_models(folder: Path) -> None:
    """Small models of Keras, saved, and a batch for each."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(4)
    rng = np.random.default_rng(4)
    x = rng.standard_normal((3, 7, 4)).astype("float32")

    def save(name: str, model: keras.Model) -> None:
        model.save(folder / f"{name}.keras")

    steps = keras.Input((None, 4), name="steps")
    save("lstm", keras.Model(steps, layers.Dense(2, "softmax")(layers.LSTM(5, name="reader")(steps))))
    two = layers.Bidirectional(layers.GRU(5, return_sequences=True), name="both")(steps)
    tagger = keras.Model(steps, layers.Dense(3, "softmax")(layers.SimpleRNN(2, return_sequences=True, name="top")(two)))
    tagger.compile("adam", "sparse_categorical_crossentropy")
    save("tagger", tagger)
    ids = keras.Input((None,), dtype="int32", name="ids")
    embedded = layers.Embedding(9, 4, mask_zero=True)(ids)
    scorer = keras.Model(ids, layers.Dense(1, "sigmoid")(layers.GRU(5, name="reader")(embedded)))
    scorer.compile("adam", "binary_crossentropy")
    save("scorer", scorer)
    query, key = keras.Input((None, 4), name="query"), keras.Input((None, 4), name="key")
    attended = layers.AdditiveAttention(name="look")(
        [layers.LSTM(6, return_sequences=True)(query), layers.Dense(6)(key)]
    )
    save("pair", keras.Model([query, key], attended))
    save("dense", keras.Sequential([keras.Input((4,)), layers.Dense(3)]))

    np.save(folder / "steps.npy", x)
    np.savez(folder / "steps.npz", anything=x)
    np.save(folder / "flat.npy", x[:, 0])
    np.save(folder / "ids.npy", np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]]))
    np.savez(folder / "pair.npz", key=x[:, :5], query=x)  # not in the order of the model
    np.savez(folder / "ordered.npz", x, x[:, :5])
    np.save(folder / "classes.npy", rng.integers(0, 3, (3, 7)))


def refused_training(code: int, *arguments: Any) -> str:
    """The line of an error after nothing but progress."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    *said, line = result.stderr.splitlines()
    assert all(" training and " in each or each.startswith(("round", "resumed")) for each in said), said
    assert line.startswith("Error: ")
    assert "Traceback" not in result.stderr
    return line
