"""The date data: what Babel writes, right weekdays, one meaning a text, held-out dates and languages."""

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest

from kerasrnn.zoo import dates
from kerasrnn.zoo.dates.patterns import parse
from kerasrnn.zoo.dates.render import spec_of
from kerasrnn.zoo.text import UNKNOWN, CharacterTable, clean, fold

pytest.importorskip("babel")

EVERYWHERE = tuple(dates.LOCALES)

# Babel mixes up its locales within a process (issue 1234 there), hence a process of its own and an emptied cache.
_BABEL = """
import json, sys
from datetime import date
from babel import Locale, localedata
from babel.dates import format_date
asked = json.load(sys.stdin)
written = {}
for code in asked["locales"]:
    localedata._cache.clear()
    locale = Locale.parse(code)
    patterns = [locale.date_formats[width].pattern for width in ("full", "long", "medium", "short")]
    patterns += [found.pattern for key, found in locale.datetime_skeletons.items() if set(key) <= set("yMEd")]
    days = [date.fromisoformat(iso) for iso in asked["dates"]]
    written[code] = {text: [format_date(day, text, locale) for day in days] for text in dict.fromkeys(patterns)}
json.dump(written, sys.stdout)
"""


def _python(code: str, given: object = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(given), capture_output=True, text=True, encoding="utf-8"
    )


def _random_days(seed: int, count: int) -> list[date]:
    rng = np.random.default_rng(seed)
    return [
        date.fromordinal(day) for day in rng.integers(date(1000, 1, 1).toordinal(), date(3000, 1, 1).toordinal(), count)
    ]


def test_cldr_forms_are_what_babel_writes() -> None:
    days = [*_random_days(1, 12), *(date(1998, month, month * 2) for month in range(1, 13))]
    ran = _python(_BABEL, {"locales": EVERYWHERE, "dates": [day.isoformat() for day in days]})
    assert ran.returncode == 0, ran.stderr
    compared = Counter[str]()
    for code, patterns in json.loads(ran.stdout).items():
        forms = {
            form.name.removeprefix("cldr:"): form for form in dates.forms(code).forms if form.name.startswith("cldr:")
        }
        for pattern, written in patterns.items():
            form = forms.get(parse(pattern).text)
            if form is not None:
                assert [form.render(day) for day in days] == written, (code, pattern)
                compared[code] += 1
        assert compared[code] == len(forms), (code, set(forms))
        assert len(forms) >= 2, code


def test_enough_languages_in_enough_scripts() -> None:
    scripts = {spec_of(code).script for code in dates.TRAINING_LOCALES}
    assert len(dates.TRAINING_LOCALES) == 37
    assert scripts == {"Latn", "Cyrl", "Grek", "Arab", "Hebr", "Deva", "Hans", "Jpan", "Kore"}
    assert not set(dates.TRAINING_LOCALES) & set(dates.UNSEEN_LOCALES)


def test_unseen_locales_are_languages_that_training_lacks() -> None:
    trained = {code.split("_")[0] for code in dates.TRAINING_LOCALES}
    assert not trained & {code.split("_")[0] for code in dates.UNSEEN_LOCALES}
    assert {spec_of(code).script for code in dates.UNSEEN_LOCALES} == {"Latn", "Cyrl", "Arab", "Deva", "Hant"}


def test_months_of_unseen_locales_need_no_unseen_letter() -> None:
    table = CharacterTable(dates.characters(dates.TRAINING_LOCALES))
    days = [date(1998, month, 3) for month in range(1, 13)]
    for code in dates.UNSEEN_LOCALES:
        plain = [form for form in dates.forms(code).forms if not re.search("[Ec]", form.name.split(":")[1])]
        assert plain
        assert not {letter for form in plain for day in days for letter in table.unknown(form.render(day))}, code


