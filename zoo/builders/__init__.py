"""Builders: each makes one family of plain `keras.Model`s from plain arguments."""

from kerasrnn.zoo.builders.seq2seq import seq2seq

__all__ = ["seq2seq"]
