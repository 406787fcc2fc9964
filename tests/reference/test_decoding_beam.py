"""Beam search against every sequence enumerated and against a beam in plain Python.

On JAX, which compiles each call, only some of it.
"""

from typing import Any

import numpy as np
import pytest
from backend import MODES, compiled, to_arrays, to_tensor
from keras import ops
from numpy_decoding import Array, Machine, Ranking, enumerated, extending, searched

from kerasrnn.decoding import Beams, beam_search, greedy

END = 1
SIGNATURE = [((None,), "int32"), ((None, 6), "float64"), ((None, None, 6), "float64")]


def batch(rng: np.random.Generator, machine: Machine, rows: int) -> tuple[Array, Array, Array]:
    """Start tokens, states and memories."""
    start = rng.integers(0, machine.v, rows).astype("int32")
    return start, rng.standard_normal((rows, machine.u)), rng.standard_normal((rows, machine.s, machine.u))


def search(machine: Machine, given: tuple[Array, Array, Array], mode: str = "eager", **options: Any) -> Beams:
    def run(start: Any, states: Any, memory: Any) -> Beams:
        return beam_search(machine, start, {"h": states}, memory=memory, **({"end": END} | options))

    return to_arrays(compiled(run, mode, SIGNATURE)(*map(to_tensor, given)))


def assert_found(found: Beams, row: int, expected: list[Any]) -> None:
    """The n best of a row; missing ones where there are fewer."""
    n = found.tokens.shape[2]
    for place in range(found.tokens.shape[1]):
        if place >= len(expected):
            assert found.lengths[row, place] == 0
            assert found.scores[row, place] == found.log_probs[row, place] == -np.inf
            assert not found.tokens[row, place].any()
            assert not found.token_log_probs[row, place].any()
            continue
        one = expected[place]
        length = len(one.tokens)
        assert found.tokens[row, place].tolist() == one.tokens + [0] * (n - length)
        assert found.lengths[row, place] == length
        np.testing.assert_allclose(found.scores[row, place], one.score, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.log_probs[row, place], one.log_prob, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.token_log_probs[row, place, :length], one.gains, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(found.extras["alignment"][row, place, :length], one.alignments, rtol=1e-9)
        assert not found.token_log_probs[row, place, length:].any()
        assert not found.extras["alignment"][row, place, length:].any()


EVERYTHING = {
    "length_penalty": 0.9,
    "coverage_penalty": 0.3,
    "min_length": 3,
    "banned": (3,),
}


@pytest.mark.parametrize("alpha, beta", [(0.0, 0.0), (1.2, 0.0), (0.7, 0.4)])
def test_a_beam_as_wide_as_all_sequences_finds_the_true_best(
    rng: np.random.Generator, alpha: float, beta: float
) -> None:
    machine, longest = Machine(rng, v=4), 4
    given = batch(rng, machine, 3)
    found = search(
        machine,
        given,
        max_length=longest,
        width=machine.v**longest,
        n_best=20,
        length_penalty=alpha,
        coverage_penalty=beta,
    )
    for row, (start, state, memory) in enumerate(zip(*given, strict=True)):
        every = enumerated(extending(machine, start, memory, end=END), state, longest, END, Ranking(alpha, beta))
        assert_found(found, row, every[:20])
    assert found.history.log_probs.shape == (3, longest, machine.v**longest)


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("width", "options"),
    [
        (1, {}),
        (2, {"length_penalty": 0.6}),
        (3, {"coverage_penalty": 0.5}),
        (4, {"length_penalty": -0.5, "min_length": 4}),
        (9, {"banned": (0, 2)}),
        (4, EVERYTHING),
    ],
)
def test_a_narrow_beam_is_that_of_a_plain_loop(rng: np.random.Generator, width: int, options: dict[str, Any]) -> None:
    """All hypotheses at every step, where they come from, and the paths of the last ones."""
    machine, longest = Machine(rng), 6
    given = batch(rng, machine, 4)
    found = search(machine, given, max_length=longest, width=width, n_best=width, early_stop=False, **options)
    compare(machine, given, found, width, longest, options)


@pytest.mark.parametrize("mode", MODES[1:])
def test_compiled_it_is_the_same(rng: np.random.Generator, mode: str) -> None:
    """With all options at once, a prefix of different lengths, and masked places of the source."""
    machine, longest = Machine(rng), 6
    given = batch(rng, machine, 4)
    prefix = np.array([[2, -1], [4, 3], [-1, -1], [0, END]])
    counts = np.array([[1, 1, 1, 1], [1, 1, 0, 1], [0, 1, 1, 0], [1, 0, 0, 0]], bool)
    options = EVERYTHING | {"prefix": prefix, "source_mask": counts}
    found = search(machine, given, mode, max_length=longest, width=4, n_best=4, early_stop=False, **options)
    compare(machine, given, found, 4, longest, options)


