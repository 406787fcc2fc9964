"""`capture_faithfulness` against central differences and against permutations applied by hand."""

from typing import Any

import keras
import numpy as np
import pytest
from capture_cases import randomised, softmax
from keras import layers as kl
from numpy_cells import Array
from scipy import stats  # comes with seqeval

import kerasrnn.layers as ours
from kerasrnn.viz import capture_faithfulness

pytestmark = [pytest.mark.usefixtures("float64"), pytest.mark.tensorflow]
B, T, S, D, V = 2, 3, 4, 2, 3


def two_inputs(attend: Any, rng: np.random.Generator) -> tuple[Any, list[Array]]:
    q, v = keras.Input((T, D), name="query"), keras.Input((S, D), name="value")
    memory = ours.GRU(D, return_sequences=True, name="reader")(kl.Masking()(v))
    model = keras.Model([q, v], kl.Dense(V, "softmax", name="tags")(attend(q, memory)))
    x = [rng.standard_normal((B, T, D)), rng.standard_normal((B, S, D))]
    x[1][1, 3] = 0  # padding
    return randomised(model, rng), x


def differences(model: Any, q: Array, v: Array, step: int) -> Array:
    """(b, s): the norm of the gradient of log p of the choice at a step, by central differences."""
    chosen = np.array(model([q, v]))[:, step].argmax(axis=-1)
    found = np.zeros((B, S, D))
    for place in np.ndindex(S, D):
        both = []
        for sign in (1, -1):
            moved = v.copy()
            moved[:, *place] += sign * 1e-5
            both.append(np.log(np.array(model([q, moved]))[np.arange(B), step, chosen]))
        found[:, *place] = (both[0] - both[1]) / 2e-5
    return np.sqrt((found**2).sum(axis=-1))


@pytest.mark.parametrize("kind", ["keras", "decoder"])
def test_influence_is_the_gradient(rng: np.random.Generator, kind: str) -> None:
    def decoder(q: Any, v: Any) -> Any:
        return ours.AttentionDecoder(ours.LSTMCell(4), ours.BahdanauAttention(5), name="look")(q, v)

    model, (q, v) = two_inputs(decoder if kind == "decoder" else lambda q, v: kl.Attention(name="look")([q, v]), rng)
    v[1, 3] = 0.0
    capture = capture_faithfulness(model, [q, v], permutations=2)
    for step in range(T):
        expected = differences(model, q, v, step)
        expected[1, 3] = 0  # a step that stays masked; to move it would unmask it
        np.testing.assert_allclose(capture.arrays["look/influence"][:, step], expected, atol=1e-6)
    alignment, influence = capture.arrays["look/alignment"], capture.arrays["look/influence"]
    for row, count in ((0, 4), (1, 3)):
        for step in range(T):
            expected = stats.kendalltau(alignment[row, step, :count], influence[row, step, :count]).statistic
            assert capture.arrays["look/tau"][row, step] == pytest.approx(expected)


def test_embedded_ids_and_embeddings_given_are_the_same(rng: np.random.Generator) -> None:
    ids = keras.Input((S,), dtype="int32")
    words, places = kl.Embedding(9, D, name="words"), kl.Embedding(9, D, name="more")
    layers = [kl.SimpleRNN(3, return_sequences=True), kl.Attention(name="look"), kl.Dense(V, "softmax")]

    def head(x: Any) -> Any:
        hidden = layers[0](x)
        return layers[2](layers[1]([hidden, hidden]))

    model = randomised(keras.Model(ids, head(words(ids) + places(ids))), rng)
    given = keras.Input((S, D))
    same = keras.Model(given, head(given))
    x = rng.integers(0, 9, (B, S))
    embedded = words.get_weights()[0][x] + places.get_weights()[0][x]
    by_ids = capture_faithfulness(model, x, permutations=1).arrays["look/influence"]
    by_given = capture_faithfulness(same, embedded, permutations=1).arrays["look/influence"]
    np.testing.assert_allclose(by_ids, np.sqrt(2) * by_given, atol=1e-9)  # two embeddings, each with that gradient
    assert by_given.min() > 0


