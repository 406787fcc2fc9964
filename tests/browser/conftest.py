"""Pages in a real browser: Chromium without a window, with no way to the network, and everything it says kept.

Needs Playwright (the `browser` extra) and a Chromium or Chrome of the system; without them these tests are skipped.
Plain `pytest` leaves this folder out: `make browser-test`.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_driver import Open

from kerasrnn.viz.pages.page import Page, write_page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # pip install ".[browser]"

    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.fail("the tests of pages need Chromium or Chrome: apt-get install chromium, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        # Tests run as root in containers, where Chromium has no sandbox of its own.
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """A function that writes a page to a file and opens it; at the end, nothing may have failed or left the page."""
    contexts, trouble, requests = [], [], []

    def show(page: Page, *, width: int = 1200, height: int = 800, **options: Any) -> Any:
        path = tmp_path / f"page{len(contexts)}.html"
        write_page(page, path)
        context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(30_000)
        tab.on("console", lambda message: trouble.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(path.as_uri())
        return tab

    yield show
    for context in contexts:
        context.close()
    assert trouble == []
    strangers = [url for url in requests if not url.startswith((tmp_path.as_uri(), "blob:", "data:"))]
    assert strangers == []
