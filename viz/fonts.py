"""Fonts by character: Matplotlib's DejaVu Sans, then the ones shipped here, then the system's."""

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

from matplotlib import get_data_path
from matplotlib.font_manager import FontEntry, FontProperties, fontManager
from matplotlib.ft2font import FT2Font

BASE_FAMILY = "DejaVu Sans"
PLACEHOLDER = "□"
_FOLDER = Path(__file__).parent / "fonts"
_IGNORED = ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")  # drawn by no font, or as an empty advance


def fonts_for(texts: Iterable[str]) -> list[str]:
    """Return the font families that draw `texts`, for `Text(family=...)`; Matplotlib falls back along the list.

    Fonts shipped here are added to Matplotlib's font manager under names of their own. System fonts are looked
    through only for characters that neither DejaVu Sans nor the shipped fonts have.

    Args:
        texts: the strings to draw.

    Returns:
        Family names, DejaVu Sans first.
    """
    return _families(frozenset().union(*texts))[0]


def missing_scripts(texts: Iterable[str]) -> list[str]:
    """Return one phrase for each script of which no font has a character of `texts`: "Egyptian (U+13000)"."""
    scripts: dict[str, list[str]] = {}
    for char in sorted(_families(frozenset().union(*texts))[1]):
        unnamed = "private-use" if unicodedata.category(char) == "Co" else "unassigned"
        script = unicodedata.name(char, unnamed).split()[0]
        scripts.setdefault(script if script == "CJK" else script.capitalize(), []).append(f"U+{ord(char):04X}")
    return [f"{name} ({_some(codes)})" for name, codes in scripts.items()]


def drawable(text: str) -> str:
    """Return `text` with a box for every character that no font has, so that drawing it raises no warning."""
    missing = _families(frozenset(text))[1]
    return "".join(PLACEHOLDER if char in missing else char for char in text) if missing else text


@lru_cache(maxsize=256)
def _families(characters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    families = [BASE_FAMILY]
    left = {char for char in characters if unicodedata.category(char) not in _IGNORED and not _is_selector(char)}
    left -= _characters(str(Path(get_data_path(), "fonts/ttf/DejaVuSans.ttf")))
    for path in sorted(_FOLDER.glob("*.ttf")) if left else ():
        found = left & _characters(str(path))
        if found:
            families.append(_add(path))
            left -= found
    for entry in _system_fonts() if left else ():
        found = _drawn_by(entry, left)
        if found:
            families.append(entry.name)
            left -= found
        if not left:
            break
    return families, frozenset(left)


def _is_selector(char: str) -> bool:
    return 0xFE00 <= ord(char) <= 0xFE0F or 0xE0100 <= ord(char) <= 0xE01EF


@cache
def _characters(path: str) -> frozenset[str]:
    return frozenset(map(chr, FT2Font(path).get_charmap()))


def _add(path: Path) -> str:
    for entry in reversed(fontManager.ttflist):
        if entry.fname == str(path):
            return entry.name
    fontManager.addfont(str(path))
    return fontManager.ttflist[-1].name


def _system_fonts() -> list[FontEntry]:
    """Upright regular fonts that a look-up by family really gives, in an order that depends on names alone."""
    own = (get_data_path(), str(_FOLDER))
    regular = [e for e in fontManager.ttflist if (e.style, e.variant, e.weight) == ("normal", "normal", 400)]
    regular = [e for e in regular if not e.fname.startswith(own) and Path(e.fname).is_file()]
    return sorted(regular, key=lambda entry: ("sans" not in entry.name.lower(), entry.name, entry.fname))


def _drawn_by(entry: FontEntry, characters: Iterable[str]) -> set[str]:
    found = set()
    try:
        font = FT2Font(entry.fname, face_index=entry.index)
        for char in characters if font.scalable else ():
            if font.get_char_index(ord(char)):
                font.load_char(ord(char))  # a colour font may list a character that it cannot give as an outline
                if len(font.get_path()[0]):
                    found.add(char)
    except (OSError, RuntimeError, ValueError):
        return set()
    given = fontManager.findfont(FontProperties(family=[entry.name])) if found else None
    return found if given == entry.fname else set()


def _some(codes: list[str]) -> str:
    return ", ".join(codes[:5]) + (f" and {len(codes) - 5} more" if len(codes) > 5 else "")
