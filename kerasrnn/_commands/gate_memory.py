"""The memory of a layer, for `kerasrnn viz gates --kind memory`."""

import itertools
from typing import Any

from kerasrnn._commands.gate_request import NEED_GATES, Drawing, Request, checked_unit


def memory(request: Request) -> Drawing:
    from kerasrnn.viz import gates_memory, half_lives, retention
    from kerasrnn.viz.statistics import keeping

    capture, rules = request.capture, request.capture.facts.get("memory", {})
    if not rules:
        raise ValueError(
            f"layer {capture.layer} has no gate that decides how much of the state is kept: --kind memory {NEED_GATES}."
        )
    whole = {key[len(capture.layer) + 1 :]: array for key, array in capture.arrays.items()}
    keeps = keeping(whole, rules)
    backwards = [prefix.rstrip("/") for prefix, rule in rules.items() if rule["backwards"]]
    unit = None
    if request.unit is not None:
        part, unit = checked_unit(request, {label: array.shape[-1] for label, array in keeps.items()})
        keeps = keeps if part is None else {part: keeps[part]}
    of = "mean of all units" if unit is None else f"unit {unit}"
    lives = {label: half_lives(keep, capture.mask) for label, keep in keeps.items()}
    steps, mask = request.steps, capture.mask[request.row]
    title = request.title(f"memory of {capture.layer}")
    facts = {label or capture.layer: _life_facts(values) for label, values in lives.items()}
    # A map of many steps is refused where it is drawn, not needed for the numbers.
    kept: dict[str, Any] = {}
    if len(mask) <= 2000:
        kept = {
            label: retention(keep[request.row], mask, unit=unit, backwards=label in backwards)
            for label, keep in keeps.items()
        }

    def figure() -> Any:
        if not kept:
            raise ValueError(
                f"--kind memory draws a map of at most 2000 by 2000 steps, and {capture.layer} has {len(mask)}: choose "
                "a window, such as --tokens 0:2000."
            )
        options: dict[str, Any] = {"of": of, "backwards": backwards, "title": title, **request.style}
        return gates_memory(lives, kept, **steps, **options)

    def terminal(screen: Any) -> Any:
        from rich.console import Group

        from kerasrnn.viz.terminal import bars, heatmap
        from kerasrnn.viz.tokens import title_text

        parts: list[Any] = [title_text(title)]
        for label, values in lives.items():
            name = f"{label}: " if label else ""
            parts.append(bars(screen, _histogram(values), f"{name}units by half-life in steps, direct path only"))
            if label in kept:
                options: dict[str, Any] = {
                    "columns": steps["tokens"],
                    "first": steps["first"],
                    "unit": "step",
                    "blank": True,
                }
                parts.append(
                    heatmap(screen, kept[label], caption=f"{name}retention, {of}, direct path only", **options)
                )
        return Group(*parts)

    drawn = {f"{label + '/' if label else ''}half-life": values for label, values in lives.items()}
    drawn |= {f"{label + '/' if label else ''}retention": values for label, values in kept.items()}
    return Drawing(figure, terminal, {"half-life": facts}, drawn)


def _life_facts(lives: Any) -> dict[str, Any]:
    """Key figures that JSON can hold: it has no infinity."""
    import numpy as np

    known = lives[~np.isnan(lives)]
    finite = known[np.isfinite(known)]
    facts: dict[str, Any] = {"units": len(lives), "never forget": int(np.isinf(known).sum())}
    if len(finite):
        median = float(np.median(known))
        facts |= {"median": median if np.isfinite(median) else None}
        facts |= {"shortest": float(finite.min()), "longest": float(finite.max())}
    return facts


def _histogram(lives: Any) -> dict[str, float]:
    """Counts by powers of two, for bars."""
    import numpy as np

    known = lives[~np.isnan(lives)]
    finite = known[np.isfinite(known)]
    most = int(np.clip(np.ceil(np.log2(max(float(finite.max(initial=1.0)), 2.0))), 1, 20))
    edges = [0.0, 1.0, *(2.0**power for power in range(1, most + 1))]
    counts: dict[str, float] = {}
    for low, high in itertools.pairwise(edges):
        counts["< 1" if not low else f"{low:g}–{high:g}"] = int(((finite >= low) & (finite < high)).sum())
    counts[f"≥ {edges[-1]:g}"] = int((finite >= edges[-1]).sum())
    if np.isinf(known).any():
        counts["never forget"] = int(np.isinf(known).sum())
    if len(known) < len(lives):
        counts["NaN"] = len(lives) - len(known)
    return counts
