"""What the numbers that a user's own model reads are called."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasrnn._files import read_text


def read_vocabulary(path: Path) -> dict[int, str]:
    """The tokens by their ids.

    Args:
        path: text with one token a line, the first for id 0, as `TextVectorization.get_vocabulary` lists them; or JSON,
            a list of the same or an object of ids by tokens, as `keras.datasets.imdb.get_word_index` gives.

    Raises:
        ValueError: a file that cannot be read, or holds something else.
    """
    text = read_text(path, "a file of one token a line")
    if path.suffix.lower() != ".json":
        lines = text.removesuffix("\n").split("\n")  # a token may be any other kind of white space
        found = {number: line.removesuffix("\r") for number, line in enumerate(lines)}
    else:
        found = _of_json(path, text)
    if not any(found.values()):
        raise ValueError(f"{path} holds no tokens: give a file of one token a line.")
    return found


def _of_json(path: Path, text: str) -> dict[int, str]:
    try:
        read = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}. Give a list of tokens, or an object of their ids.") from error
    if isinstance(read, list) and all(isinstance(each, str) for each in read):
        return dict(enumerate(read))
    if isinstance(read, dict) and all(type(each) is int for each in read.values()):
        return {number: token for token, number in read.items()}
    raise ValueError(f"{path} must hold a list of tokens, or an object of their ids.")


class Vocabulary:
    """The tokens of each input of a model that takes ids, or strings that a `TextVectorization` makes ids of.

    Args:
        model: a built model.
        tables: tokens by ids, by the name of the input; "" for all inputs. One that takes strings needs none.

    Raises:
        ValueError: a table for an input that the model does not have.
    """

    def __init__(self, model: Any, tables: Mapping[str, Mapping[int, str]]) -> None:
        from kerasrnn.viz.capture.sites import attention_sites, recurrent_sites

        inputs = getattr(model, "inputs", None)
        self._names = [tensor.name for tensor in inputs] if inputs else []
        unknown = sorted(tables.keys() - {"", *self._names})
        if unknown:
            raise ValueError(f"the model has no input {unknown[0]!r}; it has {', '.join(self._names) or 'no names'}")
        self._tables = tables
        sites = [*recurrent_sites(model), *attention_sites(model)]
        self._layers = {site.name: site.layer for site in sites}
        self._cutters = {name: layer for layer in cutters(model) for name in origins_of(layer, 0)}

    def unknown(self, inputs: Any) -> int:
        """How many of the numbers that a batch holds are not in the vocabulary of their input."""
        return sum(int(np.sum(~np.isin(array, list(table)))) for _, array, table in self._read(inputs))

    def named(self, captured: Any, inputs: Any, written: bool = False) -> dict[str, Any]:
        """The tokens along the axes of a capture, by their names in it; none where it is not known which they are.

        With `written` the capture's steps are those of the model's output, and its source what the layer reads.
        """
        from kerasrnn.viz.capture.sites import attends

        layer, _, number = captured.layer.partition("#")
        found = self._layers.get(layer)
        both = found is not None and attends(found)
        origins = [origins_of(found, at, int(number or 1) - 1) for at in range(1 + both)] if found is not None else []
        if written:
            origins = [[], *origins[:1]]
        axes = {"tokens": captured.mask.shape[1]}
        if captured.source_mask is not None:
            axes["source_tokens"] = captured.source_mask.shape[1]
        if captured.folded:
            return dict.fromkeys(axes)
        return {
            name: self._along(inputs, steps, origins[min(at, len(origins) - 1)] if origins else [])
            for at, (name, steps) in enumerate(axes.items())
        }

    def _along(self, inputs: Any, steps: int, origins: Sequence[str]) -> list[list[str]] | None:
        fitting = [(name, array, table) for name, array, table in self._read(inputs) if array.shape[1] == steps]
        reached = [each for each in fitting if each[0] in origins]
        if len(reached or fitting) != 1:
            return None
        _, array, table = (reached or fitting)[0]
        return [[table.get(int(each), str(each)) for each in row] for row in array]

    def _read(self, inputs: Any) -> list[tuple[str, np.ndarray, Mapping[int, str]]]:
        """Name, ids `(b, t)` and tokens of each input that holds ids and has a vocabulary."""
        if isinstance(inputs, dict):
            named = list(inputs.items())
        else:
            arrays = inputs if isinstance(inputs, (list, tuple)) else [inputs]
            names = self._names if len(self._names) == len(arrays) else [""] * len(arrays)
            named = list(zip(names, arrays, strict=True))
        found = []
        for name, array in named:
            table, array = self._tables.get(name, self._tables.get("")), np.asarray(array)
            if name in self._cutters:
                array = np.asarray(self._cutters[name](array))
                table = dict(enumerate(self._cutters[name].get_vocabulary()))
            if array.ndim == 3 and array.shape[-1] == 1:
                array = array[..., 0]
            whole = array.dtype.kind in "iu" or (array.dtype.kind == "f" and bool(np.all(array == np.floor(array))))
            if table is not None and array.ndim == 2 and whole:
                found.append((name, array.astype(np.int64), table))
        return found


def cutters(model: Any) -> list[Any]:
    """The layers of a functional model that make ids of strings."""
    import keras

    layers = getattr(model, "layers", [])
    kind = keras.layers.TextVectorization
    return [layer for layer in layers if isinstance(layer, kind) and layer.get_config()["output_mode"] == "int"]


def origins_of(layer: Any, argument: int, call: int = 0) -> list[str]:
    """The names of the inputs of a functional model that one argument of a layer's call is computed from.

    An argument that is a list counts as several. Only the first argument of each layer before it is followed: that of a
    decoder is what it reads, and not the state that it begins with. Empty in a model that is no graph of layers.
    """
    import keras

    from kerasrnn import _compat

    tensors = _arguments(_compat.arguments_of(layer, call))
    if not tensors:
        return []
    found: dict[str, None] = {}
    waiting, seen = [tensors[min(argument, len(tensors) - 1)]], set()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, before = _compat.made_by(tensor)
        if isinstance(operation, keras.layers.InputLayer):
            found[operation.name] = None
        else:
            waiting += keras.tree.flatten(before.args[0]) if before.args else before.keras_tensors
    return list(found)


def _arguments(given: Any) -> list[Any]:
    if given is None:
        return []
    if given.args and isinstance(given.args[0], (list, tuple)):
        return list(given.args[0])
    return list(given.keras_tensors)
