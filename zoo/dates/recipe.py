"""What training, evaluation and the shipped task of `dates_bahdanau` share: the ids and the score."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasrnn.zoo.dates.render import MAX_LENGTH
from kerasrnn.zoo.dates.sampling import Example
from kerasrnn.zoo.tasks.encoder_decoder import EncoderDecoder
from kerasrnn.zoo.text import UNKNOWN, CharacterTable

TARGET = ["<start>", "<end>", *"0123456789-"]  # ids from 1; 0 is padding
LONGEST_TARGET = len("2026-01-31") + 1  # and the end
UNKNOWN_RATE = 0.002  # of the source characters in training, so that an unknown one means something


@dataclass(frozen=True)
class Codec:
    """Dates to ids and back."""

    table: CharacterTable
    target: dict[str, int]

    @classmethod
    def of(cls, characters: Sequence[str]) -> "Codec":
        return cls(CharacterTable(list(characters)), {token: i for i, token in enumerate(TARGET, start=1)})

    def sizes(self) -> dict[str, int]:
        return {"source_size": self.table.size, "target_size": len(self.target) + 1}

    def batch(self, examples: Sequence[Example], rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
        """Inputs `[source (b, s), tokens before (b, t)]` and the tokens to predict `(b, t)`."""
        source = self.table.encode([example.text for example in examples])
        source = np.where((rng.random(source.shape) < UNKNOWN_RATE) & (source != 0), UNKNOWN, source)
        written = np.array([[self.target[c] for c in example.iso] for example in examples], "int32")
        start = np.full((len(examples), 1), self.target["<start>"], "int32")
        end = np.full((len(examples), 1), self.target["<end>"], "int32")
        return [source, np.hstack([start, written])], np.hstack([written, end])


def exact_match(model: keras.Model, codec: Codec, examples: Sequence[Example]) -> float:
    """The share of examples whose whole ISO date is right."""
    return float(np.mean(matches(model, codec, examples)))


def matches(model: keras.Model, codec: Codec, examples: Sequence[Example], batch_size: int = 500) -> np.ndarray:
    """Whether each example's whole ISO date is right, `(n,)` bool."""
    decoder = EncoderDecoder(
        model, start=codec.target["<start>"], end=codec.target["<end>"], max_length=LONGEST_TARGET
    )
    right = []
    for start in range(0, len(examples), batch_size):
        batch = examples[start : start + batch_size]
        tokens = keras.ops.convert_to_numpy(decoder.decode(codec.table.encode([e.text for e in batch])).tokens)
        expected = [[*(codec.target[c] for c in e.iso), codec.target["<end>"]] for e in batch]
        right.append((tokens == np.array(expected)).all(axis=1))
    return np.concatenate(right)


def save_preset(folder: Path, model: keras.Model, codec: Codec, arguments: dict[str, Any], options: dict[str, Any]) -> str:
    raise SystemExit
