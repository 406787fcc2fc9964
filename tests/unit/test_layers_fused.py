"""The way to the fused GPU kernels: what reaches them is right padding, and the numbers are those of the loop."""

import importlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from layer_cases import MASKS, B, D, T, assert_close, initial, inputs, make, random_weights

from kerasrnn import _compat, layers

keras_rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, {"return_sequences": True, "zero": True}])
@pytest.mark.parametrize("mask", [name for name, mask in MASKS.items() if mask is not None])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_any_mask_becomes_right_padding(
    kind: str,
    mask: str,
    options: dict[str, Any],
    go_backwards: bool,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Told that there is a GPU, Keras checks the mask, does not find cuDNN, and runs its own loop instead."""
    options = {name.replace("zero", "zero_output_for_mask"): value for name, value in options.items()}
    layer = make(layers, kind, dtype="float64", go_backwards=go_backwards, return_state=True, **options)
    layer.build((B, T, D))
    random_weights(layer, rng)
    x, states = tf.constant(inputs(rng)), [tf.constant(state) for state in initial(kind, rng)]
    received = []
    keras_layer = type(layer).keras_layer
    loop = keras_layer.inner_loop

    def watched(self: Any, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        received.append(np.asarray(mask))
        return loop(self, sequences, initial_state, mask, training)

    def run() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = layer(x, initial_state=states, mask=tf.constant(MASKS[mask]))
            loss = tf.add_n([tf.reduce_sum(tf.sin((i + 1.0) * part)) for i, part in enumerate(found)])
        gradients = tape.gradient(loss, [x, *layer.trainable_variables])
        return [np.asarray(part) for part in (*found, *gradients)]

    expected = run()
    monkeypatch.setattr(keras_layer, "inner_loop", watched)
    monkeypatch.setattr(_compat, "has_gpu", lambda: True)
    monkeypatch.setattr(keras_rnn, "_is_gpu_available", lambda: True)
    assert_close(run(), expected, 1e-12)
    (given,) = received
    lengths = given.sum(1)
    assert lengths.all()
    np.testing.assert_array_equal(given, np.arange(T) < lengths[:, None])


def test_keras_refuses_on_a_gpu_what_we_take() -> None:
    """Why the steps are moved: what Keras asserts before it calls cuDNN."""
    for mask in ("left", "holes", "empty row"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="right-padded"):
            keras_rnn._assert_valid_mask(tf.constant(MASKS[mask]))
