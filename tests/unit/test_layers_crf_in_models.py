"""The CRF in models: training, files, exports, decoding, tag schemes, refusals."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy_crf
import pytest
from backend import JAX, MODES, compiled, to_tensor
from keras import ops
from numpy_cells import Array

from kerasrnn import crf, layers

pytestmark = pytest.mark.usefixtures("fresh_keras")

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
N, T = len(NAMES), 6


def tagger(seed: int = 1, **options: Any) -> keras.Model:
    """Words, padded with 0, to the chains of their tags."""
    words = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(12, 4, mask_zero=True)(words)
    x = keras.layers.Dense(N)(layers.GRU(5, return_sequences=True)(x))
    model = keras.Model(words, layers.CRF(N, transition_initializer="random_normal", **options)(x))
    rng = np.random.default_rng(seed)
    model.set_weights([rng.standard_normal(weight.shape) for weight in model.weights])
    return model


def words_and_tags(rng: np.random.Generator, rows: int = 8) -> tuple[Array, Array]:
    words = rng.integers(1, 12, (rows, T)).astype("int32")
    words[np.arange(T) >= rng.integers(1, T + 1, rows)[:, None]] = 0
    words[0, 1:] = [0, 3, 4, 0, 5]
    return words, np.where(words > 0, rng.integers(0, N, (rows, T)), 99)


def losses(model: keras.Model, words: Array, tags: Array) -> Array:
    """The loss of each row, by the definition."""
    layer = model.layers[-1]
    emissions = np.asarray(keras.Model(model.input, model.layers[-2].output)(words), "float64")
    scores = [np.asarray(one, "float64") for one in layer.scores()]
    found = []
    for row, keep in enumerate(words > 0):
        whole = numpy_crf.log_partition(numpy_crf.enumerate_paths(emissions[row], *scores, keep))
        found.append(whole - numpy_crf.score(tags[row, keep], emissions[row, keep], *scores))
    return np.array(found)


def test_loss_and_accuracy_of_a_model(rng: np.random.Generator) -> None:
    """The mask of the embedding counts, tags beneath it do not; weights are of sequences; the mean is over rows."""
    model, (words, tags) = tagger(), words_and_tags(rng, 4)
    model.compile(loss=crf.CRFLoss(), metrics=[crf.CRFAccuracy()], weighted_metrics=[crf.CRFAccuracy(name="weighted")])
    weights = rng.random(4)
    found = model.evaluate(words, tags, sample_weight=weights, verbose=0, return_dict=True)
    expected = losses(model, words, tags)
    np.testing.assert_allclose(found["loss"], np.mean(weights * expected), rtol=1e-5)
    best = np.asarray(layers.CRFDecoder()(model(words)))
    right, counts = (best == tags).sum(axis=1), (words > 0).sum(axis=1)
    np.testing.assert_allclose(found["crf_accuracy"], right.sum() / counts.sum(), rtol=1e-5)
    np.testing.assert_allclose(found["weighted"], weights @ right / (weights @ counts), rtol=1e-5)
    each = crf.CRFLoss(reduction=None)(tags[..., None], model(words))
    np.testing.assert_allclose(each, expected, rtol=1e-4)
    accuracy = crf.CRFAccuracy()
    steps = rng.random(words.shape)
    accuracy.update_state(tags, model(words), steps)
    np.testing.assert_allclose(
        accuracy.result(), (steps * (best == tags)).sum() / (steps * (words > 0)).sum(), rtol=1e-5
    )


def test_training_finds_the_chain_that_tags_were_drawn_from(rng: np.random.Generator) -> None:
    """Emissions are given; transitions, start and end are recovered, up to what does not change any probability."""
    n, rows = 3, 600
    emissions = rng.standard_normal((rows, 5, n)).astype("float32")
    truth = [1.5 * rng.standard_normal(size) for size in ((n, n), (n,), (n,))]
    keep = np.arange(5) < rng.integers(2, 6, rows)[:, None]
    tags, best = np.zeros((rows, 5), int), 0.0
    for row in range(rows):
        paths, scores = numpy_crf.enumerate_paths(emissions[row].astype(float), *truth, keep[row])
        chances = np.exp(scores - scores.max())
        drawn = rng.choice(len(paths), p=chances / chances.sum())
        tags[row, keep[row]] = paths[drawn]
        best -= np.log(chances[drawn] / chances.sum()) / rows
    given, mask = keras.Input((None, n)), keras.Input((None,), dtype="bool")
    model = keras.Model([given, mask], layers.CRF(n)(given, mask=mask))
    model.compile(keras.optimizers.Adam(0.1), loss=crf.CRFLoss())
    # A third of the rows says something else and weighs nothing.
    wrong = np.arange(rows) % 3 == 0
    shown = np.where(wrong[:, None], 0, tags)
    history = model.fit(
        [emissions, keep], shown, sample_weight=(~wrong).astype("float32"), epochs=25, batch_size=200, verbose=0
    ).history["loss"]
    assert history[-1] < 0.8 * history[0]
    assert float(crf.CRFLoss()(tags, model([emissions, keep]))) < best + 0.05

    def likelihoods(transitions: Array, start: Array, end: Array) -> Array:
        zero = np.zeros((4, n))
        found = numpy_crf.enumerate_paths(zero, transitions, start, end, np.ones(4, bool))
        return found.scores[np.lexsort(found.paths.T)] - numpy_crf.log_partition(found)

    learned = likelihoods(*(np.asarray(one, "float64") for one in model.layers[-1].scores()))
    assert np.corrcoef(learned, likelihoods(*truth))[0, 1] > 0.97


def test_training_in_every_mode(rng: np.random.Generator) -> None:
    """Eagerly, in a graph and under XLA a step of training changes the weights alike; also after saving."""
    words, tags = words_and_tags(rng)
    after = []
    for options in ({"run_eagerly": True}, {"jit_compile": False}, {"jit_compile": True}):
        if JAX and not options.get("jit_compile"):
            continue
        model = tagger()
        model.compile(keras.optimizers.SGD(0.1), loss=crf.CRFLoss(), **options)
        for _ in range(2):
            model.train_on_batch(words, np.where(tags == 99, 0, tags))
        after.append([np.asarray(weight) for weight in model.weights])
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(after[0][-3:], tagger().get_weights()[-3:], strict=True))
    for others in after[1:]:
        for one, other in zip(after[0], others, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-5)


def test_a_compiled_model_survives_its_file(rng: np.random.Generator, tmp_path: Path) -> None:
    """Loss, metric, constraints and the state of the optimiser, in another process that imports kerasrnn alone."""
    model = tagger(constraints=crf.bio_constraints(NAMES), use_boundary=False, transition_regularizer="l2")
    words, tags = words_and_tags(rng)
    tags = np.zeros_like(tags)
    model.compile("adam", loss=crf.CRFLoss(reduction="sum"), metrics=[crf.CRFAccuracy()])
    model.fit(words, tags, verbose=0)
    decoder = keras.Model(model.input, layers.CRFDecoder(2, return_log_probs=True)(model.output))
    model.save(tmp_path / "model.keras")
    decoder.save(tmp_path / "decoder.keras")
    found = model.evaluate(words, tags, verbose=0, return_dict=True)
    np.savez(tmp_path / "case.npz", words=words, tags=tags, **found)
    again = keras.saving.load_model(tmp_path / "decoder.keras")
    for one, other in zip(decoder.predict(words, verbose=0), again.predict(words, verbose=0), strict=True):
        np.testing.assert_array_equal(one, other)
    code = """
