"""The training loop: batches by number, so that a resumed run sees what an unbroken one would have seen."""

import json
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras

from kerasrnn._files import write_bytes_atomically
from kerasrnn.zoo.training import checkpoint

Batch = tuple[Any, Any]


def train(
    model: keras.Model,
    pool: Callable[[int], Iterable[Batch]],
    *,
    steps: int,
    pool_size: int,
    folder: Path,
    options: dict[str, Any],
    evaluate: Callable[[], dict[str, float]],
    evaluate_every: int,
    say: Callable[[str], None],
) -> None:
    """Train a compiled model for a number of steps, with checkpoints, and finish its averaged weights.

    Args:
        model: a compiled model; its optimizer must be built.
        pool: number of a pool to its batches; must depend on the number alone. It runs in a thread, one pool ahead.
        steps: training steps, a multiple of `pool_size`.
        pool_size: batches in a pool.
        folder: where `checkpoint.npz` and `log.jsonl` go; a checkpoint there is resumed.
        options: what the run depends on; a checkpoint with other options is refused.
        evaluate: gives the metrics to log.
        evaluate_every: steps between evaluations and checkpoints, a multiple of `pool_size`.
        say: receives a line about the progress.

    Raises:
        ValueError: a loss that is not finite, or a checkpoint of another run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = checkpoint.restore(folder, model, options)
    if done:
        say(f"resumed at step {done} of {steps}")
    path = folder / "log.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if done and path.exists() else []
    # steps after the checkpoint are run, and logged, again
    whole = "".join(f"{line}\n" for line in lines if line.endswith("}") and json.loads(line)["step"] <= done)
    write_bytes_atomically(path, whole.encode())
    began = time.perf_counter()
    with ThreadPoolExecutor(1) as ahead, path.open("a", encoding="utf-8") as log:
        coming = ahead.submit(lambda number: list(pool(number)), done // pool_size)
        while done < steps:
            batches = coming.result()
            coming = ahead.submit(lambda number: list(pool(number)), done // pool_size + 1)
            total = 0.0
            for inputs, targets in batches:
                total += float(model.train_on_batch(inputs, targets))
            done += len(batches)
            record = {"step": done, "loss": total / len(batches), "seconds": round(time.perf_counter() - began, 1)}
            if not math.isfinite(record["loss"]):
                raise ValueError(
                    f"The loss became {record['loss']} by step {done}: lower the learning rate, then resume from the "
                    f"last checkpoint in {folder}."
                )
            if done % evaluate_every == 0 or done >= steps:
                checkpoint.save(folder, model, done, options)
                record |= evaluate()
                say("  ".join(f"{name} {value:.4g}" for name, value in record.items()))
            log.write(json.dumps(record) + "\n")
            log.flush()
        coming.cancel()
    model.optimizer.finalize_variable_values(model.trainable_variables)
