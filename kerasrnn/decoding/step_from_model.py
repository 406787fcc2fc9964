"""A step function of any Keras language model, by running it over what was written so far."""

from collections.abc import Callable
from typing import Any

from keras import ops

from kerasrnn.decoding.paths import Step
from kerasrnn.decoding.rules import whole

Tensor = Any


def step_from_model(model: Callable[..., Tensor], window: int) -> tuple[Step, Callable[[Any], Any]]:
    """Make a language model of whole sequences decode, by running it over the last `window` tokens at every step.

    Nothing need be known of the model, but each token costs `window` steps of it: where the layers are known, use
    `step_from_layers`. Tokens stand at the left and zeros behind them, so the model must look back only: its
    output at a token must not depend on tokens to the right. Once the window is full, the oldest token falls out; a
    window of `max_length` loses nothing.

    Args:
        model: `(b, window)` int32 ids to `(b, window, v)` logits, called with `training=False`.
        window: tokens to look back on, the start token counted.

    Returns:
        `(step, states)`: the step function, and `states(batch)`, what to pass as `states` for so many sequences.

    Raises:
        ValueError: `window` below 1; a model with outputs of another shape.

    Example:

    >>> import keras, numpy as np
    >>> from kerasrnn.decoding import sample, step_from_model
    >>> model = keras.Sequential([keras.layers.Embedding(9, 4), keras.layers.GRU(8, return_sequences=True)])
    >>> model.add(keras.layers.Dense(9))
    >>> step, states = step_from_model(model, window=6)
    >>> found = sample(step, np.zeros(2, int), states(2), end=None, max_length=6, seed=1)
    >>> tuple(found.tokens.shape)
    (2, 6)
    """
    whole("window", window, 1)

    def states(batch: Any) -> dict[str, Tensor]:
        return {"ids": ops.zeros((batch, window), dtype="int32"), "count": ops.zeros((batch,), dtype="int32")}

    def step(token: Tensor, states: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        ids, count = states["ids"], states["count"]  # (b, window), (b,)
        ids = ops.where((count == window)[:, None], ops.roll(ids, -1, axis=1), ids)
        count = ops.minimum(count + 1, window)
        here = ops.arange(window, dtype="int32") == count[:, None] - 1
        ids = ops.where(here, token[:, None], ids)
        logits = model(ids, training=False)
        if len(logits.shape) != 3 or logits.shape[1] not in (None, window):
            raise ValueError(
                f"`model` must give logits of shape (batch, {window}, vocabulary); received {tuple(logits.shape)}."
            )
        last = ops.sum(ops.where(here[..., None], logits, ops.zeros_like(logits)), axis=1)
        return last, {"ids": ids, "count": count}, {}

    return step, states
