"""Tunes in ABC notation: a language model of whole tunes, which end by themselves."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from keras import ops

from kerasrnn.decoding import Decoded, greedy, sample
from kerasrnn.zoo.abc import AbcError, check_bars, is_valid, parse, tidy, to_midi
from kerasrnn.zoo.abc.pickups import without_spaces
from kerasrnn.zoo.buckets import in_order
from kerasrnn.zoo.evaluation import Proportion, Scores
from kerasrnn.zoo.readers.files import lines, suffix
from kerasrnn.zoo.readers.tables import rows
from kerasrnn.zoo.tasks.base import Answer, require_list
from kerasrnn.zoo.tasks.language_model import UNKNOWN, LanguageModelTask, scores_of_sums, surprises

START, END = "<tune>", "</tune>"
GRID = (128, 192, 256, 320, 384, 448, 512, 768, 1024, 2048)  # characters to which tunes are padded
SAMPLES, BATCH = 200, 32  # tunes that a score is taken of; tunes that are scored at once
APART, SEEDS = 1 << 20, 1 << 31  # between the seeds of one try and the next; how many seeds there are
LENGTH, TEMPERATURE, TOP_P = 1200, 0.6, 0.9  # how tunes are written if nothing else is asked for
BEGINNING = 128  # characters that the beginning of a tune may have in a SavedModel
_FIELD = re.compile(r"\s*([MLK]):[ \t]*(\S+)")


class TunesTask(LanguageModelTask):
    """Writes tunes character by character, from their first field to an end that it chooses itself.

    Tunes are read as `kerasrnn.zoo.abc.tidy` writes them: `M:`, `L:`, `K:`, then the notes.
    """

    roles: ClassVar[tuple[str, ...]] = ("abc",)
    grid = GRID

    def read(self, path: Path, **columns: Any) -> list[str]:
        return read_tunes(path, **self.columns(columns))

    def length(self, example: str) -> int:
        return len(example) + 1

    def written(self, example: str) -> list[int]:
        return [*super().written(example), self.ids[END]]

    def evaluate(self, examples: Sequence[str]) -> Scores:
        """Nats of each tune, for each of its characters and its end; a report adds how many of `SAMPLES` are valid.

        The spaces that tell of a pickup cost what they cost, and count as no characters: they say nothing new.
        """
        sums = np.zeros((len(examples), 2))
        lengths = [self.length(tune) for tune in examples]
        for chosen, length in in_order(lengths, batch_size=BATCH, grid=self.grid):
            inputs, targets = self.batch([examples[i] for i in chosen], None, length)
            found = np.asarray(surprises(self.model.predict_on_batch(inputs), targets), np.float64)
            for i, row, count in zip(chosen, found, (targets > 0).sum(axis=1), strict=True):
                sums[i] = row[:count].sum(), self.length(without_spaces(examples[i]))
        meters = [header(tune).get("M", "") for tune in examples]
        return scores_of_sums(sums, "nats", groups={"meter": meters}, beside=lambda: (self.validity(),))

    def validity(self, count: int = SAMPLES, **options: Any) -> Proportion:
        """How many of so many tunes, written from seed 0 on as `write` does, parse and have bars that add up."""
        return Proportion("valid tunes", [is_valid(tune) for tune in self.write([""] * count, **options)])

    def predict(self, texts: Sequence[str], **options: Any) -> list[str]:
        """A whole tune for each beginning; see `write`."""
        return self.write(texts, **options)

    def generate(self, prompt: str = "", **options: Any) -> str:
        """A whole tune that begins with the prompt; see `write`."""
        return self.write([prompt], **options)[0]

    def write(
        self,
        prompts: Sequence[str],
        *,
        length: int = LENGTH,
        temperature: float = TEMPERATURE,
        top_k: int | None = None,
        top_p: float = TOP_P,
        seed: int = 0,
        tries: int = 1,
    ) -> list[str]:
        """A whole tune for each prompt.

        Args:
            prompts: fields of the header and, after them, the first notes: `M:6/8 K:G`, `M:4/4 L:1/8 K:Dm A2|`, or "".
                What is left out of the header is the model's choice, but for the unit, which is that of most tunes in
                the meter.
            length: most characters of a tune; one that has not ended by then is cut.
            temperature: of the sampling; 0 takes the most probable character each time.
            top_k, top_p: as in `kerasrnn.decoding.sample`.
            seed: of the first tune; each next one has the next seed, and depends on nothing else.
            tries: how often at most a tune is written again, with another seed, while it is not valid.

        Raises:
            ValueError: a prompt that is no beginning of a tune.
        """
        require_list(prompts)
        options: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        seeds = [seed + i for i in range(len(prompts))]
        begun = [self._opening(prompt, each, options) for prompt, each in zip(prompts, seeds, strict=True)]
        found = [""] * len(prompts)
        left = list(range(len(prompts)))
        for number in range(tries):
            now = [seeds[i] + number * APART for i in left]
            written = self._sampled([begun[i] for i in left], now, length, self.ids[END], options)
            for i, tune in zip(left, written, strict=True):
                found[i] = tune
            left = [i for i in left if not is_valid(found[i])]
            if not left or temperature == 0:
                break
        return found

    def answers(self, texts: Sequence[str], **options: Any) -> list[Answer]:
        given = self.only(options, "length", "temperature", "top_k", "top_p", "seed", "tries")
        found = []
        for i, (text, tune) in enumerate(zip(texts, self.write(texts, **given), strict=True)):
            seed = given.get("seed", 0) + i
            whole = f"X:{i + 1}\nT:{self.name}, seed {seed}\n{tune.rstrip()}\n"
            about = {"text": text, "abc": whole, "fault": fault(whole)} | given | {"seed": seed}
            found.append(Answer(whole, about))
        return found

    def file(self, answers: Sequence[Answer], kind: str) -> bytes:
        """Tunes as a file.

        Args:
            answers: as `answers` gives them.
            kind: ".abc", for any number of tunes, or ".mid" for one.

        Raises:
            ImportError: MIDI, and mido is not installed.
            ValueError: several tunes for one MIDI file, or one that is no ABC.
        """
        if kind == ".abc":
            return "\n".join(answer.line for answer in answers).encode()
        if len(answers) != 1:
            raise ValueError(f"a .mid file holds one tune, and there are {len(answers)}: write them to a .abc file.")
        return to_midi(parse(answers[0].about["abc"]))

    def _opening(self, prompt: str, seed: int, options: dict[str, Any]) -> str:
        """What the tune of a prompt must begin with."""
        fields: dict[str, str] = {}
        at = 0
        while found := _FIELD.match(prompt, at):
            if found[1] in fields:
                raise ValueError(f"the prompt has two fields {found[1]}: give each once.")
            fields[found[1]], at = found[2], found.end()
        notes = prompt[at:].lstrip()
        if not fields and not notes:
            return ""
        line = self.ids["\n"]
        if "M" not in fields:
            fields["M"] = self._sampled(["M:"], [seed], 12, line, options)[0][2:]
        fields.setdefault("L", self.card["vocabulary"].get("units", {}).get(fields["M"], "1/8"))
        begun = f"M:{fields['M']}\nL:{fields['L']}\nK:"
        if "K" in fields:
            begun += f"{fields['K']}\n{notes}"
        elif notes:
            begun = f"{self._sampled([begun], [seed], len(begun) + 12, line, options)[0]}\n{notes}"
        try:
            if begun.endswith("K:"):
                parse(f"{begun}C\nC|")
            else:
                parse(f"{begun.partition('K:')[0]}K:{fields.get('K', 'C')}\nC|")
                begun = tidy(begun) + ("\n" if not notes else "")
        except AbcError as error:
            raise ValueError(f"the prompt is no beginning of a tune, such as M:6/8 K:G; {error}.") from error
        unknown = next((character for character in begun if character not in self.ids), None)
        if unknown is not None:
            raise ValueError(f"{self.name} has never seen {unknown!r} in a tune: remove it from the prompt.")
        return begun

    def _sampled(
        self, begun: Sequence[str], seeds: Sequence[int], length: int, end: int, options: dict[str, Any]
    ) -> list[str]:
        """Texts that begin as they must and go on to the token `end`, which is left out."""
        if not begun:
            return []
        longest = max(map(len, begun))
        prefix = np.full((len(begun), longest), -1, np.int32)
        for row, text in zip(prefix, begun, strict=True):
            row[: len(text)] = self.encode(text)
        decoded = self.decode(prefix, np.array(seeds) % SEEDS, end=end, length=max(length, longest + 1), **options)
        tokens, lengths = ops.convert_to_numpy(decoded.tokens), ops.convert_to_numpy(decoded.lengths)
        return [
            "".join(self.tokens[i] for i in row[:count] if i not in (end, self.ids[END]))
            for row, count in zip(tokens, lengths, strict=True)
        ]

    def decode(
        self,
        prefix: Any,
        seeds: Any,
        *,
        end: int | None = None,
        length: int = LENGTH,
        temperature: float = TEMPERATURE,
        top_k: int | None = None,
        top_p: float = TOP_P,
    ) -> Decoded:
        """Characters `(b, length)` that follow a prefix `(b, p)`, −1 where the choice is free; also in a graph."""
        end = self.ids[END] if end is None else end
        count = ops.shape(prefix)[0]
        rules: dict[str, Any] = {
            "end": end,
            "max_length": length,
            "prefix": prefix if prefix.shape[1] else None,
            "banned": sorted({0, UNKNOWN, self.ids[START], self.ids[END]} - {end}),
        }
        start = ops.full((count,), self.ids[START], "int32")
        states = [layer.get_initial_state(count) for layer in self._recurrent]
        if temperature == 0:
            return greedy(self.step, start, states, **rules)
        return sample(self.step, start, states, seed=seeds, temperature=temperature, top_k=top_k, top_p=top_p, **rules)


def read_tunes(path: Path, abc: str | int = "abc") -> list[str]:
    """The tunes of a file, each as `tidy` writes it; one that cannot be read as ABC stays as it is.

    Args:
        path: `.abc`, where each tune begins with `X:`; or `.jsonl`, `.csv` or `.tsv` with a column of tunes.
        abc: the name of that column.

    Raises:
        ValueError: another format, an empty tune, or none at all.
    """
    if suffix(path) == ".abc":
        whole = "".join(f"{line}\n" for _, line in lines(path))
        tunes = [tune for tune in re.split(r"(?m)^(?=X:)", whole) if "K:" in tune]
    else:
        tunes = []
        for number, (tune,) in rows(path, [abc]):
            if not isinstance(tune, str) or not tune.strip():
                raise ValueError(f"{path}:{number}: expected a tune in ABC notation, found {tune!r:.60}.")
            tunes.append(tune)
    if not tunes:
        raise ValueError(f"{path} holds no tune in ABC notation.")
    return [_tidied(tune) for tune in tunes]


def header(tune: str) -> dict[str, str]:
    """The fields with which a tune begins, up to `K:`, by their letters."""
    found: dict[str, str] = {}
    for line in tune.split("\n"):
        letter, colon, value = line.partition(":")
        if not colon or len(letter) != 1 or "K" in found:
            break
        found[letter] = value.strip()
    return found


def fault(tune: str) -> str | None:
    """Why a tune is not valid; None if it is."""
    try:
        check_bars(parse(tune))
    except AbcError as error:
        return str(error)
    return None


def _tidied(tune: str) -> str:
    try:
        return tidy(tune) or tune.strip()
    except AbcError:
        return tune.strip()
