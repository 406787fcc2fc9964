"""Kinds of attention, beams, interventions, matches, differences and lengths, as a user types them."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import zoo_cases
from cli_cases import data_of, ok, run

from kerasrnn import zoo
from kerasrnn.zoo import preset

TEXT = "3 mai 1998"
LINES = ["5 de agosto de 2026", "☃ nobody reads this", "", "dimanche 3 mai 1998", "14 июля 1789"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small preset with random weights, which loads in a moment."""
    folder = tmp_path_factory.mktemp("presets")
    zoo_cases.small(3).save(folder / "small")
    zoo_cases.small(4).save(folder / "other")
    return folder


@pytest.mark.parametrize(
    "command", ["attention --kind flow", "attention --kind faithful", "beam", "intervene", "match"]
)
def test_without_an_argument_a_picture_is_written(command: str, here: Path) -> None:
    name, *options = command.split()
    result = ok("viz", name, *options)
    assert result.stdout == f"{name}.png\n"
    assert [path.name for path in here.iterdir()] == [f"{name}.png"]
    assert (here / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_flow_shows_the_links(here: Path, small: Path) -> None:
    ok("viz", "attention", small / "small", TEXT, "--kind", "flow", "--mass", "0.9", "-o", "flow.svg")
    svg = (here / "flow.svg").read_text("utf-8")
    ElementTree.fromstring(svg)
    assert "the links of a token carry 90 % of its attention" in svg
    said = ok("viz", "attention", small / "small", TEXT, "--kind", "flow", "--terminal").stdout
    (first, *_) = [line.split() for line in said.splitlines() if line and line[0] in "0123456789-" and "→" not in line]
    weights = [float(part) for part in first[2::2]]
    assert weights == sorted(weights, reverse=True)
    assert 0.74 <= sum(weights) <= 1.01


def test_faithful_counts_every_row_of_the_corpus(here: Path, small: Path) -> None:
    (here / "lines.txt").write_text("\n".join(LINES), "utf-8")
    arguments = ["viz", "attention", small / "small", TEXT, "--kind", "faithful", "--permutations", "3"]
    result = ok(*arguments, "--corpus", "lines.txt", "--json", "--data", "f.npz")
    assert "lines.txt: 1 of 4 lines are left out (small_dates has never seen '☃'" in result.stderr
    found, data = json.loads(result.stdout), data_of(here / "f.npz")
    assert data["decoder/variation"].shape[0] == 4
    assert data["decoder/variation"].shape[2] == 3
    mask = data["mask"]
    assert found["rows"] == mask.sum()
    taus = data["decoder/tau"][mask]
    assert found["median tau"] == pytest.approx(np.median(taus[np.isfinite(taus)]))
    assert found["median variation"] == pytest.approx(np.median(data["decoder/variation"][mask]))
    assert "rows by Kendall τ" in ok(*arguments, "--terminal").stdout


def test_a_beam_from_the_command_line(here: Path, small: Path) -> None:
    arguments = ["viz", "beam", small / "small", TEXT, "--width", "3"]
    found = json.loads(ok(*arguments, "--json", "--data", "beam.npz").stdout)
    (expected,) = zoo_cases.small(3).beam([TEXT], 3)
    data = data_of(here / "beam.npz")
    np.testing.assert_array_equal(data["beam/token"][0], expected.tokens)
    np.testing.assert_array_equal(data["beam/parent"][0], expected.parents)
    np.testing.assert_allclose(data["beam/score"][0], expected.scores, atol=1e-4)
    assert [each["text"] for each in found["results"]] == expected.texts
    for key, text in found["vocabulary"].items():
        assert expected.vocabulary[int(key)] == text
    ok(*arguments, "--tokens", "2:5", "-o", "some.svg", "-q")
    svg = (here / "some.svg").read_text("utf-8")
    assert all(f">{step}</text>" in svg for step in (2, 3, 4))
    said = ok(*arguments, "--terminal").stdout
    assert expected.texts[0] in said
    ok(*arguments, "-o", "page.html")
    assert (here / "page.html").read_bytes().lower().startswith(b"<!doctype html>")


def test_an_intervention_changes_text_and_probabilities(here: Path, small: Path) -> None:
    """The text after it is what the model writes by itself; the bars are of its own words before."""
    result = ok("viz", "intervene", small / "small", TEXT, "--layer", "decoder", "--clamp", "output=0", "--json",
                "--data", "i.npz", "--steps", "2:")  # fmt: skip
    found, data = json.loads(result.stdout), data_of(here / "i.npz")
    task = zoo_cases.small(3)
    assert found["before"] == task.predict([TEXT])[0]
    assert found["intervention"] == "output = 0 at steps 2:"
    assert found["after"][:2] == found["before"][:2]
    assert found["after"] != found["before"]
    change = data["decoder/change"][0]
    assert (change[:2] == 0).all()
    assert np.abs(change[2:]).max() > 0.01
    observed = task.observe([TEXT])
    chances = np.array(task.model(observed.inputs))[0]
    np.testing.assert_allclose(data["decoder/before"][0], chances, atol=1e-5)
    np.testing.assert_array_equal(found["target"][0], observed.targets[0])


def test_attention_is_forced_and_a_unit_silenced(here: Path, small: Path, models: Path) -> None:
    said = ok(
        "viz", "intervene", small / "small", TEXT, "--attend", "1:0", "--attend", "2:0", "--terminal", "-q"
    ).stdout
    assert "step 1 attends to 0, step 2 attends to 0 in decoder" in said
    assert "change of log p" in said
    result = ok("viz", "intervene", models / "tagger.keras", "--input", models / "steps.npy", "--zero", "forward/1",
                "--row", "2", "--data", "z.json", "--title", "My $title$")  # fmt: skip
    assert result.stdout == "intervene.png\n"
    assert data_of(here / "z.json")["both/change"].shape == (3, 7)
    result = ok("viz", "intervene", models / "lstm.keras", "--input", models / "steps.npy")
    assert "nothing to change was given, so the forget gate is held at 1" in result.stderr


def test_matches_in_a_corpus(here: Path, small: Path) -> None:
    (here / "lines.txt").write_text("\n".join([TEXT, *LINES]), "utf-8")
    arguments = ["viz", "match", small / "small", TEXT, "--span", "2:5", "--threshold", "0.5", "--corpus", "lines.txt"]
    found = json.loads(ok(*arguments, "--json", "--data", "m.npz", "--top", "50").stdout)
    data = data_of(here / "m.npz")
    states = np.tanh(np.concatenate([data["encoder/forward/cell"], data["encoder/backward/cell"]], axis=-1))[0]
    expected = np.flatnonzero((np.abs(states[2:5]) >= 0.5).all(axis=0))
    names = [f"{way}/{unit}" for way in ("forward", "backward") for unit in range(5)]
    assert found["units"] == [names[unit] for unit in expected]
    same = [each for each in found["matches"] if each["row"] == 0 and each["start"] <= 2 < 5 <= each["stop"]]
    assert [each["shared"] for each in same] == [len(expected)]  # the text itself
    assert "".join(same[0]["tokens"]) == TEXT[same[0]["start"] : same[0]["stop"]]
    assert [each["shared"] for each in found["matches"]] == sorted(
        (e["shared"] for e in found["matches"]), reverse=True
    )
    assert found["searched"]["sequences"] == 4
    said = ok(*arguments, "--terminal", "--least", "2").stdout
    assert "3␣[mai]␣1998" in said


def test_matches_in_a_batch(here: Path, models: Path) -> None:
    arguments = ["viz", "match", models / "lstm.keras", "--input", models / "steps.npy", "--span", "1:3", "--row", "1"]
    found = json.loads(ok(*arguments, "--threshold", "0.05", "--json").stdout)
    assert all(each["row"] != 1 or each["stop"] <= 1 or each["start"] >= 3 for each in found["matches"])
    assert {each["row"] for each in found["matches"]} == {0, 1, 2}
    other = json.loads(ok(*arguments, "--threshold", "0.05", "--json", "--corpus", models / "steps.npy").stdout)
    assert other["matches"][0]["row"] == 1


def test_differences(here: Path, small: Path, models: Path) -> None:
    """B less A, of presets and of what --data wrote, is the same."""
    for number, name in enumerate(("small", "other")):
        ok("viz", "gates", small / name, TEXT, "--data", f"{number}.npz", "-o", "x.png", "-q")
    ok("viz", "diff", "0.npz", "1.npz", "--data", "files.npz")
    ok("viz", "diff", small / "small", small / "other", TEXT, "--data", "models.npz", "-o", "d.svg", "-q")
    one, two = (data_of(here / f"{number}.npz") for number in (0, 1))
    for name in ("files", "models"):
        found = data_of(here / f"{name}.npz")
        for key in ("encoder/forward/forget", "encoder/backward/cell"):
            np.testing.assert_allclose(found[key], two[key] - one[key], atol=1e-6)
    ok("viz", "diff", small / "small", small / "other", TEXT, "--kind", "attention", "--data", "a.json", "--limit", "1")
    alignment = data_of(here / "a.json")["decoder/alignment"]
    np.testing.assert_allclose(alignment.sum(axis=-1), 0, atol=1e-5)  # both rows sum to 1
    assert np.abs(alignment).max() > 0.01
    said = ok(
        "viz", "diff", models / "lstm.keras", models / "lstm.keras", "--input", models / "steps.npy", "--terminal"
    )
    assert "forget gate" in said.stdout


def test_lengths(here: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        pairs = [(int(at), bool(rng.random() < 0.9 - at / 100)) for at in rng.integers(1, 60, 200)]
        (here / f"{name}.jsonl").write_text("\n".join(json.dumps({"length": a, "correct": c}) for a, c in pairs))
    result = ok("viz", "length", "one.jsonl", "two.jsonl", "-o", "l.svg")
    assert result.stdout == "l.svg\n"
    svg = (here / "l.svg").read_text("utf-8")
    assert "one  (200 examples)" in svg
    assert "share of right answers" in svg
    found = json.loads(ok("viz", "length", "one.jsonl", "--label", "mine", "--bin", "30", "--json").stdout)
    assert [(each["low"], each["high"]) for each in found["curves"]["mine"]] == [(0, 29), (30, 59)]
    assert sum(each["examples"] for each in found["curves"]["mine"]) == 200
    assert "95 % interval" in ok("viz", "length", "one.jsonl", "--terminal").stdout


def test_scores_by_length_of_the_cards_of_presets(tmp_path: Path) -> None:
    names = ["translate_en_fr_bahdanau", "translate_en_fr_plain"]
    found = json.loads(ok("viz", "length", *names, "-o", tmp_path / "l.png", "--json").stdout)
    assert list(found["curves"]) == names
    for name in names:
        table = zoo.card(name)["metrics"]["translation_en_fr"]
        assert found["metric"] == table["metric"] == "BLEU"
        rows = {row["of"]: row for row in table["rows"]}
        bins = found["curves"][name]
        assert len(bins) > 2
        for each in bins:
            row = rows[f"{each['low']:g}–{each['high']:g}"]
            assert {key: row[key] for key in ("value", "interval", "examples")}.items() <= each.items()
    longest = [found["curves"][name][-1] for name in names]
    assert longest[0]["low"] == 11
    assert longest[0]["value"] > longest[1]["value"] + 10, "the bottleneck"

    folder = tmp_path / "mine"
    shutil.copytree(preset.find(names[0]).folder, folder)
    assert json.loads(ok("viz", "length", folder, "--json").stdout)["curves"]["mine"] == found["curves"][names[0]]
    card = json.loads((folder / preset.CARD).read_text("utf-8"))
    scores = card["metrics"]["translation_en_fr"]["rows"]
    scores[-1]["interval"] = None
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / preset.CARD).write_text(json.dumps(card), "utf-8")
    assert f"rows[{len(scores) - 1}].interval' must be of type list" in run("viz", "length", broken).stderr
    twice = json.loads(ok("viz", "length", folder, folder, "--json").stdout)["curves"]
    assert list(twice) == ["mine", "mine (2)"]
    for given, said in {
        "lm_shakespeare": "the card of lm_shakespeare has no scores by length: draw what kerasrnn evaluate prints.",
        "pos_bilstn": "Did you mean 'pos_bilstm'?",
        "gone.json": "cannot read gone.json: No such file or directory. Give the JSON of kerasrnn evaluate",
    }.items():
        result = run("viz", "length", given)
        assert (result.exit_code, result.stdout) == (1, "")
        assert said in result.stderr


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small classifier that pools with attention, a tagger and a language model, with random weights."""
    from kerasrnn.zoo.tasks.classifier import ClassifierTask
    from kerasrnn.zoo.tasks.language_model import LanguageModelTask
    from kerasrnn.zoo.tasks.tagger import TaggerTask
    from kerasrnn.zoo.words import WordTable

    folder, rng = tmp_path_factory.mktemp("others"), np.random.default_rng(0)
    words = {"words": ["the", "dog", "runs", "here"], "characters": "abc"}
    size, letters = WordTable.from_card(words).size, list(" abcdeghnorstu\n")
    for task, name, arguments, vocabulary in (
        (ClassifierTask, "classifier", {"labels": ["good", "bad"], "word_size": size, "pooling": "attention"}, words),
        (TaggerTask, "tagger", {"tags": ["N", "V", "D"], "word_size": size}, words),
        (LanguageModelTask, "language_model", {"size": len(letters) + 2}, {"tokens": letters, "start": "\n"}),
    ):
        small = {"units": 4, "embedding": 3, **arguments}
        card = {"name": name, "title": "t", "task": name, "builder": name, "arguments": small, "vocabulary": vocabulary}
        made = task.build(card | {"example": "the dog runs here"})
        for variable in made.model.weights:
            variable.assign(rng.standard_normal(variable.shape).astype(np.float16))
        made.save(folder / name)
    return folder


def test_tasks_of_other_kinds(here: Path, others: Path) -> None:
    """A pooled row is called by its label, a target by its word and tag, a next character by the one before."""
    found = data_of_attention(others / "classifier", here)
    assert found["tokens"].tolist() in ([["good"]], [["bad"]])
    assert found["source_tokens"].tolist() == [["the", "dog", "runs", "here"]]
    (here / "lines.txt").write_text("the dog\ndog runs here\n")
    result = ok("viz", "attention", others / "classifier", "--kind", "faithful", "--corpus", "lines.txt", "--json",
                "--permutations", "2")  # fmt: skip
    assert json.loads(result.stdout)["rows"] == 3
    said = ok("viz", "intervene", others / "classifier", "--zero", "1", "--terminal").stdout
    assert "before" in said
    said = ok("viz", "intervene", others / "tagger", "--zero", "1", "--terminal").stdout
    assert "dog → " in said
    said = ok("viz", "intervene", others / "language_model", "the dog", "--zero", "1", "--terminal").stdout
    assert "\\n → t" in said
    assert "␣ → d" in said
    assert "after" not in said
    found = json.loads(
        ok("viz", "match", others / "tagger", "--corpus", "lines.txt", "--threshold", "0.05", "--json").stdout
    )
    assert found["searched"]["sequences"] == 2


def data_of_attention(preset: Path, folder: Path) -> dict[str, np.ndarray]:
    ok("viz", "attention", preset, "--data", folder / "attention.npz")
    return data_of(folder / "attention.npz")
