"""Decoding by chance."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from kerasrnn.decoding.chance import uniform
from kerasrnn.decoding.paths import Decoded, Step, follow
from kerasrnn.decoding.rules import Rules, finite, whole
from kerasrnn.decoding.scores import draw, pick, top

Tensor = Any


def sample(
    step: Step,
    start: Tensor,
    states: Any,
    *,
    end: int | Sequence[int] | None,
    max_length: int,
    seed: Any,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    min_length: int = 0,
    prefix: Tensor | None = None,
    banned: Sequence[int] = (),
    memory: Any = None,
) -> Decoded:
    r"""Draw a token at every step until each sequence of the batch has ended.

    In this order: what is `banned` falls out; logits are divided by the temperature τ; the `top_k` most probable
    tokens remain; of these, by their probabilities among each other, the fewest whose sum reaches `top_p`; one of them
    is drawn by

    $$ p_i = \frac{\exp(z_i / \tau)}{\sum_j \exp(z_j / \tau)} $$

    Of equally probable tokens the lower stays. Reported log-probabilities are the model's own, before all this.
    Logits that are no distribution end their sequence as in `greedy`.

    A draw depends on the seed, the row's place in the batch and the step, and on nothing else: not on the batch's size
    or on other rows, nor on `max_length`. The same seed draws the same random numbers eagerly, in a graph, under XLA,
    in a SavedModel and on JAX; tokens are the same as far as logits are, which may differ in their last digit.

    Args:
        step, start, states, end, max_length, min_length, prefix, banned, memory: as for `greedy`.
        seed: an int, for the same tokens at every call; a `keras.random.SeedGenerator`, for other tokens at each call,
            also of a compiled or exported function; or an integer tensor, of shape () as an argument of a graph, or of
            shape `(b,)` for a seed a row, by which a row's tokens do not depend on its place either.
        temperature: above 0; below 1 sharpens, above 1 flattens.
        top_k: at least 1, or None for all.
        top_p: above 0, at most 1. Less than 1 without `top_k` sorts the whole vocabulary at every step.

    Returns:
        `Decoded`, with n = `max_length`.

    Raises:
        ValueError: as `greedy`, and for `seed`, `temperature`, `top_k` and `top_p` out of range.

    Example: a coin that ends with the first 0.

    >>> import numpy as np
    >>> from keras import ops
    >>> from kerasrnn.decoding import sample
    >>> coin = lambda token, states: (ops.zeros((ops.shape(token)[0], 2)), states, {})
    >>> found = sample(coin, np.zeros(1000, int), (), end=0, max_length=50, seed=7)
    >>> bool(1.9 < np.asarray(found.lengths).mean() < 2.1)
    True

    Reference: A. Fan, M. Lewis, Y. Dauphin, Hierarchical neural story generation, ACL 2018, section 5.4 (top-k);
    A. Holtzman, J. Buys, L. Du, M. Forbes, Y. Choi, The curious case of neural text degeneration, ICLR 2020,
    section 3.1 (top-p).
    """
    rules = Rules(start, end=end, max_length=max_length, min_length=min_length, prefix=prefix, banned=banned)
    finite("temperature", temperature, 0, above=True)
    if top_k is not None:
        whole("top_k", top_k, 1)
    if not 0 < top_p <= 1:
        raise ValueError(f"`top_p` must be above 0 and at most 1; received {top_p!r}.")
    size = rules.start.shape[0] if rules.start.shape[0] is not None else ops.shape(rules.start)[0]
    chances = uniform(seed, size, rules.max_length)  # (n, b)

    def choose(logits: Tensor, t: Tensor) -> Tensor:
        chance = ops.cast(ops.take(chances, t, axis=0), logits.dtype)
        logits = logits / temperature
        size = logits.shape[1]
        if top_k is None and top_p == 1:
            return draw(logits, chance)
        best, tokens = top(logits, size if top_k is None else min(top_k, size))
        if top_p < 1:
            shares = ops.softmax(best, axis=-1)
            before = ops.cumsum(shares, axis=-1) - shares
            best = ops.where(before < top_p, best, -np.inf)
        return pick(tokens, draw(best, chance))

    return follow(step, states, memory, rules, choose)
