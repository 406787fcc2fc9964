"""Interactive pages of small arrays, tokens that try to get out of them, and what is in a page's file."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from typing import Any

import numpy as np

from kerasrnn.viz.arrays import Capture
from kerasrnn.viz.pages.attention import attention_page
from kerasrnn.viz.pages.beam import beam_page
from kerasrnn.viz.pages.bptt import bptt_page
from kerasrnn.viz.pages.explorer import explorer_page
from kerasrnn.viz.pages.gates import gates_page
from kerasrnn.viz.pages.jacobian import jacobian_page
from kerasrnn.viz.pages.page import Page

# Token -> how it must be shown.
HOSTILE = {
    "</script><script>document.title='out'</script>": "</script><script>document.title='out'</script>",
    "<img src=x onerror=document.title='out'>": "<img src=x onerror=document.title='out'>",
    "<!--<script>": "<!--<script>",
    "]]>&amp;\"'`": "]]>&amp;\"'`",
    "$x$": "$x$",
    "${title}": "${title}",
    "{{script}}": "{{script}}",
    "\\u003c/script>": "\\u003c/script>",
    "a\x00b\x1b[31m": "a\\x00b\\x1b[31m",
    "line\nfeed": "line\\nfeed",
    "\u2028": "\\u2028",
    "abc\u202egnp": "abc\\u202egnp",
    "\ud800": "\\ud800",
    "\uffff": "\uffff",
    "مرحبا": "مرحبا",
    "שלום": "שלום",
    "नमस्ते": "नमस्ते",
    "日本": "日本",
    "👩‍🚀": "👩‍🚀",
    " ": "␣",
}
SOURCE = ["the", "cat", "sat", "on", "the", "mat", "again"]
PRODUCED = ["le", "chat", "assis", "sur", "tapis"]


def generator() -> np.random.Generator:
    return np.random.default_rng(20260805)


def attention_capture(heads: int = 3, layer: str = "decoder", tokens: Sequence[str] | None = None) -> Capture:
    """Two rows, (b, n, 5, 7) or (b, 5, 7) with one head; the second row's source ends with padding."""
    rng = generator()
    source, produced = (SOURCE, PRODUCED) if tokens is None else (list(tokens), list(tokens)[:5])
    weights = rng.gamma(0.4, size=(2, heads, len(produced), len(source))) + 1e-3
    mask = np.ones((2, len(source)), bool)
    mask[1, -1] = False
    weights = weights * mask[:, None, None]
    weights /= weights.sum(axis=-1, keepdims=True)
    return Capture(
        {f"{layer}/alignment": weights[:, 0] if heads == 1 else weights},
        layer,
        tokens=[produced, produced],
        source_tokens=[source, source],
        source_mask=mask,
    )


def gates_capture(
    directions: Sequence[str] = ("",), tokens: Sequence[str] | None = None, steps: int = 7, units: int = 12
) -> Capture:
    """Two rows of an LSTM's gates, the second with padding at its end; the cell goes beyond 1."""
    rng = generator()
    words = (SOURCE if tokens is None else list(tokens))[:steps]
    shape = (2, len(words), units)
    arrays = {}
    for direction in directions:
        for name in ("input", "forget", "candidate", "output", "cell", "hidden"):
            values = rng.normal(size=shape) * 2
            if name in ("input", "forget", "output"):
                values = 1 / (1 + np.exp(-2 * values))
            elif name != "cell":
                values = np.tanh(values)
            arrays[f"encoder/{direction}{name}"] = values
    mask = np.ones(shape[:2], bool)
    mask[1, -2:] = False
    return Capture(arrays, "encoder", tokens=[words, words], mask=mask)


def jacobian_capture(tokens: Sequence[str] | None = None) -> Capture:
    words = SOURCE if tokens is None else list(tokens)
    rng = generator()
    lag = np.subtract.outer(np.arange(len(words)), np.arange(len(words)))
    norms = np.where(lag >= 0, np.exp(-0.9 * lag + rng.normal(size=lag.shape)), 0)[None]
    return Capture({"lstm/jacobian": norms}, "lstm", tokens=[words], source_tokens=[words])


