"""Scheduled sampling: a decoder that in training sometimes reads its own last word."""

from typing import Any

from keras import ops

from kerasrnn.layers.attending_cell import AttendingCell, Push
from kerasrnn.layers.gated_cell import Masks, Product, add_bias

Tensor = Any


class SamplingCell(AttendingCell):
    """An `AttendingCell` whose input at a step may be a word drawn from what it said at the step before.

    Its inputs are the embedded target `(b, d)`, and beside it two uniform draws a step, made beforehand: one decides
    whether to sample, the other is where in the cumulative distribution the word is taken..

    (S. Bengio et al., Scheduled sampling for sequence prediction with recurrent neural networks, NIPS 2015.)
    """

    embedding: Any
    readout: Any
    probability: Any
    input_masks: Masks

    @classmethod
    def around(cls, cell: AttendingCell, embedding: Any, readout: Any, probability: Tensor) -> "SamplingCell":
        """The same cell, with the layers that say a word and read it, and the probability of doing so."""
        view = object.__new__(cls)
        view.__dict__.update(cell.__dict__)
        view.compiles = False  # the two layers are anybody's
        view.embedding, view.readout, view.probability = embedding, readout, probability
        view.input_masks = None
        return view

    def project(self, inputs: Tensor, masks: Masks = None) -> Tensor:
        self.input_masks = masks  # the projection waits until the input is known
        return inputs

    def project_bias(self) -> Tensor | None:
        return None

    def advance(
        self,
        projected: Tensor,
        states: list[Tensor],
        mm: Product,
        zoned: list[Tensor | None] | None = None,
        push: Push | None = None,
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        x_t, coin, place = ops.split(projected, [self.inputs, self.inputs + 1], axis=-1)
        x_t = ops.cast(x_t, states[0].dtype)
        by_name = dict(zip(self.state_names, states, strict=True))
        said = ops.concatenate([by_name[name] for name in self.output_names], axis=-1)
        likely = ops.cumsum(ops.softmax(ops.cast(self.readout(said), place.dtype), axis=-1), axis=-1)
        token = ops.sum(ops.cast(likely < place, "int32"), axis=-1)  # (b,)
        own = self.embedding(ops.minimum(token, likely.shape[-1] - 1))
        x_t = ops.where(coin < ops.cast(self.probability, coin.dtype), ops.cast(own, x_t.dtype), x_t)
        first = super().project(x_t, self.input_masks)
        return super().advance(add_bias(first, super().project_bias()), states, mm, zoned, push)
