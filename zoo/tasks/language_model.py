"""Text that goes on: a language model of characters or words, its score and its samples."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.decoding import greedy, sample
from kerasrnn.losses import MaskedCrossentropy
from kerasrnn.zoo.evaluation import Scores, ratio
from kerasrnn.zoo.readers.files import lines
from kerasrnn.zoo.tasks.base import Answer, Observation, Shown, Task, require_list

Tensor = Any
CHUNK, BLOCK = 1024, 256  # steps that are scored at once; tokens that count as one example of the bootstrap
UNKNOWN = 1


class LanguageModelTask(Task):
    """Reads and writes text token by token; the tokens are characters, as they stand, or words between spaces.

    Examples are whole texts; each is scored from its beginning to its end with the state carried on.
    """

    builder = "language_model"

    def __init__(self, model: keras.Model, card: dict[str, Any]) -> None:
        super().__init__(model, card)
        vocabulary = card["vocabulary"]
        self.level: str = vocabulary.get("level", "character")
        if self.level not in ("character", "word"):
            raise ValueError(f"vocabulary: 'level' must be character or word; found {self.level!r:.60}")
        tokens = list(vocabulary["tokens"])
        self.tokens = ["", "\ufffd" if self.level == "character" else "<unk>", *tokens]
        self.ids = {token: i for i, token in enumerate(self.tokens) if i}
        if len(self.tokens) != card["arguments"]["size"] or len(self.ids) != len(self.tokens) - 1:
            raise ValueError("vocabulary: 'tokens' must be distinct, and as many as the model has")
        self.start: str = vocabulary["start"]  # what stands before a text
        self._recurrent = [
            layer for layer in model.layers if layer.name.startswith("reader_") and hasattr(layer, "cell")
        ]
        self._scoring: Any = None

    @classmethod
    def loss(cls, card: dict[str, Any]) -> Any:
        return MaskedCrossentropy()

    def read(self, path: Path, **columns: Any) -> list[str]:
        self.columns(columns)
        return [read_text(path)]

    def length(self, example: str) -> int:
        return len(self.split(example))

    def split(self, text: str) -> list[str]:
        """The tokens of a text: its characters; or its words, with `<eos>` for the end of each line."""
        return list(text) if self.level == "character" else text.replace("\n", " <eos> ").split()

    def encode(self, text: str) -> np.ndarray:
        """int32 `(n,)`."""
        return np.array([self.ids.get(token, UNKNOWN) for token in self.split(text)], np.int32)

    def written(self, example: str) -> list[int]:
        """The ids that a model which writes this text has to write."""
        return [int(i) for i in self.encode(example)]

    def batch(
        self, examples: Sequence[str], rng: np.random.Generator | None = None, length: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        rows = [self.written(text) for text in examples]
        longest = max(map(len, rows)) if length is None else length
        targets = np.zeros((len(rows), longest), np.int32)
        for target, row in zip(targets, rows, strict=True):
            target[: len(row)] = row
        start = np.full((len(rows), 1), self.ids[self.start], np.int32)
        return np.hstack([start, targets[:, :-1]]), targets

    @property
    def scoring(self) -> keras.Model:
        """Tokens, those after them and states to -log p of the latter and the states, to go on where it stopped."""
        if self._scoring is None:
            tokens, after_them = (keras.Input((None,), dtype="int32") for _ in range(2))
            x: Tensor = self.model.get_layer("token_embedding")(tokens)
            given, after = [], []
            for layer in self._recurrent:
                states = [keras.Input((layer.units,)) for _ in layer.cell.state_names]
                twin = type(layer).from_config(layer.get_config() | {"return_state": True, "stateful": False})
                twin.build((None, None, x.shape[-1]))
                x, *last = twin(x, initial_state=states)
                given += states
                after += last
                self._twins = [*getattr(self, "_twins", []), (layer, twin)]
            found = surprises(self.model.get_layer("logits")(x), after_them)
            self._scoring = keras.Model([tokens, after_them, *given], [found, *after])
        for layer, twin in self._twins:
            twin.set_weights(layer.get_weights()[: len(twin.weights)])
        return self._scoring

    def surprise(self, text: str) -> np.ndarray:
        """-log p of each token of a text, `(n,)` nats, read from its beginning."""
        ids = np.concatenate([[self.ids[self.start]], self.encode(text)])
        model = self.scoring
        states = [np.zeros((1, each.shape[-1]), np.float32) for each in model.inputs[2:]]
        found = []
        for begin in range(0, len(ids) - 1, CHUNK):
            count = min(CHUNK, len(ids) - 1 - begin)
            pair = np.zeros((2, 1, CHUNK), np.int32)  # the last part is filled up: nothing comes after its states
            pair[0, 0, :count], pair[1, 0, :count] = ids[begin : begin + count], ids[begin + 1 : begin + 1 + count]
            losses, *states = model.predict_on_batch([*pair, *states])
            found.append(np.asarray(losses, np.float64)[0, :count])
        return np.concatenate(found) if found else np.zeros(0)

    def evaluate(self, examples: Sequence[str]) -> Scores:
        sums = []
        for text in examples:
            losses = self.surprise(text)
            for begin in range(0, len(losses), BLOCK):
                part = losses[begin : begin + BLOCK]
                sums.append([part.sum(), len(part)])
        if not sums:
            raise ValueError("the text is empty: there is nothing to score.")

        return scores_of_sums(np.array(sums), "perplexity" if self.level == "word" else "nats")

    def predict(self, texts: Sequence[str], **options: Any) -> list[str]:
        """What each text goes on with; see `generate`."""
        require_list(texts)
        return [self.generate(text, **options) for text in texts]

    def observe(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> Observation:
        if targets is not None:
            raise ValueError(f"{self.name} predicts each token of the text from those before it: it takes no target.")
        for text in texts:
            if not self.split(text):
                raise self.empty(text)
        inputs, ids = self.batch(texts)
        tokens = [[self.start, *self.split(text)[:-1]] for text in texts]  # what is read at each step
        shown = [Shown(text, "", None, read) for text, read in zip(texts, tokens, strict=True)]
        return Observation(inputs, ids, tokens, tokens, shown)

    def answers(self, texts: Sequence[str], **options: Any) -> list[Answer]:
        given = self.only(options, "length", "temperature", "top_k", "top_p", "seed")
        found = self.predict(texts, **given)
        between = "" if self.level == "character" else " "
        return [
            Answer(f"{text}{between}{written}", {"text": text, "continuation": written} | given)
            for text, written in zip(texts, found, strict=True)
        ]

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 400,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float = 1.0,
        seed: int = 0,
        end: str | None = None,
    ) -> str:
        """Text that goes on after the prompt.

        Args:
            prompt: what it begins with; characters that the model has never seen are refused.
            length: most tokens to write.
            temperature: of the sampling; 0 takes the most probable token each time.
            top_k, top_p, seed: as in `kerasrnn.decoding.sample`.
            end: a token that ends the text early; by default the preset's own, if it has one.

        Raises:
            ValueError: tokens in the prompt that the model has never seen.
        """
        unknown = [token for token in dict.fromkeys(self.split(prompt)) if token not in self.ids]
        if unknown and self.level == "character":
            raise ValueError(f"{self.name} has never seen {unknown[0]!r}: remove it from the text.")
        written = self.encode(prompt)
        end = self.card["vocabulary"].get("end") if end is None else end
        if end is not None and end not in self.ids:
            raise ValueError(f"`end` must be a token that {self.name} knows; received {end!r:.60}.")
        ends = None if end is None else self.ids[end]
        prefix = written[None] if len(written) else None
        options: dict[str, Any] = {
            "end": ends,
            "max_length": len(written) + length,
            "prefix": prefix,
            "min_length": len(written) + 1,
            "banned": (0, UNKNOWN),
        }
        start = np.array([self.ids[self.start]], np.int32)
        states = [layer.get_initial_state(1) for layer in self._recurrent]
        if temperature == 0:
            found = greedy(self.step, start, states, **options)
        else:
            found = sample(
                self.step, start, states, seed=seed, temperature=temperature, top_k=top_k, top_p=top_p, **options
            )
        ids = ops.convert_to_numpy(found.tokens)[0, : int(found.lengths[0])]
        tokens = [self.tokens[i] for i in ids[len(written) :] if i != ends]
        return "".join(tokens) if self.level == "character" else re.sub(" ?<eos> ?", "\n", " ".join(tokens))

    def step(self, token: Tensor, states: Any) -> tuple[Tensor, Any, dict[str, Tensor]]:
        """One step, for `kerasrnn.decoding`: ids `(b,)` and states to logits `(b, v)` and states."""
        x = self.model.get_layer("token_embedding")(token)
        after = []
        for layer, state in zip(self._recurrent, states, strict=True):
            x, now = layer.step(x, state)
            after.append(now)
        return self.model.get_layer("logits")(x), after, {}


def surprises(logits: Tensor, targets: Tensor) -> Tensor:
    """-log p of each target: `(..., v)` and ids `(...)` to `(...)`."""
    chosen = ops.take_along_axis(logits, ops.expand_dims(targets, -1), axis=-1)
    return ops.logsumexp(logits, axis=-1) - ops.squeeze(chosen, -1)


def scores_of_sums(sums: np.ndarray, main: str, **more: Any) -> Scores:
    """Scores of examples that each have a sum of nats and a number of tokens, `(n, 2)`; `more` as of `Scores`."""

    def combine(total: np.ndarray) -> dict[str, np.ndarray]:
        nats = ratio(total[..., 0], total[..., 1])
        if main == "perplexity":
            return {"perplexity": np.exp(nats), "nats": nats}
        return {"nats": nats, "bits": nats / math.log(2)}

    return Scores(sums, combine, sums[:, 1].astype(int), main, higher=False, **more)


def read_text(path: Path) -> str:
    """A whole text file, lines ended by newlines."""
    text = "".join(f"{line}\n" for _, line in lines(path))
    if not text.strip():
        raise ValueError(f"{path} is empty.")
    return text
