"""`capture_attention` against NumPy, on attention layers of Keras and of this package."""

from typing import Any

import keras
import numpy as np
import numpy_attention
import numpy_cells
import pytest
from capture_cases import oracle, randomised, softmax
from keras import layers as kl
from numpy_cells import Array

import kerasrnn.layers as ours
from kerasrnn.viz import Capture, capture_attention

pytestmark = pytest.mark.usefixtures("float64")
B, T, S, D = 2, 4, 5, 3
QUERY = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)
SOURCE = np.array([[1, 1, 1, 1, 1], [0, 1, 1, 1, 0]], bool)


def dot(scores: Array, source: Array | None = None) -> Array:
    """Softmax over the source steps that are valid."""
    if source is not None:
        scores = np.where(source.reshape(B, *[1] * (scores.ndim - 2), S), scores, -np.inf)
    return softmax(scores)


def two_sequences(attend: Any, masked: bool) -> tuple[Any, list[Array]]:
    """A model of two sequences, masked where their first value is zero."""
    inputs = [keras.Input((T, D), name="query"), keras.Input((S, D), name="value")]
    both = [kl.Masking()(x) for x in inputs] if masked else inputs
    return keras.Model(inputs, attend(*both)), inputs


def values(rng: np.random.Generator, masked: bool) -> list[Array]:
    q, v = rng.standard_normal((B, T, D)), rng.standard_normal((B, S, D))
    return [np.where(QUERY[..., None], q, 0), np.where(SOURCE[..., None], v, 0)] if masked else [q, v]


def check(capture: Capture, key: str, expected: Array, masked: bool) -> None:
    assert list(capture.arrays) == [key]
    keep = QUERY if masked else np.ones_like(QUERY)
    np.testing.assert_array_equal(capture.mask, keep)
    np.testing.assert_array_equal(capture.source_mask, SOURCE if masked else np.ones_like(SOURCE))
    found = capture.arrays[key]
    if found.ndim == 4:
        found, expected = np.moveaxis(found, 1, 2), np.moveaxis(expected, 1, 2)
    np.testing.assert_allclose(found[keep], expected[keep], rtol=0, atol=1e-8)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_keras_attention(rng: np.random.Generator, masked: bool) -> None:
    layer = kl.Attention(use_scale=True, name="look")
    model, _ = two_sequences(lambda q, v: layer([q, v]), masked)
    randomised(model, rng)
    q, v = values(rng, masked)
    scores = float(layer.get_weights()[0]) * q @ v.transpose(0, 2, 1)
    check(capture_attention(model, [q, v]), "look/alignment", dot(scores, SOURCE if masked else None), masked)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_keras_additive_attention(rng: np.random.Generator, masked: bool) -> None:
    layer = kl.AdditiveAttention(name="look")
    model, _ = two_sequences(lambda q, v: layer([q, v]), masked)
    randomised(model, rng)
    q, v = values(rng, masked)
    scores = (layer.get_weights()[0] * np.tanh(q[:, :, None] + v[:, None])).sum(-1)
    check(capture_attention(model, [q, v]), "look/alignment", dot(scores, SOURCE if masked else None), masked)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_keras_multi_head_attention(rng: np.random.Generator, masked: bool) -> None:
    layer = kl.MultiHeadAttention(num_heads=2, key_dim=4, name="look")
    model, _ = two_sequences(lambda q, v: layer(q, v), masked)
    randomised(model, rng)
    q, v = values(rng, masked)
    kernels = {w.path.split("/")[-2] + "/" + w.name: np.array(w) for w in layer.weights}
    queries = np.einsum("btd,dnk->bntk", q, kernels["query/kernel"]) + kernels["query/bias"][:, None]
    keys = np.einsum("bsd,dnk->bnsk", v, kernels["key/kernel"]) + kernels["key/bias"][:, None]
    scores = queries @ keys.transpose(0, 1, 3, 2) / 2.0
    before = np.array(model([q, v]))
    capture = capture_attention(model, [q, v])
    check(capture, "look/alignment", dot(scores, SOURCE if masked else None), masked)
    assert capture.arrays["look/alignment"].shape == (B, 2, T, S)
    np.testing.assert_array_equal(model([q, v]), before)


