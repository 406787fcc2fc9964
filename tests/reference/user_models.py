"""Shapes of Keras models, none of them made with kerasrnn: what users bring. `docs/user_models.md` has the list."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers as kl

B, T, D, U = 3, 6, 3, 4
RECURRENT = ("gates", "bptt", "jacobian", "saliency", "weight gradients", "weights")
ATTENDING = ("attention",)


class Case(NamedTuple):
    """A model, its inputs by name or in order, and what can be drawn of it; `module` registers its classes."""

    model: keras.Model
    inputs: Any
    commands: tuple[str, ...]
    module: str | None = None


def floats(steps: int = T, width: int = D, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((B, steps, width)).astype("float32")
    x[1, steps - 2 :] = 0  # padding, where a mask is made of it
    return x


def tokens() -> np.ndarray:
    return np.array([[1, 2, 3, 4, 5, 6], [7, 8, 1, 2, 0, 0], [3, 0, 0, 0, 0, 0]])


def functional() -> Case:
    x = keras.Input((None, D))
    h = kl.LSTM(U, return_sequences=True)(kl.Masking()(x))
    return Case(keras.Model(x, kl.Dense(2, "softmax")(kl.GRU(U)(h))), floats(), RECURRENT)


def sequential() -> Case:
    stack = [keras.Input((None,)), kl.Embedding(9, D, mask_zero=True), kl.GRU(U), kl.Dense(1, "sigmoid")]
    model = keras.Sequential(stack)
    model.compile("adam", "binary_crossentropy")
    return Case(model, tokens(), RECURRENT)


def nested() -> Case:
    x = keras.Input((None, D))
    inner = keras.Sequential([keras.Input((None, D)), kl.LSTM(U, return_sequences=True, name="deep")], name="inner")
    return Case(keras.Model(x, kl.Dense(3, "softmax")(inner(x))), floats(), RECURRENT)


def shared() -> Case:
    left, right = keras.Input((None, D), name="left"), keras.Input((None, D), name="right")
    reader = kl.GRU(U, name="reader")
    model = keras.Model([left, right], kl.Dense(2)(kl.subtract([reader(left), reader(right)])))
    return Case(model, {"left": floats(), "right": floats(seed=1)}, RECURRENT)


def several_inputs() -> Case:
    x, ids, start = keras.Input((None, D), name="x"), keras.Input((None,), name="ids"), keras.Input((U,), name="start")
    both = kl.concatenate([x, kl.Embedding(9, D)(ids)])
    model = keras.Model([x, ids, start], kl.Dense(2)(kl.GRU(U)(both, initial_state=start)))
    return Case(model, {"x": floats(), "ids": tokens(), "start": floats()[:, 0, :1].repeat(U, 1)}, RECURRENT)


def both_ways() -> Case:
    x = keras.Input((None,))
    embedded = kl.Embedding(9, D, mask_zero=True)(x)
    h = kl.Bidirectional(kl.LSTM(U, return_sequences=True), merge_mode="sum")(embedded)
    return Case(keras.Model(x, kl.Dense(3, "softmax")(h)), tokens(), RECURRENT)


def backwards() -> Case:
    x = keras.Input((T, D))
    return Case(keras.Model(x, kl.Dense(2)(kl.SimpleRNN(U, go_backwards=True)(x))), floats(), RECURRENT)


def reset_before() -> Case:
    x = keras.Input((T, D))
    layer = kl.GRU(U, reset_after=False, use_bias=False, return_sequences=True)
    return Case(keras.Model(x, kl.Activation("softmax")(kl.Dense(2)(layer(x)))), floats(), RECURRENT)


def of_a_cell() -> Case:
    x = keras.Input((T, D))
    return Case(keras.Model(x, kl.Dense(2)(kl.RNN(kl.LSTMCell(U))(x))), floats(), RECURRENT)


def stacked_cells() -> Case:
    x = keras.Input((T, D))
    cells = kl.StackedRNNCells([kl.GRUCell(U), kl.LSTMCell(2), kl.SimpleRNNCell(3)])
    return Case(keras.Model(x, kl.RNN(cells, return_sequences=True)(x)), floats(), RECURRENT)


def time_distributed() -> Case:
    x = keras.Input((T, 2, D))
    h = kl.LSTM(U, return_sequences=True)(kl.TimeDistributed(kl.Flatten())(x))
    model = keras.Model(x, kl.TimeDistributed(kl.Dense(2, "softmax"))(h))
    return Case(model, floats(width=2 * D).reshape(B, T, 2, D), RECURRENT)


def stateful() -> Case:
    x = keras.Input(batch_shape=(B, T, D))
    return Case(keras.Model(x, kl.Dense(2)(kl.LSTM(U, stateful=True, return_sequences=True)(x))), floats(), RECURRENT)


def time_first() -> Case:
    x = keras.Input((D, T))
    return Case(keras.Model(x, kl.Dense(2)(kl.GRU(U)(kl.Permute((2, 1))(x)))), floats(D, T), RECURRENT)


def convolution_before() -> Case:
    x = keras.Input((T, D))
    h = kl.BatchNormalization()(kl.Conv1D(D, 2, padding="causal", activation="relu")(x))
    return Case(keras.Model(x, kl.Softmax()(kl.Dense(2)(kl.GRU(U, dropout=0.2)(h)))), floats(), RECURRENT)


def several_outputs() -> Case:
    x = keras.Input((T, D))
    h, *states = kl.LSTM(U, return_sequences=True, return_state=True)(x)
    return Case(keras.Model(x, [kl.Dense(2, "softmax")(h), *states]), floats(), RECURRENT)


def half_precision() -> Case:
    x = keras.Input((T, D))
    policy = "mixed_bfloat16"
    h = kl.LSTM(U, dtype=policy)(x)
    return Case(keras.Model(x, kl.Dense(2, "softmax", dtype="float32")(h)), floats(), RECURRENT)


def attention() -> Case:
    query, value = keras.Input((None, D), name="query"), keras.Input((None, D), name="value")
    read = kl.LSTM(U, return_sequences=True)(kl.Masking()(value))
    asked = kl.LSTM(U, return_sequences=True)(query)
    model = keras.Model([query, value], kl.Dense(2)(kl.Attention(use_scale=True)([asked, read])))
    return Case(model, {"query": floats(), "value": floats(4, seed=1)}, (*RECURRENT, *ATTENDING))


def additive_attention() -> Case:
    x = keras.Input((None,))
    h = kl.Bidirectional(kl.GRU(U, return_sequences=True))(kl.Embedding(9, D, mask_zero=True)(x))
    return Case(keras.Model(x, kl.Dense(2)(kl.AdditiveAttention()([h, h]))), tokens(), (*RECURRENT, *ATTENDING))


def heads() -> Case:
    x = keras.Input((T, D))
    h = kl.LSTM(U, return_sequences=True)(x)
    mixed = kl.MultiHeadAttention(num_heads=2, key_dim=3)(h, h)
    return Case(keras.Model(x, kl.Dense(2)(kl.LayerNormalization()(h + mixed))), floats(), (*RECURRENT, *ATTENDING))


def attention_alone() -> Case:
    x = keras.Input((None,))
    embedded = kl.Embedding(9, D, mask_zero=True)(x)
    mixed = kl.MultiHeadAttention(num_heads=2, key_dim=3)(embedded, embedded)
    model = keras.Model(x, kl.Dense(2, "softmax")(kl.GlobalAveragePooling1D()(mixed)))
    return Case(model, tokens(), ("jacobian", "saliency", *ATTENDING))


SUBCLASSED = '''
import keras
from keras import layers as kl


@keras.saving.register_keras_serializable("mine")
class Slow(kl.Layer):
    """A cell that Keras does not know: a leaky state."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units
        self.dense = kl.Dense(units, activation="tanh")

    def build(self, shape):
        self.dense.build((None, shape[-1] + self.units))
        self.built = True

    def call(self, inputs, states, training=False):
        new = 0.5 * states[0] + 0.5 * self.dense(keras.ops.concatenate([inputs, states[0]], axis=-1))
        return new, [new]

    def get_config(self):
        return super().get_config() | {"units": self.units}


