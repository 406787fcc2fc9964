"""Trained recurrent models: load one, look inside, export it.

>>> from kerasrnn import zoo
>>> task = zoo.load("dates_bahdanau")
>>> task.predict(["3 mai 1998"])
['1998-05-03']
"""

import importlib
from typing import Any

if __name__ != "kerasrnn.zoo":
    raise ImportError("import this package as `kerasrnn.zoo`: a second copy would register its classes twice")

_WHERE = {  # imported when first used: a list of presets needs no Keras
    "PresetError": "kerasrnn.zoo.preset",
    "card": "kerasrnn.zoo.loading",
    "from_preset": "kerasrnn.zoo.loading",
    "load": "kerasrnn.zoo.loading",
    "names": "kerasrnn.zoo.preset",
}
__all__ = ["PresetError", "builders", "card", "from_preset", "load", "names"]


def __getattr__(name: str) -> Any:
    if name == "builders":
        return importlib.import_module("kerasrnn.zoo.builders")
    if name not in _WHERE:
        raise AttributeError(f"module 'kerasrnn.zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
