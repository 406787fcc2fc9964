"""Text handling for character models, defined once for Python and for a TensorFlow graph.

Two steps, both chosen so that a TensorFlow graph (which has regular expressions but no Unicode normalisation) can
repeat them exactly:

1. **clean**: three regular expressions, given below in the syntax that Python's `re` and RE2 share. Characters that
   show nothing (bidirectional marks, zero-width joiners and spaces, soft hyphens, variation selectors, the Arabic
   tatweel) disappear; every kind of space becomes one plain space; the ends are stripped.
2. **fold**: a table from one code point to one character or to nothing. Case, width, diacritics and the script of
   decimal digits are dropped, so composed and decomposed spellings become the same characters.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kerasrnn.zoo.text_graph import GraphEncoder

PADDING = 0
UNKNOWN = 1
FIRST_CHARACTER = 2
LETTERS = ("Lu", "Ll", "Lt", "Lo")  # the categories of letters of one script
REMOVED = -1  # in a table of ids: a code point that takes no position

# Literal characters and ranges of them: RE2 knows no \u escapes.
INVISIBLE_PATTERN = "[\u00ad\u061c\u0640\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]+"
SPACES_PATTERN = "[\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
ENDS_PATTERN = "^ | $"
CLEANING = ((INVISIBLE_PATTERN, ""), (SPACES_PATTERN, " "), (ENDS_PATTERN, ""))

_MARK_RANGES = (
    (0x0300, 0x036F),  # combining diacritics
    (0x0591, 0x05BD),  # Hebrew accents and points
    (0x05BF, 0x05BF),
    (0x05C1, 0x05C2),
    (0x05C4, 0x05C5),
    (0x05C7, 0x05C7),
    (0x064B, 0x065F),  # Arabic vowel signs, hamza and madda
    (0x0670, 0x0670),
    (0x093C, 0x093C),  # Devanagari nukta
)
MARKS = frozenset(chr(point) for first, last in _MARK_RANGES for point in range(first, last + 1))

# Letters and punctuation that people type for one another and that Unicode's decompositions leave apart.
_SAME = {
    "σ": "ς",
    "i": "ı",
    "ي": "یى",
    "ك": "ک",
    "ه": "ہھە",
    "'": "’‘‛ʼʻʹ′`׳",
    '"': "“”„‟״",
    "-": "‐‑‒–—―−־",
    ",": "،、",
    ".": "۔。॰",
}
SAME = {character: target for target, characters in _SAME.items() for character in characters}

# Outside these blocks (Han, Hangul syllables, private use, the far planes) every character folds to itself.
_FOLDING_BLOCKS = ((0, 0x3400), (0xA000, 0xAC00), (0xF900, 0x20000), (0x2F800, 0x2FA20))

_CLEANING = tuple((re.compile(pattern), replacement) for pattern, replacement in CLEANING)


def clean(text: str) -> str:
    """Without invisible characters, every run of spaces one plain space, ends stripped."""
    for pattern, replacement in _CLEANING:
        text = pattern.sub(replacement, text)
    return text


def fold(character: str) -> str:
    """The one character that stands for this one, or "" for a combining mark that takes no position.

    Only one-to-one folds: a character that would become several (a ligature, a fraction) stays as it is.

    Args:
        character: one code point, as it stands in cleaned text.
    """
    if character in MARKS or re.fullmatch(INVISIBLE_PATTERN, character):
        return ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    folded = SAME.get(character)
    if folded is None:
        decomposed = unicodedata.normalize("NFKD", character)
        several = any(mark not in MARKS for mark in decomposed[1:])
        folded = character if several or decomposed[0].isspace() else decomposed[0]
        lower = folded.lower()
        folded = lower if len(lower) == 1 else folded
    return folded if folded == character else fold(folded)


def script_of(text: str) -> str:
    """The script of most of a text's first letters, as Unicode names it: Latin, Hangul, CJK; "none" without one."""
    letters = (each for each in unicodedata.normalize("NFKC", text[:500]) if unicodedata.category(each) in LETTERS)
    words = (unicodedata.name(letter, "none").split() for letter in letters)
    names = Counter(" ".join(word[: 2 if word[0] in ("OLD", "NEW") else 1]) for word in words)
    name = max(names, key=names.__getitem__, default="none")
    return name if name in ("CJK", "none") else name.title()


class _Ids(dict[str, int]):
    """Id of every character: computed once, then looked up."""

    def __init__(self, canonical: dict[str, int]) -> None:
        super().__init__()
        self._canonical = canonical

    def __missing__(self, character: str) -> int:
        folded = fold(character)
        found = self._canonical.get(folded, UNKNOWN) if folded else REMOVED
        self[character] = found
        return found


