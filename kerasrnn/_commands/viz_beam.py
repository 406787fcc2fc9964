"""`kerasrnn viz beam`."""

from typing import Any

import click

from kerasrnn._commands.session import Session
from kerasrnn._terminal import Examples, drawing, reports_errors


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz beam
    kerasrnn viz beam dates_bahdanau "5 de agosto de 2026" --width 4 -o beam.svg
    kerasrnn viz beam "3 mai 1998" -o page.html
    kerasrnn viz beam "3 mai 1998" --terminal""",
)
@click.option(
    "--width", type=click.IntRange(1, 100), default=5, show_default=True, help="Hypotheses that are kept at each step."
)
@drawing("beam.png", page=True)
@reports_errors
def beam(width: int, **given: Any) -> None:
    """The hypotheses of a beam search at every step, their scores, and what each goes on from.

    MODEL is the name of a trained model that writes text (see: kerasrnn zoo list); TEXT is what it should read, "-"
    for standard input. Without them a trained model reads an example.
    """
    for option, name in (("layer", "--layer"), ("input_", "--input")):
        if given[option] is not None:
            raise click.UsageError(f"{name} has no meaning here: a beam search is the whole model's, over a TEXT.")
    session = Session(**given)
    if session.is_page and given["tokens"] is not None:
        raise click.UsageError("--tokens is for figures: a page shows the whole search, step by step.")
    if not hasattr(session.task, "beam"):
        raise click.UsageError("a beam search needs a trained model that writes text: see kerasrnn zoo list")
    import numpy as np

    from kerasrnn.viz import Capture, beam_tree
    from kerasrnn.viz.tokens import visible

    (found,) = session.task.beam([session.observed.predictions[0].read], width)
    arrays = {"token": found.tokens, "parent": found.parents, "score": found.scores, "finished": found.finished}
    results = [
        {"text": text, "score": float(score)} for text, score in zip(found.texts, found.scores[-1], strict=False)
    ]
    used = {int(i): found.vocabulary[i] for i in np.unique(found.tokens)}
    whole = Capture(
        {f"beam/{name}": array[None] for name, array in arrays.items()},
        "beam",
        facts={"vocabulary": {str(i): text for i, text in used.items()}, "results": results},
    )
    capture = session.capture(lambda model, inputs, layer: whole, along=False)
    first, steps = capture.first, capture.mask.shape[1]
    shown = slice(first, first + steps)
    title = session.title("beam search")

    def figure() -> Any:
        return beam_tree(
            found.tokens[shown],
            found.parents[shown],
            found.scores[shown],
            found.vocabulary,
            finished=found.finished[shown],
            before=found.scores[first - 1] if first else None,
            results=found.texts if first + steps == len(found.tokens) else None,
            title=title,
            first=first,
            **session.style,
        )

    def in_terminal(screen: Any) -> Any:
        from kerasrnn.viz.terminal import heading, table

        rows = []
        for step in range(first, first + steps):
            cells = []
            for rank in range(found.tokens.shape[1]):
                score, token = found.scores[step, rank], visible(found.vocabulary[found.tokens[step, rank]])
                parent = f" <{found.parents[step, rank] + 1}" if step else ""
                cells.append(f"{token or '·'} {score:.2f}{parent}" if np.isfinite(score) else "")
            rows.append([str(step), *cells])
        tree = table(["step", *(str(rank + 1) for rank in range(found.tokens.shape[1]))], rows)
        ends = table(["result", "score"], [[each["text"], f"{each['score']:.3f}"] for each in results])
        return heading(title, tree, ends)

    def page() -> Any:
        from kerasrnn.viz import beam_page

        texts = [[found.vocabulary[i] for i in row] for row in found.tokens]
        options = {"texts": found.texts, "title": title, "theme": session.page_theme}
        return beam_page(texts, found.parents, found.scores, found.finished, **options)

    session.finish(figure, capture, terminal=in_terminal, page=page)
