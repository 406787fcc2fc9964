"""Decoders of every form, and what they run on."""

from typing import Any

import numpy as np
from layer_cases import B, D, U, initial, inputs, make_cell, random_weights

from kerasrnn import layers

S, M, A, V = 6, 5, 4, 3
KEEP = np.array([[1, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1]], dtype=bool)

CASES: dict[str, dict[str, Any]] = {
    "bahdanau": {"kinds": ["lstm"]},
    "bahdanau with a vector": {"kinds": ["gru"], "vector_units": V},
    "bahdanau on a stack with two heads": {"kinds": ["lstm", "gru_v3"], "heads": 2},
    "luong": {"kinds": ["gru_v3"], "order": "luong", "vector_units": V},
    "luong without a vector": {"kinds": ["lstm"], "order": "luong"},
    "luong on a stack": {"kinds": ["gru", "lstm"], "order": "luong", "vector_units": V},
    "luong without feeding": {"kinds": ["lstm", "lstm"], "order": "luong", "input_feeding": False, "vector_units": V},
    "luong with two memories": {"kinds": ["lstm"], "order": "luong", "heads": 2, "memories": 2, "vector_units": V},
}


def make_decoder(
    rng: np.random.Generator,
    kinds: list[str],
    heads: int = 1,
    memories: int = 1,
    module: Any = layers,
    dtype: str = "float64",
    cell_options: dict[str, Any] | None = None,
    **options: Any,
) -> Any:
    cells = [
        make_cell(module, kind, U + index, dtype=dtype, **(cell_options or {})) for index, kind in enumerate(kinds)
    ]
    attentions = [layers.BahdanauAttention(A + index, dtype=dtype) for index in range(heads)]
    layer = layers.AttentionDecoder(
        cells if len(cells) > 1 else cells[0],
        attentions if heads > 1 else attentions[0],
        dtype=dtype,
        **{"return_state": True, "return_alignment": True, **options},
    )
    shapes: Any = [(None, None, M + index) for index in range(memories)]
    layer.build((None, None, D), shapes if memories > 1 else shapes[0])
    random_weights(layer, rng)
    return layer


def draw(rng: np.random.Generator, kinds: list[str], memories: int = 1) -> tuple[Any, Any, Any]:
    states = [state for index, kind in enumerate(kinds) for state in initial(kind, rng, units=U + index)]
    memory = [rng.standard_normal((B, S - index, M + index)) for index in range(memories)]
    return inputs(rng), states, memory
