"""The CRF's functions against all paths written down, pytorch-crf, central differences, and float64 on long chains."""

import contextlib
from typing import Any

import numpy as np
import numpy_crf
import pytest
from backend import JAX, differentiated, to_arrays, to_tensor
from crf_cases import (
    MASK,
    SIGNATURE,
    TOLERANCE,
    WAYS,
    B,
    Case,
    K,
    N,
    T,
    assert_by_definition,
    everything,
    run_in,
)
from keras import ops
from numpy_cells import central_differences

from kerasrnn import crf, engine


@pytest.mark.parametrize("way", WAYS)
def test_all_paths(way: str, rng: np.random.Generator) -> None:
    """Sums, marginals, the best and the next best, with every kind of mask, NaN and impossible tags beneath it."""
    case = Case(rng)
    run = run_in(way, everything)
    assert_by_definition(to_arrays(run(*map(to_tensor, case.given))), case)


def test_all_paths_without_a_mask_and_ends(rng: np.random.Generator) -> None:
    case = Case(rng, np.ones((B, T), bool))
    case.start[:] = case.end[:] = 0
    found = everything(to_tensor(case.tags), to_tensor(case.emissions), to_tensor(case.transitions))
    assert_by_definition(to_arrays(found), case)


@pytest.mark.parametrize("way", WAYS)
def test_gradients(way: str, rng: np.random.Generator) -> None:
    """Of the log-likelihood, of all of its sources, against central differences; zero and no NaN under the mask."""
    case = Case(rng)
    heads = rng.standard_normal(B)

    def loss() -> float:
        partition = [numpy_crf.log_partition(one) for one in case.enumerated()]
        return float(heads @ (case.gold() - np.array(partition)))

    def run(emissions: Any, transitions: Any, start: Any, end: Any) -> Any:
        tags, mask = to_tensor(case.given[0]), to_tensor(case.mask)
        with contextlib.ExitStack() as stack:
            if way == "portable":
                stack.enter_context(engine.portable())
            return ops.sum(heads * crf.log_likelihood(tags, emissions, transitions, start, end, mask)), ()

    mode = "graph" if way == "portable" else way
    found = differentiated(run, [], 4, mode, SIGNATURE[1:5])(*case.given[1:5])
    for gradient, at in zip(found.sources, [case.emissions, *case.scores], strict=True):
        expected = central_differences(loss, at)
        assert np.abs(expected).max() > 1e-2
        np.testing.assert_allclose(gradient, expected, atol=1e-8)
    assert (found.sources[0][~case.mask] == 0).all()


def test_forbidden(rng: np.random.Generator) -> None:
    """-inf in transitions, ends and emissions: never NaN, in values and in gradients."""
    case = Case(rng)
    case.transitions[0, 1] = case.transitions[2, 2] = case.start[2] = case.end[0] = case.emissions[1, 1, 0] = -np.inf
    case.emissions[4, 1] = -np.inf  # nothing is possible in this row
    found = to_arrays(everything(*map(to_tensor, case.given)))
    partition = np.array([numpy_crf.log_partition(one) for one in case.enumerated()])
    assert np.isneginf(partition).tolist() == [False] * 4 + [True] + [False] * 2
    np.testing.assert_allclose(found["partition"], partition, rtol=TOLERANCE)
    possible = np.isfinite(case.gold())
    assert not possible.all()
    np.testing.assert_allclose(
        found["likelihood"], np.where(possible, case.gold() - np.where(np.isfinite(partition), partition, 0), -np.inf)
    )
    for row, (one, keep) in enumerate(zip(case.enumerated(), case.mask, strict=True)):
        there = np.isfinite(one.scores)
        expected = numpy_crf.marginals(one, keep, N) if there.any() else np.zeros((T, N))
        np.testing.assert_allclose(found["marginals"][row], expected, atol=TOLERANCE)
        for rank in range(K):
            exists = rank < len(there) and there[rank]
            tags = numpy_crf.spread(one.paths[rank], keep) if exists else np.full(T, -1)
            np.testing.assert_array_equal(found["paths"][row, rank], tags)
        np.testing.assert_array_equal(found["tags"][row], found["paths"][row, 0])
        np.testing.assert_allclose(found["best"][row], one.scores[0])

    def run(*chain: Any) -> Any:
        return ops.sum(crf.log_partition(*chain, to_tensor(case.mask))), ()

    gradients = differentiated(run, [], 4)(*case.given[1:5]).sources
    np.testing.assert_allclose(gradients[0], found["marginals"], atol=TOLERANCE)
    assert all(np.isfinite(one).all() for one in gradients)
    np.testing.assert_allclose(gradients[1].sum(), (case.mask.sum(axis=1)[np.isfinite(partition)] - 1).clip(0).sum())
    assert gradients[1][0, 1] == gradients[1][2, 2] == gradients[2][2] == gradients[3][0] == 0