@keras.saving.register_keras_serializable("mine")
class Reader(keras.Model):
    """A model whose call says what happens."""

    def __init__(self, units, cell=False, **kwargs):
        super().__init__(**kwargs)
        self.units, self.cell = units, cell
        self.first = kl.RNN(Slow(units), return_sequences=True) if cell else kl.GRU(units, return_sequences=True)
        self.second = kl.LSTM(units)
        self.head = kl.Dense(2, activation="softmax")

    def call(self, x, training=False):
        return self.head(self.second(self.first(x)))

    def get_config(self):
        return super().get_config() | {"units": self.units, "cell": self.cell}


@keras.saving.register_keras_serializable("mine")
class Named(keras.Model):
    """A model that takes its inputs, and gives its outputs, by name."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.reader = kl.LSTM(units, return_sequences=True, return_state=True)
        self.head = kl.Dense(2, activation="softmax")

    def call(self, inputs, training=False):
        h, last, _ = self.reader(inputs["x"] * inputs["gain"])
        return {"classes": self.head(h), "last": last}

    def get_config(self):
        return super().get_config() | {"units": self.units}
'''


def _subclassed(cell: bool) -> Case:
    import users_classes  # the test writes it from SUBCLASSED

    model = users_classes.Reader(U, cell=cell)
    model(floats())
    return Case(model, floats(), RECURRENT, "users_classes")


def subclassed() -> Case:
    return _subclassed(False)


def own_cell() -> Case:
    return _subclassed(True)


def inputs_by_name() -> Case:
    import users_classes

    model, inputs = users_classes.Named(U), {"x": floats(), "gain": np.full((B, 1, 1), 2.0, "float32")}
    model(inputs)
    return Case(model, inputs, RECURRENT, "users_classes")


CASES: dict[str, Callable[[], Case]] = {
    "functional": functional,
    "Sequential": sequential,
    "nested": nested,
    "shared layer": shared,
    "several inputs": several_inputs,
    "Bidirectional": both_ways,
    "go_backwards": backwards,
    "GRU(reset_after=False)": reset_before,
    "RNN(cell)": of_a_cell,
    "StackedRNNCells": stacked_cells,
    "TimeDistributed": time_distributed,
    "stateful": stateful,
    "time first": time_first,
    "convolution before": convolution_before,
    "several outputs": several_outputs,
    "mixed precision": half_precision,
    "Attention": attention,
    "AdditiveAttention": additive_attention,
    "MultiHeadAttention": heads,
    "attention alone": attention_alone,
    "subclassed": subclassed,
    "a cell of one's own": own_cell,
    "inputs by name": inputs_by_name,
}
