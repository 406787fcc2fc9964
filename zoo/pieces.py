"""Subwords, for models that translate: every word is cut into pieces of a vocabulary learned from the training text.

Text is cleaned, apostrophes become one, letters with a separate accent become one character; each word gets a mark of
its beginning, and is then cut from left to right into the longest pieces that the vocabulary has. It needs neither a
tokeniser nor its reverse: the pieces side by side, marks read as spaces, are the text.

The vocabulary is that of byte-pair encoding (R. Sennrich, B. Haddow, A. Birch, Neural machine translation of rare words
with subword units, ACL 2016), the cutting that of WordPiece (Y. Wu et al., 2016), which a TensorFlow graph can repeat.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasrnn.zoo.text import FIRST_CHARACTER, UNKNOWN, clean

if TYPE_CHECKING:
    from kerasrnn.zoo.pieces_graph import GraphPieces

BEGINS = "▁"  # U+2581, before each word
APOSTROPHES = "’‘‛ʼ"
# A letter and its combining accent, as one character: what normalisation form C does, for the letters of Latin script,
# in a way that a TensorFlow graph can repeat.
COMPOSED = {
    unicodedata.normalize("NFD", character): character
    for character in map(chr, range(0xC0, 0x250))
    if len(unicodedata.normalize("NFD", character)) == 2
}
APOSTROPHE, HYPHEN = "'", "-"  # what a piece may end with, as in l'eau, and begin with, as in avez-vous


def normal(text: str) -> str:
    """The form in which a text is cut: cleaned, one kind of apostrophe, accents on their letters."""
    text = clean(text)
    for apostrophe in APOSTROPHES:
        text = text.replace(apostrophe, "'")
    if any("\u0300" <= character <= "\u036f" for character in text):
        for apart, together in COMPOSED.items():
            text = text.replace(apart, together)
    return text


def marked(text: str) -> list[str]:
    """The words of a text between its spaces, each after the mark of its beginning."""
    text = normal(text)
    return [BEGINS + word for word in text.split(" ")] if text else []


def joined(pieces: Iterable[str]) -> str:
    """The text that pieces spell."""
    return "".join(pieces).replace(BEGINS, " ").strip(" ")


class PieceTable:
    """Texts to pieces and their ids.

    Ids 0 and 1 are padding and a character that no piece holds; pieces follow from 2 on.

    Args:
        pieces: each once; their order fixes the ids.

    Raises:
        ValueError: an entry that is no text or holds a space, or stands twice.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        for piece in pieces:
            if not isinstance(piece, str) or not piece or " " in piece or normal(piece) != piece:
                raise ValueError(f"pieces: expected texts without spaces, in their normal form; found {piece!r:.60}.")
        if len(set(pieces)) != len(pieces):
            twice = next(piece for piece, count in Counter(pieces).items() if count > 1)
            raise ValueError(f"pieces: {twice!r} stands there twice.")
        self.pieces = tuple(pieces)
        self._ids = {piece: i for i, piece in enumerate(pieces, FIRST_CHARACTER)}
        self._longest = max(map(len, pieces), default=1)
        self._cut: dict[str, list[str]] = {}  # words that were cut before

    @property
    def size(self) -> int:
        """Number of ids, padding and unknown included."""
        return len(self.pieces) + FIRST_CHARACTER

    @property
    def longest(self) -> int:
        """Characters of the longest piece."""
        return self._longest

    def tokens(self, text: str) -> list[str]:
        """The pieces of a text; a character that no piece holds stands alone."""
        found: list[str] = []
        for word in marked(text):
            if word not in self._cut:
                if len(self._cut) > 100_000:
                    self._cut.clear()
                self._cut[word] = self._pieces_of(word)
            found += self._cut[word]
        return found

    def ids(self, text: str) -> list[int]:
        """The ids of a text's pieces."""
        return [self._ids.get(piece, UNKNOWN) for piece in self.tokens(text)]

    def encode(self, texts: Sequence[str], length: int | None = None) -> np.ndarray:
        """int32 `(b, s)`, 0 after each text; s is `length`, or the longest text."""
        rows = [self.ids(text) for text in texts]
        longest = max(map(len, rows), default=0) if length is None else length
        encoded = np.zeros((len(rows), longest), np.int32)
        for at, row in zip(encoded, rows, strict=True):
            at[: len(row)] = row
        return encoded

    def unknown(self, text: str) -> list[str]:
        """The characters of a text that no piece holds, each once, in order of appearance."""
        return list(dict.fromkeys(piece for piece in self.tokens(text) if piece not in self._ids))

    def graph_encoder(self) -> "GraphPieces":
        """The same table as operations of a TensorFlow graph."""
        from kerasrnn.zoo.pieces_graph import GraphPieces

        return GraphPieces(self)

    def _pieces_of(self, word: str) -> list[str]:
        found, at = [], 0
        while at < len(word):
            ends = range(min(at + self._longest, len(word)), at, -1)
            end = next((end for end in ends if word[at:end] in self._ids), at + 1)
            found.append(word[at:end])
            at = end
        return found


