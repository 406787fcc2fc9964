"""The hypotheses of a beam search, step by step, with their scores and where each goes on from."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from kerasrnn.viz.figures.layout import Page, Size, checked_size, inches, root_of
from kerasrnn.viz.figures.style import TEXT_SIZE, Title, styled, text_size
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import drawable, fonts_for
from kerasrnn.viz.tokens import isolate, label

_COLUMN, _LINE, _WIDEST, _LEFT, _GAP = 0.78, 0.62, 11.5, 0.55, 0.45  # inches
_NODE = (0.74, 0.5)  # of a column and of a line
_MOST_RESULTS = 10
_HIGHEST = 60.0  # inches


class _Tree(NamedTuple):
    """Hypotheses by step and rank, the `chances` of their tokens, and whether there is a step before the first."""

    tokens: np.ndarray
    parents: np.ndarray
    scores: np.ndarray
    ended: np.ndarray  # before the step
    on_best: np.ndarray
    survives: np.ndarray
    chances: np.ndarray
    goes_on: bool


@styled
def beam_tree(
    tokens: np.ndarray,
    parents: np.ndarray,
    scores: np.ndarray,
    vocabulary: Sequence[str],
    *,
    finished: np.ndarray | None = None,
    before: np.ndarray | None = None,
    results: Sequence[str] | None = None,
    title: str | None = None,
    first: int = 0,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw a beam search: a column a step, the best hypothesis on top, a line from each to the one it goes on from.

    A box is a token, coloured by its probability after its hypothesis (0 to 1), with the hypothesis' score below: the
    sum of the logarithms of its probabilities. The way to the best result is drawn strong, ways to others in the last
    beam plain, and ways that were given up faint. A hypothesis that has ended keeps its place, as a dotted line, as
    long as it is among the best.

    Args:
        tokens: (t, k), the id that each hypothesis took at the step.
        parents: (t, k), the hypothesis of the step before that it goes on from.
        scores: (t, k), non-finite where there is no hypothesis.
        vocabulary: the string of each id.
        finished: (t, k) bool, whether it has ended; without, none has.
        before: (k,), the scores of the step before the first one shown, where these are a window of a longer search.
        results: what the hypotheses of the last step say, best first; at most ten are written.
        title: a line above; lines too long are wrapped.
        first: the number of the first step.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the steps need. Long searches are broken into rows.
        ax: axes in whose place all of it is drawn, instead of a new figure; `size` is then theirs.

    Returns:
        The figure.

    Raises:
        ValueError: arrays that are empty or do not fit each other, ids or parents that are not there, more steps than a
            figure holds, an unknown theme, or a size too small.
    """
    wanted = checked_size(size) if ax is None else inches(ax)
    tree = _tree(tokens, parents, scores, len(vocabulary), finished, before)
    steps, width = tree.tokens.shape
    texts = [[label(vocabulary[i], 10) for i in row] for row in tree.tokens]
    said = [f"{_number(score)}  {isolate(text)}" for score, text in zip(tree.scores[-1], results or [], strict=False)]
    said = [text if len(text) < 70 else f"{text[:69]}…" for text in said[:_MOST_RESULTS]]
    room = wanted[0] if wanted else _WIDEST
    widest = max(text_size(text, fonts_for([text]), TEXT_SIZE)[0] for row in texts for text in row)
    natural = min(max(_COLUMN, (widest + 0.12) / _NODE[0]), 1.6)
    right = 1.15
    per_row = max(1, min(steps, int((room - _LEFT - right) / natural)))
    blocks = -(-steps // per_row)
    per_row = -(-steps // blocks)
    heading = Title(title, max(per_row * natural, 5.0 if wanted is None else 0.0))
    margin, below = 0.2 + heading.height + 0.3, 0.2 + 0.24 * len(said) + (0.42 if said else 0.0)
    high = _LINE * width
    full_wide = max(_LEFT + per_row * natural + right, heading.width + 0.44)
    full_high = margin + blocks * high + (blocks - 1) * _GAP + below
    if full_high > _HIGHEST and wanted is None:
        raise ValueError(
            f"tokens: a search of {steps} steps and {width} hypotheses would be {full_high:.0f} inches high; draw a "
            f"window of about {int(steps * _HIGHEST / full_high)} steps"
        )
    if wanted is not None:
        high = (wanted[1] - margin - below - (blocks - 1) * _GAP) / blocks
        natural = (wanted[0] - _LEFT - right) / per_row
        if high < 0.25 * width or natural < 0.3:
            raise ValueError(
                f"size: this picture needs at least {full_high - blocks * (_LINE - 0.25) * width:.1f} inches of height "
                f"and {_LEFT + right + 0.3 * per_row:.1f} of width where it was given {wanted[0]:g}x{wanted[1]:g}"
            )
        full_wide, full_high = wanted
    page = Page(full_wide, full_high, ax)
    for block in range(blocks):
        start, stop = block * per_row, min((block + 1) * per_row, steps)
        axes = page.axes(_LEFT, margin + block * (high + _GAP), natural * (stop - start), high)
        _block(axes, tree, texts, start, stop, first)
    heading.put(page.figure, 0.22, 0.2)
    _scale(page, _LEFT + per_row * natural + 0.2, margin, min(high, 2.6))
    _results(page, said, margin + blocks * high + (blocks - 1) * _GAP + 0.3)
    return root_of(page.figure)


def _tree(tokens: Any, parents: Any, scores: Any, known: int, finished: Any, earlier: Any) -> _Tree:
    ids, before, sums = np.asarray(tokens), np.asarray(parents), np.asarray(scores, dtype=float)
    ended = np.zeros(ids.shape, bool) if finished is None else np.asarray(finished, bool)
    shapes = [each.shape for each in (ids, before, sums, ended)]
    if len(set(shapes)) > 1 or ids.ndim != 2 or not ids.size:
        raise ValueError(
            f"tokens, parents, scores, finished: expected non-empty arrays (t, k), received shapes {shapes}"
        )
    there = np.isfinite(sums)
    if not there.any(axis=1).all():
        raise ValueError("scores: expected a hypothesis at every step, received a step without one")
    if (ids[there] < 0).any() or (ids[there] >= known).any():
        raise ValueError(
            f"tokens: expected ids from 0 to {known - 1}, received {ids[there].min()} to {ids[there].max()}"
        )
    later = before[1:][there[1:]] if earlier is None else before[there]
    if (later < 0).any() or (later >= ids.shape[1]).any():
        raise ValueError(f"parents: expected hypotheses from 0 to {ids.shape[1] - 1}, received others")
    ids, before = np.where(there, ids, 0), np.where(there, before, 0)
    steps, width = ids.shape
    had_ended, chances = np.zeros(ids.shape, bool), np.zeros(ids.shape)
    for step in range(steps):
        if step:
            base, had_ended[step] = sums[step - 1, before[step]], ended[step - 1, before[step]]
        elif earlier is None:
            base = np.zeros(width)
        else:
            base, had_ended[0] = np.asarray(earlier, dtype=float)[before[0]], ended[0] & (ids[0] == 0)
        with np.errstate(invalid="ignore", over="ignore"):
            chances[step] = np.clip(np.nan_to_num(np.exp(sums[step] - base)), 0, 1)
    on_best, survives = np.zeros(ids.shape, bool), np.zeros(ids.shape, bool)
    on_best[-1, int(np.flatnonzero(there[-1])[0])] = True
    survives[-1] = there[-1]
    for step in reversed(range(steps - 1)):
        on_best[step, before[step + 1][on_best[step + 1]]] = True
        survives[step, before[step + 1][survives[step + 1]]] = True
    return _Tree(ids, before, sums, had_ended, on_best, survives, chances, earlier is not None)


def _block(axes: Axes, tree: _Tree, texts: list[list[str]], start: int, stop: int, first: int) -> None:
    """The steps from `start` to before `stop`; lines that come from the row above begin at its left edge."""
    width = tree.tokens.shape[1]
    axes.set(xlim=(start - 0.5, stop - 0.5), ylim=(width - 0.5, -0.5))
    axes.spines[:].set_visible(False)
    axes.set_xticks(range(start, stop), [str(first + step) for step in range(start, stop)])
    axes.set_yticks(range(width), [str(rank + 1) for rank in range(width)])
    axes.tick_params(length=0, labelsize=TEXT_SIZE - 1.5, labelcolor=look().quiet, top=False, bottom=False)
    axes.tick_params(axis="x", labeltop=True, labelbottom=False, pad=1)
    wide, high = (side / count for side, count in zip(inches(axes), (stop - start, width), strict=True))
    for step in range(start, stop):
        for rank in np.flatnonzero(np.isfinite(tree.scores[step])):
            _line(axes, tree, step, int(rank), step == start)
            if not tree.ended[step, rank]:
                _node(axes, tree, step, int(rank), texts[step][rank], wide, high)


def _line(axes: Axes, tree: _Tree, step: int, rank: int, at_edge: bool) -> None:
    if step == 0 and not tree.goes_on:
        return
    best, survives = tree.on_best[step, rank], tree.survives[step, rank]
    style: dict[str, Any] = {"color": look().edge, "linewidth": 1.0, "zorder": 1}
    if best:
        style |= {"color": look().ink, "linewidth": 2.0, "zorder": 2}
    elif not survives:
        style |= {"color": look().grid}
    if tree.ended[step, rank]:
        style |= {"linestyle": (0, (1, 1.6))}
    half = 0 if tree.ended[step, rank] else _NODE[0] / 2
    parent = int(tree.parents[step, rank])
    before = step > 0 and tree.ended[step - 1, parent]
    begin = step - 0.5 if at_edge else step - 1 + (0 if before else _NODE[0] / 2)
    axes.plot([begin, step - half], [parent, rank], solid_capstyle="butt", **style)
    if tree.ended[step, rank] and step == len(tree.tokens) - 1:
        axes.plot([step, step + 0.4], [rank, rank], **style)


def _node(axes: Axes, tree: _Tree, step: int, rank: int, text: str, wide: float, high: float) -> None:
    chance = float(tree.chances[step, rank])
    faint = not tree.survives[step, rank]
    share = 0.45 if faint else 1.0
    pairs = zip(look().map()(chance)[:3], to_rgb(look().paper), strict=True)
    colour = [share * own + (1 - share) * paper for own, paper in pairs]
    best = bool(tree.on_best[step, rank])
    across, down = _NODE[0], min(_NODE[1], 0.3 / high)
    top = rank - 0.5 + (1 - down) * 0.28
    style: dict[str, Any] = {"boxstyle": "square,pad=0", "facecolor": colour, "zorder": 3}
    style |= {"edgecolor": look().ink if best else look().edge, "linewidth": 1.6 if best else 0.6}
    axes.add_patch(FancyBboxPatch((step - across / 2, top), across, down, **style))
    families = fonts_for([text])
    shown = drawable(text)
    fits = min(1.0, across * wide * 0.94 / max(text_size(shown, families, TEXT_SIZE)[0], 0.01))
    if fits * TEXT_SIZE >= 4:
        axes.text(step, top + down / 2, shown, ha="center", va="center", size=TEXT_SIZE * fits, family=families,
                  color=_readable(colour), parse_math=False, zorder=4)  # fmt: skip
    if wide >= 0.45 and high >= 0.42:
        axes.text(step, top + down + 0.03, _number(float(tree.scores[step, rank])), ha="center", va="top",
                  size=TEXT_SIZE - 2.5, color=look().quiet if faint else look().ink, zorder=4)  # fmt: skip


def _readable(colour: Any) -> str:
    """Black or white, whichever stands out."""
    linear = [(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in colour[:3]]
    return "#000000" if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.18 else "#ffffff"


def _number(score: float) -> str:
    if not np.isfinite(score):
        return "none"
    return (
        f"{score:.2f}".replace("-0.00", "0.00").replace("-", "−")
        if abs(score) < 100
        else f"{score:.0f}".replace("-", "−")
    )


def _scale(page: Page, x: float, top: float, high: float) -> None:
    axes = page.axes(x, top, 0.14, high)
    bar = Colorbar(axes, ScalarMappable(Normalize(0, 1), look().map()), ticks=[0, 0.5, 1])
    bar.set_ticklabels(["0", "0.5", "1"])
    bar.outline.set_visible(False)
    axes.tick_params(labelsize=TEXT_SIZE - 1, length=2, labelcolor=look().quiet)
    text = "probability of the token" if high >= 1.7 else "probability" if high >= 0.9 else "p"
    bar.set_label(text, size=TEXT_SIZE, color=look().quiet)


def _results(page: Page, said: list[str], top: float) -> None:
    if not said:
        return
    page.text(
        _LEFT, top, "score and text of the last beam, best first", va="top", size=TEXT_SIZE - 1, color=look().quiet
    )
    for row, text in enumerate(said):
        families = fonts_for([text])
        page.text(_LEFT, top + 0.24 * (row + 1), drawable(text), va="top", family=families, size=TEXT_SIZE,
                  color=look().ink, parse_math=False)  # fmt: skip
