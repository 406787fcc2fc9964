"""From a recipe and data to a preset: one training run, begun or resumed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasrnn import engine
from kerasrnn.zoo.buckets import batches
from kerasrnn.zoo.loading import from_preset, task_class
from kerasrnn.zoo.recipes.recipe import Recipe
from kerasrnn.zoo.training import checkpoint
from kerasrnn.zoo.training.distribution import Distribution
from kerasrnn.zoo.training.loop import train
from kerasrnn.zoo.training.optimizer import WatchedAdamW
from kerasrnn.zoo.training.team import Batch, Team, arrays, put

Say = Callable[[str], None]


def run(
    recipe: Recipe,
    data: Sequence[Path],
    folder: Path,
    *,
    changes: Mapping[str, Any],
    columns: Mapping[str, Any] | None = None,
    valid: Sequence[Path] = (),
    start_from: str | None = None,
    say: Say,
    progress: Callable[[int, int, int], None] | None = None,
    distribution: Distribution | None = None,
) -> Path:
    """Train a recipe and write the preset that results to `folder / recipe.name`.

    Args:
        recipe: what to train.
        data: folders with `train` and `valid` parts, or files of training examples.
        folder: of the run: checkpoint, log and preset.
        changes: options of the recipe that differ from its own.
        columns: which columns of the files to read, where the format leaves a choice.
        valid: files of validation examples; needed where `data` are files.
        start_from: a preset whose weights and vocabulary to begin with (fine-tuning), or None.
        say: receives lines about the progress.
        progress: receives the epoch, the steps done and the steps in all.
        distribution: what `distribution.begin` gave, or None for this process alone. Only the chief writes.

    Returns:
        The folder of the preset.

    Raises:
        ValueError: data or options that are wrong, a loss that is not finite, or a checkpoint of another run.
        OSError: another worker that was lost.
    """
    spread = distribution or Distribution()
    options = recipe.with_options(changes)
    seed = options["seed"]
    keras.utils.set_random_seed(seed)
    examples, held_out = recipe.read(data, valid, columns or {})
    if recipe.join is not None:
        held_out = recipe.join(examples, held_out, options)
    card = recipe.card(examples, options)
    if start_from is None:
        task = task_class(card).build(card)
        if recipe.start is not None and not (folder / checkpoint.NAME).is_file():  # which has what came of it
            recipe.start(task, examples, options)
    else:
        task = from_preset(start_from)
        _check_same(card, task, changes)
        task.card = {key: value for key, value in task.card.items() if key not in ("metrics", "score", "evaluation")}
        task.card["name"] = recipe.name
    task.card |= recipe.provenance(task.card, data, valid, changes, start_from, (len(examples), len(held_out)))
    task.check([*examples, *held_out])
    replicas = f", {spread.replicas} replicas" if spread.replicas > 1 else ""
    say(f"{recipe.name}: {len(examples):,} training and {len(held_out):,} validation examples, "
        f"{task.model.count_params():,} parameters{replicas}")  # fmt: skip

    batched = recipe.batches or by_length
    epochs = options["epochs"]
    steps = sum(1 for number in range(epochs) for _ in batched(task, examples, options, number, plan_only=True))
    warmup = min(options.get("warmup", 200), steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(steps - warmup, 1), warmup_target=options["learning_rate"], warmup_steps=warmup
    )
    loss = recipe.loss(options) if recipe.loss else task.loss(task.card)
    copies: list[keras.Model] = []

    def made() -> keras.Model:
        """A model to train, with its optimizer; the first is the task's own, if the recipe has no other."""
        if recipe.training_model is not None:
            model = recipe.training_model(
                task, options | {"batch_size": rows_of_a_replica(options["batch_size"], spread)}
            )
            if start_from is not None or recipe.start is not None:
                copy_weights(task.model, model)
        else:
            model = task.model if not copies else task.build(task.card).model
        copies.append(model)
        optimizer = WatchedAdamW(
            model,
            options["clip"],
            learning_rate=rate,
            weight_decay=options["weight_decay"],
            use_ema=options["average"] > 0,
            ema_momentum=options["average"] or 0.99,
        )
        # without jit_compile a step on JAX is not compiled at all; on TensorFlow the layers compile their loops
        model.compile(optimizer, loss, jit_compile=keras.config.backend() == "jax")
        optimizer.build(model.trainable_variables)
        return model

    team = _team(spread, made, loss)
    model = team.model

    def evaluate() -> dict[str, float]:
        if model is not task.model:
            copy_weights(model, task.model)
        return task.evaluate(held_out).metrics()

    with engine.alike():
        train(
            model,
            lambda number: batched(task, examples, options, number),
            rounds=epochs,
            folder=folder,
            options={"recipe": recipe.name, "from": start_from, "data": digest([examples, held_out]), **options}
            | ({"replicas": spread.replicas} if spread.replicas > 1 else {}),
            evaluate=evaluate,
            evaluate_every=options.get("evaluate_every", 1),
            best=recipe.best,
            lower=recipe.lower,
            say=say,
            progress=None if progress is None else lambda number, done: progress(number, done, steps),
            team=team,
        )
    if team.chief:
        evaluate()  # brings the weights that were kept into the task's model
        if recipe.finish is not None:
            recipe.finish(task, held_out)
        task.card["training"] = {"command": recipe.command(data, folder, changes, start_from), "options": options}
        task.save(folder / recipe.name)
    team.wait()  # one that leaves early is missed as one that was lost
    return folder / recipe.name


