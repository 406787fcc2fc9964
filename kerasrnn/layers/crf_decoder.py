"""From the output of a CRF to tags."""

from typing import Any

import keras
from keras import ops

from kerasrnn.crf.best import n_best, viterbi
from kerasrnn.crf.chain import Chain, unpack
from kerasrnn.crf.likelihood import log_partition
from kerasrnn.crf.schemes import valid_constraints
from kerasrnn.layers.registry import register

Tensor = Any


@register
class CRFDecoder(keras.layers.Layer):
    """The best tag sequences of the chains that `CRF` returns. It has no weights.

    Masks: those that `CRF` was called with; masked steps get no tag, -1.

    Args:
        count: None for the best sequence; k for the k best ones.
        return_log_probs: return the log-probability of each sequence too.
        constraints: `kerasrnn.crf.Constraints` that the sequences must obey, in addition to those of the `CRF`; the
            log-probabilities are those among the sequences that obey. None for no more.

    Call arguments:
        potentials: `(b, n + 2 + t, n + 1)`, what `CRF` returns.

    Returns:
        The tags, `(b, t)` int32, or `(b, k, t)`; -1 at masked steps and where there is no (such) sequence. With
        `return_log_probs=True`, `(tags, log_probs)`, these `(b,)` or `(b, k)`; -inf where there is no such sequence.

    Raises:
        ValueError: `count` below 1; constraints of other sizes; an input that `CRF` cannot have returned.

    Example:

    >>> import numpy as np
    >>> from kerasrnn import layers
    >>> potentials = layers.CRF(2)(np.array([[[2.0, 1.0], [0.0, 3.0]]], "float32"))
    >>> tags, log_probs = layers.CRFDecoder(count=3, return_log_probs=True)(potentials)
    >>> np.asarray(tags)[0].tolist(), [round(float(p), 2) for p in np.exp(log_probs[0])]
    ([[0, 1], [1, 1], [0, 0]], [0.7, 0.26, 0.03])

    Reference: see `kerasrnn.crf.viterbi` and `kerasrnn.crf.n_best`.
    """

    def __init__(
        self, count: int | None = None, *, return_log_probs: bool = False, constraints: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
            raise ValueError(f"`count` must be None or an int of at least 1; received {count!r}.")
        self.count = count
        self.return_log_probs = return_log_probs
        self.constraints = None if constraints is None else valid_constraints(constraints)

    def call(self, potentials: Tensor) -> Any:
        chain = unpack(potentials)
        if self.constraints is not None:
            allowed = valid_constraints(self.constraints, chain.emissions.shape[2])
            chain = Chain(chain.emissions, *allowed.forbid(*chain[1:4]), chain.mask)
        tags, scores = viterbi(*chain) if self.count is None else n_best(self.count, *chain)
        if not self.return_log_probs:
            return tags
        whole = log_partition(*chain)
        whole = ops.where(ops.isneginf(whole), ops.zeros_like(whole), whole)
        return tags, scores - (whole if self.count is None else whole[:, None])

    def compute_output_spec(self, potentials: Any) -> Any:
        batch, rows, columns = potentials.shape
        length = None if rows is None else rows - columns - 1
        many = () if self.count is None else (self.count,)
        tags = keras.KerasTensor((batch, *many, length), dtype="int32")
        return (tags, keras.KerasTensor((batch, *many), dtype=potentials.dtype)) if self.return_log_probs else tags

    def get_config(self) -> dict[str, Any]:
        constraints = self.constraints
        return super().get_config() | {
            "count": self.count,
            "return_log_probs": self.return_log_probs,
            "constraints": None if constraints is None else [one.tolist() for one in constraints],
        }
