"""Dates as people write them in many languages, with the ISO date: data for training and for the test.

Only texts with one meaning: the year always has four digits, and a date in numbers alone starts with the year. The
calendar is the proleptic Gregorian one throughout. Rendering needs Babel (`pip install "kerasrnn[train]"`); importing
this package does not.
"""

from kerasrnn.zoo.dates.locales import LOCALES, TRAINING, UNSEEN, LocaleSpec
from kerasrnn.zoo.dates.render import MAX_LENGTH, Form, characters, forms
from kerasrnn.zoo.dates.sampling import Example, sample
from kerasrnn.zoo.dates.splits import SPLITS, ordinals, split_of

TRAINING_LOCALES = tuple(TRAINING)
UNSEEN_LOCALES = tuple(UNSEEN)

__all__ = [
    "LOCALES",
    "MAX_LENGTH",
    "SPLITS",
    "TRAINING_LOCALES",
    "UNSEEN_LOCALES",
    "Example",
    "Form",
    "LocaleSpec",
    "characters",
    "forms",
    "ordinals",
    "sample",
    "split_of",
]
