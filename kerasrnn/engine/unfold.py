"""`unfold`: a loop whose length its own results decide; the loops themselves are one file a backend."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops, tree

Tensor = Any
Step = Callable[[Tensor, Any], tuple[Any, Any, Tensor]]


class Unfolded(NamedTuple):
    """Steps taken, what was carried last, and the traces, `(limit, ...)` each, zeros after the stop."""

    count: Tensor
    carried: Any
    traces: Any


def unfold(step: Step, carried: Any, limit: int) -> Unfolded:
    """Run `step(t, carried) -> (carried, traces, going)` until not `going`, at least once and at most `limit` times.

    The first step runs outside of the loop. It may change the structure, shapes and types of what is carried, as a beam
    does that begins with one hypothesis, and it gives the shapes of the traces.

    Args:
        step: t is a scalar int32, `carried` and `traces` are nests of tensors, `going` a scalar bool.
        carried: what the first step is given.
        limit: the most steps, at least 1.
    """
    carried, traces, going = step(ops.convert_to_tensor(0, dtype="int32"), carried)
    return _loop()(step, tree.map_structure(ops.convert_to_tensor, carried), traces, going, limit)


def _loop() -> Callable[..., Unfolded]:
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        if tf.executing_eagerly():
            return _step_by_step
        from kerasrnn.engine import tensorflow_unfold

        return tensorflow_unfold.loop
    if keras.config.backend() == "jax":
        from kerasrnn.engine import jax_unfold

        return jax_unfold.loop
    return _step_by_step


def _step_by_step(step: Step, carried: Any, traces: Any, going: Tensor, limit: int) -> Unfolded:
    history = [traces]
    while len(history) < limit and going:
        carried, traces, going = step(ops.convert_to_tensor(len(history), dtype="int32"), carried)
        history.append(traces)

    def stack(*by_step: Tensor) -> Tensor:
        return ops.stack([*by_step, *[ops.zeros_like(by_step[0])] * (limit - len(history))])

    return Unfolded(ops.convert_to_tensor(len(history), dtype="int32"), carried, tree.map_structure(stack, *history))
