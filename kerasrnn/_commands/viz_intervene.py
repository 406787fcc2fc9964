"""`kerasrnn viz intervene`."""

import re
from typing import Any

import click

from kerasrnn._commands.session import Session
from kerasrnn._terminal import Examples, drawing, reports_errors, window

_VOCABULARIES = ("target_tokens", "tags", "labels", "tokens")  # of a task: what the numbers of its choices are called


@click.command(
    cls=Examples,
    epilog="""kerasrnn viz intervene
    kerasrnn viz intervene "3 mai 1998" --layer decoder --clamp forget=0 --steps 3:5
    kerasrnn viz intervene "3 mai 1998" --attend 5:0 --attend 6:0
    kerasrnn viz intervene my_model.keras --input batch.npy --zero 17""",
)
@click.option(
    "--clamp", multiple=True, metavar="GATE=VALUE", help="Hold all units of a gate at a value; may be repeated."
)
@click.option("--zero", multiple=True, metavar="UNIT", help="Set a unit's states to zero after every step.")
@click.option("--attend", multiple=True, metavar="I:J", help="Make step I attend to source step J alone.")
@click.option(
    "--steps", metavar="A:B", callback=window, help="Hold and zero only from step A to before B.  [default: all]"
)
@click.option("--target", metavar="TEXT", help="Compare the probability of this text rather than of the model's own.")
@drawing("intervene.png")
@reports_errors
def intervene(
    clamp: tuple[str, ...], zero: tuple[str, ...], attend: tuple[str, ...], steps: Any, target: str | None, **given: Any
) -> None:
    """What becomes of the output when a gate is held, a unit silenced, or attention forced.

    MODEL is the name of a trained model (see: kerasrnn zoo list) or the path of a .keras file; TEXT is what it
    should read, "-" for standard input. In a stack a gate is 0/forget and a unit 0/17; in one direction of two,
    forward/forget. Without anything to change, the forget gate is held at 1.
    """
    wanted = _gates(clamp)
    forced = _places(attend)
    session = Session(target=target, **given)
    if not (wanted or zero or forced):
        wanted = {"forget": 1.0}
        session.say("nothing to change was given, so the forget gate is held at 1 (--clamp forget=1)")
    from kerasrnn.viz import capture_intervention, intervention_bars

    observed = session.observed
    options: dict[str, Any] = {"clamp": wanted, "zero": zero, "attend": forced, "steps": steps}
    targets = session.targets if observed is None else _fitting(observed)
    capture = session.capture(capture_intervention, along=False, target=targets, **options)
    row = session.row
    arrays, first, measure = capture.one(row), capture.first, capture.facts["measure"]
    shown, chosen = _called(session, capture, row)
    before, after = _texts(session, capture.layer, options)
    what = _said(wanted, zero, forced, steps)
    title = session.title("") if observed is not None else ""
    title = session.wanted_title or f"{what} in {capture.layer}" + (f"\n{title}" if title else "")

    def figure() -> Any:
        said = {"before": before, "after": after, "measure": measure, "title": title}
        options = {"mask": capture.mask[row], "first": first, **session.style}
        return intervention_bars(arrays["change"], shown, chosen=chosen, **said, **options)

    def in_terminal(screen: Any) -> Any:
        from kerasrnn.viz.terminal import heading, table

        rows: list[list[Any]] = []
        for step, change in enumerate(arrays["change"]):
            if capture.mask[row, step]:
                named = [shown[step] if shown else "", chosen[step] if chosen else ""]
                rows.append([str(first + step), *named, f"{change:+.3f}"])
        texts: list[list[Any]] = [["before", before], ["after", after]] if before is not None else []
        made = table(["step", "target", "would now be", f"change of {measure}"], rows)
        return heading(title, made, *([table(["", "text"], texts)] if texts else []))

    facts = {"intervention": what} | ({"before": before, "after": after} if before is not None else {})
    session.finish(figure, capture, terminal=in_terminal, facts=facts)


def _gates(given: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for each in given:
        gate, equals, value = each.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not equals or not gate or number != number:
            raise click.BadParameter(f"'{each}' is no gate and value: write forget=1.", param_hint="--clamp")
        found[gate] = number
    return found


def _places(given: tuple[str, ...]) -> dict[int, int]:
    found = {}
    for each in given:
        match = re.fullmatch(r"(\d{1,9}):(\d{1,9})", each.strip())
        if not match:
            raise click.BadParameter(f"'{each}' is no pair of steps: write 5:0.", param_hint="--attend")
        found[int(match[1])] = int(match[2])
    return found


def _fitting(observed: Any) -> Any:
    """The targets of a trained model if they are one number a step, or a row; else its own choice is what counts."""
    import numpy as np

    targets = np.asarray(observed.targets)
    return targets if targets.ndim <= 2 and targets.dtype.kind in "iu" else None


def _called(session: Session, capture: Any, row: int) -> tuple[list[str] | None, list[str] | None]:
    """What the targets, and the choices under the intervention, are called; None where the output is a number."""
    if capture.facts["target"] is None:
        return None, None
    from kerasrnn.viz.tokens import visible

    steps = capture.mask.shape[1]
    numbers = capture.facts["target"][row][capture.first : capture.first + steps]
    names = next((known for name in _VOCABULARIES if (known := getattr(session.task, name, None)) is not None), None)

    def called(number: int) -> str:
        return str(number) if names is None else (names[number] or "·")

    shown = [called(number) for number in numbers]
    chosen = [called(number) for number in capture.one(row)["after"].argmax(axis=-1)]
    if session.observed is not None:
        read = session.observed.tokens[row]
    else:
        tokens = session.vocabulary.named(capture, session.inputs, True)["tokens"]
        read = tokens[row] if tokens else []
    if len(read) >= capture.first + steps and read[capture.first : capture.first + steps] != shown and steps > 1:
        shown, chosen = (
            [f"{visible(token)} → {visible(name)}" for token, name in zip(read[capture.first :], names, strict=False)]
            for names in (shown, chosen)  # such as a word and its tag
        )
    return shown, chosen


def _texts(session: Session, layer: str, options: dict[str, Any]) -> tuple[str | None, str | None]:
    """What a trained model answers by itself without and with the intervention; None where it does not."""
    if session.task is None or not session.observed.predictions[0].text:
        return None, None
    from kerasrnn.viz import intervening
    from kerasrnn.viz.capture.intervene import edits_of

    prediction = session.observed.predictions[0]
    with intervening(session.model, edits_of(**options), layer):
        after = session.task.observe([prediction.read]).predictions[0]
    return prediction.text, after.text


def _said(clamp: dict[str, float], zero: tuple[str, ...], attend: dict[int, int], steps: Any) -> str:
    parts = [f"{gate} = {value:g}".replace("-", "−") for gate, value in clamp.items()]
    parts += [f"unit {unit} = 0" for unit in zero]
    if steps is not None and parts:
        parts[-1] += f" at steps {steps[0]}:{'' if steps[1] is None else steps[1]}"
    parts += [f"step {query} attends to {place}" for query, place in attend.items()]
    return ", ".join(parts)
