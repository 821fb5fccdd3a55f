"""The execution plans of both sides: what ran in a forward pass and in an update, compared without a clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Verdict
from conformance.contracts.filing import file
from conformance.gate.request import BASELINE, CANDIDATE, Request
from conformance.gate.sides import ReadySide, ReadySides
from conformance.gate.timing import first_line
from conformance.judge.comparison import Comparison
from conformance.observations import Key
from conformance.requests import request_for
from conformance.verdict import PlanChange
from conformance.worker import ObservationFailed, Worker, WorkerFailed, end_all_workers
from reference.workloads import Workload

Plan = Mapping[str, Mapping[str, Mapping[str, int]]]
"""For `forward` and `train_step`, how often each of `operators`, `kernels`, `dtypes`, `devices`."""

_VERBOSE = {"ONEDNN_VERBOSE": "1"}
_COUNTED, _PRESENT = ("operators", "kernels"), ("dtypes", "devices")


NOT_COMPARED = "execution plan"
"""How the warnings begin that say why a plan was not compared."""


@dataclass(frozen=True)
class PlanComparison:
    """What differs between the plans, the checks of where they ran, and what could not be compared, in lines."""

    changes: tuple[PlanChange, ...] = ()
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()


def compare_execution(request: Request, sides: ReadySides, code: Path, directory: Path) -> PlanComparison:
    """Observe and compare the plans of every framework and workload.

    oneDNN prints what it runs only in a process that is started so: each side of a framework gets one of its own.
    Raises DataMissing where a data set is nowhere on this machine.
    """
    both = (sides.baseline, sides.candidate)
    changes: list[PlanChange] = []
    checks: list[Check] = []
    warnings: list[str] = []
    for framework in sides.frameworks:
        workloads = [workload for workload in request.workloads if framework in workload.modules]
        with ThreadPoolExecutor(2 if request.device == "cpu" else 1) as pool:
            asked = [pool.submit(_observe, side, framework, workloads, request, code, directory) for side in both]
            try:
                before, after = (future.result() for future in asked)
            except BaseException:
                end_all_workers()  # or leaving the pool would wait for their answers
                raise
        for workload in workloads:
            failed = [plan for plan in (before[workload.name], after[workload.name]) if isinstance(plan, str)]
            if failed:
                warnings += [f"{NOT_COMPARED} of {framework} {workload.name} not compared: {line}" for line in failed]
                continue
            baseline, candidate = before[workload.name], after[workload.name]
            assert not isinstance(baseline, str)
            assert not isinstance(candidate, str)
            changes += plan_changes(framework, workload.name, baseline, candidate)
            case = Case(
                workload, framework, request.device, f"{framework}@{BASELINE}", seed=request.seed, side=CANDIDATE
            )
            checks.append(same_devices(case, baseline, candidate))
    return PlanComparison(tuple(changes), tuple(checks), tuple(warnings))


def plan_changes(framework: str, workload: str, baseline: Plan, candidate: Plan) -> Iterator[PlanChange]:
    """Every operator and kernel that ran more or less often, every dtype and device that came or went."""
    for operation in dict.fromkeys((*baseline, *candidate)):
        for kind in (*_COUNTED, *_PRESENT):
            before, after = (plan.get(operation, {}).get(kind, {}) for plan in (baseline, candidate))
            for name in sorted({*before, *after}):
                ours, theirs = after.get(name, 0), before.get(name, 0)
                if ours != theirs if kind in _COUNTED else bool(ours) != bool(theirs):
                    what = f"{kind.removesuffix('s')} {name}"
                    yield PlanChange(framework, f"{workload} {operation}", what, _times(theirs), _times(ours))


def same_devices(case: Case, baseline: Plan, candidate: Plan) -> Check:
    """The check that everything ran on the devices on which it ran in the baseline; a difference is a break."""
    before, after = (
        {operation: sorted(kinds.get("devices", {})) for operation, kinds in plan.items()}
        for plan in (baseline, candidate)
    )
    different = [operation for operation in {**before, **after} if before.get(operation) != after.get(operation)]
    reason = "; ".join(
        f"{operation} ran on {_joined(after.get(operation))}, in the baseline on {_joined(before.get(operation))}"
        for operation in different
    )
    verdict = Verdict.BREAK if different else Verdict.IDENTICAL
    comparison = Comparison(verdict, float(len(different)), 0.0, None, len(before), reason)
    return file(case, Step.TRAIN, "plan/devices", Kind.EXACT, comparison)


def _observe(
    side: ReadySide, framework: str, workloads: list[Workload], request: Request, code: Path, directory: Path
) -> dict[str, Plan | str]:
    """The plan of each workload by its name, or why it could not be observed."""
    subject = side.subjects[framework, request.device]
    subject = replace(subject, environment={**subject.environment, **_VERBOSE})
    found: dict[str, Plan | str] = {}
    try:
        with Worker(subject, code, directory / f"{framework}-{side.name}-plan.stderr") as worker:
            for workload in workloads:
                try:
                    found[workload.name] = _ask(worker, framework, workload, request)
                except ObservationFailed as failure:
                    found[workload.name] = f"{side.name}: {first_line(failure)}"
    except (ObservationFailed, WorkerFailed) as failure:
        found.update((workload.name, f"{side.name}: {first_line(failure)}") for workload in workloads)
    return found


def _ask(worker: Worker, framework: str, workload: Workload, request: Request) -> Plan:
    key = Key(workload.name, framework, "plan", "", request.seed, request.device)
    asked = request_for(key, workload)
    plan: dict[str, Any] = worker.request(asked.operation, asked.arguments, asked.tensors).facts["plan"]
    return plan


def _times(count: int) -> str:
    return {0: "absent", 1: "once"}.get(count, f"{count} times")


def _joined(names: list[str] | None) -> str:
    return " and ".join(names or ["nothing"])
