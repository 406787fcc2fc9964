"""ABC text as tokens: what both the parser and the rewriting of tunes read.

The notation is that of the ABC standard 2.1 (C. Walshaw and others, 2011), in the subset that one voice of a folk tune
needs.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

LENGTH = r"(?:\d{1,3}(?:/\d{1,3}|/{1,4})?|/\d{1,3}|/{1,4})?"
ENDING = r"[1-9](?:[,-][1-9])*"
_KINDS = (
    ("quote", r'"[^"\n]*"'),
    ("inline", r"\[[A-Za-z]:[^\]\n]*\]"),
    ("line", rf"(?:::+|:*(?:\[\||\|)[|\]]*(?::+(?!\|))?)(?:[ \t]*\[?{ENDING}(?=[^/\d]|\Z))?|\[{ENDING}(?=[^/\d]|\Z)"),
    ("note", rf"(?:\^\^|\^|__|_|=)?[A-Ga-g][,']{{0,5}}{LENGTH}"),
    ("rest", rf"[zx]{LENGTH}"),
    ("tuplet", r"\([2-9](?::[1-9]?(?::[1-9]?)?)?"),
    ("broken", r">{1,3}|<{1,3}"),
    ("tie", r"-"),
    ("slur", r"[()]"),
    ("chord", r"\["),
    ("chord_end", rf"\]{LENGTH}"),
    ("grace", r"\{/?"),
    ("grace_end", r"\}"),
    ("decoration", r"![^!\n|]*!|[.~H-Wh-w]"),
    ("space", r"[ \t`]+|y\d*|\\(?=[ \t]*\Z)"),
    ("end", r"\n"),
)
_TOKEN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS))
_FIELD = re.compile(r"([A-Za-z]):(?![|:])[ \t]*(.*?)[ \t]*")  # `A:|` is a note and a bar line
_COMMENT = re.compile(r"(?<!\\)%.*")


class AbcError(ValueError):
    """A text that is no ABC of this kind, or whose bars do not add up; says where."""


class Token(NamedTuple):
    """A piece of a tune.

    Attributes:
        kind: "field" for a whole line such as `K:G`, else a kind of `_KINDS`.
        text: as it stands.
        line: from 1.
        column: from 1.
    """

    kind: str
    text: str
    line: int
    column: int

    def error(self, message: str) -> AbcError:
        """What is wrong here."""
        return AbcError(f"line {self.line}, column {self.column}: {message}")


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a tune, in order; together they are its text, but for comments.

    Raises:
        AbcError: a character that has no meaning where it stands.
    """
    for number, raw in enumerate(text.split("\n"), start=1):
        line = _COMMENT.sub("", raw)
        if number > 1:
            yield Token("end", "\n", number - 1, 0)
        if _FIELD.fullmatch(line):
            yield Token("field", line, number, 1)
            continue
        at = 0
        while at < len(line):
            found = _TOKEN.match(line, at)
            if found is None:
                raise Token("", "", number, at + 1).error(f"unexpected {line[at]!r}")
            yield Token(str(found.lastgroup), found[0], number, at + 1)
            at = found.end()


def field(text: str) -> tuple[str, str]:
    """Letter and value of `K:G` or `[K:G]`."""
    found = _FIELD.fullmatch(text.strip("[]"))
    if found is None:
        raise ValueError(f"{text!r} is no field.")
    return found[1], found[2]
