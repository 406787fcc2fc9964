"""Every attention in models, files and dtypes; noise and modes of the monotonic one; coverage; refusals."""

import inspect
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from attention_cases import CASES, MEMORY_MASKS, A, B, D, S, T, make, named, oracle, queries_and_memory
from backend import JAX, MODES, compiled, gradients, to_tensor
from keras import ops
from layer_cases import MASKS, assert_close
from numpy_attention import attended

from kerasrnn import layers
from kerasrnn.layers import counter_noise


@pytest.mark.parametrize("case", CASES)
def test_configurations_come_back(case: str) -> None:
    """Every argument is in the configuration, and survives JSON."""
    layer = make(case, "float16", build=False, kernel_initializer="he_normal", name="kept")
    again = keras.layers.deserialize(json.loads(json.dumps(keras.layers.serialize(layer))))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    named_arguments = set(inspect.signature(type(layer).__init__).parameters) - {"self", "kwargs"}
    assert named_arguments <= set(layer.get_config())
    for name, value in CASES[case][1].items():
        assert again.get_config()[name] == getattr(again, name) == value
    assert isinstance(again.kernel_initializer, keras.initializers.HeNormal)


def test_other_options_come_back() -> None:
    for layer in (
        layers.MonotonicAttention(
            3, mode="recursive", inference_mode="hard", sigmoid_noise=0.5, score_bias_init=-2.0, use_bias=False,
            normalize=False, bias_initializer="ones", seed=7,
        ),
        layers.AttentionPooling(3, heads=2, use_bias=False, kernel_initializer="he_normal", bias_initializer="ones"),
        layers.LocationAttention(3, use_bias=False, bias_initializer="ones"),
    ):  # fmt: skip
        config = json.loads(json.dumps(layer.get_config()))
        assert type(layer).from_config(config).get_config() == layer.get_config()
        plain = type(layer)(3).get_config()
        given = set(inspect.signature(type(layer).__init__).parameters) - {"self", "kwargs", "units", "energy"}
        same = {name for name in given if plain[name] == config[name]}
        assert same <= {"filters", "kernel_size", "normalize", "smoothing", "sharpening", "kernel_initializer"}, same


SOURCE, TARGET = np.array([[3, 1, 4, 1, 5]]), np.array([[2, 7, 1]])


def model_of_all() -> keras.Model:
    """Every attention between two embeddings that carry masks, and a pooling of all that they found."""
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    memory = keras.layers.Embedding(9, D, mask_zero=True)(source)
    query = keras.layers.Embedding(9, D, mask_zero=True)(target)
    found = []
    for case in CASES:
        attention = make(case, "float32", build=False, name=case.replace(" ", "_"))
        found.append(attention(query, memory, return_attention_scores=True))
    together = keras.layers.Concatenate()([context for context, _ in found])
    pooled, weights = layers.AttentionPooling(A, heads=2)(together, return_attention_scores=True)
    return keras.Model([source, target], [together, pooled, weights, *(alignment for _, alignment in found)])


def test_a_model_of_them_all(tmp_path: Path) -> None:
    """Implicit masks are used and passed on; padding changes nothing; as built, predicted, cloned, and from a file."""
    model = model_of_all()
    together, pooled, weights, *alignments = model([SOURCE, TARGET])
    assert together.shape == (1, 3, D * len(CASES))
    assert {a.shape for a in alignments} == {(1, 3, 5)}
    padded = [np.array([[0, 3, 1, 4, 0, 1, 5]]), np.array([[2, 0, 7, 1, 0]])]
    model.save(tmp_path / "m.keras")
    ways: list[Any] = [model, keras.saving.load_model(tmp_path / "m.keras")]
    ways += [] if JAX else [lambda tokens: model.predict(tokens, verbose=0)]
    at, asked = [1, 2, 3, 5, 6], [0, 2, 3]
    for way in ways:
        found = [np.asarray(one) for one in way([p.astype("int32") for p in padded])]
        assert_close(found[0][:, asked], together, 1e-5)
        assert_close(found[1], pooled, 1e-5)
        assert_close(found[2][..., asked], weights, 1e-5)
        for one, expected in zip(found[3:], alignments, strict=True):
            assert_close(one[:, asked][..., at], expected, 1e-5)
            np.testing.assert_array_equal(one[..., [0, 4]], 0.0)
            np.testing.assert_array_equal(one[:, [1, 4]], 0.0)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("case", CASES)
