"""More of what a model reads: lines of a text file, or another batch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasrnn._commands.session import Session
from kerasrnn._files import read_text

_AT_ONCE = 64  # texts


def batches(session: Session, path: Path) -> Iterator[tuple[Any, Any]]:
    """The batches of a corpus: what the model takes, and the observation of its texts, or None for arrays.

    Lines that a trained model cannot read are left out, and said so.

    Raises:
        ValueError: a file that is none, or without a line that the model can read.
    """
    from kerasrnn.viz import user_model

    if session.task is None:
        yield user_model.in_order(user_model.read_arrays(path), session.model), None
        return
    for observed in _observed(session, path):
        yield observed.inputs, observed


def readable_lines(session: Session, path: Path) -> list[str]:
    """The lines of a file that the session's model can read."""
    return [prediction.read for observed in _observed(session, path) for prediction in observed.predictions]


def _observed(session: Session, path: Path) -> Iterator[Any]:
    """The lines of a file as the model reads them, some at once; those that it cannot read are left out."""
    lines = _lines(path)
    reasons: list[str] = []
    for start in range(0, len(lines), _AT_ONCE):
        some = lines[start : start + _AT_ONCE]
        try:
            yield session.task.observe(some)
        except ValueError:
            kept = [line for line in some if _can_read(session, line, reasons)]
            if kept:
                yield session.task.observe(kept)
    if len(reasons) == len(lines):
        why = f": {reasons[0]}" if reasons else ", one text a line"
        raise ValueError(f"{path} has no line that {session.task.name} can read{why}")
    if reasons:
        session.say(f"{path}: {len(reasons)} of {len(lines)} lines are left out ({reasons[0]})")


def _can_read(session: Session, line: str, reasons: list[str]) -> bool:
    try:
        session.task.observe([line])
    except ValueError as error:
        reasons.append(str(error))
        return False
    return True


def _lines(path: Path) -> list[str]:
    if path.suffix.lower() in (".npy", ".npz"):
        raise ValueError(f"{path} holds arrays, and this model reads texts: give a file with one text a line.")
    return [line for line in read_text(path, "a file with one text a line").splitlines() if line.strip()]