def compare(machine: Machine, given: Any, found: Beams, width: int, longest: int, options: dict[str, Any]) -> None:
    history = found.history
    for row, (start, state, memory) in enumerate(zip(*given, strict=True)):
        rules = {name: options[name] for name in ("min_length", "banned") if name in options}
        prefix = tuple(options["prefix"][row]) if "prefix" in options else ()
        counts = options["source_mask"][row] if "source_mask" in options else None
        ranking = Ranking(options.get("length_penalty", 0.0), options.get("coverage_penalty", 0.0), counts)
        extend = extending(machine, start, memory, end=END, prefix=prefix, **rules)
        beams = searched(extend, state, longest, END, ranking, width)
        assert_found(found, row, beams[-1])
        assert history.steps[row] == len(beams)
        for step, beam in enumerate(beams):
            for place, one in enumerate(beam):
                just = len(one.tokens) == step + 1
                assert history.tokens[row, step, place] == (one.tokens[-1] if just else 0)
                assert history.parents[row, step, place] == one.parent
                assert history.finished[row, step, place] == one.ended
                np.testing.assert_allclose(history.log_probs[row, step, place], one.log_prob, rtol=1e-9, atol=1e-12)
            assert (history.log_probs[row, step, len(beam) :] == -np.inf).all()
            assert not history.finished[row, step, len(beam) :].any()
        for array in history[:-1]:
            assert not array[row, len(beams) :].any()


@pytest.mark.tensorflow
@pytest.mark.parametrize("alpha, beta", [(0.0, 0.0), (1.5, 0.0), (-1.0, 0.0), (0.8, 0.1)])
def test_stopping_early_changes_nothing(rng: np.random.Generator, alpha: float, beta: float) -> None:
    machine = Machine(rng)
    machine.bias[END] += 1.5
    given = batch(rng, machine, 60)
    options = {"max_length": 12, "width": 4, "n_best": 2, "length_penalty": alpha, "coverage_penalty": beta}
    early, late = (search(machine, given, **options, early_stop=stop) for stop in (True, False))
    for name in ("tokens", "lengths", "scores", "log_probs", "token_log_probs"):
        np.testing.assert_array_equal(getattr(early, name), getattr(late, name))
    np.testing.assert_array_equal(early.extras["alignment"], late.extras["alignment"])
    assert (early.history.steps <= late.history.steps).all()
    assert (early.history.steps < late.history.steps).sum() > 5, "a case that shows nothing"
    assert len(set(early.history.steps.tolist())) > 3, "a case that shows nothing"


@pytest.mark.tensorflow
def test_a_row_does_not_depend_on_its_batch(rng: np.random.Generator) -> None:
    machine = Machine(rng)
    machine.bias[END] += 1.0
    given = batch(rng, machine, 5)
    together = search(machine, given, max_length=9, width=3, n_best=3)
    for row in range(5):
        alone = search(machine, tuple(each[row : row + 1] for each in given), max_length=9, width=3, n_best=3)
        for one, all_ in zip(alone[:2] + alone.history, together[:2] + together.history, strict=True):
            np.testing.assert_allclose(one[0], all_[row], rtol=1e-9, atol=1e-12)


@pytest.mark.tensorflow
def test_a_beam_of_one_is_greedy(rng: np.random.Generator) -> None:
    machine = Machine(rng)
    given = batch(rng, machine, 8)
    start, state, memory = map(to_tensor, given)
    beam = search(machine, given, max_length=7, width=1)
    plain = to_arrays(greedy(machine, start, {"h": state}, memory=memory, end=END, max_length=7))
    np.testing.assert_array_equal(beam.tokens[:, 0], plain.tokens)
    np.testing.assert_array_equal(beam.lengths[:, 0], plain.lengths)
    np.testing.assert_allclose(beam.token_log_probs[:, 0], plain.log_probs, rtol=1e-9)
    np.testing.assert_array_equal(beam.extras["fed"][:, 0], plain.extras["fed"])


def test_a_beam_wider_than_the_hypotheses_has_missing_ones(rng: np.random.Generator) -> None:
    machine = Machine(rng, v=3)
    given = batch(rng, machine, 2)
    found = search(machine, given, max_length=2, width=12, n_best=12)
    for row, (start, state, memory) in enumerate(zip(*given, strict=True)):
        every = enumerated(extending(machine, start, memory, end=END), state, 2, END, Ranking())
        assert len(every) == 7
        assert_found(found, row, every)


@pytest.mark.tensorflow
def test_several_ends(rng: np.random.Generator) -> None:
    machine = Machine(rng)
    found = search(machine, batch(rng, machine, 9), end=(1, 3), max_length=6, width=2, n_best=2)
    for tokens, length in zip(found.tokens.reshape(-1, 6), found.lengths.reshape(-1), strict=True):
        assert not np.isin(tokens[: length - 1], (1, 3)).any()
        assert length == 6 or tokens[length - 1] in (1, 3)
    assert {1, 3} <= set(found.tokens.reshape(-1).tolist())


