"""Attention and its decoder in models: masks, files, steps, dtypes, refusals."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from backend import JAX, MODES, compiled, gradients, to_tensor
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from layer_cases import KERAS_KINDS, B, D, T, U, assert_close, flat, initial, inputs, make_cell, random_weights

from kerasrnn import layers

pytestmark = pytest.mark.usefixtures("fresh_keras")

S, M, A = 6, 5, 4


def decoder(kind: str = "gru", **options: Any) -> Any:
    dtype = options.pop("dtype", "float32")
    options = {"return_state": True, "return_alignment": True, **options}
    attention = layers.BahdanauAttention(A, dtype=dtype)
    return layers.AttentionDecoder(make_cell(layers, kind, dtype=dtype), attention, dtype=dtype, **options)


def translation_model(kind: str) -> keras.Model:
    """Tokens in; an encoder, a decoder that attends to it, and a layer that reads the mask of the decoder's output."""
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    embed = keras.layers.Embedding(9, D, mask_zero=True)
    memory = layers.Bidirectional(layers.GRU(3, return_sequences=True))(embed(source))
    start = keras.layers.Dense(U, activation="tanh")(keras.layers.GlobalAveragePooling1D()(memory))
    states = [start for _ in initial(kind, np.random.default_rng(0))]
    output, *_, alignment = decoder(kind, name="decoder")(embed(target), memory, initial_state=states)
    return keras.Model([source, target], [keras.layers.Dense(9)(output), alignment, layers.GRU(2)(output)])


SOURCE, TARGET = np.array([[3, 1, 4, 1, 5]]), np.array([[2, 7, 1]])


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_model_with_masks_everywhere(kind: str, tmp_path: Path) -> None:
    """Padding of source and target changes nothing, in every form in which Keras may run the model."""
    model = translation_model(kind)
    logits, alignment, read = model([SOURCE, TARGET])
    assert alignment.shape == (1, 3, 5)
    padded = np.array([[0, 3, 1, 4, 1, 5, 0]]), np.array([[2, 7, 1, 0]])
    model.save(tmp_path / "m.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    ways: dict[str, Any] = {
        "functional": model,
        "predict": lambda x: model.predict(x, verbose=0),
        "clone": clone,
        "file": keras.saving.load_model(tmp_path / "m.keras"),
    }
    for mode in MODES[1:]:
        way = compiled(lambda *tokens: model(list(tokens)), mode, [((None, None), "int32")] * 2)
        ways[mode] = lambda x, way=way: way(*map(to_tensor, x))
    for run in ways.values():
        actual = run([p.astype("int32") for p in padded])
        assert_close(actual[0][:, :3], logits, 1e-5)
        assert_close(actual[2], read, 1e-5)
        assert_close(np.asarray(actual[1])[:, :3, 1:6], alignment, 1e-5)
        np.testing.assert_array_equal(np.asarray(actual[1])[..., [0, 6]], 0.0)
        np.testing.assert_array_equal(np.asarray(actual[1])[:, 3], 0.0)


