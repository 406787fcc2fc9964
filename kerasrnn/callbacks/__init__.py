"""Callbacks that decode a validation set with the model in training and score it by the field's own libraries."""

from kerasrnn.callbacks.entity_f1 import EntityF1
from kerasrnn.callbacks.translation_scores import TranslationScores
from kerasrnn.callbacks.validation_scores import ValidationScores

__all__ = ["EntityF1", "TranslationScores", "ValidationScores"]
