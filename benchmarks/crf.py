"""How fast the CRF is, next to pytorch-crf: `python -m benchmarks.crf`.

Everything runs in one process and takes turns, on two threads. `graph` is ours in an ordinary `tf.function`, as `fit`
and `predict` run it on a CPU, `XLA` under `jit_compile=True`, and `eager` called directly; `torch` is pytorch-crf.
Sequences are of different lengths, from half of the longest to all of it. The loss is taken with its gradients, of the
emissions and of all weights. Times are medians in milliseconds; `x torch` is that of torch over ours in a graph: above
1, ours is faster.
"""

import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click

from benchmarks.layers import THREADS, set_threads

SHAPES = [(64, 100, 20), (1, 100, 20), (16, 500, 9), (64, 50, 50)]  # batch, steps, tags
SMALL = [(2, 5, 3)]
Shape = tuple[int, int, int]
Run = Callable[[], Any]


class Case:
    """One random chain, for both libraries."""

    def __init__(self, shape: Shape, constrained: bool) -> None:
        import numpy as np

        rng = np.random.default_rng(0)
        batch, steps, n = shape
        self.emissions = rng.standard_normal((batch, steps, n)).astype("float32")
        self.tags = rng.integers(0, n, (batch, steps))
        lengths = rng.integers(steps // 2, steps + 1, batch)
        lengths[0] = steps
        self.mask = np.arange(steps) < lengths[:, None]
        self.scores = [rng.standard_normal(size).astype("float32") for size in ((n, n), (n,), (n,))]
        if constrained:
            self.scores[0][rng.random((n, n)) < 0.3] = -10_000.0  # pytorch-crf knows no -inf

    def ours(self, loss: bool, way: str) -> Run:
        import tensorflow as tf

        from kerasrnn import crf

        tags, mask = tf.constant(self.tags, tf.int32), tf.constant(self.mask)
        sources = [tf.constant(one) for one in (self.emissions, *self.scores)]

        def find(*sources: Any) -> Any:
            if not loss:
                return crf.viterbi(*sources, mask)
            with tf.GradientTape() as tape:
                tape.watch(sources)
                mean = -tf.reduce_mean(crf.log_likelihood(tags, *sources, mask))
            return [mean, *tape.gradient(mean, sources)]

        call = find if way == "eager" else tf.function(find, jit_compile=way == "XLA")
        return lambda: call(*sources)[0].numpy()

    def torch(self, loss: bool) -> Run:
        import torch
        import torchcrf

        model = torchcrf.CRF(self.emissions.shape[2], batch_first=True)
        weights = model.transitions, model.start_transitions, model.end_transitions
        with torch.no_grad():
            for weight, value in zip(weights, self.scores, strict=True):
                weight.copy_(torch.from_numpy(value))
        emissions, tags, mask = map(torch.from_numpy, (self.emissions, self.tags, self.mask))

        def run_loss() -> None:
            model.zero_grad()
            emissions.grad = None
            emissions.requires_grad_()
            (-model(emissions, tags, mask, reduction="mean")).backward()

        def run_viterbi() -> None:
            with torch.no_grad():
                model.decode(emissions, mask)

        return run_loss if loss else run_viterbi


def measure(shapes: list[Shape], rounds: int) -> list[dict[str, Any]]:
    from benchmarks import timing

    rows = []
    for what in ("loss and gradients", "loss and gradients, forbidden transitions", "Viterbi"):
        for shape in shapes:
            loss = what != "Viterbi"
            case = Case(shape, constrained=what.endswith("forbidden transitions"))
            runs = {way: case.ours(loss, way) for way in ("graph", "XLA", "eager")}
            try:
                runs["torch"] = case.torch(loss)
            except ModuleNotFoundError:
                click.echo("torch or pytorch-crf is not installed: its column is left out", err=True)
            taken = timing.in_turns(runs, rounds)
            ms = timing.median_ms(taken)
            ratio = ms["torch"] / ms["graph"] if "torch" in ms else None
            rows.append(
                {"what": what, "shape": shape, "ms": ms, "x_torch": ratio, "spread": timing.spread(taken["graph"])}
            )
            click.echo(".", nl=False, err=True)
    click.echo(err=True)
    return rows


def text(rows: list[dict[str, Any]]) -> str:
    from benchmarks import timing

    columns = ("graph", "XLA", "eager", "torch")
    body = []
    for row in rows:
        times = [f"{row['ms'][name]:.2f}" if name in row["ms"] else "-" for name in columns]
        ratio = "-" if row["x_torch"] is None else f"{row['x_torch']:.1f}"
        body.append([f"{row['what']} {'x'.join(map(str, row['shape']))}", *times, ratio, f"{row['spread']:.0%}"])
    return timing.table(["batch x steps x tags", *columns, "x torch", "spread"], body)


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, help="Rounds; medians are taken.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures here.")
@click.option("--smoke", is_flag=True, help="Tiny shapes, one round: shows that everything runs.")
def main(rounds: int, file: Path | None, smoke: bool) -> None:
    set_threads()
    rows = measure(SMALL if smoke else SHAPES, 1 if smoke else rounds)
    click.echo(text(rows))
    if file:
        machine = {"python": platform.python_version(), "cpu": platform.processor(), "threads": THREADS}
        file.write_text(json.dumps({"machine": machine, "rounds": rounds, "rows": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
