"""Text to text, with an alignment: by characters here, by pieces of words in `translator`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasrnn.zoo import preset
from kerasrnn.zoo.evaluation import Scores, ratio
from kerasrnn.zoo.readers.tables import Pair, read_pairs
from kerasrnn.zoo.tasks.base import Answer, Observation, Task, require_list
from kerasrnn.zoo.tasks.encoder_decoder import EncoderDecoder
from kerasrnn.zoo.text import CharacterTable, script_of

START, END = "<start>", "<end>"
LONGEST = 10_000  # characters: what a card may promise, since decoding sets aside memory for it
PART = 500  # texts that are decoded at once
EAGER_BATCH = 16  # up to so many texts at once, tracing a graph takes longer than it saves


class Prediction(NamedTuple):
    """One result.

    Attributes:
        text: the predicted text.
        confidence: the model's probability of exactly this text, between 0 and 1.
        tokens: what was produced, the end token left out, length t.
        source_tokens: what was read, length s.
        alignment: `(t, s)`, what each produced token attended to; None of a model that does not attend.
        read: the text that was read, as it was understood.
    """

    text: str
    confidence: float
    tokens: list[str]
    source_tokens: list[str]
    alignment: np.ndarray | None
    read: str


class Beam(NamedTuple):
    """The search for one text: every hypothesis after every step, best first, and the best ones at its end.

    Attributes:
        vocabulary: the string of each id.
        tokens: `(t, k)`, the id that each hypothesis took at the step, 0 if it had ended before.
        parents: `(t, k)`, the hypothesis of the step before that it goes on from.
        scores: `(t, k)`, the sum of its tokens' log-probabilities, -inf where there is no hypothesis.
        finished: `(t, k)` bool, whether it has ended.
        texts: the texts of the last step's hypotheses.
    """

    vocabulary: list[str]
    tokens: np.ndarray
    parents: np.ndarray
    scores: np.ndarray
    finished: np.ndarray
    texts: list[str]


class Seq2SeqTask(Task):
    """A model from text to text: `model` is a `keras.Model`, the rest is text handling around it.

    Args:
        model: made by `zoo.builders.seq2seq` with `card["arguments"]`.
        card: the preset's card.

    Raises:
        preset.PresetError: a vocabulary that does not fit the model.
    """

    builder = "seq2seq"
    roles = ("source", "target")

    unit = "characters"

    def __init__(self, model: keras.Model, card: dict[str, Any]) -> None:
        vocabulary = _checked(card["vocabulary"])
        super().__init__(model, card)
        self.table = self.source_table(vocabulary["source"])
        self.target = {token: i for i, token in enumerate(vocabulary["target"], start=1)}  # 0 is padding
        self.target_tokens = ["", *vocabulary["target"]]
        self.longest_source: int = vocabulary["longest_source"]
        self.longest_target: int = vocabulary["longest_target"]
        sizes = card["arguments"]["source_size"], card["arguments"]["target_size"]
        if sizes != (self.table.size, len(self.target_tokens)):
            raise preset.PresetError(
                f"preset {card['name']}: the model has {sizes[0]} and {sizes[1]} ids, the vocabularies "
                f"{self.table.size} and {len(self.target_tokens)}."
            )
        self.decoder = EncoderDecoder(
            model, start=self.target[START], end=self.target[END], max_length=self.longest_target
        )
        self._compiled: Any = None

    @classmethod
    def source_table(cls, source: Any) -> Any:
        """The table of the source's tokens, from what the vocabulary says of them."""
        if not isinstance(source, str):
            raise ValueError(f"vocabulary: 'source' must be a string; found {source!r:.60}")
        return CharacterTable(list(source))

    def split(self, text: str) -> list[str]:
        """The tokens of a target text."""
        return list(text)

    @staticmethod
    def join(tokens: Sequence[str]) -> str:
        """The text that tokens spell."""
        return "".join(tokens)

    @classmethod
    def loss(cls, card: dict[str, Any]) -> Any:
        return "sparse_categorical_crossentropy"

    def read(self, path: Path, **columns: Any) -> list[Pair]:
        columns = self.columns(columns)
        return read_pairs(path, columns.get("source", 0), columns.get("target", 1))

    def check(self, examples: Sequence[Pair]) -> None:
        super().check(examples)
        for example in examples:
            self._require_length(example.source)
            self.encode_targets([example.target])

    def length(self, example: Pair) -> int:
        return len(self.table.ids(example.source))

    def batch(
        self, examples: Sequence[Pair], rng: np.random.Generator | None = None, length: int | None = None
    ) -> tuple[list[np.ndarray], np.ndarray]:
        written = self.encode_targets([example.target for example in examples])
        start = np.full((len(written), 1), self.target[START], "int32")
        source = self.table.encode([example.source for example in examples], length)
        return [source, np.hstack([start, written[:, :-1]])], written

    def evaluate(self, examples: Sequence[Pair], beam: int | None = None) -> Scores:
        """The texts that are answered exactly; with `beam`, also by a search of that width."""
        found = self.decodings([example.source for example in examples], beam)
        targets = [example.target for example in examples]
        right = [[text == target for text, target in zip(each, targets, strict=True)] for each in found.values()]
        rows = np.array([*right, [True] * len(targets)], float).T

        def combine(sums: np.ndarray) -> dict[str, np.ndarray]:
            return {f"exact match{way}": ratio(sums[..., i], sums[..., -1]) for i, way in enumerate(found)}

        lengths = np.array([self.length(example) for example in examples])
        groups = {"script": [script_of(example.source) for example in examples]}
        return Scores(rows, combine, lengths, "exact match", groups=groups)

    def decodings(self, texts: Sequence[str], beam: int | None = None) -> dict[str, list[str]]:
        """What is written to each text: greedily under "", and with `beam` the best of the search under its name.

        What the model has never seen is read as unknown.

        Raises:
            ValueError: an empty text, one that is too long, or a beam narrower than 1.
        """
        for text in texts:
            self._require_length(text)
        found: dict[str, list[str]] = {"": []}
        if beam is not None:
            found[f", beam of {beam}"] = []
        for begin in range(0, len(texts), PART):
            part = texts[begin : begin + PART]
            source = self.table.encode(part)
            found[""] += [each.text for each in self._predictions(part, source)]
            if beam is not None:
                found[f", beam of {beam}"] += [next(iter(each.texts), "") for each in self._beams(source, beam)]
        return found

    def answers(self, texts: Sequence[str], **options: Any) -> list[Answer]:
        given = self.only(options, "beam", "nbest")
        if given:
            width = given.get("beam", max(5, given.get("nbest", 1)))
            if given.get("nbest", 1) > width:
                raise ValueError(f"--nbest {given['nbest']} asks for more than the {width} that --beam keeps.")
            results = []
            for text, found in zip(texts, self.beam(texts, width), strict=True):
                lines = found.texts[: given.get("nbest", 1)]
                results.append(Answer("\n".join(lines), {"text": text, "predictions": lines}))
            return results
        return [
            Answer(found.text, {"text": text, "prediction": found.text, "confidence": round(found.confidence, 6)})
            for text, found in zip(texts, self.predictions(texts), strict=True)
        ]

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The model's answer to each text.

        Raises:
            ValueError: an empty text, one that is too long, or one with characters the model has never seen.
        """
        return [prediction.text for prediction in self.predictions(texts)]

    def predictions(self, texts: Sequence[str]) -> list[Prediction]:
        """As `predict`, with confidence, tokens and alignment."""
        source = self.encode(texts)
        return self._predictions(texts, source) if len(source) else []

    def _predictions(self, texts: Sequence[str], source: np.ndarray) -> list[Prediction]:
        decoded = self.decode(source)
        tokens, lengths, log_probs = (keras.ops.convert_to_numpy(part) for part in decoded[:3])
        alignment = keras.ops.convert_to_numpy(decoded.extras["alignment"]) if self.decoder.attends else None
        results = []
        for row, text in enumerate(texts):
            written = [self.target_tokens[i] for i in tokens[row, : lengths[row]] if i != self.target[END]]
            read = self.table.tokens(text)
            confidence = float(np.exp(log_probs[row].sum(dtype=np.float64)))
            looked = None if alignment is None else alignment[row, : len(written), : len(read)]
            results.append(Prediction(self.join(written), confidence, written, read, looked, self.join(read)))
        return results

    def beam(self, texts: Sequence[str], width: int = 5) -> list[Beam]:
        """The beam search for each text, `width` hypotheses wide.

        Raises:
            ValueError: as `predict`, or a width below 1.
        """
        source = self.encode(texts)
        return self._beams(source, width) if len(source) else []

    def _beams(self, source: np.ndarray, width: int) -> list[Beam]:
        found = self.decoder.beam(source, width)
        history = [keras.ops.convert_to_numpy(part) for part in found.history]
        written, lengths = (keras.ops.convert_to_numpy(part) for part in (found.tokens, found.lengths))
        results = []
        for row, steps in enumerate(history[-1]):
            kept = [tokens[:length] for tokens, length in zip(written[row], lengths[row], strict=True) if length]
            lines = [self.join([self.target_tokens[i] for i in tokens if i != self.target[END]]) for tokens in kept]
            tokens, parents, scores, finished = (part[row, :steps] for part in history[:-1])
            results.append(Beam(self.target_tokens, tokens, parents, scores, finished, lines))
        return results

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Ids `(b, s)` of texts that the model was made for; anything else is an error that says why."""
        require_list(texts)
        for text in texts:
            self._require_length(text)
            if unknown := self.refused(text):
                shown = ", ".join(f"{character!r} (U+{ord(character):04X})" for character in unknown[:5])
                raise ValueError(f"{self.name} has never seen {shown}: remove or replace it in {text!r}.")
        return self.table.encode(texts)

    def _require_length(self, text: str) -> None:
        length = len(self.table.ids(text))
        if length == 0:
            raise self.empty(text)
        if length > self.longest_source:
            raise ValueError(
                f"the text has {length} {self.unit} and {self.name} was made for at most {self.longest_source}: "
                f"shorten {text[:40]!r}…"
            )

    def refused(self, text: str) -> list[str]:
        """The characters for which a source text is refused: here all that the table does not hold."""
        return self.table.unknown(text)

    def encode_targets(self, targets: Sequence[str], length: int = 0) -> np.ndarray:
        """Ids `(b, t)` of target texts, the end token included, 0 after it; t is at least `length`."""
        rows = []
        for text in targets:
            tokens = self.split(text)
            if unknown := [token for token in tokens if token not in self.target]:
                known = "".join(token for token in self.target if len(token) == 1)
                raise ValueError(f"the target {text!r} holds {unknown[0]!r}; {self.name} can produce only {known!r}.")
            rows.append([*(self.target[token] for token in tokens), self.target[END]])
        longest = max([length, *map(len, rows)])
        return np.array([row + [0] * (longest - len(row)) for row in rows], "int32")

    def observe(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> Observation:
        """What to run `model` on so that it does what it does when it predicts these texts (or these targets)."""
        predictions = self.predictions(texts)
        written = self.encode_targets([p.text for p in predictions] if targets is None else targets)
        if written.shape[1] > 1:  # the step that ends the text shows nothing
            written = np.where(written == self.target[END], 0, written)[:, :-1]
        start = np.full((len(written), 1), self.target[START], "int32")
        tokens = [[self.target_tokens[i] for i in row if i] for row in written]
        inputs = [self.encode(texts), np.hstack([start, written[:, :-1]])]
        before = [[START, *row[:-1]] for row in tokens]
        return Observation(inputs, written, [p.source_tokens for p in predictions], tokens, predictions, before)

    def decode(self, source: np.ndarray) -> Any:
        """`(b, s)` ids to `kerasrnn.decoding.Decoded`; many at once in a graph that is traced when first needed."""
        if len(source) <= EAGER_BATCH or keras.config.backend() != "tensorflow":
            return self.decoder.decode(source)
        if self._compiled is None:
            import tensorflow as tf

            self._compiled = tf.function(self.decoder.decode, input_signature=[tf.TensorSpec((None, None), tf.int32)])
        return self._compiled(source)


def _checked(vocabulary: dict[str, Any]) -> dict[str, Any]:
    """A card's vocabulary, whose fields its checksum does not vouch for.

    Raises:
        ValueError: a field that is missing or not what it must be.
    """
    target = vocabulary.get("target")
    if not isinstance(target, list) or not all(isinstance(token, str) and token for token in target):
        raise ValueError(f"vocabulary: 'target' must be a list of strings; found {target!r:.60}")
    if len(set(target)) != len(target) or not {START, END} <= set(target):
        raise ValueError(f"vocabulary: 'target' must hold {START} and {END} and no token twice; found {target!r:.60}")
    if "source" not in vocabulary:
        raise ValueError("vocabulary: 'source' is missing")
    for field in ("longest_source", "longest_target"):
        value = vocabulary.get(field)
        if type(value) is not int or not 1 <= value <= LONGEST:
            raise ValueError(f"vocabulary: {field!r} must be a whole number from 1 to {LONGEST}; found {value!r:.60}")
    return vocabulary
