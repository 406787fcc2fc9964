"""The alignment as a page: any cell's weight, any row over the source's text, head by head."""

from collections.abc import Sequence

import numpy as np

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.pages.page import Page, assembled, axis, captures_of, packed


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
    layers = []
    for capture in captures_of(captures, row, "alignment"):
        weights = next(array[row] for key, array in capture.arrays.items() if key.endswith("/alignment"))
        weights = weights[None] if weights.ndim == 2 else weights  # (n, t, s)
        mask, source_mask = capture.mask[row], capture.source_mask
        tokens, sources = capture.tokens, capture.source_tokens
        layers.append(
            {
                "name": capture.layer,
                "values": packed(np.asarray(weights)),
                "rows": axis("produced", weights.shape[1], tokens[row] if tokens else None, mask, capture.first),
                "columns": axis(
                    "source",
                    weights.shape[2],
                    sources[row] if sources else None,
                    None if source_mask is None else source_mask[row],
                ),
                "high": 1,
            }
        )
    names = ", ".join(str(layer["name"]) for layer in layers)
    content = {
        "layers": layers,
        "log": False,
        "verb": "looks at",
        "most": "looks most at",
        "valueName": "attention weight",
    }
    return assembled(f"attention of {names}", title, theme, ("matrix.js", "strip.js", "pair.js"), content)
