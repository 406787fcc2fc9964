"""Where the numbers of a sequence enter a model: the input of a recurrent layer, what an embedding gives."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kerasrnn.viz.capture.gates import Choice
from kerasrnn.viz.capture.observe import Observed, flat_mask, to_numpy
from kerasrnn.viz.capture.score import Score
from kerasrnn.viz.capture.sites import Site, embedding_sites, pick, recurrent_sites

Tensor = Any
Change = Callable[[Tensor], Tensor]
_POSITIONS = 16_384  # rows times steps in one run: what bounds its memory


class Entry:
    """The vectors e (b, t, d) that one layer reads, to be watched and changed while a model runs.

    They are the input of the recurrent layer `layer`, by default of the first to run along whole rows; in a model
    without one, what the first embedding gives, or else the model's only input of (b, t, d).

    Args:
        observed: the model under observation.
        layer: the layer's name, or None.
        score: what is watched at the other end.
        check: called with the shape (b, t, d) of e as soon as it is known, to raise what speaks against going on.

    Attributes:
        mask: (b, t) bool, which of the vectors count.

    Raises:
        ValueError: no such layer, and nothing else to watch.
        RuntimeError: watching changes the model's output.
    """

    def __init__(
        self,
        observed: Observed,
        layer: str | None,
        score: Score,
        *,
        check: Callable[[tuple[int, ...]], None] | None = None,
    ) -> None:
        self._observed, self._score = observed, score
        model = observed.model
        self._mask: Tensor = None
        self._recurrent = recurrent_sites(model)
        self._sites = self._recurrent or embedding_sites(model)
        if self._sites:
            kind = "a recurrent" if self._recurrent else "an embedding"
            self._choice = Choice(self._sites, *pick(self._sites, layer, model, kind))
        else:
            shapes = [tuple(part.shape) for part in keras.tree.flatten(observed.inputs)]
            if layer is not None or len(shapes) != 1 or len(shapes[0]) != 3:
                pick([], layer, model, "a recurrent or embedding")  # says what the model has instead
        shape: list[int] = []

        def look(vectors: Tensor) -> Tensor:
            shape[:] = vectors.shape
            if check is not None:
                check(tuple(shape))
            return vectors

        outputs = self.run(look)
        if self._sites:
            self._choice.check_found(bool(shape))
        observed.compare(outputs, self.label)
        if len(shape) != 3:
            raise ValueError(f"layer: expected vectors (b, t, d) to enter {self.label!r}, received {tuple(shape)}")
        if shape[0] != observed.rows or (self._sites and self._choice.chosen.folded):
            raise ValueError(
                f"layer: expected one whose rows are those of the batch, {observed.rows}; {self.label!r} reads "
                f"{shape[0]} of its own"
            )
        mask = flat_mask(self._mask)
        self.mask = np.ones(shape[:2], bool) if mask is None else to_numpy(mask)

    @property
    def label(self) -> str:
        """The name in the keys of the arrays."""
        return self._choice.label if self._sites else "input"

    @property
    def note(self) -> str:
        """What was chosen for the caller, in one line."""
        return self._choice.note if self._sites else "the model's input, for it has no recurrent layer"

    @property
    def alone(self) -> bool:
        """Whether the model takes batches of one size only, so that a row cannot be copied."""
        return not takes_any_batch(self._observed.model)

    def run(self, change: Change, rows: np.ndarray | None = None) -> Any:
        """The model's outputs with `change` applied to e.

        Args:
            change: e (n, t, d) to what is read in its place.
            rows: the rows of the batch to run, each any number of times; None for the batch as it is.
        """
        self._score.begin()
        inputs = self._observed.inputs if rows is None else _rows(self._observed.inputs, rows)
        if not self._sites:
            return self._observed.run_watched(self._score.replacements(), _changed(inputs, change))
        self._choice.restart()
        calls = [(site.layer, "call", self._changing(site, change)) for site in self._sites]
        return self._observed.run_watched([*calls, *self._score.replacements()], inputs)

    @property
    def portion(self) -> int:
        """How many rows to run at once, so that they fit into memory."""
        return max(1, _POSITIONS // self.mask.shape[1])

    def _changing(self, site: Site, change: Change) -> Callable[..., Any]:
        own = site.layer.call
        signature = inspect.signature(own)

        def call(*args: Any, **kwargs: Any) -> Any:
            if not self._choice.take(site):
                return own(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            name = next(iter(bound.arguments))
            given = bound.arguments[name]
            if not self._recurrent:
                self._mask = site.layer.compute_mask(given)
                return change(own(*args, **kwargs))
            several = isinstance(given, (list, tuple))
            sequences = given[0] if several else given
            masks = [bound.arguments.get("mask"), bound.arguments.get("sequences_mask")]
            masks.append(getattr(sequences, "_keras_mask", None))
            self._mask = next((mask for mask in masks if mask is not None), None)
            changed = change(sequences)
            bound.arguments[name] = [changed, *given[1:]] if several else changed
            return own(*bound.args, **bound.kwargs)

        return call


def takes_any_batch(model: Any) -> bool:
    """Whether a model takes batches of any size: it has no state of its own, and declares no size."""
    if any(getattr(layer, "stateful", False) for layer in model._flatten_layers()):
        return False
    try:
        return all(part.shape[0] is None for part in keras.tree.flatten(model.inputs))
    except (AttributeError, TypeError):  # a subclassed model declares none
        return True


def _rows(inputs: Any, rows: np.ndarray) -> Any:
    return keras.tree.map_structure(lambda part: np.asarray(part)[rows], inputs)


def _changed(inputs: Any, change: Change) -> Any:
    (part,) = keras.tree.flatten(inputs)
    tensor = keras.ops.convert_to_tensor(part, dtype="float32" if np.asarray(part).dtype.kind != "f" else None)
    return keras.tree.pack_sequence_as(inputs, [change(tensor)])
