"""Interactive pages from the command line: the numbers in them are those that `--data` writes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_cases import data_of, ok, run
from page_cases import Parts, unpacked


def held(path: Path) -> dict[str, Any]:
    return Parts(path.read_bytes()).data


def test_attention(here: Path) -> None:
    result = ok("viz", "attention", "3 mai 1998", "-o", "page.html", "--data", "drawn.npz")
    assert (result.stdout, result.stderr) == ("page.html\n", "")
    data, page = data_of(here / "drawn.npz"), held(here / "page.html")
    (layer,) = page["layers"]
    assert layer["name"] == "decoder"
    np.testing.assert_array_equal(unpacked(layer["values"]), data["decoder/alignment"])
    assert layer["columns"]["tokens"] == ["␣" if token == " " else token for token in "3 mai 1998"]
    assert layer["rows"]["tokens"] == list("1998-05-03")
    assert "3 mai 1998" in page["title"]
    assert "1998-05-03" in page["title"]
    assert page["theme"] is None
    first = (here / "page.html").read_bytes()
    ok("viz", "attention", "3 mai 1998", "-o", "page.html")
    assert (here / "page.html").read_bytes() == first, "the same command, other bytes"


def test_gates_of_every_layer_or_of_one(here: Path) -> None:
    ok("viz", "gates", "3 mai 1998", "-o", "all.html", "--theme", "dark")
    page = held(here / "all.html")
    assert [layer["name"] for layer in page["layers"]] == ["encoder, forward", "encoder, backward", "decoder"]
    assert page["theme"] == "dark"
    ok("viz", "gates", "dates_bahdanau", "3 mai 1998", "--layer", "decoder", "-o", "one.HTML", "--data", "one.npz")
    (layer,) = held(here / "one.HTML")["layers"]
    assert layer == page["layers"][2]
    for name, array in layer["arrays"].items():
        np.testing.assert_array_equal(unpacked(array), data_of(here / "one.npz")[f"decoder/{name}"][0])


def test_a_users_model_and_a_window_of_its_steps(here: Path, models: Path) -> None:
    arguments = [models / "tagger.keras", "--input", models / "steps.npy", "--row", "2"]
    ok("viz", "gates", *arguments, "-o", "page.html", "--data", "drawn.npz", "-q")
    layers = held(here / "page.html")["layers"]
    assert [layer["name"] for layer in layers] == ["both, forward", "both, backward", "top"]
    data = data_of(here / "drawn.npz")
    for layer, way in zip(layers[:2], ("forward", "backward"), strict=True):
        assert list(layer["arrays"]) == ["update", "reset", "candidate", "hidden"]
        np.testing.assert_array_equal(unpacked(layer["arrays"]["update"]), data[f"both/{way}/update"][2])
    ok("viz", "gates", *arguments, "-o", "part.html", "--tokens", "2:5", "-q")
    part = held(here / "part.html")["layers"]
    assert [layer["steps"]["first"] for layer in part] == [2, 2]
    np.testing.assert_array_equal(unpacked(part[0]["arrays"]["reset"]), data["both/forward/reset"][2, 2:5])


def test_gradients_of_every_layer(here: Path, models: Path) -> None:
    arguments = [models / "tagger.keras", "--input", models / "steps.npy", "--at", "3"]
    ok("viz", "gradients", *arguments, "-o", "page.html", "--data", "drawn.npz", "-q")
    both, top = held(here / "page.html")["layers"]
    assert [curve["name"] for curve in both["curves"]] == ["forward", "backward"]
    for curve in both["curves"]:
        norms = data_of(here / "drawn.npz")[f"both/{curve['name']}/bptt"][0]
        np.testing.assert_array_equal(unpacked(curve["norms"]), norms.astype("f4"))
    (curve,) = top["curves"]
    norms = unpacked(curve["norms"])
    assert (norms[4:] == 0).all()
    assert norms[3] > 0
    assert not curve["backwards"]


def test_a_jacobian(here: Path) -> None:
    ok(
        "viz",
        "gradients",
        "dates_bahdanau",
        "1998-5-3",
        "--kind",
        "jacobian",
        "-o",
        "page.html",
        "--data",
        "j.npz",
        "-q",
    )
    (layer,) = held(here / "page.html")["layers"]
    norms = data_of(here / "j.npz")["encoder/jacobian"][0]
    np.testing.assert_array_equal(unpacked(layer["values"])[0], norms.astype("f4"))
    assert layer["high"] == norms.max()
    assert layer["rows"]["tokens"] == list("1998-05-03")
    assert layer["columns"]["tokens"] == list("1998-5-3")


def test_a_beam_search(here: Path) -> None:
    ok("viz", "beam", "3 mai 1998", "--width", "3", "-o", "page.html", "--data", "drawn.npz", "-q")
    page, data = held(here / "page.html"), data_of(here / "drawn.npz")
    np.testing.assert_array_equal(page["parents"], data["beam/parent"][0])
    np.testing.assert_array_equal(page["ended"], data["beam/finished"][0])
    np.testing.assert_array_equal(unpacked(page["scores"]), data["beam/score"][0].astype("f4"))
    assert page["finals"][0] == "1998-05-03"
    assert "".join(row[0] for row in page["tokens"][:10]) == "1998-05-03"


def test_the_explorer_needs_no_model(here: Path) -> None:
    assert ok("viz", "explore").stdout == "explore.html\n"
    assert held(here / "explore.html")["cell"] == "lstm"
    ok("viz", "explore", "--cell", "gru", "-o", "g.html", "--title", "Cho's <unit>", "--theme", "light")
    page = held(here / "g.html")
    assert (page["cell"], page["title"], page["theme"]) == ("gru", "Cho's <unit>", "light")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gates", "-o", "a.html", "--dpi", "100"], "--dpi is for figures: a page takes the size of its window"),
        (["attention", "-o", "a.html", "--size", "6x4"], "--size is for figures"),
        (["gates", "-o", "a.html", "--theme", "print"], "--theme print is for figures: a page is light or dark"),
        (["explore", "-o", "a.png"], "'a.png' must end in .html"),
        (["gates", "-o", "a.htm"], "'a.htm' must end in .png, .svg, .pdf or .html"),
        (["gates", "-o", "no/a.html"], "there is no folder"),
        (["explore", "-o", "no/a.html"], "cannot write no/a.html"),
    ],
)
def test_what_cannot_be_is_refused_at_once(here: Path, arguments: list[str], message: str) -> None:
    result = run("viz", *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert list(here.iterdir()) == []
