"""One model trained by several devices or machines, on TensorFlow's `tf.distribute`.

Every replica has a whole copy of the model and its optimizer. Of each batch it takes some rows, and computes the sum of
their losses, the gradient of that sum, and the number that a mean divides by. All three are summed over the replicas,
after which every copy makes the step that one process would have made with the whole batch.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrnn import _compat
from kerasrnn.losses import MaskedCrossentropy
from kerasrnn.zoo.training.checkpoint import State
from kerasrnn.zoo.training.team import Batch, Team, arrays, carried_by, put, variables_of

Tensor = Any
APART = 1_000_003  # between the seeds of two replicas, which must not drop the same units


class Replicas(Team):
    """The replicas of a `tf.distribute.MirroredStrategy` or `MultiWorkerMirroredStrategy` in this process.

    Args:
        strategy: made before any other use of TensorFlow, where it spans several processes.
        make: a compiled model with a built optimizer; called once for each replica of this process.
        loss: a Keras loss that is a mean, or a function of targets and predictions.
        chief: whether this process writes what the run writes.
    """

    def __init__(self, strategy: Any, make: Callable[[], keras.Model], loss: Any, *, chief: bool = True) -> None:
        self.count: int = strategy.num_replicas_in_sync
        self.chief = chief
        self._strategy, self._loss = strategy, loss
        self._devices: tuple[str, ...] = strategy.extended.worker_devices
        self._alone = len(self._devices) == self.count
        self._copies: list[keras.Model] = []
        for device in self._devices:
            with tf.device(device):
                self._copies.append(make())
        super().__init__(self._copies[0])
        self._restored: list[np.ndarray] | None = None
        self._together = tf.function(self._step, autograph=False, reduce_retracing=True)
        self._gather = self._in_replicas(lambda context, each: context.all_gather(each, axis=0))
        self._add = self._in_replicas(lambda context, each: context.all_reduce(tf.distribute.ReduceOp.SUM, each))

    def step(self, batch: Batch) -> float:
        inputs, targets = batch
        parts = np.array_split(np.arange(len(targets)), self.count)

        def mine(context: Any) -> Any:
            rows = parts[context.replica_id_in_sync_group]
            share = 1.0 if len(rows) else 0.0  # where there is no row for a replica, another's counts nothing
            rows = rows if len(rows) else np.array([0])
            return keras.tree.map_structure(lambda each: tf.constant(each[rows]), (inputs, targets)), tf.constant(share)

        with self._noticing():
            return float(self._together(self._strategy.experimental_distribute_values_from_function(mine)))

    def values(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        carried = [arrays(carried_by(model)) for model in self._copies]
        whole = [self._gathered(list(each)) for each in zip(*carried, strict=True)]
        return arrays(variables_of(self.model)), whole

    def assign(self, variables: list[np.ndarray], carried: list[np.ndarray]) -> None:
        put(variables_of(self.model), variables)
        self._restored = carried

    def agree(self, state: State, options: dict[str, Any]) -> State:
        """As of `Team`; the state and all values are those of the chief, wherever else there is a checkpoint.

        Raises:
            ValueError: processes with other options, or other data.
        """
        digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).digest()
        same = self._gathered([np.frombuffer(digest[:8], np.int64)] * len(self._copies))
        if (same != same[0]).any():
            raise ValueError(
                "the workers were started with other options or read other data: give each the same command and files."
            )
        begins = [np.zeros((value.shape[0] * self.count, *value.shape[1:]), value.dtype)
                  for value in arrays(carried_by(self.model))]  # fmt: skip
        variables, carried = arrays(variables_of(self.model)), self._restored or begins
        told = self._of_chief([np.array([state.rounds, state.steps]), *variables, *carried])
        counts, variables, carried = told[0], told[1 : len(variables) + 1], told[len(variables) + 1 :]
        for number, model in zip(self._numbers(), self._copies, strict=True):
            put(variables_of(model), variables)
            rows = [np.split(value, self.count)[number] for value in carried]
            put(carried_by(model), rows)
            for variable in model.variables:
                if variable.path.endswith("seed_generator_state"):
                    variable.assign(variable.value + tf.constant([number * APART, 0], variable.value.dtype))
        state.rounds, state.steps = map(int, counts)
        return state

    def wait(self) -> None:
        self._of_chief([np.zeros(1, np.float32)])

    def _step(self, values: Any) -> Tensor:
        reduced = [self._here(each) for each in self._strategy.run(self._part, args=(values,))]
        for i, (device, model) in enumerate(zip(self._devices, self._copies, strict=True)):
            with tf.device(device):
                *gradients, total, count = [each[i] for each in reduced]
                over = tf.math.divide_no_nan(tf.ones_like(count), count)
                variables = model.trainable_variables
                model.optimizer.apply(
                    [_scaled(*pair, over) for pair in zip(gradients, variables, strict=True)], variables
                )
                if i == 0:
                    loss = total * over
        return loss

    def _part(self, values: Any) -> list[Tensor]:
        """In one replica: the gradients of the sum of all losses, that sum, and how many losses a mean is taken of."""
        (inputs, targets), share = values
        context = tf.distribute.get_replica_context()
        model = self._copies[int(tf.get_static_value(context.replica_id_in_sync_group)) % len(self._copies)]
        with tf.GradientTape() as tape:
            total, count = total_and_count(self._loss, targets, model(inputs, training=True))
            if model.losses:
                raise ValueError(f"{model.name} has losses of its own, which replicas cannot share: remove them.")
            total *= tf.cast(share, total.dtype)
        gradients = tape.gradient(total, model.trainable_variables, unconnected_gradients="zero")
        found = [*gradients, total, tf.cast(count, total.dtype) * tf.cast(share, total.dtype)]
        return list(context.all_reduce(tf.distribute.ReduceOp.SUM, found))

    def _here(self, value: Any) -> tuple[Any, ...]:
        """The results of this process's replicas."""
        return tuple(self._strategy.experimental_local_results(value))

    def _numbers(self) -> list[int]:
        """Of this process's replicas, among all."""
        numbered = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(context.replica_id_in_sync_group)
        )
        return [int(each) for each in self._here(numbered)]

    def _gathered(self, values: list[np.ndarray]) -> np.ndarray:
        """An array of each replica, one after the other; `values` are those of this process's."""
        if self._alone:
            return np.concatenate(values)
        number = iter(values)
        shared = self._strategy.experimental_distribute_values_from_function(lambda _: [tf.constant(next(number))])
        with self._noticing():
            return np.array(self._here(self._gather(shared)[0])[0])

    def _of_chief(self, values: list[np.ndarray]) -> list[np.ndarray]:
        """The chief's values, in every process."""
        if self._alone:
            return values
        wide = [value.astype(np.float64) for value in values]  # whole numbers below 2**53 too; one type, one message

        def mine(context: Any) -> list[Tensor]:
            first = context.replica_id_in_sync_group == 0
            return [tf.constant(value if first else np.zeros_like(value)) for value in wide]

        shared = self._strategy.experimental_distribute_values_from_function(mine)
        with self._noticing():
            found = [np.array(self._here(each)[0]) for each in self._add(shared)]
        return [each.astype(value.dtype) for each, value in zip(found, values, strict=True)]

    def _in_replicas(self, function: Callable[[Any, list[Tensor]], list[Tensor]]) -> Any:
        """A function of lists of values of the replicas, in a graph; each replica has its context."""

        def replica(values: list[Tensor]) -> list[Tensor]:  # a value that nothing has touched has no device
            return list(function(tf.distribute.get_replica_context(), [tf.identity(each) for each in values]))

        def together(values: Any) -> Any:
            return self._strategy.run(replica, args=(values,))

        return tf.function(together, autograph=False, reduce_retracing=True)

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        """A process that has gone becomes an error of one line."""
        try:
            yield
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError) as error:
            if self._alone:
                raise
            raise ConnectionError(
                "another worker has stopped or cannot be reached: read its output, then start all workers again with "
                "--resume."
            ) from error


def total_and_count(loss: Any, targets: Tensor, predictions: Tensor) -> tuple[Tensor, Tensor]:
    """The sum of the losses of all examples or tokens, and the number that their mean divides it by."""
    if isinstance(loss, MaskedCrossentropy):
        losses, weights = loss.weighted(targets, predictions)
        return tf.reduce_sum(losses), tf.math.count_nonzero(weights)
    losses = loss.call(targets, predictions) if isinstance(loss, keras.losses.Loss) else loss(targets, predictions)
    mask = _compat.get_keras_mask(predictions)
    if mask is None:
        return tf.reduce_sum(losses), tf.size(losses)
    mask = tf.cast(mask, losses.dtype)
    return tf.reduce_sum(losses * mask), tf.reduce_sum(mask)


def _scaled(gradient: Any, variable: Any, by: Tensor) -> Any:
    if isinstance(gradient, tf.IndexedSlices):  # reduced, it has lost its shape
        return tf.IndexedSlices(gradient.values * by, gradient.indices, tf.constant(tuple(variable.shape)))
    return gradient * by
