"""The code of docs/not_learning.md runs, and shows what the page says."""

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

PAGE = Path(__file__).parents[2] / "docs" / "not_learning.md"


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    exec("\n".join(blocks), names)
    return names


def test_an_output_that_begins_with_the_frequencies(page: dict[str, Any]) -> None:
    labels, shares = page["labels"], page["shares"]
    logits = page["output"](np.zeros((*labels.shape, 32), "float32"))
    loss = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    counts = np.bincount(labels.ravel(), minlength=1000)
    assert np.mean(loss) == pytest.approx(-(counts / counts.sum() * np.log(shares)).sum(), rel=1e-5)
    assert np.mean(loss) < np.log(1000) - 1


def test_rows_that_are_read_often(page: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    rows, moved = page["rows"], page["moved"]
    whole = tf.convert_to_tensor(rows)
    expected = moved(whole)
    if keras.__version__.startswith("3.15."):
        assert moved(rows) == pytest.approx(2 * expected, rel=1e-3)
    monkeypatch.setattr(keras.optimizers, "Adam", page["DenseAdam"])
    assert moved(rows) == moved(whole) == pytest.approx(expected)


def test_the_average_begins_with_the_first_weights() -> None:
    weight = keras.Variable(1.0)
    optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.99)
    optimizer.build([weight])
    optimizer.apply([tf.constant(0.0)])
    weight.assign(0.0)
    for _ in range(100):
        optimizer.apply([tf.constant(0.0)])
    optimizer.finalize_variable_values([weight])
    assert float(weight) == pytest.approx(0.99**100, rel=1e-4)


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        text = (PAGE.parent / file if file else PAGE).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, target
