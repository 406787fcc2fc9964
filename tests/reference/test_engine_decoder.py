"""The compiled loop of a decoder against the plain one, with its automatic gradients."""

from typing import Any

import keras
import numpy as np
import pytest
from backend import differentiated, to_tensor
from decoder_cases import CASES, KEEP, draw, make_decoder
from keras import ops
from layer_cases import MASKS, assert_close, flat

from kerasrnn import engine


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("case", CASES)
def test_the_compiled_loop_has_the_gradients_of_the_plain_one(case: str, mask: str, rng: np.random.Generator) -> None:
    """With dropout and zoneout, and gates and alignments among what the loss reads."""
    options = dict(CASES[case])
    kinds, count = options["kinds"], options.get("memories", 1)
    random = {"dropout": 0.3, "recurrent_dropout": 0.3, "zoneout": 0.2, "seed": 5}
    layer = make_decoder(rng, **options, cell_options=random, return_gates=True)
    x, states, memories = draw(rng, kinds, count)
    keep = [to_tensor(KEEP[:, : memory.shape[1]]) for memory in memories]
    seeds = [v for v in layer.non_trainable_variables if "seed" in v.path]
    assert seeds
    start = [np.asarray(seed) for seed in seeds]
    weights = [rng.standard_normal(np.shape(value)) for value in flat(layer(x, memories if count > 1 else memories[0]))]

    def loss(x: Any, *rest: Any) -> Any:
        memory, before = list(rest[:count]), list(rest[count:])
        found = layer(
            x,
            memory if count > 1 else memory[0],
            initial_state=before,
            mask=None if MASKS[mask] is None else to_tensor(MASKS[mask]),
            memory_mask=keep if count > 1 else keep[0],
            training=True,
        )
        values = keras.tree.flatten(found)
        return ops.sum(ops.stack([ops.sum(v * w) for v, w in zip(values, weights, strict=True)])), found

    sources, outcomes = [x, *memories, *states], []
    for portable in (False, True):
        for seed, value in zip(seeds, start, strict=True):
            seed.assign(value)
        run = differentiated(loss, layer.trainable_variables, len(sources), "graph")
        if portable:
            with engine.portable():
                outcomes.append(run(*sources))
        else:
            outcomes.append(run(*sources))
    one, other = outcomes
    assert all(gradient is not None for gradient in [*one.sources, *one.variables])
    assert_close(
        flat([one.results, one.sources, one.variables]), flat([other.results, other.sources, other.variables]), 1e-11
    )
