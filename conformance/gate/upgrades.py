"""Gates every step between recent releases and writes docs/upgrades.md: what upgrading has meant, measured.

    python -m conformance.gate.upgrades [--kept DIR]

The report of each step is kept in a directory of its own; a step whose report is there and whole is not gated again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from conformance import verdict_file
from conformance.cache import cache_directory
from conformance.catalogue import NAME as CATALOGUE
from conformance.commands.gate import GateWords, write_files
from conformance.divergence import ratio
from conformance.ending import Ended
from conformance.gate.progress import Progress
from conformance.gate.running import machine_permitting, run_gate
from conformance.report import summary
from conformance.report.markdown import escape
from conformance.verdict import Run

TENSORFLOW = ("2.16.2", "2.17.1", "2.18.1", "2.19.1", "2.20.0", "2.21.0")
TORCH = (("2.11.0", "0.26.0"), ("2.12.1", "0.27.1"), ("2.13.0", "0.28.0"), ("2.14.1", "0.29.1"), ("2.15.0", "0.29.2"))
RELEASES = {
    "TensorFlow": [f"tensorflow-cpu=={version}" for version in TENSORFLOW],
    "PyTorch": [f"torch=={torch} torchvision=={vision}" for torch, vision in TORCH],
}
"""The last release of every minor version, oldest first."""
PAGE = Path(__file__).resolve().parents[2] / "docs" / "upgrades.md"
_MOST = 12

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Upgrade:
    """One step from a release to the next."""

    framework: str
    baseline: str
    candidate: str

    @property
    def title(self) -> str:
        """Such as `TensorFlow 2.20.0 → 2.21.0`."""
        versions = [words.split()[0].partition("==")[2] for words in (self.baseline, self.candidate)]
        return f"{self.framework} {' → '.join(versions)}"

    @property
    def folder(self) -> str:
        """The name of its report's directory."""
        return self.title.lower().replace(" → ", "-to-").replace(" ", "-")


def upgrades() -> Iterator[Upgrade]:
    """Every step, framework by framework."""
    for framework, releases in RELEASES.items():
        for baseline, candidate in pairwise(releases):
            yield Upgrade(framework, baseline, candidate)


@app.command()
def main(
    kept: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where reports are kept; default: our cache.")
    ] = None,
) -> None:
    """Gate what is not gated yet, and write the page."""
    root = kept or cache_directory() / "upgrades"
    found: list[tuple[Upgrade, Run | str]] = []
    with Progress() as progress:
        for upgrade in upgrades():
            found.append((upgrade, _outcome(upgrade, root / upgrade.folder, progress)))
            PAGE.write_text(page(found), encoding="utf-8")


def _outcome(upgrade: Upgrade, directory: Path, progress: Progress) -> Run | str:
    """The gate of a step, made now or kept; or why it could not be carried out."""
    try:
        return verdict_file.read(directory / "verdict.json")
    except verdict_file.VerdictUnreadable:
        progress.say(f"gating {upgrade.title}")
    words = GateWords(upgrade.baseline, upgrade.candidate, catalogue=True, report=directory)
    try:
        request = words.request()
        outcome = run_gate(request, progress)
        with machine_permitting():
            write_files(request, outcome)
    except Ended as error:
        return str(error)
    return outcome.run


def page(found: Sequence[tuple[Upgrade, Run | str]]) -> str:
    """The page: a table of all steps, then what changed in each."""
    rows = [
        "| upgrade | six steps | first divergence | largest measured/allowed | components moved | plan changes "
        "| packages changed | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(upgrade, run) for upgrade, run in found),
    ]
    runs = [run for _, run in found if isinstance(run, Run)]
    return "\n".join([_HEAD.format(machine=_machine(runs)), *rows, "", *(_section(*one) for one in found)])


_HEAD = """\
# What upgrades have meant

Made by `python -m conformance.gate.upgrades`, which gates each step with `--catalogue` and keeps what is done.
{machine}

*Six steps* is the verdict on the workload `mnist_mlp`; *largest measured/allowed* is that of its rounding checks
between the two releases (0: equal to the bit). *Components* are those of the [catalogue](catalogue.md), each release
against the one before it. *Plan changes* counts operators and kernels that ran more or less often than before.
"""


def _machine(runs: Sequence[Run]) -> str:
    if not runs:
        return ""
    flags = [value for run in runs for value in run.candidate.flags.values() if isinstance(value, dict)]
    cpus = sorted({str(value["cpu"]) for value in flags if "cpu" in value})
    days = sorted({run.started[:10] for run in runs})
    pythons = sorted({run.candidate.packages["python"] for run in runs})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"{when}, Python {', '.join(pythons)}, {', '.join(cpus)}."


def _row(upgrade: Upgrade, run: Run | str) -> str:
    if isinstance(run, str):
        return f"| {upgrade.title} | not carried out: {escape(run)} | | | | | | |"
    steps = _six_steps(run)
    first = steps.first_divergence
    cells = (
        upgrade.title,
        f"`{steps.verdict}`",
        f"`{first.id.partition('[')[0]}`" if first else "none",
        summary.ratio_text(_largest(steps)),
        str(len(summary.components(run))),
        str(len(run.plan_changes)),
        str(len(run.packages_changed)),
        f"{run.seconds:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _six_steps(run: Run) -> Run:
    return replace(run, checks=tuple(check for check in run.checks if check.workload != CATALOGUE))


def _largest(run: Run) -> float:
    """The largest measured/allowed between the sides."""
    ratios = (ratio(check) for check in run.checks if sum("@" in name for name in check.subjects) > 1)
    return max((value for value in ratios if value is not None), default=0.0)


def _section(upgrade: Upgrade, run: Run | str) -> str:
    if isinstance(run, str):
        return f"## {upgrade.title}\n\nNot carried out: {escape(run)}\n"
    packages = [
        f"{row.name} {row.baseline or 'none'} → {row.candidate or 'none'} ({row.cause})" for row in run.packages_changed
    ]
    failed = [
        f"`{check.id}`: {check.verdict}, {escape(check.reason)}" for check in _six_steps(run).checks if check.failed
    ]
    components = [
        f"{one.name}: {one.worst.verdict} in `{one.what}`, {escape(one.worst.reason)}"
        for one in summary.components(run)
    ]
    plans = [f"{row.operation}, {escape(row.what)}: {row.baseline} → {row.candidate}" for row in run.plan_changes]
    absent = [f"{entry.what}: {escape(entry.reason)}" for entry in run.not_run]
    parts = [
        f"## {upgrade.title}\n",
        f"{len(run.checks):,} checks, verdict with the catalogue `{run.verdict}`, exit status {run.exit_status}.\n",
        _listed("Packages changed", packages),
        _listed("Failed checks of the six steps", failed),
        _listed("Components that moved", components),
        _listed("Execution plan", plans),
        _listed("Not compared", absent),
    ]
    return "\n".join(part for part in parts if part)


def _listed(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    more = [f"- and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return "\n".join([f"{title}:\n", *(f"- {line}" for line in lines[:_MOST]), *more, ""])


if __name__ == "__main__":
    app()
