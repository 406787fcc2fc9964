"""What happens inside while a model trains: figures on a probe batch, and of its optimizer, to a log."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasrnn._files import check_writable, write_bytes_atomically
from kerasrnn.viz.capture.inputs import checked_inputs
from kerasrnn.viz.capture.probe import probe_figures
from kerasrnn.viz.gradient_watch import watch_of

_BUDGET = 0.03  # of the time of training, for measurements at the default pace
_BRIEF = 10  # batches from one line without measurements to the next, at the default pace


class GateMonitor(keras.callbacks.Callback):
    """A callback that writes to a log what the gates of a model do while it trains, and where gradients vanish.

    Every measurement runs the model once on the probe, forth and back, outside of training: nothing of the training
    changes by it. `kerasrnn viz training run.jsonl` draws the log.

    Each line is a JSON object with `step` (the optimizer's iterations), `epoch`, `seconds`, and what `fit` reports
    (`loss` and so on; after an epoch also `val_loss`). A line of a measurement has the figures of `probe_figures`:
    saturation by gate, stuck gates, dead units, gradient norms by gate and by step. With an optimizer given to `watch`
    every line has its gradient norms and the share of updates that were clipped.

    Args:
        probe: a batch of inputs, or a tuple of inputs and targets. 8 to 32 rows are enough, and all of them are run.
        every: measure after each so many batches. None, the default, measures after the first batch and then so often
            that all measurements together take at most 3 % of the time.
        path: the log, `.jsonl`.
        layers: names of the recurrent layers; by default all.
        append: go on with the log that is there, as a resumed training does, instead of beginning a new one.
        tensorboard: a folder for TensorBoard's event files, which get every number too.

    Raises:
        ValueError: `every` is no whole number above 0, or a file name with another suffix.
        OSError: a log that cannot be written.

    Example:

    >>> import json, keras, numpy as np, tempfile
    >>> from kerasrnn.viz import GateMonitor, watch
    >>> x, y = np.random.default_rng(0).standard_normal((32, 7, 3)), np.arange(32) % 2
    >>> model = keras.Sequential([keras.Input((None, 3)), keras.layers.GRU(4), keras.layers.Dense(2, "softmax")])
    >>> model.compile(watch(keras.optimizers.Adam(clipnorm=1.0)), "sparse_categorical_crossentropy")
    >>> monitor = GateMonitor((x[:8], y[:8]), every=2, path=tempfile.mkdtemp() + "/run.jsonl")
    >>> _ = model.fit(x, y, batch_size=8, epochs=1, verbose=0, callbacks=[monitor])
    >>> lines = map(json.loads, monitor.path.read_text().splitlines())
    >>> [line["step"] for line in lines if "probe_loss" in line]
    [2, 4]
    """

    def __init__(
        self,
        probe: Any,
        *,
        every: int | None = None,
        path: str | os.PathLike[str] = "training.jsonl",
        layers: Sequence[str] | None = None,
        append: bool = False,
        tensorboard: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise ValueError(f"every: expected a whole number of batches above 0, or None; received {every!r}")
        self.path = Path(path)
        if self.path.suffix.lower() != ".jsonl":
            raise ValueError(f"path: expected a file name ending in .jsonl, received {os.fspath(path)!r}")
        check_writable(self.path)
        both = isinstance(probe, tuple) and len(probe) == 2
        self._inputs: Any = probe[0] if both else probe
        self._target: Any = probe[1] if both else None
        self.every, self._layers, self._append = every, layers, append
        self._writer = None if tensorboard is None else _Writer(os.fspath(tensorboard))
        self.spent = 0.0  # seconds that measurements took
        self._cost = 0.0  # of the latest one
        self._began = self._marked = 0.0
        self._batches = 0
        self._epoch = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        checked_inputs(self.model, self._inputs)
        self._began, self.spent, self._cost, self._batches = time.perf_counter(), 0.0, 0.0, 0
        kept = self.path.read_bytes() if self._append and self.path.exists() else b""
        write_bytes_atomically(self.path, kept[: kept.rfind(b"\n") + 1])  # without a line that a crash cut short

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches += 1
        if self._due():
            self._write(logs, self._measured())
        elif self.every is None and self._batches % _BRIEF == 0:
            self._write(logs, {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._write(logs, {})

    def _due(self) -> bool:
        if self.every is not None:
            return self._batches % self.every == 0
        elapsed = time.perf_counter() - self._began
        return self._batches == 1 or self.spent + self._cost <= _BUDGET * elapsed

    def _measured(self) -> dict[str, Any]:
        began = time.perf_counter()
        figures = probe_figures(self.model, self._inputs, self._target, layers=self._layers)
        self._cost = time.perf_counter() - began
        self.spent += self._cost
        return figures

    def _write(self, logs: dict[str, Any] | None, figures: dict[str, Any]) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        step = self._batches if optimizer is None else int(optimizer.iterations)
        seconds = round(time.perf_counter() - self._began, 3)
        line: dict[str, Any] = {"step": step, "epoch": self._epoch, "seconds": seconds}
        line |= {name: float(np.asarray(value)) for name, value in (logs or {}).items() if np.ndim(value) == 0}
        watching = watch_of(optimizer)
        line |= watching.read() if watching is not None else {}
        line = {name: _short(value) for name, value in (line | figures).items()}
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line, ensure_ascii=False) + "\n")
        if self._writer is not None:
            self._writer.write(line, step)


class _Writer:
    """TensorBoard's event files; TensorFlow writes them without TensorBoard."""

    def __init__(self, folder: str) -> None:
        import tensorflow as tf

        self._writer = tf.summary.create_file_writer(folder)
        data = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        self._metadata = tf.compat.v1.SummaryMetadata(plugin_data=data, data_class=1)  # 1: scalar

    def write(self, line: dict[str, Any], step: int) -> None:
        import tensorflow as tf

        with self._writer.as_default():
            for name, value in line.items():
                if isinstance(value, float):
                    tf.summary.write(name, tf.constant(value, tf.float32), step, self._metadata)
        self._writer.flush()


def _short(value: Any) -> Any:
    """A number with six digits; what JSON cannot hold as None."""
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
