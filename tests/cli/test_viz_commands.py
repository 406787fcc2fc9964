"""The three pictures from the command line: files of each kind, the arrays behind them, what is said and where."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import zoo_cases
from cli_cases import data_of, ok

from kerasrnn.zoo.tasks.seq2seq import Seq2SeqTask

COMMANDS = ["attention", "gates", "gradients"]
GRU = ["update", "reset", "candidate", "hidden"]
LSTM = ["input", "forget", "candidate", "output", "cell", "hidden"]
SCRIPTS = {
    "Latin": "5 de agosto de 2026",
    "Arabic": "٣ مايو ١٩٩٨",
    "Devanagari": "15 अगस्त 1947",
    "Han": "1949年10月1日",
    "odd spaces": "\u200f5\u00a0de\u3000agosto  de 2026",
}
MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-", "svg": b"<?xml"}


@pytest.fixture(scope="module")
def task() -> Seq2SeqTask:
    return zoo_cases.shipped()


@pytest.mark.parametrize("command", COMMANDS)
def test_without_an_argument_a_picture_is_written(command: str, here: Path) -> None:
    """Only its path goes to stdout; which layer it shows goes to stderr."""
    result = ok("viz", command)
    assert result.stdout == f"{command}.png\n"
    (remark,) = result.stderr.splitlines()
    assert remark.startswith(f"layer {'decoder' if command == 'attention' else 'encoder'}, the first to run")
    assert [path.name for path in here.iterdir()] == [f"{command}.png"]
    picture = (here / f"{command}.png").read_bytes()
    assert picture.startswith(MAGIC["png"])
    if command == "attention":
        ok("viz", command, "dates_bahdanau", "-q", "-o", "again.PNG")
        assert (here / "again.PNG").read_bytes() == picture, "the same command, other bytes"


@pytest.mark.parametrize(("command", "model", "suffix"), [("gates", "lstm", "pdf"), ("gradients", "tagger", "svg")])
def test_the_suffix_chooses_the_format(command: str, model: str, suffix: str, here: Path, models: Path) -> None:
    arguments = [models / f"{model}.keras", "--input", models / "steps.npy"]
    result = ok("viz", command, *arguments, "-o", f"sub.dir.{suffix}", "-q")
    assert (result.stdout, result.stderr) == (f"sub.dir.{suffix}\n", "")
    written = (here / f"sub.dir.{suffix}").read_bytes()
    assert written.startswith(MAGIC[suffix])
    if suffix == "svg":
        ElementTree.fromstring(written)


@pytest.mark.parametrize("script", SCRIPTS)
def test_attention_shows_the_alignment_of_the_prediction(script: str, here: Path, task: Seq2SeqTask) -> None:
    """The arrays behind the picture are those of the task, for every script, and nothing is said of glyphs."""
    text = SCRIPTS[script]
    result = ok("viz", "attention", text, "--data", "drawn.npz", "--json")
    summary, (expected,) = json.loads(result.stdout), task.predictions([text])
    assert result.stderr == "layer decoder, the first to run\n"
    assert summary["prediction"] == expected.text == {**zoo_cases.PAIRS, **zoo_cases.ODD}.get(text, "2026-08-05")
    assert summary["confidence"] == pytest.approx(expected.confidence, abs=1e-5)
    assert summary["output"] == "attention.png"
    assert summary["layer"] == "decoder"
    data = data_of(here / "drawn.npz")
    assert set(data) == {"decoder/alignment", "tokens", "source_tokens", "mask", "source_mask", "about"}
    np.testing.assert_allclose(data["decoder/alignment"][0], expected.alignment, atol=1e-5)
    np.testing.assert_allclose(data["decoder/alignment"].sum(axis=-1), 1, atol=1e-5)
    assert data["tokens"].tolist() == [expected.tokens]
    assert data["source_tokens"].tolist() == [expected.source_tokens]
    assert data["mask"].tolist() == [[True] * len(expected.tokens)]


def test_the_title_says_what_was_read_and_answered(here: Path) -> None:
    """As comments of the SVG tell, where text is drawn as paths; a title of one's own may hold anything."""
    ok("viz", "attention", "3 mai 1998", "-o", "one.svg")
    ok("viz", "attention", "3 mai 1998", "-o", "two.svg", "--title", "My $title$ <b> \\frac{1}{ \x1b[1m \udcff")
    one, two = ((here / f"{name}.svg").read_text("utf-8") for name in ("one", "two"))
    ElementTree.fromstring(two)
    assert one != two
    confidence = zoo_cases.shipped().predictions(["3 mai 1998"])[0].confidence
    said = one.replace("\u2068", "").replace("\u2069", "")
    shown = "&gt;\u00a099.9\u00a0%" if confidence >= 0.9995 else f"{100 * confidence:.1f}\u00a0%"
    for part in ("3 mai 1998", "1998-05-03", shown):
        assert part in said, "not in the title"


