"""`kerasrnn viz diff`."""

import dataclasses
from pathlib import Path
from typing import Any

import click

from kerasrnn._commands.models import load_task, names_model
from kerasrnn._commands.session import Session
from kerasrnn._terminal import DATA, Examples, drawing, reports_errors


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz diff early.keras late.keras --input batch.npy
    kerasrnn viz diff runs/a/dates_bahdanau dates_bahdanau "3 mai 1998" --kind attention
    kerasrnn viz gates "3 mai 1998" --data one.npz
    kerasrnn viz gates "3 Mai 1998" --data two.npz
    kerasrnn viz diff one.npz two.npz""",
)
@click.argument("first")
@drawing("diff.png")
@click.option(
    "--kind",
    type=click.Choice(["gates", "attention"]),
    help="What to compare.  [default: gates, or what the files of --data hold]",
)
@click.option("--limit", type=click.FloatRange(0, min_open=True), help="End of the scale.  [default: the largest one]")
@reports_errors
def diff(first: str, kind: str | None, limit: float | None, **given: Any) -> None:
    """What MODEL does more (red) or less (blue) than FIRST on the same input.

    Both are names of trained models or folders of such (see: kerasrnn zoo list), .keras files, or files that --data of
    viz gates or viz attention wrote. TEXT is what they should read, "-" for standard input.
    """
    model = given["model"]
    if model is None:
        raise click.UsageError("give two models to compare: FIRST and MODEL.")
    if any(name.lower().endswith(DATA) for name in (first, model)):
        _files(first, kind, limit, given)
        return
    for name in (first, model):
        if not names_model(name):
            raise click.UsageError(f"'{name}' is no model: give two models, and then the TEXT.")
    session = Session(**given)
    from kerasrnn.viz import capture_attention, capture_gates

    how = capture_attention if kind == "attention" else capture_gates
    second = session.capture(how)
    own, inputs = session.model, session.inputs
    session.model = _other(first, session)
    before = session.capture(_quietly(how), layer_of=second.layer)
    session.model, session.inputs = own, inputs
    _draw(session, before, second, limit, f"{model} − {first}", session.row)


def _quietly(how: Any) -> Any:
    """The same capture, of the layer that the other model's has, without a remark on the choice."""

    def capture(model: Any, inputs: Any, *, layer: str | None, layer_of: str, **options: Any) -> Any:
        return dataclasses.replace(how(model, inputs, layer=layer or layer_of, **options), note="")

    return capture


def _other(name: str, session: Session) -> Any:
    """The model to compare with, which must read what the session's model reads."""
    if name.endswith(".keras"):
        from kerasrnn.viz import user_model

        path = Path(name)
        user_model.check_model_file(path)
        return user_model.load_model(path, **session.load_options)
    task = load_task(name)
    if session.task is None:
        raise click.UsageError(f"{name} reads TEXT and the other model arrays: compare two of a kind.")
    if task.card.get("vocabulary") != session.task.card.get("vocabulary"):
        raise ValueError(f"{name} and {session.task.name} have different vocabularies, so they read nothing in common.")
    return task.model


def _files(first: str, kind: str | None, limit: float | None, given: dict[str, Any]) -> None:
    from kerasrnn._commands.picture import Picture
    from kerasrnn.viz import Capture

    model = given.pop("model")
    for name in (first, model):
        if not name.lower().endswith(DATA):
            raise click.UsageError(f"'{name}' is no file of --data: compare two of them, or two models.")
    of_models = {"text": "TEXT", "input_": "--input", "layer": "--layer", "tokens": "--tokens"}
    of_models |= {"imports": "--import", "unsafe": "--unsafe", "vocabulary": "--vocabulary"}
    for option, named in of_models.items():
        if given.pop(option) not in (None, (), False):
            raise click.UsageError(f"{named} has no meaning for files of --data: they hold what is drawn.")
    row = given.pop("row")
    picture = Picture(**given)
    captures = []
    for name in (first, model):
        if not Path(name).is_file():
            raise ValueError(f"there is no file {name}: write one with --data of viz gates or viz attention.")
        captures.append(Capture.load(name))
    names = [key.rpartition("/")[2] for key in captures[1].arrays]
    if kind is not None and ("alignment" in names) != (kind == "attention"):
        raise click.UsageError(f"--kind {kind}: {model} holds {', '.join(dict.fromkeys(names))}.")
    if row >= len(captures[1].mask):
        raise click.UsageError(f"--row {row}: {model} has {len(captures[1].mask)} rows, numbered from 0.")
    _draw(picture, captures[0], captures[1], limit, f"{Path(model).stem} − {Path(first).stem}", row)


def _draw(picture: Any, first: Any, second: Any, limit: float | None, title: str, row: int) -> None:
    from kerasrnn.viz import difference_heatmap
    from kerasrnn.viz.difference import difference

    found = difference(first, second)
    arrays = found.one(row)
    alignments = {name: array for name, array in arrays.items() if name.rpartition("/")[2] == "alignment"}
    arrays = alignments or arrays
    tokens = found.tokens[row] if found.tokens else None
    source_tokens = found.source_tokens[row] if found.source_tokens else None
    source_mask = None if found.source_mask is None else found.source_mask[row]
    title = picture.wanted_title or title

    def figure() -> Any:
        options = {"mask": found.mask[row], "source_mask": source_mask, "first": second.first, **picture.style}
        return difference_heatmap(arrays, tokens, source_tokens, limit=limit, title=title, **options)

    def in_terminal(screen: Any) -> Any:
        from rich.console import Group

        from kerasrnn.viz.names import caption_of
        from kerasrnn.viz.terminal import heatmap

        end = limit or max(found.facts["largest"].values()) or 1.0
        parts: list[Any] = [title]
        for name, array in arrays.items():
            if alignments:
                heads = array[None] if array.ndim == 2 else array
                rows = tokens or [str(second.first + step) for step in range(array.shape[-2])]
                options: dict[str, Any] = {"rows": rows, "columns": source_tokens, "mask": source_mask}
                parts += [heatmap(screen, head, signed=True, limit=end, **options) for head in heads]
            else:
                options = {"columns": tokens, "mask": found.mask[row], "first": second.first, "tall": 8}
                parts.append(heatmap(screen, array.T, caption=caption_of(name), signed=True, limit=end, **options))
        return Group(*parts)

    picture.finish(figure, found, terminal=in_terminal)
