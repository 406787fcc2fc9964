"""The next token by an estimate of the softmax: training a language model without all of its vocabulary."""

import math
from typing import Any

import keras

from kerasrnn.layers import TiedDense

Tensor = Any
NONE = -1e9  # a logit that adds nothing


class SampledCrossentropy(keras.layers.Layer):
    r"""The cross-entropy of tokens with an estimate of the normaliser, redrawn for every batch, shared by its steps.

    $$
    -s_y + \log \Big( \sum_{k < a} e^{s_k} + [y \ge a]\, e^{s_y}
    + \frac{1}{c - a} \sum_{k \in C,\, k \ne y} \frac{e^{s_k}}{q_k} \Big), \qquad
    s_k = e_k^\top h + b_k, \qquad q_k = \frac{\log (k + 2) - \log (k + 1)}{\log (v + 1) - \log (a + 1)}
    $$

    The first a = ⌊c / 2⌋ tokens always count in full, and so does the true one; C are c - a draws, with replacement, of
    those from a on. What stands in the brackets is without bias; give frequent tokens low ids, for q falls like the
    frequencies of words, and the less it varies. The loss, its logarithm, is on average below that of the whole
    vocabulary, and comes nearer the larger c is; so does its gradient.

    Args:
        output: the `TiedDense` layer whose logits are trained; it must be built.
        samples: c, at least 2; for a vocabulary that is no larger, the loss is that of the whole of it.
        seed: of the draws.

    Call arguments:
        inputs: a list: `(b, t, d)`, what `output` would read; and the ids of the true tokens, `(b, t)`.

    Returns:
        `(b, t)`, float32.

    Reference: Y. Bengio, J.-S. Senécal, Quick training of probabilistic neural nets by importance sampling, AISTATS
    2003; here with a part that is not sampled.
    """

    def __init__(self, output: TiedDense, samples: int, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if samples < 2:
            raise ValueError(f"`samples` must be at least 2; received {samples}.")
        self.output_layer, self.samples, self.size = output, samples, output.embedding.input_dim
        self.generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, inputs: list[Tensor]) -> Tensor:
        ops = keras.ops
        hidden, targets = inputs[0], ops.cast(inputs[1], "int32")
        if self.samples >= self.size:
            return keras.losses.sparse_categorical_crossentropy(targets, self.output_layer(hidden), from_logits=True)
        table, bias = self.output_layer.embedding.embeddings, self.output_layer.bias
        always = self.samples // 2
        draws = self.samples - always
        least = math.log(always + 1)
        span = math.log(self.size + 1) - least
        drawn = keras.random.uniform((draws,), dtype="float32", seed=self.generator)
        chosen = ops.clip(ops.cast(ops.exp(least + drawn * span), "int32") - 1, always, self.size - 1)
        probability = ops.log1p(1 / (ops.cast(chosen, "float32") + 1)) / span

        first = ops.matmul(hidden, ops.transpose(table[:always])) + bias[:always]
        weighted = ops.take(bias, chosen, axis=0) - ops.log(draws * probability)
        others = ops.matmul(hidden, ops.transpose(ops.take(table, chosen, axis=0))) + weighted
        others = ops.where(ops.expand_dims(targets, -1) == chosen, NONE, others)
        true = ops.sum(hidden * ops.take(table, targets, axis=0), axis=-1) + ops.take(bias, targets, axis=0)
        total = ops.logaddexp(ops.logsumexp(first, axis=-1), ops.logsumexp(others, axis=-1))
        return ops.where(targets < always, total, ops.logaddexp(total, true)) - true


def losses_given(targets: Tensor, losses: Tensor) -> Tensor:
    """The loss for a model whose output is the loss of each step."""
    return losses
