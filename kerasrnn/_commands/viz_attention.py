"""`kerasrnn viz attention`."""

from typing import Any

import click

from kerasrnn._commands.session import Session
from kerasrnn._terminal import Examples, drawing, reports_errors


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz attention
    kerasrnn viz attention dates_bahdanau "5 de agosto de 2026" -o slide.pdf
    kerasrnn viz attention "5 de agosto de 2026" -o page.html
    kerasrnn viz attention my_model.keras --input batch.npy --data weights.npz""",
)
@drawing("attention.png", page=True)
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
    alignment = capture.one(row)["alignment"]
    source_tokens = capture.source_tokens[row] if capture.source_tokens else None
    tokens = capture.tokens[row] if capture.tokens else None
    title = session.title(f"attention of {capture.layer}")

    def figure() -> Any:
        masks = {"source_mask": capture.source_mask[row], "mask": capture.mask[row]}
        return attention_heatmap(
            alignment, source_tokens, tokens, **masks, title=title, first=capture.first, **session.style
        )

    def in_terminal(screen: Any) -> Any:
        from rich.console import Group

        from kerasrnn.viz.terminal import heatmap

        heads = alignment[None] if alignment.ndim == 2 else alignment
        captions = [title] if len(heads) == 1 else [f"{title}  head {head + 1}" for head in range(len(heads))]
        names = tokens or [str(capture.first + step) for step in range(alignment.shape[-2])]
        options = {"rows": names, "columns": source_tokens, "mask": capture.source_mask[row]}
        return Group(
            *(heatmap(screen, head, caption=text, **options) for head, text in zip(heads, captions, strict=True))
        )

    def page() -> Any:
        from kerasrnn.viz import attention_page
        from kerasrnn.viz.capture.sites import attention_sites

        captures = session.others(capture_attention, capture, [site.name for site in attention_sites(session.model)])
        return attention_page(captures, row=row, title=title, theme=session.page_theme)

    session.finish(figure, capture, terminal=in_terminal, page=page)
