"""What the layers promise beyond speed on dense batches, each measured against what it is a promise about."""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks import peers, timing
from kerasrnn import layers

Row = dict[str, Any]


def measure(smoke: bool) -> list[Row]:
    rounds = 1 if smoke else 9
    rows: list[Row] = []
    for part in (variants, padding, linear_cells, streaming, first_calls, stacks, other_masks, lengths, long_sequences):
        rows += part(smoke, rounds)
        print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return rows


def text(rows: list[Row], smoke: bool = False) -> str:
    """A table; sizes for a smoke test say nothing about what is wanted."""
    body = []
    for row in rows:
        fits = row["value"] <= row["limit"] if row["most"] else row["value"] >= row["limit"]
        sign = "at most" if row["most"] else "at least"
        body.append(
            [
                row["name"],
                f"{row['value']:.2f}",
                f"{sign} {row['limit']:g}",
                "-" if smoke else "ok" if fits else "NOT REACHED",
            ]
        )
    return timing.table(["", "measured", "wanted", ""], body)


def row(name: str, value: float, limit: float, most: bool = True) -> Row:
    return {"name": name, "value": value, "limit": limit, "most": most}


def _ratio(runs: dict[str, Callable[[], Any]], rounds: int) -> float:
    """The time of the first over that of the second."""
    first, second = timing.median_ms(timing.in_turns(runs, rounds)).values()
    return first / second


def _input(*shape: int) -> Any:
    return tf.constant(np.random.default_rng(0).standard_normal(shape), tf.float32)


def variants(smoke: bool, rounds: int) -> list[Row]:
    batch, steps, units = (2, 4, 3) if smoke else (32, 128, 128)
    x = _input(batch, steps, units)
    rows = []
    for kind in ("LayerNormLSTM", "PeepholeLSTM"):
        other = peers.compiled(getattr(layers, kind)(units, return_sequences=True), x, True)
        lstm = peers.compiled(layers.LSTM(units, return_sequences=True), x, True)
        rows.append(row(f"{kind} over LSTM, training", _ratio({"other": other, "lstm": lstm}, rounds), 1.4))
    both = peers.compiled(layers.Bidirectional(layers.LSTM(units, return_sequences=True)), x, True)
    one = peers.compiled(layers.LSTM(units, return_sequences=True), x, True)
    rows.append(row("Bidirectional over one direction, training", _ratio({"both": both, "one": one}, rounds), 1.9))
    return rows


def padding(smoke: bool, rounds: int) -> list[Row]:
    """Lengths spread evenly from 1 to all steps: half of the batch is padding."""
    rows = []
    for batch, steps, units in [(4, 6, 3)] if smoke else [(32, 128, 128), (32, 512, 256)]:
        x = _input(batch, steps, units)
        spread = np.random.default_rng(0).permutation(np.linspace(1, steps, batch).round())
        mask = tf.constant(np.arange(steps) < spread[:, None])
        padded = peers.compiled(layers.LSTM(units, return_sequences=True), x, True, mask=mask)
        dense = peers.compiled(layers.LSTM(units, return_sequences=True), x, True)
        ratio = _ratio({"padded": padded, "dense": dense}, rounds)
        rows.append(row(f"half padding over dense, {batch}x{steps}x{units}, training", ratio, 0.65))
    return rows


def linear_cells(smoke: bool, rounds: int) -> list[Row]:
    batch, steps, units = (2, 40, 3) if smoke else (16, 2048, 64)
    x = _input(batch, steps, units)
    rows = []
    for kind in ("MinGRU", "MinLSTM"):
        lstm = peers.compiled(layers.LSTM(units, return_sequences=True), x, True)
        other = peers.compiled(getattr(layers, kind)(units, return_sequences=True), x, True)
        ratio = _ratio({"lstm": lstm, "other": other}, rounds)
        rows.append(row(f"LSTM over {kind}, {steps} steps, training", ratio, 4.0, most=False))
    return rows


