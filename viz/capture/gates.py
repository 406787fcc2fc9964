"""Gates and states of a recurrent layer, over time, from the model's real run."""

from typing import Any

import keras
import numpy as np

from kerasrnn.layers.attending_cell import AttendingCell
from kerasrnn.layers.trace import gated
from kerasrnn.viz.arrays import Capture, rows_of_tokens
from kerasrnn.viz.capture.observe import observing, part_loops, to_numpy, watched_loop
from kerasrnn.viz.capture.replay import Replayed
from kerasrnn.viz.capture.sites import Site, pick, recurrent_sites

Tensor = Any


def capture_gates(
    model: Any, inputs: Any, *, layer: str | None = None, tokens: list[list[str]] | list[str] | None = None
) -> Capture:
    """Run `model` on `inputs` and return every gate and state of one recurrent layer at every step.

    Works on any Keras model with `LSTM`, `GRU`, `SimpleRNN`, `Bidirectional`, `RNN(cell)` or `StackedRNNCells`, of
    Keras or of this package. Gates of a cell whose equations are not known here are left out; its states are
    `state_0` and so on. On masked steps states hold and gates are 0. Everything is in the order of the input's time.

    Args:
        model: a Keras model.
        inputs: what the model takes: an array, or a list or dict of arrays.
        layer: the layer's name; `NAME#2` for its second call; by default the first recurrent layer to
            run along whole rows of the batch.
        tokens: the strings along the layer's steps, one list a row of the batch.

    Returns:
        A `Capture` with (b, t, u) arrays.

    Raises:
        TypeError: no Keras model, or inputs that are not numbers.
        ValueError: no recurrent layer, none of that name, or inputs that do not fit the model.
        RuntimeError: the layer does something that its cell, run step by step, does not repeat.
    """
    with observing(model, inputs, plain=False) as observed:
        sites = recurrent_sites(model)
        choice = Choice(sites, *pick(sites, layer, model, "a recurrent"))
        found: dict[str, tuple[Replayed, Tensor]] = {}

        def watch(site: Site, prefix: str, part: Any) -> Any:
            return watched_loop(
                part,
                lambda replayed, mask: found.__setitem__(prefix, (replayed, mask)),
                wants=lambda: choice.take(site, prefix),
            )

        observed.run_watched(part_loops(sites, watch))  # the layer's own results go on, so this is the plain run
        choice.check_found(bool(found))
        arrays = {
            f"{choice.label}/{prefix}{name}": to_numpy(trace)
            for prefix, (replayed, _) in found.items()
            for name, trace in replayed.traces.items()
            if not name.startswith("alignment")
        }
        mask = next(iter(found.values()))[1]
    shape = next(iter(arrays.values())).shape[:2]
    kept = np.ones(shape, bool) if mask is None else to_numpy(mask)
    rows = rows_of_tokens(tokens, shape[0], shape[1], "tokens")
    memory: dict[str, dict[str, Any]] = {}
    for prefix, part in choice.parts:
        backwards = bool(getattr(part, "go_backwards", False))
        rules = _memory(prefix, getattr(part, "cell", None))
        memory |= {place: rule | {"backwards": backwards} for place, rule in rules.items()}
    facts = {"memory": memory} if memory else {}
    folded = choice.chosen.folded
    return Capture(arrays, choice.label, rows, mask=kept, note=choice.note, facts=facts, folded=folded)


def _memory(prefix: str, cell: Any) -> dict[str, dict[str, Any]]:
    """By prefix, the gate that decides how much of the old state stays, and whether it keeps or writes."""
    if isinstance(cell, keras.layers.StackedRNNCells):
        inner = [_memory(f"{prefix}{number}/", part) for number, part in enumerate(cell.cells)]
        return {place: rule for rules in inner for place, rule in rules.items()}
    if isinstance(cell, AttendingCell):  # a lone cell of a decoder has no number
        numbered = len(cell.cells) > 1
        inner = [_memory(f"{prefix}{n}/" if numbered else prefix, part) for n, part in enumerate(cell.cells)]
        return {place: rule for rules in inner for place, rule in rules.items()}
    gates = getattr(gated(cell), "memory_gates", {})
    if not gates:
        return {}
    gate, sign = max(gates.items(), key=lambda item: item[1])  # one that keeps, if there is one
    return {prefix: {"gate": gate, "keeps": sign > 0}}


class Choice:
    """Which call of which layer is captured: the one asked for, or the first to run whose rows are the batch's.

    Args:
        sites: all layers in question.
        site: the one asked for, or None.
        number: which of its calls, from 1.
    """

    def __init__(self, sites: list[Site], site: Site | None, number: int) -> None:
        self.sites, self.site, self._number = sites, site, number
        self._asked = site is not None
        self._folded = any(each.folded for each in sites) and not all(each.folded for each in sites)
        self._calls: dict[tuple[int, str], int] = {}

    def take(self, site: Site, prefix: str = "") -> bool:
        """Count a call of `site`, and say whether it is the one to capture."""
        if self.site is None and not (self._folded and site.folded):
            self.site = site
        self._calls[id(site), prefix] = self._calls.get((id(site), prefix), 0) + 1
        return site is self.site and self._calls[id(site), prefix] == self._number

    def restart(self) -> None:
        """Count from the first call again, in another run."""
        self._calls.clear()

    def check_found(self, found: bool) -> None:
        """Raise ValueError if the run never came to the call asked for."""
        if found:
            return
        if self.site is None:
            names = ", ".join(site.name for site in self.sites)
            raise ValueError(f"model: expected one of its layers {names} to run on these inputs; none did")
        raise ValueError(
            f"layer: expected {self.site.name!r} to run at least {self._number} time{'s'[: self._number > 1]} on these "
            f"inputs; it ran {self._count(self.site)}"
        )

    @property
    def chosen(self) -> Site:
        """The layer, once it is known."""
        if self.site is None:
            raise ValueError(f"model: expected one of its layers {self.label} to run; none has")
        return self.site

    @property
    def ran(self) -> bool:
        """Whether the call to capture has come."""
        return self.site is not None and self._count(self.site) >= self._number

    @property
    def parts(self) -> list[tuple[str, Any]]:
        """The prefix in keys of each layer that does the work."""
        return [] if self.site is None else list(self.site.parts)

    @property
    def label(self) -> str:
        """The name in the keys of the arrays."""
        if self.site is None:
            return ", ".join(site.name for site in self.sites)
        return self.site.name if self._number == 1 else f"{self.site.name}#{self._number}"

    @property
    def note(self) -> str:
        """What was chosen for the caller, in one line, or nothing."""
        if self.site is None:
            return ""
        parts = []
        others = [site.name for site in self.sites if site is not self.site]
        if not self._asked:
            first = "the first to run along whole rows" if self._folded else "the first to run"
            parts.append(f"layer {self.site.name}, {first}" + (f" (others: {', '.join(others)})" * bool(others)))
        calls = self._count(self.site)
        if calls > 1:
            parts.append(f"call {self._number} of {calls} (another: {self.site.name}#{self._number % calls + 1})")
        return "; ".join(parts)

    def _count(self, site: Site) -> int:
        return max((count for (key, _), count in self._calls.items() if key == id(site)), default=0)
