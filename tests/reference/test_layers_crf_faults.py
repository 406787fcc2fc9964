"""What the CRF's functions make of NaN, of tags outside of the set, and of arguments that do not fit."""

from typing import Any

import numpy as np
import pytest
from backend import JAX, differentiated, to_arrays, to_tensor
from crf_cases import SIGNATURE, WAYS, B, Case, N, everything, run_in
from keras import ops
from numpy_cells import Array

from kerasrnn import crf


def test_nan_stays_in_its_row(rng: np.random.Generator) -> None:
    """A score that counts and is NaN: NaN scores and no tags, in that row and no other; NaN gradients too."""
    case = Case(rng)
    clean = to_arrays(everything(*map(to_tensor, case.given)))
    case.emissions[3, 2, 1] = np.nan
    found = to_arrays(everything(*map(to_tensor, case.given)))
    for name in ("partition", "likelihood", "best"):
        assert np.isnan(found[name]).tolist() == [row == 3 for row in range(B)], name
    assert (found["tags"][3] == -1).all()
    assert (found["paths"][3] == -1).all()
    assert np.isnan(found["scores"][3]).all()
    for name, value in found.items():
        others = np.arange(B) != 3
        np.testing.assert_array_equal(value[others], clean[name][others], err_msg=name)

    def run(*chain: Any) -> Any:
        return ops.sum(crf.log_partition(*chain, to_tensor(case.mask))), ()

    gradient = differentiated(run, [], 4)(*case.given[1:5]).sources[0]
    assert np.isnan(gradient).any(axis=(1, 2)).tolist() == [row == 3 for row in range(B)]


@pytest.mark.parametrize("bad", [-1, N])
def test_tags_outside_of_the_set(bad: int, rng: np.random.Generator) -> None:
    """An error where values are known; where they are not, NaN, in the gradients too. Masked tags do not count."""
    case = Case(rng)
    case.tags[1, 1] = bad
    tags, *chain = map(to_tensor, case.given)
    with pytest.raises(ValueError, match=rf"`tags` must be from 0 to {N - 1} on every step.*received {bad}\."):
        crf.log_likelihood(tags, *chain)

    def run(tags: Any, *chain: Any) -> Any:
        found = crf.log_likelihood(tags, *chain)
        return found, ops.sum(found)

    assert np.isnan(run_in(WAYS[1], run)(tags, *chain)[0]).tolist() == [row == 1 for row in range(B)]

    def loss(*scores: Any) -> Any:
        return ops.sum(crf.log_likelihood(tags, *scores, chain[-1])), ()

    def traced(*scores: Any) -> Any:  # the tags come in from outside, and are not known to a graph
        return loss(*scores)

    if not JAX:  # JAX knows what a traced function closes over
        gradient = differentiated(traced, [], 4, "graph", SIGNATURE[1:5])(*case.given[1:5]).sources
        assert np.isnan(gradient[0]).any(axis=(1, 2)).tolist() == [row == 1 for row in range(B)]
        assert np.isnan(gradient[1]).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"emissions": np.zeros((2, 3))}, r"`emissions` must be `\(batch, time, tags\)`.*received shape \(2, 3\)"),
        ({"emissions": np.zeros((2, 3, 0))}, r"with one tag or more"),
        ({"transitions": np.zeros((2, 3))}, r"`transitions` must have the shape \(2, 2\).*received shape \(2, 3\)"),
        ({"start": np.zeros(3)}, r"`start` must have the shape \(2,\).*received shape \(3,\)"),
        ({"end": np.zeros((2, 2))}, r"`end` must have the shape \(2,\)"),
        ({"mask": np.ones((2, 4))}, r"`mask` must have the shape \(2, 3\).*received shape \(2, 4\)"),
        ({"tags": np.zeros((2, 4), int)}, r"`tags` must have the shape \(2, 3\)"),
    ],
)
def test_refusals(change: dict[str, Array], message: str) -> None:
    given = {"tags": np.zeros((2, 3), int), "emissions": np.zeros((2, 3, 2)), "transitions": np.zeros((2, 2))}
    with pytest.raises(ValueError, match=message):
        crf.log_likelihood(**(given | change))


@pytest.mark.parametrize("count", [0, 1.0, True])
def test_counts_that_are_none(count: Any) -> None:
    with pytest.raises(ValueError, match="`count` must be an int of at least 1"):
        crf.n_best(count, np.zeros((2, 3, 2)), np.zeros((2, 2)))