@pytest.mark.parametrize("mode, bad", [(MODES[0], np.inf), (MODES[0], np.nan), (MODES[-1], np.nan)])
def test_logits_that_are_no_distribution_are_not_ranked(rng: np.random.Generator, mode: str, bad: float) -> None:
    machine = Machine(rng)
    given = batch(rng, machine, 3)
    sound = search(machine, given, max_length=5, width=3, n_best=2)
    spoiling = next(token for token in sound.history.tokens[1, 0] if token != END)

    def broken(token: Any, states: Any, memory: Any) -> Any:  # that token of the second sequence breaks it
        logits, after, extras = machine(token, {"h": states["h"]}, memory)
        spoilt = ops.logical_and(states["row"] == 1, token == spoiling)[:, None]
        here = ops.logical_and(spoilt, ops.arange(machine.v) == 3)
        return ops.where(here, bad, logits), after | {"row": states["row"]}, extras

    def run(start: Any, states: Any, memory: Any) -> Any:
        states = {"h": states, "row": ops.arange(3, dtype="int32")}
        return beam_search(broken, start, states, memory=memory, end=END, max_length=5, width=3, n_best=2)

    found = to_arrays(compiled(run, mode)(*map(to_tensor, given)))
    assert np.isnan(found.scores[1]).all()
    assert np.isnan(found.log_probs[1]).all()
    assert not found.lengths[1].any()
    assert not found.tokens[1].any()
    for row in (0, 2):
        np.testing.assert_array_equal(found.tokens[row], sound.tokens[row])
        np.testing.assert_allclose(found.scores[row], sound.scores[row], rtol=1e-9)


def test_what_comes_after_the_stop_breaks_nothing() -> None:
    """The first sequence is over at once, its other hypotheses get NaN later, while the second goes on."""
    sure = np.array([[0.0, 9, 1, 0], [0.0, -9, 2, 0]])

    def step(token: Any, states: Any) -> Any:
        late = ops.logical_and(states["at"] >= 1, states["row"] == 0)
        logits = ops.take(to_tensor(sure), states["row"], axis=0)
        return ops.where(late[:, None], np.nan, logits), {"at": states["at"] + 1, "row": states["row"]}, {}

    states = {"at": ops.zeros(2, dtype="int32"), "row": ops.arange(2, dtype="int32")}
    found = to_arrays(beam_search(step, [0, 0], states, end=END, max_length=5, width=2))
    assert found.lengths.tolist() == [[1], [5]]
    assert np.isfinite(found.scores).all()
    assert found.history.steps.tolist() == [1, 5]


def test_probabilities_of_nought_are_no_hypotheses(rng: np.random.Generator) -> None:
    """Logits of −inf are legal: the beam goes round them."""
    machine = Machine(rng)
    given = batch(rng, machine, 3)

    def certain(token: Any, states: Any, memory: Any) -> Any:
        logits, after, extras = machine(token, states, memory)
        return ops.where(ops.arange(machine.v) == 4, logits, -np.inf), after, extras

    start, state, memory = map(to_tensor, given)
    found = to_arrays(
        beam_search(certain, start, {"h": state}, memory=memory, end=END, max_length=3, width=3, n_best=2)
    )
    assert (found.tokens[:, 0] == 4).all()
    np.testing.assert_allclose(found.scores[:, 0], 0, atol=1e-12)
    assert (found.scores[:, 1] == -np.inf).all()


def test_none_in_a_memory_and_no_states(rng: np.random.Generator) -> None:
    def step(token: Any, states: Any, memory: Any) -> Any:
        assert memory[1] is None
        return memory[0] + ops.cast(token, "float64")[:, None] * 0, states, {}

    logits = to_tensor(rng.standard_normal((2, 4)))
    found = beam_search(step, [0, 0], (), memory=(logits, None), end=None, max_length=2, width=2)
    best = np.argmax(np.asarray(logits), axis=1)
    np.testing.assert_array_equal(np.asarray(found.tokens)[:, 0], np.stack([best, best], axis=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, r"`width` must be an integer of at least 1; received 0"),
        ({"width": 2, "n_best": 3}, r"`n_best` must be at most `width`, 2; received 3"),
        ({"coverage_penalty": -1.0}, r"`coverage_penalty` must be a finite number of at least 0; received -1.0"),
        ({"length_penalty": np.nan}, r"`length_penalty` must be a finite number; received nan"),
        ({"coverage_penalty": 0.5}, r"`coverage_penalty` must have `alignment` among the extras of `step`; received"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    def step(token: Any, states: Any) -> Any:
        return ops.zeros((ops.shape(token)[0], 3)), states, {"other": token}

    with pytest.raises(ValueError, match=message):
        beam_search(step, [0], (), end=1, max_length=3, **options)


@pytest.mark.tensorflow  # on JAX, shapes are static
def test_a_batch_of_none(rng: np.random.Generator) -> None:
    machine = Machine(rng)
    for mode in MODES[:2]:
        found = search(machine, batch(rng, machine, 0), mode, max_length=3, width=2, coverage_penalty=0.1)
        assert found.tokens.shape == (0, 1, 3)
        assert found.extras["alignment"].shape == (0, 1, 3, 4)
        assert found.history.tokens.shape == (0, 3, 2)
