"""How much each pair of words says about a label, for an embedding of pairs to begin with."""

from collections.abc import Callable, Sequence

import numpy as np

LEAST = 20  # texts that a pair must be in: what a rarer one says of its own text would be learned by heart
PRIOR = 2.0  # added to every count


def pair_ratios(
    texts: Sequence[np.ndarray], labels: np.ndarray, bucket: Callable[[np.ndarray], np.ndarray], buckets: int
) -> np.ndarray:
    r"""Logarithms of how much more often a pair of words is in texts of a label than in the others.

    $$
    r_p = \log \frac{(n_{p} + 2) / \sum_q (n_q + 2)}{(\bar n_{p} + 2) / \sum_q (\bar n_q + 2)}
    $$

    where n counts texts of the label that hold the pair and $\bar n$ those of other labels, over the pairs that are in
    at least 20 texts.

    Args:
        texts: the ids of the words of each, in order.
        labels: `(n,)` the label of each, counted from 0.
        bucket: ids `(b, t)` to those of pairs `(b, t)`, as `kerasrnn.layers.HashedPairs`.
        buckets: ids of pairs in all.

    Returns:
        `(buckets, k)` float32: k is 1 for two labels (of the second), else a column a label; 0 for buckets without a
        frequent pair. Of two in one bucket the more frequent one counts.

    Reference: S. Wang and C. Manning, Baselines and bigrams: simple, good sentiment and topic classification, ACL 2012.
    """
    count = int(labels.max()) + 1
    columns = [1] if count == 2 else list(range(count))
    size = max(int(text.max(initial=0)) for text in texts) + 1
    held = [np.unique(np.r_[0, text[:-1]].astype(np.int64) * size + text) for text in texts]
    keys, of = np.unique(np.concatenate(held), return_inverse=True)
    whose = np.repeat(labels, [len(each) for each in held])
    table = np.bincount(of * count + whose, minlength=len(keys) * count).reshape(len(keys), count)
    frequent = np.flatnonzero(table.sum(axis=1) >= LEAST)
    frequent = frequent[np.argsort(table[frequent].sum(axis=1), kind="stable")]  # in one bucket the last one stays
    pairs, table = np.stack([keys // size, keys % size], axis=1)[frequent], table[frequent]
    ratios = np.zeros((buckets, len(columns)), np.float32)
    if len(pairs):
        within, without = table + PRIOR, table.sum(axis=1, keepdims=True) - table + PRIOR
        logs = np.log(within / within.sum(axis=0)) - np.log(without / without.sum(axis=0))
        ratios[np.asarray(bucket(pairs))[:, 1]] = logs[:, columns]
    return ratios
