"""A tag for every word of a text."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasrnn.crf import CRFLoss
from kerasrnn.layers import CRFDecoder
from kerasrnn.losses import MaskedCrossentropy
from kerasrnn.zoo.buckets import in_order
from kerasrnn.zoo.evaluation import Scores, ratio
from kerasrnn.zoo.readers.conll import Sentence, read_sentences
from kerasrnn.zoo.spans import spans
from kerasrnn.zoo.tasks.base import Answer, Observation, Shown, Task, require_list
from kerasrnn.zoo.text import script_of
from kerasrnn.zoo.words import WordTable, cut, key

NO_TAG = -1
POSITIONS = 2048  # a batch, padding included
ALONE = 64  # up to so many sentences at once, they are not filled up


class Tagged(NamedTuple):
    """One result: the words that were read, and the tag of each."""

    words: list[str]
    tags: list[str]


class TaggerTask(Task):
    """Tags the words of a text, as parts of speech or named entities."""

    builder = "tagger"
    roles = ("word", "tag")

    def __init__(self, model: keras.Model, card: dict[str, Any]) -> None:
        super().__init__(model, card)
        self.table = WordTable.from_card(card["vocabulary"])
        arguments = card["arguments"]
        self.tags: list[str] = arguments["tags"]
        self.letters: int = arguments.get("letters", 16) if arguments.get("character_size") else 0
        self._tag_ids = {tag: i for i, tag in enumerate(self.tags)}
        self.rare = card["vocabulary"].get("rare", 0)  # words from this id on are seen as unknown now and then
        self.crf = bool(arguments.get("crf"))
        output = CRFDecoder(name="best")(model.output) if self.crf else keras.ops.argmax(model.output, axis=-1)
        self.tagging = keras.Model(model.input, output, name="tagging")
        if (arguments["word_size"], arguments.get("character_size", 0)) != (
            self.table.size,
            self.table.character_size if self.letters else 0,
        ):
            raise ValueError("the model's arguments and the vocabulary disagree on the number of words or characters")

    @classmethod
    def loss(cls, card: dict[str, Any]) -> Any:
        return CRFLoss() if card["arguments"].get("crf") else MaskedCrossentropy(ignore_id=NO_TAG)

    def read(self, path: Path, **columns: Any) -> list[Sentence]:
        columns = self.columns(columns)
        rename = self.card["vocabulary"].get("rename", {})
        return [
            Sentence(words, [tag[:2] + rename[tag[2:]] if tag[2:] in rename else tag for tag in tags])
            for words, tags in read_sentences(path, columns.get("word"), columns.get("tag"))
        ]

    def length(self, example: Sentence) -> int:
        return len(example.words)

    def batch(
        self, examples: Sequence[Sentence], rng: np.random.Generator | None = None, length: int | None = None
    ) -> tuple[Any, np.ndarray]:
        inputs = self.inputs([example.words for example in examples], length)
        words = inputs[0] if self.letters else inputs
        if rng is not None and self.rare:
            words[(words >= self.rare) & (rng.random(words.shape) < 0.25)] = 1
        tags = np.full(words.shape, 0 if self.crf else NO_TAG, np.int32)
        for row, example in zip(tags, examples, strict=True):
            row[: len(example.tags)] = [self.tag_id(tag) for tag in example.tags]
        return inputs, tags

    def tag_id(self, tag: str) -> int:
        """The id of a tag; ValueError if the model has none."""
        if tag not in self._tag_ids:
            raise ValueError(f"the tag {tag!r} was never seen in training; {self.name} knows {', '.join(self.tags)}.")
        return self._tag_ids[tag]

    def inputs(self, sentences: Sequence[Sequence[str]], length: int | None = None) -> Any:
        """What the model reads, of sentences of words: ids `(b, t)`, or those and spellings `(b, t, letters)`."""
        words = self.table.encode(sentences, length)
        return [words, self.table.spell(sentences, self.letters, length)] if self.letters else words

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of sentences of words, in batches of like lengths."""
        found: list[list[str]] = [[] for _ in sentences]
        most = POSITIONS if len(sentences) > ALONE else None
        for chosen, length in in_order(list(map(len, sentences)), batch_size=most or len(sentences), most=most):
            if most is None:
                length = max(1, *(len(sentences[i]) for i in chosen))
            ids = self.run(self.tagging, self.inputs([sentences[i] for i in chosen], length), most is not None)
            for i, row in zip(chosen, ids, strict=True):
                found[i] = [self.tags[each] for each in row[: len(sentences[i])]]
        return found

    def predict(self, texts: Sequence[str]) -> list[Tagged]:
        """The words of each text and their tags."""
        require_list(texts)
        words = [cut(text) for text in texts]
        for text, each in zip(texts, words, strict=True):
            if not each:
                raise self.empty(text)
        return [Tagged(*pair) for pair in zip(words, self.tag(words), strict=True)]

    def observe(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> Observation:
        found = self.predict(texts)
        given = [tagged.tags for tagged in found] if targets is None else [target.split() for target in targets]
        for tagged, tags in zip(found, given, strict=True):
            if len(tags) != len(tagged.words):
                raise ValueError(
                    f"the target has {len(tags)} tags and the text {len(tagged.words)} words: give one a word."
                )
        inputs, ids = self.batch([Sentence(tagged.words, tags) for tagged, tags in zip(found, given, strict=True)])
        words = [tagged.words for tagged in found]
        shown = [Shown(" ".join(tagged.words), " ".join(tagged.tags), None, tagged.words) for tagged in found]
        return Observation(inputs, ids, words, words, shown)

    def answers(self, texts: Sequence[str], **options: Any) -> list[Answer]:
        self.only(options)
        found = self.predict(texts)
        return [
            Answer(
                " ".join(f"{word}/{tag}" for word, tag in zip(*tagged, strict=True)),
                {"text": text, "words": tagged.words, "tags": tagged.tags},
            )
            for text, tagged in zip(texts, found, strict=True)
        ]

    def evaluate(self, examples: Sequence[Sentence]) -> Scores:
        found = self.tag([example.words for example in examples])
        lengths = np.array([len(example.words) for example in examples])
        groups = {"script": [script_of(" ".join(example.words)) for example in examples]}
        if all(tag == "O" or tag[1:2] == "-" for tag in self.tags):
            return replace(entity_scores(examples, found, lengths), groups=groups)
        return replace(accuracy_scores(examples, found, lengths, self.table), groups=groups)


def accuracy_scores(
    examples: Sequence[Sentence], found: Sequence[Sequence[str]], lengths: np.ndarray, table: WordTable
) -> Scores:
    """Accuracy by word, of all words and of those that the vocabulary does not hold; whole sentences.

    By label, it is that of the words that have the tag, and a sentence is whole if all of these are right.
    """
    sentence = np.repeat(np.arange(len(examples)), [len(example.words) for example in examples])
    tags = np.array([tag for example in examples for tag in example.tags])
    right = tags == np.array([tag for given in found for tag in given])
    unknown = np.array([key(word) not in table.ids for example in examples for word in example.words], bool)

    def counts(of: np.ndarray) -> np.ndarray:
        """The statistics of some of the words, `(n, 6)`."""
        columns = [right & of, of, right & unknown & of, unknown & of]
        sums = [np.bincount(sentence[each], minlength=len(examples)) for each in columns]
        return np.stack([*sums, (sums[0] == sums[1]) & (sums[1] > 0), sums[1] > 0], axis=1).astype(float)

    def combine(sums: np.ndarray) -> dict[str, np.ndarray]:
        named = {"accuracy": (0, 1), "accuracy of unknown words": (2, 3), "whole sentences": (4, 5)}
        return {name: ratio(sums[..., top], sums[..., bottom]) for name, (top, bottom) in named.items()}

    parts = {"label": {str(label): counts(tags == label) for label in np.unique(tags)}}
    return Scores(counts(np.ones(len(tags), bool)), combine, lengths, "accuracy", parts=parts, support=("words", 1))


def entity_scores(examples: Sequence[Sentence], found: Sequence[Sequence[str]], lengths: np.ndarray) -> Scores:
    """Entity precision, recall and F1 as conlleval and seqeval count them: both ends and the type must be right.

    By label, they are those of each type, and the examples are the sentences where one stands or was found.
    """
    pairs = [(spans(example.tags), spans(given)) for example, given in zip(examples, found, strict=True)]

    def counts(label: str | None = None) -> np.ndarray:
        rows = []
        for pair in pairs:
            gold, guessed = ({span for span in each if label in (None, span[0])} for each in pair)
            rows.append([len(gold & guessed), len(guessed), len(gold)])
        return np.array(rows, float)

    def combine(sums: np.ndarray) -> dict[str, np.ndarray]:
        right, guessed, gold = sums[..., 0], sums[..., 1], sums[..., 2]
        f1 = ratio(2 * right, guessed + gold)
        return {"f1": f1, "precision": ratio(right, guessed), "recall": ratio(right, gold)}

    labels = {span[0] for pair in pairs for each in pair for span in each}
    parts = {"label": {label: counts(label) for label in labels}}
    return Scores(counts(), combine, lengths, "f1", parts=parts, support=("entities", 2))
