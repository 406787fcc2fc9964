"""Decoding inside a SavedModel, run by TensorFlow alone."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrnn import layers
from kerasrnn.decoding import beam_search, greedy, replace_unknown, sample

pytestmark = pytest.mark.tensorflow

WORDS = ["", "[END]", "[UNK]", "le", "chat", "dort", "bien"]
V, END, UNITS = len(WORDS), 1, 6
TEXTS = ["the cat sleeps", "Felix sleeps well at home", "well"]

ALONE = """
    import json, sys
    import numpy as np
    sys.modules["keras"] = sys.modules["kerasrnn"] = None
    import tensorflow as tf

    loaded = tf.saved_model.load(sys.argv[1])
    found = {}
    for size, texts in enumerate(json.loads(sys.argv[2])):
        for name, run in loaded.signatures.items():
            for key, value in run(tf.constant(texts)).items():
                found[f"{size}/{name}/{key}"] = value.numpy()
    strings = {name: array for name, array in found.items() if array.dtype == object}
    np.savez(sys.argv[3], **found | {name: array.astype(bytes) for name, array in strings.items()})
    assert sys.modules["keras"] is None and sys.modules["kerasrnn"] is None
"""


class Translator(tf.Module):
    """Strings to strings: an encoder, attention, a beam, and unknown words copied from the source."""

    def __init__(self) -> None:
        super().__init__()
        self.source = keras.layers.Embedding(50, 4)
        self.encoder = layers.GRU(UNITS, return_sequences=True, return_state=True)
        self.embedding = keras.layers.Embedding(V, 4, embeddings_initializer="normal")
        self.decoder = layers.AttentionDecoder(layers.GRUCell(UNITS), layers.BahdanauAttention(5))
        self.readout = keras.layers.Dense(V, kernel_initializer=keras.initializers.RandomNormal(0, 3))
        self.decoder(tf.zeros((1, 1, 4)), tf.zeros((1, 2, UNITS)))  # builds it
        self.seed = keras.random.SeedGenerator(4)
        self.seed_state = self.seed.state.value  # a `tf.Module` does not find it within the generator
        self.words = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(tf.range(V), tf.constant(WORDS)), default_value="?"
        )

    def encode(self, texts: Any) -> Any:
        words = tf.strings.split(texts).to_tensor("")
        ids = tf.where(words == "", tf.constant(0, tf.int64), tf.strings.to_hash_bucket_fast(words, 49) + 1)
        memory, state = self.encoder(self.source(ids), mask=ids != 0)
        prepared = self.decoder.prepare(memory, ids != 0)
        return words, prepared, self.decoder.first_states(prepared, [state]), tf.fill(tf.shape(texts), 2)

    def step(self, token: Any, states: Any, memory: Any) -> Any:
        output, states, alignment = self.decoder.step(self.embedding(token), states, memory)
        return self.readout(output), states, {"alignment": alignment}

    def beams(self, texts: Any) -> dict[str, Any]:
        words, memory, states, start = self.encode(texts)
        options = {"end": END, "max_length": 7, "width": 4, "n_best": 3, "length_penalty": 0.8, "coverage_penalty": 0.1}
        found = beam_search(self.step, start, states, memory=memory, source_mask=memory[0].mask, **options)
        said = self.words.lookup(found.tokens)
        said = replace_unknown(said, found.extras["alignment"], words, unknown="[UNK]")
        history = {f"history/{name}": value for name, value in found.history._asdict().items()}
        return {"words": said, "scores": found.scores, "alignment": found.extras["alignment"], **history}

    def drawn(self, texts: Any) -> dict[str, Any]:
        _, memory, states, start = self.encode(texts)
        found = sample(
            self.step, start, states, memory=memory, end=END, max_length=7, seed=9, temperature=3.0, top_k=5, top_p=0.9
        )
        return {"tokens": found.tokens, "log_probs": found.log_probs}

    def drawn_anew(self, texts: Any) -> dict[str, Any]:
        _, memory, states, start = self.encode(texts)
        found = sample(
            self.step, start, states, memory=memory, end=None, max_length=30, seed=self.seed, temperature=9.0
        )
        return {"tokens": found.tokens}


def test_strings_in_words_out_without_keras(tmp_path: Path) -> None:
    translator = Translator()
    translator.beams(tf.constant(TEXTS))  # builds everything
    signature = [tf.TensorSpec((None,), tf.string)]
    names = ("beams", "drawn", "drawn_anew")
    runs = {name: tf.function(getattr(translator, name), input_signature=signature) for name in names}
    tf.saved_model.save(translator, str(tmp_path / "model"), signatures=runs)
    batches = [TEXTS, TEXTS[1:2], [TEXTS[2]] * 5]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(ALONE),
            str(tmp_path / "model"),
            json.dumps(batches),
            str(tmp_path / "f"),
        ],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "f.npz") as file:
        found = dict(file)
    for size, texts in enumerate(batches):
        for name in ("beams", "drawn"):
            for key, value in runs[name](tf.constant(texts)).items():
                array = found[f"{size}/{name}/{key}"]
                if value.dtype == tf.string:
                    np.testing.assert_array_equal(array, value.numpy().astype(bytes))
                else:
                    np.testing.assert_allclose(array, value, rtol=1e-4, atol=1e-5)
    assert found["0/beams/words"].shape == (3, 3, 7)
    assert found["1/beams/alignment"].shape == (1, 3, 7, 5)
    first, second = found["2/drawn_anew/tokens"], found["0/drawn_anew/tokens"]
    assert (first[:3, :] != second).any(), "a generator that stands still"


def test_an_archive_of_keras(tmp_path: Path) -> None:
    """`ExportArchive`, with a Keras model in the step."""
    model = keras.Sequential([keras.Input((1,), dtype="int32"), keras.layers.Embedding(V, 5), keras.layers.Flatten()])
    model.add(keras.layers.Dense(V))

    def decode(start: Any) -> dict[str, Any]:
        def step(token: Any, states: Any) -> Any:
            return model(token[:, None]), states, {}

        found = greedy(step, start, (), end=END, max_length=5)
        return {"tokens": found.tokens, "log_probs": found.log_probs}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("decode", decode, input_signature=[tf.TensorSpec((None,), tf.int32)])
    archive.write_out(str(tmp_path / "archive"), verbose=False)
    start = tf.constant([0, 3, 5])
    loaded = tf.saved_model.load(str(tmp_path / "archive"))
    for key, value in loaded.decode(start).items():
        np.testing.assert_allclose(value, decode(start)[key], rtol=1e-5)
