"""Sentences to sentences of another language, by pieces of words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasrnn.losses import MaskedCrossentropy
from kerasrnn.zoo.bleu import STATISTICS, bleu, statistics
from kerasrnn.zoo.evaluation import Scores
from kerasrnn.zoo.pieces import BEGINS, PieceTable, joined, normal
from kerasrnn.zoo.readers.files import suffix
from kerasrnn.zoo.readers.tables import Pair, rows
from kerasrnn.zoo.tasks.seq2seq import END, START, Seq2SeqTask
from kerasrnn.zoo.text import UNKNOWN, script_of

GRID = (8, 10, 12, 14, 16, 20, 24, 32, 48, 128)  # lengths to which source and target are padded


class TranslatorTask(Seq2SeqTask):
    """A `Seq2SeqTask` whose tokens are pieces of words (see `kerasrnn.zoo.pieces`); scored by BLEU.

    A character that no piece holds is read as unknown rather than refused.
    """

    unit = "pieces"
    grid = GRID

    def __init__(self, model: Any, card: dict[str, Any]) -> None:
        super().__init__(model, card)
        pieces = [token for token in self.target_tokens[1:] if token not in (START, END)]
        self._written = PieceTable(pieces)

    @classmethod
    def source_table(cls, source: Any) -> PieceTable:
        if not isinstance(source, list):
            raise ValueError(f"vocabulary: 'source' must be a list of pieces; found {source!r:.60}")
        return PieceTable(source)

    @classmethod
    def loss(cls, card: dict[str, Any]) -> Any:
        return MaskedCrossentropy(from_logits=False, ignore_id=0)

    def split(self, text: str) -> list[str]:
        return self._written.tokens(text)

    @staticmethod
    def join(tokens: Sequence[str]) -> str:
        return joined(tokens)

    def refused(self, text: str) -> list[str]:
        unknown = self.table.unknown(text)  # by itself none is refused
        return [] if set(self.table.tokens(text)) - {BEGINS, *unknown} else unknown

    def read(self, path: Path, **columns: Any) -> list[Pair]:
        columns = self.columns(columns)
        return read_translations(path, columns.get("source", 0), columns.get("target", 1))

    def length(self, example: Pair) -> int:
        return max(len(self.table.ids(example.source)), len(self.split(example.target)) + 1)

    def batch(
        self, examples: Sequence[Pair], rng: np.random.Generator | None = None, length: int | None = None
    ) -> tuple[list[np.ndarray], np.ndarray]:
        written = self.encode_targets([example.target for example in examples], length or 0)
        start = np.full((len(written), 1), self.target[START], "int32")
        source = self.table.encode([example.source for example in examples], length)
        if rng is not None and (rate := self.card["vocabulary"].get("unknown_rate", 0.0)):
            source = np.where((rng.random(source.shape) < rate) & (source > 0), UNKNOWN, source)
        return [source, np.hstack([start, written[:, :-1]])], written

    def evaluate(self, examples: Sequence[Pair], beam: int | None = None) -> Scores:
        """BLEU of each distinct sentence against all its translations, and of each pair by itself.

        With `beam`, the same also of the best of a search of that width.
        """
        references: dict[str, list[str]] = {}
        for example in examples:
            references.setdefault(example.source, []).append(example.target)
        sources = sorted(references, key=lambda text: len(self.table.ids(text)))
        found = self.decodings(sources, beam)
        sums = np.array(
            [
                np.concatenate([counts(translation, references[source]) for translation in translations])
                for source, *translations in zip(sources, *found.values(), strict=True)
            ]
        )
        names = [f"BLEU{kind}{way}" for way in found for kind in ("", ", one reference")]

        def combine(total: np.ndarray) -> dict[str, np.ndarray]:
            return {name: bleu(total[..., i * STATISTICS :][..., :STATISTICS]) for i, name in enumerate(names)}

        lengths = np.array([len(normal(source).split(" ")) for source in sources])
        details = {"references": float(np.mean([len(each) for each in references.values()]))}
        groups = {"script": [script_of(source) for source in sources]}
        return Scores(sums, combine, lengths, "BLEU", groups=groups, details=details)


def counts(translation: str, references: Sequence[str]) -> np.ndarray:
    """What a translation adds to both kinds of BLEU: with all references at once, and with each by itself."""
    each = [statistics(translation, [reference]) for reference in references]
    return np.concatenate([statistics(translation, references), np.sum(each, axis=0)])


def read_translations(path: Path, source: str | int = 0, target: str | int = 1) -> list[Pair]:
    """Pairs of sentences: `.tsv` or `.csv`, or `.jsonl` whose target may be a list of translations.

    A `.jsonl` file without chosen columns has `en` and `refs`, or `source` and `target`.
    """
    columns: list[str | int] = [source, target]
    if suffix(path) == ".jsonl" and columns == [0, 1]:
        columns = ["en", "refs"]
    found = []
    for number, (text, translations) in rows(path, columns):
        each = translations if isinstance(translations, list) else [translations]
        if not each or not all(isinstance(one, str) and one.strip() for one in [text, *each]):
            raise ValueError(f"{path}:{number}: expected a sentence and its translation, found {text!r:.60}.")
        found += [Pair(text, one) for one in each]
    if not found:
        raise ValueError(f"{path} holds no pair of sentences.")
    return found