def test_dtype_policies(case: str, policy: str, rng: np.random.Generator) -> None:
    """Context, alignment and `align` have the compute dtype, and the numbers of float64, rounded."""
    compute = policy.removeprefix("mixed_")
    layer, exact = make(case, policy), make(case)
    query, memory = queries_and_memory(rng)
    exact.set_weights([w.astype("float64") for w in layer.get_weights()])
    given = {"memory_mask": to_tensor(MEMORY_MASKS["holes"]), "query_mask": to_tensor(MASKS["holes"])}
    found = layer(query, memory, **given, return_attention_scores=True)
    prepared = layer.prepare(ops.cast(memory, compute), given["memory_mask"])
    aligned = layer.align(ops.cast(query, compute), prepared)[0]
    first, _ = layer.align(ops.cast(query[:, 0], compute), prepared)
    for one in (*found, aligned, first):
        assert keras.backend.standardize_dtype(one.dtype) == compute
    tolerance = {"float16": 1e-2, "bfloat16": 8e-2}[compute]
    expected = exact(query, memory, **given, return_attention_scores=True)
    assert_close([ops.cast(one, "float64") for one in found], list(expected), tolerance)
    assert_close(ops.cast(first, "float64"), ops.cast(aligned[:, 0], "float64"), tolerance)


@pytest.mark.parametrize("case", CASES)
def test_shapes_are_those_that_come(case: str, rng: np.random.Generator) -> None:
    query, memory = (a.astype("float32") for a in queries_and_memory(rng))
    layer = make(case, "float32")
    for given in (query, query[:, 0]):
        came = [tuple(one.shape) for one in layer(given, memory, return_attention_scores=True)]
        symbols = layer(keras.Input(given.shape[1:], batch_size=B), keras.Input((S, D)), return_attention_scores=True)
        assert [tuple(one.shape) for one in symbols] == came
        assert tuple(layer(keras.Input(given.shape[1:], batch_size=B), keras.Input((S, D))).shape) == came[0]


@pytest.mark.parametrize(("source", "time"), [(0, 2), (3, 0)], ids=["no memory", "no query"])
def test_nothing_to_read_and_nothing_to_ask(source: int, time: int) -> None:
    for case in CASES:
        found = make(case, "float32")(ops.zeros((2, time, D)), ops.zeros((2, source, D)), return_attention_scores=True)
        assert_close(list(found), [np.zeros((2, time, D)), np.zeros((2, time, source))], 0.0)
    found = layers.AttentionPooling(A)(ops.zeros((2, source, D)), return_attention_scores=True)
    assert_close(list(found), [np.zeros((2, D)), np.asarray(found[1])], 0.0)


def test_pooling_in_shapes_and_dtypes(rng: np.random.Generator) -> None:
    x = rng.standard_normal((B, T, D))
    for heads, policy in ((1, "mixed_bfloat16"), (3, "mixed_float16")):
        layer = layers.AttentionPooling(A, heads=heads, dtype=policy)
        symbols = layer(keras.Input((T, D), batch_size=B), return_attention_scores=True)
        found = layer(x, mask=to_tensor(MASKS["holes"]), return_attention_scores=True)
        assert [(tuple(s.shape), s.dtype) for s in symbols] == [
            (tuple(f.shape), keras.backend.standardize_dtype(f.dtype)) for f in found
        ]
        exact = layers.AttentionPooling(A, heads=heads, dtype="float64")
        exact.build(x.shape)
        exact.set_weights([w.astype("float64") for w in layer.get_weights()])
        expected = exact(x, mask=to_tensor(MASKS["holes"]), return_attention_scores=True)
        assert_close([ops.cast(f, "float64") for f in found], list(expected), 5e-2)


def test_the_random_words_are_threefry() -> None:
    """Known answers of Threefry-2x32 with 20 rounds, which its authors publish."""
    for counter, key, expected in [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ]:
        words = [tuple(ops.convert_to_tensor([w], dtype="uint32") for w in pair) for pair in (key, counter)]
        found = counter_noise.threefry(*words)
        assert tuple(int(np.asarray(word)[0]) for word in found) == expected


def test_noise_is_normal_and_independent() -> None:
    """Over rows, places and counters: mean 0, variance 1, tails, and no correlation with any neighbour."""
    keys = counter_noise.draw_keys(ops.zeros((40, 1)), keras.random.SeedGenerator(3))
    places, steps = ops.cast(ops.arange(50), "float32")[None], []
    for _ in range(20):
        steps.append(np.asarray(counter_noise.normal(keys, places)))
        keys = counter_noise.advance(keys)
    noise = np.stack(steps)  # (t, b, s)
    assert noise.shape == (20, 40, 50)
    far = 4.5 / np.sqrt(noise.size)
    assert abs(noise.mean()) < far
    assert abs(noise.var() - 1) < 2 * far
    assert abs((np.abs(noise) > 1.96).mean() - 0.05) < far
    for axis in range(3):
        first, second = noise.take(range(noise.shape[axis] - 1), axis), noise.take(range(1, noise.shape[axis]), axis)
        assert abs((first * second).mean()) < 1.1 * far
    assert len(np.unique(noise)) > 0.99 * noise.size


