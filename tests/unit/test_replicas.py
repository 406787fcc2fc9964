"""The loss that replicas share, its parts, and what ties a run to its data."""

import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest

from kerasrnn.crf import CRFLoss
from kerasrnn.layers import CRF
from kerasrnn.losses import MaskedCrossentropy
from kerasrnn.zoo.readers.conll import Sentence
from kerasrnn.zoo.readers.series import Series
from kerasrnn.zoo.training.run import digest

pytestmark = pytest.mark.tensorflow

COMPARED = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
import keras, numpy as np
from kerasrnn.losses import MaskedCrossentropy
from kerasrnn.zoo.training.checkpoint import State
from kerasrnn.zoo.training.optimizer import WatchedAdamW
from kerasrnn.zoo.training.replicas import Replicas
from kerasrnn.zoo.training.team import Team

def make(dropout=0.0):
    keras.utils.set_random_seed(len(made))  # copies begin with other weights: those of the first must win
    model = keras.Sequential([
        keras.Input((None,), dtype="int32"), keras.layers.Embedding(9, 4), keras.layers.Dropout(dropout),
        keras.layers.Dense(5),
    ])
    optimizer = WatchedAdamW(model, 0.05, learning_rate=0.1, weight_decay=0.01, use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, MaskedCrossentropy(ignore_id=-1), jit_compile=False)
    optimizer.build(model.trainable_variables)
    made.append(model)
    return model

def compare(one, other):
    for first, second in zip(one.values()[0], other.values()[0], strict=True):
        np.testing.assert_allclose(second, first, rtol=1e-5, atol=1e-6)

strategy, made = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1", "CPU:2"]), []
alone = Team(make())
made.clear()
three = Replicas(strategy, make, MaskedCrossentropy(ignore_id=-1))
assert (three.count, three.chief, len(made)) == (3, True, 3)
three.agree(State(), {})
rng = np.random.default_rng(3)
for rows in (5, 2, 1, 4):
    ids = rng.integers(1, 9, (rows, 6)).astype("int32")
    tags = np.where(rng.random((rows, 6)) < np.linspace(0.9, 0, rows)[:, None], -1, ids % 5)
    losses = alone.step((ids, tags)), three.step((ids, tags))
    np.testing.assert_allclose(*losses, rtol=1e-5)
compare(alone, three)
for one, *others in zip(*(model.variables for model in made), strict=True):
    for other in others:
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg="the copies are the same")
read = alone.model.optimizer.read(), three.model.optimizer.read()
assert read[0]["clip_fraction"] == read[1]["clip_fraction"] > 0
np.testing.assert_allclose(read[0]["gradient_norm"], read[1]["gradient_norm"], rtol=1e-4)

made.clear()  # dropout: each replica drops other units, and goes on from a checkpoint as if it had not been stopped
unbroken = Replicas(strategy, lambda: make(0.5), MaskedCrossentropy(ignore_id=-1))
unbroken.agree(State(), {})
seeds = [[v.numpy().tolist() for v in model.variables if "seed" in v.path] for model in made]
assert seeds[0] and len({str(each) for each in seeds}) == 3
unbroken.step((ids, tags))
kept = unbroken.values()
unbroken.step((ids, tags))
resumed = Replicas(strategy, lambda: make(0.5), MaskedCrossentropy(ignore_id=-1))
resumed.assign(*kept)
assert resumed.agree(State(rounds=3, steps=7), {}) == State(rounds=3, steps=7)
resumed.step((ids, tags))
for first, second in zip(unbroken.values()[0], resumed.values()[0], strict=True):
    np.testing.assert_array_equal(first, second)
print("the same")
"""


def test_three_replicas_make_the_steps_of_one_process() -> None:
    """Rows that cannot be shared equally or are too few, and masks that leave few tokens; the norm is clipped."""
    result = subprocess.run(
        [sys.executable, "-c", COMPARED],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "the same\n"), result.stderr


def losses() -> list[Any]:
    rng = np.random.default_rng(4)
    logits = rng.standard_normal((4, 6, 3)).astype("float32")
    ids = rng.integers(0, 3, (4, 6)).astype("int32")
    holes = np.where(rng.random((4, 6)) < 0.4, -1, ids)
    shares = keras.ops.softmax(logits)
    masked = keras.layers.Masking()(np.where(rng.random((4, 6, 1)) < 0.4, 0, logits).astype("float32"))
    return [
        (MaskedCrossentropy(ignore_id=-1), holes, logits, 1e-6),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), ids, logits, 1e-6),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), ids, masked, 1e-6),
        (keras.losses.get("sparse_categorical_crossentropy"), ids, shares, 1e-6),
        (keras.losses.get("mse"), logits[..., 0], logits[..., 1], 1e-6),
        (CRFLoss(), ids, CRF(3)(logits, mask=np.arange(6) < np.array([[6], [2], [3], [1]])), 1e-5),
    ]


@pytest.mark.parametrize("case", range(6))
def test_the_sum_of_the_losses_over_their_number_is_the_mean_that_is_trained(case: int) -> None:
    from kerasrnn.zoo.training.replicas import total_and_count

    loss, targets, predictions, tolerance = losses()[case]
    model = keras.Sequential([keras.layers.Identity()])
    model.compile("sgd", loss)
    wanted = float(model.compute_loss(y=targets, y_pred=predictions))
    total, count = total_and_count(loss, targets, predictions)
    assert float(total) / float(count) == pytest.approx(wanted, rel=tolerance)


def test_the_digest_tells_data_apart() -> None:
    times = np.arange(3).astype("datetime64[h]")
    different: list[Any] = [
        [],
        [["a", "b"]],
        [["ab"]],
        [["a"], ["b"]],
        [["a\0b"]],
        [["b", "a"]],
        [Sentence(["a"], ["X"])],
        [Sentence(["a"], ["Y"])],
        [Series(times, np.array([1.0, 2.0, 3.0]))],
        [Series(times, np.array([1.0, 2.0, 3.5]))],
        [Series(times + 1, np.array([1.0, 2.0, 3.0]))],
        [np.zeros((2, 3), np.float32)],
        [np.zeros((3, 2), np.float32)],
        [1, "x"],
        ["1", 2],
    ]
    found = [digest(each) for each in different]
    assert len(set(found)) == len(found)
    assert [digest(each) for each in different] == found
    assert found[1] == "0fd1907d7b99fc68", "a checkpoint of today must be known tomorrow"
