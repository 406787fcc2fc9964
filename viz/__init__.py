"""Pictures of what recurrent models do: capture (a model to arrays), figures (arrays to Figure), write (to a file)."""

if __name__ != "kerasrnn.viz":
    raise ImportError("import this package as `kerasrnn.viz`: a second copy would not be the one that the CLI uses")

import importlib
from typing import Any

_HOME = {
    "Capture": "arrays",
    "attention_flow": "figures.flow",
    "attention_heatmap": "figures.attention",
    "beam_tree": "figures.beam",
    "bptt_curve": "figures.bptt",
    "capture_attention": "capture.attention",
    "capture_faithfulness": "capture.faithful",
    "capture_gates": "capture.gates",
    "capture_gradients": "capture.gradients",
    "capture_intervention": "capture.intervene",
    "difference_heatmap": "figures.difference",
    "faithfulness": "figures.faithful",
    "find_matches": "matching",
    "gates_heatmap": "figures.gates",
    "intervening": "capture.edits",
    "intervention_bars": "figures.intervention",
    "kendall_tau": "measures",
    "length_curve": "figures.lengths",
    "match_contexts": "figures.matches",
    "row_entropy": "measures",
    "score_by_length": "lengths",
    "write_figure": "write",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name on first use: Keras and Matplotlib each take a second that not every caller needs."""
    if name in _HOME:
        return getattr(importlib.import_module(f"kerasrnn.viz.{_HOME[name]}"), name)
    raise AttributeError(f"module 'kerasrnn.viz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
