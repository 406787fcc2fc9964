"""Inputs checked against what a model declares, before anything runs."""

from typing import Any

import keras
import numpy as np

_MOST = 20_000  # steps to run one by one, and to take gradients through, whose time grows with their square


def check_steps(steps: int) -> None:
    """Raise ValueError for a sequence that would take hours: to be asked as soon as its length is known."""
    if steps > _MOST:
        raise ValueError(f"inputs: expected at most {_MOST:,} steps, received {steps:,}; give shorter rows")


def checked_inputs(model: Any, inputs: Any) -> Any:
    """Return `inputs` with arrays in place of nested lists, after comparing them with the model's declared inputs.

    A model that declares none (a subclassed one) gets what came.

    Raises:
        ValueError: the wrong number of inputs, a wrong rank or size, an empty batch, or fractions for whole numbers.
        TypeError: something that is neither numbers nor strings.
    """
    declared = _declared(model)
    one = declared is None or len(declared) == 1
    given: Any
    if isinstance(inputs, dict):
        given = {name: _array(value, name) for name, value in inputs.items()}
    elif isinstance(inputs, (list, tuple)) and not (one and _is_plain(inputs)):
        given = [_array(value, f"inputs[{number}]") for number, value in enumerate(inputs)]
    else:
        given = _array(inputs, "inputs")
    flat = list(given.values()) if isinstance(given, dict) else given if isinstance(given, list) else [given]
    if declared is None:
        return given
    if len(flat) != len(declared):
        shapes = [tuple(value.shape) for value in flat]
        expected = ", ".join(f"{spec.name} {_shape(spec)}" for spec in declared)
        raise ValueError(f"inputs: expected {len(declared)} ({expected}), received {len(flat)} of shapes {shapes}")
    if isinstance(given, dict):
        unknown = [spec.name for spec in declared if spec.name not in given]
        if unknown:
            raise ValueError(f"inputs: expected the names {[s.name for s in declared]}, received {list(given)}")
        flat = [given[spec.name] for spec in declared]
    for spec, value in zip(declared, flat, strict=True):
        _check(spec, value)
    if isinstance(given, dict) or len(flat) > 1:
        return given
    return [flat[0]] if _takes_a_list(model) else flat[0]


def _takes_a_list(model: Any) -> bool:
    """Whether the model was made of a list of inputs: given something else it would warn."""
    try:
        return isinstance(model.input, (list, tuple))
    except (AttributeError, ValueError):  # it has no one set of inputs
        return False


def _declared(model: Any) -> list[Any] | None:
    if not isinstance(model, keras.Model):
        return None
    try:
        return list(keras.tree.flatten(model.inputs)) if model.inputs is not None else None
    except AttributeError:  # a subclassed model has none
        return None


def _is_plain(inputs: Any) -> bool:
    """Whether a list is one array written out, rather than a list of arrays."""
    return all(isinstance(leaf, (int, float, bool, str)) for leaf in keras.tree.flatten(inputs))


def _array(value: Any, name: str) -> Any:
    if keras.ops.is_tensor(value):
        return value
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected rows of one length, received a ragged list ({error})") from error
    if array.dtype.kind not in "biufUS":
        raise TypeError(f"{name}: expected an array of numbers, received {type(value).__name__} of {array.dtype}")
    if not array.size:
        raise ValueError(f"{name}: expected at least one row and one step, received shape {array.shape}")
    return array.astype("float32") if array.dtype == np.float64 and not isinstance(value, np.ndarray) else array


def _check(spec: Any, value: Any) -> None:
    expected, received = tuple(spec.shape), tuple(value.shape)
    if len(received) == len(expected) + 1 and received[-1] == 1:
        received = received[:-1]  # Keras drops and adds a last axis of one
    elif len(received) == len(expected) - 1 and expected[-1] == 1:
        received = (*received, 1)
    fits = len(expected) == len(received) and all(
        want is None or want == have for want, have in zip(expected, received, strict=True)
    )
    if not fits:
        ids = len(received) == len(expected) - 1 and isinstance(value, np.ndarray) and value.dtype.kind in "iu"
        hint = ", which may be token ids: this model takes vectors" if ids else ""
        raise ValueError(f"inputs: expected {spec.name} of shape {_shape(spec)}, received {tuple(value.shape)}{hint}")
    kind = keras.backend.standardize_dtype(spec.dtype)
    if kind.startswith(("int", "uint")) and isinstance(value, np.ndarray) and value.dtype.kind not in "iub":
        whole = value.dtype.kind == "f" and np.isfinite(value).all() and (value == np.floor(value)).all()
        if not whole:
            raise ValueError(f"inputs: expected whole numbers ({kind}) for {spec.name}, received {value.dtype}")
    if kind.startswith("float") and isinstance(value, np.ndarray) and value.dtype.kind in "US":
        raise ValueError(f"inputs: expected numbers ({kind}) for {spec.name}, received strings")


def _shape(spec: Any) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in spec.shape) + ")"
