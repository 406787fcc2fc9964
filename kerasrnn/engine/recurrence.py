"""`recur`: a cell over a sequence, by the fastest way that applies here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
from keras import ops

from kerasrnn import _compat
from kerasrnn.engine import linear
from kerasrnn.engine.options import Options
from kerasrnn.engine.scan import Scanned, scan

Tensor = Any

EAGER_STEPS = 1000  # run one by one, as is quickest for a first look, before a cell is compiled for eager use too

_portable: ContextVar[bool] = ContextVar("portable", default=False)


@contextmanager
def portable() -> Iterator[None]:
    """Within this, graphs are made of plain TensorFlow operations, with no program compiled inside of them.

    For what is exported to a runtime other than TensorFlow. Keras' own `model.export` does not need it.
    """
    token = _portable.set(True)
    try:
        yield
    finally:
        _portable.reset(token)


def recur(
    cell: Any,
    sequences: Tensor,
    states: list[Tensor],
    mask: Tensor | None,
    *,
    unroll: bool = False,
    recompute: bool = False,
    **given: Any,
) -> Scanned:
    """Run a gated cell over time.

    Args:
        cell: what states `project`, `project_bias`, `recurrent_products` and `advance`, as `layers.GatedCell` does.
        sequences: `(b, t, d)`; what lies under the mask is not read.
        states: the initial states, `(b, u)` each.
        mask: `(b, t)` bool, True = keep, or None. On masked steps states hold and gates are 0.
        unroll: write the steps out.
        recompute: keep only √t states for the gradients and compute the rest again.
        **given: what `Options` has.

    Returns:
        `Scanned(states, traces)`, the traces `(b, t, u)` in processing order.
    """
    options = Options(**given)
    if unroll or sequences.shape[1] == 0:
        return _scan(cell, _unmasked(sequences, mask), states, mask, options, unroll=unroll)
    backend = keras.config.backend()
    if backend == "tensorflow":
        return _on_tensorflow(cell, sequences, states, mask, options, recompute)
    if backend == "jax" and recompute:
        from kerasrnn.engine import jax_recompute

        return jax_recompute.recur(_by_steps, cell, sequences, states, mask, options)
    return _by_steps(cell, sequences, states, mask, options)


def _on_tensorflow(
    cell: Any, sequences: Tensor, states: list[Tensor], mask: Tensor | None, options: Options, recompute: bool
) -> Scanned:
    from kerasrnn.engine import recompute as chunks
    from kerasrnn.engine import tensorflow_adjoint

    compiles = _compiles(cell, sequences, states)
    run = tensorflow_adjoint.recur if compiles else _by_steps
    chunked = recompute and not _eager() and _compat.records_gradients()
    if chunked and (compiles or _recomputes_on_a_gpu(cell, sequences, states)):
        return chunks.recur(run, cell, sequences, states, mask, options)
    return run(cell, sequences, states, mask, options)


def _recomputes_on_a_gpu(cell: Any, sequences: Tensor, states: list[Tensor]) -> bool:
    """Whether chunks of plain steps may be run again, where no program of our own runs."""
    apart = _compat.has_gpu() and not (
        _portable.get() or _eager() or _compat.exporting() or _has_weights_of_others(cell)
    )
    return apart and not _compat.may_differentiate_twice([sequences, *states, *cell.trainable_variables])


def _by_steps(
    cell: Any,
    sequences: Tensor,
    states: list[Tensor],
    mask: Tensor | None,
    options: Options,
    differentiable: bool = True,  # the tape is TensorFlow's own
) -> Scanned:
    """As `recur`, by operations of the backend alone."""
    scans = linear.recur if linear.is_linear(cell) and _scans_in_parallel() else _scan
    return scans(cell, _unmasked(sequences, mask), states, mask, options)


def _unmasked(sequences: Tensor, mask: Tensor | None) -> Tensor:
    """Zeros where the mask is False: NaN there must not meet a kernel, for 0·NaN is NaN in its gradient."""
    return sequences if mask is None else ops.where(mask[..., None], sequences, ops.zeros_like(sequences))


def _scans_in_parallel() -> bool:
    """Whether the steps of a linear cell are taken all at once, rather than in a loop."""
    backend = keras.config.backend()
    if backend != "tensorflow":
        return backend == "jax"
    return _compat.has_gpu() and not (_portable.get() or _compat.exporting())


def compilable(tensors: Sequence[Tensor]) -> bool:
    """Whether what these tensors go into may be compiled here as a program of its own (TensorFlow)."""
    if _portable.get() or _compat.has_gpu():
        return False
    # What is compiled has one gradient, not the gradient of it.
    return not _compat.may_differentiate_twice(tensors) and (_eager() or not _compat.exporting())


def _compiles(cell: Any, sequences: Tensor, states: list[Tensor]) -> bool:
    """Whether a loop of our own may run, rather than the step-by-step one."""
    if keras.config.backend() != "tensorflow":
        return keras.config.backend() == "jax"
    if (
        not cell.compiles
        or _has_weights_of_others(cell)
        or not compilable([sequences, *states, *cell.trainable_variables])
    ):
        return False
    if not _eager():
        return True
    if _no_programs() or _compat.in_stateless_scope():  # whose tensors a program that is kept would take for constants
        return False
    done = cell.__dict__.get("_eager_steps", 0)
    if done < EAGER_STEPS:
        object.__setattr__(cell, "_eager_steps", done + sequences.shape[1])
    return bool(done >= EAGER_STEPS)


def _has_weights_of_others(cell: Any) -> bool:
    """Whether an activation has weights, which the adjoint does not know of."""
    cells = [cell, *getattr(cell, "cells", ())]
    functions = [getattr(each, name, None) for each in cells for name in ("activation", "recurrent_activation")]
    return any(isinstance(each, keras.Layer) and bool(not each.built or each.weights) for each in functions)


def _eager() -> bool:
    import tensorflow as tf

    return bool(tf.executing_eagerly())


def _no_programs() -> bool:
    import tensorflow as tf

    return bool(tf.config.functions_run_eagerly())  # then what was compiled would be run step by step, by itself


def _scan(
    cell: Any,
    sequences: Tensor,
    states: list[Tensor],
    mask: Tensor | None,
    options: Options,
    unroll: bool = False,
) -> Scanned:
    """As `recur`, by the loop of the backend."""
    cell = cell.view(rows=options.rows)
    bias = cell.project_bias()
    projected = cell.project(sequences, options.input_masks)
    projected = projected if bias is None else projected + bias
    mm = cell.products(options.recurrent_masks)
    names = cell.state_names
    random = {index: masks for index, masks in enumerate(options.zoned or []) if masks is not None}
    widths = [projected.shape[-1], *(masks.shape[-1] for masks in random.values())]
    if random:  # one tensor runs over time: the masks ride behind the projection
        projected = ops.concatenate([projected, *random.values()], axis=-1)

    def step(now: Tensor, before: list[Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
        drawn: list[Tensor | None] | None = None
        if random:
            now, *masks = ops.split(now, _starts(widths), axis=-1)
            drawn = [None] * len(names)
            for index, one in zip(random, masks, strict=True):
                drawn[index] = one
        after, gates = cell.advance(now, before, mm, drawn)
        return after, gates | dict(zip(names, after, strict=True))

    return scan(
        step,
        projected,
        states,
        mask,
        widths={name: cell.width(name) for name in options.kept},
        held={name: index for index, name in enumerate(names)},
        go_backwards=options.go_backwards,
        unroll=unroll,
    )


def _starts(widths: list[int]) -> list[int]:
    return [sum(widths[: index + 1]) for index in range(len(widths) - 1)]