def streaming(smoke: bool, rounds: int) -> list[Row]:
    """One sequence, step by step and in chunks of 32, next to a stateful model of Keras."""
    units, chunk, total = (4, 8, 64) if smoke else (256, 32, 100_000)
    model = keras.Sequential([keras.Input(batch_shape=(1, 1, units)), keras.layers.LSTM(units, stateful=True)])
    one = np.zeros((1, 1, units), "float32")
    layer = layers.LSTM(units, return_sequences=True, return_state=True)
    layer.build((1, None, units))
    step = layer.compiled_step()
    many = tf.function(lambda x, states: layer(x, initial_state=states))
    states = [tf.zeros((1, units))] * 2
    x_t, x_chunk = tf.zeros((1, units)), tf.zeros((1, chunk, units))
    runs = {
        "keras": lambda: model.predict_on_batch(one),
        "step": lambda: step(x_t, states)[0].numpy(),
        "chunk": lambda: many(x_chunk, states)[0].numpy(),
    }
    ms = timing.median_ms(timing.in_turns(runs, rounds))
    before = _resident()
    for _ in range(total // chunk):
        _, *states = many(x_chunk, states)
    states[0].numpy()
    grown = (_resident() - before) / 2**20
    return [
        row("stateful predict_on_batch of Keras over one step", ms["keras"] / ms["step"], 2.0, most=False),
        row(f"the same over a step in chunks of {chunk}", ms["keras"] / (ms["chunk"] / chunk), 10.0, most=False),
        row(f"growth over {total} steps in chunks, MiB", grown, 8.0),
    ]


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def first_calls(smoke: bool, rounds: int) -> list[Row]:
    """From an input of a new shape to the first gradient, in a function that was traced for any shape."""
    sizes = [(2, 5), (3, 7)] if smoke else [(32, 100), (24, 300), (7, 50)]
    units = 4 if smoke else 128
    rows = []
    for masked in (False, True):
        step = _any_shape(_alone(units), units, masked)
        step(_input(4, 16, units))
        taken = []
        for batch, length in sizes:
            x = _input(batch, length, units)
            started = time.perf_counter()
            step(x)
            taken.append(time.perf_counter() - started)
        name = f"first call of a new shape{' with a mask' if masked else ''}, training, s (the slowest of several)"
        rows.append(row(name, max(taken), 2.0))
    return rows


def stacks(smoke: bool, rounds: int) -> list[Row]:
    """The first step of four layers that are alike over that of one: they share what is compiled."""
    batch, length = (2, 5) if smoke else (32, 100)
    taken = []
    for units, count in ((5, 1), (6, 4)) if smoke else ((120, 1), (136, 4)):  # nothing of either has been compiled
        model = keras.Sequential([layers.LSTM(units, return_sequences=True) for _ in range(count)])
        step = peers.compiled(model, _input(batch, length, units), True)
        started = time.perf_counter()
        step()
        taken.append(time.perf_counter() - started)
    return [row("first step of four layers that are alike over that of one, training", taken[1] / taken[0], 2.0)]


def _any_shape(layer: Any, features: int, masked: bool = False) -> Callable[[Any], Any]:
    layer.build((None, None, features))

    @tf.function(input_signature=[tf.TensorSpec((None, None, features), tf.float32)])
    def step(x: Any) -> Any:
        rows, length = tf.unstack(tf.shape(x)[:2])
        mask = tf.sequence_mask(1 + tf.range(rows) * length // rows, length) if masked else None
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, mask=mask, training=True) ** 2)
        return tape.gradient(loss, [x, *layer.trainable_variables])

    return step