def test_of_equal_sequences_the_first_is_best() -> None:
    tags = crf.viterbi(np.zeros((B, T, N)), np.zeros((N, N)), mask=MASK).tags
    np.testing.assert_array_equal(tags, np.where(MASK, 0, -1))


def test_padding_and_batch_change_nothing(rng: np.random.Generator) -> None:
    """Each row alone, without its masked steps, gives the numbers that it gives in the batch, gradients too.

    Alone it is not compiled, so this also compares plain operations, one by one, with programs.
    """
    case = Case(rng)

    def run(tags: Any, mask: Any, *chain: Any) -> Any:
        found = everything(tags, *chain, mask)
        return ops.sum(found["likelihood"]), found

    def together(*chain: Any) -> Any:
        return run(to_tensor(case.given[0]), to_tensor(case.mask), *chain)

    batch = differentiated(together, [], 4)(*case.given[1:5])
    sums = [np.zeros_like(one) for one in case.scores]
    for row, keep in enumerate(case.mask[:-1]):
        tags, emissions = case.tags[None, row, keep].astype("int32"), case.emissions[None, row, keep]
        with engine.portable():
            alone = differentiated(lambda *chain, tags=tags: run(to_tensor(tags), None, *chain), [], 4)
            one = alone(emissions, *case.scores)
        for name, value in one.results.items():
            whole = batch.results[name][row]
            if name in ("tags", "paths", "marginals"):
                whole = whole[keep] if name != "paths" else whole[:, keep]
            np.testing.assert_allclose(whole, value[0], atol=TOLERANCE, err_msg=name)
        np.testing.assert_allclose(batch.sources[0][row, keep], one.sources[0][0], atol=TOLERANCE)
        sums = [total + part for total, part in zip(sums, one.sources[1:], strict=True)]
    for total, part in zip(sums, batch.sources[1:], strict=True):
        np.testing.assert_allclose(part, total, atol=1e-9)


@pytest.mark.parametrize(("rows", "steps"), [(2, 0), (0, 1)])
def test_hardly_anything(rows: int, steps: int, rng: np.random.Generator) -> None:
    """No steps, no rows."""
    case = Case(rng, np.ones((rows, steps), bool))
    for way in ("eager",) if JAX else ("eager", "portable")[steps:]:
        found = to_arrays(run_in(way, everything)(*map(to_tensor, case.given)))
        assert found["tags"].shape == (rows, steps)
        assert found["paths"].shape == (rows, K, steps)
        assert found["marginals"].shape == (rows, steps, N)
        assert_by_definition(found, case)


def pytorch(case: Case) -> Any:
    import torch
    import torchcrf

    model = torchcrf.CRF(N, batch_first=True).double()
    with torch.no_grad():
        for weight, value in zip(
            (model.transitions, model.start_transitions, model.end_transitions), case.scores, strict=True
        ):
            weight.copy_(torch.from_numpy(value))
    return model


