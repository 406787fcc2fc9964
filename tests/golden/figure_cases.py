"""What the figure tests share: tokens in many scripts and of many lengths, and the boxes of what was drawn."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SCRIPTS = {
    "Latin": list("le 3 mai 1998"),
    "Greek": list("3 Μαΐου 1998"),
    "Cyrillic": list("3 мая 1998 г."),
    "Arabic": list("٣ مايو ١٩٩٨"),
    "Arabic words": "في البداية كانت الكلمة العربية".split(),
    "Hebrew": list("3 במאי 1998"),
    "Devanagari": list("३ मई १९९८"),
    "Devanagari words": "क्षत्रिय हिन्दी मई".split(),
    "Han": list("1998年5月3日"),
    "Hangul": list("1998년 5월 3일"),
    "Thai": list("3 พ.ค. 2541"),
    "odd": [
        "$x$",
        "$",
        "a$b$c",
        "\x1b[31m",
        "\x00",
        "\u202eevil",
        "\n",
        " ",
        "\xa0",
        "\u200d",
        "",
        "\ud800",
        "\\alpha",
        "^_",
    ],
}
WORDS = "the quick brown fox jumps over lazy dogs while internationalisation continues".split()


def words(count: int) -> list[str]:
    return [WORDS[place % len(WORDS)] for place in range(count)]


def characters(count: int) -> list[str]:
    text = "le trois mai mille neuf cent quatre-vingt-dix-huit "
    return [text[place % len(text)] for place in range(count)]


def drawn_texts(figure: Figure) -> list[tuple[Text, Bbox]]:
    """Every text that is drawn, with its box in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    hidden = set(_labels_of_no_tick(figure))
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    return [(text, text.get_window_extent(canvas.get_renderer())) for text in texts if text not in hidden]


def _labels_of_no_tick(figure: Figure) -> Iterator[Text]:
    """Labels that are not drawn: on the far side of the axes, or of ticks out of range."""
    for axes in figure.findobj(Axes):  # insets too
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.majorTicks, *axis.minorTicks]:
                inside = low <= tick.get_loc() <= high
                yield from (label for label in (tick.label1, tick.label2) if not (inside and label.get_visible()))


def ticks(axis: object) -> list[str]:
    """The labels of an axis, in order."""
    return [label.get_text() for label in axis.get_ticklabels()]


def check_layout(figure: Figure) -> None:
    """No text overlaps another, and none leaves the page."""
    texts = drawn_texts(figure)
    page = figure.bbox
    for text, box in texts:
        inside = box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1 and box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1
        assert inside, f"{text.get_text()!r} leaves the page: {box}"
    for place, (one, a) in enumerate(texts):
        for other, b in texts[place + 1 :]:
            if one.get_rotation() in (45,) and other.get_rotation() in (45,):
                continue  # the upright box around a slanted text says little
            wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
            assert wide <= 1.5 or high <= 1.5, f"{one.get_text()!r} overlaps {other.get_text()!r}: {a} {b}"
