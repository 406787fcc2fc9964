"""Translators: one size with Bahdanau's attention, with Luong's, and with none."""

from collections.abc import Callable, Mapping
from typing import Any

from kerasrnn.zoo.pieces import learn
from kerasrnn.zoo.readers.tables import Pair
from kerasrnn.zoo.recipes.recipe import Recipe
from kerasrnn.zoo.tasks.seq2seq import END, START
from kerasrnn.zoo.tasks.translator import read_translations
from kerasrnn.zoo.text import FIRST_CHARACTER

TITLES = {
    "bahdanau": "English to French, with Bahdanau's attention",
    "luong": "English to French, with Luong's attention",
    "none": "English to French through one vector, without attention: the bottleneck, for comparison",
}
NOTES = (
    "Pieces of words, so that no word is unknown: French has many forms of each, and a word that was never seen is "
    "spelled. BLEU is of greedy decoding unless it names a beam, by sacrebleu's tokenisation 13a with its case; the "
    "sentences are far easier than news, so compare it with no figure of WMT."
)
TRIED = {  # with what was measured on the validation part
    "bahdanau": (
        "By epochs, from the second on: 28.4, 38.5, 42.3, 44.8, 45.6, 46.3, 46.7. Long sentences with rare words are "
        "its weakness: it may say a phrase twice, or leave one out."
    ),
    "luong": (
        "Twelve epochs; by epochs, from the second on: 23.8, 35.2, 40.9, 43.5, 44.7, 45.5, 46.6, 46.7, 47.3, 47.6, "
        "47.4. With a dropout of 0.25 and eight epochs, as translate_en_fr_bahdanau, it had 43.9: it learns more "
        "slowly."
    ),
    "none": (
        "By epochs, from the second on: 8.8, 17.9, 25.4, 29.7, 31.8, 32.6, 32.8. One vector has to hold the whole "
        "sentence: over ten words it reaches 14.3, where translate_en_fr_bahdanau reaches 34.9."
    ),
}
WIDTHS = ("cell", "embedding", "target_embedding", "encoder_units", "decoder_units", "attention_units")


def _card(name: str, attention: str) -> Callable[[list[Pair], dict[str, Any]], dict[str, Any]]:
    def card(examples: list[Pair], options: dict[str, Any]) -> dict[str, Any]:
        source = learn([each.source for each in examples], options["source_pieces"])
        target = learn([each.target for each in examples], options["target_pieces"], least=1)
        return {
            "name": name,
            "title": TITLES[attention],
            "task": "translator",
            "builder": "seq2seq",
            "arguments": {
                "source_size": len(source) + FIRST_CHARACTER,
                "target_size": len(target) + 3,  # padding, start, end
                "attention": attention,
                "readout_units": options["target_embedding"],
                "tied": True,
                "dropout": options["dropout"],
                **{key: options[key] for key in WIDTHS},
            },
            "vocabulary": {
                "source": source,
                "target": [START, END, *target],
                "longest_source": 128,
                "longest_target": 128,
                "unknown_rate": options["unknown_rate"],
            },
            "example": "The man who lives next door is a famous doctor.",
            "data": (
                "sentences from the Tatoeba Project (tatoeba.org), via www.manythings.org/anki, export of 2019-04-07: "
                "short and simple ones, a median of 6 words"
            ),
            "licence": "CC BY 2.0 FR; these weights: CC BY 2.0 FR, with the attribution above",
            "split": (
                "by SHA-256 of groups of sentences that share a translation, 92.5 / 2.5 / 5 %: no sentence of one part "
                "is in another"
            ),
            "notes": f"{NOTES} {TRIED.get(attention, '')}".strip(),
        }

    return card


def _loss(options: Mapping[str, Any]) -> Any:
    from kerasrnn.losses import MaskedCrossentropy

    return MaskedCrossentropy(from_logits=False, ignore_id=0, label_smoothing=options["smoothing"])


def _recipe(name: str, attention: str, **options: Any) -> Recipe:
    return Recipe(
        name=name,
        patterns=("{part}.tsv",),
        reads=read_translations,
        card=_card(name, attention),
        folders=("translation_en_fr",),
        options={
            "cell": "lstm",
            "embedding": 192,
            "target_embedding": 192,
            "encoder_units": 192,
            "decoder_units": 256,
            "attention_units": 128,
            "dropout": 0.25,
            "smoothing": 0.1,
            "source_pieces": 5000,
            "target_pieces": 5000,
            "unknown_rate": 0.002,
            "epochs": 8,
            "batch_size": 128,
            "learning_rate": 3e-3,
            "average": 0.999,
            **options,
        },
        loss=_loss,
        best="BLEU",
        by="length:3,5,7,9,11",
    )


RECIPES = {
    "translate_en_fr_bahdanau": _recipe("translate_en_fr_bahdanau", "bahdanau"),
    "translate_en_fr_luong": _recipe("translate_en_fr_luong", "luong", dropout=0.2, epochs=12),
    # wider, so that it has as many weights as the first without its attention
    "translate_en_fr_plain": _recipe("translate_en_fr_plain", "none", decoder_units=384),
}
