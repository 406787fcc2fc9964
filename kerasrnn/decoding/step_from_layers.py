"""A step function of a stack of Keras layers, at a constant cost for each token."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kerasrnn import _compat
from kerasrnn.decoding.paths import Step
from kerasrnn.layers.arguments import require_built
from kerasrnn.layers.attention_decoder import AttentionDecoder
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.trace import traced_step

Tensor = Any

BY_STEP = (
    keras.layers.Activation,
    keras.layers.BatchNormalization,
    keras.layers.Dense,
    keras.layers.Dropout,
    keras.layers.Embedding,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.LayerNormalization,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.Softmax,
    keras.layers.SpatialDropout1D,
    keras.layers.TimeDistributed,
)
"""Layers that treat each time step by itself."""


def step_from_layers(layers: Any) -> tuple[Step, Callable[[Any], Any]]:
    """Make a stack of built layers decode: recurrent ones by one step of their cells, the others on that step alone.

    It gives the numbers that the stack gives for the whole sequence, without dropout, at a constant cost a token.
    Masks play no part: each token that is fed counts, 0 among them. Where the last layer gives probabilities, wrap the
    step: their logarithms are logits.

    Args:
        layers: a `keras.Sequential`, or its layers in their order: recurrent layers of Keras or of this package with a
            cell, and layers that treat each time step by itself (`Embedding`, `Dense`, `LayerNormalization`,
            `TimeDistributed` and so on).

    Returns:
        `(step, states)`: the step function, and `states(batch)`, the zero states of so many sequences, a list for each
        recurrent layer.

    Raises:
        ValueError: a layer that is not built, runs backwards, or does not treat each step by itself.

    Example:

    >>> import keras, numpy as np
    >>> from kerasrnn import layers
    >>> from kerasrnn.decoding import beam_search, step_from_layers
    >>> model = keras.Sequential([keras.Input((None,), dtype="int32"), keras.layers.Embedding(9, 4)])
    >>> model.add(layers.GRU(8, return_sequences=True))
    >>> model.add(keras.layers.Dense(9))
    >>> step, states = step_from_layers(model)
    >>> found = beam_search(step, np.zeros(2, int), states(2), end=1, max_length=6, width=3)
    >>> tuple(found.tokens.shape)
    (2, 1, 6)
    """
    stack: Sequence[Any] = layers.layers if isinstance(layers, keras.Sequential) else list(layers)
    for layer in stack:
        _check(layer)
    recurrent = [layer for layer in stack if isinstance(layer, keras.layers.RNN)]

    def states(batch: Any) -> list[Any]:
        return [layer.get_initial_state(batch) for layer in recurrent]

    def step(token: Tensor, states: list[Any]) -> tuple[Tensor, list[Any], dict[str, Tensor]]:
        x, before, after = token, iter(states), []
        for layer in stack:
            if isinstance(layer, keras.layers.RNN):
                x, new = _recur(layer, x, next(before))
                after.append(new)
            else:
                x = layer(x[:, None])[:, 0]
        return x, after, {}

    return step, states


def _recur(layer: Any, x: Tensor, states: Any) -> tuple[Tensor, list[Any]]:
    if isinstance(layer, RecurrentLayer):
        return layer.step(x, states)[:2]
    with _compat.autocast(layer.compute_dtype):
        return traced_step(layer.cell, x, states)[:2]


def _check(layer: Any) -> None:
    if isinstance(layer, keras.layers.RNN):
        require_built(layer, "step_from_layers")
        if layer.go_backwards or isinstance(layer, AttentionDecoder):
            raise ValueError(
                f"`layers` must run forwards and read nothing but their input; received '{layer.name}'. Write a step "
                "function around its `step` method."
            )
    elif not isinstance(layer, BY_STEP):
        raise ValueError(
            f"`layers` must be recurrent or treat each time step by itself; received '{layer.name}' of class "
            f"{type(layer).__name__}. Write a step function, or use `step_from_model`."
        )