@pytest.mark.parametrize("mode", ["recursive", "parallel"])
def test_monotonic_noise(mode: str, rng: np.random.Generator) -> None:
    """In training the energies have exactly the noise that the keys say, at unmasked steps; otherwise none."""
    layer = make("monotonic parallel", mode=mode, sigmoid_noise=0.8, seed=5)
    query, memory = queries_and_memory(rng)
    keep, asked = MEMORY_MASKS["holes"], MASKS["holes"]
    masks = {"query_mask": to_tensor(asked), "memory_mask": to_tensor(keep)}
    calm = layer(query, memory, **masks, return_attention_scores=True)
    assert_close(
        list(calm), list(attended(oracle("monotonic parallel", named(layer)), query, memory, asked, keep)), 1e-10
    )
    state = np.array(layer.seed_generator.state)
    noisy = layer(query, memory, **masks, return_attention_scores=True, training=True)
    assert np.abs(np.asarray(noisy[1]) - np.asarray(calm[1])).max() > 1e-2
    again = layer(query, memory, **masks, return_attention_scores=True, training=True)
    assert np.abs(np.asarray(noisy[1]) - np.asarray(again[1])).max() > 1e-2
    layer.seed_generator.state.assign(state)
    keys = layer.initial_states(layer.prepare(to_tensor(memory), masks["memory_mask"]), training=True)[1]
    for row in range(B):
        noise = [
            counter_noise.normal(keys[row : row + 1] + to_tensor([[0.0, 0.0, float(t)]], dtype="float64"),
                                 ops.cast(ops.arange(S), "float64")[None])[0]
            for t in range(T)
        ]  # fmt: skip
        reference = oracle("monotonic parallel", named(layer), noise=0.8 * np.array(noise))
        one = slice(row, row + 1)
        expected = attended(reference, query[one], memory[one], asked[one], keep[one])
        assert_close([np.asarray(v)[one] for v in noisy], list(expected), 1e-6)


def test_monotonic_draws_anew_in_a_program(rng: np.random.Generator) -> None:
    layer = make("monotonic parallel", "float32", sigmoid_noise=1.0, seed=5)
    query, memory = (to_tensor(a.astype("float32")) for a in queries_and_memory(rng))
    if JAX:
        state = [v.value for v in layer.non_trainable_variables]
        trained = [v.value for v in layer.trainable_variables]
        one, state = layer.stateless_call(trained, state, query, memory, training=True)
        two, _ = layer.stateless_call(trained, state, query, memory, training=True)
    else:
        run = compiled(lambda q, m: layer(q, m, training=True), MODES[-1])
        one, two = run(query, memory), run(query, memory)
    assert np.abs(np.asarray(one) - np.asarray(two)).max() > 1e-3
    assert layer.count_params() == make("monotonic parallel").count_params(), "the seed is no parameter"


def test_monotonic_in_training_and_after(rng: np.random.Generator) -> None:
    """`inference_mode` holds outside of training, also for the decoder's states; training has gradients."""
    query, memory = queries_and_memory(rng)
    soft, firm = make("monotonic parallel"), make("monotonic parallel", mode="hard")
    for noise in (0.0, 1e-9):
        layer = make("monotonic parallel", inference_mode="hard", sigmoid_noise=noise)
        expected = [one(query, memory, return_attention_scores=True) for one in (soft, firm)]
        for training in (True, False):
            found = layer(query, memory, return_attention_scores=True, training=training)
            assert_close(list(found), list(expected[0 if training else 1]), 1e-7)
            prepared = layer.prepare(to_tensor(memory))
            states = layer.initial_states(prepared, training=training)
            assert_close(layer.align(to_tensor(query), prepared, states)[0], found[1], 1e-7)

    def run(query: Any) -> Any:
        return ops.sum(layer(query, memory, training=True) ** 2), ()

    assert all(np.abs(g).max() > 0 for g in gradients(run, [layer.query_kernel, layer.score_bias], [query]).variables)


def test_coverage_loss(rng: np.random.Generator) -> None:
    alignment = rng.dirichlet(np.ones(S), size=(B, T)) * MASKS["holes"][..., None]
    expected = np.zeros((B, T))
    for row, t in np.ndindex(B, T):
        for j in range(S):
            expected[row, t] += min(alignment[row, t, j], sum(alignment[row, before, j] for before in range(t)))
    found = np.asarray(layers.coverage_loss(to_tensor(alignment)))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_array_equal(found[~MASKS["holes"]], 0.0)
    assert found.max() <= 1.0


