"""One self-contained HTML file from a description of what it shows: what all pages have in common."""

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.figures.themes import LOOKS
from kerasrnn.viz.tokens import title_text, visible
from kerasrnn.viz.write import write_bytes_atomically

MOST_NUMBERS, MOST_STEPS = 40_000_000, 20_000
_MOST_EXACT = 2_000_000  # above it, an array is rounded to 65535 levels
_FRAME = ("dom.js", "colours.js", "pens.js", "start.js")
THEMES = ("light", "dark")


@dataclass(frozen=True)
class Page:
    """An interactive page, whole: it loads nothing, sends nothing, and its policy forbids the browser to.

    Args:
        html: the file's bytes; the same content gives the same bytes.
    """

    html: bytes


def write_page(page: Page, path: str | os.PathLike[str]) -> None:
    """Write `page` to `path`, which must end in `.html`; a file there survives any failure.

    Raises:
        ValueError: another suffix.
        OSError: the file cannot be written.
    """
    if Path(path).suffix.lower() != ".html":
        raise ValueError(f"path: expected a file name ending in .html, received {os.fspath(path)!r}")
    write_bytes_atomically(path, page.html)


def assembled(what: str, title: str | None, theme: str | None, scripts: Sequence[str], content: dict[str, Any]) -> Page:
    """Join template, style, scripts and data into a page.

    Args:
        what: a line above the title that says what kind of picture this is.
        title: the title; `what` where it is None.
        theme: `light` or `dark` at first; None for the system's.
        scripts: names of the page's own scripts among the assets, the last of which starts it.
        content: what these scripts read, as JSON can hold it.

    Raises:
        ValueError: another theme.
    """
    if theme is not None and theme not in THEMES:
        raise ValueError(f"theme: expected {' or '.join(map(repr, THEMES))} for a page, received {theme!r}")
    title = title_text(what if title is None else title)
    data = {"what": what, "title": title, "theme": theme, "tables": _tables(), **content}
    style = "\n" + _asset("page.css")
    code = "\n".join(_asset(name) for name in (*_FRAME, *scripts))
    script = f'\n"use strict";\n(() => {{\n{code}}})();\n'
    parts = {
        "policy": (
            f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data: blob:; "
            "base-uri 'none'; form-action 'none'"
        ),
        "title": html.escape(_encodable(title)),
        "style": style,
        "data": _json(data),
        "script": script,
    }
    # Split once, so that nothing inside a part is ever taken for a place to fill.
    template = re.split(r"\{\{(\w+)\}\}", _asset("page.html"))
    page = "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(template))
    return Page(page.encode())


def packed(array: np.ndarray) -> dict[str, Any]:
    """An array as the pages' `Numbers` read it: little-endian float32, or bytes where it is of bool.

    A large array is rounded to 65535 levels between its least and greatest value; no number moves by more than
    a 130000th of that distance, and NaN stays NaN.
    """
    array = np.asarray(array)
    if array.dtype == bool:
        return {"shape": array.shape, "kind": "uint8", "values": _base64(array.astype(np.uint8))}
    single = array.astype("<f4")
    finite = single[np.isfinite(single)]
    if array.size <= _MOST_EXACT or len(finite) < np.count_nonzero(~np.isnan(single)) or not len(finite):
        return {"shape": array.shape, "kind": "float32", "values": _base64(single)}
    low, high = float(finite.min()), float(finite.max())
    step = (high - low) / 65534 or 1.0
    levels = np.where(np.isnan(single), 65535, np.rint((np.nan_to_num(single.astype(float), nan=low) - low) / step))
    return {"shape": array.shape, "kind": "uint16", "low": low, "high": high, "values": _base64(levels.astype("<u2"))}


def axis(
    name: str, count: int, tokens: Sequence[str] | None, mask: np.ndarray | None, first: int = 0
) -> dict[str, Any]:
    """One axis as the pages' `axisOf` reads it; tokens are made visible, a mask without gaps is left out."""
    masked = mask is not None and not np.asarray(mask).all()
    return {
        "name": name,
        "count": count,
        "first": first,
        "tokens": None if tokens is None else [visible(token) for token in tokens],
        "mask": packed(np.asarray(mask, bool)) if masked else None,
    }


def captures_of(captures: Capture | Sequence[Capture], row: int, kind: str) -> list[Capture]:
    """The captures of a page as a list, each of which has `row` and an array of `kind`.

    Raises:
        ValueError: no captures, a row that one has not, an array that one lacks, or too many numbers for a page.
    """
    found = [captures] if isinstance(captures, Capture) else list(captures)
    if not found:
        raise ValueError("captures: expected at least one, received none")
    for capture in found:
        if not 0 <= row < len(capture.mask):
            raise ValueError(f"row: expected 0 to {len(capture.mask) - 1}, received {row}")
        if kind and not any(key.rpartition("/")[2] == kind for key in capture.arrays):
            raise ValueError(f"captures: expected an array named {kind!r}, received {', '.join(capture.arrays)}")
        sizes = [size for array in capture.arrays.values() for size in array[row].shape]
        if 0 in sizes:
            raise ValueError(f"captures: expected at least one step and one unit, received {capture.layer!r} without")
        if capture.mask.shape[1] > MOST_STEPS:
            raise ValueError(
                f"captures: expected at most {MOST_STEPS:,} steps for one page, received {capture.mask.shape[1]:,}; "
                "draw fewer tokens (--tokens A:B)"
            )
    numbers = sum(array[row].size for capture in found for array in capture.arrays.values())
    if numbers > MOST_NUMBERS:
        raise ValueError(
            f"captures: expected at most {MOST_NUMBERS:,} numbers for one page, received {numbers:,}; "
            "draw one layer, or fewer tokens (--tokens A:B)"
        )
    return found


def _asset(name: str) -> str:
    return files("kerasrnn.viz").joinpath("pages", "assets", name).read_text(encoding="utf-8")


def _tables() -> dict[str, Any]:
    """The colour maps of the figures, 256 RGB triples each; a dark page has a signed one that is dark at zero."""
    light, dark = LOOKS["light"], LOOKS["dark"]
    maps = {"weights": light.map(), "signed": light.map(signed=True), "signed_dark": dark.map(signed=True)}
    steps = np.linspace(0, 1, 256)
    tables = {name: colours(steps, bytes=True)[:, :3] for name, colours in maps.items()}
    return {name: {"shape": [256, 3], "kind": "uint8", "values": _base64(table)} for name, table in tables.items()}


def _json(data: dict[str, Any]) -> str:
    """JSON in ASCII that holds no end tag, no comment and no line separator, whatever the tokens are."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
