"""`kerasrnn viz training`."""

from pathlib import Path
from typing import Any

import click

from kerasrnn._commands.picture import Picture
from kerasrnn._terminal import Examples, reports_errors, writing


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz training run.jsonl
    kerasrnn viz training run.jsonl -o training.svg --only gradient_norm --only clip_fraction
    kerasrnn viz training run.jsonl --terminal""",
)
@click.argument("log", type=click.Path(path_type=Path))
@click.option("--only", metavar="KEY", multiple=True, help="Only keys that begin so, such as loss; may be repeated.")
@writing("training.png")
@reports_errors
def training(log: Path, only: tuple[str, ...], **given: Any) -> None:
    """A training run from its LOG, one JSON object a line: loss, saturation, gradient norms, clipping.

    GateMonitor writes such a log, and so does the training of every model in the zoo. A last line that is still being
    written is left out, so the run may go on meanwhile.
    """
    from kerasrnn.viz.training_log import read_log

    picture = Picture(**given)
    series = read_log(log)
    if only:
        chosen = {key: part for key, part in series.items() if key.startswith(only)}
        if not chosen:
            raise ValueError(f"--only {' '.join(only)}: {log} has no such key, only {', '.join(series)}")
        series = chosen
    title = picture.title(log.name)

    def figure() -> Any:
        from kerasrnn.viz import training_curves

        return training_curves(series, title=title, **picture.style)

    last = {key: _listed(part.values[-1]) for key, part in series.items()}
    facts = {"log": str(log), "step": max(part.steps.max() for part in series.values()), "last": last}
    picture.finish(figure, None, terminal=lambda screen: _in_terminal(screen, series, title), facts=facts)


def _listed(values: Any) -> Any:
    from kerasrnn.viz.findings import finite_or_none

    return finite_or_none(values)


def _in_terminal(screen: Any, series: Any, title: str) -> Any:
    import numpy as np
    from rich.console import Group

    from kerasrnn.viz.terminal import lines, table

    flat = {key: part for key, part in series.items() if part.values.ndim == 1 and key not in ("epoch", "seconds")}
    parts = []
    if "loss" in flat:
        values = flat["loss"].values
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        parts.append(lines(screen, {"loss": values}, low=low, high=high))
    rows = []
    for key, part in flat.items():
        finite = part.values[np.isfinite(part.values)]
        figures = (finite[0], finite[-1], finite.min(), finite.max()) if finite.size else [np.nan] * 4
        rows.append([key, *(f"{figure:.4g}" for figure in figures)])
    return Group(*parts, table(["key", "first", "last", "least", "most"], rows, title))
