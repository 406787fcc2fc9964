"""What every attention layer of this package is: its equations, stated once."""

import math
from abc import ABC, abstractmethod
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


class BaseAttention(keras.layers.Layer, ABC):
    """An attention whose maths is one function of a query, a memory, and what it remembers of earlier queries.

    A subclass states

    - `query_products()`: the matrices (and biases) that `mm` may be called with on the query;
    - `keys(memory)`: what of the memory can be computed once, before the first query;
    - `local_weights`: names of the attributes, other than those, that `attend` reads, none of which is None;
    - `initial_states(memory, training)`: what it remembers before the first query, `(b, ·)` each, whatever is random
      drawn into it: nothing by default;
    - `attend(query, memory, states, mm)`: the equations, `-> (alignment, new states)`. `mm(k, a)` is `a·W_k` and its
      bias, asked for once for each k; everything else in it is local to a row of the batch. The query is `(b, d)`;
      where nothing is remembered also `(b, t, d)`, for an alignment `(b, t, s)`.

    `attend` uses nothing of `self` beyond its `local_weights` and plain settings, so that a loop may pass it a view
    with other tensors, and differentiate it. States keep the dtype that they begin with; the alignment has that of the
    memory.

    Masks: masked memory gets weight 0 and is not read; a row whose memory is masked throughout gets weights and context
    0. Masked queries get weights and context 0, and what is remembered holds.

    Call arguments:
        query: `(b, t, d)`, or `(b, d)` for one query.
        memory: `(b, s, m)`.
        query_mask: `(b, t)` bool, True = keep, or None.
        memory_mask: `(b, s)` bool, or None.
        return_attention_scores: return the alignment too.
        training: whether what is random in training is drawn.

    Returns:
        The context `(b, t, m)`, or `(b, m)`; with `return_attention_scores=True` also the alignment `(b, t, s)`, or
        `(b, s)`.

    Raises:
        ValueError: a query or a memory of the wrong rank.

    Example: an attention of one's own, by the negative squared distance of query and memory.

    >>> import numpy as np
    >>> from keras import ops
    >>> from kerasrnn.layers import BaseAttention
    >>> from kerasrnn.layers.base_attention import masked_softmax
    >>> class NearestAttention(BaseAttention):
    ...     def attend(self, query, memory, states, mm):
    ...         squares = ops.sum(ops.square(query[..., None, :] - memory.keys), axis=-1)
    ...         return masked_softmax(-squares, memory.mask), states
    >>> context, alignment = NearestAttention()(
    ...     np.zeros((1, 2), "float32"), np.array([[[0, 0], [9, 9]]], "float32"), return_attention_scores=True
    ... )
    >>> np.asarray(alignment).round(3).tolist()
    [[1.0, 0.0]]
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

    def initial_states(self, memory: Memory, training: bool = False) -> list[Tensor]:
        """What is remembered before the first query, `(b, ·)` each; in training with what is random drawn."""
        return []

    @abstractmethod
    def attend(self, query: Tensor, memory: Memory, states: list[Tensor], mm: Product) -> tuple[Tensor, list[Tensor]]:
        """The equations: the alignment `(b, s)`, and what is remembered after it."""

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
                return self.align_in_order(query, None, memory, before)
            return self.attend(query, memory, before, multiplier(self.query_products()))

    def call(
        self,
        query: Tensor,
        memory: Tensor,
        query_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool = False,
    ) -> Any:
        prepared = self.prepare(memory, memory_mask)
        keep = None if query_mask is None or len(query.shape) != 3 else ops.cast(query_mask, "bool")
        if keep is not None:
            query = ops.where(keep[..., None], query, ops.zeros_like(query))
        states = self.initial_states(prepared, training)
        if states and len(query.shape) == 3:
            alignment, _ = self.align_in_order(query, keep, prepared, states)
        else:
            alignment, _ = self.align(query, prepared, states)
            alignment = only(alignment, keep)
        context = weighted_sum(alignment, prepared.values)
        return (context, alignment) if return_attention_scores else context

    def align_in_order(
        self, query: Tensor, keep: Tensor | None, memory: Memory, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """One query `(b, t, d)` after the other, each with what the one before has left, where `keep (b, t)` is True.

        Returns the alignment `(b, t, s)` and what is remembered after the last one.
        """
        mm = multiplier(self.query_products())

        def step(now: Tensor, before: list[Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
            alignment, after = self.attend(now, memory, before, mm)
            return after, {"alignment": alignment}

        width = memory.values.shape[1]
        width = ops.shape(memory.values)[1] if width is None else width
        final, traces = engine.scan(step, query, states, keep, widths={"alignment": width})
        return ops.cast(traces["alignment"], memory.values.dtype), final

    def compute_output_spec(
        self,
        query: Any,
        memory: Any,
        query_mask: Any = None,
        memory_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
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


def one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    """An option's value as it is; ValueError if it is not known."""
    if value not in known:
        raise ValueError(f"`{name}` must be one of {', '.join(known)}; received {value!r}.")
    return str(value)


