"""Tokens as labels: what a reader must see and what a renderer must not act on, made visible."""

import unicodedata
from itertools import groupby

_JOINERS = "\u200c\u200d"
_ISOLATES = "\u2066\u2067\u2068\u2069"
_RIGHT_TO_LEFT = ("R", "AL", "AN")  # bidirectional classes
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INVISIBLE_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")


def visible(token: str) -> str:
    """Return `token` with everything invisible or active spelled out: `\\x1b`, `\\u202e`, and `␣` for a lone space.

    Control characters, directional marks and overrides, line separators and lone surrogates are always spelled out.
    Joiners and variation selectors stay inside a word, where shaping needs them. White space is spelled out where
    a token holds nothing else.
    """
    if not token:
        return ""
    if token.isspace():
        return "".join("␣" if char == " " else _spelled(char) for char in token)
    if all(_is_joining(char) for char in token):
        return "".join(map(_spelled, token))
    return "".join(char if _is_harmless(char) else _spelled(char) for char in token)


def label(token: str, limit: int = 24) -> str:
    """Return `visible(token)` cut to at most `limit` characters, the last of them an ellipsis where it was cut."""
    text = visible(token)
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 1 and (unicodedata.combining(text[end]) or _is_joining(text[end])):
        end -= 1
    return text[:end] + "…"


def isolate(text: str) -> str:
    """Return visible `text` inside a first-strong isolate, so that a right-to-left text cannot reorder its neighbours.

    A title like "INPUT → OUTPUT" needs it: without, an Arabic input turns the whole title round.
    """
    return f"\u2068{' '.join(visible(part) for part in text.split(' '))}\u2069"


def title_text(text: str) -> str:
    """Return a title with all but line feeds, spaces and isolates made visible, its right-to-left parts isolated.

    Where the caller has isolated nothing (`isolate` knows where a text begins and ends), a part is a run of
    right-to-left words with the spaces, digits and separators in and around it.
    """
    clean = "".join(char if char in "\n " + _ISOLATES or _is_harmless(char) else _spelled(char) for char in text)
    if any(char in _ISOLATES for char in clean):
        return clean
    return "".join(_isolated_run("".join(run)) for _, run in groupby(clean, key=_goes_with_right_to_left))


def _goes_with_right_to_left(char: str) -> bool:
    return unicodedata.bidirectional(char) in (*_RIGHT_TO_LEFT, "EN", "WS", "CS", "ES", "ET", "NSM", "BN")


def _isolated_run(run: str) -> str:
    places = [i for i, char in enumerate(run) if unicodedata.bidirectional(char) in (*_RIGHT_TO_LEFT, "EN")]
    if not any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in run):
        return run
    start, end = places[0], places[-1] + 1
    while end < len(run) and unicodedata.bidirectional(run[end]) == "NSM":
        end += 1
    return f"{run[:start]}\u2068{run[start:end]}\u2069{run[end:]}"


def _is_joining(char: str) -> bool:
    return char in _JOINERS or 0xFE00 <= ord(char) <= 0xFE0F or 0xE0100 <= ord(char) <= 0xE01EF


def _is_harmless(char: str) -> bool:
    return _is_joining(char) or unicodedata.category(char) not in _INVISIBLE_CATEGORIES


def _spelled(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
