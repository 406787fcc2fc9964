"""`kerasrnn viz attention`."""

from typing import Any

import click

from kerasrnn._commands.session import Session
from kerasrnn._terminal import Examples, drawing, reports_errors


@click.command(
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
