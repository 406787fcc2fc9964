"""What the tests of the engine share: layers in double precision, and the plainest way to run their cells."""

from typing import Any

import numpy as np
import tensorflow as tf
from layer_cases import MASKS, D, initial, inputs, make, random_weights

from kerasrnn import engine, layers

TOLERANCE = 1e-11


def reference(cell: Any, x: Any, states: Any, mask: Any, **options: Any) -> Any:
    with engine.portable():
        return engine.recur(cell, x, states, mask, **options)


def case(kind: str, mask: str, rng: np.random.Generator) -> tuple[Any, Any, Any, Any]:
    layer = make(layers, kind, dtype="float64")
    layer.build((None, None, D))
    random_weights(layer, rng)
    keep = None if MASKS[mask] is None else tf.constant(MASKS[mask])
    x = inputs(rng)
    return layer, x if keep is None else np.where(MASKS[mask][..., None], x, 0.0), initial(kind, rng), keep
