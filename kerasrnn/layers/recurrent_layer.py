"""What every recurrent layer of this package does beyond its cell: masks, states, gates out."""

from collections.abc import Callable
from typing import Any, ClassVar

import keras
from keras import ops

from kerasrnn import _compat, engine
from kerasrnn.layers.arguments import positive, require_built, valid_mask, valid_states
from kerasrnn.layers.constructor import cell_options, cudnn_option, layer_options
from kerasrnn.layers.fused import recur_packed
from kerasrnn.layers.gated_cell import GatedCell, add_bias
from kerasrnn.layers.keeps_states import KeepsStates

Tensor = Any


class RecurrentLayer(KeepsStates, keras.layers.RNN):
    """A `keras.layers.RNN` that can hand out its gates, and whose numbers padding never changes.

    A subclass names its `cell_class`. One that replaces a Keras layer also extends it and names it as `keras_layer`;
    constructor, weights and configuration are then those of the Keras layer. Any other takes, by name, what the
    constructors of its cell and of `keras.layers.RNN` take.

    A stateful layer keeps its states between calls: `get_states()` gives them, `set_states(states)` puts others in
    their place, `reset_states(states=None)` begins again.

    Masks: `(b, t)` bool, True = keep, any pattern. On masked steps states hold and gates are 0; outputs repeat the
    last output (zeros before the first valid step), or are zeros with `zero_output_for_mask=True`. A row that is
    masked throughout, or a sequence of no steps, gives zero outputs and its initial state. Masked inputs are not
    read: NaN there reaches neither outputs nor gradients. The last output is that of the last valid step.

    Args:
        return_gates: return `(output, *states, gates)` with `gates` a flat dict of `(b, t, u)` tensors: one for each of
            the cell's `gate_names`, and one for each state after every step (`hidden`, and `cell` where there is one).
            Always in the order of the input's time, also with `go_backwards=True`.
        recompute: in training keep the states of √t steps only, and compute the rest again for the gradients: for long
            sequences, in memory that beyond inputs and outputs grows like √t, for half as much time again. On
            TensorFlow in graphs, but not under an outer `jit_compile=True`, and never by cuDNN.

    Call arguments:
        sequences: `(b, t, d)` float.
        initial_state: a list of `(b, u)` tensors, one for each state; zeros by default.
        mask: `(b, t)` bool, or None.
        training: whether dropout is active.

    Returns:
        `(b, u)`, the last output, or `(b, t, u)` with `return_sequences=True`; then each state `(b, u)` with
        `return_state=True`; then the gates with `return_gates=True`.

    Raises:
        ValueError: a mask or a state of the wrong shape, a rate outside [0, 1].
    """

    activity_regularizer: Any
    cell_class: ClassVar[Any]  # a class
    cell_name: ClassVar[str]  # as in Keras, for it is part of the weights' paths
    keras_layer: ClassVar[Any] = None  # a class, or None where Keras has no such layer

    def __init__(
        self, units: int, *args: Any, return_gates: bool = False, recompute: bool = False, **kwargs: Any
    ) -> None:
        options = layer_options(self, units, *args, **kwargs)
        use_cudnn = cudnn_option(self, options)
        of_cell = cell_options(self.cell_class, options)
        cell = self.cell_class(**of_cell, name=self.cell_name)

        keras.layers.RNN.__init__(self, cell, **options)  # the Keras layer's own would make Keras' cell
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.return_gates = return_gates
        self.recompute = recompute
        self.use_cudnn = use_cudnn
        self.supports_masking = True
        if self._fused_path() or (recompute and keras.config.backend() == "tensorflow"):
            self.supports_jit = False

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        if self.unroll and sequences_shape[1] is None:
            raise ValueError(
                f"`unroll=True` needs a static number of time steps; received shape {tuple(sequences_shape)}. Give "
                "it in `keras.Input(shape=(t, d))`, or pass `unroll=False`."
            )
        super().build(sequences_shape)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        regularizer = self.activity_regularizer
        if regularizer is None or not self.return_gates:
            return super().__call__(*args, **kwargs)
        self.activity_regularizer = None  # Keras would count the gates too
        try:
            result = super().__call__(*args, **kwargs)
        finally:
            self.activity_regularizer = regularizer
        for output in filter(ops.is_tensor, result[:-1]):
            loss = regularizer(output)
            self.add_loss(ops.divide_no_nan(loss, ops.cast(ops.shape(output)[0], loss.dtype)))
        return result

    def call(
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool = False,
        sequences_mask: Tensor | None = None,  # Keras puts the mask here when `initial_state` is given as tensors
    ) -> Any:
        mask = valid_mask(sequences_mask if mask is None else mask, sequences)
        states = self._valid_states(sequences, initial_state)
        self._prepare_dropout(sequences, states)  # when not training too, as Keras does: equal seeds draw equal masks
        last, outputs, states = self.inner_loop(sequences=sequences, initial_state=states, mask=mask, training=training)
        self._maybe_reset_dropout_masks(self.cell)
        gates = states.pop() if self.return_gates else None
        states = [ops.cast(state, self.compute_dtype) for state in states]
        if self.stateful:
            for variable, state in zip(self.states, states, strict=True):
                variable.assign(state)
        if self.return_sequences:
            last = self._outputs(outputs, mask, initial_state is None and self._begins_with_zeros())
        output = ops.cast(last, self.compute_dtype)
        extra = ([*states] if self.return_state else []) + ([gates] if self.return_gates else [])
        return (output, *extra) if extra else output

    def inner_loop(
        self, sequences: Tensor, initial_state: list[Tensor], mask: Tensor | None, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Any]]:
        """Keras' seam for the loop over time: `(last output, hidden, states)`, gates as one more state if returned."""
        again = self.recompute and training  # no fused kernel does that
        if not (self.return_gates or again) and sequences.shape[1] != 0 and self._fused_path():
            if mask is None:
                last, outputs, states = super().inner_loop(sequences, initial_state, None, training)
                return last, outputs, list(states)
            if keras.config.backend() == "tensorflow":  # Keras has no fused kernel for masks elsewhere
                return self._packed_inner_loop(sequences, initial_state, mask, training)
        if self.use_cudnn is True and not self.return_gates and (again or not self._fused_path()):
            raise ValueError(
                "`use_cudnn=True` needs a GPU and the standard activations, a bias, no recurrent dropout, no "
                "`recompute` in training and no unrolling; pass `use_cudnn='auto'` to use cuDNN only where it applies."
            )
        last, outputs, states, gates = self._scan(
            sequences, initial_state, mask, training, self.return_sequences, self.return_gates
        )
        return last, outputs, [*states, gates] if self.return_gates else states

    def _packed_inner_loop(
        self, sequences: Tensor, initial_state: list[Tensor], mask: Tensor, training: bool
    ) -> tuple[Tensor, Tensor, list[Any]]:
        def run(sequences: Tensor, mask: Tensor) -> Any:
            return super(RecurrentLayer, self).inner_loop(sequences, initial_state, mask, training)

        sequences = ops.where(mask[..., None], sequences, ops.zeros_like(sequences))
        hidden, states = recur_packed(run, sequences, initial_state, mask, self.go_backwards, self.return_sequences)
        last = _where_any(mask, sequences, states[0])
        return last, last[:, None] if hidden is None else hidden, states

    def trace(self, sequences: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Every gate and state over time, from any built layer, without dropout.

        Args:
            sequences: `(b, t, d)`.
            initial_state: a list of `(b, u)` tensors, or None for zeros (or the states of a stateful layer).
            mask: `(b, t)` bool, or None.

        Returns:
            The dict that `return_gates=True` returns: name to `(b, t, u)`, in the order of the input's time.
        """
        require_built(self, "trace")
        with _compat.autocast(self.compute_dtype):
            sequences = ops.convert_to_tensor(sequences, dtype=self.compute_dtype)
            mask = valid_mask(mask, sequences)
            states = self._valid_states(sequences, initial_state)
            return self._scan(sequences, states, mask, False, False, True)[3]

    def step(self, x_t: Tensor, states: Any = None) -> Any:
        """One time step at a constant cost, with the numbers of the whole sequence and without dropout.

        Args:
            x_t: `(b, d)`.
            states: a list of `(b, u)` tensors, as the last step returned them; None to begin.

        Returns:
            `(output (b, u), states)`, and with `return_gates=True` a third item, the gates as a dict of `(b, u)`.
        """
        require_built(self, "step")
        with _compat.autocast(self.compute_dtype):
            x_t = ops.convert_to_tensor(x_t, dtype=self.compute_dtype)
            if states is None:
                states = self.get_initial_state(ops.shape(x_t)[0])
            states = [ops.convert_to_tensor(state, dtype=self.compute_dtype) for state in states]
            projected = add_bias(self.cell.project(x_t), self.cell.project_bias())
            after, gates = self.cell.advance(projected, states, self.cell.products())
        if self.return_gates:
            return after[0], after, gates | dict(zip(self.cell.state_names, after, strict=True))
        return after[0], after

    def compiled_step(self, batch_size: int = 1) -> Callable[..., Any]:
        """`step` as one program for streams of `batch_size` rows, called at the least cost that the backend has.

        Args:
            batch_size: the number of rows, a positive int.

        Returns:
            A function of `x_t (b, d)` and `states`, None to begin, that returns what `step` does. It uses the weights
            that the layer has when it is called.

        Raises:
            ValueError: a layer that is not built; when called, arrays of other shapes.

        Example:

        >>> import numpy as np
        >>> from kerasrnn.layers import GRU
        >>> layer = GRU(8)
        >>> layer.build((1, None, 3))
        >>> step = layer.compiled_step()
        >>> output, states = step(np.ones((1, 3)))
        >>> output, states = step(np.ones((1, 3)), states)
        >>> tuple(output.shape)
        (1, 8)
        """
        require_built(self, "compiled_step")
        widths = [self.cell.kernel.shape[0], *keras.tree.flatten(self.state_size)]
        batch_size = positive("batch_size", batch_size)
        shapes = [(batch_size, width) for width in widths]
        first = self.get_initial_state(batch_size)
        self.step(ops.zeros(shapes[0], dtype=self.compute_dtype), first)  # an activation's weights are made here

        def flat(x_t: Tensor, *states: Tensor) -> Any:
            return self.step(x_t, list(states))

        program = engine.compiled_for(flat, self.variables, shapes, self.compute_dtype)

        def step(x_t: Tensor, states: Any = None) -> Any:
            given = x_t, *(first if states is None else states)
            tensors = [ops.convert_to_tensor(tensor, dtype=self.compute_dtype) for tensor in given]
            received = [tuple(tensor.shape) for tensor in tensors]
            if received != shapes:
                raise ValueError(
                    f"`x_t` and `states` must be of the shapes {shapes}; received {received}. For another number of "
                    "rows compile another step: `layer.compiled_step(batch_size)`."
                )
            return program(*tensors)

        return step

    def _scan(
        self,
        sequences: Tensor,
        states: list[Tensor],
        mask: Tensor | None,
        training: bool,
        all_outputs: bool,
        all_gates: bool,
    ) -> tuple[Tensor, Tensor, list[Tensor], dict[str, Tensor]]:
        """`(last output (b, u), hidden (b, t, u) in processing order, states, gates in input order)`."""
        cell: GatedCell = self.cell
        shape = (*ops.shape(sequences)[:2], cell.units)
        final, traces = engine.recur(
            cell,
            sequences,
            states,
            mask,
            input_masks=cell.input_masks(training),
            recurrent_masks=cell.recurrent_masks(training),
            zoned=cell.zoneout_masks(training, shape),
            kept=(*cell.gate_names, *cell.state_names) if all_gates else cell.state_names[:1] if all_outputs else (),
            go_backwards=self.go_backwards,
            unroll=self.unroll,
            recompute=self.recompute and training,
        )
        last = _where_any(mask, sequences, final[0])
        hidden = traces["hidden"] if all_outputs else last[:, None]
        if self.go_backwards:
            traces = {name: ops.flip(trace, axis=1) for name, trace in traces.items()}
        return last, hidden, final, traces

    def _outputs(self, hidden: Tensor, mask: Tensor | None, from_zero: bool) -> Tensor:
        """Outputs in processing order from the hidden state, which before the first valid step is the initial one."""
        if mask is None or (from_zero and not self.zero_output_for_mask):
            return hidden
        valid = ops.flip(mask, axis=1) if self.go_backwards else mask
        if not self.zero_output_for_mask:
            valid = ops.cumsum(ops.cast(valid, "int32"), axis=1) > 0
        return ops.where(valid[..., None], hidden, ops.zeros_like(hidden))

    def _begins_with_zeros(self) -> bool:
        """Whether initial states are made by classes of Keras and this package, rather than by somebody's subclass."""
        makers = type(self).get_initial_state, type(self.cell).get_initial_state
        return not self.stateful and all(make.__module__.split(".")[0] in ("keras", "kerasrnn") for make in makers)

    def _fused_path(self) -> bool:
        cell: GatedCell = self.cell
        exact = vars(type(cell)).get("fused", False) and not any(cell.zoneout_rates)  # not inherited: see `GatedCell`
        return bool(self.use_cudnn) and exact and _compat.fused_kernels_apply(self) and _compat.has_gpu()

    def _valid_states(self, sequences: Tensor, initial_state: Any) -> list[Tensor]:
        expected, received = self._expected_batch_size, sequences.shape[0]
        if self.stateful and expected is not None and received is not None and expected != received:
            raise ValueError(
                f"A stateful layer keeps one state a row: it was built for batches of {expected}, and received a batch "
                f"of {received}. Use that batch size, or make the layer with `stateful=False`."
            )
        if initial_state is None:
            initial_state = self.states if self.stateful else self.get_initial_state(ops.shape(sequences)[0])
        return valid_states(initial_state, self.state_size, sequences, self.cell.compute_dtype, type(self).__name__)

    def _prepare_dropout(self, sequences: Tensor, states: list[Tensor]) -> None:
        """Draw the dropout masks of a whole sequence before the loop, which must stay free of side effects."""
        x_t = ops.zeros((ops.shape(sequences)[0], sequences.shape[-1]), dtype=self.cell.compute_dtype)
        self.cell.get_dropout_mask(x_t)
        self.cell.get_recurrent_dropout_mask(states[0])

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        shape = super().compute_output_shape(sequences_shape)
        if not self.return_gates:
            return shape
        gate = (sequences_shape[0], sequences_shape[1], self.cell.units)
        gates = dict.fromkeys((*self.cell.gate_names, *self.cell.state_names), gate)
        return (*shape, gates) if self.return_state else (shape, gates)

    def compute_mask(self, _: Any, mask: Any) -> Any:
        mask = keras.tree.flatten(mask)[0]
        if mask is None or not self.return_sequences:
            return None
        output_mask = ops.flip(mask, axis=1) if self.go_backwards else mask  # Keras reverses only the output
        extra = len(self.state_size) * self.return_state
        extra += len(self.cell.gate_names + self.cell.state_names) * self.return_gates
        return [output_mask] + [None] * extra if extra else output_mask

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.keras_layer is None:
            config.pop("cell")
            config["activity_regularizer"] = keras.regularizers.serialize(self.activity_regularizer)
            config |= {name: option for name, option in self.cell.get_config().items() if name not in config}
        config["seed"] = self.cell.seed
        if hasattr(self.cell, "implementation"):
            config |= {"use_cudnn": self.use_cudnn, "implementation": self.cell.implementation}
        return config | self.cell.own_config() | {"return_gates": self.return_gates, "recompute": self.recompute}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


def _where_any(mask: Tensor | None, sequences: Tensor, state: Tensor) -> Tensor:
    """The last output: the state, or zeros for a row in which no step was valid."""
    if mask is not None:
        return ops.where(ops.any(mask, axis=1)[:, None], state, ops.zeros_like(state))
    if sequences.shape[1]:
        return state
    return ops.where(ops.shape(sequences)[1] > 0, state, ops.zeros_like(state))
