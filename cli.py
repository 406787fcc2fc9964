"""The command line: words in, files out. It parses, calls and reports; maths and drawing are elsewhere.

Nothing heavy is imported before a command runs: `--help`, `--version` and completion load neither TensorFlow nor
Matplotlib.
"""

import dataclasses
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kerasrnn import __version__
from kerasrnn._terminal import (
    Examples,
    OneLineErrors,
    console,
    drawing,
    echo_json,
    import_keras,
    read_stdin,
    reports_errors,
)

DEFAULT_MODEL = "dates_bahdanau"


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def main() -> None:
    """Recurrent models you can see inside.

    Draw what a trained LSTM or GRU attends to, remembers and learns from: the models that come with kerasrnn, or
    your own .keras file. Start with: kerasrnn viz attention
    """


@main.group()
def viz() -> None:
    """Draw what a model does, to a PNG, SVG or PDF file."""


@main.group()
def zoo() -> None:
    """The trained models that come with kerasrnn."""


@viz.command(
    cls=Examples,
    epilog="""kerasrnn viz attention
    kerasrnn viz attention dates_bahdanau "5 de agosto de 2026" -o slide.pdf
    kerasrnn viz attention my_model.keras --input batch.npy --data weights.npz""",
)
@drawing("attention.png")
@reports_errors
def attention(**given: Any) -> None:
    """What each produced token attended to, as a heatmap.

    MODEL is the name of a trained model (see: kerasrnn zoo list) or the path of a .keras file; TEXT is what it
    should read, "-" for standard input. Without them a trained model reads an example.
    """
    session = Session(**given)
    from kerasrnn.viz import attention_heatmap, capture_attention

    capture = session.capture(capture_attention)
    row = session.row
    figure = attention_heatmap(
        capture.one(row)["alignment"],
        capture.source_tokens[row] if capture.source_tokens else None,
        capture.tokens[row] if capture.tokens else None,
        source_mask=capture.source_mask[row],
        mask=capture.mask[row],
        title=session.title(f"attention of {capture.layer}"),
    )
    session.finish(figure, capture)


@viz.command(
    cls=Examples,
    epilog="""kerasrnn viz gates
    kerasrnn viz gates dates_bahdanau "5 de agosto de 2026" --layer decoder -o decoder.svg
    kerasrnn viz gates my_model.keras --input batch.npy --layer lstm_1""",
)
@drawing("gates.png")
@reports_errors
def gates(**given: Any) -> None:
    """Every gate and state of a recurrent layer over time, units by steps.

    MODEL is the name of a trained model (see: kerasrnn zoo list) or the path of a .keras file; TEXT is what it
    should read, "-" for standard input. Without --layer it is the first recurrent layer, which reads the input.
    """
    session = Session(**given)
    from kerasrnn.viz import capture_gates, gates_heatmap

    capture = session.capture(capture_gates)
    figure = gates_heatmap(
        capture.one(session.row),
        capture.tokens[session.row] if capture.tokens else None,
        mask=capture.mask[session.row],
        title=session.title(f"gates and states of {capture.layer}"),
    )
    session.finish(figure, capture)


@viz.command(
    cls=Examples,
    epilog="""kerasrnn viz gradients
    kerasrnn viz gradients dates_bahdanau "5 de agosto de 2026" --at 3
    kerasrnn viz gradients dates_bahdanau "5 de agosto de 2026" --target 2026-08-05
    kerasrnn viz gradients my_model.keras --input batch.npy --target 1""",
)
@click.option("--at", type=int, help="Step of the output whose loss is taken, from 0.  [default: the last valid one]")
@click.option(
    "--target",
    help="Take the compiled loss against this target: a text, a number, or an .npy file.  [default: -log p of the "
    "model's own choice]",
)
@drawing("gradients.png")
@reports_errors
def gradients(at: int | None, target: str | None, **given: Any) -> None:
    """How far back the loss reaches: its gradient with respect to the state at every step (BPTT), on a log scale.

    MODEL is the name of a trained model (see: kerasrnn zoo list) or the path of a .keras file; TEXT is what it
    should read, "-" for standard input. Without --layer it is the first recurrent layer, which reads the input. The
    horizon is the longest way back at which the norm is still a hundredth of its greatest.
    """
    session = Session(target=target, **given)
    from kerasrnn.viz import bptt_curve, capture_gradients

    capture = session.capture(capture_gradients, at=at, target=session.targets)
    row = session.row
    norms = {key.rpartition("bptt")[0].strip("/"): norm for key, norm in capture.one(row).items()}
    horizons, at_step = capture.facts["horizon"], capture.facts["at"]
    figure = bptt_curve(
        norms,
        capture.tokens[row] if capture.tokens else None,
        horizon={direction: horizons[direction or next(iter(horizons))][row] for direction in norms},
        mask=capture.mask[row],
        title=session.title(f"gradient of the loss at {capture.layer}"),
        at=None if at_step is None else at_step[row],
    )
    session.finish(figure, capture)


