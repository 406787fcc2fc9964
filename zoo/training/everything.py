"""Trains and scores every preset of the zoo: `python -m kerasrnn.zoo.training.everything --data DIR --out runs`.

Each preset is trained by `kerasrnn train` in a process of its own, resumed where it was stopped, and scored on its
validation part by `kerasrnn evaluate`, which writes the result into its card; `dates_bahdanau`, which makes its own
data, by the programs beside it. A preset that is trained is not trained again.
"""

import subprocess
import sys
from pathlib import Path

import click

from kerasrnn.zoo import recipes
from kerasrnn.zoo.preset import CARD

DATES = "dates_bahdanau"


@click.command(help=__doc__)
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("runs"), show_default=True)
@click.argument("names", nargs=-1)
def main(data: Path, out: Path, names: tuple[str, ...]) -> None:
    for name in names or recipes.names():
        if name == DATES:
            if not (out / name / name / CARD).is_file():
                _run("kerasrnn.zoo.dates.train", "--out", str(out / name))
            _run("kerasrnn.zoo.dates.evaluate", str(out / name / name), "--write")
            continue
        recipe = recipes.find(name)
        missing = [folder for folder in recipe.folders if not (data / folder).is_dir()]
        if missing:
            raise click.ClickException(f"{name} needs the folders {', '.join(missing)} in {data}.")
        folders = [part for folder in recipe.folders for part in ("--data", str(data / folder))]
        run, result = out / name, out / name / name
        if not (result / CARD).is_file():
            resume = ["--resume"] if (run / "checkpoint.npz").is_file() else []
            _kerasrnn("train", name, *folders, "--out", str(run), *resume)
        for folder in recipe.folders:
            history = ["--history", str(recipe.file(data / folder, "train"))] if recipe.join else []
            valid = str(recipe.file(data / folder, "valid"))
            grouped = [] if recipe.by is None else ["--by", recipe.by]
            _kerasrnn("evaluate", str(result), "--data", valid, *history, *grouped, "--write")


def _kerasrnn(*words: str) -> None:
    _run("kerasrnn.cli", *words)


def _run(module: str, *words: str) -> None:
    click.echo(f"$ python -m {module} {' '.join(words)}", err=True)
    done = subprocess.run([sys.executable, "-m", module, *words], check=False)
    if done.returncode:
        raise click.ClickException(f"{module} {' '.join(words[:1])} failed with exit code {done.returncode}.")


if __name__ == "__main__":
    main()
