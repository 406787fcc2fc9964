"""A user's own model and batch, from files that are not trusted: safe mode, no pickles."""

import io
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

# How Keras, h5py, NumPy, zipfile and json report a file that is damaged, or classes they do not know.
_DAMAGE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RuntimeError,
    ImportError,
    EOFError,
    OSError,
    zipfile.BadZipFile,
)


def check_model_file(path: Path) -> None:
    """Raise ValueError unless there is a file that can be a `.keras` file; needs no Keras."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}: give the path of a .keras file, or a name from: kerasrnn zoo list")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a whole .keras file: save the model again with model.save('{path.name}').")


def load_model(path: Path) -> Any:
    """The Keras model in a `.keras` file; no code in the file is run.

    Raises:
        ValueError: a damaged file, or classes that Keras does not know.
    """
    import keras

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of an optimizer's variables, which nothing here uses
            return keras.saving.load_model(path, safe_mode=True)
    except _DAMAGE as error:
        reason = " ".join(str(error).split())  # Keras adds whole configurations
        unknown = re.search("Could not locate (class|function) '[^']*'", reason)
        raise ValueError(f"{path} cannot be loaded: {unknown[0] if unknown else reason[:300]}") from error


def read_arrays(path: Path) -> Any:
    """An array, or the arrays of an .npz by name."""
    try:
        loaded = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)  # NumPy leaves a damaged file open
        arrays = dict(loaded) if isinstance(loaded, np.lib.npyio.NpzFile) else {"": loaded}
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}. Give an .npy or .npz file.") from error
    except _DAMAGE as error:
        raise ValueError(f"{path} holds no arrays: write it with numpy.save or numpy.savez.") from error
    if not arrays or any(array.dtype.kind not in "biufUS" for array in arrays.values()):
        raise ValueError(f"{path} must hold arrays of numbers: write it with numpy.save or numpy.savez.")
    return arrays if "" not in arrays else arrays[""]


def in_order(arrays: Any, model: Any) -> Any:
    """Arrays as a model takes them: by name where the names are its inputs', else in the order of the file."""
    if not isinstance(arrays, dict):
        return arrays
    inputs = {tensor.name for tensor in getattr(model, "inputs", None) or []}
    return arrays if arrays.keys() == inputs else list(arrays.values())


def repeated(target: float, inputs: Any) -> Any:
    """One number as the target of every row of the batch."""
    arrays = list(inputs.values()) if isinstance(inputs, dict) else inputs
    return np.full(len(arrays[0] if isinstance(arrays, list) else arrays), target)


def failures_of_a_run() -> tuple[type[Exception], ...]:
    """How a model reports that an input or a layer does not suit it, beside ValueError."""
    import tensorflow as tf

    return RuntimeError, tf.errors.OpError
