"""How fast the layers are, next to Keras and torch: `python -m benchmarks.layers`.

Everything runs in one process and takes turns, on two threads. `ours` and `keras` are the layers as a user gets them:
in an ordinary `tf.function`, as `fit` runs them on a CPU; `keras XLA` is the same under `jit_compile=True`. Times are
medians in milliseconds. `x keras` is the better of the two times of Keras over ours, `x torch` that of torch over ours:
above 1, ours is faster. `x floor` is our time over that of the matrix products alone, at the rate of a large one in the
same run.
"""

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click

THREADS = 2
SHAPES = [(1, 100, 64, 128), (32, 128, 128, 128), (32, 512, 256, 256), (64, 128, 256, 512), (16, 2048, 64, 64)]
SMALL = [(1, 5, 3, 4), (4, 6, 3, 4)]
KINDS = ["LSTM", "GRU", "SimpleRNN"]


def set_threads() -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    try:
        import torch
    except ModuleNotFoundError:
        click.echo("torch is not installed: its columns are left out", err=True)
    else:
        torch.set_num_threads(THREADS)


def measure(kinds: list[str], shapes: list[Any], rounds: int) -> list[dict[str, Any]]:
    import gc

    import numpy as np

    from benchmarks import peers, timing

    rows = []
    for kind in kinds:
        for shape in shapes:
            for training in (True, False):
                rng = np.random.default_rng(0)
                runs = peers.contestants(kind, shape, training, rng)
                runs["product"], operations = peers.product(rng)
                taken = timing.in_turns(runs, rounds)
                ms = timing.median_ms(taken)
                floor = peers.flops(kind, shape, training) / operations * ms.pop("product")
                row = {"cell": kind, "shape": shape, "training": training, "ms": ms, "floor_ms": floor}
                row["x_keras"] = min(ms["keras"], ms["keras XLA"]) / ms["ours"]
                row["x_torch"] = ms["torch"] / ms["ours"] if "torch" in ms else None
                row["x_floor"] = ms["ours"] / floor
                row["spread"] = timing.spread(taken["ours"])
                rows.append(row)
                click.echo(".", nl=False, err=True)
                del runs
                gc.collect()
    click.echo(err=True)
    return rows


def text(rows: list[dict[str, Any]]) -> str:
    from benchmarks import timing

    head = ["", "ours", "keras", "keras XLA", "torch", "floor", "x keras", "x torch", "x floor", "spread"]
    lines = []
    for training in (True, False):
        lines.append("forward and backward" if training else "\nforward only")
        body = []
        for kind in dict.fromkeys(row["cell"] for row in rows):
            chosen = [row for row in rows if row["cell"] == kind and row["training"] == training]
            for row in chosen:
                ms = row["ms"]
                times = [f"{ms[name]:.2f}" if name in ms else "-" for name in ("ours", "keras", "keras XLA", "torch")]
                torch = "-" if row["x_torch"] is None else f"{row['x_torch']:.2f}"
                ratios = [f"{row['x_keras']:.2f}", torch, f"{row['x_floor']:.2f}", f"{row['spread']:.0%}"]
                name = f"{kind} {'x'.join(map(str, row['shape']))}"
                body.append([name, *times, f"{row['floor_ms']:.2f}", *ratios])
            keys = ("x_keras", "x_torch")
            means = [timing.geometric_mean([row[key] for row in chosen if row[key]]) for key in keys]
            body.append([f"{kind} geometric mean", "", "", "", "", "", f"{means[0]:.2f}", f"{means[1]:.2f}", "", ""])
        lines.append(timing.table(head, body))
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--cell", "kinds", type=click.Choice(KINDS), multiple=True, help="Only this cell; may be repeated.")
@click.option("--shape", "numbers", type=click.IntRange(1, len(SHAPES)), multiple=True, help="Only this row, from 1.")
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, help="Rounds; medians are taken.")
@click.option("--features/--no-features", default=True, help="Also what else the layers promise.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures here.")
@click.option("--smoke", is_flag=True, help="Tiny shapes, one round: shows that everything runs.")
def main(kinds: tuple[str], numbers: tuple[int], rounds: int, features: bool, file: Path | None, smoke: bool) -> None:
    set_threads()
    shapes = SMALL if smoke else [SHAPES[number - 1] for number in numbers] or SHAPES
    rows = measure(list(kinds) or KINDS, shapes, 1 if smoke else rounds)
    click.echo(text(rows))
    found: dict[str, Any] = {"rows": rows}
    if features:
        from benchmarks import layer_features

        found["features"] = layer_features.measure(smoke)
        click.echo("\n" + layer_features.text(found["features"], smoke))
    if file:
        machine = {"python": platform.python_version(), "cpu": platform.processor(), "threads": THREADS}
        file.write_text(json.dumps({"machine": machine, "rounds": rounds} | found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
