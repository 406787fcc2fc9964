"""The next token among a sample of the vocabulary: training a language model without its whole softmax."""

import math
from typing import Any

import keras

from kerasrnn.layers import TiedDense

Tensor = Any


class SampledCrossentropy(keras.layers.Layer):
    r"""The cross-entropy of tokens against a sample of the vocabulary, redrawn for every batch and shared by its steps.

    $$
    -\log \frac{e^{s_y}}{e^{s_y} + \sum_{k \in C} e^{s_k}}, \qquad
    s_k = e_k^\top h + b_k - \log q_k, \qquad q_k = \frac{\log (k + 2) - \log (k + 1)}{\log (v + 1)}
    $$

    C is drawn with replacement from q, which falls like the frequencies of words: give frequent tokens low ids. Draws
    of y itself count as any other: then the expected gradient vanishes at the true logits, whatever the size of the
    sample. The loss is not that of the whole vocabulary, nor comparable between sizes.

    Args:
        output: the `TiedDense` layer whose logits are trained; it must be built.
        samples: c, how many tokens are drawn; for a vocabulary that is no larger, the loss is that of the whole of it.
        seed: of the draws.

    Call arguments:
        inputs: a list: `(b, t, d)`, what `output` would read; and the ids of the true tokens, `(b, t)`.

    Returns:
        `(b, t)`, float32.

    Reference: S. Jean, K. Cho, R. Memisevic, Y. Bengio, On using very large target vocabulary for neural machine
    translation, ACL 2015, section 3.
    """

    def __init__(self, output: TiedDense, samples: int, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if samples < 1:
            raise ValueError(f"`samples` must be at least 1; received {samples}.")
        self.output_layer, self.samples, self.size = output, samples, output.embedding.input_dim
        self.generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, inputs: list[Tensor]) -> Tensor:
        ops = keras.ops
        hidden, targets = inputs
        if self.samples >= self.size:
            return keras.losses.sparse_categorical_crossentropy(targets, self.output_layer(hidden), from_logits=True)
        table, bias = self.output_layer.embedding.embeddings, self.output_layer.bias
        span = math.log(self.size + 1)
        drawn = keras.random.uniform((self.samples,), dtype="float32", seed=self.generator)
        chosen = ops.clip(ops.cast(ops.exp(drawn * span), "int32") - 1, 0, self.size - 1)

        def shift(ids: Tensor) -> Tensor:
            """The bias of tokens, less the logarithm of how probable it is that they are drawn."""
            rank = ops.cast(ids, "float32")
            return ops.take(bias, ids, axis=0) - ops.log(ops.log1p(1 / (rank + 1)) / span)

        others = ops.matmul(hidden, ops.transpose(ops.take(table, chosen, axis=0))) + shift(chosen)
        true = ops.sum(hidden * ops.take(table, targets, axis=0), axis=-1) + shift(targets)
        return ops.logaddexp(ops.logsumexp(others, axis=-1), true) - true


def losses_given(targets: Tensor, losses: Tensor) -> Tensor:
    """The loss for a model whose output is the loss of each step."""
    return losses
