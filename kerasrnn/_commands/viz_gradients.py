"""`kerasrnn viz gradients`."""

from typing import Any

import click

from kerasrnn._commands.session import Session
from kerasrnn._terminal import PAGE, Examples, drawing, reports_errors

KINDS = ("bptt", "jacobian", "weights", "saliency")


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz gradients
    kerasrnn viz gradients dates_bahdanau "5 de agosto de 2026" --at 3
    kerasrnn viz gradients dates_bahdanau "5 de agosto de 2026" --target 2026-08-05
    kerasrnn viz gradients --kind jacobian
    kerasrnn viz gradients --kind saliency --at 0 --terminal
    kerasrnn viz gradients my_model.keras --input batch.npy --target 1
    kerasrnn viz gradients my_model.keras --input batch.npy --all-rows
    kerasrnn viz gradients my_model.keras --input batch.npy --kind weights --target labels.npy""",
)
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="bptt",
    show_default=True,
    help="bptt: by the state at every step. jacobian: of every output by every step of the input. weights: by the "
    "weights of each gate. saliency: what each token adds to an output.",
)
@click.option("--at", type=int, help="Step of the output whose loss is taken, from 0.  [default: the last valid one]")
@click.option(
    "--target",
    help="Take the compiled loss against this target: a text, a number, or an .npy file; with jacobian and saliency, "
    "the classes whose logits are taken.  [default: the model's own choice]",
)
@click.option("--all-rows", is_flag=True, help="bptt: median and quartiles over the rows of the batch.")
@click.option(
    "--method",
    type=click.Choice(["integrated", "input"]),
    help="saliency: integrated gradients, or gradient times input.  [default: integrated]",
)
@click.option("--steps", type=click.IntRange(1, 10_000), help="saliency: points of the integral.  [default: 32]")
@drawing("gradients.png", page=True)
@reports_errors
def gradients(
    kind: str,
    at: int | None,
    target: str | None,
    all_rows: bool,
    method: str | None,
    steps: int | None,
    **given: Any,
) -> None:
    """How far back the loss reaches (BPTT), what each output reads, what each token adds, how hard each gate is pulled.

    MODEL is the name of a trained model (see: kerasrnn zoo list) or the path of a .keras file; TEXT is what it
    should read, "-" for standard input. Without --layer it is the first recurrent layer along the whole input, and
    for --kind weights every recurrent layer. The horizon is the longest way back at which the norm is still a
    hundredth of its greatest.
    """
    if all_rows and kind != "bptt":
        raise click.UsageError(f"--all-rows is for --kind bptt, not for {kind}.")
    if (method is not None or steps is not None) and kind != "saliency":
        raise click.UsageError(f"--method and --steps are for --kind saliency, not for {kind}.")
    if at is not None and kind == "jacobian":
        raise click.UsageError("--at is for one output; --kind jacobian shows them all. Leave it out.")
    if steps is not None and method == "input":
        raise click.UsageError("--steps are those of the integral; --method input has none.")
    if kind == "weights" and given["tokens"] is not None:
        raise click.UsageError("--tokens chooses steps; --kind weights has none. Leave it out.")
    if given["output"].suffix.lower() == PAGE and (all_rows or kind in ("weights", "saliency")):
        raise click.UsageError(f"--kind {kind}{' --all-rows' * all_rows} has no page: write .png, .svg or .pdf.")
    session = Session(target=target, **given)
    if kind == "jacobian":
        _jacobian(session)
    elif kind == "weights":
        _weights(session, at)
    elif kind == "saliency":
        _saliency(session, at, method or "integrated", steps or 32)
    elif all_rows:
        _bptt_of_all_rows(session, at)
    else:
        _bptt(session, at)


def _bptt(session: Session, at: int | None) -> None:
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

        from kerasrnn.viz.figures.bptt import ALL_BROKEN, NOTHING
        from kerasrnn.viz.terminal import lines

        curves = {}
        for direction, norm in norms.items():
            mark = marks[direction]
            said = f"horizon {mark['steps']} steps" if mark else NOTHING if np.isfinite(norm).all() else ALL_BROKEN
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


def _bptt_of_all_rows(session: Session, at: int | None) -> None:
    from kerasrnn.viz import bptt_rows, capture_gradients
    from kerasrnn.viz.figures.bptt_rows import by_lag, median_horizon

    capture = session.capture(capture_gradients, at=at, target=session.targets)
    directions = {direction: direction == "backward" for direction in capture.facts["horizon"]}
    curves = {
        key.rpartition("bptt")[0][len(capture.layer) + 1 :].strip("/"): array for key, array in capture.arrays.items()
    }
    backwards = dict(zip(curves, directions.values(), strict=True))
    lagged = {name: by_lag(array, capture.mask, backwards[name]) for name, array in curves.items()}
    horizons = {direction: median_horizon(array) for direction, array in zip(directions, lagged.values(), strict=True)}
    title = session.title(f"gradient of the loss at {capture.layer}")

    def figure() -> Any:
        return bptt_rows(lagged, title=title, **session.style)

    def in_terminal(screen: Any) -> Any:
        from kerasrnn.viz.terminal import table

        rows = [[direction, "none" if lag is None else lag] for direction, lag in horizons.items()]
        return table(["direction", "horizon of the median, steps"], rows, title)

    session.finish(figure, capture, terminal=in_terminal, facts={"horizon of the median": horizons})


def _jacobian(session: Session) -> None:
    from kerasrnn.viz import capture_jacobian, jacobian_heatmap

    session.only_row()
    capture = session.capture(
        capture_jacobian,
        along=lambda observed, found: {
            "tokens": session.names(found, observed.tokens),
            "source_tokens": observed.read_by(found.layer),
        },
        written=True,
        target=session.targets,
    )
    row = session.row
    matrix = capture.one(row)["jacobian"]
    tokens = capture.tokens[row] if capture.tokens else None
    source_tokens = capture.source_tokens[row] if capture.source_tokens else None
    of = capture.facts["of"].partition(" of ")[0]
    title = session.title(f"{capture.facts['of']}, by the input of {capture.layer}")

    def figure() -> Any:
        masks = {"source_mask": capture.source_mask[row], "mask": capture.mask[row]}
        options = masks | {"title": title, "of": of, "first": capture.first} | session.style
        return jacobian_heatmap(matrix, source_tokens, tokens, **options)

    def in_terminal(screen: Any) -> Any:
        import numpy as np

        from kerasrnn.viz.terminal import heatmap

        largest = matrix[np.isfinite(matrix)].max(initial=0.0) or 1.0
        shares = np.where(matrix > 0, np.log10(np.maximum(matrix / largest, 1e-5)) / 5 + 1, 0)
        caption = f"{title}; from {largest:.2g} × 10⁻⁵ (0) to {largest:.2g} (1), logarithmic"
        rows = tokens or [str(capture.first + step) for step in range(len(matrix))]
        return heatmap(screen, shares, rows=rows, columns=source_tokens, caption=caption)

    def page() -> Any:
        from kerasrnn.viz import jacobian_page

        return jacobian_page(capture, row=row, title=title, theme=session.page_theme)

    session.finish(figure, capture, terminal=in_terminal, page=page)


def _saliency(session: Session, at: int | None, method: str, points: int) -> None:
    from kerasrnn.viz import capture_saliency, saliency_text

    session.only_row()
    capture = session.capture(
        capture_saliency,
        along=lambda observed, found: {"tokens": observed.read_by(found.layer)},
        at=at,
        target=session.targets,
        method=method,
        points=points,
    )
    row, facts = session.row, capture.facts
    values = capture.one(row)["saliency"]
    tokens = capture.tokens[row] if capture.tokens else None
    gap, total, score, baseline = (facts[name][row] for name in ("gap", "sum", "score", "baseline"))
    where = "" if facts["output steps"] is None else f" at output step {facts['output steps'][row]}"
    title = session.title(f"{facts['of']}{where}, by the input of {capture.layer}")
    said = f"{facts['method']}, {facts['of']}{where}: F(x) = {_figure(score)}, F(0) = {_figure(baseline)}"
    gap_said = f"Σ = {_figure(total)}, gap {_figure(gap)}"
    session.say(f"{said}; {gap_said}")

    def figure() -> Any:
        options = {"title": title, "note": f"{said}\n{gap_said}", "first": capture.first} | session.style
        return saliency_text(values, tokens, mask=capture.mask[row], **options)

    def in_terminal(screen: Any) -> Any:
        import numpy as np

        from kerasrnn.viz.terminal import coloured_tokens

        shown = tokens or [f"{capture.first + step} " for step in range(len(values))]
        limit = float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0
        return coloured_tokens(screen, shown, values, limit=limit, mask=capture.mask[row], caption=title)

    session.finish(figure, capture, terminal=in_terminal)


def _weights(session: Session, at: int | None) -> None:
    from kerasrnn.viz import capture_weight_gradients, weight_gradients

    found = session.find(capture_weight_gradients, session.inputs, at=at, target=session.targets)
    title = session.title(f"gradient of the loss by weights ({found.facts['loss']})")

    def figure() -> Any:
        return weight_gradients(found.arrays, title=title, **session.style)

    def in_terminal(screen: Any) -> Any:
        from kerasrnn.viz.terminal import table

        rows = [[key, *(f"{value:.3g}" for value in pair)] for key, pair in found.arrays.items()]
        return table(["weights", "gradient", "over the weight"], rows, title)

    session.finish(figure, found, terminal=in_terminal)


def _figure(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.3g}".replace("-", "−")


def _within(mark: dict[str, int] | None, first: int, steps: int) -> dict[str, int] | None:
    """A horizon as seen from a window of the steps; None where it leaves the window."""
    if mark is None:
        return None
    moved = mark | {"from": mark["from"] - first, "to": mark["to"] - first}
    return moved if all(0 <= moved[end] < steps for end in ("from", "to")) else None
