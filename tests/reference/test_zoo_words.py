"""Words: how text is cut, and that a TensorFlow graph cuts, looks up and spells exactly as Python does."""

import numpy as np
import pytest
import tensorflow as tf

from kerasrnn.zoo.words import LOWER, WordTable, cut, key

pytestmark = pytest.mark.tensorflow
CUT = {
    "": "",
    " \u200f\u00a0": "",
    "Mr. Smith doesn't book the book, before he reads it.": "Mr. Smith does n't book the book , before he reads it .",
    "I can't; we’ll see (they’re 'late').": "I ca n't ; we 'll see ( they 're ' late ' ) .",
    "It cost $1,000.50, or 3.5%…": "It cost $ 1,000.50 , or 3.5 % …",
    "The U.S. and the U.K. agreed...": "The U.S. and the U.K. agreed ...",
    'wait--what?! "Yes"': 'wait -- what ? ! " Yes "',
    "a,b ,c, d,1,e": "a , b , c , d , 1 , e",
    "dogs' tails and John's 5's": "dogs ' tails and John 's 5 's",
    "e-mail: me@home.org http://a.b/c": "e-mail : me @ home.org http : / / a.b / c",
    "日本。中国、x": "日本 。 中国 、 x",
    "tab\tnew\r\nline\u2028end\u3000.": "tab new line end .",
}
ODD = [
    "",
    " ",
    "\ufeff",
    "'",
    "''",
    "n't",
    "N'T 'S",
    ".",
    "..",
    "a.",
    ".a.",
    "...a...",
    ",",
    ",,1,,",
    "$$",
    "' ' '",
    "İstanbul ISPARTA ΣΑΣ Ὀδυσσεύς ﬁn Ⅻ",
    "I\u0307 J\u0301 Ì Ω Å ẞ",
    "a\u0301\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7",
    "0١2３४",
    "\x00\x01\x7f",
    "x" * 300,
    "a " * 200,
]
TABLE = WordTable(["the", "doesn", "0,000", "i̇stanbul", "σασ", "isparta", "a", "0"], "abcTh'.\u0301Σ")


def mixed(rng: np.random.Generator, count: int) -> list[str]:
    """Texts of what the rules are about, in any order."""
    parts = [*"abIS1.,'’-–$ \u00a0…", "n't", "'s", "'LL", "Mr.", "U.S.", "--", "é", "Σ", "İ", "\u200f", "\n", "。"]
    return ["".join(rng.choice(parts, rng.integers(1, 20))) for _ in range(count)]


def in_graph(texts: list[str]) -> list[list[str]]:
    return [[word.decode() for word in words] for words in TABLE.graph().cut(tf.constant(texts)).to_list()]


@pytest.mark.parametrize("text", CUT)
def test_text_is_cut_into_words_and_marks(text: str) -> None:
    assert cut(text) == CUT[text].split()


def test_a_graph_cuts_as_python_does(rng: np.random.Generator) -> None:
    texts = [*CUT, *ODD, *mixed(rng, 2000)]
    for text, words in zip(texts, in_graph(texts), strict=True):
        assert words == cut(text), repr(text)


def test_every_character_is_cut_and_lowered_alike() -> None:
    """Alone, within a word and before a stop; all blocks with letters of two cases, or named in the rules."""
    points = [
        chr(i)
        for i in [*range(1, 0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x11A00), *range(0x1E000, 0x20000, 3)]
    ]
    parts = [points[i : i + 200] for i in range(0, len(points), 200)]
    texts = [" ".join(form.format(c) for c in part) for part in parts for form in ("{}", "x{}Y", "Q{}.")]
    found = in_graph(texts)
    for text, words in zip(texts, found, strict=True):
        assert words == cut(text), ascii(text)
    table = WordTable(sorted({key(word) for words in found for word in words}))
    graph = table.graph()
    ids = graph.ids(graph.cut(tf.constant(texts))).numpy()
    np.testing.assert_array_equal(ids, table.encode(found))
    assert ids.max() == table.size - 1
    assert (ids != 1).all()


def test_lower_case_is_pythons_one_character_at_a_time() -> None:
    differ = {chr(i) for i in range(0x110000) if chr(i).lower() != LOWER.get(chr(i), chr(i))}
    assert not differ
    assert key("İSΣ ΣΑΣ 12") == "i̇sσ σασ 00"
    assert all(key(key(character)) == key(character) for character in LOWER)


def test_words_are_looked_up_and_spelled_alike(rng: np.random.Generator) -> None:
    texts = ["The THE doesn't", "9,999 İstanbul ISPARTA ΣΑΣ", *ODD, *mixed(rng, 300)]
    sentences = [cut(text) for text in texts]
    graph = TABLE.graph()
    words = graph.cut(tf.constant(texts))
    ids = graph.ids(words).numpy()
    np.testing.assert_array_equal(ids, TABLE.encode(sentences))
    assert ids[0, :3].tolist() == [2, 2, 1]
    assert ids[1, :4].tolist() == [4, 5, 7, 6]
    for letters in (1, 4, 16):
        np.testing.assert_array_equal(graph.spell(words, letters).numpy(), TABLE.spell(sentences, letters))
    spelled = TABLE.spell([["The", "", "Thebes"]], 4)[0].tolist()
    assert spelled == [[5, 6, 1, 0], [0, 0, 0, 0], [5, 6, 1, 3]]


def test_batches_without_words() -> None:
    graph = TABLE.graph()
    for texts, rows in (([], 0), (["", " "], 2)):
        words = graph.cut(tf.constant(texts, tf.string))
        assert graph.ids(words).shape == (rows, 0)
        assert graph.spell(words, 3).shape == (rows, 0, 3)
        assert TABLE.encode([[]] * rows).shape == (rows, 0)
        assert TABLE.spell([[]] * rows, 3).shape == (rows, 0, 3)


def test_bytes_that_are_no_text_become_the_replacement_character() -> None:
    (words,) = TABLE.graph().cut(tf.constant([b"the \xff\xfe the"])).to_list()
    assert [word.decode() for word in words] == cut("the \ufffd\ufffd the")


def test_the_table_of_a_training_set() -> None:
    sentences = [["The", "the", "10", "20", "b"], ["a b", "a", "THE", "a"]]
    assert WordTable.of(sentences, most=10).words == ("the", "00", "a", "b")
    assert WordTable.of(sentences, most=2).words == ("the", "00")
    table = WordTable.of(sentences, most=10, least=3, characters=3)
    assert (table.words, table.characters) == (("the",), "a")
    assert (table.size, table.character_size) == (3, 3)
    again = WordTable.from_card(table.to_card())
    assert (again.ids, again.character_ids) == ({"the": 2}, {"a": 2})
    assert WordTable.of([], most=3).size == 2


@pytest.mark.parametrize(
    ("words", "characters", "message"),
    [
        (["The"], "", r"expected words in lower case, digits as 0, without spaces; found 'The'"),
        (["10"], "", r"found '10'"),
        (["a b"], "", r"found 'a b'"),
        ([""], "", r"found ''"),
        ([3], "", r"found 3"),
        (["a", "a"], "", r"words: 'a' stands there twice"),
        (["a"], "xyx", r"characters: 'x' stands there twice"),
    ],
)
def test_tables_that_are_refused(words: list[str], characters: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WordTable(words, characters)


@pytest.mark.parametrize("vocabulary", [{}, {"words": "ab", "characters": ""}, {"words": [], "characters": ["a"]}])
def test_cards_without_a_table(vocabulary: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"'words' must be a list and 'characters' a string"):
        WordTable.from_card(vocabulary)
