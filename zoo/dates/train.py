"""Trains `dates_bahdanau`: `python -m kerasrnn.zoo.dates.train --out runs/dates`.

Needs Babel (`pip install "kerasrnn[train]"`). Under an hour on two CPU cores. Stopped at any moment, the same command
goes on from the last checkpoint and ends with the same weights.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np

from kerasrnn.zoo import dates
from kerasrnn.zoo.dates import recipe
from kerasrnn.zoo.tasks.seq2seq import Seq2SeqTask
from kerasrnn.zoo.training import train

POOL = 32  # batches that are drawn together and sorted by length


@click.command(help=__doc__)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the run.")
@click.option("--steps", default=12_000, show_default=True, help="Training steps.")
@click.option("--batch-size", default=128, show_default=True, help="Examples a step.")
@click.option("--learning-rate", default=2e-3, show_default=True, help="Highest rate; it falls to 0 as a cosine.")
@click.option("--units", default=128, show_default=True, help="Width of the encoder (each way) and of the decoder.")
@click.option("--dropout", default=0.1, show_default=True, help="Dropout rate.")
@click.option("--seed", default=1, show_default=True, help="Seed of every random choice.")
def main(out: Path, steps: int, batch_size: int, learning_rate: float, units: int, dropout: float, seed: int) -> None:
    steps = -(-steps // POOL) * POOL
    options: dict[str, Any] = {
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "units": units,
        "dropout": dropout,
        "seed": seed,
    }
    keras.utils.set_random_seed(seed)
    task = Seq2SeqTask.build(recipe.card(units, dropout, dates.TRAINING_LOCALES))
    model = task.model
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=learning_rate, warmup_steps=500)
    optimizer = keras.optimizers.Adam(rate, clipnorm=1.0, use_ema=True, ema_momentum=0.999)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    optimizer.build(model.trainable_variables)

    def pool(number: int) -> Iterator[tuple[Any, Any]]:
        rng = np.random.default_rng([seed, number])
        examples = dates.sample(rng, POOL * batch_size, split="train")
        examples.sort(key=lambda example: len(example.text))
        for start in rng.permutation(POOL) * batch_size:
            yield recipe.batch(task, examples[start : start + batch_size], rng)

    def evaluate() -> dict[str, float]:
        rng = np.random.default_rng(0)
        parts = {"unseen_dates": dates.TRAINING_LOCALES, "unseen_locales": dates.UNSEEN_LOCALES}
        samples = {name: dates.sample(rng, 1000, split="valid", locales=codes) for name, codes in parts.items()}
        return {name: float(recipe.matches(task, sample).mean()) for name, sample in samples.items()}

    try:
        train(
            model,
            pool,
            rounds=steps // POOL,
            folder=out,
            options=options,
            evaluate=evaluate,
            evaluate_every=60,
            say=click.echo,
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    usual = {parameter.name: parameter.default for parameter in main.params}
    changed = [f" --{name.replace('_', '-')} {value}" for name, value in options.items() if value != usual[name]]
    command = f"python -m kerasrnn.zoo.dates.train --out {out.name}{''.join(changed)}"
    task.card["training"] = {"command": command, "options": options}
    task.save(out / task.name)
    click.echo(str(out / task.name))


if __name__ == "__main__":
    main()
