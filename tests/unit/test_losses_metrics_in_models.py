"""The losses and metrics in `compile`, `fit` and saved models; what they refuse."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy_tokens import crossentropy, log_softmax

from kerasrnn import losses, metrics

V = 9


def data(rng: np.random.Generator, rows: int = 11) -> np.ndarray:
    """Sequences of different lengths, padded with 0; two of them empty."""
    ids = rng.integers(1, V, (rows, 6))
    for row, length in enumerate(rng.integers(1, 7, rows)):
        ids[row, length:] = 0
    ids[3:5] = 0
    return ids


def model(ignore_id: int | None = None, **options: Any) -> keras.Model:
    made = keras.Sequential([keras.Input((None,)), keras.layers.Embedding(V, 8, mask_zero=True), keras.layers.Dense(V)])
    counted = (metrics.Perplexity, metrics.TokenAccuracy, metrics.SequenceAccuracy, metrics.EditDistance)
    made.compile(
        "sgd",
        loss=losses.MaskedCrossentropy(),
        metrics=[kind(ignore_id=ignore_id) for kind in counted],
        weighted_metrics=[metrics.Perplexity(ignore_id=ignore_id, name="weighted")],
        **options,
    )
    return made


def test_a_model_is_scored_over_the_tokens_that_its_mask_keeps(rng: np.random.Generator) -> None:
    """Batches of 4, 4 and 3; perplexity is of all tokens, and padding more changes nothing."""
    x, net = data(rng), model()
    y = np.where(x > 0, 1 + x % (V - 1), 0)
    nats = crossentropy(y, log_softmax(np.asarray(net.predict(x, verbose=0)).astype(float)))
    found = net.evaluate(x, y, batch_size=4, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["perplexity"], np.exp(nats[x > 0].mean()), rtol=1e-5)
    right = np.asarray(net.predict(x, verbose=0)).argmax(-1) == y
    np.testing.assert_allclose(found["token_accuracy"], right[x > 0].mean(), rtol=1e-5)
    rows = (x > 0).any(1)
    np.testing.assert_allclose(found["sequence_accuracy"], (right | (x == 0)).all(1)[rows].mean(), atol=1e-6)
    means = [nats[part][x[part] > 0].mean() for part in (slice(0, 4), slice(4, 8), slice(8, 11))]
    np.testing.assert_allclose(found["loss"], np.average(means, weights=[4, 4, 3]), rtol=1e-5)  # so Keras averages
    longer = [np.pad(each, ((0, 0), (0, 3))) for each in (x, y)]
    again = net.evaluate(*longer, batch_size=4, verbose=0, return_dict=True)
    for name, value in found.items():
        np.testing.assert_allclose(again[name], value, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(("policy", "jit"), [("float32", False), ("mixed_float16", True)])
def test_training(policy: str, jit: bool, rng: np.random.Generator) -> None:
    """With weights of sequences, for which Keras' own loss raises or weighs time steps; the losses fall."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        net, x = model(ignore_id=0, jit_compile=jit), data(rng)  # on JAX, Keras loses the mask behind the loss
    finally:
        keras.config.set_dtype_policy(before)
    net.optimizer.learning_rate = 0.5
    weights = rng.uniform(0.5, 2, len(x))
    nats = crossentropy(x, log_softmax(np.asarray(net.predict(x, verbose=0)).astype(float)))
    log = net.fit(x, x, epochs=4, batch_size=len(x), sample_weight=weights, verbose=0).history
    mean = np.average(nats, weights=weights[:, None] * (x > 0))
    np.testing.assert_allclose(log["weighted"][0], np.exp(mean), rtol=1e-5 if policy == "float32" else 1e-3)
    for name in ("loss", "perplexity", "weighted"):
        assert log[name][-1] < log[name][0], name


