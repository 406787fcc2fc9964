"""The commands of a page in Markdown, and the pictures that they make."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Shot:
    """One command of a page.

    Attributes:
        arguments: what follows `kerasrnn`.
        image: where its picture is, from the folder of the page; None for a command that draws none.
    """

    arguments: tuple[str, ...]
    image: str | None

    @property
    def output(self) -> str | None:
        """The file that the command writes."""
        return _output(self.arguments)


def shots(page: Path, *, strict: bool = True) -> list[Shot]:
    """The commands of a page in their order, each with the image of the same name.

    Args:
        page: a file in Markdown.
        strict: whether each command must have its image, and each image its command.

    Raises:
        ValueError: a command whose output the page does not show, or an image that no command makes.
    """
    text = page.read_text(encoding="utf-8")
    images = {Path(image).stem: image for image in _IMAGE.findall(text)}
    found = []
    for line in (line for block in _BLOCK.findall(text) for line in block.splitlines()):
        words = shlex.split(line, comments=True)
        if words[:1] != ["kerasrnn"]:
            continue
        output = _output(tuple(words[1:]))
        stem = None if output is None else Path(output).stem
        if strict and stem is not None and stem not in images:
            raise ValueError(f"{page.name}: expected an image of the name of {output}, received none: {line}")
        found.append(Shot(tuple(words[1:]), None if stem is None else images.get(stem)))
    if strict and (lost := sorted(set(images.values()) - {shot.image for shot in found})):
        raise ValueError(f"{page.name}: expected a command for each image, received none for {', '.join(lost)}")
    return found


def _output(arguments: tuple[str, ...]) -> str | None:
    return arguments[arguments.index("-o") + 1] if "-o" in arguments else None
