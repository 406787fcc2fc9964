"""The states of a stateful layer, in and out as arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops


class KeepsStates:
    """`get_states`, `set_states` and `reset_states`; mixed in before a Keras layer with `stateful` and `states`."""

    name: str
    stateful: bool
    states: Any
    reset_state: Any

    def get_states(self) -> list[np.ndarray] | None:
        """Copies of the states kept between calls, `(b, u)` each; None where none are kept yet."""
        if not self.states:
            return None
        return [np.array(ops.convert_to_numpy(state)) for state in self.states]

    def set_states(self, states: Sequence[Any]) -> None:
        """Put other states in the place of those kept, such as `get_states` gave.

        Raises:
            ValueError: a layer that keeps no states, another number of states, or other shapes.
        """
        if not self.stateful:
            raise ValueError(
                f"`set_states` must have a stateful layer; received states for '{self.name}', which keeps none between "
                "calls. Make it with `stateful=True`, or pass `initial_state` when calling it."
            )
        if not self.states:
            raise ValueError(
                f"`set_states` must know the batch size of layer '{self.name}'; received states before it was built. "
                "Call or build the layer first."
            )
        given = [np.asarray(state) for state in states]
        expected, received = [tuple(state.shape) for state in self.states], [state.shape for state in given]
        if expected != received:
            raise ValueError(
                f"`states` must be {len(expected)} array(s) of the shapes {expected}; received {received}. Pass what "
                "`get_states` returns."
            )
        for variable, state in zip(self.states, given, strict=True):
            variable.assign(state)

    def reset_states(self, states: Sequence[Any] | None = None) -> None:
        """Begin again: with zeros, or with the given `states`."""
        if states is None:
            self.reset_state()
        else:
            self.set_states(states)