def other_masks(smoke: bool, rounds: int) -> list[Row]:
    """Ten batches with ten masks beside ten with one mask, after a first batch: what a mask holds compiles nothing."""
    batch, length = (8, 5) if smoke else (64, 64)
    rows = []
    for units in (4,) if smoke else (32, 256):
        rng = np.random.default_rng(0)
        layer = layers.LSTM(units)
        layer.build((None, None, units))

        @tf.function(input_signature=[tf.TensorSpec((None, None, units)), tf.TensorSpec((None, None), tf.bool)])
        def step(x: Any, mask: Any, layer: Any = layer) -> Any:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(x, mask=mask, training=True) ** 2)
            return tape.gradient(loss, layer.trainable_variables)[0]

        x = _input(batch, length, units)
        masks = [tf.sequence_mask(rng.integers(length * 3 // 4, length + 1, batch), length) for _ in range(10)]
        step(x, masks[0]).numpy()
        taken = []
        for each in (masks[:1] * 10, masks):
            started = time.perf_counter()
            for mask in each:
                step(x, mask).numpy()
            taken.append(time.perf_counter() - started)
        rows.append(row(f"ten batches, ten masks over one mask, {units} units, training", taken[1] / taken[0], 1.5))
    return rows


def _alone(units: int) -> Any:
    """An LSTM that shares nothing compiled with another: its cell's class is its own, and says not what it reads."""
    cell = type("AloneCell", (layers.LSTMCell,), {})
    return type("Alone", (layers.LSTM,), {"cell_class": cell})(units, return_sequences=True)


def lengths(smoke: bool, rounds: int) -> list[Row]:
    """An epoch of batches of 50 different lengths, next to the same with lengths rounded up to eight."""
    units, batches = (4, 10) if smoke else (128, 500)
    rng = np.random.default_rng(0)
    drawn = rng.permutation(np.resize(np.arange(51, 101), batches))
    taken = {}
    for name, unit in (("all", 1), ("bucketed", 7)):
        step = _any_shape(_alone(units), units)
        inputs = [_input(32, -(-int(length) // unit) * unit, units) for length in np.unique(drawn)]
        by_length = dict(zip(np.unique(drawn), inputs, strict=True))
        step(_input(32, 16, units))
        started = time.perf_counter()
        for length in drawn:
            step(by_length[length])
        taken[name] = time.perf_counter() - started
    return [row(f"epoch of {batches} batches, 50 lengths over 8", taken["all"] / taken["bucketed"], 1.2)]


def long_sequences(smoke: bool, rounds: int) -> list[Row]:
    """Peak memory and time of `recompute=True`, each in a process of its own."""
    steps, pairs = (64, 1) if smoke else (8192, 3)
    found: dict[bool, list[Row]] = {False: [], True: []}
    for recompute in [False, True] * pairs:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.layer_features", str(steps), str(recompute)],
            capture_output=True,
            text=True,
            check=True,
        )
        found[recompute].append(json.loads(done.stdout.splitlines()[-1]))
    both = list(zip(found[True], found[False], strict=True))
    memory, seconds = (
        statistics.median(one[key] / max(other[key], 1e-9) for one, other in both) for key in ("bytes", "seconds")
    )
    return [
        row(f"recompute, {steps} steps: peak memory over that without", memory, 0.25),
        row(f"recompute, {steps} steps: time over that without", seconds, 1.5),
    ]


def train_long(steps: int, recompute: bool) -> Row:
    """The bytes by which the peak exceeds what is resident before the first long step, and the seconds of one."""
    units = 128
    x = _input(8, steps, units)
    step = _any_shape(layers.LSTM(units, return_sequences=True, recompute=recompute), units)
    step(x[:, : max(16, steps // 128)])
    before = _resident()
    step(x)
    status = Path("/proc/self/status").read_text()  # getrusage would begin with the peak of the parent process
    peak = 1024 * int(status.split("VmHWM:")[1].split()[0])
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        step(x)
        taken.append(time.perf_counter() - started)
    return {"bytes": peak - before, "seconds": sorted(taken)[1]}


if __name__ == "__main__":
    print(json.dumps(train_long(int(sys.argv[1]), sys.argv[2] == "True")))