@pytest.mark.parametrize("code", EVERYWHERE)
def test_no_text_of_a_locale_leaves_the_year_short_or_day_and_month_open(code: str) -> None:
    for form in dates.forms(code).forms:
        for day in (date(1998, 5, 3), date(2003, 12, 11), date(1012, 10, 11)):
            if form.name.endswith("(Han numerals)"):
                continue
            text = form.render(day)
            numbers = [int(number) for number in re.findall(r"\d+", text)]
            assert str(day.year) in re.findall(r"\d{4}", text), form.name
            if not any(character.isalpha() for character in text):
                assert numbers == [day.year, day.month, day.day], (form.name, text)
            if form.name.startswith("numbers:"):
                assert numbers[:3] == [day.year, day.month, day.day], (form.name, text)


def test_no_text_stands_for_two_dates() -> None:
    """Across all languages, form by form, as the model sees the texts: folded."""
    table = CharacterTable(dates.characters(EVERYWHERE))
    first = date(1998, 1, 1)
    days = [first + timedelta(days=at) for at in range(365)]
    days = [day for day in days if day.day <= 12 or day.day in (20, 21, 22, 30, 31)]
    meant: dict[tuple[int, ...], tuple[date, str, str]] = {}
    for code in EVERYWHERE:
        for form in dates.forms(code).forms:
            for day in days:
                text = form.render(day)
                other, *where = meant.setdefault(tuple(table.ids(text)), (day, code, form.name))
                assert other == day, f"{text!r}: {day} in {code} ({form.name}), {other} in {where}"
    assert len(meant) > 100_000


def test_weekdays_are_right() -> None:
    named = [form for form in dates.forms("en").forms if "EEEE" in form.name]
    assert len(named) > 10
    for form in named:
        for day in _random_days(2, 20):
            assert f"{day:%A}" in form.render(day)


@pytest.mark.parametrize(
    ("code", "text", "iso"),
    [
        ("en", "the 3rd of May 1998", "1998-05-03"),
        ("en", "May 22nd, 1998", "1998-05-22"),
        ("en", "Sunday, May 3, 1998", "1998-05-03"),
        ("en_GB", "3 Sept 1998", "1998-09-03"),
        ("de", "3. Mai 1998", "1998-05-03"),
        ("de", "Sonntag, den 3. Mai 1998", "1998-05-03"),
        ("de", "3. Maerz 1998", "1998-03-03"),
        ("fr", "1er mai 1998", "1998-05-01"),
        ("fr", "le 3 mai 1998", "1998-05-03"),
        ("es", "3 de mayo de 1998", "1998-05-03"),
        ("pt", "1º de maio de 1998", "1998-05-01"),
        ("hu", "1998. 05. 03.", "1998-05-03"),
        ("hu", "1998. május 3.", "1998-05-03"),
        ("vi", "ngày 3 tháng 5 năm 1998", "1998-05-03"),
        ("ru", "3 мая 1998 года", "1998-05-03"),
        ("el", "3 Μαΐου 1998", "1998-05-03"),
        ("ar_LB", "3 كانون الثاني 1998", "1998-01-03"),
        ("ar_MA", "3 غشت 1998", "1998-08-03"),
        ("fa", "3 مهٔ 1998", "1998-05-03"),
        ("he", "3 במאי 1998", "1998-05-03"),
        ("hi", "3 मई 1998", "1998-05-03"),
        ("ja", "1998年5月3日日曜日", "1998-05-03"),
        ("zh_Hans", "一九九八年十一月二十三日", "1998-11-23"),
        ("zh_Hans", "1998年5月3日星期日", "1998-05-03"),
        ("ko", "1998년 5월 3일", "1998-05-03"),
        ("ko", "1998. 5. 3.", "1998-05-03"),
    ],
)
def test_dates_as_people_write_them(code: str, text: str, iso: str) -> None:
    day = date.fromisoformat(iso)
    assert text in {form.render(day) for form in dates.forms(code).forms}


def test_english_ordinals() -> None:
    form = next(form for form in dates.forms("en").forms if form.name == "words:o MMMM y")
    texts = [form.render(date(1998, 5, day)).split()[0] for day in range(1, 32)]
    irregular = {1: "1st", 2: "2nd", 3: "3rd", 21: "21st", 22: "22nd", 23: "23rd", 31: "31st"}
    assert texts == [irregular.get(day, f"{day}th") for day in range(1, 32)]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("de", "03.05.1998"),
        ("en", "5/3/98"),
        ("en", "05/03/1998"),
        ("cs", "3. 5. 1998"),
        ("fi", "3.5.1998"),
        ("hu", "98. 05. 03."),
    ],
)
def test_dates_with_two_meanings_are_never_written(code: str, text: str) -> None:
    assert text not in {form.render(date(1998, 5, 3)) for form in dates.forms(code).forms}


