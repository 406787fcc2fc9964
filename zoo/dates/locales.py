"""The languages of the date data, and how people there write dates beside the forms that CLDR has.

Patterns are CLDR's: y year, M month (MMM short, MMMM full, LLLL the name standing alone), d day (dd with a zero),
EEEE weekday (E short), text in quotes. Two letters are added: `o` is the day as an ordinal number (3rd, 1er).
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LocaleSpec:
    """One locale.

    Args:
        code: as CLDR names it (`en_GB`, `zh_Hans`).
        script: ISO 15924 code of the script.
        words: patterns with the month as a word, beside CLDR's.
        numbers: all-number patterns, year first, beside those of every locale.
        ordinals: text of a day under the letter `o`, by day, the rest plain; "en" stands for 1st, 2nd, 3rd.
        digits: the locale's own digits, zero first, or "".
        own_digits: how often they are used.
        months: other names of a month, by number.
    """

    code: str
    script: str
    words: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    ordinals: dict[int, str] = field(default_factory=dict)
    digits: str = ""
    own_digits: float = 0.0
    months: dict[int, str] = field(default_factory=dict)


ARABIC_DIGITS = "٠١٢٣٤٥٦٧٨٩"
PERSIAN_DIGITS = "۰۱۲۳۴۵۶۷۸۹"
DEVANAGARI_DIGITS = "०१२३४५६७८९"
WIDE_DIGITS = "０１２３４５６７８９"

_ENGLISH_ORDINALS = {
    day: f"{day}{'th' if 11 <= day <= 13 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}" for day in range(1, 32)
}
_ENGLISH = (
    "MMMM d, y",
    "MMMM d y",
    "MMM d, y",
    "d MMMM y",
    "d MMM y",
    "o MMMM y",
    "o 'of' MMMM y",
    "o 'of' MMMM, y",
    "'the' o 'of' MMMM y",
    "'the' o 'of' MMMM, y",
    "MMMM o, y",
    "MMMM o y",
    "MMM o, y",
    "EEEE, MMMM o, y",
    "EEEE, o MMMM y",
    "EEEE 'the' o 'of' MMMM y",
    "E, d MMM y",
    "E MMM d y",
    "EEEE, d MMMM y",
)
_HAN = ("y年M月d日", "y年MM月dd日", "y 年 M 月 d 日", "y年M月d日 EEEE", "y年M月d日（E）")
_SLASHES = ("y/M/d", "y.M.d")


def _spec(code: str, script: str = "Latn", **rest: Any) -> tuple[str, LocaleSpec]:
    return code, LocaleSpec(code, script, **rest)


TRAINING = dict(
    [
        _spec("en", words=_ENGLISH, ordinals=_ENGLISH_ORDINALS, months={9: "Sept"}),
        _spec("en_GB", words=_ENGLISH, ordinals=_ENGLISH_ORDINALS, months={9: "Sept"}),
        _spec(
            "de",
            words=("'den' d. MMMM y", "EEEE, 'den' d. MMMM y", "EEEE, 'der' d. MMMM y", "E, d. MMMM y"),
            months={1: "Jänner", 3: "Maerz"},
        ),
        _spec("fr", words=("o MMMM y", "'le' o MMMM y", "'le' EEEE o MMMM y", "EEEE o MMMM y"), ordinals={1: "1er"}),
        _spec(
            "es",
            words=(
                "d 'de' MMMM 'del' y",
                "'el' d 'de' MMMM 'de' y",
                "EEEE d 'de' MMMM 'de' y",
                "MMMM d, y",
                "d 'de' MMM 'de' y",
                "d 'de' MMMM, y",
            ),
            months={9: "setiembre"},
        ),
        _spec("it", words=("o MMMM y", "'il' o MMMM y", "EEEE o MMMM y"), ordinals={1: "1º"}),
        _spec("pt", words=("o 'de' MMMM 'de' y", "EEEE, o 'de' MMMM 'de' y"), ordinals={1: "1º"}),
        _spec("nl", words=("EEEE d MMMM, y",)),
        _spec("sv", words=("'den' d MMMM y", "EEEE 'den' d MMMM y")),
        _spec("da", words=("'den' d. MMMM y", "EEEE d. MMMM y")),
        _spec("fi", words=("EEEE d. MMMM y", "E d. MMMM y")),
        _spec("pl", words=("d MMMM y 'r'.", "d MMMM y 'roku'", "EEEE, d MMMM y 'r'.")),
        _spec("cs", words=("EEEE, d. MMMM y",)),
        _spec("sk", words=("EEEE, d. MMMM y",)),
        _spec("hu", words=("y MMMM d", "EEEE, y. MMMM d."), numbers=("y. MM. dd.", "y.MM.dd.", "y. M. d.")),
        _spec("ro", words=("d MMMM, y",)),
        _spec("tr", words=("d MMMM y, EEEE", "d MMMM EEEE y")),
        _spec("id", words=("'tanggal' d MMMM y",)),
        _spec(
            "vi",
            words=("'ngày' d MMMM 'năm' y", "d MMMM 'năm' y", "EEEE, 'ngày' d MMMM 'năm' y", "EEEE, d MMMM 'năm' y"),
        ),
        _spec("ru", "Cyrl", words=("d MMMM y 'года'", "EEEE, d MMMM y 'года'", "d MMMM y 'г'")),
        _spec("uk", "Cyrl", words=("d MMMM y 'року'", "EEEE, d MMMM y 'року'")),
        _spec("bg", "Cyrl", words=("d MMMM y 'година'", "d MMMM y 'г'")),
        _spec("sr_Cyrl", "Cyrl", words=("d. MMMM y. 'године'",)),
        _spec("kk", "Cyrl", words=("y 'жылғы' d MMMM", "y 'жыл' d MMMM", "y 'жылдың' d MMMM")),
        _spec("el", "Grek", words=("EEEE, d MMMM y",)),
        _spec(
            "ar_EG",
            "Arab",
            words=("EEEE d MMMM y", "'يوم' EEEE d MMMM y"),
            digits=ARABIC_DIGITS,
            own_digits=0.6,
            months={6: "يونيه", 7: "يوليه"},
        ),
        _spec("ar_LB", "Arab", words=("EEEE d MMMM y",), digits=ARABIC_DIGITS, own_digits=0.4),
        _spec("ar_MA", "Arab", words=("EEEE d MMMM y",), digits=ARABIC_DIGITS, own_digits=0.05),
        _spec(
            "fa", "Arab", words=("EEEE، d MMMM y", "d LLLL y"), numbers=_SLASHES, digits=PERSIAN_DIGITS, own_digits=0.8
        ),
        _spec("fa_AF", "Arab", words=("EEEE، d MMMM y",), digits=PERSIAN_DIGITS, own_digits=0.7),
        _spec("he", "Hebr", words=("'ה'-d 'ב'MMMM y", "d 'ב'MMMM, y")),
        _spec("hi", "Deva", words=("EEEE d MMMM y", "d MMMM, y"), digits=DEVANAGARI_DIGITS, own_digits=0.3),
        _spec("ne", "Deva", words=("d MMMM y", "EEEE, d MMMM y"), digits=DEVANAGARI_DIGITS, own_digits=0.6),
        _spec("mr", "Deva", words=("d MMMM y",), digits=DEVANAGARI_DIGITS, own_digits=0.5),
        _spec(
            "zh_Hans",
            "Hans",
            words=(*_HAN, "y年M月d号", "EEEE y年M月d日"),
            numbers=_SLASHES,
            digits=WIDE_DIGITS,
            own_digits=0.08,
        ),
        _spec("ja", "Jpan", words=_HAN, numbers=_SLASHES, digits=WIDE_DIGITS, own_digits=0.1),
        _spec(
            "ko",
            "Kore",
            words=("y년M월d일", "y년 M월 d일 (E)", "y년 MM월 dd일"),
            numbers=("y. M. d.", "y. MM. dd.", *_SLASHES),
            digits=WIDE_DIGITS,
            own_digits=0.03,
        ),
    ]
)

# Languages that training never shows, with month names that a reader of the training languages could work out and
# letters that these have (but for a few weekdays).
UNSEEN = dict(
    [
        _spec("ca", words=("EEEE, d MMMM y",)),
        _spec("gl", words=("EEEE d 'de' MMMM 'de' y",)),
        _spec("nb", words=("'den' d. MMMM y",)),
        _spec("sl"),
        _spec("mk", "Cyrl", words=("d MMMM y 'година'",)),
        _spec("ky", "Cyrl", words=("d MMMM y",)),
        _spec("ur", "Arab", words=("d MMMM y",), digits=PERSIAN_DIGITS, own_digits=0.2),
        _spec("bho", "Deva", words=("d MMMM y",), digits=DEVANAGARI_DIGITS, own_digits=0.5),
        _spec("mai", "Deva", words=("d MMMM y",), digits=DEVANAGARI_DIGITS, own_digits=0.5),
        _spec("yue", "Hant", words=_HAN, numbers=_SLASHES, digits=WIDE_DIGITS, own_digits=0.05),
    ]
)

LOCALES = TRAINING | UNSEEN
