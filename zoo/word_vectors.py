"""Vectors of words from the text at hand, for an embedding to begin with."""

from collections.abc import Sequence

import numpy as np

_PASSES = 4  # of the power iteration; more change the vectors by less than a training step does


def word_vectors(
    texts: Sequence[np.ndarray],
    size: int,
    width: int,
    *,
    first: int = 2,
    contexts: int = 4000,
    window: int = 5,
    seed: int,
) -> np.ndarray:
    r"""Vectors of words that stand in like surroundings: the positive pointwise mutual information, in few dimensions.

    $$
    M_{wc} = \max\Bigl(0, \log \frac{n_{wc}\, \sum_{c'} n_{c'}^{3/4}}{n_w\, n_c^{3/4}}\Bigr), \qquad
    M \approx U_k \Sigma_k V_k^\top, \qquad \text{vectors} = U_k \Sigma_k^{1/2}
    $$

    where n counts pairs of words within the window, a pair at distance d for 1/d.

    Args:
        texts: the ids of the words of each, in order; pairs do not cross from one to the next.
        size: ids in all.
        width: of the vectors.
        first: the least id that stands for a word; those below, such as padding, have vectors of zeros.
        contexts: only words with ids below `first + contexts` are surroundings: give frequent words low ids.
        window: greatest distance.
        seed: of the directions that the search for U begins with.

    Returns:
        `(size, width)` float32, with a mean square of 1 over all words.

    Raises:
        ValueError: more dimensions than there are surroundings, or texts without any pair of words.

    Reference: O. Levy, Y. Goldberg and I. Dagan, Improving distributional similarity with lessons learned from word
    embeddings, TACL 2015; N. Halko, P. Martinsson and J. Tropp, Finding structure with randomness, SIAM Review 2011.
    """
    surroundings = min(contexts, size - first)
    if not 0 < width <= surroundings:
        raise ValueError(f"`width` must be from 1 to the {surroundings} surroundings; received {width}.")
    counts = _counts(texts, size, first, surroundings, window)
    total = counts.sum(axis=1, keepdims=True)
    if not total.any():
        raise ValueError("the texts hold no two words next to each other.")
    smoothed = counts.sum(axis=0) ** 0.75
    smoothed /= smoothed.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(counts / (total * smoothed))
    information = np.where(np.isfinite(information), np.maximum(information, 0), 0).astype(np.float32)

    rng = np.random.default_rng(seed)
    spare = min(width + 20, surroundings)
    basis = rng.standard_normal((surroundings, spare)).astype(np.float32)
    for _ in range(_PASSES):
        basis, _ = np.linalg.qr(information.T @ (information @ basis))
    left, values, _ = np.linalg.svd(information @ basis, full_matrices=False)
    vectors = left[:, :width] * np.sqrt(values[:width])
    vectors[:first] = 0  # but for rounding they are
    return np.asarray(vectors / np.sqrt(np.mean(vectors[first:] ** 2)), np.float32)


def _counts(texts: Sequence[np.ndarray], size: int, first: int, surroundings: int, window: int) -> np.ndarray:
    """How often each word stands near each of the surroundings, `(size, surroundings)`."""
    ids = np.concatenate([np.asarray(text, np.int64) for text in texts])
    owner = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    counts = np.zeros(size * surroundings, np.float32)
    for distance in range(1, window + 1):
        together = owner[distance:] == owner[:-distance]
        before, after = ids[:-distance][together], ids[distance:][together]
        for word, context in ((before, after), (after, before)):
            counted = (word >= first) & (context >= first) & (context < first + surroundings)
            pairs = word[counted] * surroundings + context[counted] - first
            counts += np.bincount(pairs, minlength=len(counts)).astype(np.float32) / distance
    return counts.reshape(size, surroundings)
