"""Which font draws which character."""

import warnings
from pathlib import Path

import pytest
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.ft2font import FT2Font

import kerasrnn.viz
from kerasrnn.viz import fonts
from kerasrnn.viz.fonts import BASE_FAMILY, drawable, fonts_for, missing_scripts

FOLDER = Path(kerasrnn.viz.__file__).parent / "fonts"
SAMPLES = {
    "Devanagari": "३ मई १९९८, क्षत्रिय",
    "Bengali": "৩ মে ১৯৯৮",
    "Tamil": "மே 3",
    "Thai": "3 พฤษภาคม 2541",
    "Khmer": "៣ ឧសភា",
    "Myanmar": "မေ ၃",
    "Ethiopic": "3 ሜይ 1998",
    "Sinhala": "මැයි 3",
    "Telugu": "3 మే",
    "Kannada": "3 ಮೇ",
    "Malayalam": "3 മേയ്",
    "Gujarati": "3 મે",
    "Gurmukhi": "3 ਮਈ",
    "Oriya": "3 ମଇ",
    "EastAsian": "1998年5月3日 日曜日 カタカナ ﾊﾝｶｸ 체언 3일 繁體 简体 々〆。「」",
}
OF_DEJAVU = "3 mai 1998, Ελληνικά, русский, العربية ٣, עברית, հայերեն, ქართული, Việt ␣ □ → … − ‖ ∂ ⁻¹"


@pytest.fixture
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """No system fonts, whatever this machine has."""
    fonts._families.cache_clear()
    monkeypatch.setattr(fonts, "_system_fonts", list)
    yield
    fonts._families.cache_clear()


@pytest.mark.usefixtures("only_ours")
@pytest.mark.parametrize("script", SAMPLES)
def test_shipped_fonts_draw_their_scripts(script: str) -> None:
    assert fonts_for([SAMPLES[script]]) == [BASE_FAMILY, f"Kerasrnn {script}"]
    assert missing_scripts([SAMPLES[script]]) == []
    assert drawable(SAMPLES[script]) == SAMPLES[script]
    entry = fontManager.findfont(FontProperties(family=[f"Kerasrnn {script}"]))
    assert Path(entry).parent == FOLDER


@pytest.mark.usefixtures("only_ours")
def test_what_matplotlib_brings_needs_no_more() -> None:
    assert fonts_for([OF_DEJAVU]) == [BASE_FAMILY]
    assert fonts_for(["", "abc"]) == [BASE_FAMILY]
    assert fonts_for(["a", "日", "म"]) == [BASE_FAMILY, "Kerasrnn Devanagari", "Kerasrnn EastAsian"]


@pytest.mark.usefixtures("only_ours")
def test_what_no_font_has_is_named_and_boxed() -> None:
    text = "a\U00013000\U00013001 \ue000 \U0002a6d6\ufe0f\u200d"
    assert missing_scripts([text]) == ["Private-use (U+E000)", "Egyptian (U+13000, U+13001)", "CJK (U+2A6D6)"]
    assert drawable(text) == "a□□ □ □\ufe0f\u200d"
    many = "".join(map(chr, range(0x13000, 0x13008)))
    assert missing_scripts([many]) == ["Egyptian (U+13000, U+13001, U+13002, U+13003, U+13004 and 3 more)"]


def test_a_system_font_serves_where_ours_have_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A font file of ours stands in for the system's: a look-up by its name must find it."""
    fonts._families.cache_clear()
    path = str(FOLDER / "KerasrnnThai-Regular.ttf")
    fonts_for(["ไ"])
    thai = next(entry for entry in fontManager.ttflist if entry.fname == path)
    monkeypatch.setattr(fonts, "_FOLDER", Path("nowhere"))
    monkeypatch.setattr(fonts, "_system_fonts", lambda: [thai])
    fonts._families.cache_clear()
    assert fonts_for(["ไ日"]) == [BASE_FAMILY, "Kerasrnn Thai"]
    assert missing_scripts(["ไ日"]) == ["CJK (U+65E5)"]
    fonts._families.cache_clear()


def test_adding_fonts_changes_no_setting_and_adds_each_once() -> None:
    import matplotlib

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = dict(matplotlib.rcParams)
        fonts._families.cache_clear()
        fonts_for(["日"])
        fonts._families.cache_clear()
        fonts_for(["日"])
        assert dict(matplotlib.rcParams) == before
    ours = [entry.fname for entry in fontManager.ttflist if entry.name == "Kerasrnn EastAsian"]
    assert len(ours) == 1


def test_shipped_files_are_small_licensed_and_renamed() -> None:
    paths = sorted(FOLDER.glob("*.ttf"))
    assert len(paths) == len(SAMPLES)
    assert sum(path.stat().st_size for path in paths) < 6_000_000
    assert "SIL OPEN FONT LICENSE" in (FOLDER / "OFL.txt").read_text(encoding="utf-8")
    for path in paths:
        font = FT2Font(str(path))
        assert font.family_name == f"Kerasrnn {path.stem.removeprefix('Kerasrnn').removesuffix('-Regular')}"
        names = " ".join(value.decode("utf-16-be", "ignore") for key, value in font.get_sfnt().items() if key[0] == 3)
        assert "Open Font License" in names
