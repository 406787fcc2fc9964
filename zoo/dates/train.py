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
from kerasrnn.zoo.builders import seq2seq
from kerasrnn.zoo.dates.recipe import Codec, exact_match, save_preset
from kerasrnn.zoo.training import train

POOL = 32  # batches that are drawn together and sorted by length


@click.command(help=__doc__)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the run.")
@click.option("--steps", default=24_000, show_default=True, help="Training steps.")
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
    codec = Codec.of(dates.characters(dates.TRAINING_LOCALES))
    arguments = codec.sizes() | {
        "cell": "lstm",
        "embedding": 64,
        "encoder_units": units,
        "decoder_units": units,
        "attention_units": 64,
        "readout_units": 64,
        "dropout": dropout,
    }
    model = seq2seq(**arguments, name="dates_bahdanau")
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=learning_rate, warmup_steps=500)
    optimizer = keras.optimizers.Adam(rate, clipnorm=1.0, use_ema=True, ema_momentum=0.999)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    optimizer.build(model.trainable_variables)

    def pool(number: int) -> Iterator[tuple[Any, Any]]:
        rng = np.random.default_rng([seed, number])
        examples = dates.sample(rng, POOL * batch_size, split="train")
        examples.sort(key=lambda example: len(example.text))
        for start in rng.permutation(POOL) * batch_size:
            yield codec.batch(examples[start : start + batch_size], rng)

    def evaluate() -> dict[str, float]:
        rng = np.random.default_rng(0)
        return {
            "unseen_dates": exact_match(model, codec, dates.sample(rng, 1000, split="valid")),
            "unseen_locales": exact_match(
                model, codec, dates.sample(rng, 1000, split="valid", locales=dates.UNSEEN_LOCALES)
            ),
        }

    try:
        train(
            model,
            pool,
            steps=steps,
            pool_size=POOL,
            folder=out,
            options=options,
            evaluate=evaluate,
            evaluate_every=POOL * 60,
            say=click.echo,
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    model.save(out / "model.keras")
    click.echo(save_preset(out / "dates_bahdanau", model, codec, arguments, options))


if __name__ == "__main__":
    main()
