"""Text handling: one definition, the same ids in Python and in a TensorFlow graph."""

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrnn.zoo import text as text_module
from kerasrnn.zoo.text import MARKS, PADDING, REMOVED, UNKNOWN, CharacterTable, clean, fold, script_of

Graph = tuple[Any, dict[str, Any]]

KNOWN = " '()-,./0123456789abcdefghijklmnopqrstuvwxyzøабвгдеикмортуяαεισуابكهيوमईनो年月日금월"
TABLE = CharacterTable(sorted(set(KNOWN)))

# Arbitrary Unicode seldom hits what the table knows or treats apart, so a part of every text is drawn from here.
TELLING = (
    "aAzZøØ09 ,.-éÉe\u0301İıΣσςйЙи\u0306أإآاىیيکكہه٣۳३३３ＡｂŉﬁßẞŁ½²´\u00ad\u0640\u200c\u200f\u202b\u2067\ufeff"
    "\ufe0f\u2060\t\n\v\x1c\x1f\x85\xa0\u1680\u2003\u2028\u202f\u3000\x00\x7f\ufffd\ufffe\uffff\U0001d7d8\U00010400"
    "\U0010ffff年月\u093c\u0951금\u1100\u1161’–、।"
)
TEXTS = st.text(st.one_of(st.sampled_from(TELLING), st.characters(exclude_categories=["Cs"])), max_size=24)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("", ""),
        ("  a \t\n b\u3000", "a b"),
        ("3\u00a0mai\u202f1998", "3 mai 1998"),
        ("\u202b3 \u200fمايو\u202c", "3 مايو"),
        ("پنج\u200cشنبه", "پنجشنبه"),
        ("ما\u0640\u0640يو", "مايو"),
        (" \u200f ", ""),
        ("a \u200b b", "a b"),
        ("\ufeff\x1ca\x85\u2028b\r\n", "a b"),
        ("a\x00b", "a\x00b"),
    ],
)
def test_clean(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_what_shows_nothing_disappears() -> None:
    bidirectional = [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
    zero_width = [0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF]
    others = [0xAD, 0x640, 0x180E, 0xFE0E, 0xFE0F]
    for point in [*bidirectional, *zero_width, *others]:
        assert clean(f"a{chr(point)}b") == "ab", hex(point)
        assert fold(chr(point)) == ""


def test_every_space_of_unicode_becomes_a_plain_one() -> None:
    spaces = [chr(point) for point in range(0x110000) if unicodedata.category(chr(point)) in ("Zs", "Zl", "Zp")]
    assert len(spaces) >= 19
    for space in [*spaces, *"\t\n\v\f\r\x85"]:
        assert clean(f"{space}a{space}{space}b{space}") == "a b", hex(ord(space))


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("A", "a"), ("É", "e"), ("Å", "a"), ("K", "k"), ("ǅ", "ǆ"), ("ệ", "e"), ("ơ", "o"), ("Ñ", "n"),
        ("İ", "i"), ("ı", "i"), ("Σ", "σ"), ("ς", "σ"), ("ΐ", "ι"), ("ё", "е"), ("Й", "и"), ("ї", "і"),
        ("３", "3"), ("٣", "3"), ("۳", "3"), ("३", "3"), ("𝟛", "3"), ("²", "2"), ("Ａ", "a"), ("ｶ", "カ"),
        ("أ", "ا"), ("آ", "ا"), ("ئ", "ي"), ("ی", "ي"), ("ى", "ي"), ("ک", "ك"), ("ۀ", "ه"), ("ہ", "ه"), ("ﺍ", "ا"),
        ("\u0958", "क"), ("\u0929", "न"), ("ि", "ि"), ("्", "्"), ("’", "'"), ("ʼ", "'"), ("׳", "'"), ("–", "-"),
        ("،", ","), ("、", ","), ("。", "."), ("॰", "."), ("（", "("), ("º", "o"), ("⽉", "月"),
        ("ﬁ", "ﬁ"), ("½", "½"), ("´", "´"), ("ß", "ß"), ("ẞ", "ß"), ("ø", "ø"), ("が", "が"), ("금", "금"), ("ﻻ", "ﻻ"),
        ("\uffe3", "\uffe3"),
        ("\u0301", ""), ("\u064e", ""), ("\u0670", ""), ("\u05bc", ""), ("\u093c", ""), ("\u0344", ""), ("\u200d", ""),
    ],
)  # fmt: skip
def test_fold(written: str, folded: str) -> None:
    assert fold(written) == folded


