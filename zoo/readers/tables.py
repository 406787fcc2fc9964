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
    numbered = (pair for pair in lines(path))
    named = kind == ".csv" or any(not _is_number(column) for column in columns)
    at: list[int] | None = None if named else [int(column) for column in columns]
    for number, line in numbered:
        if not line.strip():
            continue
        fields = line.split("\t") if kind == ".tsv" else _csv_fields(line, numbered)
        if at is None:
            at = [_position(path, column, fields) for column in columns]
            continue
        if len(fields) <= max(at, default=0) or not fields:
            raise ValueError(
                f"{path}:{number}: expected at least {max(at) + 1} columns, found {len(fields)}: {line[:60]!r}."
            )
        yield number, [fields[each] for each in at]


def _csv_fields(line: str, more: Iterator[tuple[int, str]]) -> list[str]:
    """The fields of a row, whose quoted ones may go on for several lines."""
    while line.count('"') % 2 and (following := next(more, None)) is not None:
        line += "\n" + following[1]
    return next(csv.reader([line])) if "\n" not in line else next(csv.reader(line.splitlines(keepends=True)))


def _is_number(column: str | int) -> bool:
    return isinstance(column, int) or column.lstrip("-").isdigit()


def _position(path: Path, column: str | int, header: list[str]) -> int:
    if _is_number(column):
        return int(column)
    if column not in header:
        raise ValueError(f"{path} has no column {column!r}; its first line names {', '.join(header)[:200]}.")
    return header.index(str(column))


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
