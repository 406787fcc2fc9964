"""What a model makes of an intervention: its probabilities with and without it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasrnn.viz.arrays import Capture, rows_of_tokens
from kerasrnn.viz.capture.attention import capture_attention
from kerasrnn.viz.capture.chances import gives_one_number, log_probabilities, numbers, output_mask
from kerasrnn.viz.capture.edits import Edits, check, choice_of, replacements
from kerasrnn.viz.capture.observe import observing

Tensor = Any


def capture_intervention(
    model: Any,
    inputs: Any,
    *,
    layer: str | None = None,
    clamp: Mapping[str, float] | None = None,
    zero: Sequence[str | int] = (),
    attend: Mapping[int, int] | None = None,
    steps: tuple[int | None, int | None] | None = None,
    target: Any = None,
    tokens: list[list[str]] | list[str] | None = None,
) -> Capture:
    """Run `model` with a gate held at a value, a unit set to zero or attention forced, and compare what it gives.

    The layer runs step by step on both sides, so that without a change there is no difference at all. Its instance is
    changed for the one run and is then as it was.

    Args:
        model: a Keras model whose output is the probability of each choice, or one number.
        inputs: what the model takes: an array, or a list or dict of arrays.
        layer: the layer's name; by default the first one to run that could be meant.
        clamp: gates by name, and the value that all units of each are held at: `{"forget": 1.0}`. In a stack
            `0/forget`, under `Bidirectional` `forward/forget`; a bare name is that gate wherever it is.
        zero: units whose states are set to zero after every update, named likewise: `17`, `forward/17`.
        attend: by number of a query, the source step that gets all of its attention.
        steps: the steps from a to before b at which gates are held and units set to zero, as a slice; all by default.
        target: the choices whose probability is compared, (b, t) or (b,) whole numbers; by default those that the model
            makes undisturbed.
        tokens: the strings along the output's steps, one list a row of the batch.

    Returns:
        A `Capture` with `LAYER/before` and `LAYER/after`, probabilities (b, t, v), and `LAYER/change` (b, t), by how
        much the logarithm of the target's probability has changed; `facts["target"]` holds the targets. An output
        without steps has one. Where the output is one number, these are the number and its change, and
        `facts["measure"]` is `output` rather than `log p`.

    Raises:
        TypeError: no Keras model, or inputs that are not numbers.
        ValueError: nothing to change, no such layer, gate, unit or step, more than 20,000 steps, or an output that is
            no probability.
    """
    if not clamp and not zero and not attend:
        raise ValueError("clamp, zero, attend: expected something to change, received none of them")
    for gate, value in (clamp or {}).items():
        if not np.isfinite(value):
            raise ValueError(f"clamp: expected a finite value for {gate!r}, received {value}")
    wanted = edits_of(clamp, zero, attend, steps)
    label = None
    if attend:
        looked = capture_attention(model, inputs, layer=layer)
        _check_places(looked, attend)
        label = looked.layer
    with observing(model, inputs) as observed:
        outputs = []
        for edits in (_idle(wanted), wanted):
            choice = choice_of(model, label if label is not None else layer, edits)
            outputs.append(observed.run_watched(replacements(model, choice, edits)))
            choice.check_found(choice.ran)
            check(choice.chosen, wanted)
        observed.compare(outputs[0], choice.label)
        plain = gives_one_number(model, outputs[0])
        before, after = (numbers(output) if plain else log_probabilities(model, output) for output in outputs)
        mask = output_mask(model, outputs[0], before.shape[:2])
    places = before.argmax(axis=-1) if target is None or plain else _targets(target, before, mask)
    with np.errstate(invalid="ignore"):  # a probability of 0 before and after
        change = np.where(mask, _at(after, places) - _at(before, places), 0.0)
    rows = rows_of_tokens(tokens, before.shape[0], before.shape[1], "tokens")
    named = {"before": before, "after": after} if plain else {"before": np.exp(before), "after": np.exp(after)}
    arrays = {f"{choice.label}/{name}": array for name, array in (named | {"change": change}).items()}
    facts = {"measure": "output" if plain else "log p", "target": None if plain else places.tolist()}
    return Capture(arrays, choice.label, rows, mask=mask, note=choice.note, facts=facts)


def edits_of(
    clamp: Mapping[str, float] | None,
    zero: Sequence[str | int],
    attend: Mapping[int, int] | None,
    steps: tuple[int | None, int | None] | None,
) -> Edits:
    """The arguments of `capture_intervention` as `Edits`."""
    some = None if steps is None else range(1_000_000)[slice(*steps)]
    return Edits(dict(clamp or {}), [str(unit) for unit in zero], forced(attend) if attend else None, some)


def forced(attend: Mapping[int, int]) -> Any:
    """An edit that turns the rows of an alignment that `attend` names to one source step each."""
    import keras

    def look(alignment: Tensor, first: int) -> Tensor:
        steps, sources = alignment.shape[-2:]
        here = {query - first: place for query, place in attend.items() if first <= query < first + steps}
        if not here:
            return alignment
        rows = np.zeros((steps, 1), bool)
        ones = np.zeros((steps, sources))
        for query, place in here.items():
            rows[query], ones[query, place] = True, 1.0
        return keras.ops.where(rows, keras.ops.cast(ones, alignment.dtype), alignment)

    return look


def _idle(edits: Edits) -> Edits:
    """The same places, watched in the same way, with nothing changed there."""
    return Edits(edits.clamp, edits.zero, None if edits.look is None else lambda alignment, first: alignment, range(0))


def _check_places(looked: Capture, attend: Mapping[int, int]) -> None:
    alignment = next(iter(looked.arrays.values()))
    steps, sources = alignment.shape[-2:]
    kept = np.ones((len(alignment), sources), bool) if looked.source_mask is None else looked.source_mask
    for query, place in attend.items():
        if not 0 <= query < steps:
            raise ValueError(f"attend: layer {looked.layer!r} has steps 0 to {steps - 1}, received {query}")
        if not 0 <= place < sources:
            raise ValueError(f"attend: the source has steps 0 to {sources - 1}, received {place}")
        if not kept[:, place].all():
            row = int(np.flatnonzero(~kept[:, place])[0])
            raise ValueError(f"attend: the source step {place} is padding in row {row} of the batch")


def _targets(target: Any, before: np.ndarray, mask: np.ndarray) -> np.ndarray:
    places = np.asarray(target)
    places = places[:, None] if places.ndim == 1 and before.shape[1] == 1 else places
    if places.shape != before.shape[:2] or (places != np.floor(places)).any():
        raise ValueError(f"target: expected whole numbers of shape {before.shape[:2]}, received shape {places.shape}")
    places = np.where(mask, places, 0).astype(int)
    if (places < 0).any() or (places >= before.shape[-1]).any():
        raise ValueError(f"target: expected numbers from 0 to {before.shape[-1] - 1}, received others")
    return places


def _at(log_p: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.take_along_axis(log_p, places[..., None], axis=-1)[..., 0]
