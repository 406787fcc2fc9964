"""Gradients through time as a page: the norm at each step, and a horizon whose share can be moved."""

from collections.abc import Sequence

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.pages.page import Page, assembled, axis, captures_of, packed


def bptt_page(
    captures: Capture | Sequence[Capture], *, row: int = 0, title: str | None = None, theme: str | None = None
) -> Page:
    """Make a page of the gradient norms at every step of one or more layers, on a log scale as in `bptt_curve`.

    Args:
        captures: what `capture_gradients` returns; several give a selector of layers.
        row: row of the batch.
        title: a line above.
        theme: `light` or `dark` at first; None for the reader's system's.

    Returns:
        The page.

    Raises:
        ValueError: no capture, one without gradients, a row that it has not, or too many numbers for a page.
    """
    layers = []
    for capture in captures_of(captures, row, "bptt"):
        norms = capture.norms(row)
        curves = [
            {"name": name if len(norms) > 1 else "", "backwards": name == "backward", "norms": packed(norm)}
            for name, norm in norms.items()
        ]
        tokens = capture.tokens[row] if capture.tokens else None
        steps = axis("step", capture.mask.shape[1], tokens, capture.mask[row], capture.first)
        layers.append({"name": capture.layer, "curves": curves, "steps": steps})
    names = ", ".join(str(layer["name"]) for layer in layers)
    scripts = ("matrix.js", "strip.js", "chart.js", "curve.js")
    return assembled(f"gradient of the loss at {names}", title, theme, scripts, {"layers": layers})
