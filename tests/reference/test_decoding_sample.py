"""Sampling against distributions worked out in NumPy, and the random numbers behind it against published ones."""

from typing import Any

import keras
import numpy as np
import pytest
from backend import MODES, compiled, to_arrays, to_tensor
from keras import ops
from numpy_decoding import Machine, distribution

from kerasrnn.decoding import Decoded, sample
from kerasrnn.decoding.chance import threefry, uniform
from kerasrnn.decoding.scores import draw, top

END = 1


def fixed(logits: np.ndarray) -> Any:
    """A step function that always gives the same logits."""
    return lambda token, states: (ops.zeros((ops.shape(token)[0], 1)) + ops.convert_to_tensor(logits), states, {})


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("v", "options"),
    [
        (7, {}),
        (7, {"temperature": 0.6}),
        (7, {"top_k": 3, "temperature": 1.7}),
        (7, {"top_k": 100, "top_p": 0.5}),
        (7, {"top_p": 0.8, "temperature": 2.0}),
        (7, {"top_k": 4, "top_p": 0.9, "temperature": 0.7}),
        (7, {"top_p": 1e-6}),
        (300, {"temperature": 0.8}),
        (300, {"top_k": 30, "top_p": 0.95}),
    ],
)
def test_tokens_come_as_often_as_they_should(rng: np.random.Generator, v: int, options: dict[str, Any]) -> None:
    """Pearson's statistic of 40,000 draws within what chance explains; nothing that was cut ever comes."""
    logits = (2 * rng.standard_normal(v)).astype("float32")
    expected = distribution(logits.astype(float), **({"temperature": 1.0, "top_k": None, "top_p": 1.0} | options))
    found = sample(fixed(logits), np.zeros(4000, int), (), end=None, max_length=10, seed=11, **options)
    tokens = np.asarray(found.tokens)
    counts = np.bincount(tokens.reshape(-1), minlength=v)
    assert not counts[expected == 0].any()
    likely = expected > 0
    statistic = ((counts - 40000 * expected)[likely] ** 2 / (40000 * expected[likely])).sum()
    freedom = likely.sum() - 1
    assert statistic <= freedom + 5 * np.sqrt(2 * freedom) + 1e-3, (counts, 40000 * expected)
    log_probs = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
    np.testing.assert_allclose(found.log_probs, log_probs[tokens], rtol=1e-4, atol=1e-5)


def sampled(machine: Machine, given: Any, mode: str, **options: Any) -> Decoded:
    def run(start: Any, states: Any, memory: Any) -> Decoded:
        return sample(machine, start, {"h": states}, memory=memory, end=END, **options)

    signature = [((None,), "int32"), ((None, machine.u), "float64"), ((None, machine.s, machine.u), "float64")]
    return to_arrays(compiled(run, mode, signature)(*map(to_tensor, given)))


def batch(rng: np.random.Generator, machine: Machine, rows: int) -> Any:
    start = rng.integers(0, machine.v, rows).astype("int32")
    return start, rng.standard_normal((rows, machine.u)), rng.standard_normal((rows, machine.s, machine.u))


