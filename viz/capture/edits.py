"""Changes to a model's run: gates held at a value, units set to zero, attention looking elsewhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from keras import ops

from kerasrnn.layers import AttentionDecoder
from kerasrnn.viz.capture.attention import Edit, edited_calls
from kerasrnn.viz.capture.gates import Choice
from kerasrnn.viz.capture.hold import cells_of, gates_of, held, units_of
from kerasrnn.viz.capture.inputs import check_steps
from kerasrnn.viz.capture.observe import LOCK, all_states, flat_mask, replaced, uncompiled
from kerasrnn.viz.capture.replay import replay
from kerasrnn.viz.capture.sites import Site, attention_sites, pick, recurrent_sites

Tensor = Any
Replacements = list[tuple[Any, str, Any]]


@dataclass(frozen=True)
class Edits:
    """What to change in the run of one layer.

    Args:
        clamp: gates by name, and the value that all units of each are held at. In a stack `0/forget`, under
            `Bidirectional` `forward/forget`, or both; a bare name is that gate wherever it is.
        zero: units whose states are set to zero after every update, named likewise: `17`, `forward/17`.
        look: a function from an alignment (b, t, s) or (b, n, t, s) and the number of its first query to the
            alignment that is used in its place; it returns the very alignment where nothing is to change.
        steps: the steps, in the order of the input, at which gates are held and units set to zero; None for all.
    """

    clamp: Mapping[str, float] = field(default_factory=dict)
    zero: Sequence[str] = ()
    look: Edit | None = None
    steps: range | None = None

    @property
    def in_cells(self) -> bool:
        """Whether anything is changed inside of cells."""
        return bool(self.clamp or self.zero)

    def at(self, step: int) -> bool:
        """Whether gates are held and units set to zero at a step."""
        return self.steps is None or step in self.steps


def choice_of(model: Any, layer: str | None, edits: Edits) -> Choice:
    """The layer to change: the one asked for, or the first to run that could be meant.

    Raises:
        ValueError: no such layer, or one without a gate or unit named.
    """
    if edits.look is None:
        sites, kind = recurrent_sites(model), "a recurrent"
    elif edits.in_cells:
        sites = [site for site in attention_sites(model) if isinstance(site.layer, AttentionDecoder)]
        kind = "a decoder's attention and recurrent"
    else:
        sites, kind = attention_sites(model), "an attention"
    choice = Choice(sites, *pick(sites, layer, model, kind))
    if choice.site is not None:
        check(choice.site, edits)
    return choice


def check(site: Site, edits: Edits) -> None:
    """Raise ValueError, naming what there is, unless the layer has every gate and unit that is named."""
    cells = _placed_cells(site) if edits.in_cells else []
    gates = [(place, name) for place, cell in cells for name in gates_of(cell)]
    units = {place: units_of(cell) for place, cell in cells}
    for spec in edits.clamp:
        if not any(_meant(spec, place) == name for place, name in gates):
            known = ", ".join(place + name for place, name in gates) or "none that can be held"
            raise ValueError(f"clamp: expected a gate of layer {site.name!r} ({known}), received {spec!r}")
    for spec in edits.zero:
        found = [(unit, width) for place, width in units.items() if (unit := _meant(spec, place)) is not None]
        if not found or not all(unit.isdecimal() and int(unit) < width for unit, width in found):
            known = ", ".join(f"{place}0 to {place}{width - 1}" for place, width in units.items())
            raise ValueError(f"zero: expected a unit of layer {site.name!r} ({known}), received {spec!r}")


def replacements(model: Any, choice: Choice, edits: Edits) -> Replacements:
    """What `replaced` is to put in place, so that the layer of `choice` runs with `edits`, step by step."""
    found: Replacements = []
    if edits.look is not None:
        found += edited_calls(model, choice.sites, choice, edits.look)
    for site in choice.sites:
        decoder = isinstance(site.layer, AttentionDecoder)
        if choice.site in (None, site) and (decoder or edits.look is None):
            for prefix, part in site.parts:
                found += _Run(site, prefix, part, choice, edits).replacements()
    return found


@contextmanager
def intervening(model: Any, edits: Edits, layer: str) -> Iterator[None]:
    """While it lasts, whatever runs `layer` of `model` eagerly runs it with `edits`; then all is as it was.

    Args:
        model: a Keras model.
        edits: what to change.
        layer: the layer's name.
    """
    choice = choice_of(model, layer, edits)
    with LOCK, replaced(replacements(model, choice, edits)), uncompiled():
        yield


class _Run:
    """The run of one part of a layer: the step that it is at, and which of its cells moves next."""

    def __init__(self, site: Site, prefix: str, part: Any, choice: Choice, edits: Edits) -> None:
        self._site, self._prefix, self._part, self._choice, self._edits = site, prefix, part, choice, edits
        cells = [(place, cell) for place, cell in _placed_cells(site) if place.startswith(prefix)]
        self._cells = [cell for _, cell in cells]
        self._wanted = [
            {name: value for spec, value in edits.clamp.items() if (name := _meant(spec, place)) in gates_of(cell)}
            for place, cell in cells
        ]
        meant = [[_meant(spec, place) for spec in edits.zero] for place, _ in cells]
        self._zeros = [[int(unit) for unit in units if unit is not None and unit.isdecimal()] for units in meant]
        self._active, self._step, self._moving, self._taken = False, 0, 0, True

    def replacements(self) -> Replacements:
        pairs = zip(self._cells, self._wanted, strict=True)
        found: Replacements = [(cell, "update", held(cell, wanted, self._at)) for cell, wanted in pairs if wanted]
        if not isinstance(self._part, AttentionDecoder):
            return [*found, (self._part, "inner_loop", self._loop())]
        found += [(self._part, "inner_loop", self._decoder_loop())]
        found += [(self._part, "first_states", self._first_states()), (self._part, "traced_step", self._traced_step())]
        if self._edits.look is not None:
            found += [(attention, "attend", self._attend(attention)) for attention in self._part.attentions]
        return found

    def _at(self) -> bool:
        return self._active and self._edits.at(self._step)

    def _enter(self, step: int) -> None:
        self._step, self._moving = step, 0

    def _push(self, states: list[Tensor]) -> list[Tensor]:
        """The states of the cell that has just moved, some of their units set to zero."""
        units = self._zeros[self._moving]
        self._moving += 1
        return [without(state, units) for state in states] if units and self._at() else states

    def _loop(self) -> Callable[..., Any]:
        part, own = self._part, self._part.inner_loop

        def inner_loop(sequences: Tensor, initial_state: Any, mask: Any, training: bool = False, **extra: Any) -> Any:
            if not self._choice.take(self._site, self._prefix):
                return own(sequences=sequences, initial_state=initial_state, mask=mask, training=training, **extra)
            check_steps(sequences.shape[1])
            order = iter(range(sequences.shape[1])[:: -1 if part.go_backwards else 1])

            def on_step(keep: Tensor | None) -> None:
                self._enter(next(order))

            def nudge(step: int, states: list[Tensor]) -> list[Tensor]:
                return self._push(states)

            self._active = True
            try:
                replayed = replay(
                    part, sequences, initial_state, flat_mask(mask), nudge=nudge, on_step=on_step, **extra
                )
            finally:
                self._active = False
            return replayed.last, replayed.outputs, all_states(part, replayed)

        return inner_loop

    def _decoder_loop(self) -> Callable[..., Any]:
        part, own = self._part, self._part.inner_loop

        def inner_loop(sequences: Tensor, initial_state: Any, mask: Any, training: bool = False, *, memory: Any) -> Any:
            if not self._choice.take(self._site, self._prefix):
                self._taken = False
                try:
                    return own(sequences, initial_state, mask, training=training, memory=memory)
                finally:
                    self._taken = True
            check_steps(sequences.shape[1])
            replayed = replay(part, sequences, initial_state, flat_mask(mask), memory=memory)
            return replayed.last, replayed.outputs, all_states(part, replayed)

        return inner_loop

    def _first_states(self) -> Callable[..., Any]:
        own = self._part.first_states

        def first_states(memory: Any, initial_state: Any = None) -> Any:
            self._step, self._active = -1, False
            return own(memory, initial_state)

        return first_states

    def _traced_step(self) -> Callable[..., Any]:
        """The step of a decoder, in a sequence or one at a time."""
        own = self._part.traced_step

        def traced_step(x_t: Tensor, states: list[Tensor], memory: Any, push: Any = None) -> Any:
            self._enter(self._step + 1)
            self._active = self._taken
            try:
                return own(x_t, states, memory, self._push)
            finally:
                self._active = False

        return traced_step

    def _attend(self, attention: Any) -> Callable[..., Any]:
        own, look = attention.attend, self._edits.look

        def attend(query: Tensor, memory: Any, remembered: list[Tensor], mm: Any) -> Any:
            alignment, after = own(query, memory, remembered, mm)
            if not self._active or look is None:
                return alignment, after
            whole = alignment[:, None]  # (b, 1, s)
            edited = look(whole, self._step)
            return (alignment if edited is whole else edited[:, 0]), after

        return attend


def without(state: Tensor, units: Sequence[int]) -> Tensor:
    """A state (b, u) with zeros for some units."""
    keep = [unit not in units for unit in range(state.shape[-1])]
    return ops.where(ops.convert_to_tensor(keep)[None], state, ops.zeros_like(state))


def _placed_cells(site: Site) -> list[tuple[str, Any]]:
    """Every cell of a layer, after the prefix of its gates in keys."""
    found = []
    for prefix, part in site.parts:
        cells = cells_of(part)
        found += [(prefix + (f"{i}/" if len(cells) > 1 else ""), cell) for i, cell in enumerate(cells)]
    return found


def _meant(spec: str, place: str) -> str | None:
    """The name that `spec` has at a place (`forward/0/`): with it as prefix, a part of it, or none; else None."""
    prefix, _, name = str(spec).rpartition("/")
    return name if not prefix or f"{prefix}/" == place or f"/{place}".find(f"/{prefix}/") >= 0 else None