class CharacterTable:
    """Characters to ids and back to what a reader sees.

    Id 0 is padding, 1 is any character the table does not hold, and the characters follow from 2 on.

    Args:
        characters: the folded characters, each once; their order fixes the ids.

    Raises:
        ValueError: if an entry is not one character, is not in its folded form, or stands twice.
    """

    def __init__(self, characters: Sequence[str]) -> None:
        for character in characters:
            if not isinstance(character, str) or len(character) != 1:
                raise ValueError(f"characters: expected single characters, received {character!r}")
            if fold(character) != character or (character != " " and clean(character) != character):
                raise ValueError(
                    f"characters: expected folded characters, received {character!r} "
                    f"(U+{ord(character):04X}); pass each through `fold` first"
                )
        repeated = sorted(character for character, count in Counter(characters).items() if count > 1)
        if repeated:
            raise ValueError(f"characters: expected each character once, received {repeated} more than once")
        self.characters = tuple(characters)
        self._canonical = {character: at for at, character in enumerate(self.characters, FIRST_CHARACTER)}
        self._ids = _Ids(self._canonical)

    @property
    def size(self) -> int:
        """Number of ids `v`, padding and unknown included."""
        return len(self.characters) + FIRST_CHARACTER

    def ids(self, text: str) -> list[int]:
        """Ids of a text, one a position."""
        ids = self._ids
        return [found for found in [ids[character] for character in clean(text)] if found >= 0]

    def tokens(self, text: str) -> list[str]:
        """The characters as they were written, one a position; marks that take no position follow their letter."""
        tokens: list[str] = []
        for character in clean(text):
            if self._ids[character] != REMOVED:
                tokens.append(character)
            elif tokens:
                tokens[-1] += character
        return tokens

    def unknown(self, text: str) -> list[str]:
        """The characters of a text that the table does not hold, each once, in order of appearance."""
        return list(dict.fromkeys(character for character in clean(text) if self._ids[character] == UNKNOWN))

    def encode(self, texts: Sequence[str], length: int | None = None) -> np.ndarray:
        """Ids of several texts, padded at the end.

        Args:
            texts: `b` texts.
            length: number of positions `s`; by default that of the longest text.

        Returns:
            int32 (b, s).

        Raises:
            TypeError: if `texts` is one string.
            ValueError: if a text has more than `length` positions.
        """
        if isinstance(texts, str):
            raise TypeError("texts: expected a list of strings, received one string; pass [text]")
        rows = [self.ids(text) for text in texts]
        longest = max(map(len, rows), default=0)
        if length is None:
            length = longest
        elif longest > length:
            at = next(at for at, row in enumerate(rows) if len(row) > length)
            raise ValueError(
                f"texts: expected at most {length} characters, received {len(rows[at])} at index {at}: "
                f"{texts[at][:60]!r}; shorten the text"
            )
        encoded = np.zeros((len(rows), length), np.int32)
        for at, row in enumerate(rows):
            encoded[at, : len(row)] = row
        return encoded

    def code_points(self) -> Iterator[tuple[int, int]]:
        """Every code point that is not unknown, with its id, or with -1 if it takes no position."""
        foldable = (point for first, end in _FOLDING_BLOCKS for point in range(first, end))
        elsewhere = (
            point
            for point in map(ord, self.characters)
            if not any(first <= point < end for first, end in _FOLDING_BLOCKS)
        )
        for points in (foldable, elsewhere):
            for point in points:
                found = self._ids[chr(point)]
                if found != UNKNOWN:
                    yield point, found

    def graph_encoder(self) -> "GraphEncoder":
        """The same table as operations of a TensorFlow graph."""
        from kerasrnn.zoo.text_graph import GraphEncoder

        return GraphEncoder(self)

    def to_json(self) -> str:
        """A JSON text from which `from_json` makes an equal table."""
        return json.dumps({"characters": "".join(self.characters)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "CharacterTable":
        """The table that `to_json` wrote.

        Raises:
            ValueError: if the text is not JSON with a string under "characters".
        """
        found = json.loads(text)
        if not isinstance(found, dict) or not isinstance(found.get("characters"), str):
            raise ValueError(f'text: expected {{"characters": "..."}}, received {text[:60]!r}')
        return cls(list(found["characters"]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CharacterTable) and self.characters == other.characters

    def __hash__(self) -> int:
        return hash(self.characters)

    def __repr__(self) -> str:
        return f"CharacterTable({len(self.characters)} characters)"
