"""What every attention layer of this package is: its equations, stated once."""

from typing import Any, NamedTuple

import keras
from keras import ops

from kerasrnn import _compat, engine
from kerasrnn.layers.gated_cell import Product, multiplier

Tensor = Any


class Memory(NamedTuple):
    """What attention reads, prepared once for many queries: values `(b, s, m)`, keys `(b, s, k)`, mask `(b, s)`."""

    values: Tensor
    keys: Tensor
    mask: Tensor | None


class BaseAttention(keras.layers.Layer):
    """An attention whose maths is one function of a query, a memory, and what it remembers of earlier queries.

    A subclass states

    - `query_products()`: the matrices (and biases) that `mm` may be called with on the query;
    - `keys(memory)`: what of the memory can be computed once, before the first query;
    - `local_weights`: names of the attributes, other than those, that `attend` reads, none of which is None;
    - `initial_states(memory)`: what it remembers before the first query, `(b, ·)` each: nothing by default;
    - `attend(query, memory, states, mm)`: the equations, `-> (alignment, new states)`. `mm(k, a)` is `a·W_k` and its
      bias; everything else in it is local to a row of the batch. The query is `(b, d)`; where nothing is remembered
      also `(b, t, d)`, for an alignment `(b, t, s)`.

    `attend` uses nothing of `self` beyond its `local_weights` and plain settings, so that a loop may pass it a view
    with other tensors, and differentiate it.

    Masks: masked memory gets weight 0 and is not read; a row whose memory is masked throughout gets weights and context
    0. Masked queries get weights and context 0, and what is remembered holds.

    Call arguments:
        query: `(b, t, d)`, or `(b, d)` for one query.
        memory: `(b, s, m)`.
        query_mask: `(b, t)` bool, True = keep, or None.
        memory_mask: `(b, s)` bool, or None.
        return_attention_scores: return the alignment too.

    Returns:
        The context `(b, t, m)`, or `(b, m)`; with `return_attention_scores=True` also the alignment `(b, t, s)`, or
        `(b, s)`.
    """

    local_weights: tuple[str, ...] = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def query_products(self) -> list[tuple[Tensor, Tensor | None]]:
        """The pairs `(W_k (d, n), bias (n,) or None)` that `mm` multiplies the query by."""
        return []

    def keys(self, memory: Tensor) -> Tensor:
        """The keys `(b, s, k)` of a memory `(b, s, m)`: the memory itself by default."""
        return memory

    def initial_states(self, memory: Memory) -> list[Tensor]:
        """What is remembered before the first query, `(b, ·)` each."""
        return []

    def attend(self, query: Tensor, memory: Memory, states: list[Tensor], mm: Product) -> tuple[Tensor, list[Tensor]]:
        """The equations: the alignment `(b, s)`, and what is remembered after it."""
        raise NotImplementedError(f"{type(self).__name__} must state its equations in `attend`.")

    def prepare(self, memory: Tensor, memory_mask: Tensor | None = None) -> Memory:
        """Compute the keys of a memory once, for any number of `align` calls."""
        if memory_mask is not None:
            memory_mask = ops.cast(memory_mask, "bool")
            memory = ops.where(memory_mask[..., None], memory, ops.zeros_like(memory))
        with _compat.autocast(self.compute_dtype):  # also when called from outside `__call__`
            return Memory(memory, self.keys(memory), memory_mask)

    def align(self, query: Tensor, memory: Memory, states: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """The alignment of a query `(b, d)` to a prepared memory, `(b, s)`, and what is remembered after it.

        Without `states` the query is the first one. Queries `(b, t, d)` get alignments `(b, t, s)` in their order.
        """
        with _compat.autocast(self.compute_dtype):
            before = self.initial_states(memory) if states is None else list(states)
            if before and len(query.shape) == 3:
                return self._align_in_order(query, None, memory, before)
            return self.attend(query, memory, before, multiplier(self.query_products()))

    def call(
        self,
        query: Tensor,
        memory: Tensor,
        query_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        return_attention_scores: bool = False,
    ) -> Any:
        prepared = self.prepare(memory, memory_mask)
        several = len(query.shape) == 3
        keep = ops.cast(query_mask, "bool") if several and query_mask is not None else None
        states = self.initial_states(prepared)
        if states and several:
            alignment, _ = self._align_in_order(query, keep, prepared, states)
        else:
            alignment, _ = self.align(query, prepared, states)
            if keep is not None:
                alignment = ops.where(keep[..., None], alignment, ops.zeros_like(alignment))
        context = weighted_sum(alignment, prepared.values)
        return (context, alignment) if return_attention_scores else context

    def _align_in_order(
        self, query: Tensor, keep: Tensor | None, memory: Memory, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """One query after the other, `(b, t, d)`, each with what the one before has left."""
        if keep is not None:
            query = ops.where(keep[..., None], query, ops.zeros_like(query))
        mm = multiplier(self.query_products())

        def step(now: Tensor, before: list[Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
            alignment, after = self.attend(now, memory, before, mm)
            return after, {"alignment": alignment}

        width = memory.values.shape[1]
        width = ops.shape(memory.values)[1] if width is None else width
        final, traces = engine.scan(step, query, states, keep, widths={"alignment": width})
        return traces["alignment"], final

    def compute_output_spec(
        self,
        query: Any,
        memory: Any,
        query_mask: Any = None,
        memory_mask: Any = None,
        return_attention_scores: bool = False,
    ) -> Any:
        context = keras.KerasTensor((*query.shape[:-1], memory.shape[-1]), dtype=self.compute_dtype)
        if not return_attention_scores:
            return context
        return context, keras.KerasTensor((*query.shape[:-1], memory.shape[1]), dtype=self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any) -> Any:
        return keras.tree.flatten(mask)[0]  # the query's


def valid_shapes(query_shape: Any, memory_shape: Any) -> None:
    """Refuse what is no query or no memory."""
    if len(query_shape) not in (2, 3) or len(memory_shape) != 3:
        raise ValueError(
            "`query` must be (batch, time, features) or (batch, features) and `memory` (batch, source time, "
            f"features); received shapes {tuple(query_shape)} and {tuple(memory_shape)}."
        )


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax over the last axis, of the places that `mask` keeps; zeros where it keeps none.

    `scores` are `(b, s)` or `(b, t, s)`, `mask` is `(b, s)`.
    """
    if mask is None:
        return ops.softmax(scores, axis=-1)
    mask = spread(mask, scores)
    masked_low = ops.where(mask, scores, ops.min(scores, axis=-1, keepdims=True))  # never above a score that counts
    shifted = scores - ops.stop_gradient(ops.max(masked_low, axis=-1, keepdims=True))
    shifted = ops.where(mask, shifted, ops.zeros_like(shifted))
    weights = ops.where(mask, ops.exp(shifted), ops.zeros_like(scores))
    total = ops.sum(weights, axis=-1, keepdims=True)
    return weights / ops.where(total > 0, total, ops.ones_like(total))


def spread(tensor: Tensor, like: Tensor) -> Tensor:
    """What belongs to a row `(b, ...)`, for every query of it where `like` has the queries' axis: `(b, 1, ...)`."""
    return tensor[:, None] if len(like.shape) == 3 else tensor


def weighted_sum(alignment: Tensor, values: Tensor) -> Tensor:
    """The context: `(b, s)` or `(b, t, s)` weights of `(b, s, m)` values."""
    if len(alignment.shape) == 3:
        return ops.matmul(alignment, values)
    return ops.matmul(alignment[:, None], values)[:, 0]
