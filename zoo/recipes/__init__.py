"""The recipes of the presets, one file a family."""

import difflib
import importlib
from typing import Any

_WHERE = {
    "dates_bahdanau": "characters",
    "forecast_weather": "forecasting",
    "lm_shakespeare": "language",
    "lm_wikitext2": "language",
    "pixels_gru": "classifying",
    "sentiment_bilstm": "classifying",
    "sentiment_gru": "classifying",
    "sentiment_lstm": "classifying",
    "sentiment_rnn": "classifying",
    "pos_bilstm": "tagging",
    "ner_bilstm_crf": "tagging",
    "ner_conll2003": "tagging",
    "tunes_lstm": "tunes",
    "translate_en_fr_bahdanau": "translating",
    "translate_en_fr_luong": "translating",
    "translate_en_fr_plain": "translating",
}


def names() -> list[str]:
    """The presets that have a recipe."""
    return sorted(_WHERE)


def find(name: str) -> Any:
    """The recipe of a preset.

    Raises:
        ValueError: there is none of that name.
    """
    check(name)
    return importlib.import_module(f"kerasrnn.zoo.recipes.{_WHERE[name]}").RECIPES[name]


def check(name: str) -> None:
    """Raise ValueError, with the nearest name, if no preset of that name has a recipe; this imports nothing."""
    if name not in _WHERE:
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(names())}."
        raise ValueError(f"no recipe {name[:100]!r}. {hint}")
