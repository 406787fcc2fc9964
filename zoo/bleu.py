"""BLEU as sacrebleu computes it, from counts that can be summed: one sum for each sample of a bootstrap."""

import importlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

STATISTICS = 10  # right and all n-grams of each order, the length of the translation and of the closest reference
ORDERS = 4


@cache
def _scorer() -> Any:
    try:
        return importlib.import_module("sacrebleu.metrics").BLEU(effective_order=True)
    except ImportError as error:
        raise ValueError('BLEU needs sacrebleu: pip install "kerasrnn[eval]"') from error


def statistics(translation: str, references: Sequence[str]) -> np.ndarray:
    """`(10,)`: what one translation contributes, after the tokenisation `13a`; of the best references for each n-gram.

    Raises:
        ValueError: sacrebleu is not installed.
    """
    found = _scorer().corpus_score([translation], [[reference] for reference in references])
    return np.array([*found.counts, *found.totals, found.sys_len, found.ref_len], np.float64)


def bleu(sums: np.ndarray) -> np.ndarray:
    """`(..., 10)` sums to BLEU from 0 to 100; an order without a match counts as in sacrebleu's `exp` smoothing.

    Reference: K. Papineni et al., BLEU: a method for automatic evaluation of machine translation, ACL 2002; M. Post, A
    call for clarity in reporting BLEU scores, WMT 2018.
    """
    right, possible = sums[..., :ORDERS], sums[..., ORDERS : 2 * ORDERS]
    written, expected = sums[..., -2], sums[..., -1]
    missed = (right == 0) & (possible > 0)
    smoothed = 0.5 ** np.cumsum(missed, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precisions = np.where(missed, smoothed, right) / possible
        logs = np.log(precisions).mean(axis=-1)
        brevity = np.where(written < expected, 1 - expected / written, 0.0)
        score = 100 * np.exp(logs + brevity)
    return np.where((right.sum(axis=-1) > 0) & (possible > 0).all(axis=-1), score, 0.0)
