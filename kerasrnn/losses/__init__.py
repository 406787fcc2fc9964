"""Losses of sequence models, in which padding has no part."""

from kerasrnn.losses.masked_crossentropy import MaskedCrossentropy

__all__ = ["MaskedCrossentropy"]