def learn(texts: Iterable[str], most: int, least: int = 2) -> list[str]:
    """A vocabulary of pieces: the characters that occur `least` times, then the pairs that occur most, one by one.

    Pieces hold letters, an apostrophe at their end (l'|eau) and a hyphen at their beginning (avez|-vous); every other
    character stands alone, or after the mark of a word's beginning.

    Args:
        texts: of the training part.
        most: pieces at most.
        least: how often a character must occur.

    Returns:
        The pieces, in the order in which they were found.
    """
    words: Counter[str] = Counter()
    for text in texts:
        words.update(marked(text))
    characters: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            characters[character] += count
    alphabet = [each for each, count in sorted(characters.items(), key=_by_count) if count >= least]
    cut = {word: list(word) for word in words}
    pairs: dict[tuple[str, str], int] = defaultdict(int)
    where: dict[tuple[str, str], set[str]] = defaultdict(set)
    for word in cut:
        _count(cut[word], word, words[word], pairs, where)
    heap = [(-count, pair) for pair, count in pairs.items()]  # a pair whose count changed stands in it again
    heapify(heap)
    known = set(alphabet)
    found = list(alphabet)
    while heap and len(found) < most:
        negative, pair = heappop(heap)
        if -negative != pairs.get(pair) or -negative < least:
            continue
        changed: set[tuple[str, str]] = set()
        for word in where.pop(pair):
            changed |= _count(cut[word], word, -words[word], pairs, where)
            cut[word] = _merged(cut[word], pair)
            changed |= _count(cut[word], word, words[word], pairs, where)
        pairs.pop(pair, None)
        for other in sorted(changed - {pair}):
            heappush(heap, (-pairs[other], other))
        piece = "".join(pair)
        if piece not in known and known.issuperset(piece):
            known.add(piece)
            found.append(piece)
    return found


def _by_count(pair: tuple[Any, int]) -> tuple[int, Any]:
    return -pair[1], pair[0]


def _count(
    pieces: Sequence[str],
    word: str,
    count: int,
    pairs: dict[tuple[str, str], int],
    where: Mapping[tuple[str, str], set[str]],
) -> set[tuple[str, str]]:
    """Count a word's pairs of pieces, or with a negative count take them back; the pairs."""
    found = set()
    for first, second in pairwise(pieces):
        if first == BEGINS or (
            _letters(first.removeprefix(BEGINS).removeprefix(HYPHEN)) and _letters(second.removesuffix(APOSTROPHE))
        ):
            pairs[first, second] += count
            where[first, second].add(word)
            found.add((first, second))
    return found


def _letters(text: str) -> bool:
    return not text or text.isalpha()


def _merged(pieces: Sequence[str], pair: tuple[str, str]) -> list[str]:
    found: list[str] = []
    for piece in pieces:
        if found and (found[-1], piece) == pair:
            found[-1] += piece
        else:
            found.append(piece)
    return found
