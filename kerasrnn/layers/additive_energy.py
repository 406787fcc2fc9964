"""The energy of additive attention, which several layers share."""

from typing import Any

import keras
from keras import ops

from kerasrnn import engine
from kerasrnn.layers.base_attention import BaseAttention, valid_shapes
from kerasrnn.layers.gated_cell import Product, add_bias

Tensor = Any


class AdditiveEnergy(BaseAttention):
    r"""An attention that compares by $e_{tj} = v^\top \tanh(W_s s_t + W_h h_j + b)$.

    With `normalize=True` the vector is $g\,v / \lVert v \rVert$, and g, one number, begins at $\sqrt{1/u}$.
    (T. Salimans, D. Kingma, Weight normalization, NeurIPS 2016.)
    """

    def __init__(
        self,
        units: Any,  # an int, or None for a subclass that builds another energy
        use_bias: bool,
        normalize: bool,
        kernel_initializer: Any,
        bias_initializer: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.use_bias = use_bias
        self.normalize = normalize
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.local_weights = ("score_vector", "score_gain") if normalize else ("score_vector",)

    def add_kernel(self, name: str, *shape: int) -> Any:
        return self.add_weight(name=name, shape=shape, initializer=self.kernel_initializer)

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        valid_shapes(query_shape, memory_shape)
        self.query_kernel = self.add_kernel("query_kernel", query_shape[-1], self.units)
        self.memory_kernel = self.add_kernel("memory_kernel", memory_shape[-1], self.units)
        # (u, 1), for initialisers that scale with the fan-in
        self.score_vector = self.add_kernel("score_vector", self.units, 1)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer=self.bias_initializer)
        if self.normalize:
            start = keras.initializers.Constant(self.units**-0.5)
            self.score_gain = self.add_weight(name="score_gain", shape=(), initializer=start)

    def query_products(self) -> list[tuple[Tensor, Tensor | None]]:
        return [(self.query_kernel, None)]

    def keys(self, memory: Tensor) -> Tensor:
        return add_bias(ops.matmul(memory, self.memory_kernel), self.bias)

    def energies(self, query: Tensor, keys: Tensor, mm: Product) -> Tensor:
        """`(b, s)` for a query `(b, d)`, `(b, t, s)` for `(b, t, d)`."""
        vector = self.score_vector
        if self.normalize:
            vector = vector * (self.score_gain / ops.sqrt(ops.sum(ops.square(vector))))
        return engine.additive_scores(mm(0, query), keys, vector)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "use_bias": self.use_bias,
            "normalize": self.normalize,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
