"""Times benchmarks in fresh processes: rounds of the baseline twice and the candidate once, in random order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from conformance.benchmarks import Benchmark, Timing, paired
from conformance.checks import Step
from conformance.gate.request import BASELINE, CANDIDATE
from conformance.judge.timing import ARMS
from conformance.observations import Key
from conformance.requests import request_for
from conformance.subjects import Subject
from conformance.worker import ObservationFailed, Worker, WorkerFailed
from reference.workloads import Workload

SIDE_OF = dict(zip(ARMS, (BASELINE, BASELINE, CANDIDATE), strict=True))
ROUNDS = 3
"""Rounds of each benchmark within a process, of which the middle one counts."""


@dataclass(frozen=True)
class Work:
    """One benchmark of one framework on one workload."""

    workload: Workload
    framework: str
    benchmark: Benchmark
    examples: int | None

    @property
    def name(self) -> str:
        """Its name among all that a gate times, such as `pytorch mnist_mlp epoch-tensors`."""
        return f"{self.framework} {self.workload.name} {self.benchmark.label}"

    @property
    def samples(self) -> int:
        """How many samples go through it."""
        whole = self.benchmark.samples(self.workload)
        return whole if self.examples is None else min(self.examples, whole)

    def ask(self, worker: Worker, seed: int) -> float:
        """Its seconds in the worker. Raises ObservationFailed, WorkerFailed, and NotDone."""
        device = worker.subject.device
        key = Key(self.workload.name, self.framework, "throughput", self.benchmark.label, seed, device)
        request = request_for(key, self.workload)
        arguments = {**request.arguments, "rounds": ROUNDS, "examples": self.examples}
        timing = Timing.of(worker.request(request.operation, arguments, request.tensors).facts)
        if timing.samples != self.samples:
            raise NotDone(f"only {timing.samples} of {self.samples} samples went through it")
        return median(timing.seconds)


class NotDone(Exception):
    """The work that was timed was not the whole work."""


@dataclass
class Times:
    """Seconds of every work by arm, one for each round, and why the others could not be timed."""

    seconds: dict[str, dict[str, list[float]]] = field(default_factory=lambda: {arm: {} for arm in ARMS})
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, arm: str, seconds: Mapping[str, float], failed: Mapping[str, str]) -> None:
        """Take in what one process has measured. A work that failed once has no times at all."""
        for name, reason in failed.items():
            self.failed.setdefault(name, f"{SIDE_OF[arm]}: {reason}")
            for of_arm in self.seconds.values():
                of_arm.pop(name, None)
        for name, value in seconds.items():
            if name not in self.failed:
                self.seconds[arm].setdefault(name, []).append(value)


def works(workloads: Sequence[Workload], framework: str, only: Step | None = None) -> list[Work]:
    """What is timed of a framework; of one step with `only`."""
    return [
        Work(workload, framework, benchmark, examples)
        for workload in workloads
        for benchmark, examples in paired(framework)
        if framework in (*workload.modules, "numpy") and only in (None, benchmark.step)
    ]


def time_process(
    subject: Subject, code: Path, log: Path, asked: Sequence[Work], seed: int
) -> tuple[dict[str, float], dict[str, str]]:
    """The seconds of each work in one fresh process, and the reason for each that failed."""
    seconds: dict[str, float] = {}
    failed: dict[str, str] = {}
    try:
        with Worker(subject, code, log) as worker:
            for work in asked:
                try:
                    seconds[work.name] = work.ask(worker, seed)
                except (ObservationFailed, NotDone) as failure:
                    failed[work.name] = first_line(failure)
    except (ObservationFailed, WorkerFailed) as failure:
        failed = {work.name: first_line(failure) for work in asked}
    return seconds, failed


def time_rounds(
    subjects: Mapping[str, Mapping[str, Subject]],
    asked: Mapping[str, Sequence[Work]],
    orders: Mapping[str, Sequence[Sequence[str]]],
    code: Path,
    directory: Path,
    seed: int,
    on_round: Callable[[int, int], None],
) -> Times:
    """Time every framework's works, one process at a time.

    `subjects` are those of each side by framework; `orders` says for each framework in which order the arms run
    in each round, equally many rounds for all. `on_round(done, all)` is called after each round.
    """
    times = Times()
    rounds = max(map(len, orders.values()), default=0)
    for index in range(rounds):
        for framework, works_of in asked.items():
            for arm in orders[framework][index]:
                side = SIDE_OF[arm]
                remaining = [work for work in works_of if work.name not in times.failed]
                if remaining:
                    log = directory / f"{framework}-{side}.stderr"
                    times.add(arm, *time_process(subjects[side][framework], code, log, remaining, seed))
        on_round(index + 1, rounds)
    return times


def first_line(error: Exception) -> str:
    """The first line of what an error says, for a reason."""
    return (str(error).splitlines() or [type(error).__name__])[0]
