"""Gradients through time as a page: the norm at each step, and a horizon whose share can be moved."""

from collections.abc import Sequence

import numpy as np

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.pages.page import Page, assembled, axis, captures_of, packed


def bptt_page(captures: Capture | Sequence[Capture], *, row: int = 0, title: str | None = None) -> Page:
    """Make a page of the gradient norms at every step of one or more layers, on a log scale as in `bptt_curve`.

    Args:
        captures: what `capture_gradients` returns; several give a selector of layers.
        row: row of the batch.
        title: a line above.

    Returns:
        The page.

    Raises:
        ValueError: no capture, one without gradients, a row that it has not, or too many numbers for a page.
    """
    layers = []
    for capture in captures_of(captures, row, "bptt"):
        directions = list(capture.facts.get("horizon", {}))
        curves = []
        for number, (name, norms) in enumerate(capture.one(row).items()):
            direction = name.rpartition("/")[0] or (directions[number] if number < len(directions) else "forward")
            curves.append({"name": direction, "backwards": direction == "backward", "norms": packed(np.asarray(norms))})
        if len(curves) == 1 and curves[0]["name"] == "forward":
            curves[0]["name"] = ""
        tokens = capture.tokens[row] if capture.tokens else None
        steps = axis("step", capture.mask.shape[1], tokens, capture.mask[row])
        layers.append({"name": capture.layer, "curves": curves, "steps": steps})
    names = ", ".join(layer["name"] for layer in layers)
    scripts = ("matrix.js", "strip.js", "chart.js", "curve.js")
    return assembled(f"gradient of the loss at {names}", title, scripts, {"layers": layers})
