"""The Jacobian as a page: how much each output would change with each input (after Madsen 2019)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.pages.page import Page
from kerasrnn.viz.pages.pair import pair_page


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
    words: dict[str, Any] = {"log": True, "verb": "depends on", "most": "depends most on"}
    words["valueName"] = "norm of the gradient"
    options: dict[str, Any] = {"row": row, "title": title, "theme": theme, "of": "jacobian"}
    return pair_page(captures, "jacobian", axes=("output", "input"), high=_largest, **options, **words)


def _largest(norms: np.ndarray) -> float:
    return float(norms[np.isfinite(norms)].max(initial=0.0)) or 1.0
