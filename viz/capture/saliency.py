"""What each step of the input contributes to an output: gradient times input, and integrated gradients."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerasrnn.viz.arrays import Capture, rows_of_tokens
from kerasrnn.viz.capture.entry import Entry
from kerasrnn.viz.capture.inputs import check_steps
from kerasrnn.viz.capture.loss import steps_of
from kerasrnn.viz.capture.observe import observing, to_numpy
from kerasrnn.viz.capture.score import Score

Tensor = Any
METHODS = ("integrated", "input")


def capture_saliency(
    model: Any,
    inputs: Any,
    *,
    layer: str | None = None,
    at: Any = None,
    target: Any = None,
    method: str = "integrated",
    points: int = 32,
    tokens: list[list[str]] | list[str] | None = None,
) -> Capture:
    """Run `model` on `inputs` and return what each step of a layer's input contributes to one output, with its sign.

    F is the logit of the class that the model chose at output step `at` (or of `target`), e (t, d) is what the layer
    reads, usually the tokens' embeddings, and e₀ = 0 what it is compared with. `method` is

    - `"integrated"`, integrated gradients: a_t = e_t · ∫₀¹ ∂F/∂e_t (s·e) ds, by Gauss' and Legendre's rule
      (M. Sundararajan, A. Taly, Q. Yan, Axiomatic attribution for deep networks, ICML 2017, section 3);
    - `"input"`, gradient times input: a_t = e_t · ∂F/∂e_t.

    Complete contributions add up to F(e) − F(0); `facts["gap"]` says by how much they miss it. It is what the rule's
    points leave of integrated gradients, and what is not linear in F for gradient times input.

    Args:
        model: a Keras model, on TensorFlow.
        inputs: what the model takes: an array, or a list or dict of arrays.
        layer: the recurrent layer whose input is e; by default the first to run along whole rows of
            the batch, without one the first embedding.
        at: the output step, one for all rows or one a row, from 0; by default the last valid step of each row.
        target: the classes to take instead of the model's own choice, whole numbers (b, t) or (b,).
        method: `"integrated"` or `"input"`.
        points: at how many points the integral takes the gradient.
        tokens: the strings along e, one list a row of the batch.

    Returns:
        A `Capture` with `LAYER/saliency` (b, t), 0 on masked steps. `facts` has, by row, `score` F(e), `baseline` F(0),
        `sum` and `gap`; what F is under `of`, and the `output steps`.

    Raises:
        TypeError: no Keras model, or inputs that are not numbers.
        ValueError: an unknown method, no points, more than 20,000 steps, or inputs, `at` or `target` that do not fit
            the model.
        RuntimeError: another backend than TensorFlow.
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(f"gradients need Keras' TensorFlow backend; this is {keras.config.backend()}")
    if method not in METHODS:
        raise ValueError(f"method: expected 'integrated' or 'input', received {method!r}")
    if isinstance(points, bool) or not isinstance(points, int) or points < 1:
        raise ValueError(f"points: expected a whole number above 0, received {points!r}")
    import tensorflow as tf

    with observing(model, inputs) as observed:
        score = Score(model, observed.reference, target)
        entry = Entry(observed, layer, score, check=lambda shape: check_steps(shape[1]))
        batch = len(entry.mask)
        rows, steps = np.arange(batch), steps_of(score.output, at, entry.mask)
        at_steps = None if steps is None else np.array(steps)

        def gradients(scales: np.ndarray, copies: np.ndarray | None) -> list[np.ndarray]:
            """F (n), its gradient by e (n, t, d) at `scales` (n) times the vectors, and the vectors."""
            found: list[Tensor] = []

            def change(vectors: Tensor) -> Tensor:
                scaled = vectors * keras.ops.cast(scales[:, None, None], vectors.dtype)
                tape.watch(scaled)
                found[:] = [vectors, scaled]
                return scaled

            of_rows = rows if copies is None else copies
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                outputs = entry.run(change, copies)
                values = score.of(outputs, of_rows, None if at_steps is None else at_steps[of_rows])
                total = keras.ops.sum(values)
            gradient = tape.gradient(total, found[1], unconnected_gradients="zero")
            return [to_numpy(part).astype(float) for part in (values, gradient, found[0])]

        def at_scales(scales: np.ndarray) -> Iterator[list[np.ndarray]]:
            """The same for the whole batch at each scale, with copies of the rows where the model takes them."""
            if entry.alone:
                yield from (gradients(np.full(batch, scale), None) for scale in scales)
                return
            size = max(1, entry.portion // batch)
            for start in range(0, len(scales), size):
                some = scales[start : start + size]
                parts = gradients(some.repeat(batch), np.tile(rows, len(some)))
                yield from zip(*(part.reshape(len(some), batch, *part.shape[1:]) for part in parts), strict=True)

        (value, slope, vectors), (baseline, _, _) = at_scales(np.array([1.0, 0.0]))
        of = score.text
        if method == "integrated":
            places, weights = np.polynomial.legendre.leggauss(points)
            slopes = (part[1] for part in at_scales((1 + places) / 2))
            slope = np.sum([weight / 2 * part for weight, part in zip(weights, slopes, strict=True)], axis=0)
    vectors = np.where(entry.mask[..., None], vectors, 0)
    saliency = (vectors * np.where(entry.mask[..., None], slope, 0)).sum(axis=-1)  # (b, t)
    total = saliency.sum(axis=1)
    facts: dict[str, Any] = {
        "of": of,
        "method": "integrated gradients" if method == "integrated" else "gradient times input",
        "output steps": steps,
        "score": _figures(value),
        "baseline": _figures(baseline),
        "sum": _figures(total),
        "gap": _figures(total - (value - baseline)),
    }
    kept = rows_of_tokens(tokens, batch, entry.mask.shape[1], "tokens")
    return Capture(
        {f"{entry.label}/saliency": saliency}, entry.label, kept, mask=entry.mask, note=entry.note, facts=facts
    )


def _figures(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
