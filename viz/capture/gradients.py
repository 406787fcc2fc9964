"""How far back a loss reaches: true gradients through time, with respect to the state at every step."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.viz.arrays import Capture, rows_of_tokens
from kerasrnn.viz.capture.gates import Choice
from kerasrnn.viz.capture.inputs import check_steps
from kerasrnn.viz.capture.loss import Loss, has_steps, loss_of, primary_output
from kerasrnn.viz.capture.observe import observing, part_loops, to_numpy, watched_loop
from kerasrnn.viz.capture.sites import Site, pick, recurrent_sites

Tensor = Any
_SHARE = 0.01  # of the largest norm: what still counts as reached


def capture_gradients(
    model: Any,
    inputs: Any,
    *,
    layer: str | None = None,
    at: Any = None,
    target: Any = None,
    tokens: list[list[str]] | list[str] | None = None,
) -> Capture:
    """Run `model` on `inputs` and return the norm of its loss' gradient with respect to one layer's state, by step.

    A zero is added to every component of the state at every step, after the update and before the output is read;
    `bptt` is the joint 2-norm of the loss' gradients with respect to these zeros, which is the layer's gradient
    through time (the gradient of the layer's output tensor would be zero before the last step). Masked steps have 0.

    The loss is −log p of the model's own choice at output step `at`, behind a CRF that of all tags that it decodes, or
    the sum of the squared output where that is no probability; with `target` the compiled loss, over all steps unless
    `at` names one. In a batch every row has its own loss.

    The horizon, in `facts["horizon"]` by direction and row, is the largest distance at which the norm is at least 1 %
    of its largest: in steps that count, in the order the layer works in, from the last step the loss depends on.
    `facts["at"]` holds the step of the loss on the layer's own axis, where it has one.

    Args:
        model: a Keras model, on TensorFlow.
        inputs: what the model takes: an array, or a list or dict of arrays.
        layer: the layer's name; `NAME#2` for its second call; by default the first recurrent layer to
            run along whole rows of the batch.
        at: the output step, one for all rows or one a row, from 0; by default the last valid step of each row.
        target: labels for the compiled loss.
        tokens: the strings along the layer's steps, one list a row of the batch.

    Returns:
        A `Capture` with `LAYER/bptt` (b, t), or `LAYER/forward/bptt` and `LAYER/backward/bptt`.

    Raises:
        TypeError: no Keras model, or inputs that are not numbers.
        ValueError: no recurrent layer, none of that name, more than 20,000 steps, inputs, `at` or `target` that do not
            fit the model.
        RuntimeError: another backend than TensorFlow, or a layer that its cell, run step by step, does not repeat.
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(f"gradients need Keras' TensorFlow backend; this is {keras.config.backend()}")
    import tensorflow as tf

    with observing(model, inputs) as observed:
        sites = recurrent_sites(model)
        choice = Choice(sites, *pick(sites, layer, model, "a recurrent"))
        tape = tf.GradientTape(persistent=True, watch_accessed_variables=False)
        found: dict[str, Pushed] = {}

        def watch(site: Site, prefix: str, part: Any) -> Any:
            pushed = Pushed(tape, part.go_backwards)

            def seen(_: Any, mask: Tensor | None) -> None:
                pushed.mask = None if mask is None else to_numpy(mask)
                found[prefix] = pushed

            def wants() -> bool:
                return choice.take(site, prefix)

            def nudge(states: list[Tensor], steps: int) -> list[Tensor]:
                check_steps(steps)
                return pushed.nudge(states, steps)

            options: dict[str, Any] = {"nudge": nudge, "only_pushes": not getattr(part, "return_gates", False)}
            return watched_loop(part, seen, wants=wants, unrecorded=tape.stop_recording, **options)

        with tape:
            outputs = observed.run_watched(part_loops(sites, watch))
            if found:
                mask = next(iter(found.values())).mask
                loss = loss_of(model, outputs, at, target, mask)
                probe = _probe(primary_output(outputs))
        observed.compare(outputs, choice.label)
        choice.check_found(bool(found))
        norms = {prefix: pushed.norms(loss.value) for prefix, pushed in found.items()}
        probed = {prefix: [pushed.norms(value) for value in probe] for prefix, pushed in found.items()}

    kept = np.ones(next(iter(norms.values())).shape, bool) if mask is None else mask
    backwards = {prefix: pushed.backwards for prefix, pushed in found.items()}
    horizon = {
        _direction(prefix, backwards[prefix]): [
            horizon_of(row, valid, backwards[prefix]) for row, valid in zip(norm, kept, strict=True)
        ]
        for prefix, norm in norms.items()
    }
    facts = {"loss": loss.text, "output steps": loss.steps, "at": _on_axis(loss, probed, backwards), "horizon": horizon}
    arrays = {f"{choice.label}/{prefix}bptt": norm for prefix, norm in norms.items()}
    rows = rows_of_tokens(tokens, len(kept), kept.shape[1], "tokens")
    folded = choice.chosen.folded
    return Capture(arrays, choice.label, rows, mask=kept, note=choice.note, facts=facts, folded=folded)


def horizon_of(norms: np.ndarray, kept: np.ndarray, backwards: bool = False) -> dict[str, int] | None:
    """The horizon of one row: `{"steps": lag, "from": farthest position, "to": position it is counted from}`.

    Args:
        norms: (t,), at least 0.
        kept: (t,) bool, False on masked steps, which the lag does not count.
        backwards: whether the layer works from the last step to the first.

    Returns:
        The horizon, or None where no gradient arrives or one is not finite.
    """
    order = np.flatnonzero(kept)[::-1] if backwards else np.flatnonzero(kept)
    worked = norms[order]  # in the order of the work
    if not np.isfinite(worked).all() or not (worked > 0).any():
        return None
    last = int(np.flatnonzero(worked > 0)[-1])
    first = int(np.flatnonzero(worked >= _SHARE * worked.max())[0])
    return {"steps": last - first, "from": int(order[first]), "to": int(order[last])}


class Pushed:
    """The zeros added to one layer's states, and the gradients with respect to them.

    Args:
        tape: the gradient tape that watches them.
        backwards: whether the layer works from the last step to the first.
    """

    def __init__(self, tape: Any, backwards: bool) -> None:
        self._tape, self.backwards = tape, backwards
        self.zeros: list[Tensor] = []
        self.mask: np.ndarray | None = None

    def nudge(self, initial_states: list[Tensor], steps: int) -> list[Tensor]:
        """(t, b, u) watched zeros for each component of the state, to be added to it."""
        self.zeros = [ops.zeros((steps, *state.shape), dtype=state.dtype) for state in initial_states]
        self._tape.watch(self.zeros)
        return self.zeros

    def norms(self, loss: Tensor) -> np.ndarray:
        """(b, t): the 2-norm, over all components of the state, of the gradient of `loss`."""
        return self.sizes(self._tape.gradient(loss, self.zeros, unconnected_gradients="zero"))

    @staticmethod
    def sizes(gradients: list[Tensor]) -> np.ndarray:
        """(b, t): the joint 2-norm of the gradients with respect to the zeros."""
        squares = [(to_numpy(part).astype(float) ** 2).sum(axis=-1) for part in gradients]
        return np.sqrt(sum(squares[1:], squares[0])).T


def _direction(prefix: str, backwards: bool) -> str:
    return prefix.rstrip("/") or ("backward" if backwards else "forward")


def _probe(output: Tensor) -> list[Tensor]:
    """Two scalars that show whether the output's steps are the layer's: its first step and its last."""
    return [ops.sum(ops.square(output[:, step])) for step in (0, -1)] if has_steps(output) else []


def _on_axis(loss: Loss, probed: dict[str, list[np.ndarray]], backwards: dict[str, bool]) -> list[int] | None:
    """The loss' steps if they lie on the layer's axis: if an output step reaches no later step of a forward layer."""
    if loss.steps is None or not all(probed.values()):
        return None
    for prefix, (from_first, from_last) in probed.items():
        reach = from_last if backwards[prefix] else from_first
        beyond = reach[:, :-1] if backwards[prefix] else reach[:, 1:]
        if reach.shape[1] <= max(loss.steps) or beyond.any():
            return None
    return loss.steps
