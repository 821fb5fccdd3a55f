"""Carries out a trial: the clean observations once, then for each fault the suite with a worker that has it."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from conformance.checks import Step
from conformance.collector import Collector
from conformance.divergence import first_divergence
from conformance.gate.execution_plan import plan_changes
from conformance.laboratory import Laboratory
from conformance.observations import Key
from conformance.subjects import FRAMEWORKS, Subject
from conformance.trial.bench import Bench, FaultyCollector, prepared
from conformance.trial.faults import PLAN, REPEAT, TIMING, Fault, planted, was_imported
from conformance.trial.outcome import Control, Row, StepResult, Trial
from conformance.trial.suite import Part, PartResult, broken_promises, carry_out, parts
from conformance.trial.timing import slower
from conformance.worker import end_all_workers

Told = Callable[[str], None]
Done = TypeVar("Done")


def run_trial(faults: Sequence[Fault], directory: Path, jobs: int, tell: Told) -> Trial:
    """Try all faults, which `directory` declares, `jobs` at a time; `tell` is given a line for each that is done.

    An interrupt ends it with what has been found so far.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    told = _told(tell, len(faults))
    done: dict[str, Row] = {}
    controls: list[Control] = []
    versions: dict[str, str] = {}

    def on_done(row: Row) -> None:
        done[row.fault.name] = row
        told(row)

    with suppress(KeyboardInterrupt), prepared(directory) as bench:
        try:
            side_by_side(bench, faults, lambda fault: try_fault(bench, fault), jobs, on_done)
        finally:
            controls += _controls(bench)
            for framework in sorted({row.fault.framework for row in done.values()}):
                versions |= bench.versions[framework]
    return Trial(
        rows=tuple(done[fault.name] for fault in faults if fault.name in done),
        controls=tuple(controls),
        versions=versions,
        started=started.isoformat(timespec="seconds"),
        seconds=_since(clock),
        jobs=jobs,
        untried=len(faults) - len(done),
    )


def side_by_side(
    bench: Bench, faults: Sequence[Fault], do: Callable[[Fault], Done], jobs: int, on_done: Callable[[Done], None]
) -> list[Done]:
    """Do something with every fault, `jobs` at a time; the results in the order of the faults."""
    telling = threading.Lock()

    def one(fault: Fault) -> Done:
        result = do(fault)
        with telling:
            if not bench.stop.is_set():  # or what an interrupt made of it would be told as its verdict
                on_done(result)
        return result

    pool = ThreadPoolExecutor(jobs)
    try:
        results = {fault.name: pool.submit(one, fault) for fault in taking_turns(faults)}
        for finished in as_completed(results.values()):
            finished.result()
        return [results[fault.name].result() for fault in faults]
    except BaseException:
        bench.stop.set()
        end_all_workers()  # or a thread would wait for its answer
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def taking_turns(faults: Sequence[Fault]) -> list[Fault]:
    """The faults step by step, the frameworks taking turns: what both show without a fault is seen side by side."""
    counted: Counter[tuple[Step, str]] = Counter()
    turns: dict[str, tuple[int, int]] = {}
    for fault in faults:
        counted[fault.step, fault.framework] += 1
        turns[fault.name] = (list(Step).index(fault.step), counted[fault.step, fault.framework])
    return sorted(faults, key=lambda fault: turns[fault.name])


def _told(tell: Told, count: int) -> Callable[[Row], None]:
    numbers = itertools.count(1)

    def told(row: Row) -> None:
        tell(f"{next(numbers):3} of {count}  {row.fault.name:40} {row.verdict:14} {row.seconds:5.1f} s  {row.by}")

    return told


def _controls(bench: Bench) -> Iterator[Control]:
    """What the clean frameworks gave in every part that a fault went through."""
    for framework, judged in bench.judged():
        by_step = {step: [clean.result for clean in judged if clean.part.step is step] for step in Step}
        results = [clean.result for clean in judged]
        failures = [f"{check.id}: {check.reason}" for result in results for check in result.checks if check.failed]
        absent = dict.fromkeys(result.absent for result in results if result.absent)
        steps = [_step(step, done) for step, done in by_step.items() if done]
        yield Control(framework, tuple(steps), tuple(failures), tuple(absent))


