"""Every attention from its paper's equations, in NumPy, float64, one query and one place at a time.

A memory here has no mask: masked places are taken out before, and their weights, 0, put in afterwards. So whatever is
held against these also shows that padding changes nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy_cells import Array, sigmoid

Attention = Callable[[Array, Array], Iterator[Array]]
"""Of the queries (t, d), those that count, and the memory (s, m): the alignment (s,) of one query after the other."""


def softmax(energies: Array) -> Array:
    weights = np.array([np.exp(e - max(energies)) for e in energies])
    return weights / weights.sum()


def additive(weights: dict[str, Array], query: Array, key: Array, plus: Array | float = 0.0) -> float:
    """vᵀ tanh(W_s s + W_h h + b + plus), v of unit length times g where there is a g."""
    vector = np.ravel(weights["score_vector"])
    if "score_gain" in weights:
        vector = float(weights["score_gain"]) * vector / np.linalg.norm(vector)
    inside = query @ weights["query_kernel"] + key @ weights["memory_kernel"] + weights.get("bias", 0.0) + plus
    return float(vector @ np.tanh(inside))


def bahdanau(weights: dict[str, Array], *, coverage: bool = False, **_: Any) -> Attention:
    """Bahdanau et al. 2015; with coverage See et al. 2017, equation 11."""

    def run(queries: Array, memory: Array) -> Iterator[Array]:
        covered = np.zeros(len(memory))
        for query in queries:
            plus = [c * weights["coverage_vector"] if coverage else 0.0 for c in covered]
            alignment = softmax(np.array([additive(weights, query, h, p) for h, p in zip(memory, plus, strict=True)]))
            covered = covered + alignment
            yield alignment

    return run


def luong(
    weights: dict[str, Array],
    *,
    score: str = "general",
    scope: str = "global",
    window: int = 10,
    use_scale: bool = False,
    **_: Any,
) -> Attention:
    """Luong et al. 2015, equations 8 to 10."""
    scale = float(weights["scale"]) if use_scale else 1.0
    energy = {
        "dot": lambda q, h: scale * float(q @ h),
        "general": lambda q, h: scale * float(q @ weights["query_kernel"] @ h),
        "scaled_dot": lambda q, h: scale * float(q @ h) / np.sqrt(len(q)),
        "concat": lambda q, h: additive(weights, q, h),
    }[score]

    def run(queries: Array, memory: Array) -> Iterator[Array]:
        length = len(memory)
        for t, query in enumerate(queries):
            if scope == "local_p":
                inside = np.tanh(query @ weights["position_kernel"])
                centre = length * float(sigmoid(inside @ np.ravel(weights["position_vector"])))
            else:
                centre = float(t)
            seen = [j for j in range(length) if scope == "global" or centre - window <= j <= centre + window]
            alignment = np.zeros(length)
            if seen:
                alignment[seen] = softmax(np.array([energy(query, memory[j]) for j in seen]))
            if scope == "local_p":
                sigma = window / 2
                for j in seen:
                    alignment[j] *= np.exp(-((j - centre) ** 2) / (2 * sigma**2))
            yield alignment

    return run


def monotonic(
    weights: dict[str, Array],
    *,
    energy: str = "bahdanau",
    mode: str = "parallel",
    noise: Array | None = None,
    **_: Any,
) -> Attention:
    """Raffel et al. 2017: the hard process of section 2.2, and its expectation by equation 9. `noise` is (t, s)."""

    def probability(query: Array, h: Array, plus: float) -> float:
        if energy == "luong":
            e = float(query @ weights["query_kernel"] @ h)
        else:
            e = additive(weights, query, h)
        return float(sigmoid(np.array(e + float(weights["score_bias"]) + plus)))

    def run(queries: Array, memory: Array) -> Iterator[Array]:
        length = len(memory)
        last, at = np.zeros(length), 0
        last[0] = 1.0
        for t, query in enumerate(queries):
            p = [probability(query, h, 0.0 if noise is None else noise[t, j]) for j, h in enumerate(memory)]
            alignment = np.zeros(length)
            if mode == "hard":
                while at < length and p[at] < 0.5:
                    at += 1
                if at < length:
                    alignment[at] = 1.0
            else:
                for j in range(length):
                    for k in range(j + 1):  # the scan began at k, passed by what lies between, and stopped at j
                        passed = 1.0
                        for between in range(k, j):
                            passed *= 1.0 - p[between]
                        alignment[j] += p[j] * passed * last[k]
            last = alignment
            yield alignment

    return run


def location(
    weights: dict[str, Array], *, kernel_size: int, smoothing: bool = False, sharpening: float = 1.0, **_: Any
) -> Attention:
    """Chorowski et al. 2015, equations 8 and 9, and section 2.3."""
    filters = weights["location_filters"][:, 0]  # (r, k)

    def run(queries: Array, memory: Array) -> Iterator[Array]:
        length, half = len(memory), kernel_size // 2
        last = np.zeros(length)
        for query in queries:
            energies = np.zeros(length)
            for j in range(length):
                features = np.zeros(filters.shape[1])
                for offset in range(-half, half + 1):
                    if 0 <= j + offset < length:
                        features += filters[offset + half] * last[j + offset]
                energies[j] = sharpening * additive(weights, query, memory[j], features @ weights["location_kernel"])
            last = sigmoid(energies) / sigmoid(energies).sum() if smoothing else softmax(energies)
            yield last

    return run


ATTENTIONS = {
    "BahdanauAttention": bahdanau,
    "LuongAttention": luong,
    "MonotonicAttention": monotonic,
    "LocationAttention": location,
}


def attended(
    attention: Attention, query: Array, memory: Array, query_mask: Any = None, memory_mask: Any = None
) -> tuple[Array, Array]:
    """Contexts (b, t, m) and alignments (b, t, s) of queries (b, t, d) and a memory (b, s, m) with masks."""
    batch, time, source = *query.shape[:2], memory.shape[1]
    asked = np.ones((batch, time), bool) if query_mask is None else query_mask
    kept = np.ones((batch, source), bool) if memory_mask is None else memory_mask
    contexts, alignments = np.zeros((batch, time, memory.shape[2])), np.zeros((batch, time, source))
    for row in range(batch):
        if not kept[row].any():
            continue
        places = np.flatnonzero(kept[row])
        answers = attention(query[row][asked[row]], memory[row, places])
        for now, alignment in zip(np.flatnonzero(asked[row]), answers, strict=True):
            for place, weight in zip(places, alignment, strict=True):
                alignments[row, now, place] = weight
                contexts[row, now] += weight * memory[row, place]
    return contexts, alignments


def pooled(weights: dict[str, Array], inputs: Array, mask: Any = None) -> tuple[Array, Array]:
    """Yang et al. 2016, equations 5 to 7, with one vector for each head: (b, n, d) and (b, n, t)."""
    heads = weights["score_vector"].shape[1]
    vectors, found = np.zeros((len(inputs), heads, inputs.shape[2])), np.zeros((len(inputs), heads, inputs.shape[1]))
    for row, head in np.ndindex(len(inputs), heads):
        places = [t for t in range(inputs.shape[1]) if mask is None or mask[row, t]]
        if places:
            hidden = [np.tanh(inputs[row, t] @ weights["kernel"] + weights.get("bias", 0.0)) for t in places]
            alphas = softmax(np.array([h @ weights["score_vector"][:, head] for h in hidden]))
            for t, alpha in zip(places, alphas, strict=True):
                found[row, head, t] = alpha
                vectors[row, head] += alpha * inputs[row, t]
    return vectors, found
