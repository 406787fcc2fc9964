"""Every attention against NumPy references from the papers, to 1e-10, and against central differences."""

from typing import Any

import keras
import numpy as np
import pytest
from attention_cases import (
    CASES,
    MEMORY_MASKS,
    REMEMBERING,
    A,
    B,
    D,
    S,
    T,
    make,
    named,
    oracle,
    queries_and_memory,
)
from backend import JAX, MODES, Differentiated, compiled, differentiated, to_tensor
from keras import ops
from layer_cases import MASKS, assert_close, random_weights
from numpy_attention import attended, pooled

from kerasrnn import layers
from kerasrnn.layers.base_attention import weighted_sum

TOLERANCE = 1e-10

NAMES = ("query", "memory", "query_mask", "memory_mask")

COMPILED = [
    "bahdanau coverage",
    "luong local_m",
    "luong local_p",
    "monotonic recursive",
    "monotonic parallel",
    "location smooth",
]
"""Those whose programs differ in more than the score."""


def tensors(*arrays: Any) -> list[Any]:
    return [None if array is None else to_tensor(array) for array in arrays]


@pytest.mark.parametrize("case", CASES)
def test_equals_its_paper(case: str, rng: np.random.Generator) -> None:
    """Under every mask: all queries at once, and one after the other with what each leaves behind."""
    layer = make(case)
    query, memory = queries_and_memory(rng)
    reference = oracle(case, named(layer))
    for name in ("none", "holes") if JAX else MEMORY_MASKS:
        for query_mask in (None, MASKS["holes"]):
            keep = MEMORY_MASKS[name]
            given = dict(zip(NAMES, tensors(query, memory, query_mask, keep), strict=True))
            expected = attended(reference, query, memory, query_mask, keep)
            assert_close(layer(**given, return_attention_scores=True), expected, TOLERANCE)
        assert_close(layer(**given), expected[0], TOLERANCE)
    prepared = layer.prepare(to_tensor(memory), given["memory_mask"])
    expected = attended(reference, query, memory, None, keep)
    states: Any = None
    for t in range(T):
        alignment, states = layer.align(to_tensor(query[:, t]), prepared, states)
        assert_close(alignment, expected[1][:, t], TOLERANCE)
    assert bool(states) == (case in REMEMBERING)
    assert_close(layer.align(to_tensor(query), prepared)[0], expected[1], TOLERANCE)
    options = {"memory_mask": given["memory_mask"], "return_attention_scores": True}
    first = layer(to_tensor(query[:, 0]), to_tensor(memory), **options)
    assert_close(first, [e[:, 0] for e in expected], TOLERANCE)


@pytest.mark.parametrize("case", CASES)
def test_what_is_remembered_goes_on(case: str, rng: np.random.Generator) -> None:
    """Queries in two parts, each part at once, are the queries in one."""
    layer = make(case)
    query, memory = tensors(*queries_and_memory(rng))
    prepared = layer.prepare(memory, to_tensor(MEMORY_MASKS["holes"]))
    whole, last = layer.align(query, prepared)
    one, states = layer.align(query[:, :2], prepared)
    two, states = layer.align(query[:, 2:], prepared, states)
    assert_close(ops.concatenate([one, two], axis=1), whole, 1e-12)
    assert_close(states, last, 1e-12)


def differences(case: str, layer: Any, sources: list[Any], masks: list[Any], heads: list[Any], rng: Any) -> list[Any]:
    """For each source and weight a direction, and the derivative of the loss along it by central differences."""
    weights = named(layer)

    def loss() -> float:
        found = attended(oracle(case, weights), *sources, *masks)
        return sum(float(np.sum(h * f)) for h, f in zip(heads, found, strict=True))

    found = []
    for at in (*sources, *weights.values()):
        along, kept, ends = rng.standard_normal(at.shape), at.copy(), []
        for sign in (1.0, -1.0):
            at[...] = kept + sign * 1e-5 * along
            ends.append(loss())
        at[...] = kept
        found.append((along, (ends[0] - ends[1]) / 2e-5))
    return found


