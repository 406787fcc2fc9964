"""Models to intervene in, and what an LSTM does when a gate is held or a unit silenced, by hand."""

from typing import Any

import keras
import numpy as np
from capture_cases import randomised, softmax
from keras import layers as kl
from numpy_cells import Array, sigmoid

B, T, D, U, V = 2, 5, 3, 4, 3


def tagger(layer: Any, rng: np.random.Generator, masked: bool = False) -> Any:
    x = keras.Input((T, D))
    hidden = layer(kl.Masking()(x) if masked else x)
    return randomised(keras.Model(x, kl.Dense(V, "softmax", name="tags")(hidden)), rng)


def chances(model: Any, hidden: Array) -> Array:
    kernel, bias = model.get_layer("tags").get_weights()
    return softmax(hidden @ kernel + bias)


def lstm_by_hand(layer: Any, x: Array, held: dict[str, float], zero: list[int], when: list[int]) -> Array:
    """(t, u), with gates and units changed at the steps `when`."""
    w, r, b = (np.split(part, 4, axis=-1) for part in layer.get_weights())
    names = ["input", "forget", "candidate", "output"]
    h = c = np.zeros(U)
    outputs = []
    for step, now in enumerate(x):
        gates = {}
        for name, kernel, recurrent, bias in zip(names, w, r, b, strict=True):
            z = now @ kernel + h @ recurrent + bias
            gates[name] = np.tanh(z) if name == "candidate" else sigmoid(z)
            if name in held and step in when:
                gates[name] = np.full(U, held[name])
        c = gates["forget"] * c + gates["input"] * gates["candidate"]
        h = gates["output"] * np.tanh(c)
        if step in when:
            h, c = (np.where(np.isin(np.arange(U), zero), 0, state) for state in (h, c))
        outputs.append(h)
    return np.array(outputs)


def attending(attend: Any) -> Any:
    q, v = keras.Input((T, D), name="query"), keras.Input((T + 1, D), name="value")
    return keras.Model([q, v], kl.Dense(V, "softmax", name="tags")(attend(q, v)))
