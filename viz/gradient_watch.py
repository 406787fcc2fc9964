"""Gradient norms and clipping, live from an optimizer that goes on doing what it did."""

import weakref
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

Tensor = Any
_CHANGED = 1e-5  # of a gradient's norm: less is rounding, for clipping multiplies by a quotient that should be 1


class GradientWatch:
    """What the gradients of one optimizer were when they reached its clipping.

    That is after the loss scale is taken away and, with `gradient_accumulation_steps`, once for each update, of the
    mean. `read` gives the figures; `watch` makes an instance.
    """

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = weakref.ref(optimizer)
        self._names: list[str] = []
        self._counts: Any = None
        self._norms: Any = None
        self._last = np.zeros(5)

    @property
    def updates(self) -> int:
        """Updates since `watch`, those of which the gradient was not finite included."""
        return 0 if self._counts is None else int(self._counts[0])

    @property
    def clip_fraction(self) -> float | None:
        """The share of all updates since `watch` whose gradient clipping changed; None before the first."""
        return None if not self.updates else float(self._counts[1]) / self.updates

    def read(self) -> dict[str, float]:
        """The figures of the updates since the last `read`, as a log takes them; empty where there were none.

        `gradient_norm` is the mean of the global norm before clipping, `gradient_norm/largest` its largest value,
        `gradient_norm/VARIABLE` the norm of one variable's gradient in the last update, `clip_fraction` the share of
        updates that clipping changed, and `nonfinite_gradients` how many had a gradient that was not finite, which the
        other figures leave out.
        """
        if self._counts is None:
            return {}
        counts, norms = np.asarray(self._counts, float), np.asarray(self._norms, float)
        updates, clipped, broken, total, largest = counts - self._last * [1, 1, 1, 1, 0]
        if not updates:
            return {}
        self._last = counts
        self._counts[4].assign(0.0)
        found = {}
        if updates > broken:
            found = {"gradient_norm": float(total / (updates - broken)), "gradient_norm/largest": float(largest)}
        found |= {f"gradient_norm/{name}": float(norm) for name, norm in zip(self._names, norms, strict=True)}
        return found | {"clip_fraction": float(clipped / updates), "nonfinite_gradients": float(broken)}

    def begin(self, variables: Sequence[Any]) -> None:
        """Note what the coming gradients belong to; in a graph, once for each trace."""
        import tensorflow as tf

        names = [getattr(variable, "path", variable.name) for variable in variables]
        if names == self._names:
            return
        if self._names:
            raise RuntimeError(
                "optimizer: a watched optimizer keeps to one list of trainable variables; it had "
                f"{len(self._names)} and now gets {len(names)}. Use a new optimizer and watch that"
            )
        with tf.init_scope():
            self._names = names
            self._norms = tf.Variable(tf.zeros(len(names)), trainable=False, name="watched_norms")
            self._counts = tf.Variable(tf.zeros(5, tf.float64), trainable=False, name="watched_counts")

    def note(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> None:
        """Count one update; `after` is what clipping made of the gradients `before`."""
        import tensorflow as tf

        before, after = [_dense(gradient) for gradient in before], [_dense(gradient) for gradient in after]
        norms = tf.stack([_norm(gradient) for gradient in before])
        norm = _norm(norms)
        finite = tf.math.is_finite(norm)
        if all(one is other for one, other in zip(before, after, strict=True)):
            clipped = tf.constant(False)
        else:
            differences = [_norm(one - other) for one, other in zip(before, after, strict=True)]
            clipped = _norm(tf.stack(differences)) > _CHANGED * norm
        counted = tf.where(finite, norm, 0.0)
        increments = [tf.ones((), bool), clipped & finite, ~finite]
        more = [tf.cast(one, tf.float64) for one in (*increments, counted)]
        self._norms.assign(norms)
        self._counts.assign(
            tf.stack(
                [*(self._counts[index] + one for index, one in enumerate(more)), tf.maximum(self._counts[4], more[3])]
            )
        )


def watch(optimizer: Any) -> Any:
    """Watch an optimizer's gradients: the same optimizer, whose updates stay the same to the last bit.

    The norms are taken where `fit` cannot see them: after the loss scale and before clipping. `watched(optimizer)`
    reads them, and `GateMonitor` writes them to its log. Works in `fit`, eagerly, in graphs and under XLA, inside
    Keras' `LossScaleOptimizer` and with `gradient_accumulation_steps`. Nothing of it is saved: a saved model has the
    plain optimizer, and after loading it can be watched again.

    Args:
        optimizer: a `keras.optimizers.Optimizer`, on TensorFlow.

    Returns:
        `optimizer`.

    Raises:
        TypeError: no Keras optimizer.
        RuntimeError: another backend than TensorFlow, or an optimizer under a distribution strategy.

    Example:

    >>> import keras
    >>> from kerasrnn.viz import watch, watched
    >>> optimizer = watch(keras.optimizers.SGD(0.1, clipnorm=1.0))
    >>> weight = keras.Variable([3.0, 4.0])
    >>> optimizer.apply([weight * 2.0], [weight])
    >>> figures = watched(optimizer).read()
    >>> figures["gradient_norm"], figures["clip_fraction"]
    (10.0, 1.0)
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(f"optimizers are watched on Keras' TensorFlow backend; this is {keras.config.backend()}")
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise TypeError(
            f"optimizer: expected a Keras optimizer, such as keras.optimizers.Adam(), got {optimizer!r:.80}"
        )
    import tensorflow as tf

    if tf.distribute.has_strategy():
        raise RuntimeError("optimizers are watched on one device; this one was made under a distribution strategy")
    inner = _innermost(optimizer)
    if "_kerasrnn_watch" in vars(inner):
        return optimizer
    watching = GradientWatch(inner)
    apply, clip = inner._backend_apply_gradients, inner._clip_gradients  # no public place lies between scale and clip

    def apply_noting(gradients: Any, variables: Any) -> Any:
        watching.begin(variables)
        return apply(gradients, variables)

    def clip_noting(gradients: Any) -> Any:
        clipped = clip(gradients)
        watching.note(gradients, clipped)
        return clipped

    # past Keras' tracking, which would save them with the model
    object.__setattr__(inner, "_kerasrnn_watch", watching)
    object.__setattr__(inner, "_backend_apply_gradients", apply_noting)
    object.__setattr__(inner, "_clip_gradients", clip_noting)
    return optimizer


def watched(optimizer: Any) -> GradientWatch:
    """The figures of an optimizer given to `watch`.

    Raises:
        ValueError: it is not being watched.
    """
    found = watch_of(optimizer)
    if found is None:
        raise ValueError(
            "optimizer: expected one that is watched, received one that is not; call watch(optimizer) first"
        )
    return found


def watch_of(optimizer: Any) -> GradientWatch | None:
    """The watch of an optimizer, or None."""
    return vars(_innermost(optimizer)).get("_kerasrnn_watch") if optimizer is not None else None


def _innermost(optimizer: Any) -> Any:
    while isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    return optimizer


def _dense(gradient: Tensor) -> Tensor:
    """A gradient as one tensor, the rows that an embedding was asked for twice added up."""
    import tensorflow as tf

    if isinstance(gradient, tf.IndexedSlices):
        return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, gradient.dense_shape[0])
    return gradient


def _norm(tensor: Tensor) -> Tensor:
    """The 2-norm in float32, also of numbers whose squares float32 cannot hold."""
    import tensorflow as tf

    sizes = tf.abs(tensor)
    largest = tf.reduce_max(sizes)
    scaled = tf.math.divide_no_nan(sizes, largest)
    norm = tf.cast(largest, tf.float32) * tf.sqrt(tf.reduce_sum(tf.square(tf.cast(scaled, tf.float32))))
    return tf.where(tf.math.is_finite(largest), norm, tf.cast(largest, tf.float32))
