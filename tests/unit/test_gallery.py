"""The commands of the gallery are those of the command line, all of its kinds are there, and so are the pictures."""

from pathlib import Path

import click
import pytest
from PIL import Image

from docs.gallery.page import Shot, shots
from kerasrnn.cli import viz

DOCS = Path(__file__).parents[2] / "docs"
GALLERY = shots(DOCS / "gallery.md")


def parsed(shot: Shot) -> click.Context:
    """The command and its parameters, with nothing run."""
    group, name, *arguments = shot.arguments
    assert group == "viz"
    return viz.commands[name].make_context(name, arguments)


@pytest.mark.parametrize("shot", GALLERY, ids=lambda shot: shot.output)
def test_a_command_is_understood_and_its_picture_is_there(shot: Shot) -> None:
    context = parsed(shot)
    assert context.params["output"] == Path(str(shot.output))
    with Image.open(DOCS / str(shot.image)) as image:
        assert image.format == "PNG" and min(image.size) > 100


def test_no_two_commands_write_one_file() -> None:
    outputs = [shot.output for shot in GALLERY]
    assert len(outputs) == len(set(outputs)) > 20


def test_every_command_of_viz_and_every_kind_is_shown() -> None:
    shown = {(context.info_name, context.params.get("kind")) for context in map(parsed, GALLERY)}
    wanted = set()
    for name, command in viz.commands.items():
        kinds = [option.type.choices for option in command.params if option.name == "kind"]
        wanted |= {(name, kind) for kind in (kinds[0] if kinds else [None])} if name != "diff" else {(name, None)}
    assert wanted <= shown, wanted - shown


def test_no_picture_is_left_over() -> None:
    text = "".join(page.read_text("utf-8") for page in [*DOCS.glob("*.md"), DOCS.parent / "README.md"])
    assert not [path.name for path in (DOCS / "images").rglob("*.png") if path.name not in text]


def test_pictures_of_both_pages_are_made_by_the_same_command() -> None:
    def shared(page: str) -> dict[str | None, list[str]]:
        found = shots(DOCS / page, strict=False)
        return {shot.image: [Path(word).name for word in shot.arguments] for shot in found if shot.image}

    ours, theirs = shared("gallery.md"), shared("pictures.md")
    assert len(theirs) > 8
    assert {image: ours.get(image) for image in theirs} == theirs


def test_a_page_and_its_pictures_must_agree(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\nkerasrnn viz gates -o a.png  # said\npip install x\n```\n![A](images/a.png)\n", "utf-8")
    assert shots(page) == [Shot(("viz", "gates", "-o", "a.png"), "images/a.png")]
    page.write_text("```sh\nkerasrnn viz gates -o a.png\n```\n", "utf-8")
    with pytest.raises(ValueError, match="expected an image of the name of"):
        shots(page)
    page.write_text("![A](images/a.png)\n", "utf-8")
    with pytest.raises(ValueError, match="expected a command for each image"):
        shots(page)
