"""Recurrent cells and attention as one cell, which the engine runs like any other."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from keras import ops

from kerasrnn import _compat
from kerasrnn.layers.base_attention import BaseAttention, Memory, weighted_sum
from kerasrnn.layers.gated_cell import Masks, Product, multiplier, product
from kerasrnn.layers.trace import gated

Tensor = Any
Push = Callable[[list[Tensor]], list[Tensor]]


class AttendingCell:
    """What one step of an `AttentionDecoder` does, stated as a `GatedCell` states it.

    Its states are those of the cells, what the attentions remember, and what is fed into the next step or put beside
    the output: the context or, with a vector kernel, the attentional vector. What it reads of each row of the batch at
    every step (`rows`) are the prepared memories. Products of the context, the query and the cells' inputs are products
    like the recurrent ones, so that an adjoint batches their gradients too.

    Args:
        cells: built recurrent cells, the first one at the bottom.
        attentions: built attention layers.
        inputs: the width of the inputs without what is fed.
        looks_first: attend before the cells move, as Bahdanau et al. do, rather than after, as Luong et al. do.
        feeds: whether the first cell reads what is fed.
        vector_kernel: `(u + m, n)` of the attentional vector, or None.
        activation: of the attentional vector.
    """

    def __init__(
        self,
        cells: Sequence[Any],
        attentions: Sequence[BaseAttention],
        *,
        inputs: int,
        looks_first: bool,
        feeds: bool,
        vector_kernel: Any = None,
        activation: Any = None,
    ) -> None:
        self.cells = [cell if (known := gated(cell)) is None else known for cell in cells]
        self.attentions = list(attentions)
        self.inputs, self.looks_first, self.feeds = inputs, looks_first, feeds
        self.vector_kernel, self.activation = vector_kernel, activation
        self.known = [gated(cell) is not None for cell in cells]
        self.compiles = all(self.known)
        with _compat.eagerly():
            recurrent = [len(cell.recurrent_products()) if gated(cell) else 0 for cell in self.cells]
            asked = [len(attention.query_products()) for attention in self.attentions]
        entering = [known and (index > 0 or feeds) for index, known in enumerate(self.known)]
        ends = list(accumulate([*map(sum, zip(entering, recurrent, strict=True)), *asked], initial=0))
        count = len(self.cells)  # the number of the first product of each cell, of each attention, and of the vector
        self._of_cells, self._of_attentions, self._of_vector = ends[:count], ends[count:-1], ends[-1]
        self.training = False
        self.memories: list[Memory] = []
        self._remembered: list[int] = []
        self._widths: dict[str, int] = {}
        self.state_names: tuple[str, ...] = ()

    def begin(self, states: list[Tensor], memories: list[Memory], fed: int, training: bool = False) -> list[Tensor]:
        """All states before the first step, from those of the cells; `fed` is the width of what is fed."""
        parts = zip(self.attentions, memories, strict=True)
        remembered = [attention.initial_states(memory, training=training) for attention, memory in parts]
        self._remembered = [len(each) for each in remembered]
        names = [name for names in self.names_of_states for name in names]
        names += [f"attention/{i}/{j}" for i, count in enumerate(self._remembered) for j in range(count)]
        names += ["fed"] if self.known[-1] else ["output", "fed"]
        self.state_names = tuple(names)
        last = self.cells[-1]
        self._widths = {"fed": fed, "output": last.units if self.known[-1] else last.output_size}
        tail = names[sum(map(len, self.names_of_states)) + sum(self._remembered) :]
        start = [ops.zeros((ops.shape(states[0])[0], self._widths[name]), dtype=states[0].dtype) for name in tail]
        return [*states, *(state for each in remembered for state in each), *start]

    @property
    def names_of_states(self) -> list[list[str]]:
        """The names of every cell's states over time."""
        own = [
            list(cell.state_names) if known else [f"state_{j}" for j in range(_count(cell))]
            for cell, known in zip(self.cells, self.known, strict=True)
        ]
        return own if len(own) == 1 else [[f"{i}/{name}" for name in names] for i, names in enumerate(own)]

    @property
    def traced(self) -> dict[str, int]:
        """The names of the gates of all cells, then of their states, and how wide each is."""
        widths: dict[str, int] = {}
        for index, (cell, known) in enumerate(zip(self.cells, self.known, strict=True)):
            prefix = f"{index}/" if len(self.cells) > 1 else ""
            widths |= {f"{prefix}{name}": cell.units for name in (cell.gate_names if known else ())}
        for cell, names in zip(self.cells, self.names_of_states, strict=True):
            sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
            widths |= dict(zip(names, sizes, strict=True))
        return widths

    @property
    def alignment_names(self) -> tuple[str, ...]:
        """The names of the alignments."""
        count = len(self.attentions)
        return ("alignment",) if count == 1 else tuple(f"alignment/{i}" for i in range(count))

    @property
    def output_names(self) -> tuple[str, ...]:
        """The states that, side by side, are the output."""
        if self.vector_kernel is not None:
            return ("fed",)
        return (self.names_of_states[-1][0] if self.known[-1] else "output", "fed")

    @property
    def trainable_variables(self) -> list[Any]:
        own = [variable for part in [*self.cells, *self.attentions] for variable in part.trainable_variables]
        return own if self.vector_kernel is None else [*own, self.vector_kernel]

    def shared_settings(self) -> None:
        """No cell is known to be like this one: what is compiled is for it alone."""

    def width(self, name: str) -> Any:
        """How wide a trace is: an int, or a scalar tensor."""
        if name in self.alignment_names:
            values = self.memories[self.alignment_names.index(name)].values
            return ops.shape(values)[1] if values.shape[1] is None else values.shape[1]
        return (self.traced | self._widths)[name]

    def project(self, inputs: Tensor, masks: Masks = None) -> Tensor:
        if not self.known[0]:
            return inputs
        return product(inputs, self.cells[0].kernel[: self.inputs], masks)

    def project_bias(self) -> Tensor | None:
        return self.cells[0].project_bias() if self.known[0] else None

    def recurrent_products(self) -> list[tuple[Tensor, Tensor | None]]:
        """What is fed, then each cell's input (but the first one's) and recurrent products, queries, the vector."""
        pairs: list[tuple[Tensor, Tensor | None]] = []
        for index, (cell, known) in enumerate(zip(self.cells, self.known, strict=True)):
            if not known:
                continue
            if index == 0 and self.feeds:
                pairs.append((cell.kernel[self.inputs :], None))
            elif index:
                pairs.append((cell.kernel, cell.project_bias()))
            pairs += cell.recurrent_products()
        for attention in self.attentions:
            pairs += attention.query_products()
        return pairs if self.vector_kernel is None else [*pairs, (self.vector_kernel, None)]

    def dropout_masks(self, x_t: Tensor, training: bool) -> tuple[Masks, list[Masks]]:
        """Masks of the input, and of each of `recurrent_products`, for whole sequences of inputs like `x_t (b, d)`."""
        of_input: Masks = None
        of_products: list[Masks] = []
        for index, (cell, known) in enumerate(zip(self.cells, self.known, strict=True)):
            if not known:
                continue
            width = cell.kernel.shape[0]
            like = ops.zeros_like(x_t[:, :1])
            cell.get_dropout_mask(like + ops.zeros((1, width), dtype=x_t.dtype))
            cell.get_recurrent_dropout_mask(like + ops.zeros((1, cell.units), dtype=x_t.dtype))
            masks = cell.input_masks(training)
            if index == 0:
                of_input = _columns(masks, slice(None, self.inputs))
                of_products += [_columns(masks, slice(self.inputs, None))] if self.feeds else []
            else:
                of_products.append(masks)
            of_products += cell.masks_by_product(cell.recurrent_masks(training))
            cell.reset_dropout_mask()
            cell.reset_recurrent_dropout_mask()
        return of_input, of_products + [None] * (len(self.recurrent_products()) - len(of_products))

    def masks_by_product(self, masks: Masks) -> list[Masks]:
        return [None] * len(self.recurrent_products()) if masks is None else masks

    def products(self, masks: Masks = None) -> Product:
        return multiplier(self.recurrent_products(), self.masks_by_product(masks))

    def zoneout_masks(self, training: bool, batch: Tensor, length: Tensor) -> list[Tensor | None] | None:
        """Random masks `(b, t, u)` for each state; None where nothing is random."""
        drawn: list[Tensor | None] = []
        for cell, known, names in zip(self.cells, self.known, self.names_of_states, strict=True):
            own = cell.zoneout_masks(training, (batch, length, cell.units)) if known else None
            drawn += [None] * len(names) if own is None else own
        rest = len(self.state_names) - len(drawn)
        return None if all(one is None for one in drawn) else drawn + [None] * rest

    def local_tensors(self) -> list[Tensor]:
        return [getattr(part, name) for part, names in self._local() for name in names]

    def view(self, weights: Sequence[Tensor] | None = None, rows: Any = ()) -> "AttendingCell":
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view.memories = list(rows)
        if weights is not None:
            rest = iter(weights)
            parts = [_with(part, {name: next(rest) for name in names}) for part, names in self._local()]
            view.cells, view.attentions = parts[: len(self.cells)], parts[len(self.cells) :]
        return view

    def advance(
        self,
        projected: Tensor,
        states: list[Tensor],
        mm: Product,
        zoned: list[Tensor | None] | None = None,
        push: Push | None = None,
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """One step. `push` is applied to the states of each cell when it has moved."""
        *of_cells, last = self._apart(states)
        fed = last[-1]
        remembered = last[: sum(self._remembered)]
        if self.looks_first:
            gates, fed, remembered = self._attend(of_cells[-1][0], remembered, mm)
            output, moved, others = self._move(projected, fed, of_cells, mm, zoned, push)
        else:
            output, moved, others = self._move(projected, fed, of_cells, mm, zoned, push)
            gates, fed, remembered = self._attend(output, remembered, mm)
        if self.vector_kernel is not None:
            vector = mm(self._of_vector, ops.concatenate([output, fed], axis=-1))
            fed = self.activation(vector)
        tail = [fed] if self.known[-1] else [output, fed]
        return [*(state for each in moved for state in each), *remembered, *tail], others | gates

    def _move(
        self,
        projected: Tensor,
        fed: Tensor,
        states: list[list[Tensor]],
        mm: Product,
        zoned: list[Tensor | None] | None,
        push: Push | None,
    ) -> tuple[Tensor, list[list[Tensor]], dict[str, Tensor]]:
        """The cells, one above the other: the output, the states, the gates."""
        start = 0
        below, moved = projected, []
        gates: dict[str, Tensor] = {}
        for index, (cell, known, before) in enumerate(zip(self.cells, self.known, states, strict=True)):
            if known:
                k = self._of_cells[index]
                if index or self.feeds:
                    below = mm(k, below) if index else mm(k, fed, below)
                    k += 1
                drawn = None if zoned is None else zoned[start : start + len(before)]
                after, named = cell.advance(below, before, _from(mm, k), drawn)
                output = after[0]
                gates |= named if len(self.cells) == 1 else {f"{index}/{name}": g for name, g in named.items()}
            else:
                given = ops.concatenate([below, fed], axis=-1) if index == 0 and self.feeds else below
                output, after = cell(given, before, training=self.training)
                after = list(after) if isinstance(after, (list, tuple)) else [after]
            if push is not None:
                pushed = push(after)
                output, after = (pushed[0] if known else output), pushed
            moved.append(after)
            start += len(before)
            below = output
        return output, moved, gates

    def _attend(
        self, query: Tensor, remembered: list[Tensor], mm: Product
    ) -> tuple[dict[str, Tensor], Tensor, list[Tensor]]:
        """The alignments by name, the contexts side by side, and what is remembered."""
        alignments, contexts, after, start = [], [], [], 0
        parts = zip(self.attentions, self.memories, self._remembered, self._of_attentions, strict=True)
        for attention, memory, count, k in parts:
            alignment, kept = attention.attend(query, memory, remembered[start : start + count], _from(mm, k))
            alignments.append(alignment)
            contexts.append(weighted_sum(alignment, memory.values))
            after += kept
            start += count
        context = ops.concatenate(contexts, axis=-1) if len(contexts) > 1 else contexts[0]
        return dict(zip(self.alignment_names, alignments, strict=True)), context, after

    def _apart(self, states: list[Tensor]) -> list[list[Tensor]]:
        """The states of each cell, then the rest."""
        parts, start = [], 0
        for names in self.names_of_states:
            parts.append(list(states[start : start + len(names)]))
            start += len(names)
        return [*parts, list(states[start:])]

    def _local(self) -> list[tuple[Any, tuple[str, ...]]]:
        """The names of what every part reads beside products."""
        found = [
            (cell, cell.local_weights if known else ()) for cell, known in zip(self.cells, self.known, strict=True)
        ]
        return found + [(attention, attention.local_weights) for attention in self.attentions]


def _count(cell: Any) -> int:
    return len(cell.state_size) if isinstance(cell.state_size, (list, tuple)) else 1


def _columns(masks: Masks, part: slice) -> Masks:
    if masks is None:
        return None
    return [mask[:, part] for mask in masks] if isinstance(masks, list) else masks[:, part]


def _with(part: Any, values: dict[str, Tensor]) -> Any:
    """A part with other tensors for some attributes; Keras' bookkeeping of them is passed by."""
    view = object.__new__(type(part))
    view.__dict__.update(part.__dict__)
    view.__dict__.update(values)
    return view


def _from(mm: Product, start: int) -> Product:
    """`mm`, whose products are counted from another one."""
    return lambda k, a, plus=None: mm(start + k, a, plus)
