"""Watching a model's real run: methods replaced on instances for one eager call, then everything as it was."""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn import _compat
from kerasrnn.viz.capture.compiled import fast_replay, own_loop
from kerasrnn.viz.capture.inputs import checked_inputs
from kerasrnn.viz.capture.pushed import pushed_replay
from kerasrnn.viz.capture.replay import Replayed, replay
from kerasrnn.viz.capture.sites import Site, recurrent_sites

Tensor = Any
LOCK = threading.RLock()  # a model that is being watched must not be watched by another thread


class Observed:
    """A model under observation: run it plainly, run it watched, compare the two.

    Attributes:
        model: the Keras model.
        inputs: what it is run on, checked.
    """

    def __init__(self, model: Any, inputs: Any) -> None:
        self.model = model
        self.inputs = checked_inputs(model, inputs)
        self._reference: Any = None

    @property
    def rows(self) -> int:
        """How many rows the batch has."""
        return int(keras.tree.flatten(self.inputs)[0].shape[0])

    @property
    def reference(self) -> Any:
        """The outputs of the plain run, which is made when somebody first asks."""
        if self._reference is None:
            with replaced(part_loops(recurrent_sites(self.model), _own)):
                self._reference = self.run()
        return self._reference

    def run(self, inputs: Any = None) -> Any:
        """One eager call at inference; variables that it changes (a stateful layer's) get their values back."""
        with preserved(self.model):
            return self.model(self.inputs if inputs is None else inputs, training=False)

    def run_watched(self, replacements: list[tuple[Any, str, Any]], inputs: Any = None) -> Any:
        """The same with `replacements` in place, and with no part of it hidden in a compiled function."""
        with replaced(replacements), uncompiled():
            return self.run(inputs)

    def compare(self, outputs: Any, names: str) -> None:
        """Raise RuntimeError, naming the layers watched, unless `outputs` equal the plain run's where they count."""
        plain, watched = keras.tree.flatten(self.reference), keras.tree.flatten(outputs)
        allowed = max(tolerance(layer.compute_dtype) for layer in self.model._flatten_layers())
        for one, other in zip(plain, watched, strict=True):
            mask = getattr(one, "_keras_mask", None)
            difference = largest_difference(one, other, None if mask is None else to_numpy(mask).astype(bool))
            if difference > allowed:
                raise RuntimeError(
                    f"watching layer {names} changed the model's output by {difference:.2g} of its size: its cell "
                    "does something between steps that a step by step run cannot repeat"
                )


@contextmanager
def observing(model: Any, inputs: Any, *, plain: bool = True) -> Iterator[Observed]:
    """Check model and inputs, run the model plainly if it is asked for, and hold the lock while it is watched."""
    if not isinstance(model, keras.Layer):
        raise TypeError(f"model: expected a Keras model, received {type(model).__name__}")
    with LOCK, _full_precision():
        observed = Observed(model, inputs)
        if plain:
            _ = observed.reference
        yield observed


@contextmanager
def replaced(replacements: list[tuple[Any, str, Any]]) -> Iterator[None]:
    """Set methods on instances, past Keras' attribute tracking, and take them away again whatever happens.

    What they raise arrives as it is: Keras would put the arguments of every call around it.
    """
    before = [(item, name, name in vars(item), vars(item).get(name)) for item, name, _ in replacements]
    try:
        for item, name, value in replacements:
            object.__setattr__(item, name, _as_it_is(value))
        yield
    finally:
        for item, name, own, value in before:
            if own:
                object.__setattr__(item, name, value)
            elif name in vars(item):
                object.__delattr__(item, name)


def _as_it_is(method: Any) -> Any:
    """A method whose errors Keras takes for ones that it has explained already."""
    if not callable(method):
        return method

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as error:  # whatever it is: it goes on its way, only marked
            _compat.keep_as_raised(error)
            raise

    return call


