"""The kinds of gradients, the weights and the training from the command line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from cli_cases import data_of, ok, run

LSTM = {f"{weight}/{gate}" for weight in ("kernel", "recurrent_kernel", "bias")
        for gate in ("input", "forget", "candidate", "output")}  # fmt: skip


def test_the_jacobian_of_the_zoo(here: Path) -> None:
    """Each digit of the year leans on its own digit of the text; the decoder reads the token before."""
    result = ok("viz", "gradients", "dates_bahdanau", "1998-5-3", "--kind", "jacobian", "--data", "j.npz", "--json")
    summary, data = json.loads(result.stdout), data_of(here / "j.npz")
    assert summary["of"] == "logit of the model's own choice"
    matrix = data["encoder/jacobian"][0]
    assert matrix.shape == (10, 8)
    assert matrix[:4].argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert data["tokens"].tolist() == [list("1998-05-03")]
    assert data["source_tokens"].tolist() == [list("1998-5-3")]
    ok("viz", "gradients", "dates_bahdanau", "1998-5-3", "--kind", "jacobian", "--data", "d.npz", "--layer", "decoder")
    data = data_of(here / "d.npz")
    assert data["source_tokens"].tolist() == [["<start>", *"1998-05-0"]]
    assert not np.triu(data["decoder/jacobian"][0], 1).any()
    page = ok("viz", "gradients", "--kind", "jacobian", "-o", "j.html", "-q")
    assert page.stdout == "j.html\n"
    assert (here / "j.html").read_bytes().startswith(b"<!")


def test_saliency_says_how_complete_it_is(here: Path) -> None:
    arguments = ["viz", "gradients", "dates_bahdanau", "1998-5-3", "--kind", "saliency", "--at", "0"]
    result = ok(*arguments, "--data", "s.npz", "--json")
    summary, data = json.loads(result.stdout), data_of(here / "s.npz")
    values = data["encoder/saliency"][0]
    assert values.argmax() == 0, "the first digit comes from the first character"
    assert abs(summary["gap"][0]) < 0.02
    assert summary["gap"][0] == pytest.approx(values.sum() - summary["score"][0] + summary["baseline"][0], abs=1e-3)
    assert f"gap {summary['gap'][0]:.3g}".replace("-", "−") in result.stderr
    rough = json.loads(ok(*arguments, "--method", "input", "--json", "-q").stdout)
    assert abs(rough["gap"][0]) > 1
    text = ok(*arguments, "--terminal").stdout
    assert "1[+" in text
    assert "dimanche" not in text


@pytest.mark.parametrize("text", ["So I like it", "Great"])
@pytest.mark.parametrize(
    "preset", ["pos_bilstm", "ner_bilstm_crf", "sentiment_bilstm", "sentiment_gru", "lm_shakespeare"]
)
def test_names_along_what_a_layer_reads(preset: str, text: str, here: Path) -> None:
    read = ["\n", *text[:-1]] if preset == "lm_shakespeare" else text.split()
    for kind, name in {"saliency": "tokens", "jacobian": "source_tokens"}.items():
        ok("viz", "gradients", preset, text, "--kind", kind, "--data", "found.npz", "-o", f"{kind}.png")
        assert data_of(here / "found.npz")[name].tolist() == [read]
    written = data_of(here / "found.npz")["tokens"].tolist()
    if preset.startswith("sentiment"):
        assert written in ([["negative"]], [["positive"]]), "the label is what there is at the output"
    else:
        assert written == [read]


def test_the_decoder_of_a_forecast_reads_the_hours_that_it_writes(here: Path) -> None:
    arguments = ["viz", "gradients", "forecast_weather", "--layer", "decoder", "--data", "f.npz", "--kind"]
    ok(*arguments, "saliency")
    (read,) = data_of(here / "f.npz")["tokens"].tolist()
    assert len(read) == 24 and all(re.fullmatch(r"\d\d:00", each) for each in read)
    ok(*arguments, "jacobian")
    assert data_of(here / "f.npz")["source_tokens"].tolist() == [read]


@pytest.mark.parametrize("text", ["So I like it", "Great"])
def test_what_a_layer_of_whole_rows_does_comes_first(text: str, here: Path) -> None:
    """The layer that spells has a row a word, so it is shown only where it is asked for, and then without names."""
    arguments, lengths = ["pos_bilstm", text], [len(word) for word in text.split()]
    for command in (["gates"], ["gradients"], ["gradients", "--kind", "saliency"]):
        found = json.loads(ok("viz", *command, *arguments, "--json").stdout)
        assert found["layer"] == "encoder"
    ok("viz", "gates", *arguments, "--layer", "reader", "--data", "reader.npz")
    data = data_of(here / "reader.npz")
    assert data["mask"].shape == (len(lengths), 16) and data["mask"].sum(axis=1).tolist() == lengths
    assert "tokens" not in data
    assert "layer encoder, the first to run along whole rows (others: reader)" in ok("viz", "gates", *arguments).stderr
    assert "layer encoder, the first (others: reader)" in ok("viz", "weights", "pos_bilstm").stderr
    error = run("viz", "gradients", *arguments, "--kind", "saliency", "--layer", "reader").stderr
    assert "expected one whose rows are those of the batch, 1; 'reader' reads" in error
    page = ok("viz", "gates", *arguments, "-o", "gates.html").stderr
    assert f"layer reader is left out: its {len(lengths)} rows are not those of encoder" in page
    (here / "lines.txt").write_text(f"{text}\nHere it is\n")
    ok("viz", "match", *arguments, "--layer", "reader", "--span", "0:1", "--threshold", "0.01", "--corpus", "lines.txt")


def test_rows_of_a_batch(here: Path, models: Path) -> None:
    arguments = ["viz", "gradients", models / "tagger.keras", "--input", models / "steps.npy"]
    result = ok(*arguments, "--all-rows", "--data", "b.npz", "--json")
    summary = json.loads(result.stdout)
    assert set(summary["horizon of the median"]) == {"forward", "backward"}
    assert data_of(here / "b.npz")["both/forward/bptt"].shape == (3, 7)
    one = json.loads(ok(*arguments, "--kind", "jacobian", "--row", "2", "--data", "j.npz", "--json").stdout)
    assert one["steps"] == [7]
    assert data_of(here / "j.npz")["both/jacobian"].shape == (1, 7, 7)
    refused = run(*arguments, "--kind", "jacobian", "--row", "3")
    assert refused.stderr == "Error: --row 3: the batch has 3 rows, numbered from 0.\n"


def test_weights_and_their_gradients(here: Path, models: Path) -> None:
    arguments = ["viz", "gradients", models / "lstm.keras", "--input", models / "steps.npy", "--kind", "weights"]
    summary = json.loads(ok(*arguments, "--data", "g.npz", "--json").stdout)
    assert set(summary["gradient"]) == {f"reader/{key}" for key in LSTM}
    assert set(data_of(here / "g.npz")) == set(summary["gradient"]) | {"about"}
    summary = json.loads(ok("viz", "weights", models / "lstm.keras", "--data", "w.json", "--json").stdout)
    assert set(summary["norm"]) == LSTM
    assert len(summary["singular values"]["kernel/forget"]) == 4
    assert set(summary["spectral radius"]) == {key for key in LSTM if key.startswith("recurrent")}
    assert data_of(here / "w.json")["reader/recurrent_kernel/forget"].shape == (5, 5)
    assert "recurrent_kernel/forget" in ok("viz", "weights", models / "lstm.keras", "--terminal").stdout
    assert ok("viz", "weights", "-q").stdout == "weights.png\n"
    refused = run("viz", "weights", models / "dense.keras")
    assert "expected one with a recurrent layer" in refused.stderr


def test_a_training(here: Path) -> None:
    lines = [{"step": step, "loss": 1 / step, "exact": step / 9, "gradient_norm": 10.0**-step} for step in range(1, 9)]
    (here / "run.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"step": 9, "lo')
    assert ok("viz", "training", "run.jsonl").stdout == "training.png\n"
    found = json.loads(ok("viz", "training", "run.jsonl", "--only", "loss", "--json", "-o", "a.svg").stdout)
    assert found == {"log": "run.jsonl", "step": 8.0, "last": {"loss": 0.125}, "output": "a.svg"}
    assert "gradient_norm" in ok("viz", "training", "run.jsonl", "--terminal").stdout
    refused = run("viz", "training", "run.jsonl", "--only", "accuracy")
    assert refused.stderr == "Error: --only accuracy: run.jsonl has no such key, only loss, exact, gradient_norm\n"
    refused = run("viz", "training", "nothing.jsonl")
    assert refused.exit_code == 1
    assert "cannot read nothing.jsonl: No such file or directory" in refused.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kind", "jacobian", "--all-rows"], "--all-rows is for --kind bptt, not for jacobian"),
        (["--steps", "3"], "--method and --steps are for --kind saliency, not for bptt"),
        (["--kind", "jacobian", "--at", "1"], "--at is for one output"),
        (["--kind", "saliency", "--method", "input", "--steps", "3"], "--steps are those of the integral"),
        (["--kind", "weights", "--tokens", "0:2"], "--tokens chooses steps"),
        (["--kind", "weights", "-o", "a.html"], "--kind weights has no page"),
        (["--kind", "hessian"], "'hessian' is not one of"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], said: str, here: Path) -> None:
    refused = run("viz", "gradients", *options)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert list(here.iterdir()) == []
