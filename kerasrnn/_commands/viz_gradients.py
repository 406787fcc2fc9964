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
@drawing("gradients.png", page=True)
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
    row, first = session.row, capture.first
    norms = {key.rpartition("bptt")[0].strip("/"): norm for key, norm in capture.one(row).items()}
    horizons, at_step = capture.facts["horizon"], capture.facts["at"]
    steps = capture.mask.shape[1]
    marks = {direction: horizons[direction or next(iter(horizons))][row] for direction in norms}
    position = None if at_step is None else at_step[row] - first
    tokens = capture.tokens[row] if capture.tokens else None
    title = session.title(f"gradient of the loss at {capture.layer}")

    def figure() -> Any:
        return bptt_curve(
            norms,
            tokens,
            horizon={direction: _within(mark, first, steps) for direction, mark in marks.items()},
            mask=capture.mask[row],
            title=title,
            at=position if position is not None and 0 <= position < steps else None,
            first=first,
            **session.style,
        )

    def in_terminal(screen: Any) -> Any:
        import numpy as np
        from rich.console import Group

        from kerasrnn.viz.terminal import lines

        curves = {}
        for direction, norm in norms.items():
            mark = marks[direction]
            said = f"horizon {mark['steps']} steps" if mark else "no gradient reaches this layer"
            usable = np.isfinite(norm) & (norm > 0)
            logarithms = np.log10(np.where(usable, norm, 1.0))
            curves[f"{direction + ': ' if direction else ''}log10 ‖∂loss/∂state‖, {said}"] = np.where(
                usable, logarithms, np.nan
            )
        finite = np.concatenate([curve[np.isfinite(curve)] for curve in curves.values()])
        low, high = (np.floor(finite.min()), np.ceil(finite.max())) if finite.size else (0.0, 1.0)
        return Group(title, lines(screen, curves, columns=tokens, low=low, high=high, first=first))

    def page() -> Any:
        from functools import partial

        from kerasrnn.viz import bptt_page
        from kerasrnn.viz.capture.sites import recurrent_sites

        how = partial(capture_gradients, at=at, target=session.targets)
        captures = session.others(how, capture, [site.name for site in recurrent_sites(session.model)])
        return bptt_page(captures, row=row, title=title, theme=session.page_theme)

    session.finish(figure, capture, terminal=in_terminal, page=page)


def _within(mark: dict[str, int] | None, first: int, steps: int) -> dict[str, int] | None:
    """A horizon as seen from a window of the steps; None where it leaves the window."""
    if mark is None:
        return None
    moved = mark | {"from": mark["from"] - first, "to": mark["to"] - first}
    return moved if all(0 <= moved[end] < steps for end in ("from", "to")) else None