import sys, kerasrnn
import numpy as np
import keras
case = np.load(sys.argv[1] + "/case.npz")
model = keras.saving.load_model(sys.argv[1] + "/model.keras")
found = model.evaluate(case["words"], case["tags"], verbose=0, return_dict=True)
for name in ("loss", "crf_accuracy"):
    np.testing.assert_allclose(found[name], case[name], rtol=1e-5)
assert type(keras.saving.load_model(sys.argv[1] + "/decoder.keras").layers[-1]) is kerasrnn.layers.CRFDecoder
assert int(model.optimizer.iterations) == 1
assert type(model.loss) is kerasrnn.crf.CRFLoss and model.loss.reduction == "sum"
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.tensorflow
def test_saved_model(rng: np.random.Generator, tmp_path: Path) -> None:
    """Any batch and length; the decoding is inside."""
    import tensorflow as tf

    model, (words, _) = tagger(), words_and_tags(rng)
    decoder = layers.CRFDecoder(return_log_probs=True, constraints=crf.bio_constraints(NAMES))
    decoding = keras.Model(model.input, decoder(model.output))
    decoding.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    for rows, steps in ((8, T), (2, 3)):
        found = loaded.serve(tf.constant(words[:rows, :steps]))
        for one, other in zip(found, decoding(words[:rows, :steps]), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_dynamic_sizes_and_dtypes(mode: str, rng: np.random.Generator) -> None:
    """One graph for all sizes; float32 at least; in float64 to the last digits."""
    emissions = rng.standard_normal((3, 4, 2))
    exact = layers.CRF(2, transition_initializer="random_normal", dtype="float64")
    expected = np.asarray(crf.log_partition(*crf.unpack(exact(emissions))))
    for policy in ("float64", "float32", "mixed_float16", "mixed_bfloat16", "bfloat16"):
        layer = layers.CRF(2, dtype=policy)
        layer.build(emissions.shape)
        layer.set_weights(exact.get_weights())
        run = compiled(layer, mode, [((None, None, 2), "float64")])
        for rows, steps in ((3, 4), (2, 3)):
            potentials = run(to_tensor(emissions[:rows, :steps]))
            assert keras.backend.standardize_dtype(potentials.dtype) == (
                "float64" if policy == "float64" else "float32"
            )
            assert potentials.shape == (rows, steps + 4, 3)
        tolerance = {"float64": 1e-12, "bfloat16": 2e-2}.get(policy, 1e-5)
        found = crf.log_partition(
            *crf.unpack(layer(ops.cast(emissions, layer.compute_dtype if "mixed" in policy else "float64")))
        )
        np.testing.assert_allclose(found, expected, atol=0.05 if "mixed" in policy else tolerance)
        assert layer.compute_output_spec(keras.KerasTensor((None, None, 2))).shape == (None, None, 3)


def test_packing(rng: np.random.Generator) -> None:
    chain = [rng.standard_normal(size).astype("float32") for size in ((3, 4, 2), (2, 2), (2,), (2,))]
    mask = rng.random((3, 4)) < 0.5
    packed = crf.pack(*chain, mask)
    for one, other in zip(crf.unpack(packed), [*chain, mask], strict=True):
        expected = np.where(mask[..., None], other, 0) if other.ndim == 3 else other
        np.testing.assert_array_equal(one, expected)
    assert packed.shape == (3, 8, 3)
    for bad in (np.zeros((2, 3)), np.zeros((2, 3, 3)), np.zeros((2, 3, 1))):
        with pytest.raises(ValueError, match=r"Expected the output of `kerasrnn.layers.CRF`"):
            crf.unpack(bad)


def encodings(types: str, length: int, encode: Callable[[list[tuple[int, int, str]], int], list[str]]) -> set[Any]:
    """How every way of laying segments `(first, last + 1, type)` over the words is written."""

    def lay(at: int) -> Any:
        if at == length:
            yield []
            return
        yield from lay(at + 1)
        for end, kind in itertools.product(range(at + 1, length + 1), types):
            for rest in lay(end):
                yield [(at, end, kind), *rest]

    return {tuple(encode(segments, length)) for segments in lay(0)}


def bio(segments: list[tuple[int, int, str]], length: int) -> list[str]:
    tags = ["O"] * length
    for first, end, kind in segments:
        tags[first:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - first - 1)]
    return tags


