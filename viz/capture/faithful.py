"""Whether an alignment says what mattered: against gradients, and against permutations of itself."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.layers import AttentionDecoder
from kerasrnn.viz.arrays import Capture, rows_of_tokens
from kerasrnn.viz.capture.attention import capture_attention, value_of
from kerasrnn.viz.capture.chances import log_probabilities
from kerasrnn.viz.capture.edits import Edits, choice_of, replacements
from kerasrnn.viz.capture.loss import chain_of, has_steps, kind_of, primary_output
from kerasrnn.viz.capture.observe import Observed, observing, replaced, to_numpy
from kerasrnn.viz.capture.sites import Site
from kerasrnn.viz.measures import kendall_tau, total_variation

Tensor = Any
_ROWS = 256  # of a batch of permutations


def capture_faithfulness(
    model: Any,
    inputs: Any,
    *,
    layer: str | None = None,
    permutations: int = 50,
    seed: int = 0,
    tokens: list[list[str]] | list[str] | None = None,
    source_tokens: list[list[str]] | list[str] | None = None,
) -> Capture:
    """Run `model` on `inputs` and compare what one attention layer looked at with what its output depended on.

    Two questions of Jain and Wallace. Do the source steps that get much weight have much influence: Kendall's τ-b of a
    row α_i and of ‖∂ log p_i / ∂e_j‖₂, the gradient of what the model chose at step i with respect to the embedded (or
    given) input at source step j. And does it matter where the weights go: the total variation distance between p_i and
    what it becomes when α_i alone is permuted over the source steps that count.

    p_i is the output's step i where the output has the steps of the alignment, and else the one output there is. With
    heads τ compares their mean, and all are permuted alike.

    Args:
        model: a Keras model, on TensorFlow, whose output is the probability of each choice.
        inputs: what the model takes: an array, or a list or dict of arrays.
        layer: the layer's name; by default the first attention layer to run.
        permutations: how many, for each row of the alignment.
        seed: of the permutations.
        tokens: the strings along the queries, one list a row of the batch.
        source_tokens: the strings along what is attended to.

    Returns:
        A `Capture` with `LAYER/alignment`, `LAYER/influence` (b, t, s), `LAYER/tau` (b, t), NaN where a row has no
        ranks to compare, and `LAYER/variation` (b, t, k), one for each permutation.

    Raises:
        TypeError: no Keras model, or inputs that are not numbers.
        ValueError: no attention layer, an output that is no probability, or no embedding or input to differentiate by.
        RuntimeError: another backend than TensorFlow.

    Reference: S. Jain, B. C. Wallace, Attention is not explanation, NAACL 2019, sections 4.1 and 4.2.1.
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(f"gradients need Keras' TensorFlow backend; this is {keras.config.backend()}")
    if permutations < 1:
        raise ValueError(f"permutations: expected at least 1, received {permutations}")
    looked = capture_attention(model, inputs, layer=layer, tokens=tokens, source_tokens=source_tokens)
    alignment = next(iter(looked.arrays.values()))
    sources = alignment.shape[-1]
    kept = np.ones((len(alignment), sources), bool) if looked.source_mask is None else looked.source_mask
    with observing(model, inputs) as observed:
        if chain_of(model, primary_output(observed.reference)) is not None:
            raise ValueError("model: expected an output that chooses at each step by itself, not the tags of a CRF")
        log_p = log_probabilities(model, observed.reference)
        influence = _influence(model, observed, looked.layer, log_p, *alignment.shape[-2:])
        variation = _variation(model, observed, looked, kept, np.exp(log_p), permutations, seed)
    mean = alignment.mean(axis=1) if alignment.ndim == 4 else alignment
    tau = np.full(mean.shape[:2], np.nan)
    for row, step in zip(*np.nonzero(looked.mask), strict=True):
        tau[row, step] = kendall_tau(mean[row, step, kept[row]], influence[row, step, kept[row]])
    name = looked.layer
    arrays = {f"{name}/influence": influence, f"{name}/tau": tau, f"{name}/variation": variation}
    batch, steps = mean.shape[:2]
    facts = {"permutations": permutations, "seed": seed}
    return Capture(
        looked.arrays | arrays,
        name,
        rows_of_tokens(tokens, batch, steps, "tokens"),
        rows_of_tokens(source_tokens, batch, sources, "source_tokens"),
        looked.mask,
        looked.source_mask,
        looked.note,
        facts,
    )