def test_variation_is_that_of_the_permuted_row(rng: np.random.Generator) -> None:
    """Of every permutation there are few here: those found are among them, and all of them turn up."""
    from itertools import permutations

    model, (q, v) = two_inputs(lambda q, v: kl.Attention(name="look")([q, v]), rng)
    capture = capture_faithfulness(model, [q, v], permutations=150, seed=3)
    alignment, found = capture.arrays["look/alignment"], capture.arrays["look/variation"]
    memory = np.array(keras.Model(model.inputs, model.get_layer("reader").output)([q, v]))
    kernel, bias = model.get_layer("tags").get_weights()
    for row, count in ((0, 4), (1, 3)):
        for step in range(T):
            weights = alignment[row, step, :count]
            p = softmax(weights @ memory[row, :count] @ kernel + bias)
            orders = [list(order) for order in permutations(range(count))]
            all_p = [softmax(weights[order] @ memory[row, :count] @ kernel + bias) for order in orders]
            possible = np.sort([0.5 * np.abs(p - other).sum() for other in all_p])
            nearest = np.abs(found[row, step][:, None] - possible[None])
            assert nearest.min(axis=1).max() < 1e-9, "a distance that no permutation has"
            assert nearest.min(axis=0).max() < 1e-9, "a permutation that never comes"


def test_the_other_rows_stay_as_they_are(rng: np.random.Generator) -> None:
    """Behind the attention a layer that remembers: p_i depends on earlier rows, none of which may be permuted."""
    from itertools import permutations

    q, v = keras.Input((T, D), name="query"), keras.Input((S, D), name="value")
    top = kl.SimpleRNN(3, return_sequences=True, name="top")
    hidden = top(kl.Attention(name="look")([q, v]))
    model = randomised(keras.Model([q, v], kl.Dense(V, "softmax", name="tags")(hidden)), rng, scale=1.5)
    x = [3 * rng.standard_normal((1, T, D)), rng.standard_normal((1, S, D))]
    capture = capture_faithfulness(model, x, permutations=20)
    alignment, found = capture.arrays["look/alignment"][0], capture.arrays["look/variation"][0]
    (kernel, recurrent, bias), (w, b) = top.get_weights(), model.get_layer("tags").get_weights()

    def chances(weights: Array, step: int) -> Array:
        h = np.zeros(3)
        for row in weights[: step + 1]:
            h = np.tanh(row @ x[1][0] @ kernel + h @ recurrent + bias)
        return softmax(h @ w + b)

    for step in range(T):
        changed = [np.where(np.arange(T)[:, None] == step, alignment[:, list(order)], alignment)
                   for order in permutations(range(S))]  # fmt: skip
        plain = chances(alignment, step)
        possible = np.array([0.5 * np.abs(plain - chances(each, step)).sum() for each in changed])
        assert np.abs(found[step][:, None] - possible[None]).min(axis=1).max() < 1e-9
        assert found[step].max() > 1e-3


