"""The compiled loop of a decoder against the plain one, with its automatic gradients."""

from typing import Any

import keras
import numpy as np
import pytest
from backend import differentiated, to_tensor
from decoder_cases import CASES, KEEP, A, M, S, draw, make_decoder
from keras import ops
from layer_cases import MASKS, B, D, T, U, assert_close, flat, random_weights

from kerasrnn import engine, layers


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("case", CASES)
def test_the_compiled_loop_has_the_gradients_of_the_plain_one(case: str, mask: str, rng: np.random.Generator) -> None:
    """With dropout and zoneout, and gates and alignments among what the loss reads."""
    options = dict(CASES[case])
    kinds, count = options["kinds"], options.get("memories", 1)
    random = {"dropout": 0.3, "recurrent_dropout": 0.3, "zoneout": 0.2, "seed": 5}
    layer = make_decoder(rng, **options, cell_options=random, return_gates=True)
    x, states, memories = draw(rng, kinds, count)
    keep = [to_tensor(KEEP[:, : memory.shape[1]]) for memory in memories]
    seeds = [v for v in layer.non_trainable_variables if "seed" in v.path]
    assert seeds
    start = [np.asarray(seed) for seed in seeds]
    weights = [rng.standard_normal(np.shape(value)) for value in flat(layer(x, memories if count > 1 else memories[0]))]

    def loss(x: Any, *rest: Any) -> Any:
        memory, before = list(rest[:count]), list(rest[count:])
        found = layer(
            x,
            memory if count > 1 else memory[0],
            initial_state=before,
            mask=None if MASKS[mask] is None else to_tensor(MASKS[mask]),
            memory_mask=keep if count > 1 else keep[0],
            training=True,
        )
        values = keras.tree.flatten(found)
        return ops.sum(ops.stack([ops.sum(v * w) for v, w in zip(values, weights, strict=True)])), found

    sources, outcomes = [x, *memories, *states], []
    for portable in (False, True):
        for seed, value in zip(seeds, start, strict=True):
            seed.assign(value)
        run = differentiated(loss, layer.trainable_variables, len(sources), "graph")
        if portable:
            with engine.portable():
                outcomes.append(run(*sources))
        else:
            outcomes.append(run(*sources))
    one, other = outcomes
    assert all(gradient is not None for gradient in [*one.sources, *one.variables])
    assert_close(
        flat([one.results, one.sources, one.variables]), flat([other.results, other.sources, other.variables]), 1e-11
    )


REMEMBERING = {
    "coverage": lambda: layers.BahdanauAttention(A, coverage=True, normalize=True, use_bias=True, dtype="float64"),
    "location": lambda: layers.LocationAttention(A, filters=2, kernel_size=3, dtype="float64"),
    "monotonic": lambda: layers.MonotonicAttention(A, sigmoid_noise=1.0, seed=3, dtype="float64"),
    "recursive": lambda: layers.MonotonicAttention(A, mode="recursive", dtype="float64"),
    "local_m": lambda: layers.LuongAttention("general", "local_m", window=2, dtype="float64"),
    "local_p": lambda: layers.LuongAttention("concat", "local_p", window=2, units=A, dtype="float64"),
}


