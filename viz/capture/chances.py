"""The probabilities in a model's output, whatever form they have."""

from typing import Any

import numpy as np

from kerasrnn import crf
from kerasrnn.viz.capture.loss import chain_of, kind_of, primary_output
from kerasrnn.viz.capture.observe import to_numpy

Tensor = Any


def log_probabilities(model: Any, outputs: Any) -> np.ndarray:
    """The logarithms of the probabilities in a model's first output of floats: (b, t, v), or (b, 1, v) without steps.

    A single sigmoid becomes two classes; of a CRF they are those of each tag at each step.

    Raises:
        ValueError: an output that is no probability of one choice.
    """
    output = primary_output(outputs)
    chain = chain_of(model, output)
    if chain is not None:
        with np.errstate(divide="ignore"):
            return np.log(to_numpy(crf.marginals(*chain)).astype(float))
    kind = kind_of(model, output)
    values = to_numpy(output).astype(float)
    values = values[:, None] if values.ndim == 2 else values
    if values.ndim != 3 or kind == "squares" or (kind.startswith("sigmoid") and values.shape[-1] > 1):
        what = "several probabilities at once" if kind.startswith("sigmoid") else "no probabilities"
        raise ValueError(
            f"model: expected an output that gives the probability of each choice (softmax, or one sigmoid); that of "
            f"{model.name!r}, of shape {tuple(output.shape)}, gives {what}"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "softmax":
            return np.log(values)
        if kind == "softmax logits":
            return values - np.logaddexp.reduce(values, axis=-1, keepdims=True)
        if kind == "sigmoid":
            return np.log(np.concatenate([1 - values, values], axis=-1))
        return -np.concatenate([np.logaddexp(0, values), np.logaddexp(0, -values)], axis=-1)


def gives_one_number(model: Any, outputs: Any) -> bool:
    """Whether a model's first output of floats is one number a step, or a row, that is no probability."""
    output = primary_output(outputs)
    return output.shape[-1] == 1 and kind_of(model, output) == "squares"


def numbers(outputs: Any) -> np.ndarray:
    """The first output of floats as (b, t, 1), or (b, 1, 1) without steps."""
    values = to_numpy(primary_output(outputs)).astype(float)
    return values[:, None] if values.ndim == 2 else values


def output_mask(model: Any, outputs: Any, shape: tuple[int, int]) -> np.ndarray:
    """(b, t) bool: which steps of the first output of floats count, where it says so."""
    output = primary_output(outputs)
    chain = chain_of(model, output)
    mask = getattr(output, "_keras_mask", None) if chain is None else chain.mask
    found = np.ones(shape, bool) if mask is None else to_numpy(mask).astype(bool)
    return found if found.shape == shape else np.ones(shape, bool)
