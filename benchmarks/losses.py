"""How fast the cross-entropy is, next to Keras and torch: `python -m benchmarks.losses`.

Loss and gradient of the logits, with a third of the tokens padding, on two threads; medians in milliseconds, in turns.
Keras is given what it has: `ignore_class`, and for label smoothing one-hot rows with the padding as weights. A second
table has the edit distance of a batch.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click

SHAPES = [(32, 32, 1000), (32, 32, 10000), (16, 32, 50000)]
WAYS = {"graph": False, "XLA": True}


def contestants(shape: tuple[int, int, int], smoothing: float) -> dict[str, Callable[[], Any]]:
    import keras
    import numpy as np
    import tensorflow as tf

    from kerasrnn.losses import MaskedCrossentropy

    rng = np.random.default_rng(0)
    rows, steps, classes = shape
    targets = rng.integers(1, classes, (rows, steps)).astype("int32")
    targets[:, steps - steps // 3 :] = 0
    logits = rng.standard_normal(shape).astype("float32")
    ids, scores, weights = tf.constant(targets), tf.constant(logits), tf.constant((targets > 0).astype("float32"))
    ours = MaskedCrossentropy(label_smoothing=smoothing, ignore_id=0)
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    dense = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)

    def theirs(ids: Any, scores: Any) -> Any:
        return dense(keras.ops.one_hot(ids, classes), scores, weights) if smoothing else sparse(ids, scores)

    runs: dict[str, Callable[[], Any]] = {}
    for way, jit in WAYS.items():
        for name, loss in (("ours", ours), ("keras", theirs)):

            def step(ids: Any, scores: Any, loss: Any = loss) -> Any:
                with tf.GradientTape() as tape:
                    tape.watch(scores)
                    value = loss(ids, scores)
                return value, tape.gradient(value, scores)

            compiled = tf.function(step, jit_compile=jit)
            runs[f"{name} {way}"] = lambda compiled=compiled: compiled(ids, scores)[0].numpy()
    try:
        import torch
    except ModuleNotFoundError:
        return runs
    flat = torch.tensor(targets).long().reshape(-1)
    values = torch.tensor(logits).reshape(-1, classes).requires_grad_()

    def torch_step() -> Any:
        loss = torch.nn.functional.cross_entropy(values, flat, ignore_index=0, label_smoothing=smoothing)
        return torch.autograd.grad(loss, values)

    return runs | {"torch": torch_step}


def distances(rows: int, steps: int) -> dict[str, Callable[[], Any]]:
    import numpy as np
    import tensorflow as tf

    from kerasrnn.metrics.levenshtein import levenshtein

    rng = np.random.default_rng(0)
    one, other = (tf.constant(rng.integers(1, 50, (rows, steps)), tf.int32) for _ in range(2))
    lengths = tf.fill((rows,), steps)
    runs: dict[str, Callable[[], Any]] = {}
    for way, jit in WAYS.items():
        compiled = tf.function(levenshtein, jit_compile=jit)
        runs[f"ours {way}"] = lambda compiled=compiled: compiled(one, lengths, other, lengths).numpy()
    sparse = [tf.sparse.from_dense(ids) for ids in (one, other)]
    return runs | {"tf.edit_distance (CPU only)": lambda: tf.edit_distance(*sparse, normalize=False).numpy()}


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, help="Rounds; medians are taken.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures here.")
@click.option("--smoke", is_flag=True, help="Tiny shapes, one round: shows that everything runs.")
def main(rounds: int, file: Path | None, smoke: bool) -> None:
    from benchmarks import layers, timing

    layers.set_threads()
    shapes = [(2, 3, 5)] if smoke else SHAPES
    rounds = 1 if smoke else rounds
    found = []
    for shape in shapes:
        for smoothing in (0.0, 0.1):
            ms = timing.median_ms(timing.in_turns(contestants(shape, smoothing), rounds))
            found.append({"shape": shape, "smoothing": smoothing, "ms": ms})
    names = list(found[0]["ms"])
    head = ["batch x steps x classes", "smoothing", *names]
    body = [
        [" x ".join(map(str, row["shape"])), str(row["smoothing"]), *(f"{row['ms'][name]:.1f}" for name in names)]
        for row in found
    ]
    click.echo(timing.table(head, body))
    rows, steps = (2, 3) if smoke else (64, 100)
    ms = timing.median_ms(timing.in_turns(distances(rows, steps), rounds))
    click.echo(
        "\n" + timing.table([f"edit distance, {rows} x {steps}", *ms], [["", *(f"{ms[name]:.1f}" for name in ms)]])
    )
    if file:
        file.write_text(json.dumps({"losses": found, "edit_distance": ms}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