def test_splits_hold_every_date_once() -> None:
    parts = {split: dates.ordinals(split) for split in dates.SPLITS}
    every = np.concatenate(list(parts.values()))
    assert len(every) == len(np.unique(every)) == (date(3000, 1, 1) - date(1000, 1, 1)).days
    for split, share in dates.SPLITS.items():
        assert len(parts[split]) / len(every) == pytest.approx(share, abs=0.001)
        assert dates.split_of(date.fromordinal(int(parts[split][7])).isoformat()) == split


def test_a_split_is_a_published_function_of_the_date() -> None:
    for day in _random_days(3, 50):
        digits = hashlib.sha256(b"date:" + day.isoformat().encode()).hexdigest()[:12]
        fraction = int(digits, 16) / 16**12
        expected = "train" if fraction < 0.9 else "valid" if fraction < 0.95 else "test"
        assert dates.split_of(day.isoformat()) == expected
    pinned = {"1998-05-03": "train", "1998-05-09": "valid", "1998-01-27": "test"}
    assert {iso: dates.split_of(iso) for iso in pinned} == pinned


def test_no_date_of_one_split_is_sampled_in_another() -> None:
    for split in dates.SPLITS:
        drawn = dates.sample(np.random.default_rng(4), 3000, split=split)
        assert {dates.split_of(example.iso) for example in drawn} == {split}


def test_samples_depend_on_the_generator_alone() -> None:
    one = dates.sample(np.random.default_rng(5), 500, split="train")
    assert one == dates.sample(np.random.default_rng(5), 500, split="train")
    assert one != dates.sample(np.random.default_rng(6), 500, split="train")


def test_samples_cover_locales_years_and_forms() -> None:
    drawn = dates.sample(np.random.default_rng(7), 37_000, split="train")
    by_locale = Counter(example.locale for example in drawn)
    assert set(by_locale) == set(dates.TRAINING_LOCALES)
    assert 850 < min(by_locale.values()) <= max(by_locale.values()) < 1150
    recent = np.mean([1900 <= int(example.iso[:4]) <= 2050 for example in drawn])
    assert recent == pytest.approx(0.5 + 0.5 * 151 / 2000, abs=0.01)
    years = [int(example.iso[:4]) for example in drawn]
    recent_years = [year for year in years if 1900 <= year <= 2050]
    assert (min(years), max(years)) == (1000, 2999)
    assert (min(recent_years), max(recent_years)) == (1900, 2050)
    assert np.mean(recent_years) == pytest.approx(1975, abs=2)
    families = Counter(example.form.split(":")[0] for example in drawn)
    shares = {family: count / len(drawn) for family, count in families.items()}
    assert shares == pytest.approx({"cldr": 0.45, "words": 0.42, "numbers": 0.13}, abs=0.02)
    assert {example.script for example in drawn} == {spec_of(code).script for code in dates.TRAINING_LOCALES}


def test_without_noise_a_sample_is_what_its_form_renders() -> None:
    for example in dates.sample(np.random.default_rng(8), 500, split="valid", locales=EVERYWHERE, noise=False):
        rendered = {
            form.render(date.fromisoformat(example.iso))
            for form in dates.forms(example.locale).forms
            if form.name == example.form
        }
        assert example.text in rendered


def test_noise_shows_and_folding_undoes_most_of_it() -> None:
    rng = np.random.default_rng(9)
    noisy = dates.sample(rng, 20_000, split="train")
    plain = dates.sample(np.random.default_rng(9), 20_000, split="train", noise=False)
    assert [(one.iso, one.form) for one in noisy] == [(one.iso, one.form) for one in plain]
    table = CharacterTable(dates.characters(dates.TRAINING_LOCALES))
    changed = [(one.text, two.text) for one, two in zip(noisy, plain, strict=True) if one.text != two.text]
    assert len(changed) / len(noisy) > 0.35
    assert np.mean([table.ids(one) == table.ids(two) for one, two in changed]) > 0.85
    everything = "".join(example.text for example in noisy)
    for character in "\u00a0\u202f\t\u200f\u202b\u2067\u0301٣۳३３":
        assert character in everything, hex(ord(character))


