"""Every private import of Keras and TensorFlow, one place, each with its reason."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Any

import keras
import numpy as np
from keras.src.backend import cudnn_ok  # no public test of what Keras' fused kernels accept
from keras.src.backend.common.masking import get_keras_mask  # no public way to the implicit mask of a tensor
from keras.src.backend.common.stateless_scope import get_stateless_scope  # no public way to the enclosing scope
from keras.src.backend.common.variables import AutocastScope  # `layer.trace` and `layer.step` run outside `__call__`
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell  # tells cells that keep dropout masks for a sequence
from keras.src.losses.loss import scale_loss_for_distribution  # what `fit` expects of a mean under `tf.distribute`

__all__ = [
    "DropoutRNNCell",
    "autocast",
    "eagerly",
    "exporting",
    "fused_kernels_apply",
    "get_keras_mask",
    "has_gpu",
    "in_stateless_scope",
    "in_xla",
    "keep_as_raised",
    "known",
    "loop_scope",
    "may_differentiate_twice",
    "read",
    "records_gradients",
    "scale_loss_for_distribution",
    "update",
    "value_of",
    "watched",
]


def autocast(dtype: str) -> AbstractContextManager[Any]:
    """Within this scope float variables read as `dtype`, as they do within `Layer.__call__`."""
    return AutocastScope(dtype)


def eagerly() -> AbstractContextManager[Any]:
    """Within this scope what does not depend on a graph has its values, also where a layer is built in one."""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        return tf.init_scope()
    if keras.config.backend() == "jax":
        import jax

        return jax.ensure_compile_time_eval()
    return nullcontext()


def loop_scope() -> keras.StatelessScope:
    """A scope for the tracing of a loop on JAX: variables have their values outside of it, and none is written to.

    A plain `StatelessScope` would hide those of the enclosing one, by which `fit` and `stateless_call` pass weights.
    """
    scope, enclosing = keras.StatelessScope(), get_stateless_scope()
    if enclosing is not None:
        scope.state_mapping.update(enclosing.state_mapping)
    return scope


def in_stateless_scope() -> bool:
    """Whether variables may read as other tensors, as within `stateless_call`."""
    return get_stateless_scope() is not None


def has_gpu() -> bool:
    """Whether Keras' backend runs on a GPU here."""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    if keras.config.backend() == "jax":
        import jax

        return jax.default_backend() == "gpu"
    return False


def fused_kernels_apply(layer: Any) -> bool:
    """Whether Keras' fused GPU kernels (cuDNN) compute exactly this LSTM or GRU layer."""
    cell = layer.cell
    if hasattr(cell, "reset_after") and keras.config.backend() != "tensorflow":
        return False  # elsewhere only the LSTM has such kernels, and `cudnn_ok` knows no other
    options = {"reset_after": cell.reset_after} if hasattr(cell, "reset_after") else {}
    return not layer.recurrent_dropout and cudnn_ok(
        cell.activation, cell.recurrent_activation, layer.unroll, cell.use_bias, **options
    )


def exporting() -> bool:
    """Whether Keras' `export` is tracing: what it makes may run where nested XLA programs cannot (LiteRT, ONNX).

    Keras has no flag for it; its modules are on the stack.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("keras.src.export."):
            return True
        frame = frame.f_back
    return False


def known(values: Any) -> np.ndarray | None:
    """The values as an array, or None where they are those of a graph or a program that is being traced."""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        if tf.is_tensor(values):
            return tf.get_static_value(values)
    if keras.config.backend() == "jax":
        import jax

        if isinstance(values, jax.core.Tracer):
            return None
    return np.asarray(values)


def in_xla() -> bool:
    """Whether the graph that is being traced will be compiled by XLA as a whole (TensorFlow)."""
    import tensorflow as tf
    from tensorflow.python.ops import control_flow_util  # no public test for an enclosing `jit_compile=True`

    return bool(control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def records_gradients() -> bool:
    """Whether a gradient tape may be recording (TensorFlow)."""
    from tensorflow.python.eager import record  # no public test for an active tape

    return bool(record.could_possibly_record())


def made_by(tensor: Any) -> tuple[Any, Any]:
    """The operation of a graph of layers that a symbolic tensor comes out of, and the arguments of that call."""
    history = tensor._keras_history  # no public way leads from a tensor to what it is made of
    return history.operation, arguments_of(history.operation, history.node_index)


def arguments_of(layer: Any, call: int) -> Any:
    """What a layer got in a call in a graph of layers, with `args` and `keras_tensors`; None without such a call."""
    nodes = getattr(layer, "_inbound_nodes", [])
    return nodes[call].arguments if call < len(nodes) else None


def keep_as_raised(error: BaseException) -> None:
    """Mark an error as one that Keras need not wrap in the arguments of every call that it passes."""
    vars(error).setdefault("_keras_call_info_injected", True)


def may_differentiate_twice(tensors: Sequence[Any]) -> bool:
    """Whether more than one tape, or one that is persistent, watches any of the tensors (TensorFlow)."""
    return _possible_gradients(tensors) == 2


def watched(tensors: Sequence[Any]) -> bool:
    """Whether a tape watches any of the tensors (TensorFlow)."""
    return _possible_gradients(tensors) > 0


def _possible_gradients(tensors: Sequence[Any]) -> int:
    """None, of the first order, or of higher orders too: 0, 1 or 2."""
    import tensorflow as tf
    from tensorflow.python import pywrap_tfe  # what `tf.function` itself asks; no public test

    read = [tf.convert_to_tensor(tensor) for tensor in tensors]  # a tape watches a variable when it is read
    return int(pywrap_tfe.TFE_Py_TapeSetPossibleGradientTypes(read))


def read(array: Any, starts: Any, sizes: Any) -> Any:
    """A part of an array, within an XLA program and only there; starts and sizes are ints or scalar tensors.

    The public slice would make XLA compile a program for each value that a start has. Of the shape the last size is
    known, where it is an int.
    """
    import tensorflow as tf
    from tensorflow.compiler.tf2xla.python import xla

    part = xla.dynamic_slice(array, tf.stack(starts), tf.stack(sizes))
    part.set_shape([None] * (array.shape.rank - 1) + [tf.get_static_value(sizes[-1])])
    return part


def update(array: Any, part: Any, starts: Any) -> Any:
    """An array with a part of it replaced; in place within an XLA program, and only there."""
    import tensorflow as tf
    from tensorflow.compiler.tf2xla.python import xla  # the public scatter becomes a loop over rows

    updated = xla.dynamic_update_slice(array, part, tf.stack(starts))
    updated.set_shape(array.shape)
    return updated


def value_of(tensor: Any) -> Any:
    """The values of a tensor as an array, or None while a graph or a program is being traced."""
    if keras.config.backend() == "tensorflow" and not hasattr(tensor, "numpy"):
        return None
    if keras.config.backend() == "jax":
        import jax

        if isinstance(tensor, jax.core.Tracer):
            return None
    return None if isinstance(tensor, keras.KerasTensor) else keras.ops.convert_to_numpy(tensor)
