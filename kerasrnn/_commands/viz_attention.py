"""`kerasrnn viz attention`."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from kerasrnn._commands.session import Session
from kerasrnn._terminal import Examples, drawing, reports_errors

_FAINT = 0.1  # a greatest weight below it is hard to see on a scale up to 1


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz attention
    kerasrnn viz attention dates_bahdanau "5 de agosto de 2026" -o slide.pdf
    kerasrnn viz attention "5 de agosto de 2026" -o page.html
    kerasrnn viz attention pixels_gru --limit 0.1
    kerasrnn viz attention --kind flow --mass 0.9
    kerasrnn viz attention --kind faithful --corpus texts.txt
    kerasrnn viz attention my_model.keras --input batch.npy --data weights.npz""",
)
@click.option(
    "--kind",
    type=click.Choice(["heatmap", "flow", "faithful"]),
    default="heatmap",
    show_default=True,
    help="heatmap: the weights, with the entropy of each row. flow: links to the smallest set that carries a row. "
    "faithful: whether the weights agree with gradients, and what permuting them changes.",
)
@click.option(
    "--limit",
    type=click.FloatRange(0, 1, min_open=True),
    help="Of heatmap: the end of the colours, for sources so long that no weight comes near 1.  [default: 1]",
)
@click.option("--mass", type=float, default=0.75, show_default=True, help="Of flow: what the links of a token carry.")
@click.option(
    "--permutations", type=click.IntRange(1), default=50, show_default=True, help="Of faithful: how many a row."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of faithful: of the permutations.")
@click.option(
    "--corpus", type=click.Path(path_type=Path), help="Of faithful: a file of more texts to count, one a line."
)
@drawing("attention.png", page=True)
@reports_errors
def attention(
    kind: str, limit: float | None, mass: float, permutations: int, seed: int, corpus: Path | None, **given: Any
) -> None:
    """What each produced token attended to.

    MODEL is the name of a trained model (see: kerasrnn zoo list) or the path of a .keras file; TEXT is what it
    should read, "-" for standard input. Without them a trained model reads an example.
    """
    if not 0 < mass <= 1:
        raise click.BadParameter(f"{mass:g} is no share: give a number above 0, at most 1.", param_hint="--mass")
    if corpus is not None and kind != "faithful":
        raise click.UsageError("--corpus is for --kind faithful.")
    if limit is not None and kind != "heatmap":
        raise click.UsageError("--limit is for --kind heatmap.")
    session = Session(**given)
    if session.is_page and limit is not None:
        raise click.UsageError("--limit is for figures: a page has the weights as numbers.")
    if session.is_page and kind != "heatmap":
        raise click.UsageError(f"--kind {kind} is for figures: a page shows the weights.")
    if kind == "faithful":
        _faithful(session, permutations, seed, corpus)
    else:
        _weights(session, kind, mass, limit)


def _weights(session: Session, kind: str, mass: float, limit: float | None) -> None:
    import numpy as np

    from kerasrnn.viz import attention_flow, attention_heatmap, capture_attention

    capture = session.capture(capture_attention)
    row = session.row
    alignment = capture.one(row)["alignment"]
    source_tokens = capture.source_tokens[row] if capture.source_tokens else None
    tokens = capture.tokens[row] if capture.tokens else None
    title = session.title(f"attention of {capture.layer}")
    greatest, end = float(np.nanmax(alignment, initial=0.0)), limit or 1.0
    if kind == "heatmap" and limit is None and 0 < greatest < _FAINT and not session.is_page:
        session.say(f"the greatest weight is {greatest:.2g}: --limit {greatest:.1g} colours up to there")

    def figure() -> Any:
        options = {"source_mask": capture.source_mask[row], "mask": capture.mask[row], "title": title}
        options |= {"first": capture.first, **session.style}
        if kind == "flow":
            return attention_flow(alignment, source_tokens, tokens, mass=mass, **options)
        return attention_heatmap(alignment, source_tokens, tokens, limit=end, **options)

    def in_terminal(screen: Any) -> Any:
        from rich.console import Group

        from kerasrnn.viz.terminal import heatmap

        heads = alignment[None] if alignment.ndim == 2 else alignment
        captions = [title] if len(heads) == 1 else [f"{title}  head {head + 1}" for head in range(len(heads))]
        names = tokens or [str(capture.first + step) for step in range(alignment.shape[-2])]
        if kind == "flow":
            read = source_tokens or [str(step) for step in range(alignment.shape[-1])]
            kept = capture.mask[row], capture.source_mask[row]
            return Group(
                *(_links(head, text, names, read, kept, mass) for head, text in zip(heads, captions, strict=True))
            )
        options = {"rows": names, "columns": source_tokens, "mask": capture.source_mask[row], "limit": end}
        return Group(
            *(heatmap(screen, head, caption=text, **options) for head, text in zip(heads, captions, strict=True))
        )

    def page() -> Any:
        from kerasrnn.viz import attention_page
        from kerasrnn.viz.capture.sites import attention_sites

        captures = session.others(capture_attention, capture, [site.name for site in attention_sites(session.model)])
        return attention_page(captures, row=row, title=title, theme=session.page_theme)

    session.finish(figure, capture, terminal=in_terminal, page=page)


def _links(alignment: Any, caption: str, tokens: list[str], read: list[str], kept: tuple[Any, Any], mass: float) -> Any:
    """Each produced token and the source tokens that carry its row, the strongest first."""
    import numpy as np

    from kerasrnn.viz.measures import smallest_sets
    from kerasrnn.viz.terminal import heading, table
    from kerasrnn.viz.tokens import visible

    rows = []
    chosen = smallest_sets(alignment, mass) & kept[1]
    for step in np.flatnonzero(kept[0]):
        places = sorted(np.flatnonzero(chosen[step]), key=lambda place: -alignment[step, place])
        rows.append([tokens[step], "  ".join(f"{visible(read[j])} {alignment[step, j]:.2f}" for j in places)])
    return heading(caption, table(["produced", "from"], rows))


def _faithful(session: Session, permutations: int, seed: int, corpus: Path | None) -> None:
    import numpy as np

    from kerasrnn.viz import capture_faithfulness, faithfulness

    if corpus is not None:
        from kerasrnn._commands.corpus import readable_lines

        if session.task is None:
            raise click.UsageError("--corpus is for models that read text; give more rows with --input.")
        texts = [session.observed.predictions[0].read, *readable_lines(session, corpus)]
        session.observed = session.task.observe(texts)
        session.inputs = session.observed.inputs
    capture = session.capture(capture_faithfulness, permutations=permutations, seed=seed)
    arrays = {key[len(capture.layer) + 1 :]: array for key, array in capture.arrays.items()}
    alignment = arrays["alignment"]
    mean = alignment.mean(axis=1) if alignment.ndim == 4 else alignment
    tau, strongest = arrays["tau"][capture.mask], mean.max(axis=-1)[capture.mask]
    variation = arrays["variation"][capture.mask]
    known = tau[np.isfinite(tau)]
    said = {
        "rows": int(tau.size),
        "median tau": float(np.median(known)) if known.size else None,
        "median variation": float(np.median(variation)),
    }
    many = f", {len(capture.mask)} inputs" if len(capture.mask) > 1 else ""
    title = f"attention of {capture.layer} against gradients and permutations{many}"
    if len(capture.mask) == 1:
        title = session.title(title)
    title = title if session.wanted_title is None else session.wanted_title

    def figure() -> Any:
        return faithfulness(tau, strongest, variation, title=title, **session.style)

    def in_terminal(screen: Any) -> Any:
        from rich.console import Group

        from kerasrnn.viz.terminal import bars, table

        counts, edges = np.histogram(known, bins=10, range=(-1, 1))
        names = [f"{low:+.1f} to {high:+.1f}" for low, high in pairwise(edges)]
        about = table(["", "value"], [[name, "" if value is None else f"{value:.3g}"] for name, value in said.items()])
        caption = f"{title}: rows by Kendall τ"
        return Group(bars(screen, dict(zip(names, map(float, counts), strict=True)), caption), about)

    session.finish(figure, capture, terminal=in_terminal, facts=said)
