"""Make the fonts of this folder from Debian's Noto packages: `python viz/fonts/build.py` writes them beside itself.

Needs the Debian packages fonts-noto-core 20201225 and fonts-noto-cjk 20220127, and fonttools. Each font keeps the
characters of its script and what shaping them needs, loses hinting (no effect at the sizes drawn), and takes a name of
its own: the licence reserves names, and a system font of the same name must not replace it.

Han characters, Kana and Hangul come from the Simplified Chinese face, limited to GB 2312, Big5 level 1, JIS X 0208
level 1 and KS X 1001, with outlines turned from cubic to quadratic curves, which every PDF reader accepts.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable

NOTO = Path("/usr/share/fonts/truetype/noto")
CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
SIMPLIFIED_CHINESE = 2  # number of the face in the collection
SHAPING = [0x200C, 0x200D, 0x25CC]  # joiners, and the dotted circle that carries a lone vowel sign
SCRIPTS = {
    "Devanagari": [(0x0900, 0x097F), (0xA8E0, 0xA8FF)],
    "Bengali": [(0x0980, 0x09FF), (0x0964, 0x0965)],
    "Gurmukhi": [(0x0A00, 0x0A7F), (0x0964, 0x0965)],
    "Gujarati": [(0x0A80, 0x0AFF), (0x0964, 0x0965)],
    "Oriya": [(0x0B00, 0x0B7F), (0x0964, 0x0965)],
    "Tamil": [(0x0B80, 0x0BFF), (0x0964, 0x0965)],
    "Telugu": [(0x0C00, 0x0C7F), (0x0964, 0x0965)],
    "Kannada": [(0x0C80, 0x0CFF), (0x0964, 0x0965)],
    "Malayalam": [(0x0D00, 0x0D7F), (0x0964, 0x0965)],
    "Sinhala": [(0x0D80, 0x0DFF)],
    "Thai": [(0x0E00, 0x0E7F)],
    "Myanmar": [(0x1000, 0x109F)],
    "Ethiopic": [(0x1200, 0x137F)],
    "Khmer": [(0x1780, 0x17FF)],
}
EAST_ASIAN = [
    ("gb2312", range(0xA1, 0xF8), range(0xA1, 0xFF)),
    ("big5", range(0xA1, 0xC7), range(0x40, 0xFF)),
    ("euc_jp", range(0xA1, 0xD0), range(0xA1, 0xFF)),
    ("euc_kr", range(0xA1, 0xC9), range(0xA1, 0xFF)),
]


def east_asian_characters() -> set[int]:
    """Code points of the four national sets, without the Latin, Greek and Cyrillic that they also hold."""
    found: set[int] = set(range(0xFF61, 0xFFA0))  # half-width Katakana, which the sets hold as single bytes
    for encoding, first, second in EAST_ASIAN:
        for high in first:
            for low in second:
                text = bytes([high, low]).decode(encoding, errors="ignore")
                found.update(map(ord, text))
    return {code for code in found if code >= 0x2000}


def cut(font: TTFont, unicodes: set[int], features: list[str]) -> None:
    options = subset.Options(
        layout_features=features, hinting=False, notdef_outline=True, name_IDs=[0, 5, 7, 13, 14], recalc_timestamp=False
    )
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE", "STAT", "meta"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=unicodes)
    subsetter.subset(font)


def make_quadratic(font: TTFont, error: float = 1.0) -> None:
    """Replace the `CFF` outlines by `glyf` ones, at most `error` units (of 1000) away."""
    order, source = font.getGlyphOrder(), font.getGlyphSet()
    glyphs = {}
    for name in order:
        pen = TTGlyphPen(None)
        source[name].draw(Cu2QuPen(pen, error, reverse_direction=True))
        glyphs[name] = pen.glyph()
    font["loca"] = newTable("loca")
    font["glyf"] = newTable("glyf")
    font["glyf"].glyphOrder, font["glyf"].glyphs = order, glyphs
    del font["CFF "]
    for name in order:
        glyphs[name].recalcBounds(font["glyf"])
        font["hmtx"][name] = (font["hmtx"][name][0], getattr(glyphs[name], "xMin", 0))
    limits = font["maxp"]
    limits.tableVersion, limits.maxZones = 0x00010000, 1
    for field in ("TwilightPoints", "Storage", "FunctionDefs", "InstructionDefs", "StackElements"):
        setattr(limits, f"max{field}", 0)
    limits.maxSizeOfInstructions = limits.maxComponentElements = 0
    font["post"].formatType, font["post"].glyphOrder = 3.0, None
    font.sfntVersion = "\x00\x01\x00\x00"


def save(font: TTFont, script: str, folder: Path) -> None:
    for number, text in {1: f"Kerasrnn {script}", 2: "Regular", 3: f"Kerasrnn {script} Regular"}.items():
        font["name"].setName(text, number, 3, 1, 0x409)
    font["name"].setName(f"Kerasrnn {script}", 4, 3, 1, 0x409)
    font["name"].setName(f"Kerasrnn{script}-Regular", 6, 3, 1, 0x409)
    path = folder / f"Kerasrnn{script}-Regular.ttf"
    font.save(path)
    sys.stdout.write(f"{path.name} {path.stat().st_size} bytes, {len(font.getBestCmap())} characters\n")


def main() -> None:
    folder = Path(__file__).parent
    for script, ranges in SCRIPTS.items():
        font = TTFont(NOTO / f"NotoSans{script}-Regular.ttf", recalcTimestamp=False)
        cut(font, {code for low, high in ranges for code in range(low, high + 1)} | set(SHAPING), ["*"])
        save(font, script, folder)
    font = TTFont(CJK, fontNumber=SIMPLIFIED_CHINESE, recalcTimestamp=False)
    cut(font, east_asian_characters(), ["ccmp", "ljmo", "vjmo", "tjmo"])
    make_quadratic(font)
    save(font, "EastAsian", folder)


if __name__ == "__main__":
    main()
