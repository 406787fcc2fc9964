"""What the pages of two sequences share: a matrix of every step of one by every step of the other, layer by layer."""

from collections.abc import Callable, Sequence

import numpy as np

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.pages.page import Page, assembled, axis, captures_of, packed


def pair_page(
    captures: Capture | Sequence[Capture],
    array: str,
    *,
    row: int,
    title: str | None,
    theme: str | None,
    axes: tuple[str, str],
    high: Callable[[np.ndarray], float],
    of: str,
    **words: str | bool,
) -> Page:
    """Make the page of `array`, (b, t, s) or (b, n, t, s), of each capture.

    Args:
        captures: one a layer.
        array: the last part of its key.
        row: row of the batch.
        title: a line above.
        theme: `light` or `dark` at first; None for the reader's system's.
        axes: what the steps t and s are called.
        high: values of a layer to the upper end of its scale.
        of: what stands before the layers' names, where there is no title.
        words: `log`, `verb`, `most` and `valueName`, which the script takes.
    """
    layers = []
    for capture in captures_of(captures, row, array):
        values = next(found[row] for key, found in capture.arrays.items() if key.endswith(f"/{array}"))
        values = np.asarray(values[None] if values.ndim == 2 else values)  # (n, t, s)
        tokens, sources = capture.tokens, capture.source_tokens
        mask = None if capture.source_mask is None else capture.source_mask[row]
        layers.append(
            {
                "name": capture.layer,
                "values": packed(values),
                "rows": axis(
                    axes[0], values.shape[1], tokens[row] if tokens else None, capture.mask[row], capture.first
                ),
                "columns": axis(axes[1], values.shape[2], sources[row] if sources else None, mask),
                "high": high(values),
            }
        )
    names = ", ".join(str(layer["name"]) for layer in layers)
    content = {"layers": layers, **words}
    return assembled(f"{of} of {names}", title, theme, ("matrix.js", "strip.js", "pair.js"), content)
