"""Entities in a row of BIO tags."""

from collections.abc import Sequence


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """`(type, first, last)` of each entity. An I- that continues no entity of its type begins one, as in conlleval."""
    found: set[tuple[str, int, int]] = set()
    begun, kind = 0, ""
    for i, tag in enumerate([*tags, "O"]):
        continues = tag[:2] == "I-" and tag[2:] == kind
        if kind and not continues:
            found.add((kind, begun, i - 1))
            kind = ""
        if not continues and tag[:2] in ("B-", "I-"):
            begun, kind = i, tag[2:]
    return found
