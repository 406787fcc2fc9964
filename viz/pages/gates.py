"""Gates and states as a page: all units over time, one unit in detail, and which units are on where."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.names import caption_of, is_signed, rank
from kerasrnn.viz.pages.page import Page, assembled, axis, captures_of, packed


def gates_page(
    captures: Capture | Sequence[Capture], *, row: int = 0, title: str | None = None, theme: str | None = None
) -> Page:
    """Make a page of the gates and states of one or more recurrent layers.

    Gates are drawn from 0 to 1, signed values symmetrically, as in `gates_heatmap`. A threshold and a span of steps
    select the units that are on all through it, as H. Strobelt et al., LSTMVis, IEEE TVCG 24(1), 2018, do.

    Args:
        captures: what `capture_gates` returns, or `Capture({"LAYER/forget": array, ...}, "LAYER", ...)` of arrays
            (b, t, u); layers and the two directions of a Bidirectional one get a selector.
        row: row of the batch.
        title: a line above.
        theme: `light` or `dark` at first; None for the reader's system's.

    Returns:
        The page.

    Raises:
        ValueError: no capture, arrays of a layer that differ in units, a row that it has not, or too many numbers.
    """
    found = captures_of(captures, row, "")
    layers = [layer for capture in found for layer in _layers(capture, row)]
    names = ", ".join(capture.layer for capture in found)
    scripts = ("matrix.js", "strip.js", "chart.js", "gates.js")
    content = {"layers": layers}
    return assembled(f"gates and states of {names}", title, theme, scripts, content)


def _layers(capture: Capture, row: int) -> list[dict[str, Any]]:
    """A layer, or its parts: the arrays whose names share what stands before the last slash."""
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, array in capture.one(row).items():
        part, _, last = name.rpartition("/")
        parts.setdefault(part, {})[last] = array
    return [_layer(capture, row, part, arrays) for part, arrays in parts.items()]


def _layer(capture: Capture, row: int, part: str, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"captures: expected arrays (b, t, u) of one shape in {capture.layer!r}, received {shapes}")
    steps = next(iter(shapes.values()))[0]
    kept = capture.mask[row]
    ordered = sorted(arrays, key=rank)
    limits = {}
    for name in ordered:
        finite = arrays[name][kept][np.isfinite(arrays[name][kept])]
        limits[name] = max(1.0, float(np.abs(finite).max(initial=0.0)))
    return {
        "name": f"{capture.layer}, {part}" if part else capture.layer,
        "arrays": {name: packed(arrays[name]) for name in ordered},
        "captions": {name: caption_of(name) for name in ordered},
        "signed": [name for name in ordered if is_signed(name)],
        "limits": limits,
        "steps": axis("step", steps, capture.tokens[row] if capture.tokens else None, kept, capture.first),
    }
