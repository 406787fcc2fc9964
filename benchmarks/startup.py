"""How long the command line takes to answer: `python -m benchmarks.startup`.

Help, version and completion must answer before a person notices (0.25 s), so they import neither TensorFlow nor
Keras nor Matplotlib; that is checked. A picture of the attention may take at most 1.6 times as long as the import of
Keras, without which there is no model. All commands take turns, so that a busy machine slows all of them alike; the
column `cpu` is the processor's time, which the rest of the machine moves least.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

HEAVY = {"keras", "matplotlib", "tensorflow"}
SECONDS = 0.25  # of an answer that needs no model
TIMES_KERAS = 1.6  # of a picture, in imports of Keras
KERAS = "import keras"
PICTURE = "viz attention"


@dataclass(frozen=True)
class Case:
    """A command that is timed."""

    name: str
    command: list[str]
    light: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *options: str, cwd: Path) -> tuple[float, float, subprocess.CompletedProcess[str]]:
        """With `options` to the interpreter: the seconds it took, those of a processor, and what it gave."""
        command = [self.command[0], *options, *self.command[1:]]
        before, started = os.times(), time.perf_counter()
        done = subprocess.run(
            command, cwd=cwd, env=os.environ | self.environment, capture_output=True, text=True, check=False
        )
        seconds, after = time.perf_counter() - started, os.times()
        busy = after.children_user - before.children_user + after.children_system - before.children_system
        if done.returncode:
            raise click.ClickException(f"`{self.name}` gave exit code {done.returncode}:\n{done.stderr.strip()}")
        return seconds, busy, done


def installed_command() -> list[str]:
    """The installed `kerasrnn` of this interpreter, as its launcher starts it."""
    script = Path(sysconfig.get_path("scripts")) / "kerasrnn"
    if not script.is_file():
        raise click.ClickException(f"no {script}: install first, with `pip install .`")
    return [sys.executable, str(script)]


def cases() -> list[Case]:
    kerasrnn = installed_command()
    complete = {"_KERASRNN_COMPLETE": "bash_complete", "COMP_WORDS": "kerasrnn viz ", "COMP_CWORD": "2"}
    return [
        Case("--help", [*kerasrnn, "--help"], light=True),
        Case("--version", [*kerasrnn, "--version"], light=True),
        Case("completion script", kerasrnn, light=True, environment={"_KERASRNN_COMPLETE": "bash_source"}),
        Case("completion of a word", kerasrnn, light=True, environment=complete),
        Case(KERAS, [sys.executable, "-c", "import keras"], environment={"TF_CPP_MIN_LOG_LEVEL": "3"}),
        Case(PICTURE, [*kerasrnn, "viz", "attention", "-o", "attention.png"]),
    ]


def heavy_imports(case: Case, cwd: Path) -> set[str]:
    """Which of the heavy packages `case` imports, as the interpreter itself reports it."""
    _, _, done = case.run("-X", "importtime", cwd=cwd)
    modules = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    if "kerasrnn" not in modules:
        raise click.ClickException(f"`{case.name}` reports no import of kerasrnn: {sorted(modules)}")
    return {name.split(".")[0] for name in modules} & HEAVY


def measure(runs: int, cwd: Path) -> dict[str, Any]:
    """Every command once unmeasured, to fill the caches, then `runs` rounds of all of them in turn."""
    chosen = cases()
    heavy = {case.name: sorted(heavy_imports(case, cwd)) for case in chosen if case.light}
    seconds: dict[str, list[float]] = {case.name: [] for case in chosen}
    processor: dict[str, list[float]] = {case.name: [] for case in chosen}
    for number in range(runs + 1):
        for case in chosen:
            took, busy, _ = case.run(cwd=cwd)
            if number:
                seconds[case.name].append(took)
                processor[case.name].append(busy)
    if not (cwd / "attention.png").stat().st_size:
        raise click.ClickException("`viz attention` wrote an empty file")
    keras = statistics.median(seconds[KERAS])
    rows = []
    for case in chosen:
        median = statistics.median(seconds[case.name])
        limit = SECONDS if case.light else TIMES_KERAS * keras if case.name == PICTURE else None
        rows.append(
            {
                "command": case.name,
                "median_s": median,
                "fastest_s": min(seconds[case.name]),
                "slowest_s": max(seconds[case.name]),
                "processor_s": statistics.median(processor[case.name]),
                "times_keras": median / keras,
                "limit_s": limit,
                "ok": limit is None or median <= limit,
            }
        )
    return {
        "runs": runs,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "heavy_imports": heavy,
        "rows": rows,
    }


def table(results: dict[str, Any]) -> str:
    lines = [f"{'command':<22}{'median':>9}{'fastest':>9}{'slowest':>9}{'cpu':>9}{'x keras':>9}   limit"]
    for row in results["rows"]:
        verdict = "-"
        if row["limit_s"] is not None:
            of_keras = f" = {TIMES_KERAS} x {KERAS}" if row["command"] == PICTURE else ""
            verdict = f"{row['limit_s']:.2f} s{of_keras}: {'ok' if row['ok'] else 'OVER'}"
        times = "".join(f"{row[key]:>7.3f} s" for key in ("median_s", "fastest_s", "slowest_s", "processor_s"))
        lines.append(f"{row['command']:<22}{times}{row['times_keras']:>9.2f}   {verdict}")
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--runs", type=click.IntRange(1), default=7, show_default=True, help="Rounds; the median is taken.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures here.")
@click.option("--smoke", is_flag=True, help="One round: shows that everything runs; the times mean little.")
def main(runs: int, file: Path | None, smoke: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = measure(1 if smoke else runs, Path(folder))
    click.echo(table(results))
    if file is not None:
        file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    broken = {name: heavy for name, heavy in results["heavy_imports"].items() if heavy}
    for name, heavy in broken.items():
        click.echo(f"`{name}` imports {', '.join(heavy)}, and must not", err=True)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
