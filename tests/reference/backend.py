"""What the layer tests ask of a backend, TensorFlow or JAX: tensors, functions that it compiles, gradients."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras.src.backend.common import dtypes

JAX = keras.config.backend() == "jax"

KEPT: dict[str, str] = dtypes.BIT64_TO_BIT32_DTYPE
"""What Keras rounds the results of its operations to. Off TensorFlow that is float32 for float64, whatever JAX may do;
without that rounding here, equations and gradients can be held against float64 oracles on JAX too."""

KEPT["float64"] = "float64"

MODES = ("eager", "jit") if JAX else ("eager", "graph", "xla")
"""The ways in which a function of tensors may be run."""

Tensor = Any
Signature = Sequence[tuple[tuple[int | None, ...], str]]

to_tensor = keras.ops.convert_to_tensor


class Differentiated(NamedTuple):
    """All arrays. A gradient is None where TensorFlow finds that nothing depends on its source."""

    results: Any
    loss: np.ndarray
    sources: list[Any]
    variables: list[Any]


def to_arrays(values: Any) -> Any:
    return keras.tree.map_structure(lambda value: None if value is None else np.asarray(value), values)


def compiled(function: Callable[..., Any], mode: str, signature: Signature | None = None) -> Callable[..., Any]:
    """`function` of tensors, as `mode` runs it.

    A `signature`, `(shape, dtype)` of each tensor, makes it one graph for all sizes on TensorFlow; other modes compile
    for each.
    """
    if mode == "eager":
        return function
    if mode == "jit":
        import jax

        def stateless(*tensors: Tensor) -> Any:
            with keras.StatelessScope():  # a traced call must not write to variables
                return function(*tensors)

        return jax.jit(stateless)
    import tensorflow as tf

    specs = None if signature is None or mode == "xla" else [tf.TensorSpec(*one) for one in signature]
    return tf.function(function, input_signature=specs, jit_compile=mode == "xla")


def differentiated(
    function: Callable[..., tuple[Tensor, Any]],
    variables: Sequence[Any],
    count: int,
    mode: str = "eager",
    signature: Signature | None = None,
) -> Callable[..., Differentiated]:
    """Of `function(*tensors) -> (loss, results)`: what it gives, and gradients of its first `count` tensors.

    `function` calls built layers, to which `variables` belong; theirs are the other gradients.
    """
    variables = list(variables)
    if JAX:
        import jax

        def run(weights: list[Tensor], *tensors: Tensor) -> Any:
            def loss_of(sources: tuple[Tensor, ...], weights: list[Tensor]) -> Any:
                with keras.StatelessScope(
                    state_mapping=list(zip(variables, weights, strict=True)), collect_losses=True
                ):
                    return function(*sources, *tensors[count:])

            find = jax.value_and_grad(loss_of, argnums=(0, 1), has_aux=True)
            (loss, results), (of_sources, of_weights) = find(tensors[:count], weights)
            return results, loss, list(of_sources), of_weights

        run = jax.jit(run) if mode == "jit" else run
        return lambda *tensors: Differentiated(
            *to_arrays(run([variable.value for variable in variables], *map(to_tensor, tensors)))
        )
    import tensorflow as tf

    def tape_run(*tensors: Tensor) -> Any:
        sources = list(tensors[:count])
        with tf.GradientTape() as tape:
            tape.watch(sources)
            loss, results = function(*tensors)
        gradients = tape.gradient(loss, [*sources, *variables])
        return results, loss, gradients[:count], gradients[count:]

    tape_run = compiled(tape_run, mode, signature)
    return lambda *tensors: Differentiated(*to_arrays(tape_run(*map(to_tensor, tensors))))


def gradients(
    function: Callable[..., tuple[Tensor, Any]], variables: Sequence[Any], sources: Sequence[Any], mode: str = "eager"
) -> Differentiated:
    """`differentiated`, run once on tensors that are all sources."""
    return differentiated(function, variables, len(sources), mode)(*sources)