def test_masked_queries_of_multi_head_attention_are_what_they_were(rng: np.random.Generator) -> None:
    """Asked for its scores, Keras' layer takes another path, which gives other numbers there, and drops the masks."""
    layer, sibling = kl.MultiHeadAttention(num_heads=2, key_dim=4, name="look"), kl.Attention(name="sibling")

    def attend(q: Any, v: Any) -> Any:
        return keras.ops.sum(layer(q, v), axis=1) + keras.ops.sum(sibling([q, v]), axis=1)

    model, _ = two_sequences(attend, True)
    randomised(model, rng)
    q, v = values(rng, True)
    for name in ("look", "sibling"):
        assert capture_attention(model, [q, v], layer=name).arrays[f"{name}/alignment"].shape[-2:] == (T, S)


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_bahdanau_attention(rng: np.random.Generator, masked: bool) -> None:
    layer = ours.BahdanauAttention(6, name="look")
    model, _ = two_sequences(lambda q, v: layer(q, v), masked)
    randomised(model, rng)
    q, v = values(rng, masked)
    w_query, w_memory, score = layer.get_weights()
    expected = np.zeros((B, T, S))
    for row in range(B):
        for step in range(T):
            keep = SOURCE[row] if masked else None
            expected[row, step] = numpy_cells.bahdanau(q[row, step], v[row], w_query, w_memory, score, keep=keep)[1]
    check(capture_attention(model, [q, v]), "look/alignment", expected, masked)


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_attention_pooling(rng: np.random.Generator, masked: bool, heads: int) -> None:
    """A pooling layer's heads are its queries, and what is masked is known as such."""
    inputs = keras.Input((S, D))
    layer = ours.AttentionPooling(6, heads=heads, name="look")
    model = keras.Model(inputs, layer(kl.Masking()(inputs) if masked else inputs))
    randomised(model, rng)
    x = values(rng, masked)[1]
    capture = capture_attention(model, x)
    weights = {w.name: np.array(w) for w in layer.weights}
    expected = numpy_attention.pooled(weights, x, SOURCE if masked else None)[1]
    np.testing.assert_allclose(capture.arrays["look/alignment"], expected, atol=1e-12)
    np.testing.assert_array_equal(capture.source_mask, SOURCE if masked else np.ones_like(SOURCE))
    assert capture.mask.all()


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_attention_that_remembers(rng: np.random.Generator, masked: bool) -> None:
    layer = ours.LocationAttention(6, filters=2, kernel_size=3, name="look")
    model, _ = two_sequences(lambda q, v: layer(q, v), masked)
    randomised(model, rng)
    q, v = values(rng, masked)
    reference = numpy_attention.location({w.name: np.array(w) for w in layer.weights}, kernel_size=3)
    masks = (QUERY, SOURCE) if masked else (None, None)
    check(
        capture_attention(model, [q, v]),
        "look/alignment",
        numpy_attention.attended(reference, q, v, *masks)[1],
        masked,
    )


def test_a_scored_layer_that_already_returns_scores(rng: np.random.Generator) -> None:
    layer = kl.Attention(name="look")
    model, _ = two_sequences(lambda q, v: layer([q, v], return_attention_scores=True), False)
    q, v = values(rng, False)
    capture = capture_attention(model, [q, v])
    np.testing.assert_allclose(capture.arrays["look/alignment"], model([q, v])[1], atol=1e-12)


@pytest.mark.parametrize("alignment_out", [False, True])
def test_attending_decoder(rng: np.random.Generator, alignment_out: bool) -> None:
    decoder = ours.AttentionDecoder(
        ours.GRUCell(6), ours.BahdanauAttention(4), return_alignment=alignment_out, name="decoder"
    )
    model, _ = two_sequences(lambda q, v: decoder(q, v), True)
    randomised(model, rng)
    q, v = values(rng, True)
    kind, step = oracle(decoder)
    weights = decoder.attention.get_weights()

    def attend(state: Array, memory: Array, keep: Array) -> tuple[Array, Array]:
        return numpy_cells.bahdanau(state, memory, *weights, keep=keep)

    result = numpy_cells.attention_decoder(kind, step, q, [np.zeros((B, 6))], v, attend, SOURCE, QUERY)
    capture = capture_attention(model, [q, v], tokens=[list("abcd"), list("xy")], source_tokens=[list("12345")] * 2)
    check(capture, "decoder/alignment", result.alignment, True)
    assert not capture.arrays["decoder/alignment"][~QUERY].any()
    assert capture.note == "layer decoder, the first to run"
    assert capture.tokens == [list("abcd"), ["x", "y", "", ""]]
    assert capture.source_tokens == [list("12345")] * 2


