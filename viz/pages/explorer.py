"""One LSTM or GRU unit as a page: a slider for each input and weight, and what every gate makes of them."""

from typing import Any

from kerasrnn.viz.pages.page import Page, assembled

# Weights at which every gate visibly answers every slider; Keras' own forget bias of 1.
_CELLS: dict[str, Any] = {
    "lstm": {
        "inputs": {"x": 1.0, "h": 0.2, "c": 0.5},
        "weights": {
            "input": {"W": 2.0, "U": 0.5, "b": -1.0},
            "forget": {"W": -1.0, "U": 0.5, "b": 1.0},
            "candidate": {"W": 1.5, "U": 0.5, "b": 0.0},
            "output": {"W": 1.0, "U": -0.5, "b": 0.5},
        },
    },
    "gru": {
        "inputs": {"x": 1.0, "h": 0.2},
        "weights": {
            "update": {"W": -1.0, "U": 0.5, "b": 1.0},
            "reset": {"W": 1.0, "U": -0.5, "b": 0.5},
            "candidate": {"W": 1.5, "U": 1.0, "b": 0.0, "b′": 0.2},
        },
    },
}


def explorer_page(cell: str = "lstm", *, title: str | None = None, theme: str | None = None) -> Page:
    """Make a page of one unit of a cell, with its equations and their numbers; no model is needed.

    The equations are those of `kerasrnn.layers.LSTMCell` and of `GRUCell` with `reset_after=True`, Keras' default.

    Args:
        cell: `lstm` or `gru`, the one shown first.
        title: a line above.
        theme: `light` or `dark` at first; None for the reader's system's.

    Returns:
        The page.

    Raises:
        ValueError: another cell.
    """
    if cell not in _CELLS:
        raise ValueError(f"cell: expected {' or '.join(map(repr, _CELLS))}, received {cell!r}")
    content = {"cell": cell, "cells": _CELLS}
    scripts = ("matrix.js", "chart.js", "cells.js", "explorer.js")
    return assembled("gate explorer", "What a gate does" if title is None else title, theme, scripts, content)
