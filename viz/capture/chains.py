"""What stands in the output of a CRF: emissions, one step each, and the tags that they decode to."""

from typing import Any

from keras import ops

from kerasrnn import crf
from kerasrnn.crf import Chain
from kerasrnn.layers import CRF

Tensor = Any


def chain_of(layer: Any, output: Tensor) -> Chain | None:
    """The emissions `(b, t, n)` of the layer that made an output, with all that belongs to them; None if it is no CRF.

    The emissions carry their mask, as an output with steps does.
    """
    if not isinstance(layer, CRF):
        return None
    chain = crf.unpack(output)
    chain.emissions._keras_mask = chain.mask
    return chain


def own_tags(chain: Chain) -> Tensor:
    """The tags `(b, t)` that the chain decodes to; 0 where a step is masked."""
    return ops.maximum(crf.viterbi(*chain).tags, 0)
