"""Figures of gradients, weights and trainings: the arrays that they plot, their labels and layout, then their bytes."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

sys.path.insert(0, str(Path(__file__).parent))
from figure_cases import SCRIPTS, check_layout, drawn_texts, ticks, words

from kerasrnn.viz import (
    bptt_rows,
    jacobian_heatmap,
    saliency_text,
    training_curves,
    weight_gradients,
    weights_heatmap,
    write_figure,
)
from kerasrnn.viz.figures.bptt_rows import by_lag, median_horizon
from kerasrnn.viz.figures.layout import inches
from kerasrnn.viz.training_log import Series

RNG = np.random.default_rng(7)
NORMS = np.tril(10.0 ** -RNG.uniform(0, 7, (6, 6)))
GATES = ("input", "forget", "candidate", "output")
KERNELS = {f"kernel/{gate}": RNG.standard_normal((3, 4)) for gate in GATES}
KERNELS |= {f"recurrent_kernel/{gate}": RNG.standard_normal((4, 4)) for gate in GATES}
KERNELS |= {f"bias/{gate}": RNG.standard_normal(4) for gate in GATES}
SINGULAR = {name: np.linalg.svd(array)[1] for name, array in KERNELS.items() if "kernel" in name}
RADIUS = {f"recurrent_kernel/{gate}": 0.9 for gate in GATES}
PULLS = {f"lstm/{name}": np.array([10.0**-number, 10.0 ** -(number + 1)]) for number, name in enumerate(KERNELS)}
LOG = {
    "epoch": Series(np.arange(4.0), np.arange(4.0)),
    "loss": Series(np.array([1.0, 2, 3, 4]), np.array([2.0, np.nan, 1.0, 0.5])),
    "val_loss": Series(np.array([2.0, 4]), np.array([2.1, 0.7])),
    "accuracy": Series(np.array([1.0, 4]), np.array([0.1, 0.9])),
    "saturation/low/forget/below": Series(np.array([1.0, 4]), np.array([0.1, 0.2])),
    "saturation/low/forget/above": Series(np.array([1.0, 4]), np.array([0.3, 0.4])),
    "dead/low": Series(np.array([1.0, 4]), np.array([0.0, 0.5])),
    "gradient_norm": Series(np.array([1.0, 4]), np.array([1e-2, 1e2])),
    "gradient_norm/dense/kernel": Series(np.array([1.0, 4]), np.array([1e-3, 1.0])),
    "gate_gradient/low/recurrent_kernel/forget": Series(np.array([1.0, 4]), np.array([1e-3, 0.0])),
    "step_gradient/low": Series(np.array([1.0, 4]), np.array([[1e-4, 1e-2, 1.0], [np.nan, 1e-1, 1.0]])),
    "horizon/low": Series(np.array([1.0, 4]), np.array([3.0, 2.0])),
    "clip_fraction": Series(np.array([1.0, 4]), np.array([1.0, 0.25])),
    "tokens_per_second": Series(np.array([1.0, 4]), np.array([900.0, 1100.0])),
}


def rows_of(batch: int, steps: int) -> np.ndarray:
    return by_lag(np.exp(-0.3 * RNG.random((batch, 1)) * np.arange(steps)[::-1]), np.ones((batch, steps), bool))


def drawn(name: str, **options: Any) -> Any:
    draw = {
        "jacobian": lambda: jacobian_heatmap(NORMS, list("abcdef"), list("uvwxyz"), **options),
        "saliency": lambda: saliency_text(RNG.standard_normal(30), words(30), note="Σ = 1, gap 0", **options),
        "rows": lambda: bptt_rows({"forward": rows_of(9, 12), "backward": rows_of(9, 12)}, **options),
        "weights": lambda: weights_heatmap(KERNELS, singular=SINGULAR, radius=RADIUS, **options),
        "weight gradients": lambda: weight_gradients(PULLS, **options),
        "training": lambda: training_curves(LOG, **options),
    }
    return draw[name]()


NAMES = ("jacobian", "saliency", "rows", "weights", "weight gradients", "training")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_overlaps(name: str, theme: str) -> None:
    figure = drawn(name, title="A title of some length, so that it may need two lines", theme=theme)
    check_layout(figure)
    with pytest.raises(ValueError, match="theme: expected one of"):
        drawn(name, theme="sepia")


@pytest.mark.parametrize("name", NAMES)
def test_a_size_is_kept(name: str) -> None:
    size = {"weights": (11, 12), "training": (14, 16), "weight gradients": (9, 6)}.get(name, (8, 5))
    assert inches(drawn(name, size=size)) == pytest.approx(size, abs=0.05)
    with pytest.raises(ValueError, match="size: "):
        drawn(name, size=(0.5, 0.5))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_bytes(name: str, tmp_path: Path) -> None:
    for suffix in ("png", "svg"):
        files = [tmp_path / f"{number}.{suffix}" for number in range(2)]
        figure = drawn(name)
        for path in files:
            write_figure(figure, path, dpi=40)
        assert files[0].read_bytes() == files[1].read_bytes()


def test_the_jacobian_as_it_is_plotted() -> None:
    figure = jacobian_heatmap(NORMS, list("abcdef"), list("uvwxyz"), source_mask=np.arange(6) < 5)
    image = figure.axes[0].images[0]
    shown = image.get_array()
    np.testing.assert_array_equal(shown.mask, NORMS == 0)
    np.testing.assert_array_equal(shown.compressed(), NORMS[NORMS > 0])
    kept = NORMS[:, :5]
    assert image.norm.vmax == kept.max()
    assert image.norm.vmin == max(kept[kept > 0].min(), 1e-5 * kept.max())
    assert ticks(figure.axes[0].xaxis) == list("abcdef")
    assert ticks(figure.axes[0].yaxis) == list("uvwxyz")
    broken = NORMS.copy()
    broken[3, 1] = np.nan
    assert len(jacobian_heatmap(broken).axes[0].images) == 2, "what is no number has a colour of its own"
    check_layout(jacobian_heatmap(np.zeros((3, 3))))
    for bad in (np.zeros(3), np.zeros((0, 3)), -np.ones((2, 2))):
        with pytest.raises(ValueError, match="jacobian: expected"):
            jacobian_heatmap(bad)
    with pytest.raises(ValueError, match=r"mask: expected shape \(i,\) = \(6,\)"):
        jacobian_heatmap(NORMS, mask=np.ones(5, bool))


@pytest.mark.parametrize("script", SCRIPTS)
def test_tokens_of_all_scripts(script: str) -> None:
    tokens = SCRIPTS[script]
    check_layout(saliency_text(RNG.standard_normal(len(tokens)), tokens, note="n"))
    check_layout(jacobian_heatmap(RNG.random((len(tokens),) * 2), tokens, tokens))


def test_saliency_as_it_is_plotted() -> None:
    values = np.array([0.5, -1.0, 0.0, np.nan, 0.25])
    figure = saliency_text(values, list("abcde"), mask=np.array([1, 1, 1, 1, 0], bool), note="gap")
    boxes = figure.axes[0].patches
    assert len(boxes) == 4, "padding is left out"
    red, blue, white, _ = (box.get_facecolor()[:3] for box in boxes)
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert min(white) > 0.95
    texts = [text.get_text() for text, _ in drawn_texts(figure)]
    for text in ("a", "+0.50", "−1.00", "0", "NaN", "gap"):
        assert text in texts
    long = "integrated gradients, logit of the model's own choice at output step 9: F(x) = 14.5, F(0) = 1.68"
    for count in (1, 3, 30, 100):
        noted = saliency_text(RNG.standard_normal(count), words(count), title="title", note=f"{long}\nΣ = 12.9")
        check_layout(noted)
        said = {text.get_text().replace("\n", " ") for text, _ in drawn_texts(noted)}
        assert f"{long} Σ = 12.9" in said
    check_layout(saliency_text(np.ones(2), list("ab"), note=long, size=(4, 2)))
    many = saliency_text(RNG.standard_normal(500), words(500))
    check_layout(many)
    check_layout(saliency_text(np.zeros(3), list("abc"), mask=np.zeros(3, bool)))
    with pytest.raises(ValueError, match="values: expected a non-empty array"):
        saliency_text(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="expected at most 5000 tokens on one page, received 100000; draw a window"):
        saliency_text(np.zeros(100_000))


def test_rows_by_lag() -> None:
    norms = np.array([[1.0, 2, 3, 0], [4, 9, 5, 6], [0, 0, 0, 0]])
    mask = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1]], bool)
    np.testing.assert_array_equal(by_lag(norms, mask), [[3, 2, 1], [6, 5, 4], [np.nan] * 3])
    backwards = by_lag(norms[:, ::-1], mask[:, ::-1], backwards=True)
    np.testing.assert_array_equal(backwards, by_lag(norms, mask))
    assert median_horizon(by_lag(norms, mask)) == 2
    assert median_horizon(np.array([[1.0, 0.02, 0.009], [1.0, 0.02, 0.02], [1.0, 0.0, 0.001]])) == 1
    assert median_horizon(np.full((2, 3), np.nan)) is None
    nothing = by_lag(np.zeros((2, 3)), np.zeros((2, 3), bool))
    assert nothing.shape == (2, 0)
    assert "no gradient reaches this layer" in [text.get_text() for text, _ in drawn_texts(bptt_rows({"": nothing}))]
    lagged = rows_of(9, 12)
    (line, *_), (band,) = (lambda axes: (axes.lines, axes.collections))(bptt_rows({"": lagged}).axes[0])
    np.testing.assert_allclose(line.get_ydata(), np.median(lagged, axis=0))
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(np.quantile(lagged, 0.25, axis=0).min())
    assert heights.max() == pytest.approx(np.quantile(lagged, 0.75, axis=0).max())


def test_rows_that_are_no_numbers_are_counted() -> None:
    norms = np.array([[1.0, 2, 3], [np.nan] * 3, [0, 0, 0]])
    lagged = by_lag(norms, np.ones((3, 3), bool))
    np.testing.assert_array_equal(lagged, [[3, 2, 1], [np.nan] * 3, [np.nan] * 3])
    texts = [text.get_text() for text, _ in drawn_texts(bptt_rows({"": lagged}))]
    assert "median and quartiles of 1 row, 2 without a gradient that is a number, horizon 2 steps" in texts
    alone = by_lag(norms[1:2], np.ones((1, 3), bool))
    assert alone.shape == (1, 3)
    texts = [text.get_text() for text, _ in drawn_texts(bptt_rows({"": alone}))]
    assert "the gradient is NaN or infinite" in texts


def test_weight_gradients_that_are_no_numbers() -> None:
    figure = weight_gradients({f"l/kernel/{gate}": np.full(2, np.nan) for gate in ("input", "forget", "output")})
    texts = [text.get_text() for text, _ in drawn_texts(figure)]
    assert texts.count("NaN") == 6
    assert texts.count("the gradient is NaN or infinite") == 2
    check_layout(figure)


def test_weights_as_they_are_plotted() -> None:
    figure = weights_heatmap(KERNELS, singular=SINGULAR, radius=RADIUS)
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 8, "biases are left out"
    order = ("input", "forget", "output", "candidate")
    for image, gate in zip(images, order, strict=False):
        np.testing.assert_array_equal(image.get_array(), KERNELS[f"kernel/{gate}"])
        assert image.norm.vmin == -image.norm.vmax
    curves = [axes.lines[0].get_ydata() for axes in figure.axes if axes.lines]
    np.testing.assert_allclose(curves[0], SINGULAR["kernel/input"])
    assert sum("spectral radius 0.9" in axes.get_xlabel() for axes in figure.axes) == 4
    check_layout(weights_heatmap({"kernel": np.ones((2, 3)), "recurrent_kernel": np.array([0.5, np.nan, 1])}))
    with pytest.raises(ValueError, match="weights: expected kernels"):
        weights_heatmap({"bias": np.ones(3)})


def test_weight_gradients_as_they_are_plotted() -> None:
    figure = weight_gradients(PULLS | {"lstm/extra": np.array([0.0, np.nan])})
    for which, axes in enumerate(figure.axes):
        tops = sorted(bar.get_y() + bar.get_height() for bar in axes.patches if np.isfinite(bar.get_height()))
        np.testing.assert_allclose(tops, sorted(pair[which] for pair in PULLS.values()))
        assert axes.get_yscale() == "log"
    assert {text.get_text() for axes in figure.axes for text in axes.texts} >= {"0", "–"}
    with pytest.raises(ValueError, match="norms: expected pairs"):
        weight_gradients({"a": np.ones(3)})


def test_a_training_as_it_is_plotted() -> None:
    figure = training_curves(LOG, title="run")
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_title(loc="left")}
    assert set(panels) == {
        "loss", "metrics", "gates saturated: low", "units dead, gates stuck", "gradient norm, all weights",
        "gradient norm by weight", "gradient norm by gate: low", "gradient norm by step: low", "horizon, steps",
        "share of updates clipped", "tokens per second",
    }  # fmt: skip
    loss = panels["loss"]
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), LOG["loss"].values)
    np.testing.assert_array_equal(loss.lines[1].get_xdata(), [2.0])
    assert loss.lines[1].get_marker() == "x", "where the loss was not finite"
    assert panels["gradient norm, all weights"].get_yscale() == "log"
    assert panels["share of updates clipped"].get_ylim() == (-0.02, 1.02)
    (mesh,) = (part for part in panels["gradient norm by step: low"].collections if isinstance(part, QuadMesh))
    assert mesh.get_array().shape == (3, 2)
    zoo = {"loss": LOG["loss"], "seconds": LOG["epoch"], "exact": LOG["accuracy"]}
    check_layout(training_curves(zoo))
    with pytest.raises(ValueError, match="log: expected series of numbers beside the clock's"):
        training_curves({"epoch": LOG["epoch"]})
