"""How fast decoding is, next to the Keras tutorial's loop and to KerasHub: `python -m benchmarks.decoding`.

All decode 64 sentences to 40 tokens with one network: an embedding, two LSTMs of 256 and a projection to 8,000.
Everything runs in one process and takes turns, on two threads; times are medians in milliseconds. `greedy` and `beam`
are ours in an ordinary `tf.function`, `XLA` the same under `jit_compile=True`; `step alone` calls the network as often
and chooses nothing, which no decoder that calls it can beat. The tutorial's loop is timed on a few sentences, all their
tokens, and scaled to all.

`training` is a step of training of a sequence-to-sequence network with Bahdanau attention, on the whole target at once,
and `training with keras` the same network with `keras.layers.RNN` around a cell that attends. `products of training`
is what its matrix products take at the rate of `large product`, a square one of 2,048, measured in the same run.
"""

import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click

THREADS, WIDTH = 2, 5
TIMED = 2  # sentences of the tutorial's loop


def measure(smoke: bool, rounds: int) -> dict[str, Any]:
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    from benchmarks import peers, teacher_forcing, timing
    from benchmarks.decoders import Decoders, Size

    size = Size(3, 4, 5, 70) if smoke else Size(64, 40, 256, 8000)
    decoders = Decoders(size, WIDTH)
    runs = decoders.runs()
    if "KerasHub greedy" not in runs:
        click.echo("keras-hub (with tokenizers) is not installed: its rows are left out", err=True)
    tokens = runs["greedy"]()
    sentence = decoders.tutorial()
    seconds = []
    sentence(0)
    for row in range(TIMED):
        started = time.perf_counter()
        said = sentence(row)
        seconds.append(time.perf_counter() - started)
        same = (said == tokens[row]).mean()
        if same < 0.9:  # products in another order may swap two tokens that are all but equal
            click.echo(f"sentence {row} of the tutorial's loop agrees in {same:.0%} of its tokens", err=True)
    if "KerasHub greedy" in runs and (runs["KerasHub greedy"]()[:, 1:] == tokens).mean() < 0.9:
        click.echo("KerasHub decodes something else", err=True)
    shape = teacher_forcing.Shape(2, 4, 3, 5, 7) if smoke else teacher_forcing.Shape(64, 30, 30, 256, 1000)
    steps = teacher_forcing.runs(shape)
    runs["training"] = steps["ours"]
    runs |= {f"training with {name}": run for name, run in steps.items() if name != "ours"}
    runs["large product"], work = peers.product(np.random.default_rng(0))
    taken = timing.in_turns(runs, rounds)
    ms = timing.median_ms(taken)
    ms["products of training"] = ms["large product"] * teacher_forcing.flops(shape) / work
    ms["tutorial"] = 1000 * float(np.median(seconds)) * size.sentences
    spread = {name: timing.spread(values) for name, values in taken.items()}
    return {"size": size._asdict(), "width": WIDTH, "ms": ms, "spread": spread, "ratios": ratios(ms)}


def ratios(ms: dict[str, float]) -> dict[str, tuple[float, str]]:
    """What was measured, and what is wanted."""
    found = {"the tutorial's loop over greedy": (ms["tutorial"] / ms["greedy"], "at least 20")}
    if "KerasHub greedy" in ms:
        found["KerasHub's greedy sampler over greedy"] = (ms["KerasHub greedy"] / ms["greedy"], "at least 2")
        found["KerasHub's greedy sampler over the step alone"] = (ms["KerasHub greedy"] / ms["step alone"], "")
        found["KerasHub's beam sampler over beam"] = (ms["KerasHub beam"] / ms["beam"], "")
    found["beam over greedy"] = (ms["beam"] / ms["greedy"], "at most 4")
    found["greedy over the step alone"] = (ms["greedy"] / ms["step alone"], "")
    keras = min(ms["training with keras"], ms["training with keras XLA"])
    found["training with keras over training"] = (keras / ms["training"], "at least 2")
    found["training with keras over its products alone"] = (keras / ms["products of training"], "")
    return found


def text(found: dict[str, Any]) -> str:
    from benchmarks import timing

    times = [[name, f"{ms:.1f}", f"{found['spread'].get(name, float('nan')):.0%}"] for name, ms in found["ms"].items()]
    measured = [[name, f"{value:.2f}", wanted] for name, (value, wanted) in found["ratios"].items()]
    return "\n\n".join([timing.table(["", "ms", "spread"], times), timing.table(["", "measured", "wanted"], measured)])


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, help="Rounds; medians are taken.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures here.")
@click.option("--smoke", is_flag=True, help="A tiny network, one round: shows that everything runs.")
def main(rounds: int, file: Path | None, smoke: bool) -> None:
    found = measure(smoke, 1 if smoke else rounds)
    click.echo(text(found))
    if file:
        machine = {"python": platform.python_version(), "cpu": platform.processor(), "threads": THREADS}
        file.write_text(json.dumps({"machine": machine, "rounds": rounds} | found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
