"""Biases that make a gate remember from the first step of training on."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import is_number

Tensor = Any


def valid_memory_bias(
    forget_bias: float | None, chrono: int | None, memory_gates: Mapping[str, int], use_bias: bool, owner: str
) -> None:
    """Check `forget_bias` and `chrono` of a cell, both None by default.

    Raises:
        ValueError: both given, a value that makes no sense, or a cell without what they set.
    """
    if forget_bias is None and chrono is None:
        return
    given = f"received forget_bias={forget_bias!r}, chrono={chrono!r}"
    if forget_bias is not None and chrono is not None:
        raise ValueError(
            f"`forget_bias` and `chrono` set the same biases and must not both be given; {given}. Drop one."
        )
    if not memory_gates:
        raise ValueError(
            f"`forget_bias` and `chrono` must be None for {owner}, which has no gate that keeps or writes; {given}. "
            "Use a gated cell, or leave them out."
        )
    if not use_bias:
        raise ValueError(
            f"`use_bias` must be True where `forget_bias` or `chrono` is given, for they are its start; {given}. Pass "
            "`use_bias=True`, or leave them out."
        )
    if forget_bias is not None and not (is_number(forget_bias) and math.isfinite(forget_bias)):
        raise ValueError(f"`forget_bias` must be a finite number; received {forget_bias!r}. 1.0 is the usual choice.")
    if chrono is not None and (not is_number(chrono) or chrono != int(chrono) or chrono < 3):
        raise ValueError(
            f"`chrono` must be an int of at least 3, the longest dependency in steps; received {chrono!r}. Pass the "
            "length of the sequences if you do not know it."
        )


def memory_bias(
    start: Callable[..., Tensor],
    gate_names: Sequence[str],
    memory_gates: Mapping[str, int],
    forget_bias: float | None,
    chrono: int | None,
    seed: Any,
) -> Callable[..., Tensor]:
    """An initializer: `start`, with the biases of the gates that keep or write put in their columns.

    A bias of two rows (the GRU's: of the input, of the recurrent product) has them in the first, and 0 in the second.
    """
    keeping = [name for name, sign in memory_gates.items() if sign > 0]

    def initialize(shape: Sequence[int], dtype: Any = None) -> Tensor:
        width = shape[-1] // len(gate_names)
        if chrono is not None:
            draw = keras.initializers.RandomUniform(1.0, float(chrono - 1), seed=seed)
            value, chosen = ops.log(draw((width,), dtype=dtype)), list(memory_gates)
        else:
            value = ops.full((width,), forget_bias, dtype=dtype or keras.config.floatx())
            chosen = keeping or list(memory_gates)
        blocks = ops.split(start(shape, dtype=dtype), len(gate_names), axis=-1)
        for index, name in enumerate(gate_names):
            if name in chosen:
                block = value * memory_gates[name]
                if len(shape) == 2:
                    block = ops.concatenate([block[None], ops.zeros((shape[0] - 1, width), dtype=block.dtype)])
                blocks[index] = block
        return ops.concatenate(blocks, axis=-1)

    return initialize
