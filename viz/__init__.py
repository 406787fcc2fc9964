"""Pictures of what recurrent models do: capture (a model to arrays), figures (arrays to Figure), write (to a file)."""

if __name__ != "kerasrnn.viz":
    raise ImportError("import this package as `kerasrnn.viz`: a second copy would not be the one that the CLI uses")

import importlib
from typing import Any

_HOME = {
    "Capture": "arrays",
    "attention_heatmap": "figures.attention",
    "bptt_curve": "figures.bptt",
    "capture_attention": "capture.attention",
    "capture_faithfulness": "capture.faithful",
    "capture_gates": "capture.gates",
    "capture_gradients": "capture.gradients",
    "capture_intervention": "capture.intervene",
    "gates_heatmap": "figures.gates",
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
