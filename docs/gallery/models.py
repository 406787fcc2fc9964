"""The small Keras models of the gallery: one that is well and one that is not, made alike but for what is named.

Nothing here is of kerasrnn but the monitor: these are the models that anybody has. All is seeded; `make_models`
takes about a minute on two cores.
"""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasrnn import viz

LATCH_STEPS, LATCH_UNITS = 40, 24
SYMBOLS, SOURCE = 12, 8
DATES = """\
5 de agosto de 2026
17 de agosto de 1999
Wednesday, 19 August 2015
12 août 2003
3 mai 1998
21 de marzo de 2011
4 septembre 2019
Sunday, 7 July 1974
30 de novembro de 2008
8. August 1987
1 de agosto de 1931
Thursday, 2 May 2024
"""


def make_models(folder: Path) -> None:
    """Write the models, inputs and logs that the commands of docs/gallery.md name into a folder."""
    (folder / "dates.txt").write_text(DATES, encoding="utf-8")
    latches(folder)
    reaches(folder)
    lookups(folder)


def latches(folder: Path) -> None:
    """An LSTM at two learning rates.

    It reads noise and, at some steps, a mark; the target of each step is the sign of the noise at the last mark. So a
    unit has to keep a value, and to replace it at a mark.
    """
    generator = np.random.default_rng(1)
    noise = generator.uniform(-1, 1, (512, LATCH_STEPS))
    marks = generator.random((512, LATCH_STEPS)) < 0.12
    marks[:, 0] = True
    last = np.maximum.accumulate(np.where(marks, np.arange(LATCH_STEPS), 0), axis=1)  # (b, t)
    x = np.stack([noise, marks], axis=-1).astype("float32")
    y = (np.take_along_axis(noise, last, axis=1) > 0).astype("float32")[..., None]
    np.save(folder / "marks.npy", x[-32:])
    np.save(folder / "marks_target.npy", y[-32:])
    for name, rate in (("latch", 0.01), ("latch_fast", 1.0)):
        keras.utils.set_random_seed(3)
        model = keras.Sequential(
            [
                keras.Input((LATCH_STEPS, 2)),
                keras.layers.LSTM(LATCH_UNITS, return_sequences=True, name="lstm"),
                keras.layers.Dense(1, activation="sigmoid", name="sign"),
            ],
            name=name,
        )
        model.compile(viz.watch(keras.optimizers.Adam(rate, clipnorm=1.0)), "binary_crossentropy", metrics=["accuracy"])
        monitor = viz.GateMonitor((x[-32:], y[-32:]), every=40, path=folder / f"{name}.jsonl")
        first = _Save(folder / f"{name}_early.keras")
        _fit(model, x[:-64], y[:-64], epochs=40, callbacks=[monitor, first])
        right = ((model.predict(x[-64:], verbose=0) > 0.5) == (y[-64:] > 0.5))[..., 0]
        since = np.arange(LATCH_STEPS) - last[-64:]
        lines = [
            json.dumps({"length": int(age), "correct": bool(good)})
            for age, good in zip(since.ravel(), right.ravel(), strict=True)
            if age < 20  # few are older
        ]
        (folder / f"{name}_since.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        model.save(folder / f"{name}.keras")


def reaches(folder: Path) -> None:
    """Who can learn from what stood 60 steps ago: an LSTM that begins by keeping, and a SimpleRNN that cannot.

    Neither is trained: what is wrong is there before the first update, and that is when it is seen best.
    """
    generator = np.random.default_rng(2)
    np.save(folder / "noise.npy", generator.normal(size=(16, 60, 4)).astype("float32"))
    keeping = np.zeros(4 * 32, "float32")
    keeping[32:64] = 4.0  # Keras' order: input, forget, candidate, output
    layers = {
        "keeps": keras.layers.LSTM(
            32, bias_initializer=keras.initializers.Constant(keeping), unit_forget_bias=False, name="rnn"
        ),
        "fades": keras.layers.SimpleRNN(32, recurrent_initializer=keras.initializers.Orthogonal(0.7), name="rnn"),
    }
    for name, layer in layers.items():
        keras.utils.set_random_seed(4)
        model = keras.Sequential([keras.Input((60, 4)), layer, keras.layers.Dense(1, name="score")], name=name)
        model.compile("adam", "mse")
        model.save(folder / f"{name}.keras")


def lookups(folder: Path) -> None:
    """An encoder and a decoder with attention, at two learning rates.

    The source is a row of different symbols; the decoder is given symbols of it, and answers each with the symbol that
    follows it in the source. So it has to look where the symbol stands.
    """
    generator = np.random.default_rng(5)
    source = np.argsort(generator.random((4096, SYMBOLS)), axis=1)[:, : SOURCE + 1]
    asked = np.argsort(generator.random((4096, SOURCE)), axis=1)  # places; the last has no follower
    query = np.take_along_axis(source, asked, axis=1)
    answer = np.take_along_axis(source, asked + 1, axis=1)
    np.savez(folder / "questions.npz", source=source[-8:].astype("int32"), query=query[-8:].astype("int32"))
    for name, rate, epochs in (("lookup", 0.005, 12), ("lookup_fast", 0.5, 12)):
        keras.utils.set_random_seed(6)
        read = keras.Input((SOURCE + 1,), dtype="int32", name="source")
        question = keras.Input((SOURCE,), dtype="int32", name="query")
        symbols = keras.layers.Embedding(SYMBOLS, 32, name="symbols")
        encoded = keras.layers.Bidirectional(keras.layers.GRU(32, return_sequences=True), name="encoder")(symbols(read))
        asks = keras.layers.GRU(64, return_sequences=True, name="decoder")(symbols(question))
        found = keras.layers.AdditiveAttention(name="attention")([asks, encoded])
        both = keras.layers.Concatenate(name="both")([asks, found])
        said = keras.layers.Dense(SYMBOLS, activation="softmax", name="answer")(both)
        model = keras.Model([read, question], said, name=name)
        model.compile(
            keras.optimizers.Adam(rate, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        _fit(model, [source[:-64], query[:-64]], answer[:-64], epochs=epochs)
        _, right = model.evaluate([source[-64:], query[-64:]], answer[-64:], verbose=0)
        print(f"{name}: {right:.1%} of the answers to 64 other sources are right")
        model.save(folder / f"{name}.keras")


class _Save(keras.callbacks.Callback):
    """Save the model after its first epoch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 0:
            self.model.save(self.path)


def _fit(model: Any, x: Any, y: Any, **options: Any) -> None:
    history = model.fit(x, y, batch_size=64, verbose=0, **options)
    last = {key: round(values[-1], 4) for key, values in history.history.items()}
    print(f"{model.name}: {last}")
