"""`kerasrnn evaluate`."""

from pathlib import Path

import click

from kerasrnn._commands.models import load_task
from kerasrnn._commands.train import pairs
from kerasrnn._terminal import Examples, console, echo_json, reports_errors


@click.command(
    cls=Examples,
    epilog="""kerasrnn evaluate pos_bilstm --data pos_ewt/valid.tsv.gz
    kerasrnn evaluate runs/mine/pos_bilstm --data my.tsv --by length --json
    kerasrnn evaluate translate_en_fr_plain --data translation_en_fr --by length:11
    kerasrnn evaluate translate_en_fr_luong --data translation_en_fr --beam 5
    kerasrnn evaluate forecast_weather --data valid.csv.gz --history train.csv.gz""",
)
@click.argument("preset")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="A file of examples, or a folder, whose valid part is taken; may be repeated.",
)
@click.option("--history", type=click.Path(path_type=Path), help="For a forecaster: what came before the data.")
@click.option("--columns", multiple=True, metavar="ROLE=COLUMN", help="Where a column stands: word=0, text=review.")
@click.option("--beam", type=click.IntRange(1), help="For texts to texts: also by a beam search of this width.")
@click.option(
    "--by",
    metavar="GROUPING",
    help="Also by length, by length:6,11 for classes that begin at these, label, script, or what else the task has.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--write", is_flag=True, help="Write the result into the card of a preset folder.")
@reports_errors
def evaluate(
    preset: str,
    data: tuple[Path, ...],
    history: Path | None,
    columns: tuple[str, ...],
    beam: int | None,
    by: str | None,
    as_json: bool,
    write: bool,
) -> None:
    """How good a trained model is on data of your choice, with 95 % intervals of the bootstrap over examples.

    PRESET is a name (see: kerasrnn zoo list) or a preset folder.
    """
    from kerasrnn.zoo.scoring import files_of, require_files, score

    require_files(preset, data)
    if write and not (Path(preset) / "card.json").is_file():
        raise click.UsageError("--write changes the card of a preset folder: give its path.")
    task = load_task(preset)
    chosen = files_of(preset, data)  # the recipes import Keras, with all that TensorFlow has to say
    found = score(task, chosen, history=history, columns=pairs(columns, "--columns"), beam=beam, by=by)
    if write:
        from kerasrnn.zoo.scoring import write_score

        write_score(Path(preset), found, data, history, beam, by)
    if as_json:
        echo_json(found)
        return
    from kerasrnn.zoo.cards import scores

    for renderable in scores(found):
        console().print(renderable)
