"""Sentences of tagged words: CoNLL columns, CoNLL-U, and tab-separated words and tags."""

from pathlib import Path
from typing import NamedTuple

from kerasrnn.zoo.readers.files import lines, suffix

CONLLU_FORM, CONLLU_UPOS, CONLLU_COLUMNS = 1, 3, 10


class Sentence(NamedTuple):
    """Words and their tags, one each."""

    words: list[str]
    tags: list[str]


def read_sentences(path: Path, word: int | str | None = None, tag: int | str | None = None) -> list[Sentence]:
    """The sentences of a file; blank lines end them, document marks are skipped.

    Comments are skipped too: in a `.conllu` file lines that begin with `#`, elsewhere those before a sentence's first
    word that begin with `# ` (within a sentence, that is a word).

    In a `.conllu` file the words are the syntactic ones (ranges such as `1-2` and empty nodes are left out).

    Args:
        path: the file, gzip or not.
        word, tag: columns from 0, or from the last with -1; by default form and UPOS of a `.conllu` file, the first and
            the last column elsewhere, or the second for the four columns form, UPOS, XPOS, lemma of a `.tsv` file.

    Raises:
        ValueError: a line with too few columns, an empty word or tag, or no sentence at all.
    """
    conllu = suffix(path) == ".conllu"
    treebank = suffix(path) == ".tsv"
    chosen = _column("word", word), _column("tag", tag)
    found: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    for number, line in [*lines(path), (0, "")]:
        if not line.strip():
            if words:
                found.append(Sentence(words, tags))
                words, tags = [], []
            continue
        columns = line.split("\t") if "\t" in line else [each for each in line.split(" ") if each]
        comment = line.startswith("#") if conllu else line.startswith("# ") and not words
        if comment or columns[0] == "-DOCSTART-":
            continue
        if conllu and len(columns) != CONLLU_COLUMNS:
            raise ValueError(
                f"{path}:{number}: expected the {CONLLU_COLUMNS} columns of CoNLL-U, found {len(columns)}."
            )
        if conllu and not columns[0].isdigit():
            continue
        at_word = (CONLLU_FORM if conllu else 0) if chosen[0] is None else chosen[0]
        usual = CONLLU_UPOS if conllu else 1 if treebank else len(columns) - 1
        at_tag = usual if chosen[1] is None else chosen[1]
        needed = max(2, *(each + 1 if each >= 0 else -each for each in (at_word, at_tag)))
        if len(columns) < needed:
            raise ValueError(
                f"{path}:{number}: expected at least {needed} columns, found {len(columns)}: {line[:60]!r}."
            )
        if not columns[at_word].strip() or not columns[at_tag].strip():
            raise ValueError(f"{path}:{number}: an empty word or tag: {line[:60]!r}.")
        words.append(columns[at_word])
        tags.append(columns[at_tag].strip())
    if not found:
        raise ValueError(
            f"{path} holds no sentence: expected a word and a tag a line, a blank line after each sentence."
        )
    return found


def _column(role: str, column: int | str | None) -> int | None:
    try:
        return None if column is None else int(column)
    except ValueError as error:
        raise ValueError(f"the column of the {role} is chosen by its number from 0; received {column!r}.") from error
