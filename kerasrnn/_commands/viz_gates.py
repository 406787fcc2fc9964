"""`kerasrnn viz gates`."""

from typing import Any

import click

from kerasrnn._commands.session import Session
from kerasrnn._terminal import Examples, drawing, reports_errors


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz gates
    kerasrnn viz gates dates_bahdanau "5 de agosto de 2026" --layer decoder -o decoder.svg
    kerasrnn viz gates "5 de agosto de 2026" -o page.html
    kerasrnn viz gates my_model.keras --input batch.npy --layer lstm_1""",
)
@drawing("gates.png", page=True)
@reports_errors
def gates(**given: Any) -> None:
    """Every gate and state of a recurrent layer over time, units by steps.

    MODEL is the name of a trained model (see: kerasrnn zoo list) or the path of a .keras file; TEXT is what it
    should read, "-" for standard input. Without --layer it is the first recurrent layer, which reads the input.
    """
    session = Session(**given)
    from kerasrnn.viz import capture_gates, gates_heatmap

    capture = session.capture(capture_gates)
    arrays, mask = capture.one(session.row), capture.mask[session.row]
    tokens = capture.tokens[session.row] if capture.tokens else None
    title = session.title(f"gates and states of {capture.layer}")

    def figure() -> Any:
        return gates_heatmap(arrays, tokens, mask=mask, title=title, first=capture.first, **session.style)

    def in_terminal(screen: Any) -> Any:
        from kerasrnn.viz.terminal import gate_panels

        return gate_panels(screen, arrays, tokens, mask=mask, title=title, first=capture.first)

    def page() -> Any:
        from kerasrnn.viz import gates_page
        from kerasrnn.viz.capture.sites import recurrent_sites

        captures = session.others(capture_gates, capture, [site.name for site in recurrent_sites(session.model)])
        return gates_page(captures, row=session.row, title=title, theme=session.page_theme)

    session.finish(figure, capture, terminal=in_terminal, page=page)