def test_gates_of_both_directions(here: Path, task: Seq2SeqTask) -> None:
    """Every gate and state of the encoder under its stable key, equal to the layer's own trace."""
    ok("viz", "gates", "dates_bahdanau", "3 mai 1998", "--data", "gates.npz")
    data = data_of(here / "gates.npz")
    keys = {f"encoder/{way}/{name}" for way in ("forward", "backward") for name in LSTM}
    assert keys | {"tokens", "mask", "about"} == set(data)
    encoder = task.model.get_layer("encoder")
    embedded = task.model.get_layer("source_embedding")(task.encode(["3 mai 1998"]))
    traces = {"forward": encoder.forward_layer.trace(embedded), "backward": encoder.backward_layer.trace(embedded)}
    for key in keys:
        _, way, name = key.split("/")
        assert data[key].shape == (1, 10, 128)
        np.testing.assert_allclose(data[key], traces[way][name], atol=1e-5, err_msg=key)
    assert data["tokens"].tolist() == [list("3 mai 1998")]


def test_gates_of_the_layer_asked_for(here: Path) -> None:
    """The decoder's steps are the tokens it wrote."""
    result = ok("viz", "gates", "dates_bahdanau", "3 mai 1998", "--layer", "decoder", "--data", "decoder.npz")
    assert result.stderr == ""
    data = data_of(here / "decoder.npz")
    assert set(data) == {f"decoder/{name}" for name in LSTM} | {"tokens", "mask", "about"}
    assert data["tokens"].tolist() == [list("1998-05-03")]
    for name in ("input", "forget", "output"):
        assert ((data[f"decoder/{name}"] >= 0) & (data[f"decoder/{name}"] <= 1)).all()


def test_gradients_with_their_horizon(here: Path) -> None:
    """By default of the last token; `--at` and `--target` choose another loss."""
    text = ["dates_bahdanau", "1998-5-3"]
    last = json.loads(ok("viz", "gradients", *text, "--data", "last.npz", "--json").stdout)
    data = data_of(here / "last.npz")
    assert set(data) == {"encoder/forward/bptt", "encoder/backward/bptt", "tokens", "mask", "about"}
    assert data["tokens"].tolist() == [list("1998-5-3")]
    for way in ("forward", "backward"):
        norms = data[f"encoder/{way}/bptt"]
        assert norms.shape == (1, 8)
        assert (norms > 0).all()
        assert 0 <= last["horizon"][way][0]["steps"] <= 7
    assert last["output steps"] == [9]
    assert "own choice" in last["loss"]

    first = json.loads(ok("viz", "gradients", *text, "--at", "0", "--data", "first.npz", "--json").stdout)
    assert first["output steps"] == [0]
    assert not np.allclose(data_of(here / "first.npz")["encoder/forward/bptt"], data["encoder/forward/bptt"])

    target = json.loads(ok("viz", "gradients", *text, "--target", "1998-05-04", "--data", "t.npz", "--json").stdout)
    assert "compiled loss" in target["loss"]
    wrong = data_of(here / "t.npz")["encoder/forward/bptt"]
    assert wrong.max() > 10 * data["encoder/forward/bptt"].max(), "a target it does not believe pulls harder"


def test_text_from_standard_input(here: Path) -> None:
    read = ok("viz", "attention", "-", "--data", "a.json", input="٣ مايو ١٩٩٨\r\n".encode())
    assert read.stdout == "attention.png\n"
    assert "".join(data_of(here / "a.json")["source_tokens"][0]) == "٣ مايو ١٩٩٨"


