"""Dates as people write them: the forms of a locale, compiled once into pieces that render fast."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache

from kerasrnn.zoo.dates.cldr import CldrDates
from kerasrnn.zoo.dates.locales import LOCALES, LocaleSpec
from kerasrnn.zoo.dates.patterns import Field, Pattern, parse, variants
from kerasrnn.zoo.text import clean, fold

MAX_LENGTH = 48  # characters of a rendered date after cleaning; longer forms are left out

FAMILY_SHARES = {"cldr": 0.45, "words": 0.42, "numbers": 0.13}
_NUMBERS = ("y-MM-dd", "y/MM/dd", "y.MM.dd", "y-M-d")

_YEAR, _MONTH, _DAY, _WEEKDAY = range(4)
Piece = str | tuple[int, Callable[[int], str]]


@dataclass(frozen=True)
class Form:
    """One way of writing a date in one locale.

    Args:
        name: the family, a colon, the pattern: `cldr:d MMMM y`.
        pieces: texts, and pairs of a part of the date (0 year, 1 month, 2 day, 3 weekday) and what writes it.
        longest: length of the longest text it makes.
    """

    name: str
    pieces: tuple[Piece, ...]
    longest: int

    def render(self, day: date) -> str:
        """The text of a date."""
        parts = (day.year, day.month, day.day, day.weekday())
        return "".join([piece if isinstance(piece, str) else piece[1](parts[piece[0]]) for piece in self.pieces])


@dataclass(frozen=True)
class LocaleForms:
    """Every form of one locale, with the running sum of their shares (the last is 1)."""

    spec: LocaleSpec
    forms: tuple[Form, ...]
    cumulative: tuple[float, ...]


def spec_of(code: str) -> LocaleSpec:
    """What is known about a locale.

    Raises:
        ValueError: if the data have no such locale.
    """
    if code not in LOCALES:
        raise ValueError(f"locale: expected one of {', '.join(LOCALES)}, received {code!r}")
    return LOCALES[code]


@cache
def forms(code: str) -> LocaleForms:
    """The forms of a locale: CLDR's own, the usual variants, and the all-number ones that cannot be misread.

    Raises:
        ValueError: if the data have no such locale.
        ImportError: if Babel is not installed.
    """
    spec = spec_of(code)
    names = CldrDates(code)
    known: set[tuple[object, ...]] = set()
    found: list[Form] = []
    shares: list[float] = []
    for family, patterns in _families(spec, names).items():
        made = []
        for pattern in patterns:
            for form in _compiled(family, pattern, spec, names):
                key = tuple(form.render(date(1998, month, day)) for month in range(1, 13) for day in (1, 7, 22, 23))
                if key not in known and form.longest <= MAX_LENGTH:
                    known.add(key)
                    made.append(form)
        found += made
        shares += [FAMILY_SHARES[family] / len(made)] * len(made)
    total = sum(shares)
    return LocaleForms(spec, tuple(found), tuple(itertools.accumulate(share / total for share in shares)))


def characters(codes: Iterable[str]) -> list[str]:
    """The folded characters, sorted, that the dates of some locales are written with: digits and space included."""
    found = set("0123456789 ")
    for code in codes:
        for form in forms(code).forms:
            for piece in form.pieces:
                for text in [piece] if isinstance(piece, str) else _texts(piece):
                    found.update(map(fold, clean(text + text.upper())))
    return sorted(found - {""})


def _families(spec: LocaleSpec, names: CldrDates) -> dict[str, list[Pattern]]:
    """The patterns of a locale by family, none of which can be misread."""
    cldr = [pattern for pattern in names.patterns if pattern.usable and pattern.unambiguous]
    own = [parse(text) for text in spec.words]
    if not all(pattern.month_is_number for pattern in cldr):
        own += [parse("d MMMM y"), parse("d MMM y")]
    families = {
        "cldr": [pattern for pattern in cldr if not pattern.bare],
        "words": [*own, *variants([*cldr, *own], spec.script)],
        "numbers": [*map(parse, (*_NUMBERS, *spec.numbers)), *(pattern for pattern in cldr if pattern.bare)],
    }
    for pattern in itertools.chain(*families.values()):
        if not (pattern.usable and pattern.unambiguous):
            raise ValueError(f"{spec.code}: the pattern {pattern.text!r} can be misread: give it a word for the month")
    return families


def _compiled(family: str, pattern: Pattern, spec: LocaleSpec, names: CldrDates) -> list[Form]:
    """The forms of one pattern: one, or more where names or numerals can be written in several ways."""
    made = [_form(family, pattern, spec, names)]
    if family == "words" and spec.months and any(part.letter == "M" for part in pattern.fields):
        made.append(_form("words", pattern, spec, names, months=spec.months, note=" (other names)"))
    if family == "words" and spec.script in ("Hans", "Hant", "Jpan") and pattern.month_is_number:
        if all(part.count == 1 for part in pattern.fields if part.letter in "yMd"):
            made.append(_form("words", pattern, spec, names, han=True, note=" (Han numerals)"))
    return made


def _form(
    family: str,
    pattern: Pattern,
    spec: LocaleSpec,
    names: CldrDates,
    *,
    months: dict[int, str] | None = None,
    han: bool = False,
    note: str = "",
) -> Form:
    pieces: list[Piece] = []
    for part in pattern.parts:
        if isinstance(part, str):
            pieces.append(part)
        else:
            pieces.append(_han_piece(part) if han and part.letter in "yMd" else _piece(part, spec, names, months or {}))
    longest = sum(len(piece) if isinstance(piece, str) else max(map(len, _texts(piece))) for piece in pieces)
    return Form(f"{family}:{pattern.text}{note}", tuple(pieces), longest)


def _piece(part: Field, spec: LocaleSpec, names: CldrDates, months: dict[int, str]) -> Piece:
    if part.letter == "y":
        return _YEAR, str
    if part.letter == "d":
        return _DAY, [f"{day:0{part.count}d}" for day in range(32)].__getitem__
    if part.letter == "o":
        return _DAY, [spec.ordinals.get(day, str(day)) for day in range(32)].__getitem__
    if part.letter in "Ec":
        return _WEEKDAY, names.weekdays(part).__getitem__
    if part.count < 3:
        return _MONTH, [f"{month:0{part.count}d}" for month in range(13)].__getitem__
    table = names.months(part)
    return _MONTH, [months.get(month, name) for month, name in enumerate(table)].__getitem__


_HAN_DIGITS = "〇一二三四五六七八九"


def _han_number(number: int) -> str:
    """1 to 39 as Han numerals, as months and days are read."""
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else _HAN_DIGITS[tens] + "十") + (_HAN_DIGITS[ones] if ones else "")


def _han_year(year: int) -> str:
    return "".join(_HAN_DIGITS[int(digit)] for digit in str(year))


def _han_piece(part: Field) -> Piece:
    if part.letter == "y":
        return _YEAR, _han_year
    table = [_han_number(number) for number in range(32)]
    return (_MONTH if part.letter == "M" else _DAY), table.__getitem__


def _texts(piece: tuple[int, Callable[[int], str]]) -> list[str]:
    """Everything that a piece can write (of the years, those that show every digit)."""
    which, write = piece
    values = {_YEAR: [1234, 5678, 9000], _MONTH: range(1, 13), _DAY: range(1, 32), _WEEKDAY: range(7)}[which]
    return [write(value) for value in values]
