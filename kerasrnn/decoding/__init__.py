"""From the probability of a next token to whole sequences, in one loop that compiles and exports."""

from kerasrnn.decoding.greedy import Decoded, greedy

__all__ = ["Decoded", "greedy"]