@zoo.command("list", cls=Examples, epilog="kerasrnn zoo list\nkerasrnn zoo list --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reports_errors
def zoo_list(as_json: bool) -> None:
    """The models: what each does, how big it is and what it scores."""
    from kerasrnn.zoo import card, names

    cards = [card(name) for name in names()]
    if as_json:
        keys = ("name", "title", "weights", "metrics")
        echo_json([{key: card.get(key) for key in keys} for card in cards])
        return
    from kerasrnn.zoo.cards import overview

    console().print(overview(cards))


@zoo.command("info", cls=Examples, epilog="kerasrnn zoo info dates_bahdanau\nkerasrnn zoo info dates_bahdanau --json")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the whole card as JSON.")
@reports_errors
def zoo_info(name: str, as_json: bool) -> None:
    """The card of the model NAME: data, licence, training command, scores."""
    from kerasrnn.zoo import card

    found = card(name)
    if as_json:
        echo_json(found, indent=1)
        return
    from kerasrnn.zoo.cards import tables

    for renderable in tables(found):
        console().print(renderable)


@main.command(
    cls=Examples,
    epilog="""kerasrnn predict "3 mai 1998" "5 de agosto de 2026"
    kerasrnn predict dates_bahdanau - < dates.txt""",
)
@click.argument("words", nargs=-1, required=True, metavar="[MODEL] TEXT...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, with the confidence.")
@reports_errors
def predict(words: tuple[str, ...], as_json: bool) -> None:
    """What a trained model makes of each TEXT, one line each; TEXT "-" reads lines from standard input."""
    model, texts = (words[0], list(words[1:])) if _names_model(words[0]) else (DEFAULT_MODEL, list(words))
    if not texts:
        raise click.UsageError(f"give a text for {model} to read, or - for standard input.")
    if texts == ["-"]:
        texts = [line for line in read_stdin().splitlines() if line.strip()]
        if not texts:
            raise ValueError("standard input is empty: give one text a line.")
    task = _load_task(model)
    for text, prediction in zip(texts, task.predictions(texts), strict=True):
        if as_json:
            found = {"text": text, "prediction": prediction.text, "confidence": round(prediction.confidence, 6)}
            echo_json(found)
        else:
            click.echo(prediction.text)


@main.command(
    cls=Examples,
    epilog="""kerasrnn export -o dates
    kerasrnn export dates_bahdanau -o dates.keras --format keras""",
)
@click.argument("model", default=DEFAULT_MODEL)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="What to write; must not exist.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["saved_model", "keras"]),
    default="saved_model",
    show_default=True,
    help="saved_model: a folder, text in and text out, needs TensorFlow alone. keras: a .keras file.",
)
@reports_errors
def export(model: str, output: Path, format_: str) -> None:
    """Write a trained model for use elsewhere."""
    click.echo(os.fsencode(_load_task(model).export(output, format_)))


