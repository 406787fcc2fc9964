"""The transpose of an embedding as the output layer."""

from typing import Any

import keras

from kerasrnn.layers.registry import register

Tensor = Any


@register
class TiedDense(keras.layers.Layer):
    """The transpose of an embedding's table, and a bias: `(b, t, d)` to logits `(b, t, v)`.

    Args:
        embedding: the `keras.layers.Embedding` whose weights it shares, of d columns.

    Call arguments:
        inputs: `(b, t, d)`.

    Returns:
        `(b, t, v)`.

    Example:

    >>> import keras, numpy as np
    >>> from kerasrnn.layers import TiedDense
    >>> table = keras.layers.Embedding(10, 4)
    >>> tuple(TiedDense(table)(table(np.array([[1, 2, 3]]))).shape)
    (1, 3, 10)

    Reference: H. Inan, K. Khosravi, R. Socher, Tying word vectors and word classifiers, ICLR 2017.
    """

    def __init__(self, embedding: keras.layers.Embedding, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.embedding = embedding

    def build(self, input_shape: Any) -> None:
        self.bias = self.add_weight(name="bias", shape=(self.embedding.input_dim,), initializer="zeros")

    def call(self, inputs: Tensor) -> Tensor:
        return keras.ops.matmul(inputs, keras.ops.transpose(self.embedding.embeddings)) + self.bias

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"embedding": keras.saving.serialize_keras_object(self.embedding)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TiedDense":
        return cls(**(config | {"embedding": keras.saving.deserialize_keras_object(config["embedding"])}))