def test_a_model_is_a_name_or_a_folder(here: Path) -> None:
    """One word alone is a text, unless it names a model; a preset's folder is a model too."""
    assert json.loads(ok("viz", "attention", "2026-08-05", "--json").stdout)["prediction"] == "2026-08-05"
    zoo_cases.small(3).save(here / "my preset")
    for arguments in (["my preset"], [here / "my preset", "1998-5-3"]):
        result = ok("viz", "attention", *arguments, "--data", "a.npz")
        assert result.stdout == "attention.png\n"
        assert "".join(data_of(here / "a.npz")["source_tokens"][0]) == ("3 mai 1998", "1998-5-3")[len(arguments) - 1]


def test_an_output_in_another_folder_and_through_a_link(here: Path, models: Path) -> None:
    (here / "a").mkdir()
    (here / "a" / "real.png").write_bytes(b"old")
    (here / "link.png").symlink_to("a/real.png")
    (here / "same.png").hardlink_to(here / "a" / "real.png")
    arguments = [models / "lstm.keras", "--input", models / "steps.npy"]
    assert ok("viz", "gates", *arguments, "-o", "link.png").stdout == "link.png\n"
    assert (here / "link.png").is_symlink()
    assert (here / "a" / "real.png").read_bytes().startswith(MAGIC["png"])
    assert (here / "same.png").read_bytes() == b"old", "the old file was written over, not replaced"
    assert sorted(path.name for path in here.rglob("*")) == ["a", "link.png", "real.png", "same.png"]


def test_a_file_name_that_is_no_unicode(here: Path, models: Path) -> None:
    arguments = [models / "lstm.keras", "--input", models / "steps.npy", "-o", "\udcff.png"]
    assert ok("viz", "gates", *arguments, "-q").stdout_bytes == b"\xff.png\n"
    assert json.loads(ok("viz", "gates", *arguments, "--json").stdout)["output"] == "\udcff.png"


def test_either_data_format_holds_the_same(here: Path, models: Path) -> None:
    arguments = ["viz", "gates", models / "scorer.keras", "--input", models / "ids.npy"]
    for name in ("one.npz", "two.JSON"):
        ok(*arguments, "--data", name)
    one, two = data_of(here / "one.npz"), data_of(here / "two.JSON")
    assert set(two) == set(one) - {"about"} == {"mask", *(f"reader/{gate}" for gate in GRU)}
    for key in two:
        np.testing.assert_allclose(two[key], one[key], rtol=1e-6, err_msg=key)


def test_gates_of_a_keras_model(here: Path, models: Path) -> None:
    arguments = [models / "lstm.keras", "--input", models / "steps.npy"]
    result = ok("viz", "gates", *arguments, "--data", "g.npz")
    assert (result.stdout, result.stderr) == ("gates.png\n", "layer reader, the first to run\n")
    data = data_of(here / "g.npz")
    assert set(data) == {f"reader/{name}" for name in LSTM} | {"mask", "about"}
    import keras

    model, x = keras.saving.load_model(models / "lstm.keras"), np.load(models / "steps.npy")
    np.testing.assert_allclose(data["reader/hidden"][:, -1], model.get_layer("reader")(x), atol=1e-5)
    ok("viz", "gates", models / "lstm.keras", "--input", models / "steps.npz", "--data", "same.npz")
    np.testing.assert_array_equal(data_of(here / "same.npz")["reader/hidden"], data["reader/hidden"])
    first = (here / "gates.png").read_bytes()
    ok("viz", "gates", *arguments, "--row", "2")
    assert (here / "gates.png").read_bytes() != first, "another row is another picture"


def test_a_bidirectional_keras_model_and_its_second_layer(here: Path, models: Path) -> None:
    arguments = [models / "tagger.keras", "--input", models / "steps.npy", "--data", "g.json"]
    ok("viz", "gates", *arguments)
    assert set(data_of(here / "g.json")) == {"mask"} | {
        f"both/{way}/{name}" for way in ("forward", "backward") for name in GRU
    }
    result = ok("viz", "gates", *arguments, "--layer", "top")
    assert result.stderr == ""
    assert set(data_of(here / "g.json")) == {"mask", "top/hidden"}
    ok("viz", "gradients", *arguments, "--at", "2", "--layer", "top")
    top = data_of(here / "g.json")["top/bptt"]
    assert (top[:, :3] > 0).all()
    assert (top[:, 3:] == 0).all(), "no later step bears on step 2"


