"""Where else the same units are on: matching a span against a corpus, as LSTMVis does."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kerasrnn.viz.arrays import Capture


class Match(NamedTuple):
    """A span of a corpus in which units of a selection are on throughout.

    Attributes:
        row: which sequence.
        start, stop: its first step and the one after its last.
        shared: how many of the selected units are on throughout, |S ∩ A|.
        union: how many units are selected, or on throughout, |S ∪ A|.
    """

    row: int
    start: int
    stop: int
    shared: int
    union: int


def units_on(states: np.ndarray, threshold: float, mask: np.ndarray | None = None) -> np.ndarray:
    """Which units are on: |x| at least the threshold; none on masked steps. (t, u), and a mask (t,) or None."""
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold: expected a number above 0 and at most 1, received {threshold}")
    with np.errstate(invalid="ignore"):
        on = np.abs(np.asarray(states, dtype=float)) >= threshold
    return on if mask is None else on & np.asarray(mask, bool)[:, None]


def states_of(capture: Capture) -> tuple[np.ndarray, list[str]]:
    """What of each unit is compared with a threshold, (b, t, u), and the units' names.

    It is tanh of the cell where the layer has one, and else its hidden state; of stacks and both directions all units.
    """
    names = [key[len(capture.layer) + 1 :] for key in capture.arrays]
    for wanted in ("cell", "hidden", "state_0"):
        chosen = [name for name in names if name.rpartition("/")[2] == wanted]
        if chosen:
            break
    else:
        raise ValueError(f"capture: expected a cell or a hidden state, received {', '.join(names)}")
    arrays = [capture.arrays[f"{capture.layer}/{name}"].astype(float) for name in chosen]
    arrays = [np.tanh(array) if wanted == "cell" else array for array in arrays]
    places = [name.rpartition("/")[0] for name in chosen]
    units = [
        f"{place}/{unit}" if place else str(unit)
        for place, array in zip(places, arrays, strict=True)
        for unit in range(array.shape[-1])
    ]
    return np.concatenate(arrays, axis=-1), units


def selection_of(
    on: np.ndarray, start: int, stop: int, *, off_before: bool = False, off_after: bool = False
) -> np.ndarray:
    """The units (u,) that are on at every step from `start` to before `stop`.

    Args:
        on: (t, u) bool, from `units_on`.
        start, stop: the span.
        off_before: leave out those that are on at the step before the span already.
        off_after: leave out those that are still on at the step after it.

    Raises:
        ValueError: a span that is not within the steps.
    """
    if not 0 <= start < stop <= len(on):
        raise ValueError(f"span: expected steps within 0:{len(on)}, received {start}:{stop}")
    selection = np.asarray(on[start:stop].all(axis=0))
    if off_before and start:
        selection = selection & ~on[start - 1]
    return selection & ~on[stop] if off_after and stop < len(on) else selection


def find_matches(
    corpus: Sequence[np.ndarray],
    selection: np.ndarray,
    *,
    limit: int = 20,
    least: int = 1,
    without: tuple[int, int, int] | None = None,
) -> list[Match]:
    """The spans in which most of the selected units are on, best first.

    For a span, A is the set of units that are on at each of its steps, and S the selection. Spans are ranked by |S ∩ A|
    (more is better), then |S ∪ A| (less is better: few other units are on), then length (longer is better), then their
    place. Only spans count that cannot grow without losing a unit of S, and of spans that overlap the best alone.

    Args:
        corpus: (t, u) bool each, from `units_on`.
        selection: (u,) bool.
        limit: the most matches to return.
        least: the fewest steps of a match.
        without: `(row, start, stop)` of the query itself, which nothing found may overlap.

    Raises:
        ValueError: a sequence with other units than the selection.

    Reference: H. Strobelt, S. Gehrmann, H. Pfister, A. Rush, LSTMVis, IEEE TVCG 24(1), 2018, section 5.3.
    """
    if least < 1:
        raise ValueError(f"least: expected at least 1 step, received {least}")
    wanted = _bits(np.asarray(selection, bool)[None])[0]
    found: list[Match] = []
    for row, on in enumerate(corpus):
        if on.shape[1:] != np.shape(selection):
            raise ValueError(f"corpus: expected {len(selection)} units, received {on.shape[1:]} in row {row}")
        taken = [without[1:]] if without is not None and without[0] == row else []
        for match in sorted(_closed(row, _bits(on), wanted), key=_rank):
            if match.stop - match.start >= least and all(
                match.stop <= start or match.start >= stop for start, stop in taken
            ):
                taken.append((match.start, match.stop))
                found.append(match)
    return sorted(found, key=_rank)[:limit]


def _rank(match: Match) -> tuple[int, int, int, int, int]:
    return -match.shared, match.union, match.start - match.stop, match.row, match.start


def _closed(row: int, steps: list[int], wanted: int) -> list[Match]:
    """All spans of one sequence that cannot grow without losing a unit of the selection; sets of units are bits."""
    found = []
    for start, first in enumerate(steps):
        on, stop = first, start
        while on & wanted:
            shared = on & wanted
            if start and steps[start - 1] & shared == shared:
                break  # it could begin earlier, and however it goes on, it still could
            while stop + 1 < len(steps) and steps[stop + 1] & shared == shared:
                stop += 1
                on &= steps[stop]
            found.append(Match(row, start, stop + 1, shared.bit_count(), (on | wanted).bit_count()))
            if stop + 1 >= len(steps):
                break
            stop += 1
            on &= steps[stop]
    return found


def _bits(on: np.ndarray) -> list[int]:
    """Each step's set of units as the bits of one number."""
    return [int.from_bytes(np.packbits(step, bitorder="little").tobytes(), "little") for step in on]
