"""A beam search as a page: the tree of hypotheses, the way to each, and the search step by step."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasrnn.viz.pages.page import Page, assembled, packed
from kerasrnn.viz.tokens import visible


def beam_page(
    tokens: Sequence[Sequence[str]],
    parents: np.ndarray,
    scores: np.ndarray,
    finished: np.ndarray,
    *,
    texts: Sequence[str] | None = None,
    title: str | None = None,
    theme: str | None = None,
) -> Page:
    """Make a page of one search: a node for each of k hypotheses after each of t steps, best first.

    A node's colour is the probability of its token given its text so far, from the difference of two scores.

    Args:
        tokens: t lists of k strings, the token that each hypothesis took; not read where it had ended before.
        parents: (t, k) whole numbers, the hypothesis of the step before that it goes on from.
        scores: (t, k), the sum of its tokens' log-probabilities, -inf where there is no hypothesis.
        finished: (t, k) bool, whether it has ended.
        texts: the texts after the last step; by default their tokens, joined.
        title: a line above.
        theme: `light` or `dark` at first; None for the reader's system's.

    Returns:
        The page.

    Raises:
        ValueError: arrays of different shapes, no step, no hypothesis, or parents that are none.
    """
    parents, scores, finished = np.asarray(parents), np.asarray(scores, float), np.asarray(finished, bool)
    shapes = {parents.shape, scores.shape, finished.shape, (len(tokens), len(tokens[0]) if len(tokens) else 0)}
    if len(shapes) > 1 or scores.ndim != 2 or 0 in scores.shape or any(len(row) != scores.shape[1] for row in tokens):
        raise ValueError(
            f"tokens, parents, scores and finished: expected one shape (t, k) with t, k > 0, received {shapes}"
        )
    alive = np.isfinite(scores)
    if not alive[-1].any():
        raise ValueError("scores: expected at least one hypothesis after the last step, received only -inf")
    if ((parents < 0) | (parents >= scores.shape[1]))[alive].any():
        raise ValueError(f"parents: expected 0 to {scores.shape[1] - 1} where there is a hypothesis, received others")
    content: dict[str, Any] = {
        "tokens": [[visible(token) for token in row] for row in tokens],
        "parents": np.clip(parents, 0, scores.shape[1] - 1).tolist(),
        "scores": packed(scores),
        "ended": finished.tolist(),
        "finals": [visible(text) for text in (_joined(tokens, parents, finished) if texts is None else texts)],
    }
    steps, width = scores.shape
    what = f"beam search, {width} wide, {steps} steps"
    return assembled(what, title, theme, ("matrix.js", "beam.js"), content)


def _joined(tokens: Sequence[Sequence[str]], parents: np.ndarray, finished: np.ndarray) -> list[str]:
    """The text of each hypothesis after the last step."""
    texts = []
    for rank in range(parents.shape[1]):
        here, found = rank, []
        for step in range(len(tokens) - 1, -1, -1):
            parent = int(parents[step][here])
            if step == 0 or not finished[step - 1][parent]:
                found.append(tokens[step][here])
            here = parent
        texts.append("".join(reversed(found)))
    return texts