def test_a_saved_model_knows_them_in_a_new_process(tmp_path: Path, rng: np.random.Generator) -> None:
    """After `import kerasrnn` alone, with its metrics' options."""
    x, net = data(rng), model()
    net.compile(
        "sgd",
        loss=losses.MaskedCrossentropy(label_smoothing=0.1, ignore_id=3, reduction="sequence_mean"),
        metrics=[
            metrics.Perplexity(ignore_id=3),
            metrics.TokenAccuracy(ignore_id=3),
            metrics.SequenceAccuracy(ignore_id=3),
            metrics.EditDistance(end_id=2, ignore_id=3, normalize=False),
        ],
    )
    expected = net.evaluate(x, x, batch_size=4, verbose=0, return_dict=True)
    net.save(tmp_path / "model.keras")
    np.savez(tmp_path / "case.npz", x=x, **expected)
    code = """
    import sys
    import numpy as np
    import kerasrnn
    import keras

    case = np.load(sys.argv[1] + "/case.npz")
    model = keras.saving.load_model(sys.argv[1] + "/model.keras")
    found = model.evaluate(case["x"], case["x"], batch_size=4, verbose=0, return_dict=True)
    assert set(found) == set(case) - {"x"}, found
    for name, value in found.items():
        np.testing.assert_allclose(value, case[name], rtol=1e-5, err_msg=name)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


ALL = [
    losses.MaskedCrossentropy(False, 0.2, -1, "sequence_mean", "l", "float64"),
    metrics.Perplexity(False, 5, "p", "float64"),
    metrics.TokenAccuracy(5, "t", "float64"),
    metrics.SequenceAccuracy(5, "s", "float64"),
    metrics.EditDistance(4, 5, False, "e", "float64"),
]


@pytest.mark.parametrize("thing", ALL, ids=lambda thing: type(thing).__name__)
def test_configurations_are_whole(thing: Any) -> None:
    """Every argument of the constructor comes back, through Keras' own serialisation."""
    module = keras.losses if isinstance(thing, keras.losses.Loss) else keras.metrics
    again = module.deserialize(module.serialize(thing))
    assert type(again) is type(thing)
    assert again.get_config() == thing.get_config()
    assert again.dtype == "float64"
    options = type(thing).__init__.__annotations__.keys() - {"return"}
    assert options <= thing.get_config().keys()
    defaults = type(thing)()
    for option in options:
        assert thing.get_config()[option] != defaults.get_config()[option], f"{option} is not tested"


def test_early_stopping_knows_which_way_is_better(rng: np.random.Generator) -> None:
    """With `mode="auto"`, where Keras raises if it cannot tell."""
    stops = {name: keras.callbacks.EarlyStopping(f"val_{name}") for name in ("perplexity", "token_accuracy")}
    stops |= {name: keras.callbacks.EarlyStopping(f"val_{name}") for name in ("sequence_accuracy", "edit_distance")}
    x, net = data(rng), model()
    net.fit(x, x, verbose=0, validation_data=(x, x), callbacks=list(stops.values()))
    for name, stop in stops.items():
        assert stop._is_improvement(0.0, 1.0) == (name in ("perplexity", "edit_distance")), name


@pytest.mark.tensorflow
def test_a_distributed_loss_is_the_mean_over_replicas(rng: np.random.Generator) -> None:
    """`fit` adds the replicas' losses up, and so expects each to be divided by their number."""
    import tensorflow as tf

    ids, logits = rng.integers(0, V, (2, 3)), rng.standard_normal((2, 3, V)).astype("float32")
    alone = float(losses.MaskedCrossentropy()(ids, logits))
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([devices[0].name])
    assert strategy.num_replicas_in_sync == 1
    with strategy.scope():
        assert float(losses.MaskedCrossentropy()(ids, logits)) == alone
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(strategy), "num_replicas_in_sync", property(lambda self: 4))
        with strategy.scope():
            np.testing.assert_allclose(float(losses.MaskedCrossentropy()(ids, logits)), alone / 4, rtol=1e-6)
            total = losses.MaskedCrossentropy(reduction="sum")(ids, logits)
    np.testing.assert_allclose(float(total), 6 * alone, rtol=1e-6)


IDS, LOGITS = np.zeros((2, 3), "int32"), np.zeros((2, 3, V), "float32")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_smoothing": 1.0}, r"`label_smoothing` must be from 0 to below 1; received 1\.0"),
        ({"label_smoothing": -0.1}, r"`label_smoothing` must be .* received -0\.1"),
        ({"reduction": "sum_over_batch_size"}, r"`reduction` must be one of .* received 'sum_over_batch_size'"),
    ],
)
def test_options_that_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        losses.MaskedCrossentropy(**options)


@pytest.mark.parametrize(
    "call", [losses.MaskedCrossentropy(), *(kind() for kind in (metrics.Perplexity, metrics.TokenAccuracy))]
)
def test_inputs_that_are_refused(call: Any) -> None:
    with pytest.raises(TypeError, match=r"`y_true` must hold integer ids; received float32\..*argmax"):
        call(IDS.astype("float32"), LOGITS)
    with pytest.raises(ValueError, match=r"`y_true` must .* shape \(2, 3\); received shape \(2, 4\)"):
        call(np.zeros((2, 4), "int32"), LOGITS)
    with pytest.raises(ValueError, match=r"`y_true` must .* shape \(2, 3\); received shape \(2, 3, 9\)"):
        call(np.zeros((2, 3, V), "int32"), LOGITS)
    with pytest.raises(ValueError, match=r"`sample_weight` must .* \(2, 3\), or begin it; received shape \(2, 3, 2\)"):
        call(IDS, LOGITS, np.ones((2, 3, 2)))


def test_edit_distance_refuses_what_is_no_sequence() -> None:
    with pytest.raises(ValueError, match=r"`y_true` must be \(batch, time\) .* received shapes \(2,\) and \(2,\)"):
        metrics.EditDistance()(np.array([1, 2]), np.array([1, 2]))
    with pytest.raises(ValueError, match=r"`y_true` must have one id for each prediction, shape \(2, 3\)"):
        metrics.EditDistance()(np.zeros((2, 4), "int32"), LOGITS)
