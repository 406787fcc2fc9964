"""From the probability of a next token to whole sequences, in one loop that compiles and exports."""

from kerasrnn.decoding.beam_search import beam_search
from kerasrnn.decoding.beams import BeamHistory, Beams
from kerasrnn.decoding.greedy import greedy
from kerasrnn.decoding.paths import Decoded
from kerasrnn.decoding.replace_unknown import replace_unknown
from kerasrnn.decoding.sample import sample
from kerasrnn.decoding.step_from_layers import step_from_layers
from kerasrnn.decoding.step_from_model import step_from_model

__all__ = [
    "BeamHistory",
    "Beams",
    "Decoded",
    "beam_search",
    "greedy",
    "replace_unknown",
    "sample",
    "step_from_layers",
    "step_from_model",
]