def _influence(model: Any, observed: Observed, layer: str, log_p: np.ndarray, steps: int, sources: int) -> np.ndarray:
    """(b, t, s): the norm of the gradient of log p_i of the model's own choice, by what is read at source step j."""
    import tensorflow as tf

    tape = tf.GradientTape(persistent=True, watch_accessed_variables=False)
    found: list[Tensor] = []  # zeros that are added to what is read
    memories: list[Tensor] = []

    def watched(tensor: Tensor) -> Tensor:
        zero = ops.zeros_like(tensor)
        tape.watch(zero)
        found.append(zero)
        return tensor + zero

    embeddings = [each for each in model._flatten_layers() if isinstance(each, keras.layers.Embedding)]
    changes = [(each, "call", _then(each.call, watched)) for each in embeddings]
    choice = choice_of(model, layer, Edits(look=lambda alignment, first: alignment))
    changes += [_noting(choice.chosen, choice, memories)]
    with tape, replaced(changes):
        given = keras.tree.map_structure(
            lambda part: watched(ops.convert_to_tensor(part)) if _is_float(part) else part, observed.inputs
        )
        outputs = observed.run(given)
        output = primary_output(outputs)
        by_step = [ops.sum(part) for part in _own_choices(output, kind_of(model, output), log_p)]
        memory = ops.sum(ops.square(ops.cast(memories[0], "float32")))
    reached = tape.gradient(memory, found)
    read = [
        zero
        for zero, gradient in zip(found, reached, strict=True)
        if gradient is not None and tuple(zero.shape[:2]) == (len(log_p), sources) and to_numpy(gradient).any()
    ]
    if not read:
        raise ValueError(
            f"model: what layer {layer!r} attends to, {sources} steps, is made of no embedding and no input of floats "
            "with as many steps, so there is nothing to take the gradient by"
        )
    norms = []
    for step in range(steps):
        parts = tape.gradient(by_step[step if len(by_step) == steps else 0], read, unconnected_gradients="zero")
        squares = [(to_numpy(part).astype(float) ** 2).reshape(*part.shape[:2], -1).sum(axis=-1) for part in parts]
        norms.append(np.sqrt(sum(squares)))
    return np.stack(norms, axis=1)


def _own_choices(output: Tensor, kind: str, log_p: np.ndarray) -> Iterator[Tensor]:
    """For each step of the output, log p (b,) of what the model chose there."""
    output = output if has_steps(output) else output[:, None]
    for step in range(output.shape[1]):
        here, chosen = output[:, step], log_p[:, step].argmax(axis=-1)
        if kind.startswith("sigmoid"):
            sign = ops.convert_to_tensor(2.0 * chosen - 1.0, dtype=here.dtype)
            yield (
                ops.log_sigmoid(sign * here[:, 0])
                if kind.endswith("logits")
                else ops.log((1 - sign) / 2 + sign * here[:, 0])
            )
        else:
            log = ops.log_softmax(here, axis=-1) if kind.endswith("logits") else ops.log(here)
            yield ops.take_along_axis(log, ops.convert_to_tensor(chosen[:, None]), axis=-1)[:, 0]


def _variation(
    model: Any, observed: Observed, looked: Capture, kept: np.ndarray, p: np.ndarray, count: int, seed: int
) -> np.ndarray:
    """(b, t, k): the total variation of p_i when α_i is permuted, a row of a batch for each i and permutation."""
    batch, steps = looked.mask.shape
    rng = np.random.default_rng(seed)
    rows, queries = (np.repeat(places, count) for places in np.nonzero(looked.mask))
    orders = np.broadcast_to(np.arange(kept.shape[1]), (len(rows), kept.shape[1])).copy()
    for place, row in enumerate(rows):
        valid = np.flatnonzero(kept[row])
        orders[place, valid] = rng.permutation(valid)
    found = np.zeros(len(rows))
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        edits = Edits(look=permuted(queries[part], orders[part]))
        choice = choice_of(model, looked.layer, edits)
        some = keras.tree.map_structure(lambda array, part=part: np.asarray(array)[rows[part]], observed.inputs)
        after = np.exp(log_probabilities(model, observed.run_watched(replacements(model, choice, edits), some)))
        here = np.where(p.shape[1] == steps, queries[part], 0)
        found[part] = total_variation(p[rows[part], here], after[np.arange(len(here)), here])
    variation = np.zeros((batch, steps, count))
    variation[looked.mask] = found.reshape(-1, count)
    return variation


def permuted(queries: np.ndarray, orders: np.ndarray) -> Callable[[Tensor, int], Tensor]:
    """An edit that gives the query `queries[row]` of each row of a batch its weights in the order `orders[row]`."""

    def look(alignment: Tensor, first: int) -> Tensor:
        steps, sources = alignment.shape[-2:]
        here = (queries >= first) & (queries < first + steps)
        if not here.any():
            return alignment
        index = np.broadcast_to(np.arange(sources), (len(queries), steps, sources)).copy()
        index[here, queries[here] - first] = orders[here]
        if len(alignment.shape) == 4:
            index = np.broadcast_to(index[:, None], alignment.shape)
        return ops.take_along_axis(alignment, ops.convert_to_tensor(index), axis=-1)

    return look


def _then(own: Callable[..., Any], after: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Tensor:
        return after(own(*args, **kwargs))

    return call


def _noting(site: Site, choice: Any, memories: list[Tensor]) -> tuple[Any, str, Any]:
    """A replacement that notes what the layer attends to."""
    if isinstance(site.layer, AttentionDecoder):
        own = site.layer.inner_loop

        def inner_loop(*args: Any, memory: Any, **kwargs: Any) -> Any:
            if choice.take(site):
                memories.append(memory[0].values)
            return own(*args, memory=memory, **kwargs)

        return site.layer, "inner_loop", inner_loop
    calling = site.layer.call

    def call(*args: Any, **kwargs: Any) -> Any:
        if choice.take(site):
            memories.append(value_of(calling, args, kwargs))
        return calling(*args, **kwargs)

    return site.layer, "call", call


def _is_float(part: Any) -> bool:
    return "float" in keras.backend.standardize_dtype(part.dtype)