def test_fold_of_a_fold_changes_nothing() -> None:
    for point in range(0x30000):
        folded = fold(chr(point))
        assert len(folded) <= 1
        assert not folded or fold(folded) == folded, hex(point)


def test_every_decimal_digit_folds_to_its_value() -> None:
    digits = [chr(point) for point in range(0x110000) if unicodedata.category(chr(point)) == "Nd"]  # codespell:ignore
    assert len(digits) > 600
    assert [fold(digit) for digit in digits] == [str(unicodedata.digit(digit)) for digit in digits]


def test_blocks_left_out_of_the_graph_table_fold_to_themselves() -> None:
    blocks = text_module._FOLDING_BLOCKS
    outside = (
        point
        for point in range(0x110000)
        if not any(first <= point < end for first, end in blocks) and not 0xD800 <= point < 0xE000
    )
    for point in outside:
        assert fold(chr(point)) == chr(point), hex(point)


COMPOSED = [
    chr(point)
    for point in range(0x20000)
    if unicodedata.category(chr(point)).startswith("L")
    and len(parts := unicodedata.normalize("NFD", chr(point))) > 1
    and all(part in MARKS for part in parts[1:])
]


def test_composed_and_decomposed_spellings_have_equal_ids() -> None:
    assert len(COMPOSED) > 800
    table = CharacterTable(sorted({fold(character) for character in COMPOSED}))
    for character in COMPOSED:
        apart = unicodedata.normalize("NFD", character)
        assert table.ids(character) == table.ids(apart) != [UNKNOWN], hex(ord(character))
        assert table.tokens(apart) == [apart]


def test_ids_and_tokens_stand_position_for_position() -> None:
    table = CharacterTable(["a", "b", " ", "и", "3"])
    text = "\u0301 A\u0301\u200db\u00a0ЙИ\u0306\u0306 ٣q"
    assert table.tokens(text) == [" ", "A\u0301", "b", " ", "Й", "И\u0306\u0306", " ", "٣", "q"]
    assert table.ids(text) == [4, 2, 3, 4, 5, 5, 4, 6, UNKNOWN]
    assert table.unknown("q aQ😀q") == ["q", "Q", "😀"]
    assert table.unknown("áb\u200f") == []
    assert table.size == 7


@given(TEXTS)
def test_ids_and_tokens_have_equal_lengths_and_lose_no_letter(text: str) -> None:
    ids, tokens = TABLE.ids(text), TABLE.tokens(text)
    assert len(ids) == len(tokens)
    assert [TABLE.ids(f"|{token}|")[1:-1] for token in tokens if token != " "] == [
        [found] for found, token in zip(ids, tokens, strict=True) if token != " "
    ]
    assert "".join(tokens) == clean(text).lstrip("".join(MARKS))
    assert TABLE.ids(text.lower()) == ids or any(len(letter.lower()) > 1 for letter in text)
    assert bool(TABLE.unknown(text)) == (UNKNOWN in ids)


def test_encode_pads_at_the_end() -> None:
    table = CharacterTable(list("abc"))
    encoded = table.encode(["cab", "", "b?"])
    assert encoded.dtype == np.int32
    np.testing.assert_array_equal(encoded, [[4, 2, 3], [PADDING] * 3, [3, UNKNOWN, PADDING]])
    np.testing.assert_array_equal(table.encode(["a"], length=3), [[2, 0, 0]])
    assert table.encode([]).shape == (0, 0)


def test_encode_refuses_what_it_cannot_hold() -> None:
    table = CharacterTable(list("abc"))
    with pytest.raises(ValueError, match=r"at most 2 characters, received 3 at index 1: 'abc'"):
        table.encode(["ab", "abc"], length=2)
    with pytest.raises(TypeError, match=r"received one string; pass \[text\]"):
        table.encode("abc")


