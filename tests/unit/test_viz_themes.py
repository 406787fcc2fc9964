"""Themes: who cannot tell red from green, or sees no colour, can still read the maps and tell the lines apart."""

import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from kerasrnn.viz.figures.style import styled
from kerasrnn.viz.figures.themes import LOOKS, Look, look, themed

MACHADO = {  # Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
SEEN = ["everyone", *MACHADO]
_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colours: np.ndarray) -> np.ndarray:
    colours = np.asarray(colours, float)
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def lab(colours: np.ndarray, seen_by: str = "everyone") -> np.ndarray:
    """CIELAB (n, 3) of sRGB colours (n, 3), as somebody sees them."""
    light = linear(colours)
    if seen_by != "everyone":
        light = np.clip(light @ np.array(MACHADO[seen_by]).T, 0, 1)
    relative = light @ _XYZ.T / (np.ones(3) @ _XYZ.T)
    f = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=-1)


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2, from 1 to 21."""
    bright, dark = sorted((float(linear(np.array(to_rgb(colour))) @ _XYZ[1]) for colour in (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.fixture(params=LOOKS)
def chosen(request: pytest.FixtureRequest) -> Look:
    return LOOKS[request.param]


def test_the_measure_knows_a_bad_map() -> None:
    """Jet turns round in lightness, and red and green fall together for the colour-blind."""
    jet = lab(matplotlib.colormaps["jet"](np.linspace(0, 1, 64))[:, :3])[:, 0]
    assert (np.diff(jet) > 0).any()
    assert (np.diff(jet) < 0).any()
    reds = np.array([to_rgb("#c03030"), to_rgb("#6f7a1e")])
    apart = {eyes: float(np.linalg.norm(np.diff(lab(reds, eyes), axis=0))) for eyes in SEEN}
    assert apart["everyone"] > 60
    assert apart["deuteranopia"] < 25


@pytest.mark.parametrize("eyes", SEEN)
def test_weights_grow_in_lightness_for_everyone(chosen: Look, eyes: str) -> None:
    """So more is more, whoever looks, and on a grey print too."""
    lightness = lab(chosen.map()(np.linspace(0, 1, 64))[:, :3], eyes)[:, 0]
    steps = np.diff(lightness) * np.sign(lightness[-1] - lightness[0])
    assert (steps > 0).all()
    assert abs(lightness[-1] - lightness[0]) > 60


@pytest.mark.parametrize("eyes", SEEN)
def test_signed_values_keep_their_sign_for_everyone(chosen: Look, eyes: str) -> None:
    """Lightness runs one way from zero on either side, and no value looks like its opposite."""
    values = np.linspace(-1, 1, 81)
    colours = lab(chosen.map(signed=True)((values + 1) / 2)[:, :3], eyes)
    from_zero = np.abs(colours[:, 0] - colours[40, 0])
    for side in (from_zero[40:], from_zero[40::-1]):
        assert (np.diff(side[::4]) > 0).all()
    for size in (0.5, 1.0):
        step = round(40 * size)
        assert np.linalg.norm(colours[40 + step] - colours[40 - step]) > 20, size


@pytest.mark.parametrize("eyes", SEEN)
def test_lines_are_told_apart(chosen: Look, eyes: str) -> None:
    """By colour, or by their dashes where a printer has only greys."""
    drawn = [chosen.line(number) for number in range(len(chosen.lines))]
    colours = lab(np.array([to_rgb(line["color"]) for line in drawn]), eyes)
    for one, other in itertools.combinations(range(len(drawn)), 2):
        apart = float(np.linalg.norm(colours[one] - colours[other]))
        dashes = drawn[one]["linestyle"] != drawn[other]["linestyle"]
        assert dashes or apart > 10, (one, other, apart)
    assert np.linalg.norm(colours[0] - colours[1]) > 30, "the two directions"


def test_text_and_lines_stand_out_from_the_paper(chosen: Look) -> None:
    assert contrast(chosen.ink, chosen.paper) > 7
    assert contrast(chosen.quiet, chosen.paper) > 4.5
    for colour in chosen.lines[:4]:
        assert contrast(colour, chosen.paper) > 2.5, colour


def test_no_number_has_a_colour_of_its_own(chosen: Look) -> None:
    for signed in (False, True):
        map_ = chosen.map(signed)
        values = lab(map_(np.linspace(0, 1, 64))[:, :3])
        bad = lab(np.array([map_(np.nan)[:3]]))
        np.testing.assert_allclose(map_(np.nan)[:3], to_rgb(chosen.bad))
        assert np.linalg.norm(values - bad, axis=1).min() > 30


def test_styled_functions_draw_under_their_theme() -> None:
    @styled
    def draw(theme: str = "light") -> tuple[Look, Figure]:
        return look(), Figure()

    with matplotlib.rc_context({"figure.facecolor": "red"}):
        assert draw()[0] is LOOKS["light"]
        dark, figure = draw(theme="dark")
        assert dark is LOOKS["dark"]
        np.testing.assert_allclose(figure.get_facecolor()[:3], to_rgb(dark.paper))
        assert matplotlib.rcParams["figure.facecolor"] == "red"
    assert look() is LOOKS["light"]
    with pytest.raises(ValueError, match="theme: expected one of light, dark, print, received 'sepia'"):
        draw(theme="sepia")
    with pytest.raises(KeyError), themed("dark"):
        raise KeyError
    assert look() is LOOKS["light"], "a failure left its theme behind"
