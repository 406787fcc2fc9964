"""The layers that a capture can watch, and their names."""

import difflib
import inspect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from kerasrnn.layers import AttentionDecoder


@dataclass(frozen=True)
class Site:
    """A layer to watch.

    Attributes:
        name: unique in the model.
        layer: the layer.
        parts: the layers that do its work, by their prefix in keys.
        folded: whether its rows are not those of the batch but steps of it, such as words that it spells.
    """

    name: str
    layer: Any
    parts: tuple[tuple[str, Any], ...]
    folded: bool = False


def recurrent_sites(model: Any) -> list[Site]:
    """Every `keras.layers.RNN` and `Bidirectional` in a built model, nested ones included."""
    found = [each for each in _walk(model) if _is_recurrent(each[1])]
    inside = {id(part) for _, layer, _ in found for _, part in _parts(layer) if part is not layer}
    return _named([each for each in found if id(each[1]) not in inside])


def attention_sites(model: Any) -> list[Site]:
    """Every layer that can return attention scores, and every decoder that attends."""
    found = [each for each in _walk(model) if attends(each[1])]
    inside = {id(layer.attention) for _, layer, _ in found if isinstance(layer, AttentionDecoder)}
    return _named([each for each in found if id(each[1]) not in inside])


def embedding_sites(model: Any) -> list[Site]:
    """Every embedding in a built model."""
    return _named([each for each in _walk(model) if isinstance(each[1], keras.layers.Embedding)])


def pick(sites: list[Site], wanted: str | None, model: Any, kind: str) -> tuple[Site | None, int]:
    """The site of that name and the number of the call, from `NAME` or `NAME#2`; no site where no name is given.

    Raises:
        TypeError: `wanted` is not a string.
        ValueError: the model has no such layers at all, or none of that name.
    """
    if not sites:
        layers = model.layers if isinstance(model, keras.Model) else [model]
        names = ", ".join(each.name for each in layers if not isinstance(each, keras.layers.InputLayer)) or "none"
        raise ValueError(f"model: expected one with {kind} layer, received {model.name!r} whose layers are {names}")
    if wanted is None:
        return None, 1
    if not isinstance(wanted, str):
        raise TypeError(f"layer: expected the name of a layer, received {wanted!r}")
    name, _, number = wanted.rpartition("#")
    for site in sites:
        if wanted == site.name:
            return site, 1
        if name == site.name and number.isdigit() and int(number) > 0:
            return site, int(number)
    halves = [site for site in sites if wanted in [part.name for _, part in site.parts if part is not site.layer]]
    if len(halves) == 1:  # one direction of a Bidirectional, by its own name
        return halves[0], 1
    nearest = sorted((site.name for site in sites), key=lambda other: -_likeness(wanted, other))
    raise ValueError(f"layer: expected the name of {kind} layer, one of {', '.join(nearest)}; received {wanted!r}")


def _is_recurrent(layer: Any) -> bool:
    return isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional))


def attends(layer: Any) -> bool:
    """Whether a layer can return attention scores, or is a decoder that attends."""
    if isinstance(layer, AttentionDecoder):
        return True
    return "return_attention_scores" in inspect.signature(layer.call).parameters


def _parts(layer: Any) -> tuple[tuple[str, Any], ...]:
    if isinstance(layer, keras.layers.Bidirectional):
        return ("forward/", layer.forward_layer), ("backward/", layer.backward_layer)
    return (("", layer),)


def _walk(model: Any) -> Iterator[tuple[str, Any, bool]]:
    """Every layer once, with the names on the way to it, and whether one of those makes rows of its steps.

    The model itself too, if it is a lone layer.
    """
    if not isinstance(model, keras.Model):
        yield model.name, model, False
    folds = getattr(model, "folds_steps", False)
    stack = [(layer.name, layer, folds) for layer in reversed(model._layers)]  # no public way reaches into any layer
    seen = set()
    while stack:
        path, layer, folded = stack.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield path, layer, folded
        folded = folded or getattr(layer, "folds_steps", False)
        stack += [(f"{path}/{child.name}", child, folded) for child in reversed(layer._layers)]


def _named(found: list[tuple[str, Any, bool]]) -> list[Site]:
    """Sites with the layer's own name where no other has it, else with the path, numbered if need be."""
    names = Counter(layer.name for _, layer, _ in found)
    taken: Counter[str] = Counter()
    sites = []
    for path, layer, folded in found:
        label = layer.name if names[layer.name] == 1 else path
        taken[label] += 1
        sites.append(Site(label if taken[label] == 1 else f"{label}~{taken[label]}", layer, _parts(layer), folded))
    return sites


def _likeness(wanted: str, name: str) -> float:
    return difflib.SequenceMatcher(None, wanted.lower(), name.lower()).ratio()
