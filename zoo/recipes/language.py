"""Language models."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasrnn.zoo.recipes.recipe import Recipe
from kerasrnn.zoo.tasks.language_model import LanguageModelTask, read_text


def _read(path: Path) -> list[str]:
    return [read_text(path)]


def _shakespeare(texts: list[str], options: dict[str, Any]) -> dict[str, Any]:
    characters = "".join(sorted({character for text in texts for character in text}))
    return {
        "name": "lm_shakespeare",
        "title": "Writes on in the manner of Shakespeare, character by character",
        "task": "language_model",
        "builder": "language_model",
        "arguments": {"size": len(characters) + 2}
        | {key: options[key] for key in ("cell", "depth", "units", "embedding", "dropout")},
        "vocabulary": {"level": "character", "tokens": characters, "start": "\n"},
        "example": "ROMEO:\nBut, soft!",
        "data": "Tiny Shakespeare (A. Karpathy's extract of the plays)",
        "licence": "public domain; these weights: Apache-2.0",
        "split": "by position, 90 / 5 / 5 %, cut between speeches",
        "notes": (
            "Two layers of 448 units, from the frequencies of the characters on: 1.93 nats after two epochs, 1.52 "
            "after four, 1.40 after eight and 1.365 after sixteen. Two layers of 320 units, a dropout of 0.35 and a "
            "bias of zeros had 1.412 after fourteen."
        ),
    }


def _words(texts: list[str], options: dict[str, Any]) -> dict[str, Any]:
    counts = Counter(word for text in texts for line in text.splitlines() for word in [*line.split(), "<eos>"])
    counts.pop("<unk>", None)  # id 1
    tokens = [word for word, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]
    return {
        "name": "lm_wikitext2",
        "title": "Writes on in the manner of Wikipedia, word by word",
        "task": "language_model",
        "builder": "language_model",
        "arguments": {"size": len(tokens) + 2, "tied": True}
        | {key: options[key] for key in ("cell", "depth", "units", "embedding", "dropout")},
        "vocabulary": {"level": "word", "tokens": tokens, "start": "<eos>"},
        "example": "The lobster is",
        "data": "WikiText-2 (Merity et al., ICLR 2017), articles in another order",
        "licence": "Wikipedia text, CC BY-SA 3.0; these weights: CC BY-SA 3.0",
        "split": "official",
        "notes": (
            "Perplexity 305 after the first epoch, 145 after the second, 123, then 108 after six, 104.5 after nine and "
            "103.5 after twelve. Trained with an estimate of the softmax (2,048 frequent words in full, 2,048 draws "
            "for the others), from the frequencies of the words on; an earlier recipe, with a bias of zeros and "
            "another estimate, had 1,011 after its first epoch. The perplexity is of the whole softmax."
        ),
    }


def streams(
    task: Any, examples: Sequence[str], options: Mapping[str, Any], number: int, plan_only: bool = False
) -> Iterator[Any]:
    """The texts as `batch_size` streams side by side, `steps` at a time; each epoch begins at another place."""
    rng = np.random.default_rng([options["seed"], number])
    b, t = options["batch_size"], options["steps"]
    ids = np.concatenate([task.encode(text) for text in examples]) if not plan_only else None
    total = sum(len(text) for text in examples) if task.level == "character" else sum(map(task.length, examples))
    shift = int(rng.integers(0, t))
    width = (total - 1 - shift) // b
    if width < t:
        raise ValueError(
            f"the text has {total} tokens; {b} streams of {t} steps need {b * t + t + 1}: set a smaller batch_size."
        )
    for begin in range(0, width - t + 1, t):
        if ids is None:
            yield ()
            continue
        at = shift + np.arange(b)[:, None] * width + begin + np.arange(t)
        now, after = ids[at], ids[at + 1]
        yield ([now, after] if options["samples"] else now), after


def going_on(task: Any, options: Mapping[str, Any]) -> Any:
    """The model that is trained: it carries its states from batch to batch; with `samples` it gives the losses."""
    import keras

    from kerasrnn.layers import TiedDense
    from kerasrnn.zoo.builders import language_model
    from kerasrnn.zoo.training.sampled_softmax import SampledCrossentropy

    rows, name = options["batch_size"], f"{task.name}_training"
    model = language_model(**task.card["arguments"], batch_size=rows, name=name)
    if not options["samples"]:
        return model
    output = model.get_layer("logits")
    if options["samples"] < 2 or not isinstance(output, TiedDense):
        raise ValueError(
            f"option samples: expected 0 for the whole vocabulary, or 2 and more with a tied output; received "
            f"{options['samples']}."
        )
    after = keras.Input((None,), batch_size=rows, dtype="int32", name="next_tokens")
    losses = SampledCrossentropy(output, options["samples"], seed=options["seed"], name="losses")([output.input, after])
    return keras.Model([model.input, after], losses, name=name)


def _frequencies(task: Any, texts: list[str], options: Mapping[str, Any]) -> None:
    """Begin with the frequencies of the tokens, so that they need not be learned first."""
    counts = np.bincount(np.concatenate([task.encode(text) for text in texts]), minlength=len(task.tokens)) + 1
    task.model.get_layer("logits").bias.assign(np.log(counts / counts.sum()))


def _loss(options: Mapping[str, Any]) -> Any:
    from kerasrnn.zoo.training.sampled_softmax import losses_given

    return losses_given if options["samples"] else LanguageModelTask.loss({})


def _recipe(
    name: str,
    card: Callable[[list[str], dict[str, Any]], dict[str, Any]],
    folder: str,
    best: str,
    options: Mapping[str, Any],
    start: Callable[[Any, list[str], Mapping[str, Any]], None] | None = None,
) -> Recipe:
    return Recipe(
        name=name,
        patterns=("{part}.txt",),
        reads=_read,
        card=card,
        folders=(folder,),
        options={"cell": "lstm", "depth": 2, "samples": 0, **options},
        start=start,
        loss=_loss,
        batches=streams,
        training_model=going_on,
        best=best,
        lower=True,
        by=None,
    )


RECIPES = {
    "lm_shakespeare": _recipe(
        "lm_shakespeare",
        _shakespeare,
        "lm_tinyshakespeare",
        "nats",
        {"units": 448, "embedding": 64, "dropout": 0.4, "steps": 128, "epochs": 16}
        | {"batch_size": 50, "learning_rate": 4e-3, "average": 0.99},
        _frequencies,
    ),
    "lm_wikitext2": _recipe(
        "lm_wikitext2",
        _words,
        "lm_wikitext2",
        "perplexity",
        {"units": 512, "embedding": 256, "dropout": 0.4, "samples": 4096, "steps": 70, "epochs": 12}
        | {"batch_size": 20, "learning_rate": 3e-3, "average": 0.999},
        _frequencies,
    ),
}
