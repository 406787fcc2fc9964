"""Pictures of what recurrent models do: capture (a model to arrays), figures (arrays to Figure), write (to a file)."""

if __name__ != "kerasrnn.viz":
    raise ImportError("import this package as `kerasrnn.viz`: a second copy would not be the one that the CLI uses")

import importlib
from typing import Any

_HOME = {
    "Capture": "arrays",
    "Context": "figures.matches",
    "GateMonitor": "monitor",
    "GradientWatch": "gradient_watch",
    "Health": "statistics",
    "LengthCurve": "lengths",
    "Page": "pages.page",
    "Series": "training_log",
    "attention_flow": "figures.flow",
    "attention_heatmap": "figures.attention",
    "attention_page": "pages.attention",
    "beam_page": "pages.beam",
    "beam_tree": "figures.beam",
    "bptt_curve": "figures.bptt",
    "bptt_page": "pages.bptt",
    "bptt_rows": "figures.bptt_rows",
    "capture_attention": "capture.attention",
    "capture_faithfulness": "capture.faithful",
    "capture_gates": "capture.gates",
    "capture_gradients": "capture.gradients",
    "capture_intervention": "capture.intervene",
    "capture_jacobian": "capture.jacobian",
    "capture_saliency": "capture.saliency",
    "capture_weight_gradients": "capture.weight_gradients",
    "capture_weights": "capture.weights",
    "difference_heatmap": "figures.difference",
    "explorer_page": "pages.explorer",
    "faithfulness": "figures.faithful",
    "find_matches": "matching",
    "gates_health": "figures.health",
    "gates_heatmap": "figures.gates",
    "gates_memory": "figures.memory",
    "gates_page": "pages.gates",
    "gates_saturation": "figures.saturation",
    "gates_timeline": "figures.timeline",
    "half_lives": "statistics",
    "health": "statistics",
    "intervening": "capture.edits",
    "intervention_bars": "figures.intervention",
    "jacobian_heatmap": "figures.jacobian",
    "jacobian_page": "pages.jacobian",
    "kendall_tau": "measures",
    "length_curve": "figures.lengths",
    "match_contexts": "figures.matches",
    "over_units": "statistics",
    "probe_figures": "capture.probe",
    "read_log": "training_log",
    "retention": "statistics",
    "row_entropy": "measures",
    "saliency_text": "figures.saliency",
    "saturation": "statistics",
    "score_by_length": "lengths",
    "token_text": "figures.token_text",
    "training_curves": "figures.training",
    "watch": "gradient_watch",
    "watched": "gradient_watch",
    "weight_gradients": "figures.weight_gradients",
    "weights_heatmap": "figures.weights",
    "write_figure": "write",
    "write_page": "pages.page",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name on first use: Keras and Matplotlib each take a second that not every caller needs."""
    if name in _HOME:
        return getattr(importlib.import_module(f"kerasrnn.viz.{_HOME[name]}"), name)
    raise AttributeError(f"module 'kerasrnn.viz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
