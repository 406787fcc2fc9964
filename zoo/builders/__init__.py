"""Builders: each makes one family of plain `keras.Model`s from plain arguments."""

from kerasrnn.zoo.builders.classifier import classifier
from kerasrnn.zoo.builders.forecaster import forecaster
from kerasrnn.zoo.builders.language_model import language_model
from kerasrnn.zoo.builders.seq2seq import seq2seq
from kerasrnn.zoo.builders.tagger import tagger

__all__ = ["classifier", "forecaster", "language_model", "seq2seq", "tagger"]
