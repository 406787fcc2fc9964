"""The kinds of picture of `kerasrnn viz gates`: from a capture to what is drawn, shown and said."""

from collections.abc import Callable
from typing import Any

from kerasrnn._commands.gate_memory import memory
from kerasrnn._commands.gate_request import NEED_GATES, Drawing, Request, checked_unit


def heatmap(request: Request) -> Drawing:
    from kerasrnn.viz import gates_heatmap

    title = request.title(f"gates and states of {request.capture.layer}")

    def figure() -> Any:
        return gates_heatmap(request.arrays, **request.steps, title=title, sort=request.sort, **request.style)

    def terminal(screen: Any) -> Any:
        from kerasrnn.viz.terminal import gate_panels

        return gate_panels(screen, _sorted(request) if request.sort else request.arrays, **request.steps, title=title)

    return Drawing(figure, terminal)


def timeline(request: Request) -> Drawing:
    from kerasrnn.viz import gates_timeline, over_units

    title = request.title(f"gates and states of {request.capture.layer}, over all units")
    mask = request.capture.mask[request.row]
    curves = {name: over_units(array, mask) for name, array in request.arrays.items()}

    def figure() -> Any:
        return gates_timeline(request.arrays, **request.steps, title=title, **request.style)

    def terminal(screen: Any) -> Any:
        import numpy as np
        from rich.console import Group

        from kerasrnn.viz.names import caption_of, is_signed
        from kerasrnn.viz.terminal import lines
        from kerasrnn.viz.tokens import title_text

        parts: list[Any] = [title_text(title)]
        tokens, first = request.steps["tokens"], request.capture.first
        for name, (mean, *_) in curves.items():
            limit = max(1.0, float(np.abs(mean[np.isfinite(mean)]).max(initial=0.0)))
            low = -limit if is_signed(name) else 0.0
            series = {f"{caption_of(name)}, mean": mean}
            parts.append(lines(screen, series, columns=tokens, low=low, high=limit, first=first, rows=4))
        return Group(*parts)

    drawn: dict[str, Any] = {}
    for name, curve in curves.items():
        drawn |= {f"{name}/{what}": values for what, values in zip(("mean", "10 %", "90 %"), curve, strict=True)}
    return Drawing(figure, terminal, drawn=drawn)


def saturated(request: Request) -> Drawing:
    from kerasrnn.viz import gates_saturation, saturation

    gates = request.gates
    if not gates:
        raise ValueError(f"layer {request.capture.layer} has no gates: --kind saturation {NEED_GATES}.")
    shares = {name: saturation(gate, request.capture.mask) for name, gate in gates.items()}
    rows = len(request.capture.mask)
    over = f"over {rows} rows" if rows > 1 else "over one row"
    title = request.title(f"saturation of the gates of {request.capture.layer}, {over}")

    def figure() -> Any:
        return gates_saturation(shares, title=title, **request.style)

    def terminal(screen: Any) -> Any:
        from kerasrnn.viz.names import caption_of
        from kerasrnn.viz.terminal import table

        head = ["gate", "mean share < 0.1", "mean share > 0.9", "units never saturated", "units"]
        lines = [[caption_of(name), *about.values()] for name, about in facts.items()]
        return table(head, lines, title)

    facts = {name: _saturation_facts(*pair) for name, pair in shares.items()}
    drawn = {
        f"{name}/{side}": pair[place] for name, pair in shares.items() for place, side in enumerate(("left", "right"))
    }
    return Drawing(figure, terminal, {"saturation": facts}, drawn)


def text(request: Request) -> Drawing:
    import numpy as np

    from kerasrnn.viz import token_text

    name, number = _text_unit(request)
    values = np.asarray(request.arrays[name], float)[:, number]
    prefix, _, state = name.rpartition("/")
    of = f"unit {number}{f' of {prefix}' if prefix else ''}"
    limit = 1.0
    if state == "cell":
        values, caption = np.tanh(values), f"tanh of the cell state, {of}"
    else:
        kept = values[request.capture.mask[request.row] & np.isfinite(values)]
        limit, caption = max(1.0, float(np.abs(kept).max(initial=0.0))), f"{state.replace('_', ' ')} state, {of}"
    steps = request.steps
    tokens = steps["tokens"] or [str(steps["first"] + step) for step in range(len(values))]
    title = request.title(f"{of} of {request.capture.layer}" if not prefix else f"{of} {request.capture.layer}")
    options: dict[str, Any] = {"mask": steps["mask"], "limit": limit}

    def figure() -> Any:
        return token_text(tokens, values, title=title, caption=caption, **options, **request.style)

    def terminal(screen: Any) -> Any:
        from rich.console import Group

        from kerasrnn.viz.terminal import coloured_tokens
        from kerasrnn.viz.tokens import title_text

        return Group(title_text(title), coloured_tokens(screen, tokens, values, caption=caption, **options))

    return Drawing(figure, terminal, {"unit": f"{prefix}/{number}" if prefix else str(number)}, {"values": values})


