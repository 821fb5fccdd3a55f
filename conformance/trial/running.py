"""Carries out a trial: the clean observations once, then for each fault the suite with a worker that has it."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from conformance.checks import Step
from conformance.collector import Collector
from conformance.divergence import first_divergence
from conformance.gate.execution_plan import plan_changes
from conformance.laboratory import Laboratory
from conformance.observations import Key, Observation
from conformance.options import Options
from conformance.subjects import Subject
from conformance.trial.faults import PLAN, TIMING, Fault, planted, stage
from conformance.trial.outcome import Control, Row, StepResult, Trial
from conformance.trial.suite import Part, PartResult, carry_out, parts, suite_options
from conformance.trial.timing import slower
from conformance.worker import end_all_workers, stage_code

Told = Callable[[str], None]


class FaultyCollector(Collector):
    """Observations of the faulty framework by a worker of its own; all others are the clean ones."""

    def __init__(self, directory: Path, bench: Bench, subject: Subject) -> None:
        workload = bench.options.workloads[0]
        super().__init__(directory, bench.code, {(subject.framework, "cpu"): subject}, {workload.name: workload})
        self._framework = subject.framework
        self._bench = bench

    def observe(self, key: Key, tensors: Mapping[str, NDArray[Any]] | None = None) -> Observation:
        """The observation of the key."""
        return super().observe(key, tensors) if key.framework == self._framework else self._bench.clean(key)


@dataclass
class Bench:
    """What all faults of a trial share: the code, the planted faults, the clean observations, what these gave."""

    options: Options
    directory: Path
    code: Path
    staged: Path
    collector: Collector
    lock: threading.Lock
    expected: dict[str, PartResult]

    def clean(self, key: Key) -> Observation:
        """A clean observation, made at its first use; the collector serves one thread at a time."""
        with self.lock:
            return self.collector.observe(key)


def run_trial(faults: Sequence[Fault], directory: Path, jobs: int, tell: Told) -> Trial:
    """Try all faults, which `directory` declares, `jobs` at a time; `tell` is given a line for each stage and fault."""
    started, clock = datetime.now(UTC), time.monotonic()
    options = suite_options()
    with tempfile.TemporaryDirectory(prefix="conformance-trial-") as name:
        bench = _bench(options, directory, Path(name))
        try:
            controls = tuple(_controls(bench, faults, tell))
            rows = _rows(bench, faults, jobs, tell)
            versions = _versions(bench, {fault.framework for fault in faults})
        except BaseException:
            end_all_workers()
            raise
        finally:
            bench.collector.close()
    seconds = round(time.monotonic() - clock, 1)
    return Trial(rows, controls, versions, started.isoformat(timespec="seconds"), seconds, jobs)


def _bench(options: Options, directory: Path, temporary: Path) -> Bench:
    observations = temporary / "clean"
    observations.mkdir()
    code = stage_code(temporary / "code")
    workload = options.workloads[0]
    return Bench(
        options=options,
        directory=temporary,
        code=code,
        staged=stage(directory, temporary / "planted"),
        collector=Collector(observations, code, options.subjects, {workload.name: workload}),
        lock=threading.Lock(),
        expected={},
    )


def _controls(bench: Bench, faults: Sequence[Fault], tell: Told) -> Iterable[Control]:
    """The suite on each framework as it is, with every long part that a fault needs."""
    laboratory = Laboratory(bench.collector)
    for framework in sorted({fault.framework for fault in faults}):
        tell(f"clean {framework}")
        clock = time.monotonic()
        needs = sorted({need for fault in faults if fault.framework == framework for need in fault.needs})
        results, failures, absent = [], [], []
        for step in Step:
            done = []
            for part in parts(bench.options, step, framework, needs):
                result = carry_out(part, laboratory, bench.options)
                bench.expected[part.id] = result
                done.append(result)
                failures += [f"{check.id}: {check.reason}" for check in result.checks if check.failed]
                absent += [result.absent] * bool(result.absent)
            results.append(_step(step, done))
        if PLAN in needs:
            bench.clean(_plan_key(bench, framework))
        yield Control(framework, tuple(results), tuple(failures), tuple(absent), _since(clock))


def _step(step: Step, done: Sequence[PartResult], caught: bool = False, short: Iterable[str] = ()) -> StepResult:
    checks = sum(len(result.checks) for result in done)
    return StepResult(step, len(done), checks, sum(result.elements for result in done), caught, tuple(short))


def _rows(bench: Bench, faults: Sequence[Fault], jobs: int, tell: Told) -> tuple[Row, ...]:
    done = 0
    telling = threading.Lock()

    def one(fault: Fault) -> Row:
        nonlocal done
        row = _row(bench, fault)
        with telling:
            done += 1
            tell(f"{done:3} of {len(faults)}  {fault.name:40} {row.verdict:14} {row.seconds:5.1f} s  {row.by}")
        return row

    pool = ThreadPoolExecutor(jobs)
    try:
        return tuple(pool.map(one, faults))
    finally:
        pool.shutdown(cancel_futures=True)


def _row(bench: Bench, fault: Fault) -> Row:
    """Try one fault, in a directory that is gone afterwards: the steps in their order, to the first that catches it."""
    clock = time.monotonic()
    directory = bench.directory / fault.name
    directory.mkdir()
    mark = directory / "active"
    subject = planted(bench.options.subjects[fault.framework, "cpu"], fault, bench.staged, mark)
    collector = FaultyCollector(directory, bench, subject)
    try:
        row = _tried(bench, fault, Laboratory(collector))
        if row.caught_at is None and PLAN in fault.needs:
            row = _by_plan(bench, row, collector)
        if row.caught_at is None and TIMING in fault.needs:
            row = _by_timing(bench, row, subject)
        return replace(row, active=mark.exists(), seconds=_since(clock))
    finally:
        collector.close()
        shutil.rmtree(directory)


def _tried(bench: Bench, fault: Fault, laboratory: Laboratory) -> Row:
    """What the suite makes of the fault. A step ends at the first part that fails, and so does the trial."""
    steps: list[StepResult] = []
    absent: list[str] = []
    for step in Step:
        done: list[PartResult] = []
        short: list[str] = []
        for part in parts(bench.options, step, fault.framework, fault.needs):
            result = carry_out(part, laboratory, bench.options)
            done.append(result)
            absent += [result.absent] * bool(result.absent)
            if result.failed:
                steps.append(_step(_step_of(part, result), done, caught=True, short=short))
                return Row(fault, tuple(steps), False, *_first(result), tuple(absent))
            short += _shortfall(part, result, bench.expected)
        steps.append(_step(step, done, short=short))
    return Row(fault, tuple(steps), False, absent=tuple(absent))


def _step_of(part: Part, result: PartResult) -> Step:
    """The step that the report would name first."""
    found = first_divergence(result.checks)
    return found.step if found else part.step


def _first(result: PartResult) -> tuple[str, str]:
    found = first_divergence(result.checks)
    return (found.id, (found.reason.splitlines() or [""])[0]) if found else ("not run", result.absent)


def _shortfall(part: Part, result: PartResult, expected: Mapping[str, PartResult]) -> list[str]:
    """A line where a part that passed compared less than it does on the clean framework."""
    clean = expected[part.id]
    if len(result.checks) >= len(clean.checks) and result.elements >= clean.elements:
        return []
    return [
        f"{part.id}: {len(result.checks)} checks of {result.elements} elements, "
        f"{len(clean.checks)} of {clean.elements} on the clean framework"
    ]


def _plan_key(bench: Bench, framework: str) -> Key:
    return Key(bench.options.workloads[0].name, framework, "plan")


def _by_plan(bench: Bench, row: Row, collector: Collector) -> Row:
    """What the suite let pass, by the gate's comparison of what ran."""
    key = _plan_key(bench, row.fault.framework)
    plans = [observed.facts["plan"] for observed in (bench.clean(key), collector.observe(key))]
    changes = list(plan_changes(key.framework, key.workload, *plans))
    if not changes:
        return row
    first = changes[0]
    reason = f"{first.operation}: {first.what}, {first.candidate}, in the clean framework {first.baseline}"
    return _caught_beside(row, Step.TRAIN, "the gate's execution plan", reason)


def _by_timing(bench: Bench, row: Row, subject: Subject) -> Row:
    """What the suite let pass, by the gate's timing."""
    clean = bench.options.subjects[subject.framework, "cpu"]
    reason = slower(clean, subject, bench.options.workloads[0], bench.code, bench.directory)
    return _caught_beside(row, Step.TRAIN, "the gate's timing", reason) if reason else row


def _caught_beside(row: Row, step: Step, by: str, reason: str) -> Row:
    steps = tuple(replace(result, caught=True) if result.step is step else result for result in row.steps)
    return replace(row, steps=steps, by=by, reason=reason)


def _versions(bench: Bench, frameworks: Iterable[str]) -> dict[str, str]:
    workload = bench.options.workloads[0].name
    found: dict[str, str] = {}
    for framework in sorted(frameworks):
        found |= bench.clean(Key(workload, framework, "imports")).facts["versions"]
    return found


def _since(clock: float) -> float:
    return round(time.monotonic() - clock, 1)
