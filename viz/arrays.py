"""What a capture hands out: named float arrays with their axes, tokens and masks."""

import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from kerasrnn.viz.write import write_bytes_atomically

_GATES = ("input", "forget", "output", "update", "reset")
_UNREADABLE = (KeyError, TypeError, AttributeError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error)
_DRAWN = "drawn/"
_ALL = np.ones((0, 0), bool)  # stands for a mask of which the size is not known yet
_BESIDE = ("tokens", "source_tokens", "mask", "source_mask", "about")


@dataclass(eq=False)
class Capture:
    """Arrays from one run of one layer. `b` batch, `t` steps, `u` units, `s` source steps, `n` heads.

    Args:
        arrays: by key: `LAYER/NAME`, or `LAYER/forward/NAME` and `LAYER/backward/NAME`. NAME is a gate, `cell` or
            `hidden` (b, t, u), `alignment` (b, t, s) or (b, n, t, s), `bptt` or `saliency` (b, t), or `jacobian`
            (b, t, s).
        layer: the layer's name; the second call of a shared layer is `NAME#2`.
        tokens: the strings along `t`, one list a row of the batch, filled with "" up to t; or None.
        source_tokens: the same along `s`.
        mask: (b, t) bool, True where a step counts; all True by default.
        source_mask: (b, s) bool, of an alignment's source.
        note: one line on what was chosen where the caller left it open.
        facts: further findings that JSON can hold, such as the loss and the horizon of gradients.
        first: the number of the first step, where this is a window of a longer run.
        drawn: what was computed from the arrays to be drawn, of any shape; saved under `drawn/NAME`.
        folded: whether a row is not one of the batch but a step of it, such as a word that is spelled.

    Raises:
        ValueError: arrays, tokens or masks whose batch or steps do not agree.
    """

    arrays: dict[str, np.ndarray]
    layer: str
    tokens: list[list[str]] | None = None
    source_tokens: list[list[str]] | None = None
    mask: np.ndarray = field(default_factory=lambda: _ALL)
    source_mask: np.ndarray | None = None
    note: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    first: int = 0
    drawn: dict[str, np.ndarray] = field(default_factory=dict)
    folded: bool = False

    def __post_init__(self) -> None:
        if not self.arrays:
            raise ValueError("arrays: expected at least one array, received none")
        self.arrays = {key: np.asarray(array) for key, array in self.arrays.items()}
        axes = {_axes(key, array) for key, array in self.arrays.items()}
        batch, steps, sources = (_agreed(axes, position) for position in range(3))
        self.mask = checked_mask(self.mask, (batch, steps), "mask")
        self.tokens = rows_of_tokens(self.tokens, batch, steps, "tokens")
        if sources is not None:
            self.source_mask = checked_mask(self.source_mask, (batch, sources), "source_mask")
            self.source_tokens = rows_of_tokens(self.source_tokens, batch, sources, "source_tokens")

    def one(self, row: int = 0) -> dict[str, np.ndarray]:
        """The arrays of one row of the batch by what follows the layer's name: `forward/input` (t, u)."""
        return {key[len(self.layer) + 1 :]: array[row] for key, array in self.arrays.items()}

    def window(self, start: int, stop: int) -> "Capture":
        """The steps from `start` up to, but without, `stop`; the source of an alignment stays whole.

        Raises:
            ValueError: no steps, or some that are not there.
        """
        steps = self.mask.shape[1]
        if not 0 <= start < stop <= steps:
            raise ValueError(f"window: expected steps within 0:{steps}, received {start}:{stop}")
        cut = {}
        for key, array in self.arrays.items():
            cut[key] = array[(slice(None),) * self._step_axis(key) + (slice(start, stop),)]
        tokens = None if self.tokens is None else [row[start:stop] for row in self.tokens]
        mask = self.mask[:, start:stop]
        return replace(self, arrays=cut, tokens=tokens, mask=mask, first=self.first + start)

    def not_numbers(self) -> dict[str, int]:
        """How many values are NaN or infinite at the steps that count, by key, where there are any."""
        counts = {}
        for key, array in self.arrays.items():
            bad = ~np.isfinite(array)
            if bad.any():
                axes = tuple(axis for axis in range(bad.ndim) if axis not in (0, self._step_axis(key)))
                counts[key] = int((bad.sum(axis=axes) * self.mask).sum())
        return {key: count for key, count in counts.items() if count}

    def _step_axis(self, key: str) -> int:
        return self.arrays[key].ndim - 2 if key.rpartition("/")[2] == "alignment" else 1

    def norms(self, row: int = 0) -> dict[str, np.ndarray]:
        """The gradient norms (t,) of one row by direction, the keys of `facts["horizon"]`."""
        curves = [array[row] for key, array in self.arrays.items() if key.rpartition("/")[2] == "bptt"]
        return dict(zip(self.facts.get("horizon", ["forward", "backward"]), curves, strict=False))

    def summary(self) -> dict[str, Any]:
        """Key figures over the steps that count, as JSON can hold them."""
        about: dict[str, Any] = {"layer": self.layer, "steps": self.mask.sum(axis=1).tolist()}
        about["values"] = {key: self._figures(key, array) for key, array in self.arrays.items()}
        if self.note:
            about["note"] = self.note
        if self.first:
            about["first"] = self.first
        if bad := self.not_numbers():
            about["not numbers"] = bad
        return about | self.facts

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to `path`, `.npz` or `.json` by suffix; a file there survives any failure.

        An `.npz` holds the arrays under their keys, `mask` and, where there are any, `tokens`, `source_tokens` and
        `source_mask`; a token's trailing NUL, which NumPy's strings cannot hold, is written as the symbol for it.
        """
        suffix = data_format(path)
        drawn = {f"{_DRAWN}{name}": np.asarray(array) for name, array in self.drawn.items()}
        beside: dict[str, Any] = {name: getattr(self, name) for name in _BESIDE[:-1] if getattr(self, name) is not None}
        about = {"layer": self.layer, "note": self.note, "facts": self.facts, "first": self.first}
        if suffix == ".json":
            arrays = {key: _listed(array) for key, array in {**self.arrays, **drawn}.items()}
            rest = {name: np.asarray(value).tolist() if "mask" in name else value for name, value in beside.items()}
            write_bytes_atomically(path, _json({"arrays": arrays, **rest, "about": about}))
            return
        buffer = io.BytesIO()
        beside = {name: _strings(value) if "tokens" in name else value for name, value in beside.items()}
        content: dict[str, Any] = {
            **self.arrays,
            **drawn,
            **beside,
            "about": np.array(json.dumps(about, allow_nan=False)),
        }
        np.savez_compressed(buffer, **content)
        write_bytes_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Capture":
        """Read what `save` wrote; ValueError if `path` holds something else."""
        suffix = data_format(path)
        data = Path(path).read_bytes()
        try:
            found = _from_json(data) if suffix == ".json" else _from_npz(data)
            about = found.pop("about")
            beside = {name: found.pop(name) for name in _BESIDE if name in found}
            extra: dict[str, Any] = {"note": about["note"], "facts": about["facts"], "first": about.get("first", 0)}
            extra["drawn"] = {key.removeprefix(_DRAWN): found.pop(key) for key in list(found) if key.startswith(_DRAWN)}
            return cls(found, about["layer"], **extra, **beside)
        except _UNREADABLE as error:
            message = f"path: expected a file written by Capture.save, received {os.fspath(path)!r} ({error})"
            raise ValueError(message) from error

    def _figures(self, key: str, array: np.ndarray) -> dict[str, Any]:
        name = key.rpartition("/")[2]
        if name == "bptt":
            return {"largest": np.where(np.isfinite(array), array, 0).max(axis=1, initial=0.0).tolist()}
        if name == "alignment":
            return {"looked at": np.where(self.mask, _heads_last(array).argmax(-1), -1).tolist()} | self._entropy(array)
        kept = array[self.mask]
        kept = kept[np.isfinite(kept)]
        if not kept.size:
            return {}
        if name in _GATES:
            shares = {"below 0.1": (kept < 0.1).mean(), "above 0.9": (kept > 0.9).mean()}
            return {"mean": _rounded(kept.mean())} | {text: _rounded(share) for text, share in shares.items()}
        return {"mean size": _rounded(np.abs(kept).mean()), "largest size": _rounded(np.abs(kept).max())}

    def _entropy(self, array: np.ndarray) -> dict[str, float]:
        """Mean entropy of the rows, 0 for a look at one place and 1 for a look at all places alike."""
        weights = np.maximum(array.astype(float), 1e-300)
        sources = np.ones(array.shape[0]) if self.source_mask is None else self.source_mask.sum(axis=1)
        most = np.log(np.maximum(sources, 2)).reshape(-1, *[1] * (array.ndim - 2))
        entropies = -(array * np.log(weights)).sum(axis=-1) / most  # (b, t) or (b, n, t)
        kept = entropies[self.mask] if array.ndim == 3 else np.moveaxis(entropies, 1, 2)[self.mask]
        kept = kept[np.isfinite(kept)]
        return {"entropy": _rounded(kept.mean())} if kept.size else {}


def data_format(path: str | os.PathLike[str]) -> str:
    """Return `.npz` or `.json`, the suffix of `path`; ValueError for another."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".npz", ".json"):
        raise ValueError(f"path: expected a file name ending in .npz or .json, received {os.fspath(path)!r}")
    return suffix


