"""The layers that are timed against each other, as a user of each library gets them."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrnn import layers

Run = Callable[[], Any]
Shape = tuple[int, int, int, int]  # batch, steps, features, units
GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}


def compiled(layer: Any, x: Any, training: bool, jit: bool = False, mask: Any = None) -> Run:
    """A call of the layer in a `tf.function`; in training with the gradients of its weights and its input.

    They begin with a given gradient of the output: a loss would be passes over the output that are not the layer's.
    """
    layer.build(x.shape)
    upstream = tf.ones(layer.compute_output_shape(x.shape)) if training else None

    @tf.function(jit_compile=jit)
    def step(x: Any, mask: Any, upstream: Any) -> Any:
        if not training:
            return layer(x, mask=mask)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, mask=mask, training=True)
        return tape.gradient(y, [x, *layer.trainable_variables], upstream)

    return lambda: step(x, mask, upstream)  # which on a CPU returns when it has run


def torch_layer(kind: str, x: np.ndarray, units: int, training: bool) -> Run:
    import torch

    layer = getattr(torch.nn, "RNN" if kind == "SimpleRNN" else kind)(x.shape[-1], units, batch_first=True)
    given = torch.from_numpy(x).requires_grad_(training)
    upstream = torch.ones(*x.shape[:2], units)

    def run() -> None:
        if not training:
            with torch.no_grad():
                layer(given)
            return
        layer.zero_grad()
        given.grad = None
        y, _ = layer(given)
        y.backward(upstream)

    return run


@tf.function
def _multiply(a: Any, b: Any) -> Any:
    return tf.matmul(a, b)


def product(rng: np.random.Generator) -> tuple[Run, float]:
    """A large matrix product, and its floating-point operations: the rate that nothing exceeds."""
    n = 2048
    a, b = (tf.constant(rng.standard_normal((n, n)), tf.float32) for _ in range(2))
    return lambda: _multiply(a, b).numpy(), 2.0 * n**3


def contestants(
    kind: str, shape: tuple[int, int, int, int], training: bool, rng: np.random.Generator
) -> dict[str, Run]:
    """`ours`, Keras in a graph and under XLA, and torch where it is installed, for one shape."""
    batch, steps, features, units = shape
    x = rng.standard_normal((batch, steps, features)).astype("float32")
    tensor = tf.constant(x)
    options = {"return_sequences": True}
    runs = {
        "ours": compiled(getattr(layers, kind)(units, **options), tensor, training),
        "keras": compiled(getattr(keras.layers, kind)(units, **options), tensor, training),
        "keras XLA": compiled(getattr(keras.layers, kind)(units, **options), tensor, training, jit=True),
    }
    try:
        runs["torch"] = torch_layer(kind, x, units, training)
    except ModuleNotFoundError:
        pass
    return runs


def flops(kind: str, shape: Shape, training: bool) -> float:
    batch, steps, features, units = shape
    return (3.0 if training else 1.0) * 2.0 * batch * steps * (features + units) * GATES[kind] * units
