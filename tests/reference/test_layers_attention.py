"""Bahdanau attention and the decoder around it against the NumPy oracle to 1e-10, and against central differences."""

import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from backend import JAX, gradients, to_tensor
from keras import ops
from layer_cases import (
    KERAS_KINDS,
    MASKS,
    B,
    D,
    T,
    U,
    assert_close,
    family,
    initial,
    inputs,
    make_cell,
    oracle_step,
    random_weights,
)
from numpy_cells import Array, Decoded, attention_decoder, bahdanau, central_differences

from kerasrnn import layers

TOLERANCE = 1e-10
S, M, A = 6, 5, 4  # source steps, width of the memory, width of the comparison

MEMORY_MASKS = {
    "none": None,
    "right": np.arange(S) < np.array([6, 4, 1])[:, None],
    "holes": np.array([[0, 1, 1, 0, 1, 0], [1, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0]], dtype=bool),
    "empty row": np.array([[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 1, 0]], dtype=bool),
}


def named(layer: Any) -> dict[str, Array]:
    return {w.name: np.array(w) for w in layer.weights}


def attend(weights: dict[str, Array]) -> Callable[[Array, Array, Array], tuple[Array, Array]]:
    """The oracle's attention with the weights of a layer, by their names."""

    def run(query: Array, memory: Array, keep: Array) -> tuple[Array, Array]:
        matrices = weights["query_kernel"], weights["memory_kernel"], weights["score_vector"]
        return bahdanau(query, memory, *matrices, weights.get("bias"), keep)

    return run


def each(
    weights: dict[str, Array], query: Array, memory: Array, query_mask: Any, memory_mask: Any
) -> tuple[Array, Array]:
    """The oracle, one query at a time: contexts (b, t, m) and alignments (b, t, s)."""
    context, alignment = np.zeros((*query.shape[:2], M)), np.zeros((*query.shape[:2], S))
    for row, now in np.ndindex(query.shape[:2]):
        if query_mask is None or query_mask[row, now]:
            keep = np.ones(S, bool) if memory_mask is None else memory_mask[row]
            context[row, now], alignment[row, now] = attend(weights)(query[row, now], memory[row], keep)
    return context, alignment


@pytest.mark.parametrize("use_bias", [False, True], ids=["no bias", "bias"])
@pytest.mark.parametrize("memory_mask", MEMORY_MASKS)
def test_attention(memory_mask: str, use_bias: bool, rng: np.random.Generator) -> None:
    layer = layers.BahdanauAttention(A, use_bias=use_bias, dtype="float64")
    query, memory, keep = rng.standard_normal((B, T, D)), rng.standard_normal((B, S, M)), MEMORY_MASKS[memory_mask]
    layer.build(query.shape, memory.shape)
    random_weights(layer, rng, scale=1.5)
    weights = named(layer)
    assert {k: v.shape for k, v in weights.items() if k != "bias"} == {
        "query_kernel": (D, A), "memory_kernel": (M, A), "score_vector": (A, 1)
    }  # fmt: skip
    assert ("bias" in weights) == use_bias
    for query_mask in (None, MASKS["holes"]):
        expected = each(weights, query, memory, query_mask, keep)
        masks = {"query_mask": query_mask, "memory_mask": keep}
        masks = {name: None if value is None else to_tensor(value) for name, value in masks.items()}
        assert_close(layer(query, memory, return_attention_scores=True, **masks), expected, TOLERANCE)
        assert_close(layer(query, memory, **masks), expected[0], TOLERANCE)
    expected = each(weights, query[:, :1], memory, None, keep)
    actual = layer(query[:, 0], memory, memory_mask=masks["memory_mask"], return_attention_scores=True)
    assert_close(actual, [e[:, 0] for e in expected], TOLERANCE)


@pytest.mark.parametrize("memory_mask", ["none", "empty row"])
def test_attention_gradients(memory_mask: str, rng: np.random.Generator) -> None:
    layer = layers.BahdanauAttention(A, use_bias=True, dtype="float64")
    query, memory, keep = rng.standard_normal((B, 2, D)), rng.standard_normal((B, S, M)), MEMORY_MASKS[memory_mask]
    layer.build(query.shape, memory.shape)
    random_weights(layer, rng)
    weights = named(layer)
    heads = rng.standard_normal((B, 2, M)), rng.standard_normal((B, 2, S))

    def loss() -> float:
        return sum(float(np.sum(h * v)) for h, v in zip(heads, each(weights, query, memory, None, keep), strict=True))

    def run(query: Any, memory: Any) -> Any:
        mask = None if keep is None else to_tensor(keep)
        found = layer(query, memory, memory_mask=mask, return_attention_scores=True)
        return sum(ops.sum(h * v) for h, v in zip(heads, found, strict=True)), ()

    found = gradients(run, layer.trainable_variables, [query, memory])
    sought = [query, memory, *weights.values()]
    for gradient, at in zip([*found.sources, *found.variables], sought, strict=True):
        expected = central_differences(loss, at)
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-8)


def decoder(kind: str, rng: np.random.Generator, **options: Any) -> Any:
    options = {"return_state": True, "return_alignment": True, **options}
    layer = layers.AttentionDecoder(
        make_cell(layers, kind, dtype="float64"),
        layers.BahdanauAttention(A, dtype="float64"),
        dtype="float64",
        **options,
    )
    layer.build((None, None, D), (None, None, M))
    random_weights(layer, rng)
    return layer


def oracle(kind: str, layer: Any, x: Array, states: list[Array], memory: Array, keep: Any, mask: Any) -> Decoded:
    step = oracle_step(kind, [np.asarray(w) for w in layer.cell.weights])
    return attention_decoder(family(kind), step, x, states, memory, attend(named(layer.attention)), keep, mask)