def test_a_model_trains() -> None:
    model = translation_model("lstm")
    head = keras.Model(model.inputs, model.outputs[0])
    head.compile(keras.optimizers.Adam(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = head.fit([SOURCE, TARGET], np.array([[7, 1, 2]]), epochs=16, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]


@pytest.mark.parametrize("kind", ["lstm", "gru_v3"] if JAX else KERAS_KINDS)
def test_step_equals_scan(kind: str, rng: np.random.Generator) -> None:
    """Decoding one token at a time gives the numbers of teacher forcing, alignments and gates among them."""
    layer = decoder(kind, dtype="float64")
    x, memory, states = inputs(rng), rng.standard_normal((B, S, M)), initial(kind, rng)
    keep = rng.random((B, S)) < 0.7
    layer.build(x.shape, memory.shape)
    random_weights(layer, rng)
    outputs, *final, alignment = layer(x, memory, initial_state=states, memory_mask=to_tensor(keep))
    traced = layer.trace(x, memory, initial_state=states, memory_mask=to_tensor(keep))
    prepared = layer.prepare(to_tensor(memory), to_tensor(keep))
    now: Any = layer.first_states(prepared, [to_tensor(s) for s in states])
    for t in range(T):
        _, _, gates = layer.traced_step(to_tensor(x[:, t]), now, prepared)
        output, now, weights = layer.step(to_tensor(x[:, t]), now, prepared)
        assert_close(output, outputs[:, t], 1e-12)
        assert_close(weights, alignment[:, t], 1e-12)
        assert_close(gates, {name: value[:, t] for name, value in traced.items()}, 1e-12)
    assert_close(list(now)[: len(final)], final, 1e-12)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_dtype_policies(policy: str, rng: np.random.Generator) -> None:
    """Outputs have the compute dtype, also from `step`, and the numbers are those of float64, rounded."""
    layer, exact = decoder("lstm", dtype=policy), decoder("lstm", dtype="float64")
    x, memory = inputs(rng), rng.standard_normal((B, S, M))
    for one in (layer, exact):
        one.build(x.shape, memory.shape)
    exact.set_weights([w.astype("float64") for w in layer.get_weights()])
    compute = keras.dtype_policies.get(policy).compute_dtype
    actual = layer(x, memory)
    prepared = layer.prepare(keras.ops.cast(memory, compute))
    stepped = layer.step(keras.ops.cast(x[:, 0], compute), layer.first_states(prepared), prepared)
    traced = layer.trace(x, memory)
    for value in keras.tree.flatten((actual, stepped, traced)):
        assert keras.backend.standardize_dtype(value.dtype) == compute
    tolerance = {"float64": 1e-12, "float16": 5e-3, "bfloat16": 4e-2}[compute]
    assert_close([keras.ops.cast(v, "float64") for v in actual], list(exact(x, memory)), tolerance)
    assert_close(keras.ops.cast(stepped[0], "float64"), keras.ops.cast(actual[0][:, 0], "float64"), tolerance)


@pytest.mark.parametrize("garbage", [np.nan, np.inf, 1e30])
def test_what_is_masked_is_not_read(garbage: float, rng: np.random.Generator) -> None:
    """NaN in masked memory or masked target steps reaches no output and no gradient."""
    layer = decoder("gru", dtype="float64")
    x, memory = inputs(rng), rng.standard_normal((B, S, M))
    mask = np.array([[1, 1, 1, 1, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], dtype=bool)
    keep = np.array([[1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0, 1]], dtype=bool)
    layer.build(x.shape, memory.shape)
    random_weights(layer, rng)
    found = []
    for fill in (0.0, garbage):
        sources = [np.where(mask[..., None], x, fill), np.where(keep[..., None], memory, fill)]
        masks = {"mask": to_tensor(mask), "memory_mask": to_tensor(keep)}

        def run(*sources: Any, masks: Any = masks) -> Any:
            outputs = layer(*sources, **masks)
            return sum(ops.sum(o**2) for o in outputs), outputs

        one = gradients(run, layer.trainable_variables, sources)
        traced = layer.trace(*map(to_tensor, sources), **masks)
        found.append([*flat(one.results), *one.sources, *one.variables, *flat(traced)])
    assert all(np.isfinite(v).all() for v in found[1])
    assert_close(found[1], found[0], 0.0)


@pytest.mark.parametrize("sequences", [True, False])
def test_no_time_steps(sequences: bool, rng: np.random.Generator) -> None:
    layer = decoder("lstm", return_sequences=sequences)
    memory, states = rng.standard_normal((B, S, M)).astype("float32"), initial("lstm", rng)
    states = [s.astype("float32") for s in states]

    def run(x: Any) -> Any:
        return layer(x, memory, initial_state=states)

    for mode in MODES[:2]:
        output, *final, alignment = compiled(run, mode, [((None, None, D), "float32")])(ops.zeros((B, 0, D)))
        assert_close(output, np.zeros((B, 0, U + M) if sequences else (B, U + M)), 0.0)
        assert_close(final, states, 0.0)
        assert alignment.shape == (B, 0, S)
    assert {v.shape[:2] for v in layer.trace(ops.zeros((B, 0, D)), memory).values()} == {(B, 0)}


@given(
    seed=st.integers(0, 999),
    scale=st.sampled_from([1e-3, 1.0, 30.0, 1e5]),
    rows=st.integers(1, 3),
    source=st.integers(1, 7),
    dtype=st.sampled_from(["float32", "float64"]),
)
@settings(max_examples=3 if JAX else settings.default.max_examples)  # JAX compiles for every shape
def test_rows_of_the_alignment_sum_to_one_or_zero(seed: int, scale: float, rows: int, source: int, dtype: str) -> None:
    rng = np.random.default_rng(seed)
    layer = layers.BahdanauAttention(A, dtype=dtype)
    query, memory = rng.standard_normal((rows, 2, D)), rng.standard_normal((rows, source, M))
    keep = rng.random((rows, source)) < 0.5
    layer.build(query.shape, memory.shape)
    random_weights(layer, rng, scale)
    context, alignment = layer(query, memory, memory_mask=to_tensor(keep), return_attention_scores=True)
    alignment = np.asarray(alignment)
    np.testing.assert_allclose(alignment.sum(-1), np.repeat(keep.any(-1, keepdims=True), 2, 1).astype(float), atol=1e-5)
    assert (alignment >= 0.0).all()
    np.testing.assert_array_equal(alignment[np.repeat(~keep[:, None], 2, 1)], 0.0)
    np.testing.assert_allclose(context, np.einsum("bts,bsm->btm", alignment, memory), atol=1e-5)


def test_attention_takes_the_masks_of_its_inputs(rng: np.random.Generator) -> None:
    """The memory's implicit mask is read, and the query's is passed on."""
    query, memory = keras.Input((None, D)), keras.Input((None, M))
    context, alignment = layers.BahdanauAttention(A)(
        keras.layers.Masking(9.0)(query), keras.layers.Masking(9.0)(memory), return_attention_scores=True
    )
    model = keras.Model([query, memory], [context, alignment, layers.GRU(2)(context)])
    q, m = rng.standard_normal((B, 3, D)).astype("float32"), rng.standard_normal((B, 4, M)).astype("float32")
    expected = model([q, m])
    long = [np.pad(a, [(0, 0), (0, 2), (0, 0)], constant_values=9.0) for a in (q, m)]
    actual = model(long)
    assert_close([actual[0][:, :3], actual[1][:, :3, :4], actual[2]], expected, 1e-6)
    np.testing.assert_array_equal(actual[1][:, 3:], 0.0)
    np.testing.assert_array_equal(actual[1][..., 4:], 0.0)


def through_json(layer: Any) -> Any:
    return keras.layers.deserialize(json.loads(json.dumps(keras.layers.serialize(layer))))


def test_configurations_come_back() -> None:
    attention = layers.BahdanauAttention(
        A, use_bias=True, kernel_initializer="he_normal", bias_initializer="ones", name="kept", dtype="float16"
    )
    again = through_json(attention)
    assert type(again) is layers.BahdanauAttention
    assert again.get_config() == attention.get_config()
    plain = layers.BahdanauAttention(2).get_config()
    for name in ("units", "use_bias", "kernel_initializer", "bias_initializer", "name", "dtype"):
        assert again.get_config()[name] != plain[name]
    for module in (layers, keras.layers):
        layer = layers.AttentionDecoder(
            module.LSTMCell(U, dropout=0.5),
            attention,
            return_sequences=False,
            return_state=True,
            return_alignment=True,
            name="x",
        )
        other = through_json(layer)
        assert other.get_config() == layer.get_config()
        assert (type(other.cell), other.cell.units, other.cell.dropout) == (module.LSTMCell, U, 0.5)
        assert other.attention.units == A
        assert (other.return_sequences, other.return_state, other.return_alignment) == (False, True, True)


@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("state", [True] if JAX else [True, False])
@pytest.mark.parametrize("alignment", [True] if JAX else [True, False])
def test_output_shapes_are_those_that_come(
    sequences: bool, state: bool, alignment: bool, rng: np.random.Generator
) -> None:
    layer = decoder("lstm", return_sequences=sequences, return_state=state, return_alignment=alignment)
    x, memory = inputs(rng).astype("float32"), rng.standard_normal((B, S, M)).astype("float32")
    came = keras.tree.map_structure(lambda v: tuple(v.shape), layer(x, memory))
    assert keras.tree.map_shape_structure(tuple, layer.compute_output_shape(x.shape, memory.shape)) == came
    symbolic = layer(keras.Input((None, D)), keras.Input((None, M)))
    expected = keras.tree.map_shape_structure(tuple, layer.compute_output_shape((None, None, D), (None, None, M)))
    assert keras.tree.map_structure(lambda v: tuple(v.shape), symbolic) == expected


def test_a_cell_whose_activation_has_weights_learns(rng: np.random.Generator) -> None:
    """Within a graph, where the loops of other cells are compiled."""
    cell = layers.LSTMCell(U, activation=keras.layers.PReLU("ones"))
    layer = layers.AttentionDecoder(cell, layers.BahdanauAttention(A))
    x, memory = inputs(rng).astype("float32"), rng.standard_normal((B, S, M)).astype("float32")
    layer(x, memory)
    found = gradients(
        lambda x, memory: (keras.ops.sum(layer(x, memory)), ()), layer.trainable_variables, [x, memory], "graph"
    )
    alpha = next(i for i, each in enumerate(layer.trainable_variables) if each.path.endswith("alpha"))
    assert np.abs(found.variables[alpha]).max() > 1e-3


def test_dropout_in_the_decoder(rng: np.random.Generator) -> None:
    """Active only in training, never in `trace` or `step`, and the same mask at every step."""
    layer = layers.AttentionDecoder(
        layers.GRUCell(U, dropout=0.5, recurrent_dropout=0.5, seed=1), layers.BahdanauAttention(A)
    )
    x, memory = inputs(rng).astype("float32"), rng.standard_normal((B, S, M)).astype("float32")
    calm = layer(x, memory)
    assert_close(layer(x, memory), calm, 0.0)
    assert np.abs(layer(x, memory, training=True) - calm).max() > 1e-3
    traced = layer.trace(x, memory)
    assert_close(traced["hidden"], calm[..., :U], 1e-6)
    still = np.repeat(x[:, :1], 50, axis=1)
    frozen = layers.AttentionDecoder(layers.SimpleRNNCell(U, dropout=0.5, seed=1), layers.BahdanauAttention(A))
    frozen.build(still.shape, memory.shape)
    frozen.cell.recurrent_kernel.assign(np.zeros((U, U)))
    frozen.attention.query_kernel.assign(np.zeros((U, A)))
    outputs = np.asarray(frozen(still, memory, training=True))
    assert_close(outputs, np.repeat(outputs[:, :1], 50, axis=1), 1e-6)


def test_refusals(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="units"):
        layers.BahdanauAttention(0)
    with pytest.raises(ValueError, match="units"):
        layers.BahdanauAttention("4")
    with pytest.raises(ValueError, match="memory"):
        layers.BahdanauAttention(A)(np.zeros((B, T, D), "float32"), np.zeros((B, M), "float32"))
    for option in ("go_backwards", "stateful", "unroll", "zero_output_for_mask"):
        with pytest.raises(ValueError, match=option):
            layers.AttentionDecoder(layers.GRUCell(U), layers.BahdanauAttention(A), **{option: True})
    with pytest.raises(ValueError, match="initial_state"):
        decoder("lstm")(inputs(rng), rng.standard_normal((B, S, M)), initial_state=initial("gru", rng))