def watched_loop(
    part: Any,
    seen: Callable[[Replayed, Tensor | None], None],
    *,
    wants: Callable[[], bool] = lambda: True,
    nudge: Callable[[list[Tensor], int], Any] | None = None,
    only_pushes: bool = False,
    on_step: Callable[[Tensor | None], None] | None = None,
    unrecorded: Callable[[], Any] | None = None,
) -> Callable[..., Any]:
    """An `inner_loop` for the instance `part` that replays the loop, compares, and reports what it saw.

    Without `nudge` the layer's own results go on, so the rest of the model runs as ever; with it the replayed ones do.

    Args:
        part: a `keras.layers.RNN`.
        seen: called with the replay and the mask (b, t) or None.
        wants: asked at each call whether to watch it.
        nudge: makes, from `(initial states, steps)`, the `pushes` of `pushed_replay`.
        only_pushes: as there.
        on_step: as in `replay`.
        unrecorded: a context manager to run the layer's own loop in, such as one that stops a gradient tape.
    """
    own = part.inner_loop

    def inner_loop(sequences: Tensor, initial_state: Any, mask: Any, training: bool = False, **extra: Any) -> Any:
        if not wants():
            return own(sequences=sequences, initial_state=initial_state, mask=mask, training=training, **extra)
        valid = flat_mask(mask)
        given = {"sequences": sequences, "initial_state": initial_state, "mask": mask, "training": training, **extra}
        if nudge is None and on_step is None:
            replayed = fast_replay(part, sequences, initial_state, valid, **extra)
            result = own_loop(part, own, **given)
            _compare_loop(part, replayed, result, valid)
            seen(replayed, valid)
            return result
        if nudge is None:
            replayed = replay(part, sequences, initial_state, valid, on_step=on_step, **extra)
        else:
            pushes = nudge(keras.tree.flatten(initial_state), sequences.shape[1])
            replayed = pushed_replay(part, sequences, initial_state, valid, pushes, only_pushes=only_pushes, **extra)
        if on_step is None:
            with unrecorded() if unrecorded is not None else _nothing():
                result = own_loop(part, own, **given)
            _compare_loop(part, replayed, result, valid)
        else:  # the layer's own loop would run what is watched inside it twice
            result = (replayed.last, replayed.outputs, all_states(part, replayed))
        seen(replayed, valid)
        if nudge is None:
            return result
        states = keras.tree.pack_sequence_as(result[2], keras.tree.flatten(all_states(part, replayed)))
        return replayed.last, replayed.outputs, states

    return inner_loop


def _own(site: Site, prefix: str, part: Any) -> Callable[..., Any]:
    """The `inner_loop` of a part as it is, compiled where that pays."""
    own = part.inner_loop

    def inner_loop(sequences: Tensor, initial_state: Any, mask: Any, training: bool = False, **extra: Any) -> Any:
        given = {"sequences": sequences, "initial_state": initial_state, "mask": mask, "training": training, **extra}
        return own_loop(part, own, **given) if _eager() else own(**given)

    return inner_loop


def _eager() -> bool:
    if keras.config.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.executing_eagerly())


def part_loops(sites: list[Site], make: Callable[[Site, str, Any], Any]) -> list[tuple[Any, str, Any]]:
    """The replacements for `replaced`: `make(site, prefix, part)` as every part's `inner_loop`."""
    return [(part, "inner_loop", make(site, prefix, part)) for site in sites for prefix, part in site.parts]


def flat_mask(mask: Any) -> Tensor | None:
    """A mask as Keras hands it to loops, as (b, t) bool or None."""
    if isinstance(mask, (list, tuple)):
        mask = mask[0] if mask else None
    if mask is None:
        return None
    mask = ops.cast(mask, "bool")
    return mask if len(mask.shape) == 2 else ops.any(mask, axis=tuple(range(2, len(mask.shape))))


def to_numpy(tensor: Tensor) -> np.ndarray:
    """A tensor as an array, half precision widened to float32."""
    kind = keras.backend.standardize_dtype(tensor.dtype)
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32") if kind in ("float16", "bfloat16") else tensor))


