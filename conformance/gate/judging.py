"""From what was observed of both sides to the checks of the gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conformance.cases import Case
from conformance.census import NotRun
from conformance.checks import Check, Kind, Step, Verdict
from conformance.contracts.filing import file
from conformance.gate.checkpoint_contracts import checkpoint_checks
from conformance.gate.pair_contracts import new_warnings, pair_checks
from conformance.gate.plan import STEP_OF
from conformance.gate.records import Failure, Records
from conformance.gate.request import BASELINE, CANDIDATE, SIDES
from conformance.gate.side_contracts import View, side_checks
from conformance.gate.sides import ReadySide, ReadySides
from conformance.judge.comparison import Comparison
from conformance.observations import Key, Observation
from conformance.worker import ObservationFailed
from reference.workloads import Workload

_ABSENT = {
    "DeviceMissing": True,
    "InvalidCxxCompiler": False,
}
"""What a machine may simply lack, by the exception that says so, and whether a gate is nothing without it.

The machine lacks it where both sides say so; where one does, that side is at fault.
"""


def judge(
    sides: ReadySides, workload: Workload, device: str, seed: int, records: Mapping[str, Records]
) -> Iterator[Check]:
    """Every check of a workload: failures first, then each side's own, then those between the sides."""
    for framework in sides.frameworks:
        if framework in workload.modules:
            yield from _framework_checks(sides, workload, framework, device, seed, records)
    for lacking, framework in sides.lone_frameworks():
        if framework in workload.modules:
            yield _dropped(Case(workload, framework, device, side=lacking.name), lacking)


def _framework_checks(
    sides: ReadySides, workload: Workload, framework: str, device: str, seed: int, records: Mapping[str, Records]
) -> Iterator[Check]:
    views = {}
    for side in (sides.baseline, sides.candidate):
        case = Case(workload, framework, device, seed=seed, side=side.name)
        views[side.name] = View(case, records[side.name], records["oracle"])
        yield from _failures(case, side.name, records)
        if side is sides.baseline:
            yield from _failures(case, "oracle", records)  # of the runs that stand in for the oracle
        yield from side_checks(views[side.name], side.subjects[framework, device].threads)
        yield from checkpoint_checks(views[side.name])
    partner = f"{framework}@{BASELINE}"
    case = Case(workload, framework, device, partner, seed=seed, side=CANDIDATE)
    view = View(case, records[CANDIDATE], records["oracle"])
    yield from pair_checks(view, views[BASELINE])
    yield from _new_warnings(case, records)


def _new_warnings(case: Case, records: Mapping[str, Records]) -> Iterator[Check]:
    """One check for every step of which both sides observed something."""
    before = records[BASELINE].made
    by_step: dict[Step, list[tuple[Observation, Observation]]] = {}
    for key, observation in records[CANDIDATE].made.items():
        if (key.workload, key.framework) == (case.workload.name, case.framework) and key in before:
            by_step.setdefault(STEP_OF[key.operation], []).append((observation, before[key]))
    for step, pairs in by_step.items():
        yield new_warnings(case, step, pairs)


def not_run(records: Mapping[str, Records]) -> list[NotRun]:
    """What this machine lacks, so that it could not be observed."""
    found: dict[NotRun, None] = {}
    for name, side in records.items():
        for key, failure in side.failed.items():
            if _is_absence(name, key, records):
                assert isinstance(failure, ObservationFailed)
                what = f"{name} {key.framework} {key.variant or f'on {key.device}'}"
                reason = failure.message.splitlines()[0]
                required = _ABSENT[failure.kind]
                found[NotRun(what, reason, required, key.workload, key.framework, key.variant)] = None
    return list(found)


def _is_absence(name: str, key: Key, records: Mapping[str, Records]) -> bool:
    """Whether the observation failed for what this machine lacks."""
    failures = [records[side].failed.get(key) for side in (SIDES if name in SIDES else (name,))]
    return all(isinstance(failure, ObservationFailed) and failure.kind in _ABSENT for failure in failures)


def _failures(case: Case, name: str, records: Mapping[str, Records]) -> Iterator[Check]:
    """One break for every observation of the case's framework under this name that could not be made."""
    for key, failure in records[name].failed.items():
        if (key.workload, key.framework) == (case.workload.name, case.framework) and not _is_absence(
            name, key, records
        ):
            yield failed(case, STEP_OF[key.operation], key, failure)


def failed(case: Case, step: Step, key: Key, failure: Failure) -> Check:
    """The break of an observation that could not be made."""
    if isinstance(failure, ObservationFailed):
        lines = failure.message.strip().splitlines() or [""]
        reason, kind = f"raised {failure.kind}: {lines[0]}", failure.kind
    else:
        reason, kind = str(failure), "worker"
    comparison = Comparison(Verdict.BREAK, None, None, None, 0, reason)
    name = "/".join(part for part in ("observed", key.operation, key.variant) if part)
    details = {"exception": kind, "traceback": getattr(failure, "traceback", "")}
    step = Step(getattr(failure, "step", "") or step)
    return file(case, step, name, Kind.EXACT, comparison, **details)


def _dropped(case: Case, lacking: ReadySide) -> Check:
    reason = f"{case.framework} is on one side only: the {lacking.name} ({lacking.label}) does not hold it"
    return file(case, Step.IMPORTS, "present", Kind.EXACT, Comparison(Verdict.BREAK, None, None, None, 0, reason))
