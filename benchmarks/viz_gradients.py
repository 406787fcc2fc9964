"""How long gradients take to capture, and what watching costs a training: rows of `python -m benchmarks.viz`.

BPTT norms are compared with a training step of the same model on the same batch, in turns; the Jacobian has seconds;
the monitor has its share of the time that a training takes, at its default pace, its first and dearest measurement
included.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.timing import in_turns

Row = tuple[str, float, float, str, str]  # name, value, limit, unit, remark


def bptt(rounds: int, smoke: bool) -> list[Row]:
    """BPTT norms of an LSTM, in training steps of the model."""
    import keras
    import numpy as np

    from kerasrnn.viz import capture_gradients

    batch, steps, units = (2, 30, 8) if smoke else (64, 200, 256)
    x = np.random.default_rng(1).standard_normal((batch, steps, units)).astype("float32")
    y = np.arange(batch) % 4
    inputs = keras.Input((None, units))
    model = keras.Model(inputs, keras.layers.Dense(4, "softmax")(keras.layers.LSTM(units)(inputs)))
    model.compile("adam", "sparse_categorical_crossentropy")
    runs: dict[str, Any] = {
        "training step": lambda: model.train_on_batch(x, y),
        "capture": lambda: capture_gradients(model, x),
    }
    taken = {name: statistics.median(seconds) for name, seconds in in_turns(runs, rounds).items()}
    remark = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in taken.items())
    ratio = taken["capture"] / taken["training step"]
    return [(f"BPTT norms of an LSTM ({batch}, {steps}, {units})", ratio, 3, "training steps", remark)]


def jacobian(_: int, smoke: bool) -> list[Row]:
    """All outputs by all inputs of one sequence, once."""
    import keras
    import numpy as np

    from kerasrnn.viz import capture_jacobian

    steps, units = (12, 8) if smoke else (200, 128)
    ids = keras.Input((None,), dtype="int32")
    h = keras.layers.LSTM(units, return_sequences=True)(keras.layers.Embedding(50, 64)(ids))
    model = keras.Model(ids, keras.layers.Dense(50, "softmax")(h))
    x = np.random.default_rng(1).integers(0, 50, (1, steps))
    started = time.perf_counter()
    capture_jacobian(model, x)
    return [(f"Jacobian of {steps} steps, LSTM({units})", time.perf_counter() - started, 10, "s", "the first call")]


def monitor(_: int, smoke: bool) -> list[Row]:
    """The share of a training that `GateMonitor` takes at its default pace."""
    import keras
    import numpy as np

    from kerasrnn.viz import GateMonitor, watch

    batch, steps, units, seconds = (4, 30, 8, 2) if smoke else (32, 100, 128, 90)
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 50, (16 * batch, steps)), rng.integers(0, 2, 16 * batch)
    ids = keras.Input((None,), dtype="int32")
    h = keras.layers.LSTM(units)(keras.layers.Embedding(50, 64)(ids))
    model = keras.Model(ids, keras.layers.Dense(1, "sigmoid")(h))
    model.compile(watch(keras.optimizers.Adam(clipnorm=1.0)), "binary_crossentropy")
    model.fit(x[:batch], y[:batch], batch_size=batch, verbose=0)  # traced
    with tempfile.TemporaryDirectory() as folder:
        watching = GateMonitor((x[:16], y[:16]), path=Path(folder) / "run.jsonl")
        started = time.perf_counter()
        stop = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: setattr(
                model, "stop_training", time.perf_counter() - started > seconds
            )
        )
        model.fit(x, y, batch_size=batch, epochs=10_000, verbose=0, callbacks=[watching, stop])
        total = time.perf_counter() - started
    remark = f"{watching.spent:.2f} s of {total:.0f} s"
    return [("GateMonitor at its default pace", 100 * watching.spent / total, 5, "%", remark)]


GROUPS = [bptt, jacobian, monitor]