def rows_of_tokens(tokens: Any, batch: int, length: int, name: str) -> list[list[str]] | None:
    """Tokens as one list a row, filled with "" up to `length`; a flat list of strings serves a batch of one.

    Raises:
        ValueError: another number of rows than the batch, or a row longer than the axis.
    """
    if tokens is None:
        return None
    if isinstance(tokens, str):
        raise ValueError(f"{name}: expected lists of strings, received the string {tokens!r}; pass list(text)")
    rows = [list(tokens)] if all(isinstance(token, str) for token in tokens) else [list(row) for row in tokens]
    if len(rows) != batch:
        raise ValueError(f"{name}: expected one list for each of {batch} rows of the batch, received {len(rows)}")
    for row in rows:
        if len(row) > length:
            raise ValueError(f"{name}: expected at most {length} tokens, one a step, received {len(row)}")
        if not all(isinstance(token, str) for token in row):
            raise ValueError(f"{name}: expected strings, received {row!r}")
    return [[str(token) for token in row] + [""] * (length - len(row)) for row in rows]


def _axes(key: str, array: np.ndarray) -> tuple[int, int, int | None]:
    """Batch, steps and source steps of an array."""
    of = {"bptt": (2,), "change": (2,), "tau": (2,), "saliency": (2,), "jacobian": (3,), "alignment": (3, 4)}
    ranks = of.get(key.rpartition("/")[2], (3,))
    if array.ndim not in ranks:
        raise ValueError(f"arrays: expected rank {' or '.join(map(str, ranks))} for {key!r}, received {array.shape}")
    if key.rpartition("/")[2] in ("alignment", "jacobian"):
        return array.shape[0], array.shape[-2], array.shape[-1]
    return array.shape[0], array.shape[1], None


