"""Whether attention says what mattered (after Jain and Wallace 2019)."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kerasrnn.viz.figures.layout import Page, Size, fitted, root_of, wanted_size
from kerasrnn.viz.figures.style import TEXT_SIZE, Title, styled
from kerasrnn.viz.figures.themes import look

_WIDE, _HIGH, _GAP, _LEFT, _RIGHT = 4.2, 3.4, 1.0, 0.85, 0.35  # inches
_BINS = np.linspace(-1, 1, 21)


@styled
def faithfulness(
    tau: np.ndarray,
    strongest: np.ndarray,
    variation: np.ndarray,
    *,
    title: str | None = None,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw how weights agree with gradients, and what permuting them changes.

    Left: how many rows of an alignment have which Kendall τ between their weights and the norms of the gradients; 1 is
    the same order, 0 none. Right, a dot a row: its greatest weight, and the median of the total variation distances to
    the outputs under permuted weights, from the least to the greatest of them. Sure attention whose permutation changes
    nothing, low at the right, explains nothing.

    Args:
        tau: (n,), NaN where a row has no ranks to compare.
        strongest: (n,), the greatest weight of each row.
        variation: (n, k), total variation distances, one for each permutation.
        title: a line above; lines too long are wrapped.
        theme: `light`, `dark` or `print`.
        size: inches, width and height.
        ax: axes in whose place both are drawn, instead of a new figure; `size` is then theirs.

    Returns:
        The figure.

    Raises:
        ValueError: no rows, arrays that do not fit each other, an unknown theme, or a size too small.
    """
    wanted = wanted_size(size, ax)
    taus, weights, distances = (np.asarray(each, dtype=float) for each in (tau, strongest, variation))
    if taus.ndim != 1 or weights.shape != taus.shape or distances.shape[:1] != taus.shape or distances.ndim != 2:
        shapes = taus.shape, weights.shape, distances.shape
        raise ValueError(f"tau, strongest, variation: expected (n,), (n,) and (n, k), received {shapes}")
    if not distances.size:
        raise ValueError("tau, strongest, variation: expected at least one row and one permutation, received none")
    wide = fitted(_WIDE, wanted[0], _LEFT + _RIGHT, 2, _GAP)
    heading = Title(title, 2 * wide + _GAP)
    margin, below = 0.2 + heading.height + 0.34, 0.62
    high = fitted(_HIGH, wanted[1], margin + below)
    page = Page(wanted[0] or max(_LEFT + 2 * wide + _GAP + _RIGHT, heading.width + 0.44), margin + high + below, ax)
    heading.put(page.figure, 0.22, 0.2)
    _histogram(page.axes(_LEFT, margin, wide, high), taus)
    _scatter(page.axes(_LEFT + wide + _GAP, margin, wide, high), weights, distances)
    return root_of(page.figure)


def _histogram(axes: Axes, taus: np.ndarray) -> None:
    known = taus[np.isfinite(taus)]
    axes.hist(known, bins=list(_BINS), color=look().lines[0], edgecolor=look().paper, linewidth=0.6)
    axes.set(xlim=(-1, 1), xticks=[-1, -0.5, 0, 0.5, 1])
    axes.set_xticklabels(["−1", "−0.5", "0", "0.5", "1"])
    axes.set_ylim(0, max(axes.get_ylim()[1], 1))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("Kendall τ of weights and gradients")
    axes.set_ylabel("rows of the alignment")
    said = "no row has ranks to compare"
    if known.size:
        median = float(np.median(known))
        axes.axvline(median, color=look().ink, linewidth=1.2, linestyle=(0, (4, 2)))
        said = f"median {median:.2f}".replace("-", "−") + f" of {known.size}"
    if known.size < taus.size:
        said += f"; {taus.size - known.size} without ranks" if known.size else ""
    _dress(axes, said)


def _scatter(axes: Axes, weights: np.ndarray, distances: np.ndarray) -> None:
    known = np.isfinite(weights) & np.isfinite(distances).all(axis=1)
    broken, total = int((~known).sum()), distances.shape[1]
    weights, distances = weights[known], distances[known]
    middle = np.median(distances, axis=1)
    ends = np.stack([middle - distances.min(axis=1), distances.max(axis=1) - middle])
    style: dict[str, Any] = {"fmt": "o", "color": look().lines[1], "markersize": 4.5, "elinewidth": 0.7}
    style |= {"alpha": 0.8 if weights.size <= 60 else 0.45, "markeredgewidth": 0}
    axes.errorbar(weights, middle, yerr=ends, **style)
    axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    axes.set_xticklabels(["0", "0.5", "1"])
    axes.set_yticklabels(["0", "0.5", "1"])
    axes.set_xlabel("greatest weight of the row")
    axes.set_ylabel("change of the output (total variation)")
    said = f"{total} permutations a row: median, least, greatest"
    _dress(axes, f"{total} permutations a row; {broken} row{'s'[: broken != 1]} NaN or infinite" if broken else said)


def _dress(axes: Axes, said: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=look().grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_title(said, loc="left", size=TEXT_SIZE, color=look().quiet, pad=6)
