"""`kerasrnn train`."""

import importlib
import os
from pathlib import Path
from typing import Any

import click

from kerasrnn._terminal import Examples, hushed, import_keras, reports_errors, shows_progress


@click.command(
    cls=Examples,
    epilog="""kerasrnn train pos_bilstm --data pos_ewt --out runs/pos_bilstm
    kerasrnn train pos_bilstm --data my.tsv --valid my_valid.tsv --from pos_bilstm --out runs/mine --epochs 5
    kerasrnn train ner_bilstm_crf --data ner_btc --data ner_wnut17 --out runs/ner --set units=64""",
)
@click.argument("preset")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A folder with train and valid parts, or a file of training examples; may be repeated.",
)
@click.option("--valid", type=click.Path(path_type=Path), multiple=True, help="A file of validation examples.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the run.")
@click.option("--from", "start_from", help="Begin with the weights and vocabulary of this preset (fine-tuning).")
@click.option("--epochs", type=click.IntRange(1), help="Times through the data.  [default: the recipe's]")
@click.option("--batch-size", type=click.IntRange(1), help="Examples a step.  [default: the recipe's]")
@click.option("--learning-rate", type=float, help="Highest learning rate.  [default: the recipe's]")
@click.option("--seed", type=click.IntRange(0), help="Seed of every random choice.  [default: the recipe's]")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Another option of the recipe.")
@click.option("--columns", multiple=True, metavar="ROLE=COLUMN", help="Where a column stands: word=0, text=review.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out.")
@click.option("--backend", type=click.Choice(["tensorflow", "jax"]), help="What Keras runs on.")
@click.option(
    "--distribute",
    type=click.Choice(["mirrored", "multiworker"]),
    help="Share each batch among the devices of this machine, or the workers in TF_CONFIG.",
)
@click.option("-q", "--quiet", is_flag=True, help="No lines about the progress.")
@reports_errors
def train(
    preset: str,
    data: tuple[Path, ...],
    valid: tuple[Path, ...],
    out: Path,
    start_from: str | None,
    settings: tuple[str, ...],
    columns: tuple[str, ...],
    resume: bool,
    backend: str | None,
    distribute: str | None,
    quiet: bool,
    **named: Any,
) -> None:
    """Train the model PRESET, or another of its kind, and write a preset folder.

    Stopped at any moment, the same command with --resume goes on from the last checkpoint and ends with the same
    weights. The log of the run is log.jsonl in its folder; draw it with: kerasrnn viz training
    """
    from kerasrnn.zoo import recipes

    recipes.check(preset)
    if backend:
        os.environ["KERAS_BACKEND"] = backend
    import_keras(devices=not distribute)
    with hushed():
        importlib.import_module("tensorflow")  # on JAX, Keras would do so later, and it would greet
        recipe = recipes.find(preset)
        from kerasrnn.zoo.training import distribution
        from kerasrnn.zoo.training.run import run

    changes = {name: value for name, value in named.items() if value is not None} | pairs(settings, "--set")
    recipe.with_options(changes)
    if not data:
        if recipe.made_by:
            raise click.UsageError(
                f"{preset} makes its data, by: {recipe.made_by}; give pairs of your own with --data."
            )
        raise click.UsageError(f"give the data of {preset} with --data: {', '.join(recipe.folders)}")
    begun = (out / "checkpoint.npz").exists()
    if begun and not resume:
        raise click.UsageError(f"{out} holds a run: go on with --resume, or choose another folder.")
    if resume and not begun and out.exists() and any(not _is_early(path) for path in out.iterdir()):
        raise click.UsageError(f"{out} holds no checkpoint to resume: choose another folder.")

    place = distribution.find(distribute)
    with hushed():
        spread = distribution.begin(distribute, place)
    if spread.chief:
        out.mkdir(parents=True, exist_ok=True)
    with shows_progress(quiet or not spread.chief) as (say, progress):
        written = run(
            recipe,
            data,
            out,
            changes=changes,
            columns=pairs(columns, "--columns"),
            valid=valid,
            start_from=start_from,
            say=say,
            progress=progress,
            distribution=spread,
        )
    if spread.chief:
        click.echo(os.fsencode(written))


def _is_early(path: Path) -> bool:
    """Whether a file is what a run leaves that was stopped before its first checkpoint."""
    return path.name == "log.jsonl" or (path.name.startswith(".kerasrnn-") and path.suffix == ".part")


def pairs(given: tuple[str, ...], option: str) -> dict[str, Any]:
    """`NAME=VALUE` options as a dict; numbers stay text, which the recipe converts."""
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"'{each}' is not of the form NAME=VALUE.", param_hint=option)
        found[name.replace("-", "_")] = value
    return found
