"""`kerasrnn viz gates`."""

import dataclasses
from typing import Any

import click

from kerasrnn._commands.gate_kinds import KINDS
from kerasrnn._commands.gate_request import Request, Unit, unit_option
from kerasrnn._commands.session import Session
from kerasrnn._terminal import PAGE, Examples, drawing, reports_errors

OF_UNITS = ("text", "memory")


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz gates
    kerasrnn viz gates dates_bahdanau "5 de agosto de 2026" --layer decoder -o decoder.svg
    kerasrnn viz gates "5 de agosto de 2026" -o page.html
    kerasrnn viz gates my_model.keras --input batch.npy --layer lstm_1 --kind health
    kerasrnn viz gates --kind text --unit forward/17 --terminal""",
)
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    default="heatmap",
    show_default=True,
    help="heatmap: units by steps. timeline: mean and spread of the units over the steps. saturation: how often each "
    "unit is at either end. text: the tokens in the colours of one unit. memory: half-life of each unit, and what is "
    "left of every step. health: dead and stuck units.",
)
@click.option("--sort", is_flag=True, help="heatmap: units in the order of their mean.")
@click.option(
    "--unit",
    metavar="N",
    callback=unit_option,
    help="text and memory: a unit, such as 17, or forward/17 of two directions.  [default: text, the one that changes "
    "most; memory, the mean of all]",
)
@drawing("gates.png", page=True)
@reports_errors
def gates(kind: str, sort: bool, unit: Unit | None, **given: Any) -> None:
    """The gates and states of a recurrent layer over time.

    MODEL is the name of a trained model (see: kerasrnn zoo list) or the path of a .keras file; TEXT is what it
    should read, "-" for standard input. Without --layer it is the first recurrent layer along the whole input.
    Saturation, half-lives and health are taken over all rows of the batch, padding left out.
    """
    if sort and kind != "heatmap":
        raise click.UsageError(f"--sort is for --kind heatmap, not {kind}.")
    if unit is not None and kind not in OF_UNITS:
        raise click.UsageError(f"--unit is for --kind {' and '.join(OF_UNITS)}, not {kind}.")
    if given["output"].suffix.lower() == PAGE and (kind != "heatmap" or sort):
        asked = "--sort" if sort else f"--kind {kind}"
        raise click.UsageError(f"a page shows the gates without {asked}: that is a figure, .png, .svg or .pdf.")
    session = Session(**given)
    from kerasrnn.viz import capture_gates

    capture = session.capture(capture_gates)
    request = Request(capture, session.row, session.title, session.style, session.say, unit, sort)
    picture = KINDS[kind](request)
    captured = dataclasses.replace(capture, drawn=picture.drawn)

    def page() -> Any:
        from kerasrnn.viz import gates_page
        from kerasrnn.viz.capture.sites import recurrent_sites

        captures = session.others(capture_gates, capture, [site.name for site in recurrent_sites(session.model)])
        title = session.title(f"gates and states of {capture.layer}")
        return gates_page(captures, row=session.row, title=title, theme=session.page_theme)

    shown: dict[str, Any] = {"terminal": picture.terminal, "facts": picture.facts}
    session.finish(picture.figure, captured, page=page if kind == "heatmap" else None, **shown)
