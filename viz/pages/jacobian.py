"""The Jacobian as a page: how much each output would change with each input (after Madsen 2019)."""

from collections.abc import Sequence

import numpy as np

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.pages.page import Page, assembled, axis, captures_of, packed


def jacobian_page(
    captures: Capture | Sequence[Capture], *, row: int = 0, title: str | None = None, theme: str | None = None
) -> Page:
    """Make a page of the norms of the outputs' gradients with respect to each input, on a log scale of five decades.

    Pointing at an output colours the input text by what that output depends on; a switch divides every row by its
    largest norm, as A. Madsen, Visualizing memorization in RNNs, Distill 2019, does.

    Args:
        captures: with an array `jacobian` each, outputs by inputs; several give a selector of layers.
        row: row of the batch.
        title: a line above.
        theme: `light` or `dark` at first; None for the reader's system's.

    Returns:
        The page.

    Raises:
        ValueError: no capture, one without a jacobian, a row that it has not, or too many numbers for a page.
    """
    layers = []
    for capture in captures_of(captures, row, "jacobian"):
        norms = next(array[row] for key, array in capture.arrays.items() if key.endswith("/jacobian"))  # (t, s)
        finite = norms[np.isfinite(norms)]
        tokens, sources = capture.tokens, capture.source_tokens
        source_mask = capture.mask if capture.source_mask is None else capture.source_mask
        layers.append(
            {
                "name": capture.layer,
                "values": packed(norms[None]),
                "rows": axis(
                    "output", norms.shape[0], tokens[row] if tokens else None, capture.mask[row], capture.first
                ),
                "columns": axis("input", norms.shape[1], sources[row] if sources else None, source_mask[row]),
                "high": float(finite.max(initial=0.0)) or 1.0,
            }
        )
    names = ", ".join(str(layer["name"]) for layer in layers)
    content = {
        "layers": layers,
        "log": True,
        "verb": "depends on",
        "most": "depends most on",
        "valueName": "norm of the gradient",
    }
    return assembled(f"jacobian of {names}", title, theme, ("matrix.js", "strip.js", "pair.js"), content)