@pytest.mark.parametrize("case", CASES)
def test_gradients_in_every_mode(case: str, rng: np.random.Generator) -> None:
    """Eagerly, in a graph for any size, and under XLA; with NaN in whatever is masked."""
    layer = make(case)
    sources, masks = list(queries_and_memory(rng)), [MASKS["empty row"], MEMORY_MASKS["holes"]]
    sources = [np.where(mask[..., None], source, 0.0) for mask, source in zip(masks, sources, strict=True)]
    heads = [rng.standard_normal((B, T, D)), rng.standard_normal((B, T, S))]
    expected = attended(oracle(case, named(layer)), *sources, *masks)
    slopes = differences(case, layer, sources, masks, heads, rng)
    assert sum(abs(slope) > 1e-3 for _, slope in slopes) > (len(slopes) - 1 if "hard" not in case else 0)

    def run(query: Any, memory: Any, query_mask: Any, memory_mask: Any) -> Any:
        found = layer(query, memory, query_mask, memory_mask, return_attention_scores=True)
        return sum(ops.sum(h * f) for h, f in zip(heads, found, strict=True)), found

    signature: Any = [((None, None, D), "float64")] * 2 + [((None, None), "bool")] * 2
    spoilt = [np.where(mask[..., None], source, np.nan) for mask, source in zip(masks, sources, strict=True)]
    for mode in MODES if case in COMPILED else MODES[:1]:
        found = differentiated(run, layer.trainable_variables, 2, mode, signature)(*spoilt, *masks)
        assert_close(found.results, expected, TOLERANCE)
        for gradient, (along, slope) in zip(gradients_of(found), slopes, strict=True):
            if gradient is None:  # TensorFlow, of a choice
                assert case == "monotonic hard"
                gradient = np.zeros_like(along)
            assert np.isfinite(gradient).all()
            np.testing.assert_allclose(np.sum(gradient * along), slope, rtol=1e-6, atol=1e-8)


def gradients_of(found: Differentiated) -> list[Any]:
    return [*found.sources, *found.variables]


@pytest.mark.tensorflow
@pytest.mark.parametrize("case", COMPILED)
def test_a_compiled_loop_may_differentiate_it(case: str, rng: np.random.Generator) -> None:
    """As the decoder's engine does: products by an `mm` of its own, a view of the layer with other tensors, and an
    adjoint that asks a tape in the loop, backwards in time, for the derivatives of one step."""
    import tensorflow as tf

    layer = make(case)
    query, memory = queries_and_memory(rng)
    mask = MEMORY_MASKS["holes"]
    head = rng.standard_normal((B, T, S))
    kernels = [kernel.value for kernel, _ in layer.query_products()]
    weights = [tf.convert_to_tensor(getattr(layer, name).value) for name in layer.local_weights]

    def view(tensors: list[Any]) -> Any:
        other = object.__new__(type(layer))
        other.__dict__.update(layer.__dict__)
        other.__dict__.update(dict(zip(layer.local_weights, tensors, strict=True)))
        for name, _ in layer.__dict__.items():
            if name.endswith("query_kernel") or name == "position_kernel":
                other.__dict__[name] = None  # only `mm` may reach these
        return other

    def step(now: Any, keys: Any, states: list[Any], weights: list[Any], prepared: Any) -> Any:
        asked: list[int] = []

        def mm(k: int, a: Any, plus: Any = None) -> Any:
            asked.append(k)
            return tf.matmul(a, kernels[k])

        found = view(weights).attend(now, prepared._replace(keys=keys), states, mm)
        assert sorted(asked) == list(range(len(kernels))), "every product once"
        return found

    @tf.function(jit_compile=True, autograph=False)
    def run(query: Any, memory: Any) -> Any:
        prepared = layer.prepare(memory, mask)
        start = layer.initial_states(prepared)
        by_time = tf.transpose(query, [1, 0, 2])
        before = [tf.TensorArray(s.dtype, T, element_shape=s.shape, clear_after_read=False) for s in start]

        def forwards(t: Any, states: list[Any], arrays: list[Any]) -> Any:
            arrays = [array.write(t, state) for array, state in zip(arrays, states, strict=True)]
            _, states = step(by_time[t], prepared.keys, states, weights, prepared)
            return t + 1, states, arrays

        _, _, before = tf.while_loop(
            lambda t, *_: t < T, forwards, (tf.constant(0), start, before), maximum_iterations=T
        )

        def backwards(t: Any, into_states: list[Any], into_weights: list[Any], into_keys: Any, into_query: Any) -> Any:
            states = [array.read(t) for array in before]
            now = by_time[t]
            with tf.GradientTape() as tape:
                tape.watch([now, prepared.keys, *states, *weights])
                alignment, after = step(now, prepared.keys, states, weights, prepared)
            found = tape.gradient(
                [alignment, *after], [now, prepared.keys, *states, *weights],
                [tf.gather(head, t, axis=1), *into_states], unconnected_gradients="zero",
            )  # fmt: skip
            n = 2 + len(states)
            into_weights = [old + new for old, new in zip(into_weights, found[n:], strict=True)]
            into_query = into_query.write(t, found[0])
            return t - 1, found[2:n], into_weights, into_keys + found[1], into_query

        zeros = [tf.zeros_like(one) for one in start]
        *_, into_weights, into_keys, into_query = tf.while_loop(
            lambda t, *_: t >= 0,
            backwards,
            (
                tf.constant(T - 1), zeros, [tf.zeros_like(w) for w in weights], tf.zeros_like(prepared.keys),
                tf.TensorArray(tf.float64, T, element_shape=(B, D)),
            ),
            maximum_iterations=T,
        )  # fmt: skip
        return into_weights, into_keys, into_query.stack()

    into_weights, into_keys, into_query = run(*tensors(query, memory))
    with tf.GradientTape() as tape:
        given = to_tensor(query)
        variables = [getattr(layer, name) for name in layer.local_weights]
        prepared = layer.prepare(to_tensor(memory), to_tensor(mask))
        tape.watch([given, prepared.keys])
        alignment, _ = layer.align(given, prepared)
        loss = tf.reduce_sum(head * alignment)
    sources = [given, prepared.keys, *(v.value for v in variables)]
    expected = tape.gradient(loss, sources, unconnected_gradients="zero")
    assert_close(tf.transpose(into_query, [1, 0, 2]), expected[0], 1e-9)
    assert_close([into_keys, *into_weights], expected[1:], 1e-9)


