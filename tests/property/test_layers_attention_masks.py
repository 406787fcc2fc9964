"""What holds for every attention, whatever the masks: padding changes nothing, and rows sum to 1, to less, or to 0."""

import functools
from typing import Any

import numpy as np
from attention_cases import BELOW_ONE, CASES, D, make
from backend import JAX, to_tensor
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import assert_close
from numpy_cells import Array

from kerasrnn import layers

EXAMPLES = 4 if JAX else 4 * settings.default.max_examples  # JAX compiles for every shape


@functools.cache
def built(case: str, scale: float, dtype: str) -> Any:
    layer = make(case, dtype)
    layer.set_weights([scale * w for w in layer.get_weights()])
    return layer


def sized(draw: st.DrawFn, most: int) -> Array:
    """A mask (1, n) in any pattern."""
    return np.array([draw(st.lists(st.booleans(), min_size=1, max_size=most))])


@st.composite
def questions(draw: st.DrawFn) -> tuple[Array, Array, Array, Array, float]:
    """Queries and a memory of one row, masks of both, and what stands in masked places."""
    query_mask, memory_mask = sized(draw, 4), sized(draw, 6)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    query, memory = (rng.standard_normal((*mask.shape, D)) for mask in (query_mask, memory_mask))
    return query, memory, query_mask, memory_mask, draw(st.sampled_from([0.0, 1e3, np.nan, np.inf]))


@given(st.sampled_from(list(CASES)), questions())
@settings(max_examples=EXAMPLES)
def test_padding_changes_nothing(case: str, drawn: tuple[Array, Array, Array, Array, float]) -> None:
    """What is masked may as well not be there, and may hold anything."""
    query, memory, query_mask, memory_mask, garbage = drawn
    layer = built(case, 1.0, "float64")
    spoilt = [np.where(m[..., None], a, garbage) for a, m in ((query, query_mask), (memory, memory_mask))]
    masks = {"query_mask": to_tensor(query_mask), "memory_mask": to_tensor(memory_mask)}
    context, alignment = map(np.asarray, layer(*map(to_tensor, spoilt), **masks, return_attention_scores=True))
    assert context.shape == (*query.shape[:2], D)
    np.testing.assert_array_equal(alignment[:, :, ~memory_mask[0]], 0.0)
    for array in (context, alignment):
        np.testing.assert_array_equal(array[:, ~query_mask[0]], 0.0)
    if memory_mask.any() and query_mask.any():
        bare = to_tensor(query[:, query_mask[0]]), to_tensor(memory[:, memory_mask[0]])
        expected = layer(*bare, return_attention_scores=True)
        found = context[:, query_mask[0]], alignment[:, query_mask[0]][..., memory_mask[0]]
        assert_close(found, tuple(expected), 1e-12)
    else:
        assert not context.any()


@given(
    st.sampled_from(list(CASES)),
    questions(),
    st.sampled_from([1e-3, 1.0, 30.0, 1e4]),
    st.sampled_from(["float32", "float64"]),
)
@settings(max_examples=EXAMPLES)
def test_rows_sum_to_one_or_as_documented(
    case: str, drawn: tuple[Array, Array, Array, Array, float], scale: float, dtype: str
) -> None:
    query, memory, query_mask, memory_mask, _ = drawn
    query, memory = query.astype(dtype), memory.astype(dtype)
    masks = {"query_mask": to_tensor(query_mask), "memory_mask": to_tensor(memory_mask)}
    layer = built(case, scale, dtype)
    context, alignment = layer(to_tensor(query), to_tensor(memory), **masks, return_attention_scores=True)
    alignment = np.asarray(alignment)
    most = query_mask[..., None] & memory_mask.any(-1)[:, None, None]  # (1, t, 1)
    sums = alignment.sum(-1, keepdims=True)
    assert (alignment >= 0.0).all()
    if case in BELOW_ONE:
        assert (sums <= most + 1e-5).all()
        if case == "luong local_m":
            np.testing.assert_allclose(sums[sums > 0], 1.0, atol=1e-5)
    else:
        np.testing.assert_allclose(sums, most.astype(float), atol=1e-5)
    np.testing.assert_allclose(context, np.einsum("bts,bsm->btm", alignment, memory), atol=1e-4)


@given(questions(), st.integers(1, 3))
@settings(max_examples=EXAMPLES // 4)
def test_pooling(drawn: tuple[Array, Array, Array, Array, float], heads: int) -> None:
    _, inputs, _, mask, garbage = drawn
    layer = layers.AttentionPooling(3, heads=heads, dtype="float64")
    spoilt = to_tensor(np.where(mask[..., None], inputs, garbage))
    pooled, weights = map(np.asarray, layer(spoilt, mask=to_tensor(mask), return_attention_scores=True))
    np.testing.assert_array_equal(weights[..., ~mask[0]], 0.0)
    np.testing.assert_allclose(weights.sum(-1), float(mask.any()), atol=1e-12)
    if mask.any():
        expected = layer(to_tensor(inputs[:, mask[0]]), return_attention_scores=True)
        assert_close((pooled, weights[..., mask[0]]), tuple(expected), 1e-12)
    else:
        assert not pooled.any()
