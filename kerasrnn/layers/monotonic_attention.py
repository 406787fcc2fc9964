"""Attention that moves on through the memory and never back, as Raffel et al. wrote it."""

import math
from typing import Any

import keras
from keras import ops

from kerasrnn import engine
from kerasrnn.layers import counter_noise
from kerasrnn.layers.additive_energy import AdditiveEnergy
from kerasrnn.layers.arguments import is_number, positive
from kerasrnn.layers.base_attention import Memory, counting, one_of, places, product_scores, valid_shapes
from kerasrnn.layers.gated_cell import Product
from kerasrnn.layers.registry import register

Tensor = Any

ENERGIES = ("bahdanau", "luong")
MODES = ("recursive", "parallel", "hard")


@register
class MonotonicAttention(AdditiveEnergy):
    r"""Attention that scans the memory from where it last stopped, and stops at each place with a probability.

    $$
    e_{tj} = \begin{cases}
        g \frac{v^\top}{\lVert v \rVert} \tanh(W s_t + V h_j + b) + r & \text{bahdanau} \\
        s_t^\top W h_j + r & \text{luong}
    \end{cases}
    \qquad p_{tj} = \sigma(e_{tj} + \epsilon_{tj}), \qquad
    \alpha_{tj} = p_{tj} \sum_{k \le j} \alpha_{t-1,k} \prod_{l=k}^{j-1} (1 - p_{tl})
    $$

    α is the probability of stopping at a place; before the first query it is 1 at the first unmasked one. What has run
    off the end of the memory stays there, so rows sum to at most 1. The noise ε, standard normal times `sigmoid_noise`,
    is there in training alone, and makes p avoid the middle, so that the scan may be taken at its word afterwards.

    - `recursive` goes through the memory step by step, $q_{tj} = (1 - p_{t,j-1})\, q_{t,j-1} + \alpha_{t-1,j}$ and
      $\alpha_{tj} = p_{tj} q_{tj}$: exact, s steps one after the other for each query;
    - `parallel` takes all products at once, $\exp(L_j - L_k)$ with $L_j = \sum_{l<j} \log(1 - p_{tl})$: s² numbers for
      a row of the batch, and no division, so that it holds however small the products become. (By cumulative products
      and a division, as in the paper, α is lost once a product falls below the smallest divisor.) Relative errors grow
      as |L| times the precision, which is at least single: about 1e-5 where |L| is 100;
    - `hard` stops at the first place, from where it last stopped, with p ≥ 1/2, and has weight 1 there; where there is
      none the row is 0, and so are those after it. For inference: the energy gets no gradient.

    Its parameters: W `(d, u)`, V `(m, u)`, v `(u, 1)`, b `(u,)`, g `()`, r `()`; or W `(d, m)` and r `()`.

    Masks: masked memory gets weight 0, is not read and is passed over; a row whose memory is masked throughout gets
    weights and context 0. Masked queries get weights and context 0, and the alignment before holds.

    Args:
        units: width of the comparison, a positive int; not with `energy="luong"`.
        energy: `"bahdanau"` or `"luong"`.
        mode: `"recursive"`, `"parallel"` or `"hard"`.
        inference_mode: the mode outside of training; None, the default, for the same one. Train with `"parallel"`, read
            with `"hard"`.
        sigmoid_noise: standard deviation of the noise in training, at least 0; 1 in the paper. Not in `hard`.
        score_bias_init: where r begins. Below 0, such as -4, a scan begins by going further, which long memories need.
        use_bias, normalize: whether the Bahdanau energy has b, and g v / ‖v‖ in place of v.
        kernel_initializer, bias_initializer: for W, V and v, and for b.
        seed: an int, or None, for the noise.

    Call arguments:
        query: `(b, t, d)`, or `(b, d)` for one query, the first.
        memory: `(b, s, m)`.
        query_mask: `(b, t)` bool, True = keep, or None.
        memory_mask: `(b, s)` bool, or None.
        return_attention_scores: return the alignment too.
        training: whether there is noise, and `mode` holds rather than `inference_mode`.

    Returns:
        The context `(b, t, m)`, or `(b, m)`; with `return_attention_scores=True` also the alignment `(b, t, s)`, or
        `(b, s)`.

    Raises:
        ValueError: an unknown `energy` or mode; `units` not positive, or given for `energy="luong"`; `sigmoid_noise`
            below 0; `score_bias_init` no number; a query or a memory of the wrong rank.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import MonotonicAttention
    >>> layer = MonotonicAttention(16, mode="parallel", inference_mode="hard", sigmoid_noise=1.0, score_bias_init=4.0)
    >>> _, alignment = layer(
    ...     np.ones((1, 2, 8), "float32"), np.ones((1, 3, 10), "float32"), return_attention_scores=True
    ... )
    >>> np.asarray(alignment).tolist()
    [[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]]

    Reference: C. Raffel, M.-T. Luong, P. Liu, R. Weiss, D. Eck, Online and linear-time attention by enforcing monotonic
    alignments, ICML 2017, section 2 and appendix C.1.
    """

    def __init__(
        self,
        units: int | None = None,
        energy: str = "bahdanau",
        mode: str = "parallel",
        inference_mode: str | None = None,
        sigmoid_noise: float = 0.0,
        score_bias_init: float = 0.0,
        use_bias: bool = True,
        normalize: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if energy == "luong" and units is not None:
            raise ValueError(f"`units` is for energy='bahdanau', 'luong' has the memory's width; received {units!r}.")
        if not is_number(sigmoid_noise) or not 0 <= sigmoid_noise < math.inf:
            raise ValueError(f"`sigmoid_noise` must be a standard deviation, at least 0; received {sigmoid_noise!r}.")
        if not is_number(score_bias_init) or not math.isfinite(score_bias_init):
            raise ValueError(f"`score_bias_init` must be a finite number; received {score_bias_init!r}.")
        units = positive("units", units) if energy == "bahdanau" else None
        super().__init__(units, use_bias, normalize, kernel_initializer, bias_initializer, **kwargs)
        self.energy = one_of("energy", energy, ENERGIES)
        self.mode = one_of("mode", mode, MODES)
        self.inference_mode = None if inference_mode is None else one_of("inference_mode", inference_mode, MODES)
        self.sigmoid_noise = float(sigmoid_noise)
        self.score_bias_init = float(score_bias_init)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed) if self.sigmoid_noise else None
        self.local_weights = ("score_bias", *(self.local_weights if energy == "bahdanau" else ()))

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        if self.energy == "bahdanau":
            super().build(query_shape, memory_shape)
        else:
            valid_shapes(query_shape, memory_shape)
            self.query_kernel = self.add_kernel("query_kernel", query_shape[-1], memory_shape[-1])
        start = keras.initializers.Constant(self.score_bias_init)
        self.score_bias = self.add_weight(name="score_bias", shape=(), initializer=start)

    def keys(self, memory: Tensor) -> Tensor:
        return super().keys(memory) if self.energy == "bahdanau" else memory

    def energies(self, query: Tensor, keys: Tensor, mm: Product) -> Tensor:
        if self.energy == "luong":
            return product_scores(mm(0, query), keys) + self.score_bias
        return super().energies(query, keys, mm) + self.score_bias

    def initial_states(self, memory: Memory, training: bool = False) -> list[Tensor]:
        """The alignment before, `(b, s)`; in training, where that matters, then the keys of the noise, `(b, 3)`."""
        dtype = counting(memory.values.dtype)
        place, count = places(memory)
        first = place == 0
        first = first if memory.mask is None else ops.logical_and(first, memory.mask)
        states = [ops.cast(first, dtype)]
        if training and (self.sigmoid_noise or self.inference_mode is not None):
            states.append(counter_noise.draw_keys(count, self.seed_generator))
        return states

    def attend(self, query: Tensor, memory: Memory, states: list[Tensor], mm: Product) -> tuple[Tensor, list[Tensor]]:
        before, *keys = states
        mode = self.mode if keys or self.inference_mode is None else self.inference_mode
        energies = ops.cast(self.energies(query, memory.keys, mm), before.dtype)
        if mode == "hard":
            alignment = hard(energies, before, memory.mask)
        else:
            if keys and self.sigmoid_noise:
                energies = energies + self.sigmoid_noise * counter_noise.normal(keys[0], places(memory)[0])
            alignment = (recursive if mode == "recursive" else parallel)(energies, before, memory.mask)
        return ops.cast(alignment, memory.values.dtype), [alignment, *map(counter_noise.advance, keys)]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "energy": self.energy,
            "mode": self.mode,
            "inference_mode": self.inference_mode,
            "sigmoid_noise": self.sigmoid_noise,
            "score_bias_init": self.score_bias_init,
            "seed": self.seed,
        }


