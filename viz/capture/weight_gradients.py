"""How hard a loss pulls at the weights of recurrent layers, gate by gate."""

from typing import Any

import keras
import numpy as np

from kerasrnn.viz.capture.inputs import check_steps
from kerasrnn.viz.capture.loss import loss_of
from kerasrnn.viz.capture.observe import observing, part_loops, preserved, replaced, to_numpy
from kerasrnn.viz.capture.sites import Site, pick, recurrent_sites
from kerasrnn.viz.capture.weights import blocks_of
from kerasrnn.viz.findings import Findings

Tensor = Any


def capture_weight_gradients(
    model: Any, inputs: Any, *, layer: str | None = None, at: Any = None, target: Any = None
) -> Findings:
    """Run `model` on a batch and return the norm of its loss' gradient with respect to the weights of each gate.

    The loss is that of `capture_gradients`, as a mean over the rows of the batch. Without `at` it is taken at the last
    step that the output's own mask leaves; at the last of all where the output has no mask.

    Args:
        model: a Keras model, on TensorFlow.
        inputs: what the model takes: an array, or a list or dict of arrays.
        layer: the layer's name; by default every recurrent layer.
        at: the output step, one for all rows or one a row, from 0; by default the last valid step of each row.
        target: labels for the compiled loss.

    Returns:
        `Findings` with `LAYER/kernel/GATE`, `LAYER/recurrent_kernel/GATE`, `LAYER/bias/GATE` and so on, two numbers
        each: ‖∂L/∂W‖₂, and that over ‖W‖₂ (NaN where W is zero). Weights that are not trained are left out.

    Raises:
        TypeError: no Keras model, or inputs that are not numbers.
        ValueError: no recurrent layer, none of that name, or inputs, `at` or `target` that do not fit the model; more
            than 20,000 steps.
        RuntimeError: another backend than TensorFlow.
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(f"gradients need Keras' TensorFlow backend; this is {keras.config.backend()}")
    import tensorflow as tf

    with observing(model, inputs) as observed:
        sites = recurrent_sites(model)
        site, _ = pick(sites, layer, model, "a recurrent")
        chosen = sites if site is None else [site]
        named = [(f"{site.name}/{block.key}", block) for site in chosen for block in blocks_of(site)]
        named = [(key, block) for key, block in named if block.variable.trainable]
        if not named:
            raise ValueError(f"layer: {', '.join(site.name for site in chosen)} has no weights that are trained")
        weights = list({id(block.variable): block.variable for _, block in named}.values())
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([weight.value for weight in weights])
            with replaced(part_loops(chosen, _checked)):
                outputs = observed.run(observed.inputs)
            with preserved(model):
                loss = loss_of(model, outputs, at, target, None)
        found = tape.gradient(loss.value, [weight.value for weight in weights], unconnected_gradients="zero")
        rows = len(keras.tree.flatten(outputs)[0])
        gradients = {id(weight): to_numpy(part) for weight, part in zip(weights, found, strict=True)}
        arrays = {}
        for key, block in named:
            pull = _norm(block.of(gradients[id(block.variable)])) / rows
            size = _norm(block.of(to_numpy(block.variable)))
            arrays[key] = np.array([pull, pull / size if size else np.nan])
    facts = {
        "loss": f"{loss.text}, a mean over {rows} row{'s'[: rows != 1]}",
        "gradient": {key: _figure(pair[0]) for key, pair in arrays.items()},
        "over the weight": {key: _figure(pair[1]) for key, pair in arrays.items()},
    }
    return Findings(arrays, ", ".join(site.name for site in chosen), facts=facts)


def _checked(site: Site, prefix: str, part: Any) -> Any:
    """The part's own loop, which is not begun where it would take hours."""
    own = part.inner_loop

    def inner_loop(sequences: Tensor, *args: Any, **kwargs: Any) -> Any:
        check_steps(sequences.shape[1])
        return own(sequences, *args, **kwargs)

    return inner_loop


def _norm(array: np.ndarray) -> float:
    return float(np.sqrt((array.astype(float) ** 2).sum()))


def _figure(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
