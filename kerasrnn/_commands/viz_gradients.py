"""`kerasrnn viz gradients`."""

from typing import Any

import click

from kerasrnn._commands.session import Session
from kerasrnn._terminal import Examples, drawing, reports_errors


@click.command(
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
