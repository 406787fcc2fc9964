"""Words and their characters as taggers and classifiers read them: the same in Python and inside a TensorFlow graph.

Text is cut by regular expressions in the syntax that Python's `re` and RE2 share; then each word is looked up in lower
case with every digit as 0, and, where a model reads characters, spelled as it stands.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasrnn.zoo.text import FIRST_CHARACTER, PADDING, UNKNOWN, clean

if TYPE_CHECKING:
    from kerasrnn.zoo.words_graph import GraphWords

CUTTING = (  # after `clean`; each is applied throughout before the next
    ("[’‘‛ʼ]", "'"),
    (r"([!\"#$%&()*+/:;<=>?@\[\\\]^_`{|}~¡-¿×÷–—“-‟•₠-₿™、。])", r" \1 "),
    (r"(--+|\.\.+|…)", r" \1 "),
    (r"(^|[^.])([^. ])\.( |$)", r"\1\2 .\3"),  # the stops of U.S. stay
    (r"(^| )(Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Sen|Rep|Gov|vs) \.", r"\1\2."),
    (r",([^0-9]|$)", r" , \1"),
    (r"([^0-9]),", r"\1 , "),
    (r"(^| )'([A-Za-z])", r"\1' \2"),
    (r"([A-Za-z])([nN]'[tT])( |$)", r"\1 \2\3"),  # the clitics of English stand alone, as in its treebanks
    (r"([^ ])('(?:s|m|d|ll|re|ve|S|M|D|LL|RE|VE))( |$)", r"\1 \2\3"),
    (r"([^ ])'( |$)", r"\1 '\2"),
    (" +", " "),
    ("^ | $", ""),
)
DIGITS = ("[0-9]", "0")
# One code point at a time, so that neither its neighbours (a final sigma), nor the user's language (the i of Turkish),
# nor the version of Unicode that TensorFlow knows can make a difference.
LOWER = {character: character.lower() for character in map(chr, range(0x20000)) if character.lower() != character}
_CUTTING = tuple((re.compile(pattern), replacement) for pattern, replacement in CUTTING)
_DIGITS = re.compile(DIGITS[0])
_LOWER = str.maketrans(LOWER)


def cut(text: str) -> list[str]:
    """The words and marks of a text."""
    text = clean(text)
    for pattern, replacement in _CUTTING:
        text = pattern.sub(replacement, text)
    return text.split(" ") if text else []


def key(word: str) -> str:
    """The form in which a word is looked up."""
    return _DIGITS.sub(DIGITS[1], word.lower() if word.isascii() else word.translate(_LOWER))


class WordTable:
    """Words to ids, and their spellings to ids of characters.

    Ids 0 and 1 are padding and unknown, in both; words and characters follow from 2 on.

    Args:
        words: in the form of `key`, each once; their order fixes the ids.
        characters: each once, as they stand in text; empty for a model that reads no characters.

    Raises:
        ValueError: an entry that is no string, is not in its form, or stands twice.
    """

    def __init__(self, words: Sequence[str], characters: str = "") -> None:
        for word in words:
            if not isinstance(word, str) or not word or " " in word or key(word) != word:
                raise ValueError(
                    f"words: expected words in lower case, digits as 0, without spaces; found {word!r:.60}."
                )
        for name, entries in (("words", words), ("characters", characters)):
            if len(set(entries)) != len(entries):
                twice = next(entry for entry, count in Counter(entries).items() if count > 1)
                raise ValueError(f"{name}: {twice!r} stands there twice.")
        self.words, self.characters = tuple(words), characters
        self.ids = {word: i for i, word in enumerate(words, FIRST_CHARACTER)}
        self.character_ids = {character: i for i, character in enumerate(characters, FIRST_CHARACTER)}

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], *, most: int, least: int = 1, characters: int = 0) -> "WordTable":
        """The table of a training set: words that occur `least` times, the `most` frequent; characters likewise."""
        words: Counter[str] = Counter()
        spelled: Counter[str] = Counter()
        for sentence in sentences:
            words.update(map(key, sentence))
            if characters:
                for word in sentence:
                    spelled.update(word)
        chosen = [word for word, count in _by_frequency(words) if count >= least and " " not in word][:most]
        return cls(chosen, "".join(each for each, count in _by_frequency(spelled) if count >= characters))

    @property
    def size(self) -> int:
        """Number of ids of words, padding and unknown included."""
        return len(self.words) + FIRST_CHARACTER

    @property
    def character_size(self) -> int:
        """Number of ids of characters, padding and unknown included."""
        return len(self.characters) + FIRST_CHARACTER

    def encode(self, sentences: Sequence[Sequence[str]], length: int | None = None) -> np.ndarray:
        """int32 `(b, t)`, 0 after each sentence; t is `length`, or the longest sentence."""
        longest = max(map(len, sentences), default=0) if length is None else length
        encoded = np.full((len(sentences), longest), PADDING, np.int32)
        for row, sentence in zip(encoded, sentences, strict=True):
            row[: len(sentence)] = [self.ids.get(key(word), UNKNOWN) for word in sentence]
        return encoded

    def spell(self, sentences: Sequence[Sequence[str]], letters: int, length: int | None = None) -> np.ndarray:
        """int32 `(b, t, letters)`: the first characters of each word, 0 after them."""
        longest = max(map(len, sentences), default=0) if length is None else length
        encoded = np.full((len(sentences), longest, letters), PADDING, np.int32)
        for row, sentence in zip(encoded, sentences, strict=True):
            for at, word in zip(row, sentence, strict=False):
                spelled = [self.character_ids.get(character, UNKNOWN) for character in word[:letters]]
                at[: len(spelled)] = spelled
        return encoded

    def graph(self) -> "GraphWords":
        """The same table as operations of a TensorFlow graph."""
        from kerasrnn.zoo.words_graph import GraphWords

        return GraphWords(self)

    def to_card(self) -> dict[str, Any]:
        """What a card keeps of it."""
        return {"words": list(self.words), "characters": self.characters}

    @classmethod
    def from_card(cls, vocabulary: dict[str, Any]) -> "WordTable":
        """The table that `to_card` wrote.

        Raises:
            ValueError: a field that is missing or of another type.
        """
        words, characters = vocabulary.get("words"), vocabulary.get("characters")
        if not isinstance(words, list) or not isinstance(characters, str):
            raise ValueError("vocabulary: 'words' must be a list and 'characters' a string")
        return cls(words, characters)


def _by_frequency(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
