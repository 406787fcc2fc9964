"""What CLDR knows about the dates of one locale, read through Babel."""

import copy
from typing import TYPE_CHECKING, Any

from kerasrnn.zoo.dates.patterns import Field, Pattern, parse

if TYPE_CHECKING:
    from types import ModuleType

_NEEDED = ("months", "days", "date_formats", "datetime_skeletons")


def _babel_data() -> "ModuleType":
    try:
        from babel import localedata
    except ImportError as error:
        raise ImportError('making date data needs Babel: pip install "kerasrnn[train]"') from error
    return localedata


class CldrDates:
    """Patterns and names of one locale.

    Babel resolves references inside its data in place and so hands one language's names to another that it looks
    up later (python-babel issue 1234); a private copy of the data keeps the locales apart.

    Args:
        code: as CLDR names it (`en_GB`, `zh_Hans`).

    Raises:
        ImportError: if Babel is not installed.
        RuntimeError: if this process has used Babel in a way that has mixed its locales already.
    """

    def __init__(self, code: str) -> None:
        localedata = _babel_data()
        loaded = localedata.load(code)
        if any(_holds(loaded[key], localedata.LocaleDataDict) for key in ("months", "days")):
            raise RuntimeError(
                f"Babel's names for {code} may be those of another language, for Babel was used in this process "
                "before (python-babel issue 1234): make the date data in a process of its own"
            )
        self._data: Any = localedata.LocaleDataDict(copy.deepcopy({key: loaded[key] for key in _NEEDED}))
        formats = [self._data["date_formats"][width].pattern for width in ("full", "long", "medium", "short")]
        skeletons = [found.pattern for found in self._data["datetime_skeletons"].values()]
        texts = dict.fromkeys([*formats, *skeletons])
        parsed = [pattern for pattern in map(parse, texts) if pattern.dated]
        self.patterns: list[Pattern] = [self._numbers_told(pattern) for pattern in parsed]

    def months(self, part: Field) -> list[str]:
        """Names of the months by number; the first is empty."""
        context = "stand-alone" if part.letter == "L" else "format"
        names = self._data["months"][context]["wide" if part.count == 4 else "abbreviated"]
        return ["", *(_styled(names[month], part) for month in range(1, 13))]

    def weekdays(self, part: Field) -> list[str]:
        """Names of the days, Monday first."""
        context = "stand-alone" if part.letter == "c" else "format"
        names = self._data["days"][context]["wide" if part.count == 4 else "abbreviated"]
        return [_styled(names[day], part) for day in range(7)]

    def _numbers_told(self, pattern: Pattern) -> Pattern:
        """The pattern, marked where a month "name" is a number in disguise and has no letter."""
        for part in pattern.fields:
            if part.letter in "ML" and part.count >= 3:
                if not all(any(character.isalpha() for character in name) for name in self.months(part)[1:]):
                    return pattern.with_number_months()
        return pattern


def _styled(name: str, part: Field) -> str:
    return name.replace(".", "") if part.dotless else name


def _holds(data: object, kind: type) -> bool:
    """Whether nested dictionaries hold an instance of a class."""
    if isinstance(data, kind):
        return True
    return isinstance(data, dict) and any(_holds(value, kind) for value in data.values())