def _step(step: Step, done: Sequence[PartResult], caught: bool = False, short: Iterable[str] = ()) -> StepResult:
    checks = sum(len(result.checks) for result in done)
    return StepResult(step, len(done), checks, sum(result.elements for result in done), caught, tuple(short))


def try_fault(bench: Bench, fault: Fault) -> Row:
    """Try one fault, in a directory that is gone afterwards: the steps in their order, to the first that catches it."""
    clock = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix=fault.name, dir=bench.directory))
    mark = directory / "active"
    subject = planted(bench.options.subjects[fault.framework, "cpu"], fault, bench.staged, mark)
    collector = FaultyCollector(directory, bench, subject)
    try:
        row = _tried(bench, fault, collector)
        if row.caught_at is None and PLAN in fault.needs:
            row = _by_plan(bench, row, collector)
        if row.caught_at is None and TIMING in fault.needs:
            row = _by_timing(bench, row, subject)
        imported = was_imported(bench.staged, mark)
        return replace(row, active=mark.exists(), imported=imported, seconds=_since(clock))
    finally:
        collector.close()
        shutil.rmtree(directory)


def _tried(bench: Bench, fault: Fault, collector: FaultyCollector) -> Row:
    """What the suite makes of the fault. A step ends at the first part that fails, and so does the trial.

    A part is a function of its observations: where these are the clean ones to the last byte, so is its result.
    """
    steps: list[StepResult] = []
    absent: list[str] = []
    versions = _versions(bench)
    needs = fault.needs if fault.step == Step.EVALUATE else (*fault.needs, REPEAT)
    for step in Step:
        done: list[PartResult] = []
        short: list[str] = []
        for part in parts(bench.options, step, fault.framework, needs):
            clean = bench.control(fault.framework, part)
            same = collector.sees_the_same(clean.keys)
            result = clean.result if same else carry_out(part, Laboratory(collector), bench.options)
            done.append(result)
            absent += [result.absent] * bool(result.absent)
            if result.failed:
                steps.append(_step(_step_of(part, result), done, caught=True, short=short))
                return Row(fault, tuple(steps), False, *_first(result), tuple(absent))
            short += _shortfall(part, result, clean.result)
        broken = broken_promises(bench.options, [check for result in done for check in result.checks], versions)
        steps.append(_step(step, done, caught=bool(broken), short=short))
        if broken:
            return Row(fault, tuple(steps), False, broken[0].id, broken[0].reason, tuple(absent))
    return Row(fault, tuple(steps), False, absent=tuple(absent))


def _step_of(part: Part, result: PartResult) -> Step:
    """The step that the report would name first."""
    found = first_divergence(result.checks)
    return found.step if found else part.step


def _first(result: PartResult) -> tuple[str, str]:
    found = first_divergence(result.checks)
    return (found.id, (found.reason.splitlines() or [""])[0]) if found else ("not run", result.absent)


def _shortfall(part: Part, result: PartResult, clean: PartResult) -> list[str]:
    """A line where a part that passed compared less than it does on the clean framework."""
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
    plans = [observed.facts["plan"] for observed in (bench.collector.observe(key), collector.observe(key))]
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


def _versions(bench: Bench) -> dict[str, str]:
    """Versions by distribution of both frameworks, which the bench keeps by framework."""
    workload = bench.options.workloads[0].name
    for framework in FRAMEWORKS:
        bench.versions[framework] = bench.collector.observe(Key(workload, framework, "imports")).facts["versions"]
    return {name: version for framework in FRAMEWORKS for name, version in bench.versions[framework].items()}


def _since(clock: float) -> float:
    return round(time.monotonic() - clock, 1)