def test_characters_cover_every_sample_and_no_text_is_too_long() -> None:
    characters = dates.characters(dates.TRAINING_LOCALES)
    assert characters == sorted(set(characters))
    assert all(fold(character) == character for character in characters)
    table = CharacterTable(characters)
    texts = [example.text for example in dates.sample(np.random.default_rng(10), 20_000, split="train")]
    encoded = table.encode(texts, length=dates.MAX_LENGTH)
    unknown = {letter for text in texts for letter in table.unknown(text)}
    assert not unknown, unknown
    assert not (encoded == UNKNOWN).any()
    used = {fold(letter) for text in texts for letter in clean(text)} - {""}
    assert len(used) > 0.95 * len(characters)


def test_longest_is_the_length_of_the_longest_text() -> None:
    for code in ("pt", "en", "ja", "ar_LB"):
        for form in dates.forms(code).forms[:40]:
            lengths = [len(form.render(date(1998, 1, 1) + timedelta(days=day))) for day in range(365)]
            assert max(lengths) <= form.longest <= max(lengths) + 2


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("d MMMM y", ["d", " ", "MMMM", " ", "y"]),
        ("d 'de' MMM", ["d", " de ", "MMM"]),
        ("y'y'''M", ["y", "y'", "M"]),
        ("y''d", ["y", "'", "d"]),
        ("d בMMMM", ["d", " ב", "MMMM"]),
        ("y年M月", ["y", "年", "M", "月"]),
    ],
)
def test_patterns_are_read_as_cldr_writes_them(text: str, parts: list[str]) -> None:
    assert [str(part) for part in parse(text).parts] == parts


@pytest.mark.parametrize(
    ("text", "dated", "usable", "unambiguous"),
    [
        ("d MMMM y", True, True, True),
        ("d MMMM yy", True, False, True),
        ("d MMMMM y", True, False, True),
        ("d.M.y", True, True, False),
        ("E d.M.y", True, True, False),
        ("y/d/M", True, True, False),
        ("y-MM-dd", True, True, True),
        ("MMMM y", False, False, True),
        ("d MMM y G", False, False, True),
        ("d MMM y HH", False, False, True),
    ],
)
def test_patterns_are_judged(text: str, dated: bool, usable: bool, unambiguous: bool) -> None:
    pattern = parse(text)
    assert (pattern.dated, pattern.usable, pattern.unambiguous) == (dated, usable, unambiguous)


def test_bad_arguments_are_named() -> None:
    rng = np.random.default_rng(11)
    with pytest.raises(ValueError, match="split: expected one of train, valid, test, received 'dev'"):
        dates.sample(rng, 1, split="dev")
    with pytest.raises(ValueError, match=r"locale: expected one of en, .*received 'xx'"):
        dates.sample(rng, 1, split="test", locales=["xx"])
    with pytest.raises(ValueError, match="locales: expected at least one"):
        dates.sample(rng, 1, split="test", locales=[])


def test_without_babel_the_package_imports_and_says_what_to_install() -> None:
    code = """
import sys
sys.modules["babel"] = None
from kerasrnn.zoo import dates
print(dates.split_of("1998-05-03"), "tensorflow" in sys.modules)
dates.forms("en")
"""
    ran = _python(code)
    assert ran.stdout.split() == [dates.split_of("1998-05-03"), "False"]
    assert 'ImportError: making date data needs Babel: pip install "kerasrnn[train]"' in ran.stderr


def test_names_that_babel_has_mixed_up_are_refused() -> None:
    code = """
from babel import Locale
list(Locale.parse("he").months["stand-alone"]["wide"].values())
from kerasrnn.zoo import dates
dates.forms("hi")
"""
    ran = _python(code)
    assert "RuntimeError: Babel's names for hi may be those of another language" in ran.stderr
