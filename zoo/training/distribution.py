"""Over what a training run is spread: this process alone, the devices of this machine, or several machines."""

import json
import os
import socket
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras

WAIT = 600.0  # seconds for all workers to be started
SHAPE = '{"cluster": {"worker": ["host1:port", "host2:port"]}, "task": {"type": "worker", "index": 0}}'


class Distribution(NamedTuple):
    """How a run is spread.

    Attributes:
        strategy: of `tf.distribute`, or None where Keras itself spreads a batch or there is one device.
        replicas: of the model.
        chief: whether this process writes what the run writes.
    """

    strategy: Any = None
    replicas: int = 1
    chief: bool = True


class Place(NamedTuple):
    """The workers of a cluster, `host:port` each, the chief first, and which of them this process is."""

    workers: list[str]
    number: int


def find(kind: str | None, seconds: float = WAIT) -> Place | None:
    """Where this process stands among the workers, all of which are there; None where there are no others.

    Args:
        kind: None, "mirrored" or "multiworker".
        seconds: to wait for the other workers.

    Raises:
        ValueError: a `TF_CONFIG` that is missing or wrong, or a backend that has no such thing.
        OSError: a worker that cannot be reached.
    """
    if kind != "multiworker":
        return None
    if keras.config.backend() != "tensorflow":
        raise ValueError("--distribute multiworker runs on TensorFlow; on JAX there is mirrored, for one machine.")
    place = read(os.environ)
    meet(place, seconds)
    return place


def begin(kind: str | None, place: Place | None) -> Distribution:
    """Spread what is built from here on; before any other use of the devices.

    Args:
        kind: None, "mirrored" for all devices of this machine, or "multiworker".
        place: among the workers, as of `find`.
    """
    if kind is None:
        return Distribution()
    if keras.config.backend() == "jax":
        return _over_jax_devices()
    import tensorflow as tf

    if place is not None:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        return Distribution(strategy, strategy.num_replicas_in_sync, chief=place.number == 0)
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return Distribution(tf.distribute.MirroredStrategy([device.name for device in devices]), len(devices))


def read(environment: Mapping[str, str]) -> Place:
    """What `TF_CONFIG` says.

    Raises:
        ValueError: it is missing or wrong.
    """
    text = environment.get("TF_CONFIG", "")
    if not text.strip():
        raise ValueError(
            f"--distribute multiworker reads the environment variable TF_CONFIG, which is not set: {SHAPE}"
        )
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ValueError(f"TF_CONFIG is no JSON ({error}); expected {SHAPE}") from error
    cluster = given.get("cluster") if isinstance(given, dict) else None
    task = given.get("task") if isinstance(given, dict) else None
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise ValueError(f"TF_CONFIG must hold a cluster and a task; expected {SHAPE}")
    if other := sorted(set(cluster) - {"chief", "worker"}):
        raise ValueError(f"TF_CONFIG names tasks of the kind {other[0]!r}; there are only worker and chief: {SHAPE}")
    groups = {name: cluster.get(name, []) for name in ("chief", "worker")}
    for name, addresses in groups.items():
        if not isinstance(addresses, list) or not all(map(_is_address, addresses)):
            raise ValueError(f"TF_CONFIG: {name} must be a list of host:port; found {addresses!r:.80}")
    kind, index = task.get("type"), task.get("index")
    own = groups.get(kind, []) if isinstance(kind, str) else []
    if type(index) is not int or not 0 <= index < len(own):
        raise ValueError(f"TF_CONFIG: the task {kind!r:.40} number {index!r:.40} is none of its cluster's; {SHAPE}")
    workers = groups["chief"] + groups["worker"]
    if len(set(workers)) < len(workers) or len(groups["chief"]) > 1:
        raise ValueError(f"TF_CONFIG: expected at most one chief and no address twice; found {', '.join(workers)}")
    return Place(workers, index + (len(groups["chief"]) if kind == "worker" else 0))


def meet(place: Place, seconds: float) -> None:
    """Wait until every other worker is there; TensorFlow itself would wait for ever, deaf to signals.

    Raises:
        OSError: one was not there in time, or the port of this one is taken.
    """
    until = time.monotonic() + seconds
    port = int(place.workers[place.number].rpartition(":")[2])
    with socket.create_server(("", port), backlog=max(len(place.workers), 16)):
        for number, address in enumerate(place.workers):
            host, _, other = address.rpartition(":")
            while number != place.number:
                try:
                    socket.create_connection((host.strip("[]"), int(other)), timeout=5).close()
                    break
                except OSError as error:
                    if time.monotonic() > until:
                        raise ConnectionError(
                            f"worker {number} at {address} was not there after {seconds:g} s ({error}): start every "
                            "worker of TF_CONFIG, each with its own index."
                        ) from error
                    time.sleep(0.2)


def _is_address(given: Any) -> bool:
    host, _, port = given.rpartition(":") if isinstance(given, str) else ("", "", "")
    return bool(host) and port.isdigit() and 0 < int(port) < 65536


def _over_jax_devices() -> Distribution:
    class ByRows(keras.distribution.DataParallel):
        """As Keras', but a batch whose rows the devices cannot share equally is computed by each of them."""

        def get_data_layout(self, data_shape: Any) -> Any:
            if data_shape[0] % len(devices):
                return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)
            return super().get_data_layout(data_shape)

    devices = keras.distribution.list_devices()
    keras.distribution.set_distribution(ByRows(devices=devices))
    return Distribution(replicas=len(devices))
