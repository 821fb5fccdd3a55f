"""The campaign of clean runs: nothing is planted, conditions vary, and every check that fails is a false alarm.

    python -m conformance.trial.campaign --kept report/campaign
    python -m conformance.trial.campaign --only loaded

Each condition is one run of the suite in a process of its own. A run that is kept in full is not repeated: remove
its directory to have it anew. The figures go to standard output, to campaign.md and, as a histogram, to ratios.svg.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

import conformance
from conformance import verdict_file
from conformance.report.summary import one_line
from conformance.termination import sigterm_interrupts
from conformance.trial.campaign_figures import Figures, figures, histogram, markdown
from conformance.verdict import Run

ROOT = Path(conformance.__path__[0]).parent

QUICK = ("-k", "not native and not compiled and not xla and not tutorial and not legacy")
"""All but the native runs, torch.compile, XLA and the article's way, which take more time than the rest."""

LOCKED_OVER_SEEDS = (
    "--seeds",
    "20",
    "-k",
    "(test_outputs or test_loss_gradients_and_first_update or test_frameworks_agree or test_predictions"
    " or ((test_losses or test_weights) and (tape or tensors))) and not inside",
)
"""What is asked of every seed: outputs, first update, the complete variants' training, predictions."""


@dataclass(frozen=True)
class Condition:
    """One run of the suite: on so many processes, with these variables and words more on its command line.

    `gate` makes it a gate of the installed frameworks against themselves, with the words on its command line: a
    worker's thread count is pinned, and only a gate's side may set it. `plugin` must be installed, `loaded` keeps
    every core busy beside the run.
    """

    name: str
    what: str
    processes: int = 2
    arguments: tuple[str, ...] = QUICK
    variables: Mapping[str, str] = field(default_factory=dict)
    gate: bool = False
    plugin: str = ""
    loaded: bool = False

    def command(self, report: Path) -> list[str]:
        """The command that carries it out, in the root of the clone."""
        if self.gate:
            side = f"python:{sys.executable}"
            return [sys.executable, "-m", "conformance", "gate", side, side, *self.arguments, "--report", str(report)]
        order = [] if self.plugin else ["-p", "no:randomly"]
        words = ["-n", str(self.processes), "-p", "no:cacheprovider", *order, *self.arguments]
        return [sys.executable, "-m", "pytest", "conformance", *words, f"--report={report}"]


CONDITIONS = (
    Condition("as-installed", "the whole suite, as installed", arguments=()),
    Condition("onednn-off", "TensorFlow without oneDNN", variables={"TF_ENABLE_ONEDNN_OPTS": "0"}),
    Condition(
        "avx2",
        "oneDNN and ATen limited to AVX2",
        variables={"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    ),
    Condition("aten-default", "ATen without vector code", variables={"ATEN_CPU_CAPABILITY": "default"}),
    Condition(
        "shuffled",
        "tests in random order",
        arguments=(*QUICK, "--randomly-seed=1"),
        plugin="randomly",
    ),
    Condition("one-process", "one process", processes=1),
    Condition("four-processes", "four processes", processes=4),
    Condition("loaded", "a busy loop beside it on every core", loaded=True),
    Condition(
        "two-threads",
        "a gate, one thread against two",
        arguments=("--candidate-env", "OMP_NUM_THREADS=2"),
        gate=True,
    ),
    Condition("twenty-seeds", "20 initial weights", arguments=LOCKED_OVER_SEEDS),
)


def read_kept(report: Path) -> Run | None:
    """The run that is kept there; None where there is none, or one that was cut short."""
    try:
        run = verdict_file.read(report / "verdict.json")
    except verdict_file.VerdictUnreadable:
        return None
    return None if not run.checks or any(entry.required for entry in run.not_run) else run


def absent(condition: Condition) -> str:
    """Why the condition cannot be had here; empty where it can."""
    name = f"pytest_{condition.plugin}"
    return f"{name} is not installed" if condition.plugin and importlib.util.find_spec(name) is None else ""


def carry_out(condition: Condition, report: Path) -> str:
    """Run the suite under the condition; returns why that gave no verdict, empty where it did."""
    report.mkdir(parents=True, exist_ok=True)
    with (report / "output.txt").open("wb") as output, busy() if condition.loaded else nullcontext():
        process = subprocess.Popen(
            condition.command(report.absolute()),
            cwd=ROOT,
            env={**os.environ, **condition.variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            status = process.wait()
        except BaseException:  # it ends its own workers, where it is asked to
            process.terminate()
            process.wait()
            raise
    if read_kept(report) is not None:
        return ""
    text = (report / "output.txt").read_text(encoding="utf-8", errors="replace")
    return f"exit status {status}: {one_line(' '.join(text.splitlines()[-3:]))}"


@contextmanager
def busy() -> Iterator[None]:
    """A loop that never rests on every core."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def collect(kept: Path, conditions: Sequence[Condition]) -> tuple[dict[str, Run], dict[str, str]]:
    """Carry out what is not kept; the runs by condition, and why others gave none."""
    runs: dict[str, Run] = {}
    missing: dict[str, str] = {}
    for condition in conditions:
        report = kept / condition.name
        reason = absent(condition) if read_kept(report) is None else ""
        if read_kept(report) is None and not reason:
            typer.echo(f"{condition.name}: {condition.what}", err=True)
            reason = carry_out(condition, report)
        run = read_kept(report)
        if run is None:
            missing[condition.name] = reason
        else:
            runs[condition.name] = run
    return runs, missing


def chosen(names: Sequence[str]) -> list[Condition]:
    """The conditions of these names, or all. Raises typer.BadParameter naming those that there are."""
    known = {condition.name: condition for condition in CONDITIONS}
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"no condition is called {name!r}: choose from {', '.join(known)}")
    return [known[name] for name in names] or list(CONDITIONS)


def main(
    kept: Annotated[Path, typer.Option(metavar="DIR", help="Where runs are kept.")] = Path("report/campaign"),
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="This condition; may be repeated.")] = None,
) -> None:
    """Run the clean suite under many conditions, and count its false alarms."""
    conditions = chosen(only or [])
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"--kept: {kept} cannot be made ({error.strerror})") from error
    runs, missing = collect(kept, conditions)
    found: Figures = figures(runs)
    text = markdown(found, {condition.name: condition.what for condition in conditions}, missing)
    typer.echo(text)
    if runs:
        (kept / "campaign.md").write_text(text, encoding="utf-8")
        (kept / "ratios.svg").write_text(histogram(found), encoding="utf-8")
    raise typer.Exit(1 if found.alarms else 3 if missing else 0)


if __name__ == "__main__":
    with sigterm_interrupts():
        typer.run(main)
