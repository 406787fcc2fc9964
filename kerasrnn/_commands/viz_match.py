"""`kerasrnn viz match`."""

import dataclasses
from pathlib import Path
from typing import Any

import click

from kerasrnn._commands.session import Session
from kerasrnn._terminal import Examples, drawing, reports_errors, window

_AROUND = 8  # steps of context on either side


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz match "5 de agosto de 2026" --span 5:11 --corpus dates.txt
    kerasrnn viz match dates_bahdanau "3 mai 1998" --span 2:5 --corpus dates.txt --terminal
    kerasrnn viz match my_model.keras --input batch.npy --span 10:20""",
)
@click.option("--span", metavar="A:B", callback=window, help="Steps whose units are looked for.  [default: the middle]")
@click.option(
    "--threshold",
    type=float,
    default=0.3,
    show_default=True,
    help="How far from 0 tanh of a unit's cell, or its hidden state, must be for it to be on.",
)
@click.option(
    "--off",
    type=click.Choice(["before", "after", "both"]),
    help="Leave out units that are on at the step before the span, at the one after it, or at either.",
)
@click.option("--least", type=click.IntRange(1), default=1, show_default=True, help="Fewest steps of a match.")
@click.option(
    "--corpus", type=click.Path(path_type=Path), help="Where to look: a text a line, or a batch (.npy, .npz)."
)
@click.option("--top", type=click.IntRange(1, 200), default=12, show_default=True, help="How many matches to show.")
@drawing("match.png")
@reports_errors
def match(
    span: Any, threshold: float, off: str | None, least: int, corpus: Path | None, top: int, **given: Any
) -> None:
    """Where else the units are on that are on throughout a span (the matching of LSTMVis).

    The matches come by how many of those units they share, then by how few others are on, then by length. MODEL is
    the name of a trained model (see: kerasrnn zoo list) or the path of a .keras file; TEXT is what it should read,
    "-" for standard input. Without --corpus the rest of the TEXT, or of the batch, is searched.
    """
    if not 0 < threshold <= 1:
        raise click.BadParameter(f"{threshold:g}: give a number above 0, at most 1.", param_hint="--threshold")
    if given["tokens"] is not None:
        raise click.UsageError("--tokens has no meaning here: --span chooses the steps.")
    session = Session(**given)
    import numpy as np

    from kerasrnn.viz import capture_gates, find_matches, match_contexts
    from kerasrnn.viz.figures.matches import Context
    from kerasrnn.viz.matching import selection_of, states_of, units_on

    query = session.capture(capture_gates)
    states, units = states_of(query)
    broken = [~np.isfinite(each).all(axis=-1) & mask for each, mask in zip(states, query.mask, strict=True)]
    here = [units_on(each, threshold, mask) for each, mask in zip(states, query.mask, strict=True)]
    row, steps = session.row, query.mask.shape[1]
    start, stop = span if span is not None else (steps // 3, max(steps // 3 + 1, 2 * steps // 3))
    stop = steps if stop is None else stop
    if stop > steps or start >= steps:
        raise click.UsageError(f"--span {start}:{stop}: {query.layer} has {steps} steps, so choose within 0:{steps}.")
    tokens = _tokens(query)
    if span is None:
        session.say(f"span {start}:{stop}, the middle: choose another with --span")
    ends = {"off_before": off in ("before", "both"), "off_after": off in ("after", "both")}
    selection = selection_of(here[row], start, stop, **ends)
    if not selection.any():
        raise ValueError(
            f"no unit of {query.layer} is on at every step of {start}:{stop} at threshold {threshold:g}"
            f"{' and off ' + ('beside it' if off == 'both' else off + ' it') if off else ''}: lower --threshold"
            f"{', leave out --off' if off else ''} or shorten --span."
        )
    rows, texts, own = here, tokens, (row, start, stop)
    if corpus is not None:
        rows, texts = [here[row]], [tokens[row]]
        own = (0, start, stop)
        for on, names in _corpus(session, corpus, query.layer, threshold, len(units)):
            rows.append(on)
            texts.append(names)
    elif session.task is not None:
        session.say("the rest of the text is searched: give many texts with --corpus FILE")
    without = None if corpus is not None else own
    offset = 1 if corpus is not None else 0
    found = find_matches(rows[offset:], selection, limit=top, least=least, without=without)
    chosen = int(selection.sum())

    def context(on: Any, names: list[str], begin: int, end: int, caption: str, bad: Any = False) -> Context:
        low, high = max(0, begin - _AROUND), min(len(on), end + _AROUND)
        share = np.where(np.broadcast_to(bad, len(on)), np.nan, on[:, selection].mean(axis=1))[low:high]
        return Context(share, names[low:high], begin - low, end - low, caption)

    contexts = [context(here[row], tokens[row], start, stop, f"query: {chosen} units", broken[row])]
    listed = []
    for each in found:
        place = each.row + offset
        caption = f"{each.shared} of {chosen}, {each.union - chosen} more"
        bad = broken[place] if corpus is None else False
        contexts.append(context(rows[place], texts[place], each.start, each.stop, caption, bad))
        words = texts[place][each.start : each.stop]
        listed.append({**each._asdict(), "tokens": words})
    facts = {
        "span": [start, stop],
        "threshold": threshold,
        "units": [name for name, on in zip(units, selection, strict=True) if on],
        "searched": {"sequences": len(rows) - offset, "steps": int(sum(map(len, rows[offset:])))},
        "matches": listed,
    }
    query = dataclasses.replace(query, facts=query.facts | facts)
    between = _between(session, tokens)
    read = between.join(tokens[row][start:stop]) if session.task is not None else f"{start}:{stop}"
    title = session.wanted_title or f"units of {query.layer} on in “{read}”"

    def figure() -> Any:
        return match_contexts(contexts, title=title, **session.style)

    def in_terminal(screen: Any) -> Any:
        from kerasrnn.viz.terminal import heading, table
        from kerasrnn.viz.tokens import visible

        lines = []
        for each in contexts:
            names = [visible(name) for name in each.tokens]
            parts = names[: each.start], names[each.start : each.stop], names[each.stop :]
            lines.append("{}[{}]{}".format(*map(between.join, parts)))
        head = [lines[0], "row", "steps", f"of {chosen} units", "others"]
        places = [[str(m.row), f"{m.start}:{m.stop}", str(m.shared), str(m.union - chosen)] for m in found]
        return heading(title, table(head, [[line, *place] for line, place in zip(lines[1:], places, strict=True)]))

    session.finish(figure, query, terminal=in_terminal)


def _between(session: Session, tokens: list[list[str]]) -> str:
    """What stands between two tokens: nothing where they are characters."""
    return "" if session.task is not None and all(len(token) <= 2 for row in tokens for token in row) else " "


def _tokens(capture: Any) -> list[list[str]]:
    if capture.tokens:
        return [list(row) for row in capture.tokens]
    return [[str(step) for step in range(capture.mask.shape[1])] for _ in capture.mask]


def _corpus(session: Session, path: Path, layer: str, threshold: float, width: int) -> Any:
    """The units that are on in every sequence of a corpus, and its tokens; only the steps that count."""
    from kerasrnn._commands.corpus import batches
    from kerasrnn.viz import capture_gates
    from kerasrnn.viz.matching import states_of, units_on

    for inputs, observed in batches(session, path):
        capture = capture_gates(session.model, inputs, layer=layer)
        if observed is not None:
            capture = dataclasses.replace(capture, tokens=session.names(capture, observed.along(layer)))
        else:
            capture = dataclasses.replace(capture, **session.vocabulary.named(capture, inputs))
        states, _ = states_of(capture)
        for row, (each, mask) in enumerate(zip(states, capture.mask, strict=True)):
            length = int(mask.nonzero()[0][-1]) + 1 if mask.any() else 0
            names = _tokens(capture)[row][:length]
            yield units_on(each[:length], threshold, mask[:length]), names
