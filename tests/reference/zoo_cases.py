"""What the tests of the zoo share: the shipped task, a small one with random weights, and texts to read."""

from functools import cache
from typing import Any

import numpy as np

from kerasrnn import zoo
from kerasrnn.zoo.tasks.seq2seq import END, START, Seq2SeqTask
from kerasrnn.zoo.text import FIRST_CHARACTER, fold

PAIRS = {
    "3 mai 1998": "1998-05-03",
    "dimanche 3 mai 1998": "1998-05-03",
    "5 de agosto de 2026": "2026-08-05",
    "May 3, 1998": "1998-05-03",
    "12 December 2031": "2031-12-12",
    "27. Februar 1844": "1844-02-27",
    "1. januar 1900": "1900-01-01",
    "1998-11-30": "1998-11-30",
    "14 июля 1789": "1789-07-14",
    "3 мая 1998 г.": "1998-05-03",
    "25 Μαρτίου 1821": "1821-03-25",
    "٣ مايو ١٩٩٨": "1998-05-03",
    "٢٣ يوليو ١٩٥٢": "1952-07-23",
    "15 अगस्त 1947": "1947-08-15",
    "२६ जनवरी १९५०": "1950-01-26",
    "1949年10月1日": "1949-10-01",
    "2026年8月5日": "2026-08-05",
    "2026년 8월 5일": "2026-08-05",
    "31 ottobre 1517": "1517-10-31",
    "29 lutego 2000": "2000-02-29",
}
ODD = {  # the same dates in texts as people paste them
    "\u200f٣ مايو\u200f ١٩٩٨\u200e": "1998-05-03",
    "\u2067٢٣ يوليو ١٩٥٢\u2069": "1952-07-23",
    "  3\u00a0mai\u202f1998 ": "1998-05-03",
    "5\tde\u3000agosto  de\u20092026": "2026-08-05",
    "１９４９年１０月１日": "1949-10-01",
    "3 MAI 1998": "1998-05-03",
    "25 Μαρτι\u0301ου 1821": "1821-03-25",
}
"""Texts of four scripts and more, and what they mean."""


@cache
def shipped() -> Seq2SeqTask:
    """`dates_bahdanau` as it ships. Shared: tests must not change it."""
    return zoo.load("dates_bahdanau")


def card(**arguments: Any) -> dict[str, Any]:
    """The card of a small model, for the characters of the texts above."""
    source = sorted({folded for text in (*PAIRS, *ODD) for character in text if (folded := fold(character))})
    source = [" ", *(character for character in source if not character.isspace())]
    target = [START, END, *"0123456789-"]
    small = {"embedding": 6, "encoder_units": 5, "decoder_units": 4, "attention_units": 7, "readout_units": 9}
    return {
        "name": "small_dates",
        "title": "A model for tests",
        "task": "seq2seq",
        "builder": "seq2seq",
        "arguments": {
            "source_size": len(source) + FIRST_CHARACTER,
            "target_size": len(target) + 1,
            **small,
            **arguments,
        },
        "vocabulary": {"source": "".join(source), "target": target, "longest_source": 40, "longest_target": 11},
        "example": "3 mai 1998",
    }


def small(seed: int = 0, **arguments: Any) -> Seq2SeqTask:
    """A small task with random weights, no two of them equal and large enough for every input to matter."""
    rng = np.random.default_rng(seed)
    task = Seq2SeqTask.build(card(**arguments))
    for variable in task.model.weights:
        variable.assign(rng.standard_normal(variable.shape).astype(np.float16))  # what a preset can hold
    return task
