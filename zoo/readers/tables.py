"""Rows of named or numbered columns: TSV, CSV and JSON lines."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kerasrnn.zoo.readers.files import lines, suffix

SUFFIXES = (".tsv", ".csv", ".jsonl")


class Pair(NamedTuple):
    """A text and what it should become."""

    source: str
    target: str


def read_pairs(path: Path, source: str | int = 0, target: str | int = 1) -> list[Pair]:
    """Pairs of texts; ValueError for an empty one, or for none at all."""
    found = []
    for number, texts in rows(path, [source, target]):
        if not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError(f"{path}:{number}: expected two texts, found {texts!r:.80}.")
        found.append(Pair(*texts))
    if not found:
        raise ValueError(f"{path} holds no pair of texts.")
    return found


def rows(path: Path, columns: Sequence[str | int]) -> Iterator[tuple[int, list[Any]]]:
    """Chosen columns of each row, with the row's line number; blank lines are skipped.

    Args:
        path: a `.tsv`, `.csv` or `.jsonl` file, gzip or not. The first line of a `.csv` file is the header, and that of
            a `.tsv` file whose columns are chosen by name. Fields of a `.tsv` are taken as they are, without quotes.
        columns: names (or numbers from 0, in `.tsv` and `.csv`).

    Raises:
        ValueError: another suffix, a column that is not there, or a line that is no JSON object.
    """
    kind = suffix(path)
    if kind not in SUFFIXES:
        raise ValueError(f"{path}: expected a file name in {', '.join(SUFFIXES)}, or the same with .gz.")
    if kind == ".jsonl":
        yield from _of_json(path, columns)
        return
    named = kind == ".csv" or any(_number(column) is None for column in columns)
    at: list[int] | None = None if named else [_number(column) or 0 for column in columns]
    for number, fields in _of_csv(path) if kind == ".csv" else _of_tsv(path):
        if at is None:
            at = [_position(path, column, fields) for column in columns]
            continue
        if not all(-len(fields) <= each < len(fields) for each in at):
            needed = max(each + 1 if each >= 0 else -each for each in at)
            raise ValueError(
                f"{path}:{number}: expected at least {needed} columns, found {len(fields)}: {' '.join(fields)[:60]!r}."
            )
        yield number, [fields[each] for each in at]


def _of_tsv(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in lines(path):
        if line.strip():
            yield number, line.split("\t")


def _of_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows, numbered by their first line; a quoted field may go on for several lines."""
    read = 0

    def ended() -> Iterator[str]:
        nonlocal read
        for number, line in lines(path):
            read = number
            yield f"{line}\n"

    reader = csv.reader(ended(), strict=True)
    while True:
        began = read + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise ValueError(
                f"{path}:{began}: the row that begins here is no CSV ({error}): check its quotes."
            ) from error
        if fields is None:
            return
        if len(fields) > 1 or "".join(fields).strip():
            yield began, fields


def _number(column: str | int) -> int | None:
    """The number of a column that is chosen by number."""
    try:
        return int(column)
    except ValueError:
        return None


def _position(path: Path, column: str | int, header: list[str]) -> int:
    if column in header:
        return header.index(str(column))
    number = _number(column)
    if number is None:
        raise ValueError(f"{path} has no column {column!r}; its first line names {', '.join(header)[:200]}.")
    return number


def _of_json(path: Path, columns: Sequence[str | int]) -> Iterator[tuple[int, list[Any]]]:
    for number, line in lines(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}:{number} is no JSON: {error}.") from error
        if not isinstance(row, dict):
            raise ValueError(f"{path}:{number}: expected a JSON object, found {line[:60]!r}.")
        missing = [str(column) for column in columns if column not in row]
        if missing:
            raise ValueError(f"{path}:{number} has no field {missing[0]!r}; it has {', '.join(row)[:200]}.")
        yield number, [row[column] for column in columns]
