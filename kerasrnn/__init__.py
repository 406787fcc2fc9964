"""Recurrent models you can see inside: Keras layers that hand out their gates and alignments.

Shape legend, used in every docstring of this package:

====== =========================================
letter meaning
====== =========================================
`b`    batch
`t`    time steps (of the sequence a layer runs over)
`d`    input features
`u`    units (width of a state or a gate)
`s`    source steps (of the memory that attention reads)
`v`    vocabulary
`g`    gates
====== =========================================

`import kerasrnn` is cheap: it loads neither Keras nor TensorFlow. Whatever the import order, Keras knows the
layers, losses and metrics of this package as soon as both are imported, so `keras.saving.load_model` works on saved
models.
"""

import importlib
from pathlib import Path as _Path
from typing import Any

from kerasrnn._registration import register_with_keras

__version__ = "0.1.0"
__all__ = ["__version__", "callbacks", "crf", "decoding", "layers", "losses", "metrics", "viz", "zoo"]

_above = _Path(__file__).parent.parent
if not (_Path(__file__).parent / "zoo").is_dir() and (_above / "zoo" / "__init__.py").is_file():
    __path__.append(str(_above))  # a checkout keeps zoo/, viz/ and cli.py beside this folder

register_with_keras()


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"kerasrnn.{name}")
    raise AttributeError(f"module 'kerasrnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
