"""Chains to try the CRF's functions on, and everything that is to be known of one, by definition."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy_crf
from backend import JAX, compiled
from numpy_cells import Array

from kerasrnn import crf, engine

B, T, N, K = 7, 5, 3, 4
TOLERANCE = 1e-10

MASK = np.array(
    [
        [1, 1, 1, 1, 1],
        [1, 1, 1, 0, 0],  # padded on the right
        [0, 0, 1, 1, 1],  # and on the left
        [1, 0, 1, 0, 1],  # with holes
        [0, 1, 0, 0, 1],
        [0, 0, 0, 1, 0],  # one step: fewer paths than are asked for
        [0, 0, 0, 0, 0],
    ],
    dtype=bool,
)

SIGNATURE = [
    ((None, None), "int32"),
    ((None, None, N), "float64"),
    ((N, N), "float64"),
    ((N,), "float64"),
    ((N,), "float64"),
    ((None, None), "bool"),
]


class Case:
    """A random chain, with what no step that counts may see: NaN and impossible tags under the mask."""

    def __init__(self, rng: np.random.Generator, mask: Array = MASK) -> None:
        b, t = mask.shape
        self.mask = mask
        self.emissions = 2 * rng.standard_normal((b, t, N))
        self.transitions, self.start, self.end = (2 * rng.standard_normal(s) for s in ((N, N), (N,), (N,)))
        self.tags = rng.integers(0, N, (b, t))

    @property
    def given(self) -> list[Array]:
        emissions = np.where(self.mask[..., None], self.emissions, np.nan)
        tags = np.where(self.mask, self.tags, -7).astype("int32")
        return [tags, emissions, self.transitions, self.start, self.end, self.mask]

    @property
    def scores(self) -> list[Array]:
        return [self.transitions, self.start, self.end]

    def enumerated(self) -> list[numpy_crf.Enumerated]:
        return [
            numpy_crf.enumerate_paths(e, *self.scores, keep) for e, keep in zip(self.emissions, self.mask, strict=True)
        ]

    def gold(self) -> Array:
        rows = zip(self.tags, self.emissions, self.mask, strict=True)
        return np.array([numpy_crf.score(tags[keep], e[keep], *self.scores) for tags, e, keep in rows])


def everything(tags: Any, *chain: Any) -> dict[str, Any]:
    best, several = crf.viterbi(*chain), crf.n_best(K, *chain)
    return {
        "partition": crf.log_partition(*chain),
        "score": crf.sequence_score(tags, *chain),
        "likelihood": crf.log_likelihood(tags, *chain),
        "marginals": crf.marginals(*chain),
        "tags": best.tags,
        "best": best.scores,
        "paths": several.tags,
        "scores": several.scores,
    }


def portable(function: Callable[..., Any]) -> Callable[..., Any]:
    import tensorflow as tf

    def run(*tensors: Any) -> Any:
        with engine.portable():
            return function(*tensors)

    return tf.function(run, input_signature=[tf.TensorSpec(*one) for one in SIGNATURE])


WAYS = ("eager", "jit") if JAX else ("eager", "graph", "xla", "portable")


def run_in(way: str, function: Callable[..., Any]) -> Callable[..., Any]:
    return portable(function) if way == "portable" else compiled(function, way, SIGNATURE)


def assert_by_definition(found: dict[str, Any], case: Case) -> None:
    whole = case.enumerated()
    partition = np.array([numpy_crf.log_partition(one) for one in whole])
    np.testing.assert_allclose(found["partition"], partition, rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(found["score"], case.gold(), rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(found["likelihood"], case.gold() - partition, rtol=TOLERANCE, atol=TOLERANCE)
    for row, (one, keep) in enumerate(zip(whole, case.mask, strict=True)):
        expected = numpy_crf.marginals(one, keep, N)
        np.testing.assert_allclose(found["marginals"][row], expected, atol=TOLERANCE)
        np.testing.assert_array_equal(found["tags"][row], numpy_crf.spread(one.paths[0], keep))
        np.testing.assert_allclose(found["best"][row], one.scores[0], rtol=TOLERANCE)
        for rank in range(K):
            exists = rank < len(one.paths)
            tags = numpy_crf.spread(one.paths[rank], keep) if exists else np.full(len(keep), -1)
            np.testing.assert_array_equal(found["paths"][row, rank], tags)
            np.testing.assert_allclose(found["scores"][row, rank], one.scores[rank] if exists else -np.inf)
