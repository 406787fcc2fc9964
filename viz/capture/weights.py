"""The weights of recurrent layers, gate by gate."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasrnn.layers.trace import gated
from kerasrnn.viz.capture.observe import to_numpy
from kerasrnn.viz.capture.sites import Site, pick, recurrent_sites
from kerasrnn.viz.findings import Findings, finite_or_none


class Block(NamedTuple):
    """The columns of one weight that belong to one gate.

    Attributes:
        weight: the weight's name with what leads to it: `kernel`, `backward/recurrent_kernel`, `0/bias`.
        gate: the gate's name; "" for a weight that is not divided into gates.
        variable: the whole weight.
        columns: which of its last axis.
    """

    weight: str
    gate: str
    variable: Any
    columns: slice

    @property
    def key(self) -> str:
        """`WEIGHT/GATE`, or `WEIGHT` where there is no gate."""
        return f"{self.weight}/{self.gate}" if self.gate else self.weight

    @property
    def kind(self) -> str:
        """The weight's own name."""
        return self.weight.rpartition("/")[2]

    def of(self, array: np.ndarray) -> np.ndarray:
        """These columns of an array of the weight's shape."""
        return array[..., self.columns]


def blocks_of(site: Site) -> list[Block]:
    """Every weight of a recurrent layer by gate, in the order of its cells and their weights."""
    found = []
    for prefix, part in site.parts:
        cells = _cells(part.cell)
        for number, cell in enumerate(cells):
            found += list(_blocks(f"{prefix}{number}/" if len(cells) > 1 else prefix, cell))
    return found


def capture_weights(model: Any, *, layer: str | None = None) -> Findings:
    """The kernels of one recurrent layer by gate, with their singular values and spectral radii.

    Args:
        model: a built Keras model.
        layer: the layer's name; by default the first recurrent layer along whole rows of the batch.

    Returns:
        `Findings` with `LAYER/kernel/GATE` (d, u), `LAYER/recurrent_kernel/GATE` (u, u), `LAYER/bias/GATE` and
        whatever else the cell has; under `Bidirectional` `LAYER/forward/kernel/GATE`, in a stack `LAYER/0/kernel/GATE`.
        `facts` has `singular values` and `spectral radius` by the same keys, the latter for recurrent weights; of a
        recurrent vector, whose units see only themselves, it is the largest size.

    Raises:
        TypeError: no Keras model.
        ValueError: no recurrent layer, none of that name, or one that has no weights yet.
    """
    if not isinstance(model, keras.Layer):
        raise TypeError(f"model: expected a Keras model, received {type(model).__name__}")
    sites = recurrent_sites(model)
    site, _ = pick(sites, layer, model, "a recurrent")
    chosen = site or next((each for each in sites if not each.folded), sites[0])
    others = [other.name for other in sites if other is not chosen]
    note = "" if site else f"layer {chosen.name}, the first" + f" (others: {', '.join(others)})" * bool(others)
    site = chosen
    blocks = blocks_of(site)
    if not blocks:
        raise ValueError(f"layer: {site.name!r} has no weights yet: call the model once on data, then save it")
    arrays = {f"{site.name}/{block.key}": block.of(to_numpy(block.variable)) for block in blocks}
    values: dict[str, Any] = {}
    radius: dict[str, Any] = {}
    for block in blocks:
        array = arrays[f"{site.name}/{block.key}"]
        if "kernel" in block.kind and array.ndim == 2:
            values[block.key] = finite_or_none(singular_values(array))
        if block.kind.startswith("recurrent") and (found := spectral_radius(array)) is not None:
            radius[block.key] = found if np.isfinite(found) else None
    norms = {block.key: finite_or_none(np.linalg.norm(arrays[f"{site.name}/{block.key}"])) for block in blocks}
    facts: dict[str, Any] = {"norm": norms, "singular values": values, "spectral radius": radius}
    broken = [key for key, array in arrays.items() if not np.isfinite(array).all()]
    if broken:
        note += ("; " if note else "") + f"not finite: {', '.join(broken)}"
    return Findings(arrays, site.name, note, facts)


def singular_values(matrix: np.ndarray) -> np.ndarray:
    """The singular values of (d, u), largest first; NaN where the matrix is not finite."""
    if not np.isfinite(matrix).all():
        return np.full(min(matrix.shape), np.nan)
    return np.linalg.svd(matrix.astype(float), compute_uv=False)


def spectral_radius(weight: np.ndarray) -> float | None:
    """The largest size of an eigenvalue of a square matrix, or of an entry of a vector; None for other shapes."""
    if weight.ndim == 1:
        return float(np.abs(weight).max(initial=0.0))
    if weight.ndim != 2 or weight.shape[0] != weight.shape[1]:
        return None
    if not np.isfinite(weight).all():
        return float("nan")
    return float(np.abs(np.linalg.eigvals(weight.astype(float))).max(initial=0.0))


def _cells(cell: Any) -> list[Any]:
    return list(cell.cells) if isinstance(cell, keras.layers.StackedRNNCells) else [cell]


def _blocks(prefix: str, cell: Any) -> Iterator[Block]:
    known = gated(cell)
    names = known.gate_names if known is not None else ()
    for variable in _own_weights(cell):
        path = prefix + (variable.name if isinstance(variable, keras.Variable) else "weight")
        width = int(variable.shape[-1]) if len(variable.shape) else 0
        if len(names) > 1 and width == len(names) * cell.units:
            for number, gate in enumerate(names):
                yield Block(path, gate, variable, slice(number * cell.units, (number + 1) * cell.units))
        else:
            yield Block(path, "", variable, slice(None))
    if known is None:  # a cell made of layers
        for layer in cell._layers:  # no public way reaches the layers inside a layer
            yield from _blocks(f"{prefix}{layer.name}/", layer)


def _own_weights(cell: Any) -> list[Any]:
    """The numbers a cell has itself, those of its layers left out where they are looked at one by one."""
    inside = set() if gated(cell) is not None else {id(weight) for layer in cell._layers for weight in layer.weights}
    return [
        weight
        for weight in cell.weights
        if id(weight) not in inside and "float" in keras.backend.standardize_dtype(weight.dtype)
    ]
