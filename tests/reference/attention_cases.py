"""What the tests of attention share: every attention with its options, its weights, masks, and its oracle."""

from typing import Any

import numpy as np
from layer_cases import random_weights
from numpy_attention import ATTENTIONS, Attention
from numpy_cells import Array

from kerasrnn import layers

B, T, S, D, A = 3, 5, 6, 4, 3  # batch, queries, source steps, width of queries and memory, width of the comparison

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "bahdanau": ("BahdanauAttention", {"units": A}),
    "bahdanau normal": ("BahdanauAttention", {"units": A, "use_bias": True, "normalize": True}),
    "bahdanau coverage": ("BahdanauAttention", {"units": A, "use_bias": True, "coverage": True}),
    "luong dot": ("LuongAttention", {"score": "dot"}),
    "luong general": ("LuongAttention", {"score": "general", "use_scale": True}),
    "luong concat": ("LuongAttention", {"score": "concat", "units": A}),
    "luong scaled": ("LuongAttention", {"score": "scaled_dot", "use_scale": True}),
    "luong local_m": ("LuongAttention", {"score": "general", "scope": "local_m", "window": 1}),
    "luong local_p": ("LuongAttention", {"score": "concat", "scope": "local_p", "window": 2}),
    "luong local_p dot": ("LuongAttention", {"score": "dot", "scope": "local_p", "window": 1, "units": A}),
    "monotonic recursive": ("MonotonicAttention", {"units": A, "mode": "recursive"}),
    "monotonic parallel": ("MonotonicAttention", {"units": A, "mode": "parallel", "use_bias": False}),
    "monotonic luong": ("MonotonicAttention", {"energy": "luong", "mode": "parallel"}),
    "monotonic hard": ("MonotonicAttention", {"units": A, "mode": "hard", "normalize": False}),
    "location": ("LocationAttention", {"units": A, "filters": 2, "kernel_size": 3}),
    "location smooth": (
        "LocationAttention",
        {"units": A, "filters": 2, "kernel_size": 5, "smoothing": True, "sharpening": 1.7, "normalize": True},
    ),
}

REMEMBERING = [
    "bahdanau coverage",
    "luong local_m",
    *(case for case in CASES if case.startswith(("monotonic", "location"))),
]

BELOW_ONE = ["luong local_m", "luong local_p", "luong local_p dot", *(c for c in CASES if c.startswith("monotonic"))]
"""Rows of these may sum to less than 1."""

MEMORY_MASKS: dict[str, Array | None] = {
    "none": None,
    "right": np.arange(S) < np.array([6, 4, 1])[:, None],
    "left": np.arange(S) >= np.array([0, 3, 5])[:, None],
    "holes": np.array([[0, 1, 1, 0, 1, 0], [1, 0, 0, 1, 1, 1], [0, 0, 0, 1, 0, 0]], dtype=bool),
    "empty row": np.array([[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 1, 0]], dtype=bool),
}


def named(layer: Any) -> dict[str, Array]:
    """A layer's weights by their names, copied."""
    return {w.name: np.array(w) for w in layer.weights}


def make(case: str, dtype: str = "float64", build: bool = True, seed: int = 1, **options: Any) -> Any:
    """The attention of a case with random weights."""
    name, settings = CASES[case]
    layer = getattr(layers, name)(**settings | options, dtype=dtype)
    if build:
        layer.build((None, None, D), (None, None, D))
        random_weights(layer, np.random.default_rng(seed), scale=1.2)
    return layer


def oracle(case: str, weights: dict[str, Array], **options: Any) -> Attention:
    name, settings = CASES[case]
    return ATTENTIONS[name](weights, **settings | options)


def queries_and_memory(rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.standard_normal((B, T, D)), rng.standard_normal((B, S, D))
