"""Models that end in a CRF: what is differentiated is one tag's emission, or the loss of the whole chain."""

from itertools import pairwise, product

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrnn import layers
from kerasrnn.viz import capture_gradients, capture_intervention, capture_jacobian, capture_saliency
from kerasrnn.viz.capture.loss import loss_of

pytestmark = pytest.mark.tensorflow
TAGS, STEPS = 3, 4


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(5)
    x = keras.Input((None, 2))
    read = layers.LSTM(6, return_sequences=True, name="rnn")(keras.layers.Masking()(x))
    emissions = keras.layers.Dense(TAGS, name="tags")(read)
    found = keras.Model(x, layers.CRF(TAGS, name="crf", transition_initializer="random_normal")(emissions))
    for weight in found.get_layer("crf").weights:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    return found


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    """Two rows, the second of three steps."""
    values = rng.normal(size=(2, STEPS, 2)).astype("float32")
    values[1, 3:] = 0
    return values


def scores(model: keras.Model, emissions: np.ndarray) -> dict[tuple[int, ...], float]:
    """The score of each tag sequence."""
    crf = model.get_layer("crf")
    moves, start, end = (np.asarray(part, float) for part in (crf.transitions, crf.start, crf.end))
    return {
        tags: start[tags[0]]
        + end[tags[-1]]
        + sum(emissions[i, tag] for i, tag in enumerate(tags))
        + sum(moves[pair] for pair in pairwise(tags))
        for tags in product(range(TAGS), repeat=len(emissions))
    }


def test_the_tags_may_come_first(model: keras.Model, x: np.ndarray) -> None:
    both = keras.Model(model.input, [layers.CRFDecoder()(model.output), model.output])
    assert loss_of(both, both(x), None, None, None).text == "−log p of the model's own tags"
    np.testing.assert_allclose(
        capture_jacobian(both, x).arrays["rnn/jacobian"], capture_jacobian(model, x).arrays["rnn/jacobian"], atol=1e-6
    )


def test_steps_that_only_the_crf_leaves_out(model: keras.Model, x: np.ndarray) -> None:
    """The recurrent layer knows of no mask."""
    given, kept = keras.Input((STEPS, 2)), keras.Input((STEPS,), dtype="bool")
    read = layers.LSTM(6, return_sequences=True, name="rnn")(given)
    found = keras.Model([given, kept], layers.CRF(TAGS)(keras.layers.Dense(TAGS)(read), mask=kept))
    mask = np.array([[True] * 4, [True] * 2 + [False] * 2])
    assert capture_jacobian(found, [x, mask]).mask.tolist() == mask.tolist()
    assert capture_saliency(found, [x, mask]).facts["output steps"] == [3, 1]


def test_an_intervention_changes_the_chances_of_each_tag(model: keras.Model, x: np.ndarray) -> None:
    capture = capture_intervention(model, x, clamp={"forget": 0.0})
    emissions = np.asarray(of_the_emissions(model)(x), float)
    assert capture.mask.tolist() == [[True] * 4, [True] * 3 + [False]]
    for row, length in ((0, 4), (1, 3)):
        found = scores(model, emissions[row, :length])
        chances = np.exp(np.array([*found.values()]) - np.logaddexp.reduce([*found.values()]))
        for step in range(length):
            marginal = [sum(chances[[tags[step] == tag for tags in found]]) for tag in range(TAGS)]
            np.testing.assert_allclose(capture.arrays["rnn/before"][row, step], marginal, atol=1e-5)


def of_the_emissions(model: keras.Model) -> keras.Model:
    return keras.Model(model.input, model.get_layer("tags").output)


def test_the_loss_is_that_of_the_whole_chain(model: keras.Model, x: np.ndarray) -> None:
    emissions = np.asarray(of_the_emissions(model)(x), float)
    expected = 0.0
    for row, length in ((0, 4), (1, 3)):
        found = np.array([*scores(model, emissions[row, :length]).values()])
        expected += np.log(np.exp(found).sum()) - found.max()
    loss = loss_of(model, model(x), None, None, None)
    assert float(loss.value) == pytest.approx(expected, rel=1e-4)
    assert (loss.text, loss.steps) == ("−log p of the model's own tags", None)
    assert capture_gradients(model, x).facts["loss"] == loss.text
    with pytest.raises(ValueError, match="the tags of a CRF are one answer, which has one loss; leave out 2"):
        capture_gradients(model, x, at=2)


def test_the_jacobian_is_that_of_the_tags_that_are_decoded(model: keras.Model, x: np.ndarray) -> None:
    emissions, expected = np.asarray(of_the_emissions(model)(x), float), np.zeros((2, STEPS, STEPS))
    for row, length in ((0, 4), (1, 3)):
        found = scores(model, emissions[row, :length])
        for step, tag in enumerate(max(found, key=lambda tags: found[tags])):
            vectors = tf.constant(x)
            with tf.GradientTape() as tape:
                tape.watch(vectors)
                emission = of_the_emissions(model)(vectors)[row, step, tag]
            expected[row, step] = np.linalg.norm(tape.gradient(emission, vectors)[row], axis=-1)
    capture = capture_jacobian(model, x)
    np.testing.assert_allclose(capture.arrays["rnn/jacobian"], expected, atol=1e-5)
    assert capture.facts["of"] == "emission of the model's own choice"
    assert capture.mask.tolist() == [[True] * 4, [True] * 3 + [False]]
    assert capture.facts["causal"]


def test_saliency_adds_up_to_the_emission_of_the_last_step(model: keras.Model, x: np.ndarray) -> None:
    emissions = np.asarray(of_the_emissions(model)(x), float)
    capture = capture_saliency(model, x)
    assert capture.facts["output steps"] == [3, 2]
    for row, length in ((0, 4), (1, 3)):
        found = scores(model, emissions[row, :length])
        tag = max(found, key=lambda tags: found[tags])[-1]
        assert capture.facts["score"][row] == pytest.approx(emissions[row, length - 1, tag], rel=1e-4)
        assert abs(capture.facts["gap"][row]) < 1e-3
    other = capture_saliency(model, x, at=[0, 0], target=np.ones((2, STEPS)))
    assert other.facts["score"] == pytest.approx(emissions[:, 0, 1].tolist(), rel=1e-4)
    assert other.facts["of"] == "emission of the target"