def test_targets_of_a_keras_model(here: Path, models: Path) -> None:
    arguments = [models / "tagger.keras", "--input", models / "steps.npy", "--data", "g.npz", "--json"]
    whole = json.loads(ok("viz", "gradients", *arguments, "--target", models / "classes.npy").stdout)
    assert whole["loss"] == "compiled loss"
    scorer = [models / "scorer.keras", "--input", models / "ids.npy", "--data", "g.npz", "--json"]
    norms = []
    for target in ("0", "1"):
        assert json.loads(ok("viz", "gradients", *scorer, "--target", target).stdout)["loss"] == "compiled loss"
        norms.append(data_of(here / "g.npz")["reader/bptt"])
    ratios = norms[0][1] / norms[1][1]  # p : 1 - p, the same at every step
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-4)
    import keras

    model = keras.saving.load_model(models / "scorer.keras", compile=False)
    (probability,) = np.asarray(model(np.load(models / "ids.npy")))[1]
    np.testing.assert_allclose(ratios[0], probability / (1 - probability), rtol=1e-4)


def test_padding_is_marked_and_left_out(here: Path, models: Path) -> None:
    arguments = [models / "scorer.keras", "--input", models / "ids.npy", "--data", "g.npz"]
    ok("viz", "gates", *arguments)
    data = data_of(here / "g.npz")
    assert data["mask"].tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    assert (data["reader/update"][0, 3:] == 0).all()
    np.testing.assert_array_equal(data["reader/hidden"][0, 3:], data["reader/hidden"][0, [2, 2]])
    ok("viz", "gradients", *arguments)
    bptt = data_of(here / "g.npz")["reader/bptt"]
    assert (bptt[0, 3:] == 0).all()
    assert (bptt[0, :3] > 0).all()


def test_inputs_by_name_or_in_order(here: Path, models: Path) -> None:
    drawn = []
    for name in ("pair", "ordered"):
        ok("viz", "attention", models / "pair.keras", "--input", models / f"{name}.npz", "--data", "a.npz")
        drawn.append(data_of(here / "a.npz")["look/alignment"])
    assert drawn[0].shape == (3, 7, 5)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_allclose(drawn[0].sum(axis=-1), 1, atol=1e-5)


def test_a_translation_in_its_picture(here: Path) -> None:
    """Words in the title, pieces along the axes, and a probability that is small but not none."""
    text = "The old woman who lives in the yellow house told us a very interesting story yesterday evening."
    result = ok("viz", "attention", "translate_en_fr_bahdanau", text, "-o", "a.svg", "--data", "a.npz", "--json", "-q")
    answer, data = json.loads(result.stdout), data_of(here / "a.npz")
    said = " ".join((here / "a.svg").read_text("utf-8").replace("\u2068", "").replace("\u2069", "").split())
    assert 0 < answer["confidence"] < 0.0005
    assert "The old woman who lives" in said and "&lt; 0.1 %" in said
    source, written = data["source_tokens"][0].tolist(), data["tokens"][0].tolist()
    looked = data["decoder/alignment"][0]
    for french, english in (("▁vieille", "▁old"), ("▁maison", "▁house"), ("▁ja", "▁yellow")):  # words change places
        assert source[looked[written.index(french)].argmax()] == english


def test_the_query_of_a_pooling_is_called_by_the_label(here: Path) -> None:
    ok("viz", "attention", "sentiment_bilstm", "Great", "--data", "a.npz")
    data = data_of(here / "a.npz")
    assert (data["tokens"].tolist(), data["source_tokens"].tolist()) == ([["positive"]], [["Great"]])


def test_faint_weights_are_said_and_can_be_seen(here: Path) -> None:
    said = ok("viz", "attention", "pixels_gru", "--data", "a.npz").stderr
    greatest = data_of(here / "a.npz")["pooling/alignment"].max()
    assert f"the greatest weight is {greatest:.2g}: --limit {greatest:.1g} colours up to there" in said
    before = (here / "attention.png").read_bytes()
    assert "greatest" not in ok("viz", "attention", "pixels_gru", "--limit", "0.08").stderr
    assert (here / "attention.png").read_bytes() != before
    assert "greatest" not in ok("viz", "attention", "sentiment_bilstm", "Great").stderr
    assert "tenths of 0.5" in ok("viz", "attention", "--terminal", "--limit", "0.5").stdout
