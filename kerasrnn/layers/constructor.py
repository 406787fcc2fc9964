"""What a recurrent layer is made with: which of it is the cell's."""

import inspect
from typing import Any

import keras


def layer_options(layer: Any, units: int, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """All arguments of a layer by name: those of its `keras_layer`, defaults included, or else those that were given.

    Raises:
        TypeError: an argument that the Keras layer does not have, or that only a Keras layer takes by its place.
    """
    if layer.keras_layer is None:
        if args:
            raise TypeError(
                f"{type(layer).__name__} takes every argument but `units` by name; received {args} besides. Name them."
            )
        return {"units": units, **kwargs}
    bound = inspect.signature(layer.keras_layer.__init__).bind(layer, units, *args, **kwargs)
    bound.apply_defaults()
    options = dict(list(bound.arguments.items())[1:])
    return options | options.pop("kwargs", {})


def cudnn_option(layer: Any, options: dict[str, Any]) -> Any:
    """Take `use_cudnn` out of `options` where the layer's Keras layer has it; False elsewhere.

    Raises:
        ValueError: anything but 'auto', True or False.
    """
    if layer.keras_layer is None or "use_cudnn" not in inspect.signature(layer.keras_layer.__init__).parameters:
        return False
    use_cudnn = options.pop("use_cudnn")
    if use_cudnn not in ("auto", True, False):
        raise ValueError(f"`use_cudnn` must be 'auto', True or False; received {use_cudnn!r}.")
    return use_cudnn


def cell_options(cell_class: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Take the options that are a cell's out of `options`; `dtype` and `trainable` are the layer's as well."""
    named = _names_of_cell(cell_class)
    of_cell = {name: options.pop(name) for name in list(options) if name in named}
    return of_cell | {name: options[name] for name in ("dtype", "trainable") if name in options}


def _names_of_cell(cell_class: Any) -> set[str]:
    """The names that the constructors of a cell class take, from its own to that of Keras' cell."""
    names = {"implementation"} if issubclass(cell_class, (keras.layers.LSTMCell, keras.layers.GRUCell)) else set()
    for base in cell_class.__mro__:
        if base is keras.layers.Layer:
            break
        names |= {
            name for name, p in inspect.signature(base.__init__).parameters.items() if p.kind is not p.VAR_KEYWORD
        }
    return names - {"self", "args"}
