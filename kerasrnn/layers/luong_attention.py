"""Multiplicative attention, global and local, as Luong, Pham and Manning wrote it."""

from typing import Any

import keras
from keras import ops

from kerasrnn import engine
from kerasrnn.layers.arguments import positive
from kerasrnn.layers.base_attention import (
    BaseAttention,
    Memory,
    counting,
    masked_softmax,
    one_of,
    only,
    places,
    product_scores,
    spread,
    valid_shapes,
)
from kerasrnn.layers.gated_cell import Product, multiplier
from kerasrnn.layers.registry import register

Tensor = Any

SCORES = ("dot", "general", "concat", "scaled_dot")
SCOPES = ("global", "local_m", "local_p")


@register
class LuongAttention(BaseAttention):
    r"""Attention by a product of query and memory, over all of the memory or over a window of it.

    $$
    e_{tj} = \begin{cases}
        s_t^\top h_j & \text{dot} \\
        s_t^\top W_a h_j & \text{general} \\
        v^\top \tanh(W_s s_t + W_h h_j) & \text{concat, the paper's } v^\top \tanh(W_a [s_t; h_j]) \\
        s_t^\top h_j / \sqrt d & \text{scaled\_dot}
    \end{cases}
    $$

    The scope is how much of the memory a query sees; the steps of the memory count from 0, masked ones do not count,
    and S is their number:

    - `global`: all of it, $\alpha_{tj} = \mathrm{softmax}_j\, e_{tj}$;
    - `local_m`, monotonic: the window $|j - p_t| \le D$ with $p_t = t$, the number of unmasked queries before this one;
      α is the softmax within the window. Once t exceeds S − 1 + D the window is empty and the row is 0;
    - `local_p`, predictive: $p_t = S\,\sigma(v_p^\top \tanh(W_p s_t))$; α is the softmax within the window, times
      $\exp(-(j - p_t)^2 / 2\sigma^2)$ with $\sigma = D/2$. As in the paper, it is not normalised after that.

    Its parameters: W_a `(d, m)`; or W_s `(d, u)`, W_h `(m, u)` and v `(u, 1)`; W_p `(d, u)` and v_p `(u, 1)`; and one
    number with `use_scale=True`.

    Masks: masked memory gets weight 0 and is not read; a row whose memory is masked throughout gets weights and
    context 0. Masked queries get weights and context 0, and do not advance `local_m`. Every other row of the alignment
    sums to 1; with `local_p` to at most 1; with `local_m` to 0 beyond the memory.

    Args:
        score: `"dot"`, `"general"`, `"concat"` or `"scaled_dot"`. `dot` and `scaled_dot` need queries as wide as the
            memory.
        scope: `"global"`, `"local_m"` or `"local_p"`.
        window: D of the local scopes, steps on either side, a positive int; 10 in the paper.
        units: width u of `concat` and of the prediction in `local_p`; the query's width by default.
        use_scale: multiply the products by a number that is learned and begins at 1. Not with `concat`, where v does.
        kernel_initializer: for all matrices and vectors.

    Call arguments:
        query: `(b, t, d)`, or `(b, d)` for one query, the first.
        memory: `(b, s, m)`.
        query_mask: `(b, t)` bool, True = keep, or None.
        memory_mask: `(b, s)` bool, or None.
        return_attention_scores: return the alignment too.

    Returns:
        The context `(b, t, m)`, or `(b, m)`; with `return_attention_scores=True` also the alignment `(b, t, s)`, or
        `(b, s)`.

    Raises:
        ValueError: an unknown `score` or `scope`; `window` or `units` not positive, or `units` where nothing has that
            width; `use_scale` with `concat`; widths that `dot` cannot multiply; a query or a memory of the wrong rank.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import LuongAttention
    >>> query, memory = np.ones((1, 3, 4), "float32"), np.ones((1, 5, 8), "float32")
    >>> _, alignment = LuongAttention("general", "local_m", window=1)(query, memory, return_attention_scores=True)
    >>> np.asarray(alignment).round(2).tolist()[0][0]
    [0.5, 0.5, 0.0, 0.0, 0.0]

    Reference: M.-T. Luong, H. Pham, C. Manning, Effective approaches to attention-based neural machine translation,
    EMNLP 2015, section 3, equations 7 to 10. `scaled_dot`: A. Vaswani et al., Attention is all you need, NeurIPS 2017.
    """

    def __init__(
        self,
        score: str = "general",
        scope: str = "global",
        window: int = 10,
        units: int | None = None,
        use_scale: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if use_scale and score == "concat":
            raise ValueError("`use_scale` is for the products: in `concat` v scales already; received use_scale=True.")
        if units is not None and score != "concat" and scope != "local_p":
            raise ValueError(
                f"`units` is the width of score='concat' and of scope='local_p'; received units={units!r} with "
                f"score={score!r} and scope={scope!r}. Leave it out."
            )
        self.score = one_of("score", score, SCORES)
        self.scope = one_of("scope", scope, SCOPES)
        self.window = positive("window", window)
        self.units = None if units is None else positive("units", units)
        self.use_scale = use_scale
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        there = {"score_vector": score == "concat", "scale": use_scale, "position_vector": scope == "local_p"}
        self.local_weights = tuple(name for name, is_there in there.items() if is_there)

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        valid_shapes(query_shape, memory_shape)
        asked, read = query_shape[-1], memory_shape[-1]
        units = self.units or asked
        if self.score in ("dot", "scaled_dot") and asked != read:
            raise ValueError(
                f"score={self.score!r} needs a query as wide as the memory; received widths {asked} and {read}. Use "
                "score='general'."
            )
        if self.score == "general":
            self.query_kernel = self._add("query_kernel", asked, read)
        if self.score == "concat":
            self.query_kernel = self._add("query_kernel", asked, units)
            self.memory_kernel = self._add("memory_kernel", read, units)
            self.score_vector = self._add("score_vector", units, 1)
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.scope == "local_p":
            self.position_kernel = self._add("position_kernel", asked, units)
            self.position_vector = self._add("position_vector", units, 1)

    def _add(self, name: str, *shape: int) -> Any:
        return self.add_weight(name=name, shape=shape, initializer=self.kernel_initializer)

    def query_products(self) -> list[tuple[Tensor, Tensor | None]]:
        kernels = [self.query_kernel] if self.score in ("general", "concat") else []
        return [(kernel, None) for kernel in kernels + ([self.position_kernel] if self.scope == "local_p" else [])]

    def keys(self, memory: Tensor) -> Tensor:
        return ops.matmul(memory, self.memory_kernel) if self.score == "concat" else memory

    def initial_states(self, memory: Memory, training: bool = False) -> list[Tensor]:
        """With `local_m` the number of queries so far, `(b, 1)`."""
        return [ops.zeros_like(places(memory)[1])] if self.scope == "local_m" else []

    def attend(self, query: Tensor, memory: Memory, states: list[Tensor], mm: Product) -> tuple[Tensor, list[Tensor]]:
        scores = self._scores(query, memory.keys, mm)
        if self.scope == "global":
            return masked_softmax(scores, memory.mask), states
        place, count = (spread(one, scores) for one in places(memory))
        centre = states[0] if self.scope == "local_m" else self._predicted(query, count, mm)  # (b, 1) or (b, t, 1)
        within = ops.abs(place - centre) <= self.window
        if memory.mask is not None:
            within = ops.logical_and(within, spread(memory.mask, scores))
        alignment = masked_softmax(scores, within)
        if self.scope == "local_m":
            return alignment, [centre + 1]
        bell = ops.exp(-2 * ops.square((place - centre) / self.window))  # σ = D/2
        return alignment * ops.cast(bell, alignment.dtype), states

    def _scores(self, query: Tensor, keys: Tensor, mm: Product) -> Tensor:
        if self.score == "concat":
            return engine.additive_scores(mm(0, query), keys, self.score_vector)
        if self.score == "general":
            query = mm(0, query)
        if self.score == "scaled_dot":
            query = query * query.shape[-1] ** -0.5
        if self.use_scale:
            query = query * self.scale
        return product_scores(query, keys)

    def _predicted(self, query: Tensor, count: Tensor, mm: Product) -> Tensor:
        hidden = ops.tanh(mm(1 if self.score in ("general", "concat") else 0, query))
        return count * ops.sigmoid(ops.cast(ops.matmul(hidden, self.position_vector), count.dtype))

    def align_in_order(
        self, query: Tensor, keep: Tensor | None, memory: Memory, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """All queries at once: how many there were before each is known beforehand."""
        asked = ops.ones_like(query[..., 0]) if keep is None else keep
        asked = ops.cast(asked, counting(query.dtype))[..., None]  # (b, t, 1)
        start = states[0][:, None] + ops.cumsum(asked, axis=1) - asked
        alignment, _ = self.attend(query, memory, [start], multiplier(self.query_products()))
        return only(alignment, keep), [states[0] + ops.sum(asked, axis=1)]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "score": self.score,
            "scope": self.scope,
            "window": self.window,
            "units": self.units,
            "use_scale": self.use_scale,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
