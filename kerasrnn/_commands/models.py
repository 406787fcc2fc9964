"""Which model a word on the command line means."""

import re
from pathlib import Path
from typing import Any

from kerasrnn._terminal import import_keras

DEFAULT_MODEL = "dates_bahdanau"


def names_model(word: str) -> bool:
    """Whether a word is meant as a model: a preset, a near miss of one, a path, or a name like a preset's."""
    import difflib

    from kerasrnn.zoo import names

    if word in ("", "-"):
        return False
    if difflib.get_close_matches(word, names(), n=1, cutoff=0.6) or re.fullmatch(r"[a-z]+(_[a-z]+)+", word):
        return True
    try:
        return word.endswith(".keras") or Path(word).exists()
    except OSError:  # a text longer than any file's name
        return False


def load_task(name: str) -> Any:
    """The task of a preset, by its name or the path of its folder."""
    from kerasrnn.zoo import preset

    preset.find(name)  # an unknown name needs no TensorFlow to say so
    import_keras()
    from kerasrnn.zoo import from_preset

    return from_preset(name)
