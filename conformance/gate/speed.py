"""Whether the candidate is slower: what is timed, by which plan, and the rows of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from conformance.checks import Step
from conformance.gate.request import Request
from conformance.gate.sides import ReadySides
from conformance.gate.timing import Times, Work, time_rounds, works
from conformance.judge.timing import ARMS, SpeedRun, judge_speed, orders
from conformance.subjects import Subject
from conformance.verdict import SpeedVerdict, Throughput


def compare_speed(
    request: Request, sides: ReadySides, code: Path, directory: Path, on_round: Callable[[int, int], None]
) -> tuple[list[Throughput], list[str]]:
    """Time both sides by the request's plan: a row for each benchmark, and lines of warning.

    Nothing else of ours may run meanwhile. Raises DataMissing where a data set is nowhere on this machine.
    """
    only = Step(request.only.partition("/")[0]) if request.only else None
    asked = {name: works(request.workloads, name, only) for name in sides.frameworks}
    asked = {name: found for name, found in asked.items() if found}
    subjects: dict[str, Mapping[str, Subject]] = {
        side.name: {name: side.subjects[name, request.device] for name in asked}
        for side in (sides.baseline, sides.candidate)
    }
    drawn = {name: orders(request.speed, request.seed + place) for place, name in enumerate(asked)}
    times = time_rounds(subjects, asked, drawn, code, directory, request.seed, on_round)
    every = [work for found in asked.values() for work in found]
    return judge_times(every, times, request.speed_limit, request.device)


def judge_times(
    asked: Sequence[Work], times: Times, limit: float, device: str = "cpu"
) -> tuple[list[Throughput], list[str]]:
    """The rows of what was timed, in the order asked, and a line for all that keeps the run from being read."""
    baseline, again, candidate = (times.seconds[arm] for arm in ARMS)
    run = judge_speed(baseline, again, candidate, limit)
    return list(_rows(asked, run, times, device)), list(_warnings(run, times))


def _rows(asked: Sequence[Work], run: SpeedRun, times: Times, device: str) -> Iterator[Throughput]:
    results = {result.name: result for result in run.results}
    for work in asked:
        row = Throughput(work.name, work.benchmark.group, work.framework, device, verdict=SpeedVerdict.UNRESOLVED)
        if work.name in times.failed:
            yield replace(row, reason=times.failed[work.name])
            continue
        result = results[work.name]
        yield replace(
            row,
            ratio=result.ratio,
            low=result.low,
            high=result.high,
            verdict=result.verdict,
            resolvable=1 + result.detectable,
            reason=result.reason,
        )


def _warnings(run: SpeedRun, times: Times) -> Iterator[str]:
    for name, reason in times.failed.items():
        yield f"speed of {name} unresolved: {reason}"
    for result in run.results:
        if result.name in run.disturbed:
            yield (
                f"speed unresolved: the baseline's second processes took {result.again_ratio:.3f} of the time of its "
                f"first in {result.name}; time again on a quieter machine"
            )