def test_the_path_is_one_of_the_model(rng: np.random.Generator) -> None:
    """Fed back, with the log-probability of the model, whatever was cut; the same in every way of running."""
    machine = Machine(rng, sharpness=0.5)
    machine.bias[:] = 0
    given = batch(rng, machine, 6)
    options = {"max_length": 8, "seed": 5, "temperature": 1.3, "top_k": 4, "top_p": 0.95, "min_length": 2}
    found = sampled(machine, given, MODES[0], **options)
    for row, (start, state, memory) in enumerate(zip(*given, strict=True)):
        token = start
        for at in range(found.lengths[row]):
            log_probs, state, alignment = machine.row(token, state, memory)
            token = found.tokens[row, at]
            np.testing.assert_allclose(found.log_probs[row, at], log_probs[token], rtol=1e-8)
            np.testing.assert_allclose(found.extras["alignment"][row, at], alignment, rtol=1e-8)
        assert found.lengths[row] == 8 or token == END
        assert not found.tokens[row, found.lengths[row] :].any()
    assert found.lengths.min() >= 2
    assert len(np.unique(found.tokens)) == 5, "a case that shows nothing"
    for mode in MODES[1:]:
        again = keras.tree.flatten(sampled(machine, given, mode, **options))
        for one, other in zip(again, keras.tree.flatten(found), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.tensorflow
def test_a_row_depends_on_its_seed_and_place_alone(rng: np.random.Generator) -> None:
    machine = Machine(rng, sharpness=0.5)
    machine.bias[:] = 0
    given = batch(rng, machine, 6)
    whole = sampled(machine, given, "eager", max_length=9, seed=3).tokens
    first = tuple(each[:4] for each in given)
    np.testing.assert_array_equal(sampled(machine, first, "eager", max_length=9, seed=3).tokens, whole[:4])
    np.testing.assert_array_equal(sampled(machine, given, "eager", max_length=5, seed=3).tokens, whole[:, :5])
    assert (sampled(machine, given, "eager", max_length=9, seed=4).tokens != whole).any()
    scalar = sampled(machine, given, "eager", max_length=9, seed=ops.convert_to_tensor(3)).tokens
    np.testing.assert_array_equal(scalar, whole)

    seeds = np.array([9, 3, 3, 7, 1, 2])
    own = sampled(machine, given, "eager", max_length=9, seed=seeds).tokens
    turned = tuple(each[::-1].copy() for each in given)
    back = sampled(machine, turned, "eager", max_length=9, seed=seeds[::-1].copy()).tokens[::-1]
    np.testing.assert_array_equal(own, back)


@pytest.mark.tensorflow
def test_a_seed_generator_goes_on(rng: np.random.Generator) -> None:
    machine = Machine(rng, sharpness=0.5)
    given = batch(rng, machine, 6)
    options = {"max_length": 9}
    generator = keras.random.SeedGenerator(3)
    runs = [sampled(machine, given, "eager", seed=generator, **options).tokens for _ in range(3)]
    assert (runs[0] != runs[1]).any()
    assert (runs[1] != runs[2]).any()
    np.testing.assert_array_equal(runs[0], sampled(machine, given, "eager", seed=3, **options).tokens)
    again = keras.random.SeedGenerator(3)
    np.testing.assert_array_equal(runs[0], sampled(machine, given, "eager", seed=again, **options).tokens)


def test_random_numbers_are_those_of_threefry() -> None:
    """Known answers of Random123 (kat_vectors, threefry2x32, 20 rounds), and their even spread."""
    vectors = [
        ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ]
    for key, counter, expected in vectors:
        words = [tuple(ops.convert_to_tensor([word], dtype="uint32") for word in pair) for pair in (key, counter)]
        assert tuple(int(np.asarray(word)[0]) for word in threefry(*words)) == expected
    chances = np.asarray(uniform(2**40 + 17, 300, 200))
    assert chances.dtype == "float32"
    assert chances.min() >= 0
    assert chances.max() < 1
    counts = np.histogram(chances, 50, (0, 1))[0]
    assert ((counts - 1200) ** 2 / 1200).sum() < 49 + 5 * np.sqrt(98)
    assert len(np.unique(chances)) > 59000
    assert (np.asarray(uniform(17, 300, 200)) != chances).mean() > 0.99


@pytest.mark.parametrize(("v", "count"), [(5, 5), (64, 3), (640, 2), (1000, 3), (2000, 7)])
def test_the_best_of_many(rng: np.random.Generator, v: int, count: int) -> None:
    """With ties throughout: the first of equals."""
    values = rng.integers(0, v // 4 + 2, (6, v)).astype("float32")
    values[0] = -np.inf
    values[0, v // 2] = 1.0
    best, found = top(to_tensor(values), count)
    expected = np.argsort(-values, axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(best, np.take_along_axis(values, expected, axis=1))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("v", [6, 64, 200])
def test_inversion_hits_what_it_should(rng: np.random.Generator, v: int) -> None:
    """Levels just below and at each step of the distribution function; impossible ones never."""
    weights = rng.uniform(0.5, 2, v)
    weights[rng.permutation(v)[: v // 3]] = 0
    running = np.cumsum(weights / weights.sum())
    with np.errstate(divide="ignore"):
        scores = np.log(weights)
    for token in np.flatnonzero(weights):
        below = running[token - 1] if token else 0.0
        chances = np.array([below + 1e-9, (below + running[token]) / 2, running[token] - 1e-9])
        found = draw(to_tensor(np.tile(scores, (3, 1))), to_tensor(chances))
        assert np.asarray(found).tolist() == [token] * 3
    with np.errstate(divide="ignore"):
        ends = np.asarray(draw(to_tensor(np.tile(scores, (2, 1))), to_tensor(np.array([0.0, 1 - 2.0**-24]))))
    assert ends.tolist() == [np.flatnonzero(weights)[0], np.flatnonzero(weights)[-1]]


@pytest.mark.parametrize("mode", [MODES[0], MODES[-1]])
def test_logits_that_are_no_distribution_end_their_row(mode: str) -> None:
    logits = np.array([[0.0, 1, 2], [np.nan, 0, 1], [0, np.inf, 0], [-np.inf] * 3, [-np.inf, 0, -np.inf]], "float32")

    def run(given: Any) -> Decoded:
        def step(token: Any, states: Any) -> Any:
            return given, states, {"one": ops.ones_like(token)}

        return sample(step, [0] * 5, (), end=None, max_length=3, seed=1, top_k=2)

    found = to_arrays(compiled(run, mode)(to_tensor(logits)))
    assert found.lengths.tolist() == [3, 1, 1, 1, 3]
    assert not found.tokens[1:4].any()
    assert np.isnan(found.log_probs[1:4, 0]).all()
    assert not found.log_probs[1:4, 1:].any()
    assert found.extras["one"].tolist() == [[1, 1, 1]] + 3 * [[1, 0, 0]] + [[1, 1, 1]]
    assert found.tokens[4].tolist() == [1, 1, 1]
    assert not found.log_probs[4].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0}, r"`temperature` must be a finite number above 0; received 0"),
        ({"temperature": -1.0}, r"`temperature` must be a finite number above 0; received -1.0"),
        ({"temperature": np.inf}, r"`temperature` must be a finite number above 0; received inf"),
        ({"top_k": 0}, r"`top_k` must be an integer of at least 1; received 0"),
        ({"top_k": 2.0}, r"`top_k` must be an integer of at least 1; received 2.0"),
        ({"top_p": 0.0}, r"`top_p` must be above 0 and at most 1; received 0.0"),
        ({"top_p": 1.1}, r"`top_p` must be above 0 and at most 1; received 1.1"),
        ({"top_p": np.nan}, r"`top_p` must be above 0 and at most 1; received nan"),
        ({"seed": None}, r"`seed` must be an integer, integers of shape \(\) or \(batch,\), or a keras"),
        ({"seed": 0.5}, r"`seed` must be an integer"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample(fixed(np.zeros(3, "float32")), [0], (), **({"end": 1, "max_length": 3, "seed": 1} | options))
