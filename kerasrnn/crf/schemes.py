"""Which tag may follow which: the schemes that write segments as one tag a word."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

Array = Any
Tensor = Any


class Constraints(NamedTuple):
    """What a tag sequence may look like; n tags.

    Attributes:
        transitions: `(n, n)` bool: whether the tag of the column may follow that of the row.
        start: `(n,)` bool: whether a sequence may begin with a tag.
        end: `(n,)` bool: whether it may end with it.
    """

    transitions: Array
    start: Array
    end: Array

    def forbid(self, transitions: Tensor, start: Tensor, end: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The scores of a chain, -inf where a constraint forbids."""
        scores = [ops.convert_to_tensor(score) for score in (transitions, start, end)]
        forbidden = [ops.full_like(score, -float("inf")) for score in scores]
        kept = map(ops.where, self, scores, forbidden)
        return next(kept), next(kept), next(kept)


def valid_constraints(given: Any, n: int | None = None) -> Constraints:
    """Constraints of arrays, from those or from the lists of a configuration; of `n` tags, or of any number.

    Raises:
        ValueError: anything that is not three arrays of bools of the right shapes.
    """
    try:
        found = [np.asarray(one) for one in given]
    except (TypeError, ValueError):
        found = []
    shapes = [one.shape for one in found]
    size = shapes[1][:1] if n is None and len(shapes) == 3 else (n,)
    if shapes != [size * 2, size, size] or any(one.dtype != bool for one in found):
        raise ValueError(
            "`constraints` must be `Constraints(transitions, start, end)`, bools of the shapes (n, n), (n,) and (n,) "
            f"for n{'' if n is None else f' = {n}'} tags; received {type(given).__name__} of the shapes {shapes}. Make "
            "them of the names of all tags, in the order of their ids: `kerasrnn.crf.bio_constraints(tags)`."
        )
    return Constraints(*found)


def bio_constraints(tags: Sequence[str]) -> Constraints:
    """The scheme BIO, also called IOB2: every segment is `B-TYPE`, then any number of `I-TYPE`.

    `O` is outside of all segments. `I-X` follows `B-X` or `I-X` alone.

    Args:
        tags: the names of all tags, in the order of their ids.

    Returns:
        `Constraints` for `kerasrnn.layers.CRF` or `CRFDecoder`.

    Raises:
        ValueError: a name that occurs twice or that the scheme does not have; `I-X` without `B-X`.

    Example:

    >>> from kerasrnn.crf import bio_constraints
    >>> bio_constraints(["O", "B-PER", "I-PER"]).transitions.tolist()
    [[True, True, False], [True, True, True], [True, True, True]]

    Reference: E. Tjong Kim Sang, J. Veenstra, Representing text chunks, EACL 1999.
    """
    return _constraints(tags, "BIO", "BI", inside="I", unfinished="", needs={"I": "B"})


def iob1_constraints(tags: Sequence[str]) -> Constraints:
    """The scheme IOB1: every segment is `I-TYPE`, but begins with `B-TYPE` if it touches one of its own type.

    It is that of CoNLL-2003's files. So `B-X` follows `I-X` or `B-X` alone, and everything else may follow anything.

    Args, Returns and Raises: those of `bio_constraints`; `B-X` needs `I-X`.
    """
    return _constraints(tags, "IOB1", "IB", inside="B", unfinished="", needs={"B": "I"})


def bioes_constraints(tags: Sequence[str]) -> Constraints:
    """The scheme BIOES: a segment is `B-TYPE`, any number of `I-TYPE`, `E-TYPE`, or one `S-TYPE`.

    `O` is outside of all segments. `I-X` and `E-X` follow `B-X` or `I-X` alone, and nothing else follows these two;
    a sequence does not end with them.

    Args, Returns and Raises: those of `bio_constraints`; `B-X` and `E-X` need each other, and `I-X` needs them.
    """
    needs = {"B": "E", "E": "B", "I": "B"}
    return _constraints(tags, "BIOES", "BIES", inside="IE", unfinished="BI", needs=needs)


def bilou_constraints(tags: Sequence[str]) -> Constraints:
    """The scheme BILOU: BIOES by other letters, `L` (last) for `E` and `U` (unit) for `S`.

    Args, Returns and Raises: those of `bioes_constraints`.
    """
    needs = {"B": "L", "L": "B", "I": "B"}
    return _constraints(tags, "BILOU", "BILU", inside="IL", unfinished="BI", needs=needs)


def _constraints(
    tags: Sequence[str], scheme: str, letters: str, *, inside: str, unfinished: str, needs: dict[str, str]
) -> Constraints:
    """Letters `inside` follow `B` or `I` of their type alone, and nothing but these follows an `unfinished` letter."""
    names = [_parts(tag, scheme, letters) for tag in tags]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"`tags` must be the names of one or more tags, each once; received {list(tags)}.")
    for letter, kind in names:
        if letter in needs and (needs[letter], kind) not in names:
            raise ValueError(
                f"`tags` of the scheme {scheme} must hold '{needs[letter]}-{kind}', without which '{letter}-{kind}' "
                f"cannot occur; received {list(tags)}."
            )

    def follows(before: tuple[str, str], after: tuple[str, str]) -> bool:
        if after[0] in inside:
            return before[0] in ("B", "I") and before[1] == after[1]
        return before[0] not in unfinished

    return Constraints(
        transitions=np.array([[follows(before, after) for after in names] for before in names]),
        start=np.array([letter not in inside for letter, _ in names]),
        end=np.array([letter not in unfinished for letter, _ in names]),
    )


def _parts(tag: Any, scheme: str, letters: str) -> tuple[str, str]:
    """The letter of a tag and its type; `O` has none."""
    if tag == "O":
        return "O", ""
    letter, dash, kind = tag.partition("-") if isinstance(tag, str) else ("", "", "")
    if len(letter) != 1 or letter not in letters or not dash or not kind:
        forms = ", ".join(f"'{one}-TYPE'" for one in letters)
        raise ValueError(f"`tags` of the scheme {scheme} must be 'O' or one of {forms}; received {tag!r}.")
    return letter, kind