def bptt_capture(tokens: Sequence[str] | None = None) -> Capture:
    words = SOURCE if tokens is None else list(tokens)
    rng = generator()
    lag = np.arange(len(words))[::-1]
    norms = np.exp(-0.8 * lag + 0.3 * rng.normal(size=lag.shape))
    mask = np.ones((1, len(words)), bool)
    mask[0, 0] = False
    forward, backward = np.where(mask[0], norms, 0), np.where(mask[0], norms[::-1], 0)
    arrays = {"lstm/forward/bptt": forward[None], "lstm/backward/bptt": backward[None]}
    return Capture(
        arrays, "lstm", tokens=[words], mask=mask, facts={"horizon": {"forward": [None], "backward": [None]}}
    )


def beam(tokens: Sequence[str] | None = None) -> tuple[list[list[str]], np.ndarray, np.ndarray, np.ndarray]:
    """Three hypotheses over five steps; at step 2 the best one ends, and another takes a worse place."""
    words = ["a", "b", "c", "d", "end"] if tokens is None else list(tokens)
    parents = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 2], [0, 1, 1], [0, 2, 1]])
    steps = np.array([[0.5, 0.3, 0.1], [0.6, 0.5, 0.2], [0.9, 0.3, 0.4], [1.0, 0.7, 0.2], [1.0, 0.8, 0.6]])
    scores = np.log(steps)
    for step in range(1, 5):
        scores[step] += scores[step - 1][parents[step]]
    finished = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]], bool)
    taken = [[words[(3 * step + rank) % len(words)] for rank in range(3)] for step in range(5)]
    return taken, parents, scores, finished


def beam_of(tokens: Sequence[str] | None = None) -> Page:
    if tokens is None:
        return beam_page(*beam(), title="a beam")
    wide = len(tokens)
    scores = np.log(np.linspace(0.9, 0.1, wide))[None].repeat(2, axis=0)
    scores[1] += scores[0]
    return beam_page([list(tokens)] * 2, np.arange(wide)[None].repeat(2, axis=0), scores, np.zeros((2, wide), bool))


WITH_TOKENS: dict[str, Callable[[Sequence[str] | None], Page]] = {
    "attention": lambda tokens=None: attention_page(attention_capture(tokens=tokens), title=_title(tokens)),
    "gates": lambda tokens=None: gates_page(
        gates_capture(tokens=tokens, steps=len(tokens or SOURCE)), title=_title(tokens)
    ),
    "jacobian": lambda tokens=None: jacobian_page(jacobian_capture(tokens), title=_title(tokens)),
    "bptt": lambda tokens=None: bptt_page(bptt_capture(tokens), title=_title(tokens)),
    "beam": beam_of,
}
PAGES: dict[str, Callable[[], Page]] = {
    **WITH_TOKENS,
    "explorer": explorer_page,
    "explorer, GRU": lambda: explorer_page("gru"),
}


def _title(tokens: Sequence[str] | None) -> str | None:
    return None if tokens is None else " ".join(tokens)


def strings(content: Any) -> Iterator[str]:
    """All strings in nested lists and dicts."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for part in content.values() if isinstance(content, dict) else content:
            yield from strings(part)


class Parts(HTMLParser):
    """The scripts, styles and meta elements of a page, as an HTML parser sees them."""

    def __init__(self, html: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open = False
        self.feed(html.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")
        self.open = True

    def handle_endtag(self, tag: str) -> None:
        self.open = False

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[-1] += data

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, text) for (name, attrs), text in zip(self.tags, self.texts, strict=True) if name == tag]

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.all("script")[0][1])


def unpacked(content: dict[str, Any]) -> np.ndarray:
    raw = base64.b64decode(content["values"])
    kind = {"float32": "<f4", "uint16": "<u2", "uint8": "u1"}[content["kind"]]
    array = np.frombuffer(raw, kind).reshape(content["shape"])
    if kind != "<u2":
        return array
    values = content["low"] + array.astype(float) * (content["high"] - content["low"]) / 65534
    return np.where(array == 65535, np.nan, values)