def _team(spread: Distribution, made: Callable[[], keras.Model], loss: Any) -> Team:
    if spread.strategy is None:
        return Team(made())
    from kerasrnn.zoo.training.replicas import Replicas

    return Replicas(spread.strategy, made, loss, chief=spread.chief)


def rows_of_a_replica(batch_size: int, spread: Distribution) -> int:
    """Of the streams of a batch, those that one replica carries on."""
    if spread.strategy is None:
        return batch_size
    if batch_size % spread.replicas:
        raise ValueError(
            f"{batch_size} streams cannot be shared by {spread.replicas} replicas: set another batch_size."
        )
    return batch_size // spread.replicas


def digest(examples: Any) -> str:
    """A checksum of nested lists and tuples of texts, numbers and arrays."""
    found = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, np.ndarray):
            found.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
        elif isinstance(value, (list, tuple)):
            if all(isinstance(each, str) for each in value):  # most of them by far
                value = ["\0".join(value), len(value)]
            found.update(b"(")
            for each in value:
                add(each)
            found.update(b")")
        else:
            text = str(value).encode("utf-8", "surrogatepass")
            found.update(f"{type(value).__name__}{len(text)}:".encode() + text)

    add(examples)
    return found.hexdigest()[:16]


def _check_same(card: Mapping[str, Any], task: Any, changes: Mapping[str, Any]) -> None:
    """Raise ValueError where a preset cannot be what a run begins with."""
    if task.card["task"] != card["task"]:
        raise ValueError(f"{task.name} is a {task.card['task']}; {card['name']} must begin with a {card['task']}.")
    given, kept = card["arguments"], task.card["arguments"]
    for name in changes:
        if name in given and given[name] != kept.get(name):
            raise ValueError(f"the model of {task.name} keeps its {name}, {kept.get(name)}: leave out {name}.")


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """The trainable weights of one model to another of the same make."""
    put(target.trainable_variables, arrays(source.trainable_variables))  # on JAX, a value of both would be given away


def by_length(
    task: Any, examples: Sequence[Any], options: Mapping[str, Any], number: int, plan_only: bool = False
) -> Iterator[Batch]:
    """The batches of an epoch: examples of like lengths together, in an order that depends on seed and number alone."""
    rng = np.random.default_rng([options["seed"], number])
    lengths = [task.length(example) for example in examples]
    plan = batches(
        lengths, batch_size=options["batch_size"], most=options.get("most_positions"), rng=rng, grid=task.grid
    )
    for chosen, length in plan:
        yield () if plan_only else task.batch([examples[i] for i in chosen], rng, length)