def tolerance(dtype: Any) -> float:
    """How far two computations in one precision may differ, relative to the size of their results."""
    if dtype is None or not str(keras.backend.standardize_dtype(dtype)).endswith("16"):
        return 1e-9 if dtype is not None and keras.backend.standardize_dtype(dtype) == "float64" else 1e-4
    return 0.1


def largest_difference(one: Tensor, other: Tensor, valid: np.ndarray | None = None) -> float:
    """The largest difference, relative to the largest value (at least 0.1), over the positions `valid` (b, t)."""
    left, right = to_numpy(one), to_numpy(other)
    if left.shape != right.shape:
        return float("inf")
    if valid is not None and left.shape[: valid.ndim] == valid.shape:
        left, right = left[valid], right[valid]
    if left.dtype.kind not in "fc":
        return float((left != right).any())
    if not left.size:
        return 0.0
    if (np.isfinite(left) != np.isfinite(right)).any():
        return float("inf")
    finite = np.isfinite(left)
    left, right = left[finite].astype(float), right[finite].astype(float)
    return float(np.abs(left - right).max(initial=0.0) / max(0.1, np.abs(left).max(initial=0.0)))


def _compare_loop(part: Any, replayed: Replayed, result: Any, mask: Tensor | None) -> None:
    last, outputs, states = result
    valid = None if mask is None else to_numpy(mask)
    if valid is not None and part.go_backwards:
        valid = valid[:, ::-1]
    some = None if valid is None else valid.any(axis=1)
    pairs: list[tuple[Tensor, Tensor, Any]] = [(last, replayed.last, some)]
    mine = keras.tree.flatten(replayed.states)  # the layer's own may have gates or an alignment behind them
    pairs += [(one, other, some) for one, other in zip(keras.tree.flatten(states), mine, strict=False)]
    if part.return_sequences:
        pairs.append((outputs, replayed.outputs, valid))
    for one, other, where in pairs:
        difference = largest_difference(one, other, where)
        if difference > tolerance(replayed.last.dtype):
            raise RuntimeError(
                f"layer {part.name!r}: its own loop and its cell run step by step differ by {difference:.2g} of their "
                "size, so what the cell shows is not what the layer does; the layer cannot be captured"
            )


def all_states(part: Any, replayed: Replayed) -> list[Any]:
    """The states, and what layers of this package hand out as one state more."""
    alignments = [trace for name, trace in replayed.traces.items() if name.startswith("alignment")]
    gates = {name: trace for name, trace in replayed.traces.items() if not name.startswith("alignment")}
    extra: list[Any] = []
    if getattr(part, "return_alignment", False):
        extra.append(alignments[0] if len(alignments) == 1 else alignments)
    if getattr(part, "return_gates", False):
        extra.append(gates)
    return [*replayed.states, *extra]


@contextmanager
def preserved(model: Any) -> Iterator[None]:
    """Within it, variables that a run or a loss changes (states, statistics, metrics) get their values back."""
    layers = model._flatten_layers()
    variables = [*model.non_trainable_variables, *getattr(model, "metrics_variables", [])]
    variables += [state for layer in layers for state in keras.tree.flatten(getattr(layer, "states", None))]
    unique = list({id(item): item for item in variables if isinstance(item, keras.Variable)}.values())
    values = [ops.copy(ops.convert_to_tensor(variable)) for variable in unique]
    try:
        yield
    finally:
        for variable, value in zip(unique, values, strict=True):
            variable.assign(value)


@contextmanager
def _full_precision() -> Iterator[None]:
    """Ten-bit matrix products (TF32, the default on a GPU) would hide what the comparison looks for."""
    if keras.config.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


@contextmanager
def uncompiled() -> Iterator[None]:
    """A `tf.function` inside the model would run its trace, made before anything was watched."""
    if keras.config.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@contextmanager
def _nothing() -> Iterator[None]:
    yield
