"""The alignment as a page: any cell's weight, any row over the source's text, head by head."""

from collections.abc import Sequence
from typing import Any

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.pages.page import Page
from kerasrnn.viz.pages.pair import pair_page


def attention_page(
    captures: Capture | Sequence[Capture], *, row: int = 0, title: str | None = None, theme: str | None = None
) -> Page:
    """Make a page of the alignments of one or more layers, with weights from 0 to 1 as in `attention_heatmap`.

    Args:
        captures: what `capture_attention` returns, or `Capture({"LAYER/alignment": array}, "LAYER", ...)` of arrays;
            with several, the page has a selector of layers.
        row: row of the batch.
        title: a line above.
        theme: `light` or `dark` at first; None for the reader's system's.

    Returns:
        The page.

    Raises:
        ValueError: no capture, one without an alignment, a row that it has not, or too many numbers for a page.
    """
    words: dict[str, Any] = {"log": False, "verb": "looks at", "most": "looks most at", "valueName": "attention weight"}
    options: dict[str, Any] = {"row": row, "title": title, "theme": theme, "of": "attention"}
    return pair_page(captures, "alignment", axes=("produced", "source"), high=lambda _: 1, **options, **words)
