"""Date patterns in CLDR's notation: parsed, judged for ambiguity, varied as people vary them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

_MONTHS, _WEEKDAYS = "ML", "Ec"
_LETTERS = "yMLdoEc"


@dataclass(frozen=True)
class Field:
    """A letter of a pattern with its count; `dotless` drops the full stops of a short name."""

    letter: str
    count: int
    dotless: bool = False

    def __str__(self) -> str:
        return self.letter * self.count + ("*" if self.dotless else "")


@dataclass(frozen=True)
class Pattern:
    """A pattern as texts and fields in their order."""

    parts: tuple[str | Field, ...]
    number_months: bool = False

    @property
    def fields(self) -> list[Field]:
        return [part for part in self.parts if isinstance(part, Field)]

    @property
    def text(self) -> str:
        """The pattern as it is written, quotes left out."""
        return "".join(map(str, self.parts))

    @property
    def dated(self) -> bool:
        """Whether it holds year, month and day once each, a weekday at most once, and nothing else."""
        letters = "".join(part.letter for part in self.fields)
        kinds = [letters.count("y"), sum(map(letters.count, _MONTHS)), letters.count("d") + letters.count("o")]
        return (
            kinds == [1, 1, 1]
            and sum(map(letters.count, _WEEKDAYS)) <= 1
            and all(letter in _LETTERS for letter in letters)
        )

    @property
    def usable(self) -> bool:
        """Whether the year has four digits and no name is cut down to one letter."""
        years = all(part.count in (1, 4) for part in self.fields if part.letter == "y")
        return self.dated and years and all(part.count <= 4 for part in self.fields)

    @property
    def month_is_number(self) -> bool:
        return self.number_months or any(part.letter in _MONTHS and part.count < 3 for part in self.fields)

    @property
    def ordered_by_year(self) -> bool:
        """Whether year, month and day follow one another in that order."""
        return "".join(part.letter for part in self.fields if part.letter not in _WEEKDAYS) in ("yMd", "yLd")

    @property
    def unambiguous(self) -> bool:
        """Whether day and month cannot be taken for one another."""
        return not self.month_is_number or self.ordered_by_year

    @property
    def bare(self) -> bool:
        """Whether the date is in numbers and signs alone, without a word such as a month's name or 年."""
        words = any(character.isalpha() for part in self.parts if isinstance(part, str) for character in part)
        return self.month_is_number and not words

    def with_number_months(self) -> "Pattern":
        return replace(self, number_months=True)


def parse(text: str) -> Pattern:
    """A pattern from CLDR's notation: letters are fields, quotes hold text, '' is an apostrophe."""
    parts: list[str | Field] = []

    def add(literal: str) -> None:
        if parts and isinstance(parts[-1], str):
            parts[-1] += literal
        else:
            parts.append(literal)

    quoted = False
    at = 0
    while at < len(text):
        character = text[at]
        if text.startswith("''", at):
            add("'")
            at += 2
        elif character == "'":
            quoted = not quoted
            at += 1
        elif quoted or not (character.isascii() and character.isalpha()):
            add(character)
            at += 1
        else:
            end = at
            while end < len(text) and text[end] == character:
                end += 1
            parts.append(Field(character, end - at))
            at = end
    return Pattern(tuple(parts))


def variants(patterns: Iterable[Pattern], script: str) -> Iterator[Pattern]:
    """What people make of patterns whose month is a word: other widths, no commas, no full stops, hyphens."""
    for pattern in patterns:
        if pattern.month_is_number:
            continue
        for month in (3, 4):
            for weekday in (3, 4):
                yield (wide := _with_widths(pattern, month, weekday))
                yield _without_commas(wide)
                if month == 3:
                    yield _dotless(wide)
                if month == 4 and script in ("Cyrl", "Grek", "Latn"):
                    yield _standing_alone(wide)
        yield _zero_day(pattern)
    if script == "Latn":
        yield from map(_dotless, map(parse, ("d-LLL-y", "dd-LLL-y", "d/LLL/y", "d LLL y")))


def _with_fields(pattern: Pattern, letters: str, **changes: Any) -> Pattern:
    return replace(
        pattern,
        parts=tuple(
            replace(part, **changes) if isinstance(part, Field) and part.letter in letters else part
            for part in pattern.parts
        ),
    )


def _with_widths(pattern: Pattern, month: int, weekday: int) -> Pattern:
    return _with_fields(_with_fields(pattern, _MONTHS, count=month), _WEEKDAYS, count=weekday)


def _without_commas(pattern: Pattern) -> Pattern:
    commas = str.maketrans("", "", ",،、")
    return replace(
        pattern, parts=tuple(part.translate(commas) if isinstance(part, str) else part for part in pattern.parts)
    )


def _dotless(pattern: Pattern) -> Pattern:
    return _with_fields(pattern, _MONTHS + _WEEKDAYS, dotless=True)


def _standing_alone(pattern: Pattern) -> Pattern:
    return _with_fields(pattern, "M", letter="L")


def _zero_day(pattern: Pattern) -> Pattern:
    return _with_fields(pattern, "d", count=2)