COUNTS = {
    "bahdanau": D * A + D * A + A,
    "bahdanau normal": D * A + D * A + A + A + 1,
    "bahdanau coverage": D * A + D * A + A + A + A,
    "luong dot": 0,
    "luong general": D * D + 1,
    "luong concat": D * A + D * A + A,
    "luong scaled": 1,
    "luong local_m": D * D,
    "luong local_p": D * D + D * D + D + D * D + D,
    "luong local_p dot": D * A + A,
    "monotonic recursive": D * A + D * A + A + A + 1 + 1,
    "monotonic parallel": D * A + D * A + A + 1 + 1,
    "monotonic luong": D * D + 1,
    "monotonic hard": D * A + D * A + A + A + 1,
    "location": D * A + D * A + A + A + 3 * 2 + 2 * A,
    "location smooth": D * A + D * A + A + A + 1 + 5 * 2 + 2 * A,
}


def test_parameters_are_as_many_as_the_page_says() -> None:
    assert {case: make(case).count_params() for case in CASES} == COUNTS


def test_widths_that_differ(rng: np.random.Generator) -> None:
    """Queries and memory of other widths, wherever that makes sense, and no kernel transposed."""
    query, memory = rng.standard_normal((B, T, 2)), rng.standard_normal((B, S, 5))
    for case, options in [
        ("bahdanau", {}), ("luong general", {}), ("luong concat", {"units": None}), ("monotonic luong", {}),
        ("luong local_p", {"score": "general", "units": None}), ("location", {}),
    ]:  # fmt: skip
        layer = make(case, build=False, **options)
        layer.build(query.shape, memory.shape)
        random_weights(layer, rng)
        found = layer(*tensors(query, memory), return_attention_scores=True)
        assert_close(found, attended(oracle(case, named(layer), **options), query, memory), TOLERANCE)


@pytest.mark.parametrize("score", ["dot", "scaled_dot"])
def test_torch_agrees(score: str, rng: np.random.Generator) -> None:
    """`torch.nn.functional.scaled_dot_product_attention`, its values and gradients."""
    torch = pytest.importorskip("torch")
    query, memory = queries_and_memory(rng)
    keep, head = MEMORY_MASKS["holes"], rng.standard_normal((B, T, D))
    theirs = [torch.tensor(a, requires_grad=True) for a in (query, memory)]
    scale = 1.0 if score == "dot" else None
    context = torch.nn.functional.scaled_dot_product_attention(
        *theirs, theirs[1], attn_mask=torch.tensor(keep)[:, None], scale=scale
    )
    (context * torch.tensor(head)).sum().backward()
    layer = layers.LuongAttention(score, dtype="float64")
    layer.build(query.shape, memory.shape)

    def run(query: Any, memory: Any) -> Any:
        found = layer(query, memory, memory_mask=to_tensor(keep))
        return ops.sum(head * found), found

    found = differentiated(run, [], 2)(query, memory)
    assert_close(found.results, context.detach().numpy(), 1e-12)
    assert_close(found.sources, [one.grad.numpy() for one in theirs], 1e-12)


