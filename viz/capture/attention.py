"""Alignments of an attention layer, from the model's real run."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.layers import AttentionDecoder
from kerasrnn.viz.arrays import Capture, rows_of_tokens
from kerasrnn.viz.capture.gates import Choice
from kerasrnn.viz.capture.observe import (
    flat_mask,
    largest_difference,
    observing,
    part_loops,
    to_numpy,
    tolerance,
    watched_loop,
)
from kerasrnn.viz.capture.sites import Site, attention_sites, pick, recurrent_sites

Tensor = Any
Edit = Callable[[Tensor, int], Tensor]  # an alignment, the number of its first query -> an alignment


def capture_attention(
    model: Any,
    inputs: Any,
    *,
    layer: str | None = None,
    tokens: list[list[str]] | list[str] | None = None,
    source_tokens: list[list[str]] | list[str] | None = None,
) -> Capture:
    """Run `model` on `inputs` and return what one attention layer looked at.

    Works on `AttentionDecoder`, `AttentionPooling` and every attention of this package, on Keras' `Attention`,
    `AdditiveAttention` and `MultiHeadAttention`, and on any layer whose `call` takes `return_attention_scores`. A
    layer that a recurrent cell calls at every step gives one alignment with the steps of the loop.

    Args:
        model: a Keras model.
        inputs: what the model takes: an array, or a list or dict of arrays.
        layer: the layer's name; `NAME#2` for its second call; by default the first attention layer to run.
        tokens: the strings along the queries, one list a row of the batch.
        source_tokens: the strings along what is attended to.

    Returns:
        A `Capture` with `LAYER/alignment` (b, t, s), or (b, n, t, s) with n heads. A pooling layer has one query, or
        one for each of its heads.

    Raises:
        TypeError: no Keras model, or inputs that are not numbers.
        ValueError: no attention layer, none of that name, or inputs that do not fit the model.
        RuntimeError: asking the layer for its scores changes the model's output.
    """
    with observing(model, inputs) as observed:
        sites = attention_sites(model)
        choice = Choice(sites, *pick(sites, layer, model, "an attention"))
        found = _Found()
        replacements = _calls(model, sites, choice, found)
        replacements += [
            (site.layer, "inner_loop", _decoder_loop(site, choice, found))
            for site in sites
            if isinstance(site.layer, AttentionDecoder)
        ]
        outputs = observed.run_watched(replacements)
        observed.compare(outputs, choice.label)
        choice.check_found(bool(found.rows))
        alignment, mask, source_mask = found.joined()
    batch, steps, sources = alignment.shape[0], *alignment.shape[-2:]
    return Capture(
        {f"{choice.label}/alignment": alignment},
        choice.label,
        rows_of_tokens(tokens, batch, steps, "tokens"),
        rows_of_tokens(source_tokens, batch, sources, "source_tokens"),
        np.ones((batch, steps), bool) if mask is None else mask,
        source_mask,
        choice.note,
    )


def edited_calls(model: Any, sites: list[Site], choice: Choice, look: Edit) -> list[tuple[Any, str, Any]]:
    """The replacements with which the layer of `choice`, unless it is a decoder, uses the alignment that `look` makes.

    The change of the alignment is weighed with the layer's own values and added to its output, so where `look` gives
    back what it got, the output is the same to the last bit.
    """
    return _calls(model, sites, choice, _Found(), look)


def _calls(
    model: Any, sites: list[Site], choice: Choice, found: "_Found", look: Edit | None = None
) -> list[tuple[Any, str, Any]]:
    looping = _Loop()
    loops = [site for site in recurrent_sites(model) if any(_holds(part, sites) for _, part in site.parts)]
    replacements = part_loops(loops, lambda site, prefix, part: _counted_loop(part, looping))
    return replacements + [
        (site.layer, "call", _scored_call(site, choice, found, looping, look))
        for site in sites
        if not isinstance(site.layer, AttentionDecoder)
    ]


class _Loop:
    """The recurrent loop that is running, if any: its present step, the rows that it keeps, and what it called."""

    def __init__(self) -> None:
        self.end()

    def end(self) -> None:
        self.step, self.keep, self.backwards = 0, None, False
        self.taken: set[int] = set()
        self._called: set[int] = set()

    def on_step(self, keep: Tensor | None) -> None:
        self.step, self.keep = self.step + 1, keep
        self._called = set()

    def takes(self, site: Site, choice: Choice) -> bool:
        """Whether to record a call of `site`: in a loop its first call in every step, if its first step counts."""
        if not self.step:
            return choice.take(site)
        first = id(site) not in self._called
        self._called.add(id(site))
        if first and self.step == 1 and choice.take(site):
            self.taken.add(id(site))
        return first and id(site) in self.taken


class _Found:
    """Alignments as they come: one, or one a step of a loop."""

    def __init__(self) -> None:
        self.rows: list[tuple[np.ndarray, np.ndarray | None]] = []
        self.source_mask: np.ndarray | None = None

    def add(
        self, alignment: np.ndarray, mask: np.ndarray | None, source_mask: np.ndarray | None, *, first: bool = False
    ) -> None:
        self.rows.insert(0 if first else len(self.rows), (alignment, mask))
        self.source_mask = source_mask

    def joined(self) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        alignments, masks = zip(*self.rows, strict=True)
        alignment = np.concatenate(alignments, axis=-2)
        mask = None if any(mask is None for mask in masks) else np.concatenate(masks, axis=1)
        return alignment, mask, self.source_mask


def _decoder_loop(site: Site, choice: Choice, found: _Found) -> Callable[..., Any]:
    decoder = site.layer
    memory_mask: list[Any] = [None]

    def seen(replayed: Any, mask: Tensor | None) -> None:
        found.add(_heads(replayed.traces), _array(mask), _array(memory_mask[0]))

    watched = watched_loop(decoder, seen, wants=lambda: choice.take(site))

    def inner_loop(*args: Any, memory: Any, **kwargs: Any) -> Any:
        memory_mask[0] = memory[0].mask
        given = inspect.signature(watched).bind_partial(*args, **kwargs).arguments
        return watched(**given, memory=memory)

    return inner_loop


def _heads(traces: dict[str, Tensor]) -> np.ndarray:
    """The alignment `(b, t, s)` of a decoder, or those of several attentions as heads `(b, n, t, s)`."""
    found = [to_numpy(trace) for name, trace in traces.items() if name.startswith("alignment")]
    if len({alignment.shape for alignment in found}) > 1:
        raise ValueError(
            "layer: its attentions read memories of different lengths, which no one picture can show; received "
            f"{', '.join(str(alignment.shape[-1]) for alignment in found)} source steps"
        )
    return found[0] if len(found) == 1 else np.stack(found, axis=1)


def _counted_loop(part: Any, looping: _Loop) -> Callable[..., Any]:
    """The loop of a cell that attends: it tells `looping` about its steps."""
    watched = watched_loop(part, lambda replayed, mask: None, on_step=looping.on_step)

    def inner_loop(*args: Any, **kwargs: Any) -> Any:
        looping.backwards = part.go_backwards
        try:
            return watched(*args, **kwargs)
        finally:
            looping.end()

    return inner_loop


def _scored_call(
    site: Site, choice: Choice, found: _Found, looping: _Loop, look: Edit | None = None
) -> Callable[..., Any]:
    """The layer's `call`, and beside it one more that asks for the scores."""
    own = site.layer.call
    signature = inspect.signature(own)

    def call(*args: Any, **kwargs: Any) -> Any:
        if not looping.takes(site, choice):
            return own(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        query_mask, source_mask = _masks(bound.arguments)
        asked = bound.arguments.get("return_attention_scores", False)
        bound.arguments["return_attention_scores"] = True
        tensors = [tensor for tensor in keras.tree.flatten((args, kwargs)) if keras.ops.is_tensor(tensor)]
        masks = [getattr(tensor, "_keras_mask", None) for tensor in tensors]
        output, scores = own(*bound.args, **bound.kwargs)
        for tensor, mask in zip(tensors, masks, strict=True):
            if mask is not None:
                tensor._keras_mask = mask  # Keras' MultiHeadAttention takes it away from its arguments
        result = own(*args, **kwargs)
        _compare(site, output, result[0] if asked else result, query_mask)
        alignment = to_numpy(scores)
        if alignment.ndim == 2:  # one query a row
            alignment, query_mask = alignment[:, None], None
        if looping.step:
            keep = _array(looping.keep)
            query_mask = None if keep is None else keep[:, None]
            if keep is not None:
                alignment = np.where(keep.reshape(-1, *[1] * (alignment.ndim - 1)), alignment, 0)
        found.add(alignment, query_mask, source_mask, first=looping.backwards)
        if look is None:
            return result
        if looping.backwards:
            raise ValueError(
                f"layer: {site.name!r} runs in a loop from the last step to the first, and cannot be changed"
            )
        changed = _changed(site, output, scores, bound.arguments, look, looping.step - 1 if looping.step else 0)
        return result if changed is None else (result[0] + changed, *result[1:]) if asked else result + changed

    return call


def _changed(
    site: Site, output: Tensor, scores: Tensor, given: dict[str, Any], look: Edit, first: int
) -> Tensor | None:
    """What is to be added to the output so that it is made of the alignment that `look` gives; None for nothing."""
    whole = ops.expand_dims(scores, 1) if len(scores.shape) == 2 else scores
    edited = look(whole, first)
    if edited is whole:
        return None
    value = _value(given)
    own = None if value is None else _context(site.layer, scores, value)
    if own is None or own.shape != output.shape or not _is_context(site.layer, own, output):
        raise ValueError(
            f"layer: the output of {site.name!r} is not the sum of its values weighted by its alignment, so its "
            "attention cannot be changed"
        )
    return _context(site.layer, ops.reshape(edited, scores.shape), value) - own


def value_of(call: Callable[..., Any], args: Any, kwargs: Any) -> Tensor | None:
    """What a call of an attention layer weighs."""
    return _value(inspect.signature(call).bind(*args, **kwargs).arguments)


def _value(given: dict[str, Any]) -> Tensor | None:
    """What an attention layer weighs: the memory, the value, or the sequence itself."""
    inputs = given.get("inputs")
    if isinstance(inputs, (list, tuple)):
        return inputs[1]
    return next((given[name] for name in ("memory", "value", "inputs") if given.get(name) is not None), None)


def _context(layer: Any, weights: Tensor, value: Tensor) -> Tensor:
    """The output of `layer` for an alignment, but for what it does not multiply by it (a bias, a mask)."""
    if isinstance(layer, keras.layers.MultiHeadAttention):
        mixed = ops.einsum("bnts,bsnk->btnk", weights, layer.value_dense(value))
        return layer.output_dense(mixed)
    if weights.shape[-1] != value.shape[1] or len(weights.shape) not in (2, 3):
        return weights
    return ops.matmul(weights, value) if len(weights.shape) == 3 else ops.matmul(weights[:, None], value)[:, 0]


def _is_context(layer: Any, own: Tensor, output: Tensor) -> bool:
    """Whether the output is `own`, but for rows that the layer has set to zero."""
    left, right = to_numpy(own), to_numpy(output)
    off = np.abs(left - right) > tolerance(output.dtype) * max(0.1, float(np.abs(right).max(initial=0.0)))
    return not (off & (right != 0)).any()


def _compare(site: Site, scored: Tensor, plain: Tensor, query_mask: np.ndarray | None) -> None:
    difference = largest_difference(plain, scored, query_mask)
    if difference > tolerance(plain.dtype):
        raise RuntimeError(
            f"layer {site.name!r}: its output differs by {difference:.2g} of its size when it is asked for its scores, "
            "so they are not what the layer uses; the layer cannot be captured"
        )


def _masks(given: dict[str, Any]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The masks of the queries (b, t) and of what they attend to (b, s), wherever this layer has them."""
    both = given.get("mask")
    inputs = given.get("inputs")
    if isinstance(both, (list, tuple)) and len(both) > 1:
        return _array(both[0]), _array(both[1])
    if isinstance(inputs, (list, tuple)) and len(inputs) > 1:
        queries, source = (_array(getattr(tensor, "_keras_mask", None)) for tensor in inputs[:2])
        return queries, source
    if keras.ops.is_tensor(inputs):  # one sequence, and no queries from outside
        mask: Any = getattr(inputs, "_keras_mask", None) if both is None else both
        return None, _array(mask) if mask is not None and len(mask.shape) == 2 else None
    queries = _first(given, ["query_mask"], ["query"])
    source = _first(given, ["memory_mask", "value_mask", "key_mask"], ["memory", "value", "key"])
    return queries, source


def _first(given: dict[str, Any], names: list[str], tensors: list[str]) -> np.ndarray | None:
    masks = [given.get(name) for name in names]
    masks += [getattr(given.get(name), "_keras_mask", None) for name in tensors]
    return next((_array(mask) for mask in masks if mask is not None), None)


def _array(mask: Any) -> np.ndarray | None:
    if mask is None:
        return None
    if len(mask.shape) == 1:
        return to_numpy(keras.ops.cast(mask, "bool"))
    return to_numpy(flat_mask(mask))


def _holds(part: Any, sites: list[Site]) -> bool:
    inside = {id(layer) for layer in part._flatten_layers(include_self=False)}
    return not isinstance(part, AttentionDecoder) and any(id(site.layer) in inside for site in sites)
