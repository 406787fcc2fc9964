"""The parameters of a linear-chain conditional random field."""

from typing import Any

import keras
from keras import ops

from kerasrnn.crf.chain import pack
from kerasrnn.crf.schemes import valid_constraints
from kerasrnn.layers.registry import register

Tensor = Any


@register
class CRF(keras.layers.Layer):
    r"""A linear-chain conditional random field over tags: the last layer of a tagger.

    $$
    p(y \mid x) = \frac{\exp s(x, y)}{\sum_{y'} \exp s(x, y')}, \qquad
    s(x, y) = a_{y_1} + \sum_{k=1}^{m} e_{k, y_k} + \sum_{k=2}^{m} A_{y_{k-1}, y_k} + z_{y_m}
    $$

    with the emissions e that come in, and as weights `transitions (n, n)` A, from the tag of the row to that of the
    column, `start (n,)` a, and `end (n,)` z; n tags, m steps that the mask keeps.

    Its output is the chain itself, emissions, weights and mask in one tensor, because that is all that a Keras loss
    sees, and all that it may keep when a model is saved. Nobody needs to look inside:

    - to train, compile with `kerasrnn.crf.CRFLoss()` and, if wanted, `kerasrnn.crf.CRFAccuracy()`;
    - for tags, put `CRFDecoder` behind it: `keras.Model(model.input, CRFDecoder()(model.output))` shares all weights;
    - for everything else there is `kerasrnn.crf.unpack` and the functions beside it.

    Masks: a masked step is skipped, wherever it is; the transition goes from the last step before it to the next one
    after it. The mask is part of the output, which therefore has none of its own.

    It computes in float32 at least, also under a mixed policy.

    Args:
        num_tags: n, a positive int; the emissions have as many features, as of `keras.layers.Dense(n)`.
        use_boundary: whether there are `start` and `end` scores.
        constraints: `kerasrnn.crf.Constraints`, as `bio_constraints` makes them: what they forbid has probability 0,
            in training and after it. A loss is infinite if its tags are forbidden. To constrain the decoding alone,
            give them to `CRFDecoder`. None to allow everything.
        transition_initializer: for all weights; with zeros the tags begin as independent of each other.
        transition_regularizer: for `transitions`.

    Call arguments:
        emissions: `(b, t, n)`.
        mask: `(b, t)` bool, True = keep, or None.

    Returns:
        `(b, n + 2 + t, n + 1)`, see `kerasrnn.crf.pack`.

    Raises:
        ValueError: `num_tags` not positive; constraints of other sizes; emissions of another width.

    Example:

    >>> import keras, numpy as np
    >>> from kerasrnn import crf, layers
    >>> words = keras.Input((None,), dtype="int32")
    >>> x = keras.layers.Embedding(100, 8, mask_zero=True)(words)
    >>> x = keras.layers.Dense(3)(layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x))
    >>> model = keras.Model(words, layers.CRF(3, constraints=crf.bio_constraints(["O", "B-PER", "I-PER"]))(x))
    >>> model.compile("adam", loss=crf.CRFLoss())
    >>> tagger = keras.Model(words, layers.CRFDecoder()(model.output))
    >>> tagger.predict(np.array([[5, 7, 0]]), verbose=0)[0, 2]  # a masked step has no tag
    np.int32(-1)

    Reference: J. Lafferty, A. McCallum, F. Pereira, Conditional random fields: probabilistic models for segmenting and
    labeling sequence data, ICML 2001; G. Lample et al., Neural architectures for named entity recognition, NAACL 2016.
    """

    def __init__(
        self,
        num_tags: int,
        *,
        use_boundary: bool = True,
        constraints: Any = None,
        transition_initializer: Any = "zeros",
        transition_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if isinstance(num_tags, bool) or not isinstance(num_tags, int) or num_tags <= 0:
            raise ValueError(f"`num_tags` must be a positive int; received {num_tags!r}.")
        self.num_tags = num_tags
        self.use_boundary = use_boundary
        self.constraints = None if constraints is None else valid_constraints(constraints, num_tags)
        self.transition_initializer = keras.initializers.get(transition_initializer)
        self.transition_regularizer = keras.regularizers.get(transition_regularizer)
        self.supports_masking = True

    def build(self, emissions_shape: Any) -> None:
        if len(emissions_shape) != 3 or emissions_shape[2] != self.num_tags:
            raise ValueError(
                f"`emissions` must be `(batch, time, {self.num_tags})`, one score a tag; received shape "
                f"{tuple(emissions_shape)}. Put `keras.layers.Dense({self.num_tags})` in front."
            )
        n, options = self.num_tags, {"initializer": self.transition_initializer}
        self.transitions = self.add_weight(
            name="transitions", shape=(n, n), regularizer=self.transition_regularizer, **options
        )
        self.start = self.end = None
        if self.use_boundary:
            self.start = self.add_weight(name="start", shape=(n,), **options)
            self.end = self.add_weight(name="end", shape=(n,), **options)

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """`transitions`, `start` and `end` as tensors, -inf where a constraint forbids."""
        transitions = ops.convert_to_tensor(self.transitions)
        ends = [ops.zeros_like(transitions[0]) if one is None else one for one in (self.start, self.end)]
        start, end = map(ops.convert_to_tensor, ends)
        return (
            (transitions, start, end) if self.constraints is None else self.constraints.forbid(transitions, start, end)
        )

    def call(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        return pack(ops.cast(emissions, _wide(self.variable_dtype)), *self.scores(), mask)

    def compute_output_spec(self, emissions: Any, mask: Any = None) -> Any:
        batch, length, n = emissions.shape
        length = None if length is None else length + n + 2
        return keras.KerasTensor((batch, length, n + 1), dtype=_wide(self.variable_dtype))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        return None

    def get_config(self) -> dict[str, Any]:
        constraints = self.constraints
        return super().get_config() | {
            "num_tags": self.num_tags,
            "use_boundary": self.use_boundary,
            "constraints": None if constraints is None else [one.tolist() for one in constraints],
            "transition_initializer": keras.initializers.serialize(self.transition_initializer),
            "transition_regularizer": keras.regularizers.serialize(self.transition_regularizer),
        }


def _wide(dtype: str) -> str:
    return "float64" if dtype == "float64" else "float32"