@pytest.mark.parametrize("order", ["bahdanau", "luong"])
@pytest.mark.parametrize("kind", REMEMBERING)
def test_any_attention_in_the_compiled_loop(kind: str, order: str, rng: np.random.Generator) -> None:
    """The same numbers and gradients as in the plain loop, and the same numbers one step at a time."""
    layer = layers.AttentionDecoder(
        layers.GRUCell(U, dtype="float64"), REMEMBERING[kind](), order=order, return_alignment=True, dtype="float64"
    )
    layer.build((None, None, D), (None, None, M))
    random_weights(layer, rng)
    x, _, (memory,) = draw(rng, ["gru"])
    keep, mask = to_tensor(KEEP), to_tensor(MASKS["holes"])
    weights = [rng.standard_normal(shape) for shape in ((B, T, U + M), (B, T, S))]

    def loss(x: Any, memory: Any) -> Any:
        found = layer(x, memory, mask=mask, memory_mask=keep)
        return sum(ops.sum(value * weight) for value, weight in zip(found, weights, strict=True)), found

    one = differentiated(loss, layer.trainable_variables, 2, "graph")(x, memory)
    with engine.portable():
        other = differentiated(loss, layer.trainable_variables, 2, "graph")(x, memory)
    assert_close(
        flat([one.results, one.sources, one.variables]), flat([other.results, other.sources, other.variables]), 1e-11
    )
    prepared = layer.prepare(to_tensor(memory), keep)
    states = layer.first_states(prepared)
    outputs, alignment = layer(x, memory, memory_mask=keep)
    for t in range(T):
        output, states, now = layer.step(to_tensor(x[:, t]), states, prepared)
        assert_close([output, now], [outputs[:, t], alignment[:, t]], 1e-11)


@pytest.mark.tensorflow
@pytest.mark.parametrize("masked", [False, True], ids=["no mask", "masks"])
@pytest.mark.parametrize("kind", ["bahdanau", "location"])
def test_sources_of_a_length_that_the_graph_does_not_know(kind: str, masked: bool, rng: np.random.Generator) -> None:
    """Then it knows the width of no alignment, which is a trace of the one and a state of the other."""
    import tensorflow as tf

    attention = {"bahdanau": lambda: layers.BahdanauAttention(A, dtype="float64")} | REMEMBERING
    cell = layers.GRUCell(U, dtype="float64")
    layer = layers.AttentionDecoder(cell, attention[kind](), return_alignment=True, dtype="float64")
    layer.build((None, None, D), (None, None, M))
    random_weights(layer, rng)
    x, _, (memory,) = draw(rng, ["gru"])
    options = {"mask": to_tensor(MASKS["holes"]), "memory_mask": to_tensor(KEEP)} if masked else {}

    def run() -> Any:
        @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, None, n), tf.float64) for n in (D, M)])
        def graph(x: Any, memory: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch([x, memory])
                outputs, alignment = layer(x, memory, **options)
                loss = ops.sum(ops.sin(outputs)) + ops.sum(ops.cos(3.0 * alignment))
            return outputs, alignment, tape.gradient(loss, [x, memory])

        return [np.asarray(value) for value in keras.tree.flatten(graph(x, memory))]

    found = run()
    with engine.portable():
        assert_close(found, run(), 1e-11)


def test_sums_over_many_steps_in_half_precision(rng: np.random.Generator) -> None:
    """The gradient of the memory and of the score grows with every step: a sum in bfloat16 stops after some hundred."""
    steps = 1000
    given, kept = 0.5 * rng.standard_normal((B, steps, D)), rng.standard_normal((B, S, M))

    def make(dtype: str) -> Any:
        cell, attention = layers.GRUCell(U, dtype=dtype), layers.BahdanauAttention(A, dtype=dtype)
        decoder = layers.AttentionDecoder(cell, attention, dtype=dtype)
        decoder.build((None, None, D), (None, None, M))
        return decoder

    decoders = [make(dtype) for dtype in ("float64", "mixed_bfloat16")]
    random_weights(decoders[0], rng, 0.3)
    decoders[1].set_weights(decoders[0].get_weights())
    outcomes = []
    for decoder in decoders:

        def loss(x: Any, memory: Any, decoder: Any = decoder) -> Any:
            return ops.sum(ops.cast(decoder(x, memory, training=True), "float64")) / steps, ()

        x, memory = (ops.cast(value, decoder.compute_dtype) for value in (given, kept))
        found = differentiated(loss, decoder.trainable_variables, 2, "graph")(x, memory)
        outcomes.append([np.asarray(ops.cast(g, "float64")) for g in [found.sources[1], *found.variables]])
    for exact, half in zip(*outcomes, strict=True):
        assert np.abs(half - exact).max() <= 0.03 * np.abs(exact).max()
