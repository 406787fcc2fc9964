"""Metrics of sequence models, in which padding has no part: sums over an epoch, not means of batches' means."""

from kerasrnn.metrics.edit_distance import EditDistance
from kerasrnn.metrics.perplexity import Perplexity
from kerasrnn.metrics.sequence_accuracy import SequenceAccuracy
from kerasrnn.metrics.token_accuracy import TokenAccuracy

__all__ = ["EditDistance", "Perplexity", "SequenceAccuracy", "TokenAccuracy"]