def test_training(rng: np.random.Generator) -> None:
    """`fit` with noise, and with a loss of the alignment as the page shows it; what is predicted has no noise."""
    query, memory = keras.Input((4, D)), keras.Input((6, D))
    options = {"return_attention_scores": True}
    _, covering = layers.BahdanauAttention(A, coverage=True)(query, memory, **options)
    monotonic = layers.MonotonicAttention(A, mode="recursive", inference_mode="hard", sigmoid_noise=1.0)
    context, firm = monotonic(query, memory, **options)
    target = keras.layers.Dense(2, name="target")(context)
    model = keras.Model([query, memory], [target, covering])

    def repeated(_: Any, alignment: Any) -> Any:
        return layers.coverage_loss(alignment)

    model.compile(keras.optimizers.Adam(0.1), ["mse", repeated])
    data = [rng.standard_normal((2, n, D)).astype("float32") for n in (4, 6)]
    answers = [rng.standard_normal((2, 4, 2)).astype("float32"), np.zeros((2, 4, 1), "float32")]
    before = [np.array(w) for w in monotonic.weights]
    history = model.fit(data, answers, epochs=12, verbose=0).history["loss"]
    assert history[-1] < 0.9 * history[0]
    assert all(np.abs(np.array(w) - b).max() > 1e-3 for w, b in zip(monotonic.weights, before, strict=True))
    found = np.asarray(keras.Model([query, memory], firm)(data))
    assert set(np.unique(found)) <= {0.0, 1.0}


def test_local_m_beyond_the_memory(rng: np.random.Generator) -> None:
    """The window leaves the memory behind: rows of 0, and not NaN."""
    layer = make("luong local_m")
    query, memory = rng.standard_normal((1, 6, D)), rng.standard_normal((1, 3, D))
    _, alignment = layer(query, memory, return_attention_scores=True)
    np.testing.assert_array_equal(np.asarray(alignment)[0] > 0, [
        [1, 1, 0], [1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: layers.LuongAttention("product"), "`score` must be one of dot, general"),
        (lambda: layers.LuongAttention(64), "`score` must be one of"),
        (lambda: layers.LuongAttention(scope="local"), "`scope` must be one of"),
        (lambda: layers.LuongAttention(scope="local_m", window=0), "`window` must be a positive"),
        (lambda: layers.LuongAttention(units=3), "`units` is the width of"),
        (lambda: layers.LuongAttention("concat", units=-3), "`units` must be a positive"),
        (lambda: layers.LuongAttention("concat", use_scale=True), "`use_scale`"),
        (lambda: layers.LuongAttention("dot").build((None, 3), (None, None, 4)), "as wide as the memory"),
        (lambda: layers.LuongAttention().build((None, 3), (None, 4)), "`memory`"),
        (lambda: layers.MonotonicAttention(), "`units` must be a positive"),
        (lambda: layers.MonotonicAttention(3, energy="luong"), "`units` is for energy='bahdanau'"),
        (lambda: layers.MonotonicAttention(3, energy="dot"), "`energy` must be one of"),
        (lambda: layers.MonotonicAttention(3, mode="soft"), "`mode` must be one of"),
        (lambda: layers.MonotonicAttention(3, inference_mode="soft"), "`inference_mode` must be one of"),
        (lambda: layers.MonotonicAttention(3, sigmoid_noise=-1.0), "`sigmoid_noise`"),
        (lambda: layers.MonotonicAttention(3, score_bias_init=np.nan), "`score_bias_init`"),
        (lambda: layers.MonotonicAttention(energy="luong").build((None, 3), (None, 4)), "`memory`"),
        (lambda: layers.LocationAttention(True), "`units` must be a positive"),
        (lambda: layers.LocationAttention(3, filters=0), "`filters` must be a positive"),
        (lambda: layers.LocationAttention(3, kernel_size=4), "`kernel_size` must be odd"),
        (lambda: layers.LocationAttention(3, sharpening=0.0), "`sharpening`"),
        (lambda: layers.AttentionPooling(0), "`units` must be a positive"),
        (lambda: layers.AttentionPooling(3, heads=1.0), "`heads` must be a positive"),
        (lambda: layers.AttentionPooling(3)(np.zeros((2, 3), "float32")), "`inputs` must be"),
        (lambda: layers.BahdanauAttention(2.0), "`units` must be a positive"),
    ],
)
def test_refusals(make: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()
