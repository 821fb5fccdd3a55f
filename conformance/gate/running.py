"""A gate from the request to the run that verdict.json and the reports describe."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.census import CensusComparison
from conformance.checks import Check
from conformance.environments import Change
from conformance.gate import judging
from conformance.gate.accepting import Ledgers
from conformance.gate.observing import Observer
from conformance.gate.plan import oracle_plan, side_plan
from conformance.gate.progress import Progress
from conformance.gate.records import Records
from conformance.gate.request import SIDES, Request
from conformance.gate.sides import ReadySide, ReadySides, prepare
from conformance.observations import Key, Observation
from conformance.subjects import Subject
from conformance.verdict import Mode, PackageChange, Partial, Run, Side
from conformance.worker import stage_code


@dataclass(frozen=True)
class Outcome:
    """A gate's run, with the observations of each side (`oracle` among them) for the report's figures."""

    run: Run
    records: Mapping[str, Records]

    def observations(self, name: str) -> dict[Key, Observation]:
        """What was observed of a side, and of the oracle."""
        return {**self.records["oracle"].made, **self.records[name].made}


def run_gate(request: Request, progress: Progress) -> Outcome:
    """Carry out a gate. Raises WrongUse and NotPossible; whatever a framework does is a check of the run."""
    started, clock = datetime.now(UTC), time.monotonic()
    ledgers = Ledgers(request.ledger)
    sides = prepare(request, progress.say)
    with _directory(request.report) as directory:
        records = _observe(request, sides, directory, progress)
        progress.say("judging")
        checks = [
            check
            for workload in request.workloads
            for check in judging.judge(sides, workload, request.device, request.seed, records)
        ]
        run = _run(request, sides, records, ledgers, checks)
        seconds = round(time.monotonic() - clock, 1)
        return Outcome(replace(run, started=started.isoformat(timespec="seconds"), seconds=seconds), records)


@contextmanager
def _directory(report: Path | None) -> Iterator[Path]:
    """Where the observations go: into the report, or into a directory that is gone afterwards."""
    if report is not None:
        directory = report / "observations"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        yield Path(name)


def _observe(request: Request, sides: ReadySides, directory: Path, progress: Progress) -> Mapping[str, Records]:
    subjects: dict[str, dict[tuple[str, str], Subject]] = {
        side.name: dict(side.subjects) for side in (sides.baseline, sides.candidate)
    }
    subjects["oracle"] = {("oracle", "cpu"): Subject("oracle")}
    plans = {
        name: [
            key
            for workload in request.workloads
            for framework in sides.frameworks
            for key in side_plan(workload, framework, request.device, request.seed, request.only)
        ]
        for name in SIDES
    }
    plans["oracle"] = [
        key for workload in request.workloads for key in oracle_plan(workload, request.seed, request.only)
    ]
    with tempfile.TemporaryDirectory(prefix="conformance-code-") as code:
        observer = Observer(directory, stage_code(Path(code)), subjects, request.workloads, progress.done)
        progress.expect(plans)
        try:
            observer.observe(plans, side_by_side=request.device == "cpu")
        finally:
            observer.close()
    return observer.records


def _run(
    request: Request,
    sides: ReadySides,
    records: Mapping[str, Records],
    ledgers: Ledgers,
    checks: Sequence[Check],
) -> Run:
    judged, problems = ledgers.accept(checks, sides)
    chosen = [check for check in judged if f"{check.step}/{check.contract}".startswith(request.only)]
    return Run(
        mode=Mode.GATE,
        checks=tuple(sorted(chosen, key=lambda check: check.id)),
        baseline=_side(sides.baseline, records, request.device),
        candidate=_side(sides.candidate, records, request.device),
        packages_changed=tuple(map(_package_change, sides.changes)),
        not_run=tuple(judging.not_run(records)),
        census_comparison=CensusComparison(reason="a gate compares its sides' censuses with each other"),
        partial=Partial(len(chosen), len(checks)) if request.only else None,
        ledger=tuple(ledgers.uses(chosen)),
        warnings=(*sides.notes, *problems),
        fail_on=request.fail_on,
    )


def _package_change(change: Change) -> PackageChange:
    return PackageChange(change.name, change.baseline, change.candidate, change.kind)


def _side(side: ReadySide, records: Mapping[str, Records], device: str) -> Side:
    """What verdict.json says of a side: its packages, its variables, and the settings that its workers report."""
    flags: dict[str, Any] = dict(side.environment)
    for key, observation in sorted(records[side.name].made.items()):
        if key.operation == "imports":
            flags[key.framework] = {"cpu": observation.facts["cpu"], **observation.facts["settings"]}
    return Side(side.label, {**side.packages, "python": side.python}, device, flags)
