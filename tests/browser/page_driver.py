"""What the tests of pages do with a page: read it, point at it, look at it."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

Open = Callable[..., Any]


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
