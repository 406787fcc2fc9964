"""The echo state network: a fixed random reservoir."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from kerasrnn import _compat
from kerasrnn.layers.arguments import is_number
from kerasrnn.layers.base_cells import RecurrentCell
from kerasrnn.layers.gated_cell import GatedCell, Product
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.registry import register

Tensor = Any


class _Reservoir(keras.initializers.Initializer):
    """A square matrix of which a share of the entries is not zero, scaled to a spectral radius.

    The radius is exact: the largest absolute eigenvalue, by NumPy, when the weight is made.

    Args:
        start: the initializer of the entries.
        connectivity: the probability that an entry stays, above 0 and at most 1.
        spectral_radius: of the matrix, above 0.
        seed: of which entries stay; an int, or None.
    """

    def __init__(self, start: Any, connectivity: float, spectral_radius: float, seed: int | None = None) -> None:
        self.start, self.connectivity, self.spectral_radius, self.seed = start, connectivity, spectral_radius, seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        with _compat.eagerly():
            entries = ops.convert_to_numpy(self.start(shape, dtype="float32")).astype("float64")
            chances = keras.initializers.RandomUniform(0.0, 1.0, seed=self.seed)(shape, dtype="float32")
            matrix = np.where(ops.convert_to_numpy(chances) < self.connectivity, entries, 0.0)
        radius = np.abs(np.linalg.eigvals(matrix)).max()
        if not radius > 1e-6 * np.abs(matrix).max():  # what rounding may make of 0
            raise ValueError(
                "`connectivity` must leave a reservoir with cycles, for else no scale gives it a spectral radius; "
                f"received {self.connectivity} with {shape[0]} units. Raise either, or try another `seed`."
            )
        return ops.convert_to_tensor(matrix * (self.spectral_radius / radius), dtype=dtype)


@register
class ESNCell(GatedCell, RecurrentCell):
    r"""One step of an echo state network with leaky integration.

    $$ h_t = (1 - \alpha) \odot h_{t-1} + \alpha \odot \tanh(x_t W + h_{t-1} U + b) $$

    All weights are random and stay as they begin; only what reads the states is trained. U is sparse, and scaled to a
    spectral radius: below 1, inputs of long ago fade, in practice, from the state (the echo state property).

    It has no gate; its one state is `hidden` (h). Weights, none trainable: `kernel (d, u)`, `recurrent_kernel (u, u)`,
    `bias (u,)`.

    Args: those of `ESN` that concern a single step.

    Reference: H. Jaeger, The "echo state" approach to analysing and training recurrent neural networks, GMD Report 148,
    2001; leaky integration: H. Jaeger et al., Optimization and applications of echo state networks with
    leaky-integrator neurons, Neural Networks 20(3), 2007.
    """

    gate_names: ClassVar[tuple[str, ...]] = ()
    state_names: ClassVar[tuple[str, ...]] = ("hidden",)
    reads: ClassVar[tuple[str, ...]] = ("activation", "leaky")

    def __init__(
        self,
        units: int,
        *,
        connectivity: float = 0.1,
        leaky: float = 1.0,
        spectral_radius: float = 0.9,
        recurrent_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(units, recurrent_initializer=recurrent_initializer, **kwargs)
        limits: list[tuple[str, Any, float]] = [
            ("connectivity", connectivity, 1.0),
            ("leaky", leaky, 1.0),
            ("spectral_radius", spectral_radius, float(np.finfo("float32").max)),
        ]
        for name, value, most in limits:
            if not is_number(value) or not 0.0 < value <= most:
                limit = "" if most > 1.0 else " and at most 1"
                raise ValueError(f"`{name}` must be a number above 0{limit}; received {value!r}. See the defaults.")
        for name in (f"{weight}_{kind}" for weight in ("kernel", "recurrent", "bias") for kind in _FIXED):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"`{name}` must be None: the weights of {type(self).__name__} are not trained; received "
                    f"{getattr(self, name)!r}. Leave it out."
                )
        self.connectivity, self.leaky, self.spectral_radius = connectivity, leaky, spectral_radius

    def add(self, name: str, shape: tuple[int, ...], options: str, **others: Any) -> Any:
        initializer = _seeded(others.pop("initializer", getattr(self, f"{options}_initializer")), self.seed, options)
        if name == "recurrent_kernel":
            of_entries = None if self.seed is None else self.seed + len(_OFFSETS)
            initializer = _Reservoir(initializer, self.connectivity, self.spectral_radius, of_entries)
        return super().add(name, shape, options, initializer=initializer, trainable=False)

    def update(self, projected: Tensor, states: list[Tensor], mm: Product) -> tuple[list[Tensor], dict[str, Tensor]]:
        h = states[0]
        return [(1 - self.leaky) * h + self.leaky * self.activation(mm(0, h, projected))], {}

    def get_config(self) -> dict[str, Any]:
        own = {"connectivity": self.connectivity, "leaky": self.leaky, "spectral_radius": self.spectral_radius}
        return super().get_config() | own


_FIXED = ("regularizer", "constraint")
_OFFSETS = {"kernel": 0, "recurrent": 1, "bias": 2}


def _seeded(initializer: Any, seed: int | None, options: str) -> Any:
    """The initializer, with a seed of the cell's where it has none of its own."""
    if seed is None or not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    config = initializer.get_config()
    if "seed" not in config or config["seed"] is not None:
        return initializer
    return type(initializer).from_config(config | {"seed": seed + _OFFSETS[options]})


@register
class ESN(RecurrentLayer):
    """The echo state network over a sequence: a fixed random reservoir to be read by a layer that is trained.

    Equation: `ESNCell`. Masks, `return_gates` (here only `hidden`), `trace` and `step`: `RecurrentLayer`.

    Args:
        units: width of the reservoir, a positive int.
        connectivity: probability that one unit of the reservoir feeds another, above 0 and at most 1.
        leaky: the share α of the state that each step renews, above 0 and at most 1 (all of it).
        spectral_radius: largest absolute eigenvalue of the recurrent kernel, above 0, for an echo state below 1. Its
            eigenvalues are computed when the layer is built: seconds for some thousand units.
        recurrent_initializer: how the recurrent kernel begins, before it is made sparse and scaled.
        seed: of the weights, of those initializers that have none of their own, and of dropout; an int, or None.
        return_gates: return `(output, *states, gates)`; see `RecurrentLayer`.
        **kwargs: every other argument of `keras.layers.SimpleRNN` but regularizers and constraints of the weights, with
            its defaults, by name; `zoneout` of `GatedCell`.

    Call arguments and returns: see `RecurrentLayer`.

    Raises:
        ValueError: also when the layer is built and no unit of the reservoir feeds itself, directly or through others.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import ESN
    >>> layer = ESN(50, spectral_radius=0.8, seed=1)
    >>> tuple(layer(np.ones((2, 5, 3), "float32")).shape), layer.trainable_weights
    ((2, 50), [])
    >>> round(float(abs(np.linalg.eigvals(layer.cell.recurrent_kernel)).max()), 3)
    0.8

    Reference: see `ESNCell`.
    """

    cell_class = ESNCell
    cell_name = "esn_cell"