def test_keras_agrees_where_it_has_the_same(rng: np.random.Generator) -> None:
    query, memory = tensors(*queries_and_memory(rng))
    theirs = keras.layers.Attention(use_scale=True, dtype="float64")
    ours = layers.LuongAttention("dot", use_scale=True, dtype="float64")
    expected = theirs([query, memory], return_attention_scores=True)
    ours.build(query.shape, memory.shape)
    for layer in (theirs, ours):
        layer.set_weights([np.array(1.7)])
    expected = theirs([query, memory], return_attention_scores=True)
    assert_close(ours(query, memory, return_attention_scores=True), list(expected), 1e-12)


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("use_bias", [False, True], ids=["no bias", "bias"])
def test_pooling(heads: int, use_bias: bool, rng: np.random.Generator) -> None:
    """Values under every mask, gradients, NaN in masked steps, and as many parameters as the page says."""
    layer = layers.AttentionPooling(A, heads=heads, use_bias=use_bias, dtype="float64")
    layer.build((None, None, D))
    random_weights(layer, rng, 1.2)
    weights = named(layer)
    assert layer.count_params() == D * A + A * heads + (A if use_bias else 0)
    x = rng.standard_normal((B, S, D))
    for mask in MEMORY_MASKS.values():
        expected = pooled(weights, x, mask)
        expected = tuple(e[:, 0] for e in expected) if heads == 1 else expected
        spoilt = x if mask is None else np.where(mask[..., None], x, np.nan)
        found = layer(*tensors(spoilt), mask=None if mask is None else to_tensor(mask), return_attention_scores=True)
        assert_close(found, expected, TOLERANCE)
    mask, head = MEMORY_MASKS["holes"], rng.standard_normal(np.shape(expected[0]))

    def loss() -> float:
        return float(np.sum(head * np.reshape(pooled(weights, x, mask)[0], head.shape)))

    def run(x: Any, mask: Any) -> Any:
        result = layer(x, mask=mask)
        return ops.sum(head * result), result

    signature: Any = [((None, None, D), "float64"), ((None, None), "bool")]
    spoilt = np.where(mask[..., None], x, np.nan)
    for mode in MODES:
        found = differentiated(run, layer.trainable_variables, 1, mode, signature)(spoilt, mask)
        for gradient, at in zip(gradients_of(found), [x, *weights.values()], strict=True):
            along, kept, ends = rng.standard_normal(at.shape), at.copy(), []
            for sign in (1.0, -1.0):
                at[...] = kept + sign * 1e-5 * along
                ends.append(loss())
            at[...] = kept
            np.testing.assert_allclose(np.sum(gradient * along), (ends[0] - ends[1]) / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("mode", ["recursive", "parallel"])
def test_monotonic_where_products_vanish(mode: str, rng: np.random.Generator) -> None:
    """A long memory that an earlier query has passed: the product from its beginning is e⁻⁵⁰⁰, and α is still exact."""
    source = 60
    layer = layers.MonotonicAttention(energy="luong", mode=mode, dtype="float64")
    layer.build((None, 1), (None, None, 1))
    layer.set_weights([np.ones((1, 1)), np.zeros(())])
    memory = np.concatenate([np.full(50, -10.0), np.full(10, 0.3)])[None, :, None]
    query = np.array([[[1.0], [-1.0], [1.0]]])  # goes on to the end, then would stop early, then goes on
    expected = attended(oracle("monotonic recursive", named(layer), energy="luong"), query, memory)
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-5)):
        other = layers.MonotonicAttention(energy="luong", mode=mode, dtype=dtype)
        other.build((None, 1), (None, None, 1))
        other.set_weights([w.astype(dtype) for w in layer.get_weights()])
        given = [to_tensor(a.astype(dtype)) for a in (query, memory)]
        found = compiled(lambda *a, other=other: other(*a, return_attention_scores=True), MODES[1])(*given)
        assert_close(found, [e.astype(dtype) for e in expected], tolerance)
    assert expected[1].shape == (1, 3, source)
    assert expected[1][0, 1, 50:].sum() > 0.5, "what the first query passed by is behind"
    assert_close(weighted_sum(to_tensor(expected[1]), to_tensor(memory)), expected[0], 1e-12)
