"""`kerasrnn predict`."""

import os
from pathlib import Path
from typing import Any

import click

from kerasrnn._commands.models import DEFAULT_MODEL, load_task, names_model
from kerasrnn._files import check_writable, write_bytes_atomically
from kerasrnn._terminal import Examples, echo_json, read_stdin, reports_errors, suffixed

AT_ONCE = 256  # texts of standard input that are answered together


@click.command(
    cls=Examples,
    epilog="""kerasrnn predict "3 mai 1998" "5 de agosto de 2026"
    kerasrnn predict dates_bahdanau - < dates.txt
    kerasrnn predict pos_bilstm "Time flies like an arrow."
    kerasrnn predict lm_shakespeare "ROMEO:" --temperature 0.7 --seed 3
    kerasrnn predict tunes_lstm "M:6/8 K:G" --seed 3 -o jig.mid
    kerasrnn predict forecast_weather last_week.csv --json""",
)
@click.argument("words", nargs=-1, required=True, metavar="[MODEL] TEXT...")
@click.option("--beam", type=click.IntRange(1), help="Width of a beam search, for models that translate.")
@click.option("--nbest", type=click.IntRange(1), help="How many of the beam's texts to print.")
@click.option("--length", type=click.IntRange(1), help="How many tokens to write, for models that generate.")
@click.option("--temperature", type=click.FloatRange(0), help="Of the sampling; 0 takes the most probable token.")
@click.option("--top-k", type=click.IntRange(1), help="Sample among so many tokens.")
@click.option(
    "--top-p", type=click.FloatRange(0, 1, min_open=True), help="Sample among the fewest of this probability."
)
@click.option("--seed", type=click.IntRange(0), help="Seed of the sampling.")
@click.option("--tries", type=click.IntRange(1), help="Write a tune again, so often at most, until its bars add up.")
@click.option(
    "-o",
    "--output",
    "--out",
    type=click.Path(path_type=Path),
    callback=suffixed(".abc", ".mid"),
    help="File to write, for models of tunes: the suffix chooses ABC or MIDI.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@reports_errors
def predict(words: tuple[str, ...], output: Path | None, as_json: bool, **options: Any) -> None:
    """What a trained model makes of each TEXT; TEXT "-" reads lines from standard input.

    MODEL is a name (see: kerasrnn zoo list) or a preset folder. Models that read no text take the path of a file.
    """
    model, texts = (words[0], list(words[1:])) if names_model(words[0]) else (DEFAULT_MODEL, list(words))
    if not texts:
        raise click.UsageError(f"give a text for {model} to read, or - for standard input.")
    if texts == ["-"]:
        texts = [line for line in read_stdin().splitlines() if line.strip()]
        if not texts:
            raise ValueError("standard input is empty: give one text a line.")
    if output is not None:
        check_writable(output)
        if output.suffix.lower() == ".mid":
            _check_midi(texts)
    task = load_task(model)
    if output is not None and not hasattr(task, "file"):
        raise ValueError(f"{task.name} writes no file: leave out --output.")
    kept = []
    for begin in range(0, len(texts), AT_ONCE):
        for answer in task.answers(texts[begin : begin + AT_ONCE], **options):
            kept.append(answer)
            if answer.about.get("fault"):
                click.echo(f"this tune is not valid: {answer.about['fault']}; try another --seed, or --tries", err=True)
            if as_json:
                echo_json(answer.about)
            elif output is None:
                click.echo(answer.line)
    if output is not None:
        write_bytes_atomically(output, task.file(kept, output.suffix.lower()))
        if not as_json:
            click.echo(os.fsencode(output))


def _check_midi(texts: list[str]) -> None:
    """Refuse, before anything is loaded, what no MIDI file can be made of."""
    from kerasrnn.zoo.abc.midi import require_mido

    if len(texts) != 1:
        raise click.UsageError(f"a .mid file holds one tune, and there are {len(texts)} texts: write a .abc file.")
    try:
        require_mido()
    except ImportError as error:
        raise click.ClickException(str(error)) from error