def iob1(segments: list[tuple[int, int, str]], length: int) -> list[str]:
    tags = ["O"] * length
    for first, end, kind in segments:
        touches = any(other == first and one == kind for _, other, one in segments)
        tags[first:end] = [f"B-{kind}" if touches else f"I-{kind}", *[f"I-{kind}"] * (end - first - 1)]
    return tags


def long_form(letters: str) -> Callable[[list[tuple[int, int, str]], int], list[str]]:
    begin, inside, last, alone = letters

    def encode(segments: list[tuple[int, int, str]], length: int) -> list[str]:
        tags = ["O"] * length
        for first, end, kind in segments:
            form = alone if end == first + 1 else begin + inside * (end - first - 2) + last
            tags[first:end] = [f"{letter}-{kind}" for letter in form]
        return tags

    return encode


SCHEMES = {
    "BIO": (crf.bio_constraints, bio, "BI"),
    "IOB1": (crf.iob1_constraints, iob1, "IB"),
    "BIOES": (crf.bioes_constraints, long_form("BIES"), "BIES"),
    "BILOU": (crf.bilou_constraints, long_form("BILU"), "BILU"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_allows_what_it_can_write(scheme: str) -> None:
    """All that writing down segments can give, and nothing else."""
    constraints, encode, letters = SCHEMES[scheme]
    tags = ["O", *(f"{letter}-{kind}" for kind in "XY" for letter in letters)]
    allowed = constraints(tags)
    for length in (1, 2, 4):
        accepted = {
            tuple(tags[i] for i in path)
            for path in itertools.product(range(len(tags)), repeat=length)
            if allowed.start[path[0]]
            and allowed.end[path[-1]]
            and all(allowed.transitions[a, b] for a, b in itertools.pairwise(path))
        }
        assert accepted == encodings("XY", length, encode)


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_constrained_decoding(scheme: str, rng: np.random.Generator) -> None:
    """Among the sequences of the scheme, the best ones, with their probabilities among them."""
    constraints, encode, letters = SCHEMES[scheme]
    tags = ["O", *(f"{letter}-X" for letter in letters)]
    n, length = len(tags), 4
    emissions = 3 * rng.standard_normal((5, length, n)).astype("float32")
    layer = layers.CRF(n, transition_initializer="random_normal")
    constrained = layers.CRF(n, constraints=constraints(tags))
    decoder = layers.CRFDecoder(3, return_log_probs=True, constraints=constraints(tags))
    found, log_probs = decoder(layer(emissions))
    constrained.build(emissions.shape)
    constrained.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layers.CRFDecoder()(constrained(emissions)), found[:, 0])
    legal = encodings("X", length, encode)
    scores = [np.asarray(one, "float64") for one in layer.scores()]
    for row in range(5):
        every = numpy_crf.enumerate_paths(emissions[row].astype(float), *scores, np.ones(length, bool))
        kept = [i for i, path in enumerate(every.paths) if tuple(tags[tag] for tag in path) in legal]
        among = numpy_crf.Enumerated(every.paths[kept], every.scores[kept])
        np.testing.assert_array_equal(found[row], among.paths[:3])
        np.testing.assert_allclose(log_probs[row], among.scores[:3] - numpy_crf.log_partition(among), atol=1e-4)


def test_training_under_constraints(rng: np.random.Generator) -> None:
    """What is forbidden has probability 0; a tag sequence that is forbidden has an infinite loss."""
    layer = layers.CRF(N, constraints=crf.bio_constraints(NAMES))
    potentials = layer(rng.standard_normal((2, 3, N)).astype("float32"))
    tags = np.array([[1, 2, 0], [1, 4, 0]])  # I-LOC after B-PER
    found = np.asarray(crf.CRFLoss(reduction=None)(tags, potentials))
    assert np.isfinite(found).tolist() == [True, False]
    assert found[1] == np.inf
    marginals = np.asarray(crf.marginals(*crf.unpack(potentials)))
    assert (marginals[:, 0, [2, 4]] == 0).all()
    np.testing.assert_allclose(marginals.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("scheme", "tags", "message"),
    [
        ("BIO", [], "one or more tags"),
        ("BIO", ["O", "O"], "each once"),
        ("BIO", ["O", "I-X"], "must hold 'B-X', without which 'I-X' cannot occur"),
        ("IOB1", ["O", "B-X"], "must hold 'I-X', without which 'B-X'"),
        ("BIO", ["O", "S-X"], "must be 'O' or one of 'B-TYPE', 'I-TYPE'; received 'S-X'"),
        ("BIO", ["O", "B"], "received 'B'"),
        ("BIO", ["O", "B-"], "received 'B-'"),
        ("BIO", ["O", "BX"], "received 'BX'"),
        ("BIO", ["O", 3], "received 3"),
        ("BIOES", ["O", "B-X", "I-X"], "must hold 'E-X', without which 'B-X'"),
        ("BIOES", ["O", "E-X"], "must hold 'B-X', without which 'E-X'"),
        ("BILOU", ["O", "E-X"], "received 'E-X'"),
    ],
)
def test_malformed_schemes(scheme: str, tags: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SCHEMES[scheme][0](tags)


def test_configurations() -> None:
    constraints = crf.bio_constraints(NAMES)
    for layer in (
        layers.CRF(N, constraints=constraints, use_boundary=False, transition_initializer="ones", name="a"),
        layers.CRF(N),
        layers.CRFDecoder(3, return_log_probs=True, constraints=constraints),
        layers.CRFDecoder(),
    ):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert type(again) is type(layer)
        assert again.get_config() == layer.get_config()
    loss = crf.CRFLoss(reduction="sum", name="x", dtype="float64")
    assert crf.CRFLoss.from_config(loss.get_config()).dtype == "float64"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.CRF(0), "`num_tags` must be a positive int; received 0"),
        (lambda: layers.CRF(2.0), "`num_tags` must be a positive int; received 2.0"),
        (lambda: layers.CRF(3)(np.zeros((2, 4, 2))), r"must be `\(batch, time, 3\)`.*Put `keras.layers.Dense\(3\)`"),
        (lambda: layers.CRF(3, constraints=crf.bio_constraints(NAMES)), r"`constraints` must be `Constraints"),
        (lambda: layers.CRF(1, constraints=([[1]], [1], [1])), r"bools of the shapes"),
        (lambda: layers.CRF(1, constraints=3), r"received int"),
        (lambda: layers.CRFDecoder(0), "`count` must be None or an int of at least 1; received 0"),
        (lambda: layers.CRFDecoder(constraints=3), r"`constraints` must be"),
        (
            lambda: layers.CRFDecoder(constraints=crf.bio_constraints(NAMES))(np.zeros((1, 5, 3), "float32")),
            r"`constraints` must be",
        ),
        (
            lambda: crf.CRFLoss()(np.zeros((2, 3)), np.zeros((2, 7, 3)), np.ones((2, 3))),
            r"`sample_weight` must have the shape \(2,\) for a loss of one value a sequence; received shape \(2, 3\)",
        ),
        (lambda: crf.CRFLoss()(np.zeros((2, 4)), np.zeros((2, 7, 3))), r"`tags` must have the shape \(2, 3\)"),
        (lambda: crf.CRFLoss()(np.full((2, 3), 0.5), crf.pack(np.zeros((2, 3, 2)), np.zeros((2, 2)))), "received -1"),
    ],
)
def test_refusals(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
