"""Make every picture of docs/gallery.md anew, by the commands that the page shows.

    python -m docs.gallery            # two to three minutes
    python -m docs.gallery beam flow  # only these pictures

The models of the second half are trained first, in a temporary folder, or in the one named by `--models`, where those
that are there already are used again.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same sums in the same order

import click

from docs.gallery.page import Shot, shots
from kerasrnn.cli import main as kerasrnn

DOCS = Path(__file__).resolve().parent.parent
DONE = "complete"
_WINDOW = {"width": 1100, "height": 760}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
@click.option("--models", type=click.Path(path_type=Path, file_okay=False), help="Where the models are kept.")
def make(names: tuple[str, ...], models: Path | None) -> None:
    """Make the pictures NAMES of docs/gallery.md, or all of them."""
    found = shots(DOCS / "gallery.md")
    images = [Path(shot.image).stem for shot in found if shot.image]
    if unknown := [name for name in names if name not in images]:
        raise click.UsageError(f"no picture is called {', '.join(unknown)}: choose from {', '.join(images)}.")
    with contextlib.ExitStack() as stack:
        folder = models or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / DONE).exists():
            from docs.gallery.models import make_models

            make_models(folder)
            (folder / DONE).touch()
        stack.enter_context(contextlib.chdir(folder))
        pages = []
        for shot in found:
            if names and (shot.image is None or Path(shot.image).stem not in names):
                continue
            print("kerasrnn", *shot.arguments, flush=True)
            kerasrnn(list(shot.arguments), prog_name="kerasrnn", standalone_mode=False)
            if shot.image is None or shot.output is None:
                continue
            if shot.output.endswith(".html"):
                pages.append(shot)
            else:
                shutil.copyfile(shot.output, DOCS / shot.image)
        if pages:
            _photograph(pages)


def _photograph(pages: list[Shot]) -> None:
    """Pictures of interactive pages, in the Chromium of the system."""
    with _browser() as tab:
        for shot in pages:
            tab.goto(Path(str(shot.output)).resolve().as_uri())
            tab.wait_for_timeout(500)
            tab.screenshot(path=DOCS / str(shot.image), animations="disabled", full_page=True)


@contextlib.contextmanager
def _browser() -> Iterator:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        raise click.ClickException("a Chromium or Chrome is needed for the pictures of pages: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise click.ClickException(
            'Playwright is needed for the pictures of pages: pip install ".[browser]"'
        ) from error

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser.new_context(color_scheme="light", viewport=_WINDOW).new_page()
        browser.close()


if __name__ == "__main__":
    sys.exit(make())
