"""The names of gates and states: their order, what they are called, and which have a sign."""

_ORDER = ["input", "forget", "output", "update", "reset", "candidate", "cell", "hidden"]
_SIGNED = ("candidate", "cell", "hidden")
_CAPTIONS = {
    "input": "input gate",
    "forget": "forget gate",
    "output": "output gate",
    "update": "update gate (1 keeps the old state)",
    "reset": "reset gate",
    "candidate": "candidate",
    "cell": "cell state",
    "hidden": "hidden state",
}


def rank(name: str) -> tuple[int, str]:
    """Where a gate or state stands: gates, candidate, states, then other names by the alphabet."""
    last = name.rpartition("/")[2]
    return (_ORDER.index(last) if last in _ORDER else len(_ORDER), last)


def is_signed(name: str) -> bool:
    """Whether values of that name run around zero, rather than from 0 to 1."""
    last = name.rpartition("/")[2]
    return last in _SIGNED or last.startswith("state")


def caption_of(name: str) -> str:
    """A name as people read it: `forward: forget gate`."""
    prefix, _, last = name.rpartition("/")
    return (f"{prefix}: " if prefix else "") + _CAPTIONS.get(last, last)
