"""`AttentionDecoder` in its other forms: Luong's order, stacks, heads, memories, sampling, bridges, gates."""

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from backend import JAX, MODES, compiled, gradients, to_tensor
from decoder_cases import CASES, KEEP, A, M, S, V, draw, make_decoder
from keras import ops
from layer_cases import MASKS, B, D, T, U, assert_close, flat, oracle_step, random_weights
from numpy_cells import bahdanau
from numpy_decoder import Run, decode

from kerasrnn import layers

TOLERANCE = 1e-10


def oracle(layer: Any, kinds: list[str], x: Any, states: Any, memories: Any, keeps: Any, mask: Any) -> Run:
    cells = layer.cell.cells if len(kinds) > 1 else [layer.cell]
    steps = [oracle_step(kind, [np.asarray(w) for w in cell.weights]) for kind, cell in zip(kinds, cells, strict=True)]

    def attend(attention: Any) -> Any:
        matrices = [np.asarray(w) for w in attention.weights]
        return lambda query, memory, keep: bahdanau(query, memory, *matrices, None, keep)

    attends = [attend(one) for one in layer.attentions]
    memories = memories * (len(attends) // len(memories))
    return decode(
        steps,
        [2 if kind == "lstm" else 1 for kind in kinds],
        attends,
        x,
        states,
        memories,
        order=layer.order,
        feeding=layer.input_feeding,
        vector=None if layer.vector_kernel is None else np.asarray(layer.vector_kernel),
        keeps=keeps * (len(attends) // len(keeps)),
        mask=mask,
    )


@pytest.mark.parametrize("mode", [MODES[-1]] if JAX else MODES[:2])
@pytest.mark.parametrize("case", CASES)
def test_against_numpy(case: str, mode: str, rng: np.random.Generator) -> None:
    options = dict(CASES[case])
    kinds, count = options["kinds"], options.get("memories", 1)
    layer = make_decoder(rng, **options)
    x, states, memories = draw(rng, kinds, count)
    keeps, mask = [KEEP[:, : memory.shape[1]] for memory in memories], MASKS["holes"]
    run = oracle(layer, kinds, x, states, memories, keeps, mask)

    def call(x: Any, *rest: Any) -> Any:
        memory, keep = list(rest[:count]), list(rest[count:])
        one = count == 1
        return layer(
            x,
            memory[0] if one else memory,
            initial_state=[to_tensor(s) for s in states],
            mask=to_tensor(mask),
            memory_mask=keep[0] if one else keep,
        )

    actual = compiled(call, mode)(*map(to_tensor, [x, *memories, *keeps]))
    assert_close(flat(actual), [run.outputs, *run.states, *run.alignments], TOLERANCE)


@pytest.mark.parametrize("case", ["bahdanau on a stack with two heads", "luong", "luong without feeding"])
def test_steps_equal_the_loop(case: str, rng: np.random.Generator) -> None:
    options = dict(CASES[case])
    layer = make_decoder(rng, **options, return_gates=True)
    x, states, memories = draw(rng, options["kinds"])
    outputs, *rest, gates = layer(x, memories[0], initial_state=[to_tensor(s) for s in states])
    final, alignment = rest[: len(states)], rest[len(states)]
    assert_close(layer.trace(x, memories[0], initial_state=states), gates | named(layer, alignment), 1e-12)
    prepared = layer.prepare(to_tensor(memories[0]))
    now = layer.first_states(prepared, [to_tensor(s) for s in states])
    for t in range(T):
        _, _, traced = layer.traced_step(to_tensor(x[:, t]), now, prepared)
        output, now, weights = layer.step(to_tensor(x[:, t]), now, prepared)
        assert_close(output, outputs[:, t], 1e-12)
        assert_close(flat(weights), flat([value[:, t] for value in keras.tree.flatten(alignment)]), 1e-12)
        assert_close({name: traced[name] for name in gates}, {name: g[:, t] for name, g in gates.items()}, 1e-12)
    assert_close(list(now)[: len(final)], list(final), 1e-12)


def named(layer: Any, alignment: Any) -> dict[str, Any]:
    found = alignment if isinstance(alignment, (list, tuple)) else [alignment]
    return {"alignment": found[0]} if len(found) == 1 else {f"alignment/{i}": one for i, one in enumerate(found)}


class Unknown(keras.layers.LSTMCell):
    """A cell whose equations are not known here, for a subclass may compute something else."""


def test_any_keras_cell(rng: np.random.Generator) -> None:
    """Keras' own cells run as ours do, any other by its call."""
    x, states, memories = draw(rng, ["lstm", "lstm"])
    expected, weights = None, None
    for cells in ([layers.LSTMCell] * 2, [keras.layers.LSTMCell] * 2, [Unknown] * 2, [keras.layers.LSTMCell, Unknown]):
        for order in ("bahdanau", "luong"):
            layer = layers.AttentionDecoder(
                [make(U + index, dtype="float64") for index, make in enumerate(cells)],
                layers.BahdanauAttention(A, dtype="float64"),
                order=order,
                dtype="float64",
                return_state=True,
            )
            layer.build((None, None, D), (None, None, M))
            weights = weights or [rng.standard_normal(w.shape) for w in layer.weights]
            layer.set_weights(weights)
            run = compiled(partial(layer, initial_state=states, mask=MASKS["left"]), MODES[1])
            found = flat(run(to_tensor(x), to_tensor(memories[0])))
            if order == "bahdanau":
                expected = found if expected is None else expected
                assert_close(found, expected, 1e-11)


def speaker(rng: np.random.Generator, probability: float | None, scale: float = 30.0) -> Any:
    """A decoder with words, sure of what it says next."""
    layer = layers.AttentionDecoder(
        layers.GRUCell(U, dtype="float64"),
        layers.BahdanauAttention(A, dtype="float64"),
        embedding=keras.layers.Embedding(7, D, dtype="float64"),
        readout=keras.layers.Dense(7, dtype="float64"),
        scheduled_sampling=probability,
        return_alignment=True,
        dtype="float64",
    )
    layer.build((None, None), (None, None, M))
    for weight in layer.trainable_weights:
        weight.assign(rng.standard_normal(weight.shape))
    kernel, bias = layer.readout.get_weights()
    layer.readout.set_weights([kernel * scale, bias])
    if probability is not None:
        layer.sampling_probability.assign(probability)
    return layer


def test_scheduled_sampling(rng: np.random.Generator) -> None:
    """Always: each step but the first reads what the last one said. Never, or outside of training: the target."""
    tokens, memory = rng.integers(0, 7, (B, T)), rng.standard_normal((B, S, M))
    seed = int(rng.integers(1 << 30))
    plain = speaker(np.random.default_rng(seed), None)
    expected = plain(tokens, memory)
    never, always = (speaker(np.random.default_rng(seed), p) for p in (0.0, 1.0))
    assert_close(list(never(tokens, memory, training=True)), list(expected), 1e-10)
    assert_close(list(always(tokens, memory)), list(expected), 1e-10)
    prepared = plain.prepare(to_tensor(memory))
    states, token, spoken = plain.first_states(prepared), tokens[:, 0], []
    for _ in range(T):
        logits, states, _ = plain.step(to_tensor(token), states, prepared)
        token = np.argmax(np.asarray(logits), axis=-1)
        spoken.append(np.asarray(logits))
    run = compiled(lambda t, m: always(t, m, training=True), MODES[1])
    said, alignment = run(to_tensor(tokens), to_tensor(memory))
    assert np.abs(np.asarray(said) - np.asarray(expected[0])).max() > 0.1
    assert_close(said, np.stack(spoken, axis=1), 1e-8)
    np.testing.assert_allclose(np.sum(alignment, axis=-1), 1.0)
    unsure = speaker(np.random.default_rng(seed), 1.0, scale=1.0)
    drawn = [np.asarray(unsure(tokens, memory, training=True)[0]) for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3  # another draw each time


def test_scheduled_sampling_trains(rng: np.random.Generator) -> None:
    layer = speaker(rng, 0.5)
    tokens, memory = rng.integers(0, 7, (B, T)), rng.standard_normal((B, S, M))
    dense = [weight for weight in layer.trainable_variables if weight is not layer.embedding.embeddings]
    found = gradients(lambda m: (ops.sum(layer(tokens, m, training=True)[0] ** 2), 0.0), dense, [memory])
    assert all(np.isfinite(g).all() and np.abs(g).max() > 0 for g in [*found.sources, *found.variables])


def test_bridges(rng: np.random.Generator) -> None:
    x, _, memories = draw(rng, ["lstm"])
    ended = [rng.standard_normal((B, width)) for width in (2, 3)]
    made = {}
    for kind in ("dense", "zero"):
        layer = layers.AttentionDecoder(
            layers.LSTMCell(U, dtype="float64"),
            layers.BahdanauAttention(A, dtype="float64"),
            bridge=kind,
            dtype="float64",
        )
        layer(x, memories[0], initial_state=ended)
        random_weights(layer, np.random.default_rng(3))
        made[kind] = layer
    dense = made["dense"]
    matrices = {w.path: np.asarray(w) for w in dense.weights if "/bridge/" in w.path}
    assert len(matrices) == 4
    states = [
        np.tanh(np.concatenate(ended, axis=-1) @ kernel + bias)
        for kernel, bias in zip(*[iter(matrices.values())] * 2, strict=True)
    ]
    plain = layers.AttentionDecoder(
        layers.LSTMCell(U, dtype="float64"), layers.BahdanauAttention(A, dtype="float64"), dtype="float64"
    )
    plain.build(x.shape, memories[0].shape)
    plain.set_weights([np.asarray(w) for w in dense.weights if "/bridge/" not in w.path])
    assert_close(dense(x, memories[0], initial_state=ended), plain(x, memories[0], initial_state=states), TOLERANCE)
    plain.set_weights(made["zero"].get_weights())
    assert_close(made["zero"](x, memories[0], initial_state=ended), plain(x, memories[0]), TOLERANCE)
    with pytest.raises(ValueError, match="initial_state"):
        plain(x, memories[0], initial_state=ended)


@pytest.mark.usefixtures("fresh_keras")
def test_a_model_of_everything_comes_back(tmp_path: Path, rng: np.random.Generator) -> None:
    """A functional model with a stack, heads, words, a bridge and gates out; saved, loaded, trained a step."""
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(9, D, mask_zero=True)(source)
    memory, *states = layers.Bidirectional(layers.GRU(3, return_sequences=True, return_state=True))(embedded)
    decoder = layers.AttentionDecoder(
        [layers.LSTMCell(U), keras.layers.GRUCell(U + 1)],
        [layers.BahdanauAttention(A), layers.BahdanauAttention(A)],
        order="luong",
        vector_units=V,
        embedding=keras.layers.Embedding(7, D, mask_zero=True),
        readout=keras.layers.Dense(7),
        scheduled_sampling=0.25,
        bridge="dense",
        return_alignment=True,
        return_gates=True,
        return_state=True,
        name="decoder",
    )
    logits, *found, alignments, gates = decoder(target, memory, initial_state=states)
    assert [tuple(state.shape) for state in found] == [(None, U), (None, U), (None, U + 1)]
    assert [tuple(one.shape) for one in alignments] == [(None, None, None)] * 2
    assert set(gates) == {
        *(f"0/{name}" for name in ("input", "forget", "candidate", "output", "hidden", "cell")),
        *(f"1/{name}" for name in ("update", "reset", "candidate", "hidden")),
    }
    model = keras.Model([source, target], [logits, *alignments, gates["0/forget"], gates["1/hidden"]])
    tokens = [rng.integers(1, 9, (2, 5)), rng.integers(1, 7, (2, 4))]
    expected = model(tokens)
    padded = [np.pad(tokens[0], [(0, 0), (2, 0)]), np.pad(tokens[1], [(0, 0), (0, 3)])]
    longer = model.predict(padded, verbose=0)
    assert_close(longer[0][:, :4], expected[0], 1e-5)
    assert_close(longer[1][:, :4, 2:], expected[1], 1e-5)
    assert_close(longer[3][:, :4], expected[3], 1e-5)
    np.testing.assert_array_equal(longer[3][:, 4:], 0.0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert_close(flat(again(tokens)), flat(expected), 1e-6)
    assert unbuilt(again.get_layer("decoder").get_config()) == unbuilt(decoder.get_config())
    head = keras.Model(model.inputs, model.outputs[0])
    head.compile(keras.optimizers.Adam(0.03), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = head.fit(tokens, rng.integers(1, 7, (2, 4)), epochs=20, verbose=0).history["loss"]
    assert history[-1] < 0.85 * history[0]


def unbuilt(config: Any) -> Any:
    """A configuration without what Keras notes of the shapes that its layers were built with."""
    if isinstance(config, (list, tuple)):
        return [unbuilt(each) for each in config]
    if isinstance(config, dict):
        return {name: unbuilt(value) for name, value in config.items() if name != "build_config"}
    return config


def test_refusals() -> None:
    cell, attention = layers.GRUCell(U), layers.BahdanauAttention(A)
    for options, match in (
        ({"order": "first"}, "order.*bahdanau, luong.*'first'"),
        ({"bridge": "none"}, "bridge.*copy, dense, zero"),
        ({"scheduled_sampling": 0.5}, "embedding.*readout"),
        ({"scheduled_sampling": 2.0}, "scheduled_sampling.*between 0 and 1"),
        ({"vector_units": 0}, "vector_units.*positive"),
    ):
        with pytest.raises(ValueError, match=match):
            layers.AttentionDecoder(cell, attention, **options)
    with pytest.raises(ValueError, match="attention"):
        layers.AttentionDecoder(cell, keras.layers.AdditiveAttention())
    with pytest.raises(ValueError, match=r"memory.*2 attention"):
        layers.AttentionDecoder(cell, [attention, attention])(np.zeros((B, T, D)), [np.zeros((B, S, M))] * 3)
