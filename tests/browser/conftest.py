"""Pages in a real browser: Chromium without a window, with no way to the network, and everything it says kept.

Needs Playwright (the `browser` extra) and a Chromium or Chrome of the system; without them these tests are skipped.
Plain `pytest` leaves this folder out: `make browser-test`.
"""

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerasrnn.viz.pages.page import Page, write_page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
Open = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason='the tests of pages need: pip install ".[browser]"')
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("the tests of pages need Chromium or Chrome: apt-get install chromium, or set CHROMIUM to its path")
    with api.sync_playwright() as playwright:
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
        tab.set_default_timeout(10_000)
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


def text(tab: Any, selector: str) -> str:
    return tab.locator(selector).inner_text()


def every(tab: Any, selector: str, what: str) -> list[Any]:
    """`what`, JavaScript about an element x, of every element that the selector finds."""
    return tab.locator(selector).evaluate_all(f"all => all.map((x) => {what})")


def number(shown: str) -> float:
    """A number as the pages write it."""
    return float(shown.replace("−", "-").replace("∞", "inf"))


def close(shown: float, exact: float) -> bool:
    """Whether `shown` is `exact` to the digits that pages show."""
    return bool(abs(shown - exact) <= max(0.0005001, 0.0051 * abs(exact) if abs(exact) < 0.001 else 0))


def slide(tab: Any, selector: str, value: float) -> None:
    """Move a slider, as its own events tell the page."""
    tab.locator(selector).evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


def pixels(tab: Any, selector: str) -> np.ndarray:
    """What an element looks like, (height, width, 3)."""
    image = Image.open(io.BytesIO(tab.locator(selector).screenshot(animations="disabled")))
    return np.asarray(image.convert("RGB"))


def centres(tab: Any, rows: int, columns: int) -> dict[tuple[int, int], tuple[float, float]]:
    """Where the middle of each cell of the matrix lies, from its upper left corner."""
    settled(tab)
    left, top, wide, high = map(float, tab.locator("#matrix").get_attribute("data-cells").split())
    return {(i, j): (left + (j + 0.5) * wide, top + (i + 0.5) * high) for i in range(rows) for j in range(columns)}


def point(tab: Any, at: tuple[float, float]) -> None:
    """Move the mouse there on the matrix."""
    box = tab.locator("#matrix").bounding_box()
    tab.mouse.move(box["x"] + at[0], box["y"] + at[1])


def settled(tab: Any) -> None:
    """Wait until what was asked for has been drawn."""
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
