"""The training loop: rounds by number, so that a resumed run sees what an unbroken one would have seen."""

import contextlib
import json
import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import keras
import numpy as np

from kerasrnn._files import write_bytes_atomically
from kerasrnn.zoo.evaluation import finite
from kerasrnn.zoo.training import checkpoint
from kerasrnn.zoo.training.team import Batch, Team, arrays, put

AHEAD = 8  # batches that are made before they are needed


def train(
    model: keras.Model,
    batches: Callable[[int], Iterable[Batch]],
    *,
    rounds: int,
    folder: Path,
    options: dict[str, Any],
    evaluate: Callable[[], dict[str, float]],
    evaluate_every: int = 1,
    best: str | None = None,
    lower: bool = False,
    say: Callable[[str], None],
    progress: Callable[[int, int], None] | None = None,
    team: Team | None = None,
) -> None:
    """Train a compiled model for a number of rounds, with checkpoints, and finish its averaged weights.

    Args:
        model: a compiled model; its optimizer must be built. Averaged weights (`use_ema`) are those that are evaluated
            and kept.
        batches: number of a round to its batches; must depend on the number alone. It runs in a thread, a little ahead.
        rounds: how many.
        folder: where `checkpoint.npz` and `log.jsonl` go; a checkpoint there is resumed.
        options: what the run depends on; a checkpoint with other options is refused.
        evaluate: gives the metrics to log.
        evaluate_every: rounds between evaluations and checkpoints.
        best: the metric by which the weights to keep are chosen; None for the last ones.
        lower: whether less of it is better.
        say: receives a line about the progress.
        progress: receives rounds and steps done.
        team: those who train `model` together, if it is not this process alone. Only their chief evaluates, and writes.

    Raises:
        ValueError: a loss that is not finite, or a checkpoint of another run.
    """
    team = Team(model) if team is None else team
    state = checkpoint.State()
    if team.chief:
        folder.mkdir(parents=True, exist_ok=True)
        state = checkpoint.restore(folder, team, options)
    state = team.agree(state, options)
    if state.rounds and team.chief:
        say(f"resumed at round {state.rounds} of {rounds}")
    began = time.perf_counter()
    averaged = bool(getattr(model.optimizer, "use_ema", False))
    with _log(folder / "log.jsonl", state.rounds) if team.chief else contextlib.nullcontext() as log:
        for number in range(state.rounds, rounds):
            total, tokens, since = 0.0, 0, time.perf_counter()
            count = 0
            for batch in _ahead(batches(number)):
                loss = team.step(batch)
                count += 1
                if not math.isfinite(loss):
                    raise ValueError(
                        f"The loss became {loss} by step {state.steps + count}: lower the learning rate, then resume "
                        f"from the last checkpoint in {folder}."
                    )
                total += loss
                tokens += _positions(batch[0])
                if progress is not None:
                    progress(number, state.steps + count)
            if not count:
                raise ValueError(f"round {number} has no batches: the training data holds no example.")
            state.rounds, state.steps = number + 1, state.steps + count
            taken = time.perf_counter() - since
            record = {"round": state.rounds, "step": state.steps, "loss": total / count}
            record |= {"seconds": round(time.perf_counter() - began, 1), "tokens_per_second": round(tokens / taken)}
            if hasattr(model.optimizer, "read"):
                record |= model.optimizer.read()
            checked = state.rounds % evaluate_every == 0 or state.rounds >= rounds
            values = team.values() if checked else ([], [])
            if log is None:
                continue
            if checked:
                last = arrays(model.trainable_variables)
                if averaged:
                    _average(model)
                metrics = evaluate()
                if best is not None:
                    score = -metrics[best] if lower else metrics[best]
                    score = -math.inf if math.isnan(score) else score
                    if state.best is None or score > state.score:
                        state.score, state.best = score, arrays(model.trainable_variables)
                if averaged:
                    put(model.trainable_variables, last)
                checkpoint.save(folder, *values, state, options)
                record |= metrics
                shown = {name: value for name, value in record.items() if not name.startswith("gradient_norm/")}
                say("  ".join(f"{name} {value:.4g}" for name, value in shown.items()))
            log.write(json.dumps(finite(record)) + "\n")
            log.flush()
    if best is not None and state.best is not None:
        put(model.trainable_variables, state.best)
    elif averaged:
        _average(model)


def _positions(inputs: Any) -> int:
    """The steps of a batch, padding included: b·t of what it reads first."""
    first = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
    return math.prod(np.shape(first)[:2])


def _average(model: keras.Model) -> None:
    """Give a model its averaged weights."""
    model.optimizer.finalize_variable_values(model.trainable_variables)
    put(model.trainable_variables, arrays(model.trainable_variables))  # on JAX, the optimizer's would be given away


def _log(path: Path, rounds: int) -> TextIO:
    """The log, open for more; of what it holds only whole lines of the rounds that are done: others are run again."""
    lines = path.read_text(encoding="utf-8").splitlines() if rounds and path.exists() else []
    whole = "".join(f"{line}\n" for line in lines if line.endswith("}") and json.loads(line)["round"] <= rounds)
    write_bytes_atomically(path, whole.encode())
    return path.open("a", encoding="utf-8")


def _ahead(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches, made in a thread of their own, at most `AHEAD` of them waiting."""
    waiting: queue.Queue[Any] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def put(item: Any) -> None:
        while not stopped.is_set():
            try:
                return waiting.put(item, timeout=0.2)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for batch in batches:
                put((batch, None))
                if stopped.is_set():
                    return
            put((None, None))
        except BaseException as error:  # raised where the batches are taken
            put((None, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            batch, error = waiting.get()
            if error is not None:
                raise error
            if batch is None:
                return
            yield batch
    finally:
        stopped.set()
        thread.join()
