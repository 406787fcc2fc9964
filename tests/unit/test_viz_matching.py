"""Matching of spans against a search through all of them."""

import numpy as np
import pytest

from kerasrnn.viz import Capture
from kerasrnn.viz.matching import Match, find_matches, selection_of, states_of, units_on


def by_hand(corpus: list[np.ndarray], selection: np.ndarray, without: tuple[int, int, int] | None) -> list[Match]:
    """Every span, by the definitions; nothing clever."""

    def match(row: int, start: int, stop: int) -> Match:
        on = {u for u in range(len(selection)) if corpus[row][start:stop, u].all()}
        wanted = set(np.flatnonzero(selection))
        return Match(row, start, stop, len(on & wanted), len(on | wanted))

    found = []
    for row, steps in enumerate(corpus):
        closed = []
        for start in range(len(steps)):
            for stop in range(start + 1, len(steps) + 1):
                here = match(row, start, stop)
                wider = [match(row, start - 1, stop)] if start else []
                wider += [match(row, start, stop + 1)] if stop < len(steps) else []
                if here.shared and all(other.shared < here.shared for other in wider):
                    closed.append(here)
        closed.sort(key=lambda m: (-m.shared, m.union, -(m.stop - m.start), m.start))
        used = set() if without is None or without[0] != row else set(range(*without[1:]))
        for one in closed:
            if not used & set(range(one.start, one.stop)):
                used |= set(range(one.start, one.stop))
                found.append(one)
    return sorted(found, key=lambda m: (-m.shared, m.union, -(m.stop - m.start), m.row, m.start))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_all_spans_ranked(rng: np.random.Generator, share: float) -> None:
    for _ in range(15):
        corpus = [rng.random((length, 9)) < share for length in rng.integers(1, 12, 4)]
        selection = rng.random(9) < 0.5
        query = (1, 0, min(2, len(corpus[1])))
        for without in (None, query):
            expected = by_hand(corpus, selection, without)
            assert find_matches(corpus, selection, limit=1000, without=without) == expected
            assert find_matches(corpus, selection, limit=3, without=without) == expected[:3]


def test_more_units_than_bits_of_a_word(rng: np.random.Generator) -> None:
    on = np.zeros((5, 300), bool)
    on[1:4, 299] = on[2, 7] = True
    selection = np.zeros(300, bool)
    selection[[299, 0]] = True
    assert find_matches([on], selection) == [Match(0, 1, 4, 1, 2)]
    assert find_matches([on], np.zeros(300, bool)) == []


def test_a_match_of_several_steps(rng: np.random.Generator) -> None:
    corpus = [rng.random((30, 6)) < 0.8 for _ in range(3)]
    selection = np.ones(6, bool)
    found = find_matches(corpus, selection, limit=1000, least=3)
    assert found
    assert all(match.stop - match.start >= 3 for match in found)
    with pytest.raises(ValueError, match="least: expected at least 1 step, received 0"):
        find_matches(corpus, selection, least=0)


def test_units_that_are_off_beside_the_span() -> None:
    on = np.array([[1, 0, 0, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0]], bool)
    assert selection_of(on, 1, 3).tolist() == [True] * 4
    assert selection_of(on, 1, 3, off_before=True).tolist() == [False, True, True, False]
    assert selection_of(on, 1, 3, off_after=True).tolist() == [False, False, True, True]
    assert selection_of(on, 0, 4, off_before=True, off_after=True).tolist() == [True, False, False, False]


def test_what_is_compared(rng: np.random.Generator) -> None:
    """tanh of the cell where there is one, else the hidden state; both directions side by side."""
    cell, hidden = rng.standard_normal((2, 1, 3, 2)) * 3
    states, units = states_of(Capture({"a/cell": cell, "a/hidden": hidden}, "a"))
    np.testing.assert_allclose(states, np.tanh(cell))
    assert units == ["0", "1"]
    both = {"b/forward/hidden": hidden, "b/backward/hidden": cell, "b/forward/update": hidden}
    states, units = states_of(Capture(both, "b"))
    np.testing.assert_allclose(states, np.concatenate([hidden, cell], axis=-1))
    assert units == ["forward/0", "forward/1", "backward/0", "backward/1"]
    with pytest.raises(ValueError, match="expected a cell or a hidden state, received forget"):
        states_of(Capture({"a/forget": cell}, "a"))


def test_units_that_are_on() -> None:
    states = np.array([[0.5, -0.9, np.nan], [0.4, 0.1, 1.0]])
    assert units_on(states, 0.5).tolist() == [[True, True, False], [False, False, True]]
    assert units_on(states, 0.5, np.array([0, 1], bool)).tolist() == [[False] * 3, [False, False, True]]
    on = units_on(states, 0.1)
    assert selection_of(on, 0, 2).tolist() == [True, True, False]
    for start, stop in ((0, 3), (1, 1), (-1, 1)):
        with pytest.raises(ValueError, match=rf"span: expected steps within 0:2, received {start}:{stop}"):
            selection_of(on, start, stop)
    with pytest.raises(ValueError, match="threshold: expected a number above 0 and at most 1, received 0"):
        units_on(states, 0)
    with pytest.raises(ValueError, match="corpus: expected 3 units, received"):
        find_matches([np.ones((2, 4), bool)], np.ones(3, bool))
