"""Taggers: parts of speech, and named entities."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerasrnn.zoo.readers.conll import Sentence, read_sentences
from kerasrnn.zoo.recipes.recipe import Recipe
from kerasrnn.zoo.words import WordTable

SIZES = {
    "cell": "lstm",
    "depth": 1,
    "units": 100,
    "embedding": 100,
    "character_embedding": 32,
    "character_units": 32,
    "most_words": 20_000,
    "batch_size": 256,
    "most_positions": 2048,  # also of the characters' layer, which so has one shape
    "dropout": 0.5,
}
RENAMED = {  # the types of WNUT 2017 to those that all three sets share
    "person": "PER",
    "location": "LOC",
    "corporation": "ORG",
    "group": "ORG",
    "product": "MISC",
    "creative-work": "MISC",
}


def _card(
    sentences: Sequence[Sentence], options: Mapping[str, Any], *, name: str, crf: bool, said: Mapping[str, str]
) -> dict[str, Any]:
    table = WordTable.of([sentence.words for sentence in sentences], most=options["most_words"], characters=2)
    frequent = WordTable.of([sentence.words for sentence in sentences], most=options["most_words"], least=3)
    arguments = {key: options[key] for key in ("cell", "depth", "units", "embedding", "dropout")}
    arguments |= {key: options[key] for key in ("character_embedding", "character_units")}
    arguments |= {
        "word_size": table.size,
        "character_size": table.character_size,
        "letters": 16,
        "tags": sorted({tag for sentence in sentences for tag in sentence.tags}),
        "crf": crf,
    }
    return {
        "name": name,
        "task": "tagger",
        "builder": "tagger",
        "arguments": arguments,
        "vocabulary": table.to_card() | {"rare": frequent.size},
        **said,
    }


def _pos(sentences: list[Sentence], options: dict[str, Any]) -> dict[str, Any]:
    said = {
        "title": "Universal part-of-speech tags of English",
        "example": "Mr. Smith doesn't book the book before he reads it.",
        "data": "Universal Dependencies English Web Treebank, release 2.16 (Silveira et al. 2014)",
        "licence": "annotations CC BY-SA 4.0, Stanford University; these weights: CC BY-SA 4.0",
        "split": "official",
        "notes": (
            "Weights averaged with a momentum of 0.999 lag behind in a run of 1,500 steps (89.6 % after eight epochs "
            "of an earlier run), so it is 0.99 here."
        ),
    }
    return _card(sentences, options, name="pos_bilstm", crf=False, said=said)


def renamed(sentences: list[Sentence]) -> list[Sentence]:
    """Entity types of WNUT 2017 as PER, LOC, ORG and MISC; others stay."""
    return [
        Sentence(words, [f"{tag[:2]}{RENAMED.get(tag[2:], tag[2:])}" if tag != "O" else tag for tag in tags])
        for words, tags in sentences
    ]


def _read_entities(path: Any, word: int | None = None, tag: int | None = None) -> list[Sentence]:
    return renamed(read_sentences(path, word, tag))


def _ner(sentences: list[Sentence], options: dict[str, Any]) -> dict[str, Any]:
    said = {
        "title": "People, places, organisations and other names in English text",
        "example": "Angela Merkel met the president of Ghana in Berlin.",
        "data": (
            "Broad Twitter Corpus (Derczynski, Bontcheva, Roberts 2016), WNUT 2017 (Derczynski et al. 2017), WikiGold "
            "(Balasuriya et al. 2009); of WNUT, corporation and group count as ORG, product and creative-work as MISC"
        ),
        "licence": "all three CC BY 4.0; these weights: CC BY 4.0",
        "split": "official (WNUT), the authors' usual one (Broad Twitter), by document (WikiGold)",
        "notes": (
            "No pretrained vectors. The same recipe on CoNLL-2003, whose text may not be published (kerasrnn train "
            "ner_conll2003), has F1 90.5 % (89.7–91.4) on the validation part, best after 8 of 25 epochs."
        ),
    }
    card = _card(sentences, options, name="ner_bilstm_crf", crf=True, said=said)
    card["vocabulary"]["rename"] = RENAMED
    return card


def _conll(sentences: list[Sentence], options: dict[str, Any]) -> dict[str, Any]:
    said = {
        "title": "People, places, organisations and other names in English news",
        "example": "Peter Blackburn flew from Brussels to London.",
        "data": "CoNLL-2003 English (Tjong Kim Sang and De Meulder 2003)",
        "licence": "the text is Reuters RCV1, for research only: not to be published",
        "split": "official",
    }
    return _card(sentences, options, name="ner_conll2003", crf=True, said=said)


RECIPES = {
    "pos_bilstm": Recipe(
        name="pos_bilstm",
        patterns=("{part}.tsv", "*ud-{part}.conllu", "{part}.conllu", "{part}.conll"),
        reads=read_sentences,
        card=_pos,
        folders=("pos_ewt",),
        options=SIZES | {"epochs": 10},
        best="accuracy",
    ),
    "ner_bilstm_crf": Recipe(
        name="ner_bilstm_crf",
        patterns=("{part}.conll", "*{part}.conllu", "{part}.tsv"),
        reads=_read_entities,
        card=_ner,
        folders=("ner_btc", "ner_wnut17", "ner_wikigold"),
        options=SIZES | {"epochs": 10},
        best="f1",
        by="label",
    ),
    "ner_conll2003": Recipe(
        name="ner_conll2003",
        patterns=("{part}.conll",),
        reads=read_sentences,
        card=_conll,
        folders=("ner_conll2003",),
        options=SIZES | {"epochs": 25},
        best="f1",
        by="label",
    ),
}
