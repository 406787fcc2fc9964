"""A user's own model and batch, from files that are not trusted: safe mode, no pickles."""

import importlib
import io
import re
import sys
import warnings
import zipfile
from collections.abc import Sequence
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


def load_model(path: Path, *, imports: Sequence[str] = (), unsafe: bool = False) -> Any:
    """The Keras model in a `.keras` file; no code in the file is run, unless `unsafe`.

    Args:
        path: the file.
        imports: names of modules to import first, which register the classes that the file names, with
            `keras.saving.register_keras_serializable`; also modules in the working folder.
        unsafe: whether to run code that is in the file, such as that of a Lambda layer.

    Raises:
        ValueError: a module that cannot be imported, a damaged file, classes that Keras does not know, or code.
    """
    import keras

    for name in imports:
        _import(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of an optimizer's variables, which nothing here uses
            return keras.saving.load_model(path, safe_mode=not unsafe)
    except _DAMAGE as error:
        reason = " ".join(str(error).split())  # Keras adds whole configurations
        unknown = re.search("Could not locate (class|function) '([^']*)'", reason)
        if unknown:
            raise ValueError(
                f"{path} cannot be loaded: {unknown[0]}. Name the module that defines and registers it: --import MODULE"
            ) from error
        if "safe_mode" in reason or "unsafe" in reason.lower():
            raise ValueError(
                f"{path} cannot be loaded in safe mode: it holds code, such as a Lambda layer's. If you trust the "
                "file, allow that with --unsafe"
            ) from error
        raise ValueError(f"{path} cannot be loaded: {reason[:300]}") from error


def _import(name: str) -> None:
    sys.path.insert(0, str(Path.cwd()))
    try:
        importlib.import_module(name)
    except Exception as error:  # a module may raise anything while it runs: whatever it is, it is said in one line
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"--import {name}: the module cannot be imported: {what}") from error
    finally:
        sys.path.remove(str(Path.cwd()))


def broken_weights(model: Any) -> list[str]:
    """The paths of the weights with values that are NaN or infinite."""
    import keras

    found = []
    for weight in model.weights:
        if "float" in keras.backend.standardize_dtype(weight.dtype):
            array = keras.ops.convert_to_numpy(keras.ops.cast(weight, "float32"))
            if not np.isfinite(array).all():
                found.append(weight.path)
    return found


def one_row(arrays: Any, row: int) -> Any:
    """One row of a batch of arrays, as a batch; ValueError for one that is not there."""
    if arrays is None:
        return None
    if isinstance(arrays, dict):
        return {name: one_row(array, row) for name, array in arrays.items()}
    if isinstance(arrays, list):
        return [one_row(array, row) for array in arrays]
    if arrays.ndim and row >= len(arrays):
        raise ValueError(f"--row {row}: the batch has {len(arrays)} rows, numbered from 0.")
    return arrays[row : row + 1] if arrays.ndim else arrays


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
    """Arrays as a model takes them: by name where the names are its inputs', else in the order of the file.

    Raises:
        ValueError: other names than those of a subclassed model that takes its inputs by name.
    """
    if not isinstance(arrays, dict):
        return arrays
    inputs = getattr(model, "inputs", None)
    if inputs is not None:
        return arrays if arrays.keys() == {tensor.name for tensor in inputs} else list(arrays.values())
    shapes = (model.get_build_config() or {}).get("input_shape")  # a subclassed model declares no more than this
    if isinstance(shapes, dict):
        if arrays.keys() != shapes.keys():
            raise ValueError(f"inputs: expected arrays named {', '.join(shapes)}, received {', '.join(arrays)}")
        return arrays
    values = list(arrays.values())
    single = len(values) == 1 and shapes is not None and all(size is None or isinstance(size, int) for size in shapes)
    return values[0] if single else values


def repeated(target: float, inputs: Any) -> Any:
    """One number as the target of every row of the batch."""
    arrays = list(inputs.values()) if isinstance(inputs, dict) else inputs
    return np.full(len(arrays[0] if isinstance(arrays, list) else arrays), target)


def failures_of_a_run() -> tuple[type[Exception], ...]:
    """How a model reports that an input or a layer does not suit it, beside ValueError."""
    import tensorflow as tf

    return RuntimeError, tf.errors.OpError


def advice_on(error: BaseException) -> str:
    """What the user can do about a failure, as the end of a line."""
    import tensorflow as tf

    return "; give shorter rows, or fewer" if isinstance(error, tf.errors.ResourceExhaustedError) else ""


def fails_alone(model: Any, inputs: Any) -> Exception | None:
    """What the model itself raises on these inputs, with nobody watching; None if it runs."""
    try:
        model(inputs, training=False)
    except Exception as error:  # a model's own call may raise anything
        return error
    return None


def reason_of(error: BaseException) -> str:
    """What an error says, on one line, without what Keras and TensorFlow put around it."""
    text = re.sub("\x1b\\[[0-9;]*m", "", str(error))
    text = re.sub(r"\{\{[^{}]*\}\}\s*|\s*\[Op:\w+\](?: name:)?", "", text)
    around = r"\s*Exception encountered when calling ([\w.]+)\.call\(\)\.\s*(.*?)\s*Arguments received by "
    found = re.match(around, text, re.DOTALL)
    return " ".join((f"{found[1]}: {found[2]}" if found else text).split())
