"""The code of docs/not_learning.md runs, and shows what the page says."""

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

PAGE = Path(__file__).parents[2] / "docs" / "not_learning.md"


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    printed: list[str] = []
    names: dict[str, Any] = {"print": lambda *words: printed.append(" ".join(map(str, words)))}
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    exec("\n".join(blocks), names)
    return names | {"printed": printed[0]}


def test_an_output_that_begins_with_the_frequencies(page: dict[str, Any]) -> None:
    labels = page["labels"]
    logits = page["output"](np.zeros((*labels.shape, 32), "float32"))
    loss = float(np.mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)))
    entropy = stats.entropy(np.unique(labels, return_counts=True)[1])
    assert page["printed"] == f"frequencies alone: {entropy:.2f} nats; chance: 6.91"
    assert entropy < loss < entropy + 0.6


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