class Session:
    """One picture: checks what can be checked, loads the model, captures, writes."""

    def __init__(
        self,
        *,
        model: str | None,
        text: str | None,
        output: Path,
        layer: str | None,
        input_: Path | None,
        row: int,
        data: Path | None,
        title: str | None,
        as_json: bool,
        quiet: bool,
        target: str | None = None,
    ) -> None:
        from kerasrnn.viz.write import check_writable

        for path in filter(None, (output, data)):
            check_writable(path)
        if model is not None and text is None and input_ is None and not _names_model(model):
            model, text = None, model  # one word that is no model is what the default model should read
        self.output, self.layer, self.row, self.data = output, layer, row, data
        self._title, self._as_json, self._quiet = title, as_json, quiet
        self.observed: Any = None
        self.inputs: Any = None
        self.targets: Any = None
        name = model or DEFAULT_MODEL
        if name.endswith(".keras"):
            self._take_keras(Path(name), input_, text, target)
            return
        if input_ is not None:
            raise click.UsageError(f"--input is for .keras files; {name} reads TEXT.")
        task = _load_task(name)
        text = read_stdin().strip() if text == "-" else task.card["example"] if text is None else text
        self.observed = task.observe([text], None if target is None else [target])
        self.model, self.inputs = task.model, self.observed.inputs
        if target is not None:
            self.targets = self.observed.targets

    def _take_keras(self, path: Path, input_: Path | None, text: str | None, target: str | None) -> None:
        """A `.keras` file and a batch: all that can be wrong with them is said before Keras is imported."""
        from kerasrnn.viz import user_model

        targets = _number_or_array(target)
        user_model.check_model_file(path)
        if text is not None:
            raise click.UsageError(f"{path} has no text handling of its own: give its input with --input batch.npy.")
        if input_ is None:
            raise click.UsageError(f"{path} takes arrays: give a batch with --input batch.npy.")
        arrays = user_model.read_arrays(input_)
        import_keras()
        self.model = user_model.load_model(path)
        self.inputs = user_model.in_order(arrays, self.model)
        self.targets = user_model.repeated(targets, self.inputs) if isinstance(targets, float) else targets

    def capture(self, how: Callable[..., Any], **options: Any) -> Any:
        """Run the model under observation; the tokens of the observed layer go with the arrays."""
        from kerasrnn.viz.fonts import missing_scripts
        from kerasrnn.viz.user_model import failures_of_a_run

        try:
            captured = how(self.model, self.inputs, layer=self.layer, **options)
        except failures_of_a_run() as error:
            raise ValueError(f"the model cannot be drawn with this input: {error}") from error
        if self.row >= len(captured.mask):
            raise click.UsageError(f"--row {self.row}: the batch has {len(captured.mask)} rows, numbered from 0.")
        if self.observed is not None:
            along = {"tokens": self.observed.along(captured.layer)}
            if captured.source_mask is not None:
                along["source_tokens"] = self.observed.source_tokens
            captured = dataclasses.replace(captured, **along)
        if captured.note:
            self.say(captured.note)
        tokens = [token for rows in (captured.tokens, captured.source_tokens) if rows for token in rows[self.row]]
        for script in missing_scripts(tokens):
            self.say(f"no font here has {script}: install one that has to see it drawn")
        return captured

    def title(self, what: str) -> str:
        """The title of the picture: what was read and answered, and how sure the model was."""
        if self._title is not None:
            return self._title
        if self.observed is None:
            return what
        prediction = self.observed.predictions[0]
        read, answer = "".join(prediction.source_tokens), f"{prediction.text}  ({_percent(prediction.confidence)})"
        return f"{read}  →  {answer}"

    def finish(self, figure: Any, captured: Any) -> None:
        """Write what was asked for, then say where it is."""
        from kerasrnn.viz import write_figure

        if self.data is not None:
            captured.save(self.data)
        write_figure(figure, self.output)
        if self._as_json:
            summary = captured.summary() | {"output": str(self.output)}
            if self.observed is not None:
                prediction = self.observed.predictions[0]
                summary |= {"prediction": prediction.text, "confidence": prediction.confidence}
            echo_json(summary)
        else:
            click.echo(os.fsencode(self.output))

    def say(self, remark: str) -> None:
        if not self._quiet:
            click.echo(remark, err=True)


def _names_model(word: str) -> bool:
    """Whether a word is meant as a model: a preset, a near miss of one, a path, or a name like a preset's."""
    import difflib

    from kerasrnn.zoo import names

    if word in ("", "-"):
        return False
    if difflib.get_close_matches(word, names(), n=1, cutoff=0.6) or re.fullmatch(r"[a-z]+(_[a-z]+)+", word):
        return True
    try:
        return word.endswith(".keras") or Path(word).exists()
    except OSError:  # a text longer than any file's name
        return False


def _percent(share: float) -> str:
    """A share that is not quite one is not called 100 %."""
    return "> 99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.1f} %"


def _load_task(name: str) -> Any:
    from kerasrnn.zoo import preset

    preset.find(name)  # an unknown name needs no TensorFlow to say so
    import_keras()
    from kerasrnn.zoo import from_preset

    return from_preset(name)


def _number_or_array(target: str | None) -> Any:
    if target is None:
        return None
    if target.endswith(".npy"):
        from kerasrnn.viz.user_model import read_arrays

        return read_arrays(Path(target))
    try:
        number = float(target)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise click.BadParameter(f"'{target}' is neither a number nor an .npy file.", param_hint="--target")
    return number


if __name__ == "__main__":
    main(prog_name="kerasrnn")