def healthy(request: Request) -> Drawing:
    from kerasrnn.viz import gates_health, health
    from kerasrnn.viz.names import caption_of, is_signed, rank

    start = len(request.capture.layer) + 1
    named = {key[start:]: array for key, array in request.capture.arrays.items() if not key.endswith("candidate")}
    found = {
        name: health(array, request.capture.mask, gate=not is_signed(name))
        for name, array in sorted(named.items(), key=lambda item: rank(item[0]))
    }
    counts = {name: item.counts() for name, item in found.items()}
    rows = len(request.capture.mask)
    title = request.title(f"health of {request.capture.layer}, over {f'{rows} rows' if rows > 1 else 'one row'}")

    def figure() -> Any:
        return gates_health(found, title=title, **request.style)

    def terminal(screen: Any) -> Any:
        from kerasrnn.viz.terminal import table

        head = ["gate or state", *next(iter(counts.values()))]
        return table(
            head, [[caption_of(name).split(" (")[0], *about.values()] for name, about in counts.items()], title
        )

    drawn: dict[str, Any] = {}
    for name, item in found.items():
        drawn |= {f"{name}/{what}": values for what, values in item._asdict().items()}
    return Drawing(figure, terminal, {"health": counts}, drawn)


KINDS: dict[str, Callable[[Request], Drawing]] = {
    "heatmap": heatmap,
    "timeline": timeline,
    "saturation": saturated,
    "text": text,
    "memory": memory,
    "health": healthy,
}


def _sorted(request: Request) -> dict[str, Any]:
    import numpy as np

    mask = request.capture.mask[request.row]
    if not mask.any():
        return request.arrays
    order = {name: np.argsort(-array[mask].mean(axis=0), kind="stable") for name, array in request.arrays.items()}
    return {name: array[:, order[name]] for name, array in request.arrays.items()}


def _text_unit(request: Request) -> tuple[str, int]:
    """The state and the unit to show: a cell state where there is one; the unit that changes most by default."""
    import numpy as np

    arrays = request.arrays
    states: dict[str, str] = {}
    for wanted in ("state_0", "hidden", "cell"):
        states |= {name.rpartition("/")[0]: name for name in arrays if name.rpartition("/")[2] == wanted}
    if not states:
        raise ValueError(f"layer {request.capture.layer} has no state to show: its arrays are {', '.join(arrays)}.")
    if request.unit is not None:
        part, number = checked_unit(request, {part: arrays[name].shape[-1] for part, name in states.items()})
        return states[next(iter(states)) if part is None else part], number
    mask = request.capture.mask[request.row]
    best, name, number = -1.0, next(iter(states.values())), 0
    for state in states.values():
        values = np.asarray(arrays[state], float)[mask]
        values = np.tanh(values) if state.endswith("cell") else values
        changes = np.nan_to_num(values.var(axis=0), nan=-1.0) if len(values) else np.zeros(values.shape[1])
        if changes.max() > best:
            best, name, number = float(changes.max()), state, int(changes.argmax())
    part = name.rpartition("/")[0]
    request.say(f"unit {part + '/' if part else ''}{number}, the one that changes most (another: --unit)")
    return name, number


def _saturation_facts(left: Any, right: Any) -> dict[str, Any]:
    import numpy as np

    known = ~np.isnan(left)
    if not known.any():
        return {"left": None, "right": None, "never saturated": 0, "units": len(left)}
    return {
        "left": round(float(left[known].mean()), 4),
        "right": round(float(right[known].mean()), 4),
        "never saturated": int(((left + right) == 0).sum()),
        "units": len(left),
    }
