"""`train`, from files to a preset: every kind of recipe on a little data, stopped and resumed, and refused."""

import contextlib
import csv
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_cases import ok, refused_training, run

from kerasrnn import zoo
from kerasrnn.layers import HashedPairs
from kerasrnn.zoo.naive_bayes import pair_ratios
from kerasrnn.zoo.training.optimizer import WatchedAdamW
from kerasrnn.zoo.word_vectors import word_vectors

SENTENCES = [
    "The/DET sea/NOUN is/VERB blue/ADJ",
    "A/DET dog/NOUN barks/VERB",
    "Dogs/NOUN bark/VERB at/ADP the/DET old/ADJ moon/NOUN",
    "Blue/ADJ moons/NOUN rise/VERB",
    "It/PRON is/VERB old/ADJ",
    "The/DET old/ADJ dog/NOUN sees/VERB 12/NUM moons/NOUN over/ADP the/DET sea/NOUN",
]
NAMES = ["Ann/B-person Lee/I-person sings/O", "In/O Rome/B-location it/O rains/O", "Nothing/O happens/O"]
PRESETS = {
    "dates_bahdanau": ("pairs", ["units=4", "embedding=4", "attention_units=3", "readout_units=4"], "AB-ba"),
    "pos_bilstm": ("pos", ["units=4", "embedding=5", "character_units=3", "character_embedding=3"], "The sea is old"),
    "ner_bilstm_crf": ("ner", ["units=4", "embedding=5", "character_units=3", "character_embedding=3"], "Ann in Rome"),
    "sentiment_bilstm": ("reviews", ["units=4", "embedding=5", "pairs=512"], "A good film, isn't it?"),
    "pixels_gru": ("digits", ["units=4"], None),
    "lm_shakespeare": ("letters", ["units=4", "embedding=3", "steps=8"], "the s"),
    "lm_wikitext2": ("words", ["units=4", "embedding=3", "steps=5", "samples=6"], "the sea is"),
    "tunes_lstm": ("tunes", ["units=4", "embedding=3"], "M:2/4 K:G"),
    "forecast_weather": ("weather", ["units=4", "attention_units=3", "past=8", "horizon=3"], None),
}
LAST = "checkpoint.npz"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a train and a valid part for each recipe."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(6)
    for name in ("pairs", "pos", "ner", "reviews", "digits", "letters", "words", "tunes", "weather"):
        (root / name).mkdir()
    columns = ["\n".join(word.replace("/", "\t") for word in line.split()) for line in SENTENCES]
    (root / "pos" / "train.tsv").write_text("\n\n".join(columns * 3) + "\n")
    (root / "pos" / "dev.tsv").write_text("\n\n".join(columns[2:]) + "\n")
    names = ["\n".join(word.replace("/", " ") for word in line.split()) for line in NAMES]
    (root / "ner" / "train.conll").write_text("\n\n".join(names * 4) + "\n")
    (root / "ner" / "valid.conll").write_text("\n\n".join(names) + "\n")
    for part, count in (("train", 30), ("valid", 9)):
        with (root / "reviews" / f"{part}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["label", "text"])
            for i in range(count):
                writer.writerow(
                    [i % 2, f'"{["Bad", "Good"][i % 2]}" film,\nI {["hated", "liked"][i % 2]} it' + " so" * i]
                )
        images = rng.integers(0, 256, (count, 3, 2)).astype(np.uint8)
        head = struct.pack(">BBBB3I", 0, 0, 8, 3, *images.shape)
        (root / "digits" / f"{part}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        labels = (images.reshape(count, -1).mean(axis=1) > 127).astype(np.uint8)
        (root / "digits" / f"{part}-labels-idx1-ubyte").write_bytes(
            struct.pack(">BBBBI", 0, 0, 8, 1, count) + labels.tobytes()
        )
        pairs = ["".join(row) for row in rng.choice(list("abAB-"), (count, 5))]
        (root / "pairs" / f"{part}.tsv").write_text("".join(f"{pair}\t{pair[::-1].lower()}\n" for pair in pairs))
        text = "the sea is blue .\nthe old dog barks at the sea .\n\n"
        (root / "letters" / f"{part}.txt").write_text(text * 6)
        tunes = [f"M:2/4\nL:1/8\nK:{key}\nA2 c{'de' * i}|" if i != 3 else "?" for i in range(9) for key in "DGC"]
        written = [json.dumps({"id": i, "abc": tune}) for i, tune in enumerate(["M:2/4\nL:1/8\nK:G\nGABc|d4|", *tunes])]
        (root / "tunes" / f"{part}.jsonl").write_text("\n".join(written))
        (root / "words" / f"{part}.txt").write_text(text * 6)
    hours = np.datetime64("2020-01-01T00:00") + np.arange(100) * np.timedelta64(1, "h")
    rows = [f"{hour},0,{np.sin(i / 4) + i % 3:.3f}" for i, hour in enumerate(hours)]
    head = "date,other,WetBulbCelsius\n"
    (root / "weather" / "W.train.csv").write_text(head + "\n".join(rows[:80]))
    (root / "weather" / "W.valid.csv").write_text(head + "\n".join(rows[80:]))
    return root


def options(preset: str, data: Path, out: Any, *more: Any) -> list[Any]:
    folder, settings, _ = PRESETS[preset]
    chosen = [part for setting in settings for part in ("--set", setting)]
    return ["train", preset, "--data", data / folder, "--out", out, *chosen, "--epochs", 3, "--batch-size", 4, *more]


def log(folder: Path) -> list[dict[str, Any]]:
    def strict(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return [json.loads(line, parse_constant=strict) for line in (folder / "log.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "weights.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The run of a recipe, made when it is first asked for."""
    made: dict[str, Path] = {}

    def of(preset: str) -> Path:
        if preset not in made:
            out = tmp_path_factory.mktemp("runs") / preset
            result = ok(*options(preset, data, out))
            assert result.stdout == f"{out / preset}\n"
            assert "training and" in result.stderr.splitlines()[0]
            assert len(result.stderr.splitlines()) == 4, "one line about the data and one an evaluation"
            made[preset] = out
        return made[preset]

    return of


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_comes_out_of_every_recipe(preset: str, data: Path, trained: Any) -> None:
    out = trained(preset)
    folder, _, text = PRESETS[preset]
    assert sorted(path.name for path in out.iterdir()) == sorted([LAST, "log.jsonl", preset])
    task = zoo.from_preset(out / preset)
    assert task.name == preset
    assert task.card["training"]["options"]["epochs"] == 3
    command = task.card["training"]["command"]
    assert command.startswith(f"kerasrnn train {preset} --data {folder} --out runs/{out.name} --set ")
    assert "--set batch_size=4" in command
    if text is not None:
        assert ok("predict", out / preset, text).stdout.strip()

    lines = log(out)
    assert [line["round"] for line in lines] == [1, 2, 3]
    for line in lines:
        assert line["loss"] > 0
        assert line["tokens_per_second"] > 0
        assert line["gradient_norm"] > 0
        assert 0 <= line["clip_fraction"] <= 1
        gates = {name.rpartition("/")[2] for name in line if name.startswith("gradient_norm/")}
        lstm = {"input", "forget", "candidate", "output"}
        assert gates == ({"update", "reset", "candidate"} if preset == "pixels_gru" else lstm)
    metric = {"lm_shakespeare": "nats", "lm_wikitext2": "perplexity", "forecast_weather": "mse", "ner_bilstm_crf": "f1"}
    metric |= {"tunes_lstm": "nats", "dates_bahdanau": "exact match"}
    assert metric.get(preset, "accuracy") in lines[-1]


@pytest.mark.parametrize("preset", ["pos_bilstm", "lm_shakespeare", "tunes_lstm"])
def test_stopped_and_resumed_it_ends_with_the_same_bits(
    preset: str, data: Path, trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at the end of the third epoch, before its checkpoint: the states that went on are lost."""
    unbroken, out, calls = trained(preset), tmp_path / preset, []
    read = WatchedAdamW.read

    def stopped(self: WatchedAdamW) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return read(self)

    with monkeypatch.context() as patch:
        patch.setattr(WatchedAdamW, "read", stopped)
        assert run(*options(preset, data, out)).exit_code == 1
    assert sorted(path.name for path in out.iterdir()) == [LAST, "log.jsonl"]
    assert f"{out} holds a run: go on with --resume" in refused_training(2, *options(preset, data, out))
    checkpoint = (out / LAST).read_bytes()
    for change in (["--seed", 3], ["--set", "dropout=0.1"], ["--learning-rate", 0.5]):
        name = {"--seed": "seed", "--learning-rate": "learning_rate"}.get(change[0], "dropout")
        error = refused_training(1, *options(preset, data, out, "--resume", *change))
        assert f"holds a run with other options ({name}): resume with the same options" in error
    shutil.copytree(data, tmp_path / "changed")
    for path in (tmp_path / "changed").glob(f"{PRESETS[preset][0]}/train.*"):
        path.write_text(path.read_text().replace("old", "new").replace("GABc", "GGBc"))
    error = refused_training(1, *options(preset, tmp_path / "changed", out, "--resume"))
    assert "holds a run with other options (data): resume with the same options" in error
    assert (out / LAST).read_bytes() == checkpoint

    result = ok(*options(preset, data, out, "--resume"))
    assert "resumed at round 2 of 3" in result.stderr
    one, other = weights(out / preset), weights(unbroken / preset)
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    timed = {"seconds", "tokens_per_second"}
    untimed = [[{k: v for k, v in line.items() if k not in timed} for line in log(f)] for f in (out, unbroken)]
    assert untimed[0] == untimed[1]


def test_another_process_makes_the_same_bits_and_shows_its_progress_on_a_terminal(
    data: Path, trained: Any, tmp_path: Path
) -> None:
    """With words hashed otherwise; one loop at a time, as in the tests."""
    code = (
        "import sys, keras; from kerasrnn.engine import tensorflow_adjoint as adjoint\n"
        "adjoint.cores = lambda: 1\n"
        "from kerasrnn.cli import main; main(sys.argv[1:], prog_name='kerasrnn')"
    )
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, options("pos_bilstm", data, tmp_path / "run"))],
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONHASHSEED": "7", "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=end,
    )
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # that is how a terminal ends
        while part := os.read(terminal, 65_536):
            shown += part
    os.close(terminal)
    out, _ = process.communicate(timeout=240)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert process.returncode == 0, text
    assert out.decode() == f"{tmp_path / 'run' / 'pos_bilstm'}\n"
    steps = log(tmp_path / "run")[-1]["step"]
    assert re.search(rf"epoch [123] [━╸╺ ]+ *\d+/{steps} steps", text), text
    lines = [line for line in re.split(r"[\r\n]+", text) if line.startswith("round ")]
    assert [line.split()[1] for line in lines] == ["1", "2", "3"], "each on a line of its own above the bar"

    one, other = weights(tmp_path / "run" / "pos_bilstm"), weights(trained("pos_bilstm") / "pos_bilstm")
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_embeddings_begin_with_what_the_training_texts_say(data: Path, tmp_path: Path) -> None:
    ok(
        *options(
            "sentiment_bilstm", data, tmp_path, "--learning-rate", "1e-12", "--epochs", 1, "--set", "word_vectors=0.3"
        )
    )
    task = zoo.from_preset(tmp_path / "sentiment_bilstm")
    texts = [task.table.encode([each.content])[0] for each in task.read(data / "reviews" / "train.csv")]
    expected = 0.3 * word_vectors(texts, task.table.size, 5, window=20, seed=1)
    found = np.asarray(task.model.get_layer("word_embedding").embeddings)
    assert np.abs(found[2:]).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)  # the file holds float16
    labels = np.arange(30) % 2
    found = np.asarray(task.model.get_layer("pair_embedding").embeddings)
    np.testing.assert_allclose(found, pair_ratios(texts, labels, HashedPairs(512), 512), rtol=1e-3, atol=1e-6)
    assert np.abs(found).max() > 0.01


def test_a_word_model_begins_with_the_frequencies_of_its_tokens(data: Path, tmp_path: Path) -> None:
    ok(*options("lm_wikitext2", data, tmp_path, "--learning-rate", "1e-12", "--epochs", 1))
    task = zoo.from_preset(tmp_path / "lm_wikitext2")
    counts = Counter((data / "words" / "train.txt").read_text().replace("\n", " <eos> ").split())
    bias = dict(zip(task.tokens, np.asarray(task.model.get_layer("logits").bias), strict=True))
    total = counts.total() + len(task.tokens)
    for token in task.tokens:
        assert bias[token] == pytest.approx(np.log((counts[token] + 1) / total), rel=1e-3)


def test_pairs_of_characters(data: Path, trained: Any, tmp_path: Path) -> None:
    base = trained("dates_bahdanau") / "dates_bahdanau"
    card = json.loads((base / "card.json").read_text())
    assert card["vocabulary"]["source"] == "-ab", "as it is read: folded"
    assert card["vocabulary"]["target"] == ["<start>", "<end>", "-", "a", "b"]
    assert (card["vocabulary"]["longest_source"], card["vocabulary"]["longest_target"]) == (10, 11)
    valid = tmp_path / "valid.tsv"
    valid.write_text("abq\tab\naab\taa\n")
    (found,) = [json.loads(ok("evaluate", base, "--data", valid, "--by", "script", "--json").stdout)]
    assert found["examples"] == 2, "a character that was never seen counts as unknown"

    further = ["train", "dates_bahdanau", "--data", data / "pairs", "--epochs", 1, "--batch-size", 4, "-q"]
    ok(*further, "--from", base, "--out", tmp_path / "further")
    one, other = weights(base), weights(tmp_path / "further" / "dates_bahdanau")
    assert {name: each.shape for name, each in one.items()} == {name: each.shape for name, each in other.items()}
    for pair, said in (
        ("ab\tabc", "can produce only '-ab'"),
        ("ab" * 9 + "\tab", "has 18 characters and dates_bahdanau"),
    ):
        valid.write_text(f"{pair}\n")
        with_valid = ["--valid", valid, "--from", base, "--out", tmp_path / "refused"]
        assert said in refused_training(1, *further, *with_valid)


def test_another_seed_gives_other_weights(data: Path, trained: Any, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = ok(*options("pos_bilstm", data, out, "--seed", 5, "-q"))
    assert result.stderr == ""
    one, other = weights(out / "pos_bilstm"), weights(trained("pos_bilstm") / "pos_bilstm")
    assert all((one[name] != other[name]).any() for name in one if name.endswith("kernel"))


def test_fine_tuning_keeps_the_vocabulary(data: Path, trained: Any, tmp_path: Path) -> None:
    """On files of one's own, columns by number, with words that the preset has never seen."""
    base = trained("pos_bilstm") / "pos_bilstm"
    (tmp_path / "mine.conll").write_text("1 Unseen ADJ x\n2 words NOUN x\n\n1 The DET x\n" * 5)
    out = tmp_path / "run"
    common = ["train", "pos_bilstm", "--out", out, "--from", base, "--epochs", 1, "--batch-size", 4, "-q"]
    files = ["--data", tmp_path / "mine.conll", "--valid", tmp_path / "mine.conll"]
    assert ok(*common, *files, "--columns", "word=1", "--columns", "tag=2").stdout == f"{out / 'pos_bilstm'}\n"
    card, before = zoo.card(out / "pos_bilstm"), zoo.card(base)
    assert card["vocabulary_sha256"] == before["vocabulary_sha256"]
    assert card["arguments"] == before["arguments"]
    assert "--from pos_bilstm" in card["training"]["command"]
    assert card["title"] == "pos_bilstm, trained further on mine.conll"
    assert card["data"] == f"mine.conll, 6 examples; before that: {before['data']}"
    assert card["split"] == "mine.conll for validation, 6 examples"
    assert card["licence"].startswith("that of the data, and that of pos_bilstm: ")
    one, other = weights(out / "pos_bilstm"), weights(base)
    distance = max(float(np.abs(one[name].astype(float) - other[name]).max()) for name in one)
    assert 0 < distance < 0.05, "it began where the other ended"

    common[3] = tmp_path / "new"
    error = refused_training(1, *common, *files, "--columns", "word=1", "--columns", "tag=2", "--set", "units=9")
    assert "the model of pos_bilstm keeps its units, 4: leave out units" in error
    reviews = data / "reviews" / "train.csv"
    error = refused_training(1, "train", "sentiment_bilstm", "--data", reviews, "--valid", reviews, *common[2:])
    assert "pos_bilstm is a tagger; sentiment_bilstm must begin with a classifier" in error
    error = refused_training(1, *common, *files, "--columns", "word=1", "--columns", "tag=3")
    assert "the tag 'x' was never seen in training; pos_bilstm knows ADJ, ADP" in error


def test_a_card_says_of_the_recipe_what_is_true_of_the_run(data: Path, trained: Any) -> None:
    card = zoo.card(trained("pos_bilstm") / "pos_bilstm")  # of a folder that the recipe does not know
    assert card["title"] == "As pos_bilstm, trained on pos"
    assert (card["data"], card["licence"], card["notes"]) == ("pos, 18 examples", "that of the data", "")


def test_labels_that_are_in_one_part_only(data: Path, tmp_path: Path) -> None:
    train = (data / "reviews" / "train.csv").read_text()
    (tmp_path / "more.csv").write_text(train + "2,So so\n")
    (tmp_path / "one.csv").write_text("label,text\n1,Good\n1,Very good\n")
    settings = ["--set", "units=4", "--set", "embedding=3", "--epochs", 1, "-q"]

    def files(first: Path, second: Path) -> list[Any]:
        return ["train", "sentiment_lstm", "--data", first, "--valid", second, "--out", tmp_path / "run", *settings]

    reviews = data / "reviews" / "train.csv"
    error = refused_training(1, *files(reviews, tmp_path / "more.csv"))
    assert "the label '2' is none of sentiment_lstm's: negative, positive" in error
    error = refused_training(1, *files(tmp_path / "one.csv", tmp_path / "one.csv"))
    assert "`labels` must name at least two labels; received ['positive']" in error
    assert not list((tmp_path / "run").iterdir())
    ok(*files(reviews, tmp_path / "one.csv"))  # a label that validation lacks is no fault
    assert log(tmp_path / "run")[0]["accuracy"] >= 0


def test_a_loss_that_is_not_finite(data: Path, tmp_path: Path) -> None:
    error = refused_training(1, *options("lm_shakespeare", data, tmp_path / "run", "--learning-rate", 1e38))
    assert "The loss became nan by step" in error or "The loss became inf by step" in error
    assert "lower the learning rate, then resume from the last checkpoint" in error


def test_a_full_disk_during_a_checkpoint(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there can be resumed: before the first checkpoint that is the beginning."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    out, first = tmp_path / "run", [True]
    real = os.fsync

    def fills_up(handle: int) -> None:
        if first:
            first.clear()  # the log of the beginning
            return real(handle)
        full(handle)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fills_up)
        error = refused_training(1, *options("lm_shakespeare", data, out))
    assert error == f"Error: cannot write {out / LAST}: No space left on device"
    assert [path.name for path in out.iterdir()] == ["log.jsonl"]
    assert "resumed" not in ok(*options("lm_shakespeare", data, out, "--resume")).stderr


def test_a_folder_that_holds_something_else(data: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    error = refused_training(2, *options("pos_bilstm", data, tmp_path, "--resume"))
    assert "holds no checkpoint to resume: choose another folder" in error