def test_a_decoder_changes_only_the_row_that_is_permuted(rng: np.random.Generator) -> None:
    """By hand: the alignment of one step replaced inside the decoder, one permutation at a time."""
    model, (q, v) = two_inputs(
        lambda q, v: ours.AttentionDecoder(ours.GRUCell(4), ours.BahdanauAttention(5), name="look")(q, v), rng
    )
    capture = capture_faithfulness(model, [q, v], permutations=3, seed=1)
    alignment, found = capture.arrays["look/alignment"], capture.arrays["look/variation"]
    decoder, reader = model.get_layer("look"), model.get_layer("reader")
    memory = np.array(keras.Model(model.inputs, reader.output)([q, v]))
    kernel, bias = model.get_layer("tags").get_weights()
    rng = np.random.default_rng(1)
    orders = {(row, step, k): None for row in range(B) for step in range(T) for k in range(3)}
    for row, step, k in orders:
        valid = np.arange(4 if row == 0 else 3)
        orders[row, step, k] = np.append(rng.permutation(valid), [3] * (row == 1)).astype(int)
    for (row, step, k), order in orders.items():
        prepared = decoder.prepare(memory[row : row + 1], np.array([[True] * 3 + [row == 0]]))
        states = decoder.first_states(prepared)
        for now in range(step + 1):
            before = states
            output, states, own = decoder.step(keras.ops.convert_to_tensor(q[row : row + 1, now]), states, prepared)
        np.testing.assert_allclose(np.array(own)[0], alignment[row, step], atol=1e-9)
        context = alignment[row, step][order] @ memory[row]
        joined = np.concatenate([q[row, step], context])[None]
        hidden, _ = decoder.cell(keras.ops.convert_to_tensor(joined), [before[0]])
        p = softmax(np.concatenate([np.array(hidden)[0], context]) @ kernel + bias)
        plain = softmax(np.array(output)[0] @ kernel + bias)
        assert found[row, step, k] == pytest.approx(0.5 * np.abs(p - plain).sum(), abs=1e-9)


def test_one_output_for_all_queries(rng: np.random.Generator) -> None:
    """A classifier that pools with attention: its one query is about its one output."""
    x = keras.Input((S, D))
    hidden = kl.Masking()(x)
    hidden = ours.LSTM(3, return_sequences=True)(hidden)
    model = keras.Model(x, kl.Dense(1, "sigmoid")(ours.AttentionPooling(4, name="pool")(hidden)))
    randomised(model, rng)
    values = rng.standard_normal((B, S, D))
    capture = capture_faithfulness(model, values, permutations=5)
    assert {key: array.shape for key, array in capture.arrays.items()} == {
        "pool/alignment": (B, 1, S),
        "pool/influence": (B, 1, S),
        "pool/tau": (B, 1),
        "pool/variation": (B, 1, 5),
    }
    p = np.array(model(values))[:, 0]
    sign = np.where(p > 0.5, 1, -1)
    for place in np.ndindex(S, D):
        both = []
        for step in (1e-5, -1e-5):
            moved = values.copy()
            moved[:, *place] += step
            q = np.array(model(moved))[:, 0]
            both.append(np.log(np.where(sign > 0, q, 1 - q)))
        found = (both[0] - both[1]) / 2e-5
        assert (np.abs(found) <= capture.arrays["pool/influence"][:, 0, place[0]] + 1e-7).all()
    assert (capture.arrays["pool/variation"] > 0).any()


def test_the_same_seed_gives_the_same(rng: np.random.Generator) -> None:
    model, x = two_inputs(lambda q, v: kl.MultiHeadAttention(2, 3, name="look")(q, v), rng)
    one, two, other = (
        capture_faithfulness(model, x, permutations=4, seed=seed).arrays["look/variation"] for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 0
    assert capture_faithfulness(model, x, permutations=4).arrays["look/alignment"].shape == (B, 2, T, S)


def test_what_cannot_be_asked(rng: np.random.Generator) -> None:
    model, x = two_inputs(lambda q, v: kl.Attention(name="look")([q, v]), rng)
    with pytest.raises(ValueError, match="permutations: expected at least 1, received 0"):
        capture_faithfulness(model, x, permutations=0)
    plain = keras.Input((S, D))
    model = keras.Model(plain, kl.Dense(2)(kl.Attention(name="look")([plain, plain])))
    with pytest.raises(ValueError, match="gives no probabilities"):
        capture_faithfulness(model, rng.standard_normal((B, S, D)))
    ids = keras.Input((S,), dtype="int32")
    one_hot = kl.Lambda(lambda i: keras.ops.one_hot(i, 5))(ids)
    model = keras.Model(ids, kl.Dense(2, "softmax")(kl.Attention(name="look")([one_hot, one_hot])))
    with pytest.raises(ValueError, match="what layer 'look' attends to, 4 steps, is made of no embedding"):
        capture_faithfulness(model, rng.integers(0, 5, (B, S)))
