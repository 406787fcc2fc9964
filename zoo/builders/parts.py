"""What several builders share."""

from typing import Any

import keras

from kerasrnn import layers
from kerasrnn.layers.by_name import classes_of

Tensor = Any


def stack(
    x: Tensor,
    *,
    cell: str,
    units: int,
    depth: int,
    bidirectional: bool,
    dropout: float,
    return_sequences: bool = True,
    name: str = "encoder",
    **options: Any,
) -> Tensor:
    """`depth` recurrent layers, dropout between them: `x (b, t, d)` to `(b, t, u)`, or `(b, u)` of the last one.

    The layers are called `encoder`, or `encoder_1`, `encoder_2` and so on; u is twice `units` where they are
    bidirectional.
    """
    layer_class, _ = classes_of(cell)
    if depth < 1:
        raise ValueError(f"`depth` must be at least 1; received {depth}.")
    for i in range(depth):
        called = name if depth == 1 else f"{name}_{i + 1}"
        sequences = return_sequences or i < depth - 1
        if i and dropout:
            x = keras.layers.Dropout(dropout, name=f"{called}_dropout")(x)
        if bidirectional:
            x = layers.Bidirectional(layer_class(units, return_sequences=sequences, name=cell, **options), name=called)(
                x
            )
        else:
            x = layer_class(units, return_sequences=sequences, name=called, **options)(x)
    return x
