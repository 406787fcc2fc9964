"""`kerasrnn viz length`."""

from pathlib import Path
from typing import Any

import click

from kerasrnn._commands.picture import Picture
from kerasrnn._terminal import Examples, reports_errors, writing


@click.command(
    cls=Examples,
    epilog="""kerasrnn evaluate pos_bilstm --data pos_ewt --by length --json > pos.json
    kerasrnn viz length pos.json
    kerasrnn viz length translate_en_fr_bahdanau translate_en_fr_plain
    kerasrnn viz length lstm.jsonl gru.jsonl --bin 10 -o length.pdf""",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--label", multiple=True, help="Name of a curve, one for each FILE.  [default: the files' names]")
@click.option("--bin", "width", type=click.IntRange(1), help="Lengths in a bin.  [default: what makes a dozen]")
@click.option("--resamples", type=click.IntRange(2), default=1000, show_default=True, help="Of the bootstrap.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the bootstrap.")
@writing("length.png")
@reports_errors
def length(
    files: tuple[Path, ...],
    label: tuple[str, ...],
    width: int | None,
    resamples: int,
    seed: int,
    **given: Any,
) -> None:
    """How a score falls with length: a curve a FILE, with bootstrap 95 % intervals.

    FILE is what kerasrnn evaluate --by length --json prints, or one example a line: {"length": 12, "correct": true},
    or a length, a tab and a score; or a preset, by its name or its folder, for the scores in its card.
    """
    if label and len(label) != len(files):
        raise click.UsageError(f"give --label once for each of the {len(files)} files; it came {len(label)} times.")
    picture = Picture(**given)
    from kerasrnn.viz.lengths import lengths_of_card, read_lengths
    from kerasrnn.zoo import preset

    curves: dict[str, Any] = {}
    for number, path in enumerate(files):
        is_name = not (path.exists() or path.suffix or path.parent.name)  # as a preset has one
        if is_name or path.is_dir():
            name, found = path.resolve().name, lengths_of_card(preset.find(str(path)).card)
        else:
            name, found = path.stem, {"": read_lengths(path, width=width, resamples=resamples, seed=seed)}
        name = label[number] if label else name
        for data, curve in found.items():
            called = name if len(found) == 1 else f"{name}, {data}"
            curves[called if called not in curves else f"{called} ({number + 1})"] = curve
    metrics = {curve.metric for curve in curves.values()}
    if len(metrics) > 1:
        raise ValueError(f"the files hold different scores ({', '.join(sorted(metrics))}): draw them one by one.")
    title = picture.title("")

    def figure() -> Any:
        from kerasrnn.viz import length_curve

        return length_curve(curves, title=title, **picture.style)

    def in_terminal(screen: Any) -> Any:
        from kerasrnn.viz.terminal import table

        rows = [
            [name, f"{low:g}–{high:g}", f"{value:.4g}", f"{interval[0]:.4g} – {interval[1]:.4g}", int(count)]
            for name, curve in curves.items()
            for low, high, value, interval, count in _bins(curve)
        ]
        return table(["", "length", next(iter(metrics)), "95 % interval", "examples"], rows, title)

    facts = {
        "metric": next(iter(metrics)),
        "curves": {
            name: [
                {"low": float(low), "high": float(high), "value": float(value), "interval": interval.tolist(),
                 "examples": int(count)}
                for low, high, value, interval, count in _bins(curve)
            ]
            for name, curve in curves.items()
        },
    }  # fmt: skip
    picture.finish(figure, None, terminal=in_terminal, facts=facts)


def _bins(curve: Any) -> Any:
    return zip(curve.low, curve.high, curve.value, curve.interval, curve.examples, strict=True)