def only(alignment: Tensor, keep: Tensor | None) -> Tensor:
    """The alignment `(b, t, s)` with zeros for queries that `keep (b, t)` leaves out."""
    return alignment if keep is None else ops.where(keep[..., None], alignment, ops.zeros_like(alignment))


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax over the last axis, of the places that `mask` keeps; zeros where it keeps none.

    `scores` are `(b, s)` or `(b, t, s)`, `mask` is `(b, s)`, or of their shape.
    """
    if mask is None:  # not `ops.softmax`, which warns of a memory of one step
        weights = ops.exp(scores - _highest(scores))
        return weights / ops.sum(weights, axis=-1, keepdims=True)
    mask = spread(mask, scores) if len(mask.shape) == 2 else mask
    shifted = scores - _highest(ops.where(mask, scores, -math.inf))
    shifted = ops.where(mask, shifted, ops.zeros_like(shifted))
    weights = ops.where(mask, ops.exp(shifted), ops.zeros_like(scores))
    total = ops.sum(weights, axis=-1, keepdims=True)
    return weights / ops.where(total > 0, total, ops.ones_like(total))


def spread(tensor: Tensor, like: Tensor) -> Tensor:
    """What belongs to a row `(b, ...)`, for every query of it where `like` has the queries' axis: `(b, 1, ...)`."""
    return tensor[:, None] if len(like.shape) == 3 else tensor


def _highest(scores: Tensor) -> Tensor:
    return ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True, initial=-math.inf))  # also of no steps


def product_scores(query: Tensor, keys: Tensor) -> Tensor:
    """`qᵀ k_j` of queries `(b, k)` or `(b, t, k)` and keys `(b, s, k)`: `(b, s)` or `(b, t, s)`."""
    if len(query.shape) == 3:
        return ops.matmul(query, ops.swapaxes(keys, 1, 2))
    return ops.matmul(keys, query[..., None])[..., 0]


def places(memory: Memory) -> tuple[Tensor, Tensor]:
    """Where each unmasked step stands among those of its row, from 0, `(b, s)`, and how many they are, `(b, 1)`."""
    kept = ops.ones_like(memory.values[..., 0]) if memory.mask is None else memory.mask
    kept = ops.cast(kept, counting(memory.values.dtype))
    return ops.cumsum(kept, axis=-1) - 1, ops.sum(kept, axis=-1, keepdims=True)


def counting(dtype: Any) -> str:
    """The dtype in which to count and to accumulate: at least single precision."""
    return "float64" if keras.backend.standardize_dtype(dtype) == "float64" else "float32"


def weighted_sum(alignment: Tensor, values: Tensor) -> Tensor:
    """The context: `(b, s)` or `(b, t, s)` weights of `(b, s, m)` values."""
    if len(alignment.shape) == 3:
        return ops.matmul(alignment, values)
    return ops.matmul(alignment[:, None], values)[:, 0]