def _agreed(axes: set[tuple[int, int, int | None]], position: int) -> Any:
    found = {size for axis in axes if (size := axis[position]) is not None}
    if len(found) > 1:
        name = ("rows", "steps", "source steps")[position]
        raise ValueError(f"arrays: expected the same number of {name} in each, received {sorted(found)}")
    return next(iter(found), None)


def checked_mask(mask: Any, shape: tuple[int, ...], name: str = "mask", letters: str = "") -> np.ndarray:
    """A mask as bool, all True for None.

    Raises:
        ValueError: another shape; `letters` are its axes, for the message.
    """
    if mask is None or mask is _ALL:
        return np.ones(shape, bool)
    mask = np.asarray(mask).astype(bool)
    if mask.shape != shape:
        expected = f"({letters},) = {shape}" if letters else f"{shape}"
        raise ValueError(f"{name}: expected shape {expected}, received {mask.shape}")
    return mask


def _heads_last(array: np.ndarray) -> np.ndarray:
    """An alignment as (b, t, s): the mean of its heads."""
    return array.mean(axis=1) if array.ndim == 4 else array


def _rounded(value: float) -> float:
    return float(f"{float(value):.6g}")


def _listed(array: np.ndarray) -> Any:
    """Nested lists, with None where JSON has no number."""
    listed = array.astype(object)
    listed[~np.isfinite(array)] = None
    return listed.tolist()


def _json(content: dict[str, Any]) -> bytes:
    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair among the tokens
        return json.dumps(content, allow_nan=False).encode()


def _strings(rows: Sequence[Sequence[str]]) -> np.ndarray:
    return np.array([[token[:-1] + "\u2400" if token.endswith("\0") else token for token in row] for row in rows])


def _from_json(data: bytes) -> dict[str, Any]:
    found: Mapping[str, Any] = json.loads(data)
    arrays = {key: np.array(value, dtype=float) for key, value in found["arrays"].items()}  # None becomes NaN
    return {**arrays, **{name: value for name, value in found.items() if name in _BESIDE}}


def _from_npz(data: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        found: dict[str, Any] = {name: file[name] for name in file.files}
    found["about"] = json.loads(str(found["about"]))
    return {name: value.tolist() if "tokens" in name else value for name, value in found.items()}
