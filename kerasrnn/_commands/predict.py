"""`kerasrnn predict`."""

import click

from kerasrnn._commands.models import DEFAULT_MODEL, load_task, names_model
from kerasrnn._terminal import Examples, echo_json, read_stdin, reports_errors


@click.command(
    cls=Examples,
    epilog="""kerasrnn predict "3 mai 1998" "5 de agosto de 2026"
    kerasrnn predict dates_bahdanau - < dates.txt""",
)
@click.argument("words", nargs=-1, required=True, metavar="[MODEL] TEXT...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, with the confidence.")
@reports_errors
def predict(words: tuple[str, ...], as_json: bool) -> None:
    """What a trained model makes of each TEXT, one line each; TEXT "-" reads lines from standard input."""
    model, texts = (words[0], list(words[1:])) if names_model(words[0]) else (DEFAULT_MODEL, list(words))
    if not texts:
        raise click.UsageError(f"give a text for {model} to read, or - for standard input.")
    if texts == ["-"]:
        texts = [line for line in read_stdin().splitlines() if line.strip()]
        if not texts:
            raise ValueError("standard input is empty: give one text a line.")
    task = load_task(model)
    for text, prediction in zip(texts, task.predictions(texts), strict=True):
        if as_json:
            found = {"text": text, "prediction": prediction.text, "confidence": round(prediction.confidence, 6)}
            echo_json(found)
        else:
            click.echo(prediction.text)