@keras.saving.register_keras_serializable("tests")
class AttendingCell(keras.Layer):
    """A cell of somebody else's that calls an attention layer at every step, over a memory that it holds."""

    state_size = D

    def __init__(self, memory: Array) -> None:
        super().__init__()
        self.memory = keras.ops.convert_to_tensor(memory)
        self.look = kl.Attention(name="look")

    def build(self, shape: Any) -> None:
        self.look.build([(None, 1, D), (None, S, D)])

    def call(self, x: Any, states: Any) -> Any:
        context = self.look([states[0][:, None], self.memory])[:, 0]
        h = keras.ops.tanh(x + context)
        return h, [h]


@pytest.mark.parametrize("backwards", [False, True])
def test_attention_inside_a_cell_gives_one_alignment(rng: np.random.Generator, backwards: bool) -> None:
    x, memory = values(rng, True)
    cell = AttendingCell(memory)
    inputs = keras.Input((T, D))
    model = keras.Model(inputs, kl.RNN(cell, return_sequences=True, go_backwards=backwards)(kl.Masking()(inputs)))
    h, expected = np.zeros((B, D)), np.zeros((B, T, S))
    for step in range(T)[::-1] if backwards else range(T):
        weights = softmax(np.einsum("bd,bsd->bs", h, memory))
        new = np.tanh(x[:, step] + np.einsum("bs,bsd->bd", weights, memory))
        expected[:, step] = np.where(QUERY[:, step, None], weights, 0)
        h = np.where(QUERY[:, step, None], new, h)
    capture = capture_attention(model, x)
    np.testing.assert_allclose(capture.arrays["look/alignment"], expected, atol=1e-8)
    np.testing.assert_array_equal(capture.mask, QUERY)


def test_a_shared_attention_layer_and_a_sibling_of_multi_head_attention(rng: np.random.Generator) -> None:
    heads, shared = kl.MultiHeadAttention(2, 3, name="heads"), kl.Attention(name="shared")

    def attend(q: Any, v: Any) -> Any:
        return kl.concatenate([heads(q, v), shared([q, v]), shared([v, q])[:, :T]])

    model, _ = two_sequences(attend, True)
    randomised(model, rng)
    q, v = values(rng, True)
    second = capture_attention(model, [q, v], layer="shared#2")
    assert second.arrays["shared#2/alignment"].shape == (B, S, T)
    assert "call 2 of 2 (another: shared#1)" in second.note
    by_default = capture_attention(model, [q, v])
    others = {"heads": "shared", "shared": "heads"}[by_default.layer]
    assert by_default.note.startswith(f"layer {by_default.layer}, the first to run (others: {others})")


def test_errors(rng: np.random.Generator) -> None:
    model = keras.Sequential([keras.Input((T, D)), kl.LSTM(2, name="rnn")], name="plain")
    with pytest.raises(ValueError, match="expected one with an attention layer, received 'plain' whose layers are rnn"):
        capture_attention(model, np.ones((B, T, D)))
    attending, _ = two_sequences(lambda q, v: kl.Attention(name="look")([q, v]), False)
    with pytest.raises(ValueError, match="one of look; received 'loook'"):
        capture_attention(attending, values(rng, False), layer="loook")
    with pytest.raises(ValueError, match="source_tokens: expected at most 5 tokens"):
        capture_attention(attending, values(rng, False), source_tokens=[list("abcdef")] * 2)


@keras.saving.register_keras_serializable("tests")
class TwoFaced(kl.Attention):
    """A layer that does something else when asked for its scores."""

    def call(self, inputs: Any, mask: Any = None, return_attention_scores: bool = False, **options: Any) -> Any:
        output, scores = super().call(inputs, mask=mask, return_attention_scores=True)
        return (output, scores) if return_attention_scores else 2 * output


def test_scores_that_are_not_the_layers_own_are_refused(rng: np.random.Generator) -> None:
    model, _ = two_sequences(lambda q, v: TwoFaced(name="two")([q, v]), False)
    with pytest.raises(RuntimeError, match="layer 'two': its output differs by"):
        capture_attention(model, values(rng, False))


def test_a_model_made_of_a_list_of_one_input(rng: np.random.Generator) -> None:
    """Keras warns where the structure of what it is given is another; warnings are errors here."""
    x = keras.Input((T, D))
    model = randomised(keras.Model([x], kl.Attention(name="look")([x, x])), rng)
    values = rng.standard_normal((B, T, D))
    for given in (values, [values]):
        check = capture_attention(model, given).arrays["look/alignment"]
        np.testing.assert_allclose(check, dot(values @ values.transpose(0, 2, 1)), atol=1e-9)
