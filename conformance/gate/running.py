"""A gate from the request to the run that verdict.json and the reports describe."""

from __future__ import annotations

import errno
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.catalogue import WORKLOAD as COMPONENTS
from conformance.census import CensusComparison, census, compare_census
from conformance.checks import Check, Step
from conformance.ending import NotPossible, WrongUse
from conformance.environments import Change, packages_changed
from conformance.gate import components, equivalence, judging, kept_verdicts
from conformance.gate.accepting import Ledgers, is_of
from conformance.gate.execution_plan import compare_execution
from conformance.gate.observing import Observer
from conformance.gate.plan import CATALOGUE, arbiter_plan, exchange_plan, is_wanted, loaded_label, locked, side_plan
from conformance.gate.progress import Progress
from conformance.gate.records import Records
from conformance.gate.request import BASELINE, CANDIDATE, OFF, SIDES, Request
from conformance.gate.sides import Locks, ReadySide, ReadySides, prepared, resolved
from conformance.gate.speed import compare_speed
from conformance.observations import OF_A_REPORT, Key, Observation, ObservationUnwritable
from conformance.report.writing import ReportNotWritten
from conformance.requests import DataMissing
from conformance.subjects import Subject
from conformance.verdict import Mode, PackageChange, Partial, Run, Side
from conformance.worker import stage_code
from reference.workloads import Workload


@dataclass(frozen=True)
class Outcome:
    """A gate's run, with the observations of each side (and of the `oracle`) for the report's figures."""

    run: Run
    records: Mapping[str, Records]

    def observations(self, name: str) -> dict[Key, Observation]:
        """What was observed of a side, and of the oracle."""
        return {**self.records["oracle"].made, **self.records[name].made}


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)
"""What a disk answers that cannot take a file."""


def run_gate(request: Request, progress: Progress) -> Outcome:
    """Carry out a gate. Raises WrongUse and NotPossible; whatever a framework does is a check of the run."""
    with machine_permitting():
        return _run_gate(request, progress)


@contextmanager
def machine_permitting() -> Iterator[None]:
    """Raise NotPossible, in one line, where the machine lacks a data set or its disk refuses a file."""
    try:
        yield
    except (DataMissing, ObservationUnwritable, ReportNotWritten) as error:
        raise NotPossible(str(error)) from error
    except OSError as error:
        if error.errno not in _DISK:
            raise
        place = Path(error.filename or tempfile.gettempdir())
        raise NotPossible(str(ObservationUnwritable.because(place, error))) from error


def _run_gate(request: Request, progress: Progress) -> Outcome:
    request = replace(request, workloads=tuple(map(locked, request.workloads)))
    ledgers = Ledgers(request.ledger)
    clock = time.monotonic()
    locks = resolved(request, progress.say)
    kept = request.verdicts
    if kept is not None and (reason := kept_verdicts.why_not(request, locks)):
        progress.say(f"no verdict is kept or taken from those kept: {reason}")
        kept = None
    if kept is not None and (run := kept_verdicts.find(kept, request, locks)) is not None:
        if request.report is not None:
            _clear(request.report / OF_A_REPORT)  # of another gate
        return Outcome(_worded(run, request, locks), {name: Records() for name in (*SIDES, "oracle")})
    with prepared(request, locks, progress.say) as sides:
        outcome = _carried_out(request, sides, ledgers, progress, clock)
    if kept is not None:
        try:
            kept_verdicts.keep(kept, request, locks, outcome.run)
        except (OSError, ObservationUnwritable) as error:
            progress.say(f"the verdict is not kept: {error}")
    return outcome


def _worded(run: Run, request: Request, locks: Locks) -> Run:
    """A run that was kept, as this request words it: why packages changed, and commands."""
    return replace(
        run,
        packages_changed=tuple(map(_package_change, packages_changed(*locks))),
        checks=tuple(_with_command(check, request.command) for check in run.checks),
    )


def _carried_out(request: Request, sides: ReadySides, ledgers: Ledgers, progress: Progress, clock: float) -> Outcome:
    """The gate between sides that are ready; `clock` says since when it has been going on."""
    started = datetime.now(UTC)
    if not any(_frameworks(sides, workload) for workload in request.workloads):
        names = ", ".join(workload.name for workload in request.workloads)
        raise WrongUse(f"{names} is written in none of {', '.join(sides.frameworks)}: name another workload")
    with _observer(request, sides, progress) as observer:
        _observe(request, sides, observer, progress)
        run = _judge(request, sides, observer, ledgers, progress)
    # Now that the workers that observed have ended.
    run = _with_plan_and_speed(run, request, sides, ledgers, progress)
    seconds = round(time.monotonic() - clock, 1)
    run = replace(run, started=started.isoformat(timespec="seconds"), seconds=seconds)
    return Outcome(run, observer.records)


