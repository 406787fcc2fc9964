"""One capture less another."""

import numpy as np
import pytest

from kerasrnn.viz import Capture
from kerasrnn.viz.difference import difference


def test_what_differs(rng: np.random.Generator) -> None:
    one, two = rng.random((2, 2, 3, 4))
    mask = np.array([[1, 1, 1], [1, 1, 0]], bool)
    other = np.array([[1, 1, 1], [0, 1, 1]], bool)
    first = Capture({"a/forget": one, "a/reset": one}, "a", mask=mask)
    second = Capture({"b/forget": two, "b/output": two}, "b", tokens=[list("xyz"), list("xy")], mask=other)
    found = difference(first, second)
    assert list(found.arrays) == ["b/forget"]
    np.testing.assert_allclose(found.arrays["b/forget"], two - one)
    np.testing.assert_array_equal(found.mask, mask & other)
    assert found.tokens == [list("xyz"), ["x", "y", ""]]
    assert found.facts["largest"]["forget"] == pytest.approx(np.abs(two - one)[mask & other].max())


def test_heads(rng: np.random.Generator) -> None:
    one, two = rng.random((2, 1, 2, 3, 5))
    mask = np.array([[1, 1, 0]], bool)
    source = np.array([[1, 1, 1, 1, 0]], bool)
    found = difference(*(Capture({"x/alignment": each}, "x", mask=mask, source_mask=source) for each in (one, two)))
    assert found.facts["largest"]["alignment"] == pytest.approx(np.abs(two - one)[:, :, :2].max())
    np.testing.assert_array_equal(found.source_mask, source)


def test_what_has_no_difference(rng: np.random.Generator) -> None:
    x = rng.random((1, 3, 4))
    first = Capture({"a/forget": x}, "a", tokens=[list("abc")])
    for other, message in (
        (Capture({"a/reset": x}, "a"), r"expected arrays that the first has too \(forget\), received reset"),
        (Capture({"a/forget": x[:, :2]}, "a"), r"expected 'forget' of shape \(1, 3, 4\).*received \(1, 2, 4\)"),
        (Capture({"a/forget": x}, "a", tokens=[list("abx")]), "expected the tokens of the first, received others"),
    ):
        with pytest.raises(ValueError, match=message):
            difference(first, other)