def masks_of(mask: Any, memory_mask: Any) -> dict[str, Any]:
    given = {"mask": mask, "memory_mask": memory_mask}
    return {name: to_tensor(value) for name, value in given.items() if value is not None}


@pytest.mark.parametrize(
    ("memory_mask", "mask"),
    [("none", "left"), ("right", "none"), ("holes", "empty row"), ("empty row", "left")]
    if JAX  # which compiles every call
    else list(itertools.product(MEMORY_MASKS, ["none", "left", "empty row"])),
)
@pytest.mark.parametrize("kind", ["lstm", "gru_v3"] if JAX else KERAS_KINDS)
def test_decoder(kind: str, memory_mask: str, mask: str, rng: np.random.Generator) -> None:
    """Outputs, states, alignments and the traced gates, in Bahdanau's order of attending and recurring."""
    x, states, memory = inputs(rng), initial(kind, rng), rng.standard_normal((B, S, M))
    keep, step_mask = MEMORY_MASKS[memory_mask], MASKS[mask]
    layer = decoder(kind, rng)
    run = oracle(kind, layer, x, states, memory, keep, step_mask)
    outputs = np.concatenate([run.outputs, run.contexts], axis=-1)
    actual = layer(x, memory, initial_state=states, **masks_of(step_mask, keep))
    assert_close(list(actual), [outputs, *run.states, run.alignment], TOLERANCE)
    layer.return_sequences = False
    assert_close(layer(x, memory, initial_state=states, **masks_of(step_mask, keep))[0], outputs[:, -1], TOLERANCE)
    traced = layer.trace(x, memory, initial_state=states, **masks_of(step_mask, keep))
    assert_close(traced, {**run.gates, "alignment": run.alignment}, TOLERANCE)


@pytest.mark.parametrize("kind", KERAS_KINDS)
def test_decoder_starts_from_zeros(kind: str, rng: np.random.Generator) -> None:
    layer, x, memory = decoder(kind, rng), inputs(rng), rng.standard_normal((B, S, M))
    zeros = [np.zeros((B, U)) for _ in initial(kind, rng)]
    run = oracle(kind, layer, x, zeros, memory, None, None)
    assert_close(list(layer(x, memory))[1:], [*run.states, run.alignment], TOLERANCE)


@pytest.mark.parametrize("kind", ["simple_rnn", "lstm", "gru"])
def test_decoder_runs_keras_cells(kind: str, rng: np.random.Generator) -> None:
    """A cell of Keras gives the numbers, and in `trace` the gates, of ours."""
    x, states, memory = inputs(rng), initial(kind, rng), rng.standard_normal((B, S, M))
    found = []
    for module in (layers, keras.layers):
        layer = layers.AttentionDecoder(
            make_cell(module, kind, dtype="float64"), layers.BahdanauAttention(A, dtype="float64"),
            return_state=True, return_alignment=True, dtype="float64",
        )  # fmt: skip
        layer.build(x.shape, memory.shape)
        random_weights(layer, np.random.default_rng(1))
        options = {"initial_state": states, **masks_of(MASKS["holes"], MEMORY_MASKS["holes"])}
        found.append((list(layer(x, memory, **options)), layer.trace(x, memory, **options)))
    assert_close(found[1], found[0], 1e-12)


@pytest.mark.parametrize("memory_mask", ["none", "empty row"])
@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("kind", ["lstm", "gru_v3"])
def test_decoder_gradients(kind: str, mask: str, memory_mask: str, rng: np.random.Generator) -> None:
    x, states, memory = inputs(rng, time=T), initial(kind, rng), rng.standard_normal((B, S, M))
    keep, step_mask = MEMORY_MASKS[memory_mask], MASKS[mask]
    layer = decoder(kind, rng)
    step_weights = [np.asarray(w).copy() for w in layer.cell.weights]
    weights = {k: v.copy() for k, v in named(layer.attention).items()}
    heads = [rng.standard_normal(s) for s in [(B, T, U), (B, T, M), (B, T, S)]]
    finals = [rng.standard_normal((B, U)) for _ in states]

    def loss() -> float:
        step = oracle_step(kind, step_weights)
        run = attention_decoder(family(kind), step, x, states, memory, attend(weights), keep, step_mask)
        values = [run.outputs, run.contexts, run.alignment, *run.states]
        return sum(float(np.sum(h * v)) for h, v in zip([*heads, *finals], values, strict=True))

    def run(x: Any, memory: Any, *states: Any) -> Any:
        outputs, *last, alignment = layer(x, memory, initial_state=list(states), **masks_of(step_mask, keep))
        values = [outputs[..., :U], outputs[..., U:], alignment, *last]
        return sum(ops.sum(h * v) for h, v in zip([*heads, *finals], values, strict=True)), ()

    variables = [*layer.cell.trainable_variables, *layer.attention.trainable_variables]
    found = gradients(run, variables, [x, memory, *states])
    sought = [x, memory, *states, *step_weights, *weights.values()]
    direction = [rng.standard_normal(a.shape) for a in sought]
    for gradient, at, along in zip([*found.sources, *found.variables], sought, direction, strict=True):
        kept, ends = (
            at.copy(),
            [],
        )  # one directional derivative each: the decoder's oracle is too slow for every element
        for sign in (1.0, -1.0):
            at[...] = kept + sign * 1e-5 * along
            ends.append(loss())
        at[...] = kept
        expected = (ends[0] - ends[1]) / 2e-5
        assert abs(expected) > 1e-4
        np.testing.assert_allclose(np.sum(gradient * along), expected, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(found.loss, loss(), rtol=1e-10)