@contextmanager
def _observer(request: Request, sides: ReadySides, progress: Progress) -> Iterator[Observer]:
    """The observer, with a directory in the report, or one that is gone afterwards."""
    subjects: dict[str, Mapping[tuple[str, str], Subject]] = {
        side.name: side.subjects for side in (sides.baseline, sides.candidate)
    }
    subjects["oracle"] = {("oracle", "cpu"): Subject("oracle"), **sides.baseline.subjects}
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        code = stage_code(Path(name, "code"))
        directories = _directories(request, Path(name))
        observer = Observer(directories, code, subjects, (*request.workloads, COMPONENTS), progress.done)
        try:
            yield observer
        finally:
            observer.close()


def _directories(request: Request, temporary: Path) -> dict[str, Path]:
    """Where each name's observations go: into the report, where there is one; what is shared stays."""
    place = (request.report or temporary) / OF_A_REPORT
    _clear(place)
    directories = {name: place / name for name in (*SIDES, "oracle")}
    if request.shared is not None:
        directories |= {name: request.shared / name for name in (BASELINE, "oracle")}
        for stale in directories[BASELINE].glob(f"*.{loaded_label(CANDIDATE)}.*"):
            stale.unlink()
    return directories


def _clear(place: Path) -> None:
    """Remove an earlier gate's observations, and nothing else: `--record` may have put others there."""
    for name in (*SIDES, "oracle"):
        shutil.rmtree(place / name, ignore_errors=True)


def _observe(request: Request, sides: ReadySides, observer: Observer, progress: Progress) -> None:
    """Everything that is always observed: each side by itself, then what one makes of the other's checkpoints."""
    places = [
        (workload, framework, request.device, request.seed)
        for workload in request.workloads
        for framework in _frameworks(sides, workload)
    ]
    own = [key for place in places for key in side_plan(*place, request.only)]
    own += [key for framework in sides.frameworks for key in components.plan(request, framework)]
    exchange = [key for place in places for key in exchange_plan(*place, request.only)]
    plans, exchanges = dict.fromkeys(SIDES, own), dict.fromkeys(SIDES, exchange)
    plans["oracle"] = [
        key
        for workload in request.workloads
        for key in arbiter_plan(workload, _frameworks(sides, workload), request.device, request.seed, request.only)
    ]
    plans["oracle"] += components.plan(request, "oracle")
    side_by_side = request.device == "cpu"
    progress.expect({name: [*plan, *exchanges.get(name, ())] for name, plan in plans.items()})
    observer.observe(plans, side_by_side=side_by_side)
    observer.observe(exchanges, side_by_side=side_by_side)
    for key, failure in observer.records["oracle"].failed.items():
        if key.framework == "oracle":
            raise NotPossible(f"the oracle failed, so nothing can be judged: {failure}")


def _frameworks(sides: ReadySides, workload: Workload) -> list[str]:
    """The frameworks of both sides in which the workload is written."""
    return [name for name in sides.frameworks if name in workload.modules]


def _judge(request: Request, sides: ReadySides, observer: Observer, ledgers: Ledgers, progress: Progress) -> Run:
    progress.say("judging")
    records = observer.records
    made = [
        check
        for workload in request.workloads
        for check in judging.judge(sides, workload, request.device, request.seed, records)
    ]
    made += components.component_checks(request, sides, records)
    checks, problems = ledgers.accept(made, sides)
    drifting = [] if request.only else equivalence.to_resolve(checks)
    if drifting:
        workloads = {workload.name: workload for workload in request.workloads}
        keys = [Key(*pair, "native", "glorot", request.seed, request.device) for pair in drifting]
        progress.expect(dict.fromkeys(SIDES, keys))
        observer.observe(dict.fromkeys(SIDES, keys), side_by_side=request.device == "cpu")
        found = list(equivalence.equivalence_checks(drifting, workloads, request.device, request.seed, records))
        more, more_problems = ledgers.accept(found, sides)
        checks, problems = [*checks, *more], [*problems, *more_problems]
    chosen = [
        _with_command(check, request.command) for check in equivalence.told(checks) if _is_chosen(check, request.only)
    ]
    return Run(
        mode=Mode.GATE,
        checks=tuple(sorted(chosen, key=lambda check: check.id)),
        baseline=_side(sides.baseline, records, request.device),
        candidate=_side(sides.candidate, records, request.device),
        packages_changed=tuple(map(_package_change, sides.changes)),
        not_run=(*judging.not_run(records), *components.absences(request, sides, records)),
        census_comparison=_census(checks, records, partial=bool(request.only)),
        partial=Partial(len(chosen), len(checks)) if request.only else None,
        ledger=tuple(ledgers.uses(chosen)),
        warnings=(*sides.notes, *problems, *_permitted(chosen)),
        fail_on=request.fail_on,
    )


