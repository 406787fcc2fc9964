"""The optimizer of the recipes: AdamW that also tells how large the gradients were, by gate, and what was clipped."""

from typing import Any

import keras
from keras import ops

Tensor = Any


class WatchedAdamW(keras.optimizers.AdamW):
    """AdamW with clipping by the global norm; sums of the norms since the last `read`.

    Args:
        model: whose gradients are watched: one norm for each gate of each recurrent cell, kernel and recurrent kernel.
        clip: the greatest global norm.
        kwargs: as of `keras.optimizers.AdamW`.
    """

    def __init__(self, model: keras.Model, clip: float, **kwargs: Any) -> None:
        super().__init__(global_clipnorm=clip, **kwargs)
        self._gates = gates_of(model)
        names = [
            "steps",
            "clipped",
            "norm",
            *(f"{path}/{gate}" for path, gates in self._gates.items() for gate in gates),
        ]
        self._sums = {
            name: self.add_variable((), name=f"watched_{i}", initializer="zeros") for i, name in enumerate(names)
        }

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """As of AdamW."""
        grads = list(grads)
        variables = self._trainable_variables if trainable_variables is None else trainable_variables
        total = ops.sqrt(sum(ops.sum(ops.square(grad)) for grad in grads if grad is not None))
        found: dict[str, Tensor] = {"steps": 1.0, "norm": total}
        found["clipped"] = ops.cast(total > self.global_clipnorm, "float32")
        for variable, grad in zip(variables, grads, strict=True):
            gates = self._gates.get(variable.path, [])
            if gates and grad is not None:
                blocks = ops.reshape(ops.square(grad), (-1, len(gates), grad.shape[-1] // len(gates)))
                norms = ops.sqrt(ops.sum(blocks, axis=(0, 2)))
                found |= {f"{variable.path}/{gate}": norms[i] for i, gate in enumerate(gates)}
        for name, value in found.items():
            self._sums[name].assign_add(value)
        super().apply(grads, trainable_variables)

    def read(self) -> dict[str, float]:
        """Means since the last call: `gradient_norm`, `clip_fraction`, and the norm of each gate.

        The norm is the one by which Keras clips: a row of an embedding counts once for each time that it was read.
        """
        sums = {name: float(variable.numpy()) for name, variable in self._sums.items()}
        for variable in self._sums.values():
            variable.assign(0.0)
        steps = max(sums.pop("steps"), 1.0)
        read = {"gradient_norm": sums.pop("norm") / steps, "clip_fraction": sums.pop("clipped") / steps}
        return read | {f"gradient_norm/{name}": total / steps for name, total in sums.items()}


def gates_of(model: keras.Model) -> dict[str, list[str]]:
    """The gates in the columns of each kernel and recurrent kernel of our cells, by the variable's path."""
    found: dict[str, list[str]] = {}
    for layer in model._flatten_layers():
        gates = list(getattr(layer, "gate_names", ()))
        units: Any = getattr(layer, "units", None)
        for name in ("kernel", "recurrent_kernel"):
            variable: Any = getattr(layer, name, None)
            if gates and getattr(variable, "path", None) and variable.shape[-1] == len(gates) * units:
                found[variable.path] = gates
    return found
