"""How long pictures take, and how much memory: `python -m benchmarks.viz`.

Each row has a limit. Capture is compared with the forward pass of the same model on the same batch, `model.predict`,
which is compiled; both take turns, so that a busy machine slows them alike. Figures are timed from the arrays to the
bytes of a PNG, after imports, in seconds of the processor: they use one core, and the rest of the machine moves those
least. Memory is the largest that a process of its own had, everything included.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.timing import in_turns, table

GIGABYTE = 1e9


@dataclass(frozen=True)
class Row:
    """One measurement, in the unit of its limit."""

    name: str
    value: float
    limit: float
    unit: str
    remark: str = ""

    @property
    def ok(self) -> bool:
        return self.value <= self.limit


def capture_of_gates(rounds: int, smoke: bool) -> list[Row]:
    """Gates of an LSTM, in forward passes of the model."""
    import keras
    import numpy as np

    from kerasrnn.viz import capture_gates

    batch, steps, units = (2, 30, 8) if smoke else (64, 200, 256)
    inputs = keras.Input((None, units // 2))
    model = keras.Model(inputs, keras.layers.LSTM(units, return_sequences=True)(inputs))
    x = np.random.default_rng(1).standard_normal((batch, steps, units // 2)).astype("float32")
    runs: dict[str, Callable[[], Any]] = {
        "predict": lambda: model.predict(x, batch_size=batch, verbose=0),
        "call": lambda: model(x, training=False),
        "capture": lambda: capture_gates(model, x),
    }
    taken = {name: statistics.median(seconds) for name, seconds in in_turns(runs, rounds).items()}
    shape = f"({batch}, {steps}, {units})"
    remark = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in taken.items())
    return [Row(f"capture of the gates of an LSTM {shape}", taken["capture"] / taken["predict"], 3, "predict", remark)]


def figures(rounds: int, smoke: bool) -> list[Row]:
    """From arrays to a PNG."""
    import numpy as np

    from kerasrnn.viz import attention_heatmap, gates_heatmap, gates_timeline, token_text, write_figure

    rng = np.random.default_rng(1)
    steps, units, side = (20, 8, 10) if smoke else (500, 256, 50)
    names = ("input", "forget", "output", "candidate", "cell", "hidden")
    gates = {name: rng.random((steps, units)).astype("float32") for name in names}
    weights, words = rng.dirichlet(np.ones(side), side), [f"word{place}" for place in range(steps)]
    short, values = words[:side], rng.standard_normal(steps)
    draws: dict[str, tuple[Callable[[], Any], float]] = {
        f"attention heatmap, {side} x {side}": (lambda: attention_heatmap(weights, short, short, title="a"), 0.4),
        f"gates heatmap, six of {steps} x {units}": (lambda: gates_heatmap(gates, words, title="a"), 1.5),
        f"gates timeline, six of {steps} x {units}": (lambda: gates_timeline(gates, words, title="a"), 1.5),
        f"text of {steps} tokens": (lambda: token_text(words, values, title="a"), 1.5),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        runs = {name: lambda draw=draw: write_figure(draw(), path) for name, (draw, _) in draws.items()}
        taken = {name: _processor(run, rounds) for name, run in runs.items()}
    return [Row(name, taken[name][0], limit, "s", taken[name][1]) for name, (_, limit) in draws.items()]


def _processor(run: Callable[[], Any], rounds: int) -> tuple[float, str]:
    """Median seconds of the processor, and the fastest by the clock; after one call that fills the caches."""
    run()
    busy, wall = [], []
    for _ in range(rounds):
        started, before = time.perf_counter(), time.process_time()
        run()
        busy.append(time.process_time() - before)
        wall.append(time.perf_counter() - started)
    return statistics.median(busy), f"fastest by the clock {min(wall):.2f} s"


def memory(_: int, smoke: bool) -> list[Row]:
    """The whole command on a long sequence, in a process of its own."""
    rows = []
    for steps, units in [(500, 16)] if smoke else [(10_000, 128)]:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.viz", "--long", str(steps), "--units", str(units)],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise click.ClickException(
                f"{steps} steps gave exit code {done.returncode}:\n{done.stderr.strip()[-2000:]}"
            )
        used = json.loads(done.stdout.splitlines()[-1])
        remark = f"{used['seconds']:.1f} s after imports"
        rows.append(Row(f"gates heatmap of {steps:,} tokens, LSTM({units})", used["bytes"] / GIGABYTE, 2, "GB", remark))
    return rows


def gradients(rounds: int, smoke: bool) -> list[Row]:
    """What gradients take to capture, and what watching costs a training."""
    from benchmarks import viz_gradients

    return [Row(*row) for group in viz_gradients.GROUPS for row in group(rounds, smoke)]


GROUPS = [capture_of_gates, figures, memory, gradients]


def long_run(steps: int, units: int) -> dict[str, float]:
    """Capture and draw one long text; the memory and the time that it took."""
    import keras
    import numpy as np

    from kerasrnn.viz import capture_gates, gates_heatmap, write_figure

    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, keras.layers.LSTM(units)(keras.layers.Embedding(50, 32)(ids)))
    x = np.random.default_rng(1).integers(0, 50, (1, steps))
    started = time.perf_counter()
    capture = capture_gates(model, x, tokens=[chr(97 + token % 26) for token in x[0]])
    with tempfile.TemporaryDirectory() as folder:
        write_figure(gates_heatmap(capture.one(0), (capture.tokens or [[]])[0]), Path(folder) / "a.png")
    seconds = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024
    return {"bytes": float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit), "seconds": seconds}


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Rounds; the median is taken.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures here.")
@click.option("--smoke", is_flag=True, help="Small sizes, one round: shows that everything runs.")
@click.option("--long", type=int, hidden=True, help="Draw one text of so many tokens, and print what it took.")
@click.option("--units", type=int, default=128, hidden=True)
def main(rounds: int, file: Path | None, smoke: bool, long: int | None, units: int) -> None:
    if long is not None:
        click.echo(json.dumps(long_run(long, units)))
        return
    rows = [row for group in GROUPS for row in group(1 if smoke else rounds, smoke)]
    lines = []
    for row in rows:
        verdict = "ok" if row.ok else "OVER"
        lines.append([row.name, f"{row.value:.3g} {row.unit}", f"{row.limit:g} {row.unit}", verdict, row.remark])
    click.echo(table(["picture", "median", "limit", "", ""], lines))
    if file is not None:
        about = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
        found = [{"name": r.name, "value": r.value, "limit": r.limit, "unit": r.unit, "ok": r.ok} for r in rows]
        file.write_text(json.dumps(about | {"rounds": rounds, "rows": found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