def recursive(energies: Tensor, before: Tensor, mask: Tensor | None) -> Tensor:
    """The probabilities of stopping, one place after the other; all tensors `(b, s)`."""
    stop, go = ops.sigmoid(energies), ops.sigmoid(-energies)
    if mask is not None:
        stop, go = ops.where(mask, stop, ops.zeros_like(stop)), ops.where(mask, go, ops.ones_like(go))

    def step(now: Tensor, states: list[Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
        arrived = states[0] + now[:, :1]
        return [arrived * now[:, 1:]], {"arrived": arrived}

    none = [ops.zeros((ops.shape(before)[0], 1), dtype=before.dtype)]
    scanned = engine.scan(step, ops.stack([before, go], axis=-1), none, widths={"arrived": 1})
    return stop * scanned.traces["arrived"][..., 0]


def parallel(energies: Tensor, before: Tensor, mask: Tensor | None) -> Tensor:
    """The probabilities of stopping, all places at once."""
    stop, log_go = ops.sigmoid(energies), -ops.softplus(energies)
    if mask is not None:
        stop, log_go = (ops.where(mask, one, ops.zeros_like(one)) for one in (stop, log_go))
    logs = ops.cumsum(log_go, axis=-1) - log_go  # L_j
    index = ops.arange(ops.shape(energies)[1])
    onwards = index[:, None] >= index  # (j, k): k ≤ j
    reach = ops.exp(ops.where(onwards, logs[:, :, None] - logs[:, None, :], -math.inf))  # (b, j, k)
    return stop * ops.matmul(reach, before[..., None])[..., 0]


def hard(energies: Tensor, before: Tensor, mask: Tensor | None) -> Tensor:
    """1 at the first place to stop at, from where the scan stopped before."""
    stops = ops.logical_and(energies >= 0, ops.cumsum(before, axis=-1) > 0)
    stops = stops if mask is None else ops.logical_and(stops, mask)
    order = ops.cumsum(ops.cast(stops, before.dtype), axis=-1)
    return ops.cast(ops.logical_and(stops, order == 1), before.dtype)