def test_pytorch_crf(rng: np.random.Generator) -> None:
    """pytorch-crf knows masks whose first step counts and which end in padding."""
    import torch

    mask = np.arange(40) < rng.integers(1, 41, 8)[:, None]
    case = Case(rng, mask)
    model = pytorch(case)
    emissions = torch.from_numpy(case.emissions).requires_grad_()
    likelihood = model(emissions, torch.from_numpy(case.tags), torch.from_numpy(mask), reduction="none")
    likelihood.sum().backward()
    weights = model.transitions, model.start_transitions, model.end_transitions

    def run(*chain: Any) -> Any:
        found = crf.log_likelihood(to_tensor(case.given[0]), *chain, to_tensor(mask))
        return ops.sum(found), found

    found = differentiated(run, [], 4)(*case.given[1:5])
    np.testing.assert_allclose(found.results, likelihood.detach().numpy(), rtol=1e-12, atol=1e-10)
    for gradient, expected in zip(found.sources, [emissions, *weights], strict=True):
        np.testing.assert_allclose(gradient, expected.grad.numpy(), atol=1e-10)
    tags = np.asarray(crf.viterbi(*map(to_tensor, case.given[1:])).tags)
    decoded = model.decode(emissions, torch.from_numpy(mask))
    assert [row[keep].tolist() for row, keep in zip(tags, mask, strict=True)] == decoded


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_ten_thousand_steps(scale: float, rng: np.random.Generator) -> None:
    """In float32, next to float64: sums, probabilities, the best path and its score; scores as large as 10⁴ too."""
    steps, n = 10_000, 4
    emissions = (scale * rng.standard_normal((1, steps, n))).astype("float32")
    scores = [(2 * min(scale, 100) * rng.standard_normal(s)).astype("float32") for s in ((n, n), (n,), (n,))]
    exact = [one.astype("float64") for one in (emissions[0], *scores)]
    expected = numpy_crf.long_log_partition(*exact)
    tags = rng.integers(0, n, (1, steps))

    def run(*chain: Any) -> Any:
        return crf.log_partition(*chain)[0], (crf.viterbi(*chain), crf.sequence_score(tags, *chain))

    found = differentiated(run, [], 4)(emissions, *scores)
    np.testing.assert_allclose(found.loss, expected, rtol=2e-6)
    np.testing.assert_allclose(
        found.results[1][0], numpy_crf.score(tags[0], *exact), rtol=2e-6, atol=1e-8 * steps * scale
    )
    best = np.asarray(found.results[0].tags)[0]
    np.testing.assert_allclose(found.results[0].scores[0], numpy_crf.score(best, *exact), rtol=2e-6)
    probabilities = found.sources[0][0]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(found.sources[1].sum(), steps - 1, rtol=1e-5)
    in64 = differentiated(run, [], 4)(*(one.astype("float64") for one in (emissions, *scores)))
    np.testing.assert_allclose(in64.loss, expected, rtol=1e-12)
    np.testing.assert_allclose(probabilities, in64.sources[0][0], atol=2e-3 if scale > 1 else 1e-4)
    assert (best == np.asarray(in64.results[0].tags)[0]).mean() > 0.999


def test_the_two_ways_agree(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of probabilities and sums in log space: at the widest transitions, and emissions of any size."""
    from kerasrnn.engine import chain

    mask = np.repeat(MASK, 4, axis=0)
    for dtype, scale, tolerance in (("float64", 1e4, 1e-9), ("float32", 1e4, 2e-2), ("float32", 1.0, 1e-4)):
        case = Case(rng, mask)
        span = chain.LARGEST_RANGE[dtype]
        transitions = case.transitions - case.transitions.min()
        case.transitions = 0.999 * span * transitions / transitions.max()
        emissions = to_tensor((scale * case.emissions).astype(dtype))
        arguments = emissions, to_tensor(case.transitions.astype(dtype)), to_tensor(mask)
        weights = to_tensor(rng.standard_normal(len(mask)).astype(dtype))
        logs, products = chain._log_forward(*arguments), chain._product_forward(*arguments)
        np.testing.assert_allclose(*map(np.asarray, (logs[0], products[0])), rtol=1e-6 if dtype == "float32" else 1e-13)
        for log, product in zip(
            chain._log_backward(logs[1], *arguments, weights),
            chain._product_backward(products[1], *arguments, weights),
            strict=True,
        ):
            np.testing.assert_allclose(np.asarray(log), np.asarray(product), atol=tolerance)


def test_second_derivatives(rng: np.random.Generator) -> None:
    """The gradient of the gradient, with holes in the mask: against differences of the marginals."""
    mask = MASK[3:4]
    case = Case(rng, mask)
    emissions, head = case.emissions, rng.standard_normal(case.emissions.shape)
    scores = [to_tensor(one) for one in case.scores]

    def gradient(x: Any) -> Any:
        return crf.log_partition(x, *scores, to_tensor(mask))[0]

    if JAX:
        import jax

        found = jax.grad(lambda x: ops.sum(head * jax.grad(gradient)(x)))(to_tensor(emissions))
    else:
        import tensorflow as tf

        x = to_tensor(emissions)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = gradient(x)
            dot = ops.sum(head * inner.gradient(value, x))
        found = outer.gradient(dot, x)

    def dot_of() -> float:
        one = numpy_crf.enumerate_paths(emissions[0], *case.scores, mask[0])
        return float((head[0] * numpy_crf.marginals(one, mask[0], N)).sum())

    expected = central_differences(dot_of, emissions)
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-8)


def test_the_gradient_of_the_best_score_is_its_sequence(rng: np.random.Generator) -> None:
    case = Case(rng)

    def run(*chain: Any) -> Any:
        best = crf.viterbi(*chain, to_tensor(case.mask))
        return ops.sum(best.scores), best.tags

    found = differentiated(run, [], 4)(*case.given[1:5])
    np.testing.assert_array_equal(found.sources[0], found.results[..., None] == np.arange(N))
    assert found.sources[1].sum() == (case.mask.sum(axis=1) - 1).clip(0).sum()