_PERMITTED = {"warnings": "new on the candidate", "settings/kernels": "changed"}


def _permitted(checks: Sequence[Check]) -> list[str]:
    """What has changed and fails nothing, one line each: a reviewer wants to see it."""
    return [
        f"{check.framework}, {check.step}: {_PERMITTED[check.contract]}: {check.reason}"
        for check in checks
        if check.contract in _PERMITTED and check.reason
    ]


def _with_plan_and_speed(run: Run, request: Request, sides: ReadySides, ledgers: Ledgers, progress: Progress) -> Run:
    """The run, with what comparing the execution plans and timing both sides has shown."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        code = stage_code(Path(name, "code"))
        if is_wanted(f"{Step.TRAIN}/plan", request.only):
            progress.say("comparing the execution plans")
            found = compare_execution(request, sides, code, Path(name))
            accepted, problems = ledgers.accept(found.checks, sides)
            checks = [_with_command(check, request.command) for check in accepted if _is_chosen(check, request.only)]
            partial = run.partial
            if partial is not None:
                partial = Partial(partial.ran + len(checks), partial.total + len(found.checks))
            run = replace(
                run,
                checks=tuple(sorted((*run.checks, *checks), key=lambda check: check.id)),
                partial=partial,
                plan_changes=found.changes,
                ledger=tuple(ledgers.uses([*run.checks, *checks])),
                warnings=(*run.warnings, *found.warnings, *problems),
            )
        if request.speed != OFF:
            progress.say(f"timing by the plan {request.speed}: leave the machine alone until it is done")
            rows, warnings = compare_speed(request, sides, code, Path(name), progress.round_done())
            run = replace(run, throughput=tuple(rows), warnings=(*run.warnings, *warnings))
    return run


def _with_command(check: Check, command: Sequence[str]) -> Check:
    """The check, if it failed, with the command that repeats it alone."""
    if not check.failed or not command:
        return check
    part = check.contract
    if part.startswith("observed/"):
        part = CATALOGUE if check.workload == COMPONENTS.name else ""
    only = f"{check.step}/{part}".rstrip("/")
    words = [*command, "--framework", check.framework, "--only", only]
    return replace(check, details={**check.details, "command": shlex.join(words)})


def _is_chosen(check: Check, only: str) -> bool:
    """Whether the check is among those asked for; that something could not be observed always is."""
    return is_wanted(f"{check.step}/{check.contract}", only) or check.contract.startswith("observed/")


def _census(checks: Sequence[Check], records: Mapping[str, Records], *, partial: bool) -> CensusComparison:
    """What was judged of the candidate alone, against what was judged of the baseline alone."""
    if any(records[side].failed for side in SIDES):
        return CensusComparison(reason="not everything could be observed")
    # Of a component, a side alone is judged only where it departs.
    trained = [check for check in checks if check.workload != COMPONENTS.name]
    ours, expected = (census(check for check in trained if is_of(check, side)) for side in (CANDIDATE, BASELINE))
    return compare_census(ours, expected, partial=partial)


def _package_change(change: Change) -> PackageChange:
    return PackageChange(change.name, change.baseline, change.candidate, change.kind)


def _side(side: ReadySide, records: Mapping[str, Records], device: str) -> Side:
    """What verdict.json says of a side: its packages, its variables, and the settings that its workers report."""
    flags: dict[str, Any] = dict(side.environment)
    for key, observation in sorted(records[side.name].made.items()):
        if key.operation == "imports":
            flags[key.framework] = {"cpu": observation.facts["cpu"], **observation.facts["settings"]}
    return Side(side.label, {**side.packages, "python": side.python}, device, flags)
