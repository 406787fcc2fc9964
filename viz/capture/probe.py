"""The state of every recurrent layer on one small batch, in figures: what a log of a training holds."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasrnn.viz.capture.gates import Choice
from kerasrnn.viz.capture.gradients import Pushed, horizon_of
from kerasrnn.viz.capture.loss import loss_of
from kerasrnn.viz.capture.observe import observing, part_loops, preserved, to_numpy, watched_loop
from kerasrnn.viz.capture.replay import Replayed
from kerasrnn.viz.capture.sites import Site, pick, recurrent_sites
from kerasrnn.viz.capture.weights import blocks_of
from kerasrnn.viz.statistics import DEAD, STUCK, saturation

Tensor = Any


def probe_figures(
    model: Any, inputs: Any, target: Any = None, *, layers: Sequence[str] | None = None
) -> dict[str, float | list[float | None]]:
    """Run `model` once on a batch, forth and back, and return figures for each of its recurrent layers.

    Args:
        model: a Keras model, on TensorFlow.
        inputs: the batch.
        target: what the compiled loss compares with; without it the loss is −log p of the model's own choice.
        layers: names of recurrent layers; by default all.

    Returns:
        By key, over the steps that count and with LAYER as it is called elsewhere (`LAYER/forward`, `LAYER/0` in a
        stack):

        - `probe_loss`: the loss, a mean over the rows;
        - `saturation/LAYER/GATE/below`, `/above`: the share of gate values below 0.1 and above 0.9;
        - `stuck/LAYER/GATE`: the share of units whose gate is below 0.1, or above 0.9, at over 95 % of the steps;
        - `dead/LAYER`: the share of units whose output has a variance below 1e-6;
        - `gate_gradient/LAYER/WEIGHT/GATE`: the norm of the loss' gradient with respect to these weights;
        - `step_gradient/LAYER`: (t), the norm of the loss' gradient with respect to the state at each step, the median
          over the rows that have this step, None where none has;
        - `horizon/LAYER`: how many steps back this norm is at least 1 % of its largest, the median over the rows.

    Raises:
        TypeError, ValueError, RuntimeError: as `capture_gradients`.
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(f"gradients need Keras' TensorFlow backend; this is {keras.config.backend()}")
    import tensorflow as tf

    with observing(model, inputs) as observed:
        every = recurrent_sites(model)
        chosen = every if layers is None else [site for name in layers if (site := pick(every, name, model, _KIND)[0])]
        if not chosen:
            pick(every, None, model, _KIND)  # says what the model has instead
        choices = {id(site): Choice(every, site, 1) for site in chosen}
        tape = tf.GradientTape(watch_accessed_variables=False)
        seen: dict[tuple[str, str], _Seen] = {}

        def watch(site: Site, prefix: str, part: Any) -> Any:
            pushed = Pushed(tape, part.go_backwards)

            def note(replayed: Replayed, mask: Tensor | None) -> None:
                pushed.mask = None if mask is None else to_numpy(mask)
                seen[site.name, prefix] = _Seen(pushed, replayed.traces)

            def wants() -> bool:
                return choices[id(site)].take(site, prefix)

            return watched_loop(part, note, wants=wants, nudge=pushed.nudge, unrecorded=tape.stop_recording)

        blocks = {site.name: [block for block in blocks_of(site) if block.variable.trainable] for site in chosen}
        weights = list({id(block.variable): block.variable for found in blocks.values() for block in found}.values())
        with tape:
            tape.watch([weight.value for weight in weights])
            outputs = observed.run_watched(part_loops(chosen, watch))
            mask = next(iter(seen.values())).pushed.mask if seen else None
            with preserved(model):
                loss = loss_of(model, outputs, None, target, mask).value
        observed.compare(outputs, ", ".join(site.name for site in chosen))
        if not seen:
            choices[id(chosen[0])].check_found(False)
        zeros = [item.pushed.zeros for item in seen.values()]
        of_states, of_weights = tape.gradient(
            loss, (zeros, [weight.value for weight in weights]), unconnected_gradients="zero"
        )
        gradients = {id(weight): to_numpy(found) for weight, found in zip(weights, of_weights, strict=True)}
        for item, found in zip(seen.values(), of_states, strict=True):
            item.norms = item.pushed.sizes(found)
    rows = observed.rows
    figures: dict[str, float | list[float | None]] = {"probe_loss": float(to_numpy(loss)) / rows}
    for (name, prefix), item in seen.items():
        figures |= _gate_figures(f"{name}/{prefix}".rstrip("/"), item)
    for name, found in blocks.items():
        for block in found:
            part = block.of(gradients[id(block.variable)]).astype(float)
            figures[f"gate_gradient/{name}/{block.key}"] = float(np.sqrt((part**2).sum())) / rows
    for (name, prefix), item in seen.items():
        figures |= _step_figures(f"{name}/{prefix}".rstrip("/"), item)
    return figures


_KIND = "a recurrent"


class _Seen:
    """What was seen of one layer: its states' zeros, and its gates."""

    def __init__(self, pushed: Pushed, traces: dict[str, Tensor]) -> None:
        self.pushed, self.traces = pushed, traces
        self.norms = np.zeros((0, 0))

    @property
    def kept(self) -> np.ndarray:
        return np.ones(self.norms.shape, bool) if self.pushed.mask is None else self.pushed.mask


def _gate_figures(label: str, item: _Seen) -> dict[str, Any]:
    figures = {}
    for name, trace in item.traces.items():
        prefix, _, last = name.rpartition("/")
        where = f"{label}/{prefix}".rstrip("/")
        kept = to_numpy(trace)[item.kept]  # (steps that count, u)
        if not len(kept):
            continue
        if last in ("input", "forget", "output", "update", "reset"):
            below, above = saturation(kept)
            figures[f"saturation/{where}/{last}/below"] = float(below.mean())
            figures[f"saturation/{where}/{last}/above"] = float(above.mean())
            figures[f"stuck/{where}/{last}"] = float(((below > STUCK) | (above > STUCK)).mean())
        elif last in ("hidden", "state_0"):
            figures[f"dead/{where}"] = float((kept.astype(float).var(axis=0) < DEAD).mean())
    return figures


def _step_figures(label: str, item: _Seen) -> dict[str, Any]:
    kept, norms = item.kept, item.norms
    medians = [
        float(np.median(norms[kept[:, step], step])) if kept[:, step].any() else None for step in range(len(kept[0]))
    ]
    marks = [horizon_of(row, valid, item.pushed.backwards) for row, valid in zip(norms, kept, strict=True)]
    found = {f"step_gradient/{label}": medians}
    lags = [mark["steps"] for mark in marks if mark is not None]
    return found | ({f"horizon/{label}": float(np.median(lags))} if lags else {})
