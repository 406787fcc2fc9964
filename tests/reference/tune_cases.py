"""A small task of tunes with random weights, and one that writes each character with a probability of its own."""

from typing import Any

import numpy as np

from kerasrnn.zoo.loading import task_class
from kerasrnn.zoo.tasks.tunes import END, START, TunesTask

CHARACTERS = "\n \"#'(),/0123456789:<=>ABCDEFGKLM[]^_abcdefgmnoz{|}-"
JIG = "M:6/8\nL:1/8\nK:G\nD| GAB d2B| cBA GED| G3 G2:|"
REEL = "M:4/4\nL:1/8\nK:Em\nE2 GB e2 ^dB|A2 FA DAFA|"


def card() -> dict[str, Any]:
    tokens = [START, END, *sorted(CHARACTERS)]
    return {
        "name": "small_tunes",
        "title": "A model for tests",
        "task": "tunes",
        "builder": "language_model",
        "arguments": {"size": len(tokens) + 2, "units": 5, "depth": 2, "embedding": 3, "dropout": 0.2},
        "vocabulary": {
            "level": "character",
            "tokens": tokens,
            "start": START,
            "end": END,
            "units": {"2/4": "1/16", "6/8": "1/8"},
        },
        "example": "M:6/8 K:G",
    }


def small(seed: int = 7) -> TunesTask:
    """Weights that are all different and large enough to matter."""
    rng = np.random.default_rng(seed)
    task: TunesTask = task_class(card()).build(card())
    for variable in task.model.weights:
        size = 0.1 if variable.path.endswith("bias") else 1.0
        variable.assign((size * rng.standard_normal(variable.shape)).astype(np.float16))
    return task


def independent(shares: dict[str, float]) -> TunesTask:
    """Writes each of these tokens with its probability, whatever came before."""
    task = small()
    logits = np.full(len(task.tokens), -1e4, np.float32)
    for token, share in shares.items():
        logits[task.ids[token]] = np.log(share)
    layer = task.model.get_layer("logits")
    layer.set_weights([np.zeros_like(layer.get_weights()[0]), logits])
    return task
