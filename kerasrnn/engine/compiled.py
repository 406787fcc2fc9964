"""Pure functions of tensors, compiled wherever that is possible: eagerly, and within a graph that is not."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from kerasrnn import _compat
from kerasrnn.engine.recurrence import compilable

Tensor = Any


def compiled(function: Callable[..., Any], *, of_gradients: bool = False) -> Callable[..., Any]:
    """`function(*tensors, **options)` as one program for each shape and set of options.

    On TensorFlow no gradient passes through a program: where there is one, the caller has it (`ops.custom_gradient`).
    A function `of_gradients` is called when that gradient is asked for; what is recorded then is differentiated again,
    and not compiled.
    """

    @functools.cache
    def program(width: int, **options: Any) -> Callable[..., Any]:
        if keras.config.backend() == "jax":
            import jax

            return jax.jit(functools.partial(function, **options))
        import tensorflow as tf

        def run(*tensors: Tensor) -> Any:
            return function(*tensors, **options)

        # Batch and time become unknown when they vary. A width may not: there is one function for each.
        return tf.function(run, jit_compile=True, autograph=False, reduce_retracing=True)

    @functools.wraps(function)
    def run(*tensors: Tensor, **options: Any) -> Any:
        backend = keras.config.backend()
        if backend == "tensorflow" and _becomes_program(tensors) and not (of_gradients and _compat.watched(tensors)):
            return program(tensors[0].shape[-1], **options)(*map(ops.stop_gradient, tensors))
        return program(tensors[0].shape[-1], **options)(*tensors) if backend == "jax" else function(*tensors, **options)

    return run


def compiled_for(
    function: Callable[..., Any], variables: Sequence[Any], shapes: Sequence[tuple[int, ...]], dtype: str
) -> Callable[..., Any]:
    """`function(*tensors)` as one program, for tensors of these shapes alone and at the least cost of a call.

    The variables' values are those at the time of a call.
    """
    if keras.config.backend() == "jax":
        import jax

        def with_values(values: list[Tensor], tensors: list[Tensor]) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return function(*tensors)

        on_jax = jax.jit(with_values)
        return lambda *tensors: on_jax([variable.value for variable in variables], list(tensors))
    import tensorflow as tf

    specs = [tf.TensorSpec(shape, dtype) for shape in shapes]
    return tf.function(function, jit_compile=True, autograph=False).get_concrete_function(*specs)


def roomy_time(tensors: list[Tensor]) -> list[Tensor]:
    """Tensors `(b, t, ...)` with more steps, all zero: at least one step, and where a program of our own will be
    compiled for steps whose number is not known beforehand, one of a few numbers.
    """
    length: Any = tensors[0].shape[1]
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        from kerasrnn.engine.sizes import roomy

        varying = length is None or (tf.executing_eagerly() and length > 0)
        if varying:
            now = tf.shape(tensors[0])[1]
            more = (roomy(now) if _becomes_program(tensors) else tf.maximum(now, 1)) - now
            return [tf.pad(one, [[0, 0], [0, more], *[[0, 0]] * (len(one.shape) - 2)]) for one in tensors]
    if length == 0:
        return [ops.pad(one, [[0, 0], [0, 1], *[[0, 0]] * (len(one.shape) - 2)]) for one in tensors]
    return tensors


def _becomes_program(tensors: Any) -> bool:
    import tensorflow as tf

    return compilable(tensors) and (tf.executing_eagerly() or not _compat.in_xla())