@pytest.mark.parametrize(
    ("characters", "message"),
    [
        (["a", "bc"], "single characters, received 'bc'"),
        (["a", ""], "single characters, received ''"),
        (["A"], r"folded characters, received 'A' \(U\+0041\)"),
        (["é"], "folded characters, received 'é'"),
        (["\u0301"], "folded characters"),
        (["\u200d"], "folded characters"),
        (["\u00a0"], "folded characters"),
        (["\t"], "folded characters"),
        (["b", "a", "b"], r"each character once, received \['b'\]"),
    ],
)
def test_a_table_refuses_characters_that_no_text_could_reach(characters: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CharacterTable(characters)


def test_json_round_trip() -> None:
    again = CharacterTable.from_json(TABLE.to_json())
    assert again == TABLE
    assert again.characters == TABLE.characters
    assert again != CharacterTable(TABLE.characters[::-1])
    for wrong in ("[]", '{"characters": ["a"]}', "{}", "{"):
        with pytest.raises(ValueError, match=r"expected|Expecting"):
            CharacterTable.from_json(wrong)


def test_code_points_hold_all_that_is_not_unknown() -> None:
    table = CharacterTable(list("a3\u4e00\U00020000"))
    found = dict(table.code_points())
    expected = {ord("a"): 2, ord("Á"): 2, ord("Ａ"): 2, ord("٣"): 3, 0x4E00: 4, 0x2F00: 4, 0x20000: 5, 0x301: REMOVED}
    assert {point: found.get(point) for point in expected} == expected
    assert ord("b") not in found
    assert UNKNOWN not in found.values()


@pytest.fixture(scope="module")
def graph() -> Graph:
    import tensorflow as tf

    encoder = TABLE.graph_encoder()
    strings = tf.TensorSpec([None], tf.string)
    functions = {
        "ids": tf.function(encoder.__call__, input_signature=[strings]),
        "tokens": tf.function(encoder.tokens, input_signature=[strings]),
    }
    return encoder, functions


def _decoded(rows: np.ndarray) -> list[list[str]]:
    return [[token.decode() for token in row if token] for row in rows]


@settings(deadline=None, max_examples=300)
@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_the_graph_has_the_ids_and_tokens_of_python(graph: Graph, texts: list[str]) -> None:
    _, functions = graph
    ids = functions["ids"](texts)
    assert ids.dtype == np.int32
    np.testing.assert_array_equal(ids, TABLE.encode(texts))
    assert _decoded(functions["tokens"](texts).numpy()) == [TABLE.tokens(text) for text in texts]


def test_the_graph_knows_every_code_point_as_python_does(graph: Graph) -> None:
    _, functions = graph
    points = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    texts = ["|".join(map(chr, points[at : at + 512])) for at in range(0, 0x30000, 512)]
    np.testing.assert_array_equal(functions["ids"](texts), TABLE.encode(texts))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=12), min_size=1, max_size=4))
def test_bytes_that_are_no_utf8_are_unknown_characters(graph: Graph, raw: list[bytes]) -> None:
    _, functions = graph
    np.testing.assert_array_equal(
        functions["ids"](raw), TABLE.encode([text.decode("utf-8", errors="replace") for text in raw])
    )


def test_bytes_around_an_invisible_character_do_not_join_to_a_letter(graph: Graph) -> None:
    _, functions = graph
    np.testing.assert_array_equal(functions["ids"]([b"\xc3\xe2\x80\x8b\xa9"]), [[UNKNOWN, UNKNOWN]])


def test_a_mark_at_the_start_of_a_text_does_not_go_to_the_text_before(graph: Graph) -> None:
    _, functions = graph
    tokens = functions["tokens"](["ab", "\u0301c\u0300\u0301", "\u0301", "d"])
    assert _decoded(tokens.numpy()) == [["a", "b"], ["c\u0300\u0301"], [], ["d"]]


def test_the_graph_takes_an_empty_batch(graph: Graph) -> None:
    _, functions = graph
    assert functions["ids"](np.zeros([0], dtype=object)).shape == (0, 0)


def test_the_graph_encoder_lives_in_a_saved_model(graph: Graph, tmp_path: Path) -> None:
    import tensorflow as tf

    encoder, functions = graph
    module = tf.Module()
    module.encoder, module.ids = encoder, functions["ids"]
    tf.saved_model.save(module, str(tmp_path / "encoder"), signatures=functions["ids"])
    loaded = tf.saved_model.load(str(tmp_path / "encoder"))
    texts = ["٣ مايو ١٩٩٨", "3 MAI 1998", "1998年5月3日", "\u200f"]
    np.testing.assert_array_equal(loaded.ids(texts), TABLE.encode(texts))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 mai 2026", "Latin"),
        ("Ｍａｙ", "Latin"),
        ("Müller und Ωmega", "Latin"),
        ("α, β & c", "Greek"),
        ("2026年8月5日", "CJK"),
        ("월요일", "Hangul"),
        ("ーーー コ", "Katakana"),
        ("𐌀𐌁", "Old Italic"),
        ("12/3", "none"),
        ("", "none"),
    ],
)
def test_the_script_of_most_letters(text: str, expected: str) -> None:
    assert script_of(text) == expected
